// The registry in numbers that are kept anyway: one cheap look for a dashboard.
import type { Overview, Status } from '../../../client-sdk/src/wire.ts'
import type { Store } from '../../store/store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { SetAsideRecord } from '../catalog/set-aside.ts'
import type { Protection } from '../leases/sweeper.ts'

export interface Numbers {
  readonly namespaces: number
  readonly services: number
  readonly instances: Overview['instances']
  readonly store: Pick<Store, 'kind' | 'location'>
  readonly protection: Protection
  readonly subscriptions: number
  /** Heartbeats that wait for the store to come back. */
  readonly rememberedHeartbeats: number
  /** Records of the store that were set aside, by key. */
  readonly unreadable: readonly SetAsideRecord[]
  readonly handMade: Overview['handMade']
  readonly ranges: Overview['ranges']
}

export function instanceNumbers ({ size, suspects, statusCounts }: Catalog): Overview['instances'] {
  const of = (status: Status): number => statusCounts.get(status) ?? 0
  return { total: size, suspect: suspects, starting: of('starting'), up: of('up'), warning: of('warning'), draining: of('draining'), down: of('down') }
}

/** EndpointSlices and Endpoints that were applied by hand. */
export function handMadeNumbers (catalog: Catalog): Overview['handMade'] {
  let [total, undeclared] = [0, 0]
  for (const namespace of catalog.namespaces()) {
    total += catalog.handMadeCount(namespace)
    undeclared += catalog.undeclaredHandMadeCount(namespace)
  }
  return { total, undeclared }
}

/** All services of the registry, declared and implicit. */
export function serviceCount (catalog: Catalog): number {
  return catalog.namespaces().reduce((sum, namespace) => sum + catalog.namespaceCounts(namespace).services, 0)
}
