// Which load-balancer addresses should be announced, and by which machines they may be.
import { callable } from '../../../client-sdk/src/rules.ts'
import type { Endpoint, ServiceEndpoints } from '../../../client-sdk/src/wire.ts'
import { contains, type Ip, parseIp } from '../../model/address/ranges.ts'
import { matches, parseSelector, type Selector } from '../../model/instance/selector.ts'
import { announceNodesAnnotation } from '../../model/service/traffic-annotations.ts'
import { isExternallyLocal } from '../choice.ts'
import { carryProblem } from '../machine.ts'
import type { Peer } from './peers.ts'

export interface Wanted {
  readonly ip: Ip
  readonly service: string
  /** `externalTrafficPolicy: Local`: only where one of these runs. Absent: anywhere. */
  readonly onlyNear?: readonly Endpoint[]
  /** Only machines whose labels fit. */
  readonly nodes?: Selector
}

/** The addresses of one service. */
export function wantedOf ({ namespace, service, endpoints, manifest }: ServiceEndpoints): Wanted[] {
  if (manifest?.spec.type !== 'LoadBalancer') return []
  const selector = nodesOf(manifest.metadata.annotations?.[announceNodesAnnotation])
  return (manifest.status?.loadBalancer.ingress ?? []).flatMap(({ ip: text, ipMode }) => {
    const ip = parseIp(text ?? '')
    if ('problem' in ip || ipMode === 'Proxy' || carryProblem(ip) !== undefined) return []
    return [{
      ip, service: `${namespace}/${service}`,
      ...(isExternallyLocal(manifest.spec) ? { onlyNear: endpoints } : {}), ...(selector === undefined ? {} : { nodes: selector })
    }]
  })
}

/** The registry has checked it; who can't read it announces nowhere that it was not meant to. */
function nodesOf (text: string | undefined): Selector | undefined {
  if (text === undefined) return undefined
  try {
    return parseSelector(text)
  } catch {
    return parseSelector('node,!node')
  }
}

/** Whether a machine may announce an address, whatever the state of its agent. */
export function mayAnnounce ({ ip, onlyNear, nodes }: Wanted, { networks, addresses, labels, node }: Pick<Peer, 'networks' | 'addresses' | 'labels' | 'node'>): boolean {
  if (!networks.some((network) => contains(network, ip))) return false
  if (nodes !== undefined && !matches(nodes, (key) => labels.get(key))) return false
  return onlyNear === undefined || callable(onlyNear.filter((endpoint) => endpoint.node === node || addresses.has(endpoint.address))).length > 0
}
