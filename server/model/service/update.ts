// What an update of a service does to the fields that it leaves out (1.5), to those that its new type has no use for (1.6),
// and what it may not do at all.
import { withAgreement, withFamilies, withStaticDefaults } from './defaults.ts'
import {
  hasSelector, isExternallyAccessible, isHeadless, needsClusterIp, needsHealthCheckNodePort, needsNodePort, type RegistryFacts, sameTexts
} from './facts.ts'
import { canonical, compact, without } from './schema.ts'
import type { ObjectMeta, Service, ServicePort, ServiceSpec, ServiceStatus } from './types.ts'

/**
 * From a decoded manifest to the service that is validated and allocated for: defaults, and on an update what the old one
 * lends. The result of a manifest applied to its own stored result is that result, in canonical order.
 */
export function prepared (manifest: Service, old: Service | undefined, registry: RegistryFacts): Service {
  const service = withStaticDefaults(manifest)
  if (old === undefined) return canonical({ ...withFamilies(withAgreement(asNew(service)), registry),
    status: noStatus })
  const carried = withAgreement(carriedOver(old, wiped(old, inStep(old, service))))
  const settled = keepsFamilies(old, carried) ? carried : withFamilies(carried, registry)
  return canonical({ ...settled, status: settled.status ?? noStatus,
    metadata: keptMeta(old.metadata, settled.metadata) })
}

/**
 * A patch of `clusterIP` alone means `clusterIPs`, too: the patched object still has the old ones. Validation says then
 * whether the address may change.
 */
function inStep (old: Service, next: Service): Service {
  const { clusterIP, clusterIPs } = next.spec
  const isLeft = clusterIPs !== undefined && sameTexts(old.spec.clusterIPs, clusterIPs)
  if (clusterIP === old.spec.clusterIP || !isLeft) return next
  return { ...next, spec: compact<ServiceSpec>({ ...next.spec, clusterIPs: listed(clusterIP) }) }
}

/** What a service has in Kubernetes before anything was given to it. */
export const noStatus: ServiceStatus = { loadBalancer: {} }

/**
 * Takes out of `next` what its type does not use, where the caller left it as it was. What the caller changed stays, and
 * validation refuses it. Returns `next` with the status that remains its own.
 */
export function wiped (old: Service, next: Service): Service {
  const was = old.spec
  const spec: { -readonly [Field in keyof ServiceSpec]?: ServiceSpec[Field] | undefined } = { ...next.spec }
  if (needsClusterIp(old) && !needsClusterIp(next)) {
    if (sameTexts(was.clusterIPs, spec.clusterIPs ?? listed(spec.clusterIP)) && (spec.clusterIP ?? was.clusterIP) === was.clusterIP) {
      spec.clusterIP = spec.clusterIPs = undefined
    }
    if (sameTexts(was.ipFamilies, spec.ipFamilies)) spec.ipFamilies = undefined
    if (was.ipFamilyPolicy === spec.ipFamilyPolicy) spec.ipFamilyPolicy = undefined
    if (was.internalTrafficPolicy === spec.internalTrafficPolicy) spec.internalTrafficPolicy = undefined
  }
  if (needsNodePort(old) && !needsNodePort(next) && !hasNewNodePort(old, next)) spec.ports = spec.ports?.map((port) => without(port, 'nodePort'))
  if (needsHealthCheckNodePort(old) && !needsHealthCheckNodePort(next) && was.healthCheckNodePort === spec.healthCheckNodePort) {
    spec.healthCheckNodePort = undefined
  }
  if (was.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (was.allocateLoadBalancerNodePorts === spec.allocateLoadBalancerNodePorts) spec.allocateLoadBalancerNodePorts = undefined
    if (was.loadBalancerClass === spec.loadBalancerClass) spec.loadBalancerClass = undefined
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(next) && was.externalTrafficPolicy === spec.externalTrafficPolicy) {
    spec.externalTrafficPolicy = undefined
  }
  const result = { ...without(next, 'status'), spec: compact<ServiceSpec>(spec as ServiceSpec) } // only optional fields were taken out
  const status = keptStatus(old.status, next)
  return status === undefined ? result : { ...result, status }
}

/** The status is the registry's word, never the caller's; a load balancer's address goes with the type. */
function keptStatus (status: ServiceStatus | undefined, next: Service): ServiceStatus | undefined {
  if (status === undefined || next.spec.type === 'LoadBalancer') return status
  return { ...status, loadBalancer: {} }
}

/** Fills what the manifest left out and the old service has allocated: addresses, families, node ports. */
export function carriedOver (old: Service, next: Service): Service {
  let spec = next.spec
  if (needsClusterIp(old) && needsClusterIp(next)) spec = withOldAddresses(old, next)
  if (needsNodePort(old) && needsNodePort(next)) spec = { ...spec, ...withOldNodePorts(old.spec.ports ?? [], spec.ports) }
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(next) && spec.healthCheckNodePort === undefined && old.spec.healthCheckNodePort !== undefined) {
    spec = { ...spec, healthCheckNodePort: old.spec.healthCheckNodePort }
  }
  return { ...next, spec }
}

function withOldAddresses (old: Service, next: Service): ServiceSpec {
  const was = old.spec
  let { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = next.spec
  if (clusterIP === undefined && clusterIPs === undefined) clusterIP = was.clusterIP
  // A manifest with clusterIP alone names the primary address; the second one stays unless the policy lets it go.
  if (clusterIPs === undefined && clusterIP === was.clusterIP) clusterIPs = was.clusterIPs
  ipFamilyPolicy ??= was.ipFamilyPolicy
  const sameAddresses = sameTexts(clusterIPs, was.clusterIPs)
  if (ipFamilies === undefined && sameAddresses) ipFamilies = was.ipFamilies
  // SingleStack is a clear word where addresses and families were left as they were: the second of each goes.
  if (ipFamilyPolicy === 'SingleStack' && was.ipFamilyPolicy !== 'SingleStack') {
    if (sameAddresses) clusterIPs = clusterIPs?.slice(0, 1)
    if (sameTexts(ipFamilies, was.ipFamilies)) ipFamilies = ipFamilies?.slice(0, 1)
  }
  return compact<ServiceSpec>({ ...next.spec, clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy })
}

/**
 * By the port's name; a port under a new name has the number of the one that had its number and protocol and is gone:
 * it was renamed. A number that the new object uses itself is not lent to another port.
 */
function withOldNodePorts (was: readonly ServicePort[], ports: readonly ServicePort[] | undefined): { ports?: readonly ServicePort[] } {
  if (ports === undefined) return {}
  const used = new Set(ports.map((port) => port.nodePort))
  const oldNumbers = new Map(was.map((port) => [port.name, port.nodePort]))
  const names = new Set(ports.map((port) => port.name))
  const renamed =
    new Map(was.filter((port) => !names.has(port.name)).map((port) => [`${port.protocol} ${port.port}`, port.nodePort]))
  const lent = new Map<number, number>()
  return {
    ports: ports.map((port) => {
      const number =
        oldNumbers.has(port.name) ? oldNumbers.get(port.name) : renamed.get(`${port.protocol} ${port.port}`)
      if (port.nodePort !== undefined || number === undefined || used.has(number)) return port
      // Ports of one service port number share a node port, others may not: the first that asks has it.
      const holder = lent.get(number)
      if (holder !== undefined && holder !== port.port) return port
      lent.set(number, port.port)
      return { ...port, nodePort: number }
    })
  }
}

/**
 * A PreferDualStack service whose addresses and families did not change is neither upgraded nor downgraded when the registry
 * gains or loses a family: that takes an explicit word.
 */
function keepsFamilies (old: Service, next: Service): boolean {
  return old.spec.ipFamilyPolicy === 'PreferDualStack' && next.spec.ipFamilyPolicy === 'PreferDualStack' &&
    sameTexts(old.spec.clusterIPs, next.spec.clusterIPs) && sameTexts(old.spec.ipFamilies, next.spec.ipFamilies) &&
    isHeadless(old) === isHeadless(next) && hasSelector(old) === hasSelector(next)
}

/** uid, creation and counters are the registry's. A uid in the manifest is kept, so that validation can compare it. */
function keptMeta (old: ObjectMeta, next: ObjectMeta): ObjectMeta {
  const { name, namespace, labels, annotations, uid } = next
  return compact<ObjectMeta>({
    name,
    namespace,
    labels,
    annotations,
    uid: uid ?? old.uid,
    creationTimestamp: old.creationTimestamp,
    resourceVersion: old.resourceVersion,
    generation: old.generation
  })
}

/** A service that is exported and created again carries its old identity; the new service gets its own. */
function asNew (service: Service): Service {
  const { name, namespace, labels, annotations, generateName } = service.metadata
  return { ...without(service, 'status'), metadata: compact<ObjectMeta>({ name, namespace, labels, annotations, generateName }) }
}

function hasNewNodePort (old: Service, next: Service): boolean {
  const known = new Set(old.spec.ports?.map((port) => port.nodePort))
  return next.spec.ports?.some((port) => port.nodePort !== undefined && !known.has(port.nodePort)) === true
}

function listed (address: string | undefined): readonly string[] | undefined {
  return address === undefined ? undefined : [address]
}
