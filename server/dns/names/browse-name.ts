// The grammar of what is beside the services: instances by their address, and DNS-based service discovery (RFC 6763).
//
//  1.  pod.ZONE, NAMESPACE.pod.ZONE                 nothing of their own, 2 is below
//  2.  10-0-0-7.NAMESPACE.pod.ZONE                  an instance by its address; IPv6 with "-" for ":"
//  3.  _udp.ZONE, _dns-sd._udp.ZONE                 nothing of their own, 4 and 5 are below
//  4.  b._dns-sd._udp.ZONE, lb._dns-sd._udp.ZONE    where to browse: the namespaces
//  5.  _services._dns-sd._udp.ZONE                  the types of services of all namespaces
//  6.  _udp.NAMESPACE.svc.ZONE, _dns-sd._udp...     nothing of their own, 7 is below
//  7.  _services._dns-sd._udp.NAMESPACE.svc.ZONE    the types of services of a namespace
//  8.  _tcp.NAMESPACE.svc.ZONE                      nothing of its own, 9 is below
//  9.  _TYPE._tcp.NAMESPACE.svc.ZONE                those who offer it; TYPE is the name of a port
// 10.  LABEL._TYPE._tcp.NAMESPACE.svc.ZONE          one of those who offer it
//
// LABEL is SERVICE for a service with cluster IPs, and HOSTNAME_SERVICE for an endpoint of one without: it leads back, since
// neither part can have an underscore. No service is called _tcp or _udp for the same reason. Of other transports DNS-SD knows nothing.
import { undashed } from './dashed-address.ts'
import type { Zone } from './zone.ts'

export type BrowseProtocol = 'TCP' | 'UDP'

export type PodName =
  | { readonly kind: 'pods', readonly zone: Zone }
  | { readonly kind: 'pod-namespace', readonly zone: Zone, readonly namespace: string }
  | { readonly kind: 'pod', readonly zone: Zone, readonly namespace: string, readonly address: string }

interface TypeName {
  readonly zone: Zone
  readonly namespace: string
  /** Of a port. */
  readonly type: string
  readonly protocol: BrowseProtocol
}

/** Without a namespace it is of the zone. */
export type BrowseName =
  | { readonly kind: 'browse-part' | 'types', readonly zone: Zone, readonly namespace?: string }
  | { readonly kind: 'domains', readonly zone: Zone }
  | { readonly kind: 'type-protocol', readonly zone: Zone, readonly namespace: string, readonly protocol: BrowseProtocol }
  | TypeName & { readonly kind: 'type' }
  | TypeName & { readonly kind: 'offer', readonly label: string }

const protocols: ReadonlyMap<string, BrowseProtocol> = new Map([['_tcp', 'TCP'], ['_udp', 'UDP']])
const discovery = '_dns-sd'

/** @param labels behind `pod`, from the right */
export function podName (zone: Zone, [namespace, label, more]: readonly string[]): PodName | undefined {
  if (namespace === undefined) return { kind: 'pods', zone }
  if (label === undefined) return { kind: 'pod-namespace', zone, namespace }
  const address = more === undefined ? undashed(label) : undefined
  return address === undefined ? undefined : { kind: 'pod', zone, namespace, address }
}

/** @param labels below the zone, from the right; the first is `_udp` */
export function zoneBrowseName (zone: Zone, [, second, third, more]: readonly string[]): BrowseName | undefined {
  if (second === undefined) return { kind: 'browse-part', zone }
  if (second !== discovery || more !== undefined) return undefined
  if (third === undefined) return { kind: 'browse-part', zone }
  if (third === 'b' || third === 'lb') return { kind: 'domains', zone }
  return third === '_services' ? { kind: 'types', zone } : undefined
}

/** @param labels below the namespace, from the right; the first begins with an underscore */
export function namespaceBrowseName (zone: Zone, namespace: string, [first = '', second, third, more]: readonly string[]): BrowseName | undefined {
  const protocol = protocols.get(first)
  if (protocol === undefined || more !== undefined) return undefined
  if (second === undefined) return { kind: 'type-protocol', zone, namespace, protocol }
  if (second === discovery && protocol === 'UDP') {
    if (third === undefined) return { kind: 'browse-part', zone, namespace }
    return third === '_services' ? { kind: 'types', zone, namespace } : undefined
  }
  if (!second.startsWith('_')) return undefined
  const name = { zone, namespace, type: second.slice(1), protocol }
  return third === undefined ? { kind: 'type', ...name } : { kind: 'offer', ...name, label: third }
}
