// What this machine carries of one service: a pure function of the service, its endpoints and the machine. Promises of
// the types of services: Kubernetes' "Virtual IPs and Service Proxies".
import type { ServiceEndpoints } from '../../client-sdk/src/wire.ts'
import { contains, type Ip, parseCidr, parseIp } from '../model/address/ranges.ts'
import { drainLimitOf } from '../model/service/traffic-annotations.ts'
import { none, type Service, type ServicePort } from '../model/service/types.ts'
import { type Candidate, candidatesOf, isExternallyLocal, isPortNumber, usable, usableHere } from './choice.ts'
import type { Carried, Choice, Condition, FrontEnd, FrontEndKind, Transport } from './front-end.ts'
import { carryProblem, type Machine } from './machine.ts'

/** Endpoints of one service beyond which it is not carried: each is an element of the kernel's maps. */
export const maxEndpoints = 4_096
/** How many refused endpoints a condition names. */
const maxNamed = 3
/** Kubernetes' longest. */
const maxAffinitySeconds = 86_400
/** Kubernetes' default of `sessionAffinityConfig.clientIP.timeoutSeconds`. */
const defaultAffinitySeconds = 10_800

const nothing: Carried = { frontEnds: [], conditions: [] }

/** What the front ends of one port have in common. */
interface PortChoices {
  readonly port: ReadPort
  readonly any: Choice
  readonly here: Choice
}

export function carriedOf ({ endpoints, manifest }: Pick<ServiceEndpoints, 'endpoints' | 'manifest'>, machine: Machine): Carried {
  if (manifest === undefined || manifest.spec.type === 'ExternalName' || clusterIps(manifest).length === 0) return nothing
  const service = `${manifest.metadata.namespace}/${manifest.metadata.name}`
  if (endpoints.length > maxEndpoints) {
    const message = `the service has ${endpoints.length} endpoints, more than the ${maxEndpoints} that a machine carries`
    return { frontEnds: [], conditions: [{ service, reason: 'TooLarge', message }] }
  }
  const frontEnds: FrontEnd[] = []
  const conditions: Condition[] = []
  const { addresses, conditions: refusedAddresses } = addressesOf(manifest, service, machine)
  conditions.push(...refusedAddresses)
  const refusedEndpoints = new Map<string, string>()
  const local = new Set<string>()
  for (const given of manifest.spec.ports ?? []) {
    const port = readPort(given)
    if (typeof port === 'string') {
      conditions.push({ service, reason: 'Unreadable', message: port })
      continue
    }
    const { candidates, refused } = candidatesOf(endpoints, port, machine)
    for (const { address, problem } of refused) refusedEndpoints.set(address, problem)
    for (const { address } of usableHere(candidates)) local.add(address)
    for (const family of [4, 6] as const) {
      const choices = choicesOf(candidates.filter((candidate) => candidate.family === family), port, manifest, machine)
      for (const { kind, ip, isNodePort } of addresses) {
        const number = isNodePort ? port.nodePort : port.port
        if (ip.family === family && number !== undefined) frontEnds.push(frontEnd(manifest, service, kind, ip, number, choices))
      }
    }
  }
  if (refusedEndpoints.size > 0) conditions.push({ service, reason: 'EndpointRefused', message: refusedText(refusedEndpoints) })
  const { healthCheckNodePort } = manifest.spec
  if (!isPortNumber(healthCheckNodePort) || healthCheckNodePort === undefined || !isExternallyLocal(manifest.spec)) return { frontEnds, conditions }
  const { namespace, name } = manifest.metadata
  return { frontEnds, conditions, healthCheck: { namespace, name, port: healthCheckNodePort, localEndpoints: local.size } }
}

function clusterIps ({ spec }: Service): readonly string[] {
  return (spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])).filter((address) => address !== none && address !== '')
}

const transports: ReadonlyMap<unknown, Transport> = new Map([['TCP', 'tcp'], ['UDP', 'udp'], ['SCTP', 'sctp']])

/**
 * The port as it is to be: a registry checks manifests, but what it says comes over a network, or out of a file, and ends as the
 * text of a ruleset. A sentence if it is none.
 */
function readPort ({ name, port, protocol, nodePort }: ServicePort): ReadPort | string {
  const transport = transports.get(protocol)
  if (transport === undefined) return `a port has the protocol ${JSON.stringify(protocol)}, which is none of TCP, UDP and SCTP`
  const wrong = [port, ...nodePort === undefined ? [] : [nodePort]].find((number) => !isPortNumber(number))
  if (wrong !== undefined) return `a port is ${JSON.stringify(wrong)}, and not 1-65535`
  return { name: name ?? '', port, protocol, transport, ...(nodePort === undefined ? {} : { nodePort }) }
}

/** A port of a service, checked. */
interface ReadPort extends Pick<ServicePort, 'port' | 'protocol' | 'nodePort'> {
  readonly name: string
  readonly transport: Transport
}

function wholeOr (fallback: number, value: unknown): number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxAffinitySeconds ? Number(value) : fallback
}

function choicesOf (candidates: readonly Candidate[], port: ReadPort, { spec }: Service, machine: Machine): PortChoices {
  const any: Choice = { targets: usable(candidates, machine, spec.trafficDistribution), whenNone: 'refuse', keepSource: false }
  const here: Choice = { targets: usableHere(candidates), whenNone: 'refuse', keepSource: true }
  return { port, any, here }
}

function frontEnd (
  { metadata, spec }: Service, service: string, kind: FrontEndKind, { family, text }: Ip, port: number, choices: PortChoices
): FrontEnd {
  const { any, here } = choices
  const { outside, inside } = kind === 'cluster-ip'
    ? clusterIpChoices(spec.internalTrafficPolicy === 'Local', any, here)
    : externalChoices(isExternallyLocal(spec), kind, any, here)
  const affinitySeconds = spec.sessionAffinity === 'ClientIP' ? wholeOr(defaultAffinitySeconds, spec.sessionAffinityConfig?.clientIP?.timeoutSeconds) : undefined
  const drainLimitMs = drainLimitOf(metadata.annotations)
  const sources = kind === 'load-balancer' ? sourcesOf(spec.loadBalancerSourceRanges ?? [], family) : undefined
  return {
    family, address: text, port, transport: choices.port.transport, kind, service, outside, inside,
    ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
    ...(drainLimitMs === undefined ? {} : { drainLimitMs }),
    ...(sources === undefined ? {} : { sources })
  }
}

/** `internalTrafficPolicy` is of the cluster IP alone, and the same for whoever reaches it. */
function clusterIpChoices (isLocal: boolean, any: Choice, here: Choice): { readonly outside: Choice, readonly inside: Choice } {
  const choice = isLocal ? { ...here, keepSource: false } : any
  return { outside: choice, inside: choice }
}

/**
 * `externalTrafficPolicy: Local`: other machines get the endpoints of this one, and are dropped if there are none, since
 * a balancer is expected to have moved on. Programs of this machine reach any endpoint at a load balancer's or external
 * address, and those of this machine at its node port.
 */
function externalChoices (isLocal: boolean, kind: FrontEndKind, any: Choice, here: Choice): { readonly outside: Choice, readonly inside: Choice } {
  if (!isLocal) return { outside: any, inside: any }
  const outside: Choice = { ...here, whenNone: 'drop' }
  return { outside, inside: kind === 'node-port' ? here : any }
}

/** The ranges of one family; undefined if none are given at all. None of this family, but of the other: nobody of this one may connect. */
function sourcesOf (texts: readonly string[], family: 4 | 6): readonly string[] | undefined {
  if (texts.length === 0) return undefined
  return texts.flatMap((text) => {
    const range = parseCidr(text.trim())
    return 'problem' in range || range.family !== family ? [] : [range.text]
  })
}

interface OwnAddress {
  readonly kind: FrontEndKind
  readonly ip: Ip
  /** Its ports are the service's node ports. */
  readonly isNodePort: boolean
}

function addressesOf (
  manifest: Service, service: string, machine: Machine
): { readonly addresses: readonly OwnAddress[], readonly conditions: readonly Condition[] } {
  const addresses: OwnAddress[] = []
  const conditions: Condition[] = []
  // Two roles of one address are one place: the first counts.
  const add = (kind: FrontEndKind, text: string, problemOf: (ip: Ip) => string | undefined = () => undefined): void => {
    const ip = parseIp(text)
    const problem = 'problem' in ip ? `it ${ip.problem}` : carryProblem(ip) ?? problemOf(ip)
    if (problem !== undefined || 'problem' in ip) {
      conditions.push({ service, reason: 'AddressRefused', message: `${text} is not carried: it is ${problem}` })
    } else if (!addresses.some((other) => other.ip.text === ip.text && !other.isNodePort)) addresses.push({ kind, ip, isNodePort: kind === 'node-port' })
  }
  const isOwn = ({ text }: Ip): string | undefined => (machine.addresses.has(text) ? 'an address of this machine' : undefined)
  for (const address of clusterIps(manifest)) add('cluster-ip', address, isOwn)
  for (const { ip, ipMode } of manifest.status?.loadBalancer.ingress ?? []) {
    if (ip !== undefined && ipMode !== 'Proxy') add('load-balancer', ip, isOwn)
  }
  for (const address of manifest.spec.externalIPs ?? []) {
    const isAllowed = (ip: Ip): boolean => machine.externalRanges.some((range) => contains(range, ip))
    add('external-ip', address, (ip) => isOwn(ip) ?? (isAllowed(ip) ? undefined : 'outside of --allow-external-ips'))
  }
  const families = manifest.spec.ipFamilies ?? ['IPv4']
  for (const address of machine.nodeAddresses) {
    const ip = parseIp(address)
    if (!('problem' in ip) && families.includes(`IPv${ip.family}`)) addresses.push({ kind: 'node-port', ip, isNodePort: true })
  }
  return { addresses, conditions }
}

function refusedText (refused: ReadonlyMap<string, string>): string {
  const named = Array.from(refused).slice(0, maxNamed).map(([address, problem]) => `${address} is ${problem}`)
  const more = refused.size - named.length
  return `endpoints that traffic is never sent to: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
