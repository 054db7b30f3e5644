// What a watch begins with: all that it is of, at one revision. The lists of instances never change (chunked-list.ts): they are gathered in one
// go, and gone through in slices, in which the view goes on.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { type Selector, everything, selects } from '../../model/instance/selector.ts'
import type { Service } from '../../model/service/types.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Feed } from './feed.ts'
import { isSeen, takesServices, type WatchFilter } from './watch-filter.ts'

export interface WatchedNow {
  readonly revision: number
  readonly instances: readonly Instance[]
  readonly services: readonly Service[]
}

/** Instances that an index leaves are gone through at once. */
const fewInstances = 2_000
/** Instances of one step: some tenths of a millisecond. */
const stepInstances = 256

/** @returns the whole, in steps */
export function * watchedNow (feed: Feed, filter: WatchFilter): Generator<void, WatchedNow> {
  const { selector = everything } = filter
  const isWhole = selector.requirements.length === 0
  if (filter.service === undefined) yield * listAll(feed.catalog, filter)
  // From here to the end of the gathering in one go.
  const { revision, catalog } = feed
  const services = takesServices(filter) ? declaredIn(catalog, filter) : []
  const lists = Array.from(listsOf(catalog, filter, selector))
  const [only] = lists
  // One service without a selector: the shared array itself, so that an adapter encodes it once for all watchers.
  if (only !== undefined && lists.length === 1 && isWhole && Array.isArray(only)) return { revision, instances: only as readonly Instance[], services }
  const instances: Instance[] = []
  let steps = 0
  for (const list of lists) {
    for (const instance of list) {
      if (isWhole || selects(selector, instance)) instances.push(instance)
      if (++steps % stepInstances === 0) yield
    }
  }
  return { revision, instances, services }
}

/** Lists are made when somebody asks for them, and kept from then on. */
function * listAll (catalog: Catalog, filter: WatchFilter): Generator<void> {
  for (const namespace of namespacesOf(catalog, filter)) {
    for (const name of catalog.services(namespace)) {
      void catalog.registered(namespace, name)?.list
      yield
    }
  }
}

function * listsOf (catalog: Catalog, filter: WatchFilter, selector: Selector): Generator<Iterable<Instance>> {
  const { service } = filter
  for (const namespace of namespacesOf(catalog, filter)) {
    if (service !== undefined) {
      const view = isSeen(filter, namespace, service) ? catalog.service(namespace, service) : undefined
      yield (selector.requirements.length === 0 ? view?.instances : view?.list) ?? []
      continue
    }
    if (selector.requirements.length > 0 && catalog.candidateCount(namespace, selector) <= fewInstances) {
      yield catalog.select(namespace, selector).filter((instance) => isSeen(filter, instance.namespace, instance.service))
      continue
    }
    for (const name of catalog.services(namespace)) if (isSeen(filter, namespace, name)) yield catalog.registered(namespace, name)?.list ?? []
  }
}

function declaredIn (catalog: Catalog, filter: WatchFilter): readonly Service[] {
  const { service } = filter
  return namespacesOf(catalog, filter).flatMap((namespace) => {
    if (service === undefined) {
      return Array.from(catalog.declaredServices(namespace), ({ manifest }) => manifest).filter(({ metadata: { name } }) => isSeen(filter, namespace, name))
    }
    const declared = isSeen(filter, namespace, service) ? catalog.declared(namespace, service) : undefined
    return declared === undefined ? [] : [declared.manifest]
  })
}

function namespacesOf (catalog: Catalog, { namespace }: WatchFilter): readonly string[] {
  return namespace === undefined ? catalog.namespaces() : [namespace]
}
