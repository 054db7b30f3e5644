// Defaulting: what a manifest means where it is silent. Static defaults need nothing but the manifest; the address families
// need to know what the registry has. Both leave alone what was said, and running twice changes nothing.
import { defaultFamily, hasSelector, ipFamilyOf, isExternallyAccessible, isHeadless, type RegistryFacts } from './facts.ts'
import { compact } from './schema.ts'
import { type IpFamily, ipFamilies, none, type Service, type ServiceSpec } from './types.ts'

/** Three hours, as kube-proxy remembers a client. */
export const defaultAffinitySeconds = 10_800

/** A new service with everything filled in that needs no allocation. For an update see `prepared` in update.ts. */
export function defaulted (service: Service, registry: RegistryFacts): Service {
  return withFamilies(withAgreement(withStaticDefaults(service)), registry)
}

/** The defaults that follow from the manifest alone. */
export function withStaticDefaults (service: Service): Service {
  const type = or(service.spec.type, 'ClusterIP')
  const sessionAffinity = or(service.spec.sessionAffinity, 'None')
  const spec: ServiceSpec = {
    ...service.spec,
    type,
    sessionAffinity,
    ...(service.spec.ports === undefined ? {} : { ports: service.spec.ports.map(portWithDefaults) })
  }
  const external = isExternallyAccessible({ ...service, spec })
  return {
    ...service,
    spec: compact<ServiceSpec>({
      ...spec,
      // A config beside affinity None vanishes without a word: clients send it left over from ClientIP.
      sessionAffinityConfig: sessionAffinity === 'None' ? undefined : affinityConfig(spec),
      internalTrafficPolicy: spec.internalTrafficPolicy ?? (isKnownInside(type) ? 'Cluster' : undefined),
      externalTrafficPolicy: spec.externalTrafficPolicy ?? (external ? 'Cluster' : undefined),
      allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? (type === 'LoadBalancer' ? true : undefined)
    })
  }
}

/** Given alone, `clusterIP` means both fields. Given alone, `clusterIPs` is refused by validation. */
export function withAgreement (service: Service): Service {
  const { clusterIP, clusterIPs } = service.spec
  return clusterIP === undefined || clusterIPs !== undefined ? service : { ...service, spec: { ...service.spec, clusterIPs: [clusterIP] } }
}

/** An unknown type gets no default, so that validation speaks of the type alone. */
function isKnownInside (type: string): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer'
}

function affinityConfig (spec: ServiceSpec): ServiceSpec['sessionAffinityConfig'] {
  if (spec.sessionAffinity !== 'ClientIP' || spec.sessionAffinityConfig?.clientIP?.timeoutSeconds !== undefined) return spec.sessionAffinityConfig
  return { clientIP: { timeoutSeconds: defaultAffinitySeconds } }
}

function portWithDefaults (port: NonNullable<ServiceSpec['ports']>[number]): typeof port {
  const absent = port.targetPort === 0 || port.targetPort === ''
  return { ...port, protocol: or(port.protocol, 'TCP'), targetPort: absent ? port.port : port.targetPort }
}

function or<T extends string> (value: T, fallback: T): T {
  return value === '' ? fallback : value
}

/**
 * Fills `ipFamilyPolicy` and `ipFamilies`: from the addresses that were given, else the registry's first family, and for
 * the dual policies the other one behind it. What cannot be had (an unconfigured family) is left for validation to name.
 */
export function withFamilies (service: Service, registry: RegistryFacts): Service {
  const { spec } = service
  if (spec.type === 'ExternalName') return service
  const handMade = isHeadless(service) && !hasSelector(service)
  const ipFamilyPolicy = spec.ipFamilyPolicy ?? (handMade ? 'RequireDualStack' : 'SingleStack')
  const families: IpFamily[] = [...spec.ipFamilies ?? []]
  for (const address of (spec.clusterIPs ?? []).slice(families.length)) {
    const family = address === none ? undefined : ipFamilyOf(address)
    if (family !== undefined && !families.includes(family)) families.push(family)
  }
  if (families.length === 0) families.push(registry.families[0] ?? defaultFamily)
  if (ipFamilyPolicy === 'PreferDualStack' || ipFamilyPolicy === 'RequireDualStack') {
    // A headless service without a selector claims both families even where one is configured: its endpoints are
    // written elsewhere.
    const available = handMade ? ipFamilies : registry.families
    const other = families.length === 1 ? available.find((family) => family !== families[0]) : undefined
    if (other !== undefined) families.push(other)
  }
  return { ...service, spec: { ...spec, ipFamilyPolicy, ipFamilies: families } }
}
