// Which endpoints of a service a machine may send connections to: one rule for the kernel and for userspace.
import { callable } from '../../client-sdk/src/rules.ts'
import type { Endpoint } from '../../client-sdk/src/wire.ts'
import type { ServicePort, ServiceSpec, TrafficDistribution } from '../model/service/types.ts'
import { contains, type Family, parseIp } from '../model/address/ranges.ts'
import type { Target } from './front-end.ts'
import { carryProblem, isLoopback, type Machine } from './machine.ts'

/** An endpoint with the number of one port of the service, its address read. */
export interface Candidate extends Target {
  readonly endpoint: Endpoint
  readonly family: Family
  /** It runs on this machine. */
  readonly isLocal: boolean
}

export interface Refused {
  readonly address: string
  /** Completes "the endpoint is ...". */
  readonly problem: string
}

/** @param number whether it may be a port */
export function isPortNumber (number: unknown): boolean {
  return Number.isInteger(number) && Number(number) >= 1 && Number(number) <= 65_535
}

/** The endpoints of one port, without those that traffic must never be sent to. */
export function candidatesOf (
  endpoints: readonly Endpoint[], port: Pick<ServicePort, 'name' | 'protocol'>, machine: Machine
): { readonly candidates: readonly Candidate[], readonly refused: readonly Refused[] } {
  const candidates: Candidate[] = []
  const refused: Refused[] = []
  for (const endpoint of endpoints) {
    const found = endpoint.ports.find(({ name, protocol }) => (name ?? '') === (port.name ?? '') && (protocol ?? 'TCP') === port.protocol)
    if (found === undefined || !isPortNumber(found.port)) continue
    const ip = parseIp(endpoint.address)
    if ('problem' in ip) continue // a host name: DNS answers it, traffic has no address to go to
    const problem = (machine.takesLoopback === true && isLoopback(ip) ? undefined : carryProblem(ip)) ?? machine.serviceRanges.map((range) => (contains(range, ip) ? `in the service range ${range.text}` : undefined))
      .find((text) => text !== undefined)
    if (problem !== undefined) {
      refused.push({ address: ip.text, problem })
      continue
    }
    const isLocal = endpoint.node === machine.node || machine.addresses.has(ip.text)
    candidates.push({ address: ip.text, port: found.port, weight: endpoint.weight, endpoint, family: ip.family, isLocal })
  }
  return { candidates, refused }
}

/** For clients that may be sent to any machine: ready, else draining, else suspect ones; of these the near ones, if the service asks for it. */
export function usable (candidates: readonly Candidate[], machine: Machine, distribution?: TrafficDistribution): readonly Target[] {
  return targetsOf(near(callableCandidates(candidates), machine, distribution))
}

/** For clients that stay on this machine: decided by its own endpoints alone. */
export function usableHere (candidates: readonly Candidate[]): readonly Target[] {
  return targetsOf(callableCandidates(candidates.filter(({ isLocal }) => isLocal)))
}

/** Whether a service keeps the traffic of other machines on the one that it reaches. */
export function isExternallyLocal ({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return (type === 'NodePort' || type === 'LoadBalancer') && externalTrafficPolicy === 'Local'
}

function callableCandidates (candidates: readonly Candidate[]): readonly Candidate[] {
  const chosen = new Set(callable(candidates.map(({ endpoint }) => endpoint)))
  return candidates.filter(({ endpoint }) => chosen.has(endpoint))
}

/** Kubernetes' zone hints: they count only if every endpoint says where it is, and one fits. */
function near (candidates: readonly Candidate[], { node, zone }: Machine, distribution: TrafficDistribution | undefined): readonly Candidate[] {
  if (distribution === undefined) return candidates
  if (distribution === 'PreferSameNode') {
    const here = candidates.filter(({ isLocal, endpoint }) => isLocal || endpoint.node === node)
    if (here.length > 0) return here
  }
  if (zone === undefined || candidates.some(({ endpoint }) => endpoint.zone === undefined)) return candidates
  const fitting = candidates.filter(({ endpoint }) => endpoint.zone === zone)
  return fitting.length > 0 ? fitting : candidates
}

/** Weight 0 gets no new connection, unless all have it: then all are equal. */
function targetsOf (candidates: readonly Candidate[]): readonly Target[] {
  const weighted = candidates.filter(({ weight }) => weight > 0)
  const chosen = weighted.length > 0 ? weighted : candidates
  const targets = new Map<string, Target>()
  for (const { address, port, weight } of chosen) {
    const key = `${address} ${port}`
    if (!targets.has(key)) targets.set(key, { address, port, weight: weighted.length > 0 ? weight : 1 }) // two names of one place are one place
  }
  return [...targets.values()]
}
