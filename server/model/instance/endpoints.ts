// Services to endpoints: pure, computed once per change, shared by REST, DNS and every later adapter.
import { callable } from '../../../client-sdk/src/rules.ts'
import type { Endpoint, Instance } from '../../../client-sdk/src/wire.ts'

/** The endpoints of one service at one revision. The object's identity is the cache key of what adapters build from it. */
export interface EndpointSet {
  readonly namespace: string
  readonly service: string
  /** The revision of the service's last change. */
  readonly revision: number
  /** No endpoint is ready or draining, and some are out only because they are suspect: those are answered. */
  readonly failOpen: boolean
  readonly all: readonly Endpoint[]
  /** What a caller gets: the ready ones; if there are none the draining ones; then, with `failOpen`, the suspect ones. Ordered by id. */
  readonly answered: readonly Endpoint[]
  /**
   * The shortest lease among its instances: no cache should keep an answer for longer. Absent without leases, as for
   * hand-written endpoints.
   */
  readonly leaseMs?: number
}

/** Derives the endpoints of a service from its instances. */
export function endpointsOf (namespace: string, service: string, revision: number, instances: Iterable<Instance>): EndpointSet {
  let leaseMs = Infinity
  const endpoints: Endpoint[] = []
  for (const instance of instances) {
    leaseMs = Math.min(leaseMs, instance.lease.ttlMs)
    endpoints.push(endpointOf(instance))
  }
  return endpointSet(namespace, service, revision, endpoints, leaseMs)
}

/**
 * Orders endpoints and decides which are answered: the one rule for implicit and declared services.
 * @param leaseMs the shortest lease behind them, Infinity = there are no leases
 */
export function endpointSet (namespace: string, service: string, revision: number, endpoints: Iterable<Endpoint>, leaseMs = Infinity): EndpointSet {
  const all = [...endpoints].sort((a, b) => compare(a.id, b.id) || compare(a.service ?? '', b.service ?? ''))
  const answered = callable(all)
  const failOpen = answered[0]?.suspect === true && !answered[0].conditions.ready
  return { namespace, service, revision, failOpen, all, answered, ...(leaseMs === Infinity ? {} : { leaseMs }) }
}

function compare (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What an instance is to the callers of the service that it registered under. */
export function endpointOf (instance: Instance): Endpoint {
  const { id, address, ports, hostname, labels, metadata, priority, zone, region, node, version, suspect, conditions } = instance
  return {
    id,
    address,
    ports,
    ...(hostname === undefined ? {} : { hostname }),
    labels,
    metadata,
    weight: instance.override?.weight ?? instance.weight,
    priority,
    ...(zone === undefined ? {} : { zone }),
    ...(region === undefined ? {} : { region }),
    ...(node === undefined ? {} : { node }),
    ...(version === undefined ? {} : { version }),
    status: instance.effectiveStatus,
    suspect,
    conditions
  }
}
