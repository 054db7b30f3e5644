// Validation of a service after defaulting (1.4): every rule is looked at, and all causes come at once. What needs the
// registry's state (is a port taken?) is the allocators' to say.
import { type Cause, duplicate, forbidden, invalidValue, nodePortTaken, notSupported, required, tooMany } from './causes.ts'
import { serviceDnsFaults } from './dns-annotations.ts'
import { trafficAnnotationFaults } from './traffic-annotations.ts'
import { clusterIpFaults, familyUpdateFaults } from './validate-families.ts'
import {
  hasSelector, ipFamilyOf, isExternallyAccessible, isHeadless, needsClusterIp, needsHealthCheckNodePort, type ValidationFacts
} from './facts.ts'
import {
  broken, callableAddress, canonicalAddress, cidr, dns1035Label, dns1123Label, dns1123Subdomain, ipAddress, maxLabel, portName, portNumber, qualifiedName
} from './grammar.ts'
import { labelFaults, metadataFaults } from './metadata.ts'
import { pointerPolicyFaults } from './pointer-policy.ts'
import { type Service, type ServicePort, type ServiceSpec, serviceTypes, trafficDistributions, trafficPolicies, transportProtocols } from './types.ts'

/** Far above honest use; each port may take a node port, of which there are some 2,700. */
export const maxServicePorts = 1_000
/** Each is an address to announce, or a rule to look at for every connection. */
export const maxAddressEntries = 1_000
/** A day, as Kubernetes allows; its message says "less than". */
export const maxAffinitySeconds = 86_400

/** All causes against a defaulted service (`prepared` in update.ts), before or after allocation. Empty = valid. */
export function serviceFaults (service: Service, facts: ValidationFacts): readonly Cause[] {
  const { spec } = service
  return [
    ...metadataFaults(service.metadata, dns1035Label, facts.old?.metadata),
    ...serviceDnsFaults(service.metadata),
    ...trafficAnnotationFaults(service.metadata),
    ...pointerPolicyFaults(service),
    ...typeFaults(service),
    ...portFaults(service),
    ...labelFaults('spec.selector', spec.selector),
    ...affinityFaults(spec),
    ...clusterIpFaults(service, facts),
    ...externalFaults(spec),
    ...loadBalancerFaults(spec),
    ...trafficFaults(service),
    ...(facts.old === undefined ? [] : updateFaults(facts.old, service))
  ]
}

function typeFaults (service: Service): Cause[] {
  const { spec } = service
  const causes: Cause[] = []
  if (!serviceTypes.includes(spec.type)) causes.push(notSupported('spec.type', spec.type, serviceTypes))
  if (spec.ports === undefined && !isHeadless(service) && spec.type !== 'ExternalName') causes.push(required('spec.ports'))
  if ((spec.type === 'NodePort' || spec.type === 'LoadBalancer') && isHeadless(service)) {
    causes.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`))
  }
  if (spec.type === 'ExternalName') {
    for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
      if (spec[field] !== undefined) causes.push(forbidden(`spec.${field}`, 'may not be set for ExternalName services'))
    }
    const target = (spec.externalName ?? '').replace(/\.$/, '')
    causes.push(...(target === '' ? [required('spec.externalName')] : broken('spec.externalName', target, dns1123Subdomain)))
  }
  return causes
}

function portFaults ({ spec }: Service): Cause[] {
  const ports = spec.ports ?? []
  if (ports.length > maxServicePorts) return [tooMany('spec.ports', ports.length, maxServicePorts)]
  const causes: Cause[] = []
  const names = new Set<string>()
  const pairs = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`
    if (port.name === undefined) {
      if (ports.length > 1) causes.push(required(`${path}.name`))
    } else {
      causes.push(...broken(`${path}.name`, port.name, dns1123Label))
      if (names.has(port.name)) causes.push(duplicate(`${path}.name`, port.name))
      names.add(port.name)
    }
    causes.push(...broken(`${path}.port`, port.port, portNumber))
    if (!transportProtocols.includes(port.protocol)) causes.push(notSupported(`${path}.protocol`, port.protocol, transportProtocols))
    // A target that is the port itself was mostly filled in: its fault has been reported.
    if (port.targetPort !== port.port) causes.push(...targetFaults(`${path}.targetPort`, port.targetPort))
    if (port.appProtocol !== undefined) causes.push(...broken(`${path}.appProtocol`, port.appProtocol, qualifiedName))
    const pair = `${port.protocol} ${port.port}`
    if (pairs.has(pair)) causes.push(duplicate(path, { protocol: port.protocol, port: port.port }))
    pairs.add(pair)
  }
  return [...causes, ...nodePortFaults(spec, ports)]
}

function targetFaults (field: string, target: number | string): Cause[] {
  return typeof target === 'number' ? broken(field, target, portNumber) : broken(field, target, portName)
}

/**
 * Numbers are reserved across protocols. Within one service, ports of the same service port number and other protocols share
 * one; with different service port numbers the second request is refused, as the allocator would (section 2).
 */
function nodePortFaults (spec: ServiceSpec, ports: readonly ServicePort[]): Cause[] {
  const causes: Cause[] = []
  const holders = new Map<number, { port: number, protocols: Set<string> }>()
  for (const [index, { nodePort, port, protocol }] of ports.entries()) {
    if (nodePort === undefined) continue
    const field = `spec.ports[${index}].nodePort`
    if (spec.type === 'ClusterIP') causes.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"))
    causes.push(...broken(field, nodePort, portNumber))
    const holder = holders.get(nodePort)
    if (holder === undefined) holders.set(nodePort, { port, protocols: new Set([protocol]) })
    else if (holder.protocols.has(protocol)) causes.push(duplicate(field, nodePort))
    else if (holder.port !== port) causes.push(nodePortTaken(field, nodePort))
    else holder.protocols.add(protocol)
  }
  if (spec.healthCheckNodePort !== undefined && holders.has(spec.healthCheckNodePort)) {
    causes.push(nodePortTaken('spec.healthCheckNodePort', spec.healthCheckNodePort))
  }
  return causes
}

function affinityFaults (spec: ServiceSpec): Cause[] {
  if (spec.sessionAffinity === 'None') return []
  if (spec.sessionAffinity !== 'ClientIP') return [notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None'])]
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 0
  const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
  return seconds >= 1 && seconds <= maxAffinitySeconds ? [] : [invalidValue(field, seconds, `must be greater than 0 and not greater than ${maxAffinitySeconds}`)]
}

function externalFaults (spec: ServiceSpec): Cause[] {
  const addresses = spec.externalIPs ?? []
  if (addresses.length > maxAddressEntries) return [tooMany('spec.externalIPs', addresses.length, maxAddressEntries)]
  return addresses.flatMap((address, index) => {
    const causes = broken(`spec.externalIPs[${index}]`, address, ipAddress)
    return causes.length > 0 ? causes : broken(`spec.externalIPs[${index}]`, address, callableAddress)
  })
}

const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'"

function loadBalancerFaults (spec: ServiceSpec): Cause[] {
  const causes: Cause[] = []
  const isLoadBalancer = spec.type === 'LoadBalancer'
  const ranges = spec.loadBalancerSourceRanges ?? []
  // The capital L is Kubernetes' own: clients know this path.
  const field = 'spec.LoadBalancerSourceRanges'
  if (ranges.length > 0 && !isLoadBalancer) causes.push(forbidden(field, onlyLoadBalancer))
  if (ranges.length > maxAddressEntries) causes.push(tooMany(field, ranges.length, maxAddressEntries))
  else causes.push(...ranges.flatMap((range, index) => broken(`${field}[${index}]`, range.trim(), cidr)))
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) causes.push(forbidden('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer))
  if (spec.loadBalancerClass !== undefined) {
    causes.push(...(isLoadBalancer ? broken('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName) : [forbidden('spec.loadBalancerClass', onlyLoadBalancer)]))
  }
  return causes
}

function trafficFaults (service: Service): Cause[] {
  const { spec } = service
  const causes: Cause[] = []
  const external = spec.externalTrafficPolicy
  if (external !== undefined) {
    if (!isExternallyAccessible(service)) causes.push(invalidValue('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'))
    else if (!trafficPolicies.includes(external)) causes.push(notSupported('spec.externalTrafficPolicy', external, trafficPolicies))
  }
  const check = spec.healthCheckNodePort
  if (check !== undefined) {
    const rule = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    causes.push(...(needsHealthCheckNodePort(service) ? broken('spec.healthCheckNodePort', check, portNumber) : [invalidValue('spec.healthCheckNodePort', check, rule)]))
  }
  const inside = spec.internalTrafficPolicy
  if (inside !== undefined && !trafficPolicies.includes(inside)) causes.push(notSupported('spec.internalTrafficPolicy', inside, trafficPolicies))
  const distribution = spec.trafficDistribution
  if (distribution !== undefined && !trafficDistributions.includes(distribution)) causes.push(notSupported('spec.trafficDistribution', distribution, trafficDistributions))
  return causes
}

function updateFaults (old: Service, next: Service): Cause[] {
  const causes = familyUpdateFaults(old, next)
  if (old.spec.type === 'LoadBalancer' && next.spec.type === 'LoadBalancer' && old.spec.loadBalancerClass !== next.spec.loadBalancerClass) {
    causes.push(invalidValue('spec.loadBalancerClass', next.spec.loadBalancerClass ?? null, 'may not change once set'))
  }
  const check = old.spec.healthCheckNodePort
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(next) && check !== undefined && next.spec.healthCheckNodePort !== check) {
    causes.push(forbidden('spec.healthCheckNodePort', 'field is immutable'))
  }
  return causes
}

/** What is accepted and still deserves a word: fields that mean nothing here, spellings that will surprise. */
export function warnings (service: Service): readonly string[] {
  const { spec } = service
  const found: string[] = []
  if (isHeadless(service)) {
    if (spec.loadBalancerIP !== undefined) found.push('spec.loadBalancerIP is ignored when spec.clusterIP is "None"')
    if (spec.externalIPs !== undefined) found.push('spec.externalIPs is ignored when spec.clusterIP is "None"')
    if (spec.sessionAffinity !== 'None') found.push('spec.sessionAffinity is ignored when spec.clusterIP is "None"')
  }
  if (spec.type === 'ExternalName') {
    if (spec.externalIPs !== undefined) found.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if (ipFamilyOf(spec.externalName ?? '') !== undefined) found.push(`spec.externalName: "${spec.externalName}" looks like an address, but is answered as a name: use a service without a selector`)
    if (hasSelector(service)) found.push('spec.selector is ignored when spec.type is "ExternalName"')
    // Kubernetes limits the name (253) and not its labels; DNS limits both (RFC 1035 2.3.4).
    if (spec.externalName?.split('.').some((label) => label.length > maxLabel) === true) {
      found.push(`spec.externalName: a label of more than ${maxLabel} characters cannot be in DNS: the service is not answered there`)
    }
  } else if (spec.externalName !== undefined) found.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  if (spec.loadBalancerIP !== undefined && spec.type === 'LoadBalancer' && ipFamilyOf(spec.loadBalancerIP) === undefined) {
    found.push(`spec.loadBalancerIP: ${JSON.stringify(spec.loadBalancerIP)} is not an address: no load-balancer address is given`)
  }
  if (spec.trafficDistribution === 'PreferClose') found.push('spec.trafficDistribution: "PreferClose" is deprecated: use "PreferSameZone"')
  found.push(...spelled('spec.clusterIPs', needsClusterIp(service) && !isHeadless(service) ? spec.clusterIPs : []))
  found.push(...spelled('spec.externalIPs', spec.externalIPs))
  for (const key of Object.keys(service.metadata.annotations ?? {})) {
    const instead = deprecatedAnnotations.get(key)
    if (instead !== undefined) found.push(`metadata.annotations[${key}] is deprecated and not acted on: use ${instead}`)
  }
  return found
}

const deprecatedAnnotations: ReadonlyMap<string, string> = new Map(Object.entries({
  'service.alpha.kubernetes.io/tolerate-unready-endpoints': 'spec.publishNotReadyAddresses',
  'service.beta.kubernetes.io/load-balancer-source-ranges': 'spec.loadBalancerSourceRanges',
  'service.kubernetes.io/topology-aware-hints': 'spec.trafficDistribution',
  'service.kubernetes.io/topology-mode': 'spec.trafficDistribution'
}))

/** IPv6 has many spellings of one address; names and comparisons know one. */
export function spelled (field: string, addresses: readonly string[] | undefined): string[] {
  return (addresses ?? []).flatMap((address, index) => {
    if (ipFamilyOf(address) !== 'IPv6') return []
    const canonical = canonicalAddress(address)
    return canonical === address ? [] : [`${field}[${index}]: IPv6 address "${address}" should be in RFC 5952 canonical format ("${canonical}")`]
  })
}
