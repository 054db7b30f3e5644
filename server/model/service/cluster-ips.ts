// The addresses of a declared service, as those who index and answer them read them.
import { canonicalAddress } from './grammar.ts'
import { none, type Service } from './types.ts'

/** The canonical cluster IPs of a service. */
export function clusterIpsOf (service: Service | undefined): string[] {
  if (service === undefined || service.spec.type === 'ExternalName') return []
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP] } = service.spec
  return clusterIPs.filter((address) => address !== none && address !== '').map(canonicalAddress)
}

/** The canonical addresses that a service is reached at from outside: those of its load balancer, and external ones. */
export function reachedAtOf (service: Service | undefined): string[] {
  if (service === undefined || service.spec.type === 'ExternalName') return []
  const { spec: { externalIPs = [] }, status } = service
  const ofBalancer = status?.loadBalancer?.ingress ?? []
  return [...ofBalancer.flatMap(({ ip }) => (ip === undefined ? [] : [ip])), ...externalIPs].map(canonicalAddress)
}
