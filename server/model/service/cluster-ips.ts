// The cluster IPs of a declared service, as those who index and answer them read them.
import { canonicalAddress } from './grammar.ts'
import { none, type Service } from './types.ts'

/** The canonical cluster IPs of a service. */
export function clusterIpsOf (service: Service | undefined): string[] {
  if (service === undefined || service.spec.type === 'ExternalName') return []
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP] } = service.spec
  return clusterIPs.filter((address) => address !== none && address !== '').map(canonicalAddress)
}
