// What a service needs of the pools (cluster addresses, node ports, load-balancer addresses), what it holds, what it gives up,
// and how the answers of the allocators are written into it. Who allocates, and how atomically, is not decided here.
import { ipFamilyOf, isHeadless, needsClusterIp, needsHealthCheckNodePort, needsNodePort } from './facts.ts'
import { canonicalAddress } from './grammar.ts'
import { canonical, compact } from './schema.ts'
import type { IpFamily, LoadBalancerIngress, Service, ServicePort, ServiceSpec, ServiceStatus, TransportProtocol } from './types.ts'

interface NeedBase {
  /** Names the need within its service: results are found by it. */
  readonly key: string
  /** The path that a fault names: `spec.ports[0].nodePort`. */
  readonly field: string
}

/** Without `requested` a cluster IP of that family that the service holds is kept; otherwise one is chosen. */
export interface ClusterIpNeed extends NeedBase {
  readonly kind: 'clusterIP'
  readonly family: IpFamily
  readonly requested?: string
}

/** One number. Ports of a service that share it (dns 53/UDP and 53/TCP) are one need. */
export interface NodePortNeed extends NeedBase {
  readonly kind: 'nodePort'
  readonly requested?: number
  /** The ports of the service that share the number, by their places in `spec.ports`. */
  readonly ports?: readonly number[]
  readonly protocols?: readonly TransportProtocol[]
}

/** From the range of the node ports. */
export interface HealthCheckNeed extends NeedBase {
  readonly kind: 'healthCheckNodePort'
  readonly requested?: number
}

/** Without `requested` the address that the service holds is kept; otherwise the first free one of the pool, or of the automatic pools in order. */
export interface LoadBalancerNeed extends NeedBase {
  readonly kind: 'loadBalancer'
  readonly family: IpFamily
  readonly requested?: string
  /** Chosen from this pool only, automatic or not. */
  readonly pool?: string
}

/** One thing to allocate; without `requested` whichever is free. */
export type Need = ClusterIpNeed | NodePortNeed | HealthCheckNeed | LoadBalancerNeed

/** What a service occupies. Node ports and the health-check port come from one pool of numbers, for all protocols. */
export type Held =
  | { readonly kind: 'clusterIP', readonly address: string }
  | { readonly kind: 'nodePort', readonly port: number, readonly field: string }
  | { readonly kind: 'loadBalancer', readonly address: string }

export interface AllocationPlan {
  /** To be taken; what the old service holds already is not among them. */
  readonly needs: readonly Need[]
  /** Held by the old service and written again, by the key that a need would have. */
  readonly kept: ReadonlyMap<string, string | number>
  /** Held by the old service and not wanted any more: to be freed when the write has succeeded, never before. */
  readonly released: readonly Held[]
  /** Why no load-balancer address is given, for a condition; empty when one is, or none is wanted. */
  readonly pending: string
  /** The load balancer belongs to another controller: its address is neither allocated, freed nor written here. */
  readonly foreign: boolean
}

export interface AllocationOptions {
  /** The `loadBalancerClass` values that are ours; a service of another class is left alone. */
  readonly loadBalancerClasses: readonly string[]
}

/** Chooses the pool that a load-balancer address comes from. */
export const poolAnnotation = 'rollcall.dev/load-balancer-pool'
export const ownLoadBalancerClass = 'rollcall.dev/load-balancer'
/** Why a load balancer has no address, or not the one that it wants, as a condition of the service. */
export const addressCondition = 'LoadBalancerAddressAllocated'
/** The reason of that condition where the service has an address, and keeps it until there is one of the pool that it names now. */
export const movingReason = 'Moving'
const ownClasses: AllocationOptions = { loadBalancerClasses: [ownLoadBalancerClass] }

/** What a prepared and valid service needs, against what the old one holds. Explicit requests come first: no automatic choice takes them. */
export function allocationPlan (service: Service, old?: Service, options: AllocationOptions = ownClasses): AllocationPlan {
  const kept = new Map<string, string | number>()
  const before = heldBy(old, options)
  const balancer = loadBalancerNeeds(service, old, kept, options)
  const needs = [
    ...clusterIpNeeds(service, before, kept),
    ...nodePortNeeds(service, before, kept),
    ...healthCheckNeeds(service, before, kept),
    ...balancer.needs
  ]
  return {
    needs: [...needs.filter((need) => need.requested !== undefined), ...needs.filter((need) => need.requested === undefined)],
    kept,
    released: before.filter((held) => !isKept(held, kept)),
    pending: balancer.pending,
    foreign: isForeign(service, options)
  }
}

/** An address can be both a cluster address and a load balancer's: what counts is that it is kept as what it was. */
function isKept (held: Held, kept: ReadonlyMap<string, string | number>): boolean {
  return [...kept].some(([key, value]) => (held.kind === 'nodePort' ? value === held.port : value === held.address && key.startsWith(`${held.kind}/`)))
}

function isForeign ({ spec }: Service, options: AllocationOptions): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass !== undefined && !options.loadBalancerClasses.includes(spec.loadBalancerClass)
}

/** Everything that a stored service occupies: what a delete frees, and what a repair compares with the pools. */
export function heldBy (service: Service | undefined, options: AllocationOptions = ownClasses): readonly Held[] {
  if (service === undefined) return []
  const { spec, status } = service
  const held: Held[] = []
  if (needsClusterIp(service) && !isHeadless(service)) {
    for (const address of spec.clusterIPs ?? []) held.push({ kind: 'clusterIP', address: canonicalAddress(address) })
  }
  const numbers = new Set<number>()
  const take = (port: number | undefined, field: string): void => {
    if (port === undefined || numbers.has(port)) return
    numbers.add(port)
    held.push({ kind: 'nodePort', port, field })
  }
  // An ExternalName may say a node port, and has none: nothing was claimed for it.
  if (needsNodePort(service)) for (const [index, port] of (spec.ports ?? []).entries()) take(port.nodePort, `spec.ports[${index}].nodePort`)
  if (needsHealthCheckNodePort(service)) take(spec.healthCheckNodePort, 'spec.healthCheckNodePort')
  if (isForeign(service, options)) return held
  for (const { ip } of status?.loadBalancer.ingress ?? []) if (ip !== undefined) held.push({ kind: 'loadBalancer', address: canonicalAddress(ip) })
  return held
}

function clusterIpNeeds (service: Service, before: readonly Held[], kept: Map<string, string | number>): Need[] {
  if (!needsClusterIp(service) || isHeadless(service)) return []
  const needs: Need[] = []
  for (const [index, family] of (service.spec.ipFamilies ?? []).entries()) {
    const key = `clusterIP/${family}`
    const requested = service.spec.clusterIPs?.[index]
    const address = requested === undefined ? undefined : canonicalAddress(requested)
    if (before.some((held) => held.kind === 'clusterIP' && held.address === address)) kept.set(key, address ?? '')
    else needs.push({ kind: 'clusterIP', key, field: 'spec.clusterIPs', family, ...(address === undefined ? {} : { requested: address }) })
  }
  return needs
}

function nodePortNeeds (service: Service, before: readonly Held[], kept: Map<string, string | number>): Need[] {
  if (!needsNodePort(service)) return []
  const groups = new Map<string, { number: number | undefined, sharing: [number, ServicePort][] }>()
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    const number = nodePortOf(service.spec, port)
    if (number === 'none') continue
    const key = keyOf(port, number)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { number, sharing: [[index, port]] })
    else group.sharing.push([index, port])
  }
  const needs: Need[] = []
  for (const [key, { number, sharing }] of groups) {
    if (number !== undefined && before.some((held) => held.kind === 'nodePort' && held.port === number)) {
      kept.set(key, number)
      continue
    }
    needs.push({
      kind: 'nodePort',
      key,
      field: `spec.ports[${sharing[0]?.[0] ?? 0}].nodePort`,
      ports: sharing.map(([index]) => index),
      protocols: sharing.map(([, port]) => port.protocol),
      ...(number === undefined ? {} : { requested: number })
    })
  }
  return needs
}

/** The number that a port asks for, itself or by another protocol of its service port; undefined = any; `none` = it has none. */
function nodePortOf (spec: ServiceSpec, port: ServicePort): number | undefined | 'none' {
  if (port.nodePort !== undefined) return port.nodePort
  if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false) return 'none'
  return spec.ports?.find((other) => other.port === port.port && other.nodePort !== undefined)?.nodePort
}

function keyOf (port: ServicePort, number: number | undefined): string {
  return number === undefined ? `nodePort/${port.port}` : `nodePort/${port.port}/${number}`
}

function healthCheckNeeds (service: Service, before: readonly Held[], kept: Map<string, string | number>): Need[] {
  if (!needsHealthCheckNodePort(service)) return []
  const requested = service.spec.healthCheckNodePort
  const key = 'healthCheckNodePort'
  if (requested !== undefined && before.some((held) => held.kind === 'nodePort' && held.port === requested)) {
    kept.set(key, requested)
    return []
  }
  return [{ kind: 'healthCheckNodePort', key, field: 'spec.healthCheckNodePort', ...(requested === undefined ? {} : { requested }) }]
}

/** The address that the service has stays, unless `loadBalancerIP` asks for another: the status is the memory. */
function loadBalancerNeeds (
  service: Service, old: Service | undefined, kept: Map<string, string | number>, options: AllocationOptions
): { needs: Need[], pending: string } {
  const { spec, metadata } = service
  if (spec.type !== 'LoadBalancer') return { needs: [], pending: '' }
  if (isForeign(service, options)) return { needs: [], pending: `loadBalancerClass "${spec.loadBalancerClass}" belongs to another implementation` }
  const wanted = spec.loadBalancerIP
  const family = wanted === undefined ? undefined : ipFamilyOf(wanted)
  if (wanted !== undefined && family === undefined) return { needs: [], pending: `loadBalancerIP ${JSON.stringify(wanted)} is not an address` }
  const pool = metadata.annotations?.[poolAnnotation]
  const movesPool = old !== undefined && (old.metadata.annotations?.[poolAnnotation] !== pool || isMoving(old))
  const needs: Need[] = []
  const families = family !== undefined && !(spec.ipFamilies ?? []).includes(family) ? [family] : spec.ipFamilies ?? []
  for (const each of families) {
    const requested = each === family && wanted !== undefined ? canonicalAddress(wanted) : undefined
    const key = `loadBalancer/${each}`
    const has = old?.status?.loadBalancer.ingress?.find(({ ip }) => ip !== undefined && ipFamilyOf(ip) === each)?.ip
    if (has !== undefined && (requested === undefined ? !movesPool : requested === canonicalAddress(has))) {
      kept.set(key, canonicalAddress(has))
      continue
    }
    needs.push({
      kind: 'loadBalancer',
      key,
      field: requested === undefined ? 'spec.type' : 'spec.loadBalancerIP',
      family: each,
      ...(requested === undefined ? {} : { requested }),
      ...(pool === undefined ? {} : { pool })
    })
  }
  return { needs, pending: '' }
}

function isMoving ({ status }: Service): boolean {
  return status?.conditions?.some(({ type, reason }) => type === addressCondition && reason === movingReason) === true
}

/**
 * Writes what was allocated, and what was kept, into the service: the stored form.
 * @param results by `Need.key`; a load-balancer address may be missing (the pools are empty): the service waits for one
 */
export function withAllocations (service: Service, plan: AllocationPlan, results: ReadonlyMap<string, string | number>): Service {
  const given = (key: string): string | number | undefined => results.get(key) ?? plan.kept.get(key)
  const spec: { -readonly [Field in keyof ServiceSpec]?: ServiceSpec[Field] | undefined } = { ...service.spec }
  if (needsClusterIp(service) && !isHeadless(service)) {
    // What the manifest wrote stays as it wrote it; an update compares the texts.
    const addresses = (spec.ipFamilies ?? []).map((family, index) => spec.clusterIPs?.[index] ?? given(`clusterIP/${family}`))
    const texts = addresses.filter((address) => typeof address === 'string')
    if (texts[0] !== undefined) [spec.clusterIP, spec.clusterIPs] = [texts[0], texts]
  }
  if (needsNodePort(service)) {
    spec.ports = spec.ports?.map((port) => {
      const asked = nodePortOf(service.spec, port)
      const number = asked === 'none' ? undefined : given(keyOf(port, asked))
      return port.nodePort === undefined && typeof number === 'number' ? { ...port, nodePort: number } : port
    })
  }
  if (needsHealthCheckNodePort(service)) {
    const number = given('healthCheckNodePort')
    if (typeof number === 'number') spec.healthCheckNodePort = number
  }
  const stored = { ...service, spec: compact<ServiceSpec>(spec as ServiceSpec) } // nothing that is required was taken out
  return canonical(spec.type === 'LoadBalancer' && !plan.foreign ? { ...stored, status: statusOf(service, given) } : stored)
}

function statusOf (service: Service, given: (key: string) => string | number | undefined): ServiceStatus {
  const families = [...new Set([...service.spec.ipFamilies ?? [], 'IPv4' as const, 'IPv6' as const])]
  const ingress = families.map((family) => given(`loadBalancer/${family}`)).filter((address) => typeof address === 'string')
    .map((ip): LoadBalancerIngress => ({ ip, ipMode: 'VIP' }))
  return { ...service.status, loadBalancer: ingress.length === 0 ? {} : { ingress } }
}
