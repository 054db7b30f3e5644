// What the agents of machines (`rollcall proxy`) say that they carry, and what of a service none of them does.
import type { Service } from '../../client-sdk/src/manifests.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { contains, parseIp } from '../model/address/ranges.ts'
import { isHeadless } from '../model/service/facts.ts'
import { ingressAgentOf, ingressAgentService } from '../model/ingress/agent.ts'
import { type TrafficAgent, isCounted, revisionLoad, trafficAgentOf } from '../model/traffic-agent.ts'
import type { Api } from './api.ts'
import { RefusedError } from './errors.ts'
import { agentNamespace, agentService, instancePath, orNothing } from './paths.ts'
import { some } from './some.ts'

/** An agent as its registration has it. */
export interface ListedAgent extends TrafficAgent {
  readonly namespace: string
  readonly instance: Instance & { readonly gone?: string }
  /** Callers may count on it. */
  readonly isLive: boolean
  /** Of the newest revision that is in force there; undefined: the asked node has not heard it. */
  readonly revision?: number
}

/** Agents are asked for their loads so many at a time. */
const atOnce = 8

/** All that are registered, in order. @returns undefined: who asks may not read them, which most who may declare services may not */
export async function agentsOf (api: Api): Promise<readonly ListedAgent[] | undefined> {
  return await ifPermitted(listed(api))
}

/** What the processes that serve ingresses say of one that they do not serve as it says. @returns undefined: who asks may not read them */
export async function ingressProblems (
  api: Api, { namespace, name }: { readonly namespace: string, readonly name: string }
): Promise<readonly string[] | undefined> {
  const instances = await ifPermitted(registeredAs(api, ingressAgentService))
  return instances?.map(ingressAgentOf).flatMap(({ node, problems }) =>
    problems.filter(({ ingress }) => ingress === `${namespace}/${name}`).map(({ reason, message }) => `${reason}: ${message} (on ${node})`))
}

async function ifPermitted<Answer> (read: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'REG_FORBIDDEN') return undefined
    throw error
  }
}

async function listed (api: Api): Promise<readonly ListedAgent[]> {
  return (await registeredAs(api, agentService)).map(agentOf)
}

async function registeredAs (api: Api, service: string): Promise<readonly Instance[]> {
  return (await orNothing(api.list<Instance>('/v1/instances', { namespace: agentNamespace, service })))?.items ?? []
}

/** The same, each with the revision that its heartbeats name to the asked node. */
export async function agentsWithRevisions (api: Api): Promise<readonly ListedAgent[]> {
  const agents = await listed(api)
  const found: ListedAgent[] = []
  for (let first = 0; first < agents.length; first += atOnce) {
    const asked = agents.slice(first, first + atOnce).map(async ({ instance: { id } }) =>
      await orNothing(api.get<Instance>(instancePath(agentNamespace, agentService, id))))
    for (const instance of await Promise.all(asked)) if (instance !== undefined) found.push(agentOf(instance)) // else it has gone
  }
  return found
}

/** @param gone why it is not there any more */
export function agentOf (instance: Instance & { readonly gone?: string }): ListedAgent {
  const revision = instance.load?.[revisionLoad]?.value
  return {
    ...trafficAgentOf(instance), namespace: instance.namespace, instance, isLive: isCounted(instance.effectiveStatus),
    ...(revision === undefined ? {} : { revision })
  }
}

/** One address of a service, and the agents that carry it. */
export interface CarriedAddress {
  /** Of a balancer's address: those that carry what is routed to them. */
  readonly routed?: readonly ListedAgent[]
  readonly kind: 'cluster-ip' | 'node-port' | 'load-balancer' | 'external-ip'
  /** Completes "... of SERVICE". */
  readonly what: string
  readonly by: readonly ListedAgent[]
  /** Of a balancer's address: why nobody announces it, or who else uses it, as an agent says. */
  readonly problem?: string | undefined
}

/** What is said of agents to whom may not read them. */
export const hidden = `unknown, without the right to read ${agentService} in ${agentNamespace}`

/** Why nobody does, where some machines run an agent. */
const hints: Readonly<Record<CarriedAddress['kind'], string>> = {
  'cluster-ip': 'userspace without rights carries node ports only',
  'node-port': 'no agent says an address of its machine',
  'load-balancer': 'nobody announces it: rollcall proxy --announce, or a route to a machine with an agent',
  'external-ip': 'outside of every --allow-external-ips'
}

/** Which agents carry what of a service; nothing, if it has no address of its own. @param agents also those that nobody counts on */
export function carriedOf (service: Service, agents: readonly ListedAgent[]): readonly CarriedAddress[] {
  const { spec, status } = service
  if (spec.type === 'ExternalName' || isHeadless(service)) return []
  const live = agents.filter(({ isLive }) => isLive)
  const ips = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])
  const nodePorts = (spec.ports ?? []).flatMap(({ nodePort }) => (nodePort === undefined ? [] : [nodePort]))
  const announced = (status?.loadBalancer.ingress ?? []).flatMap(({ ip, ipMode }) => (ip === undefined || ipMode === 'Proxy' ? [] : [ip]))
  return [
    ...(ips.length === 0 ? [] : [{ kind: 'cluster-ip' as const, what: `cluster IP ${ips.join(', ')}`, by: live.filter(({ carriesClusterIps }) => carriesClusterIps) }]),
    ...(nodePorts.length === 0 ? [] : [{ kind: 'node-port' as const, what: `node port ${nodePorts.join(', ')}`, by: live.filter(({ addresses }) => addresses.length > 0) }]),
    ...announced.map((ip) => ({
      kind: 'load-balancer' as const, what: `load-balancer address ${ip}`,
      by: live.filter(({ announces }) => announces?.includes(ip) === true),
      routed: live.filter(({ mode }) => mode === 'kernel'),
      problem: live.flatMap(({ problems }) => problems).find((problem) => problem.split(/[ :]/).includes(ip))
    })),
    ...(spec.externalIPs ?? []).map((ip) => ({ kind: 'external-ip' as const, what: `external IP ${ip}`, by: live.filter(({ externalIps }) => isWithin(ip, externalIps)) }))
  ]
}

function isWithin (text: string, ranges: TrafficAgent['externalIps']): boolean {
  const ip = parseIp(text)
  return !('problem' in ip) && ranges.some((range) => contains(range, ip))
}

/** One line about the addresses of services that no live agent carries; undefined: all are carried. */
export function uncarriedWarning (services: readonly Service[], agents: readonly ListedAgent[]): string | undefined {
  const owning = services.map((service) => ({ name: service.metadata.name, carried: carriedOf(service, agents) })).filter(({ carried }) => carried.length > 0)
  if (owning.length === 0) return undefined
  if (!agents.some(({ isLive }) => isLive)) {
    return `Warning: nothing listens at the addresses and node ports of ${some(owning.map(({ name }) => name))}: no machine runs rollcall proxy. By name callers get the endpoints`
  }
  // A balancer's address is announced some moments after it was given: whoever announces at all will.
  const announcers = agents.some(({ isLive, announces }) => isLive && announces !== undefined)
  const missing = owning.flatMap(({ name, carried }) => carried.filter(({ by, kind }) => by.length === 0 && !(announcers && kind === 'load-balancer'))
    .map(({ what, kind }) => `${what} of ${name} (${hints[kind]})`))
  return missing.length === 0 ? undefined : `Warning: no live agent carries ${some(missing)}`
}

/** `10.96.0.10: by a, b` for a person. @param agents undefined: they may not be read */
export function carriedLines (service: Service, agents: readonly ListedAgent[] | undefined): readonly string[] {
  if (agents === undefined) return carriedOf(service, []).map(({ what }) => `${what}: ${hidden}`)
  const carried = carriedOf(service, agents)
  if (carried.length > 0 && !agents.some(({ isLive }) => isLive)) return ['by nobody: no machine runs an agent (rollcall proxy)']
  return carried.map(({ what, by, kind, routed = [], problem }) => {
    if (by.length > 0) return `${what}: ${kind === 'load-balancer' ? 'announced by' : 'by'} ${namesOf(by)}${problem === undefined ? '' : ` (${problem})`}`
    return `${what}: by ${routed.length > 0 ? `${namesOf(routed)}, if it is routed there` : 'nobody'} (${problem ?? hints[kind]})`
  })
}

const namesOf = (agents: readonly ListedAgent[]): string => some(agents.map(({ node }) => node))

/** Who announces a balancer's addresses, as one word. */
export function announcersOf (service: Service, agents: readonly ListedAgent[]): string {
  const ips = (service.status?.loadBalancer.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]))
  return agents.filter(({ announces }) => ips.some((ip) => announces?.includes(ip) === true)).map(({ node }) => node).join(',')
}
