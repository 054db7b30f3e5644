// The registry in numbers that are kept anyway: one cheap look for a dashboard.
import type { Overview, Status } from '../../../client-sdk/src/wire.ts'
import type { Store } from '../../store/store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { SetAsideRecord } from '../catalog/set-aside.ts'
import type { Sight } from '../sight.ts'
import { seenCounts, seenGroups } from '../catalog/listing.ts'
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

/** Of the registry what is seen. Costs a look at each service. */
export function seenNumbers (catalog: Catalog, sight: Sight): Pick<Numbers, 'namespaces' | 'services' | 'instances'> {
  const seen = catalog.namespaces().filter((name) => sight.namespace(name))
  const instances = { total: 0, suspect: 0, starting: 0, up: 0, warning: 0, draining: 0, down: 0 }
  for (const namespace of seen) {
    for (const { counts } of seenGroups(catalog, namespace, sight)) {
      for (const name of Object.keys(instances) as (keyof typeof instances)[]) instances[name] += counts[name] // its own keys
    }
  }
  return { namespaces: seen.length, services: seen.reduce((sum, name) => sum + seenCounts(catalog, name, sight).services, 0), instances }
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
