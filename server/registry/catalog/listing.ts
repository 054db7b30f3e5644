// Lists in stable order (namespace, service, id), page by page. A page costs what is on it or what its filter matches,
// never the registry: names are sorted once per change and found by halving, selectors and addresses go by their index.
import type { Instance, NamespaceSummary, ServiceSummary, Status } from '../../../client-sdk/src/wire.ts'
import { type Selector, everything, selects } from '../../model/instance/selector.ts'
import type { Sight } from '../sight.ts'
import type { Catalog } from './catalog.ts'
import type { ServiceView } from './service-entry.ts'

export interface InstanceFilter {
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly selector?: Selector | undefined
  /** Effective statuses. */
  readonly statuses?: ReadonlySet<Status> | undefined
  /** Canonical. */
  readonly address?: string | undefined
  /** Absent = everything is seen. */
  readonly sight?: Sight | undefined
}

/** The last item of the page before. What changed since does not matter: the next page begins after it. */
export interface Position {
  readonly namespace: string
  readonly service: string
  readonly id: string
}

export interface Listed<Item> {
  readonly items: readonly Item[]
  /** Where the next page begins; undefined on the last one. */
  readonly next: Position | undefined
}

/** Matches of a selector that are found by an index and sorted. More are found by walking the list itself, in its order. */
const maxSorted = 2_000

/**
 * A page of instances.
 * @param maxLooked so many are looked at: with a filter that few of them fit the page may be short, or empty, and have a next one
 */
export function listInstances (catalog: Catalog, filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked = Infinity): Listed<Instance> {
  return fitting(instancesAfter(catalog, filter, after), (instance) => fits(filter, instance), limit, maxLooked)
}

/**
 * A page of services, declared and implicit. With a selector, a status or an address: those that have such an instance.
 * @param maxLooked as of `listInstances`: of instances
 */
export function listServices (catalog: Catalog, filter: InstanceFilter, after: Position | undefined, limit: number, maxLooked = Infinity): Listed<ServiceView> {
  const items: ServiceView[] = []
  let left = maxLooked
  let last: ServiceView | undefined
  const placeOf = ({ namespace, name }: ServiceView): Position => ({ namespace, service: name, id: '' })
  for (const view of servicesAfter(catalog, filter, after)) {
    if (left <= 0) return { items, next: last === undefined ? after : placeOf(last) }
    left -= 1
    const isFitting = hasFitting(view, filter, () => { left -= 1 })
    if (isFitting && items.length === limit) return { items, next: placeOf(items.at(-1) ?? view) }
    if (isFitting) items.push(view)
    last = view
  }
  return { items, next: undefined }
}

/** A page of namespaces. */
export function listNamespaces (catalog: Catalog, after: Position | undefined, limit: number, sight?: Sight): Listed<NamespaceSummary> {
  const names = from(catalog.namespaces(), after?.namespace, (name) => name, false)
  const page = take(sight === undefined ? names : seen(names, sight), limit)
  return {
    items: page.items.map((name) => ({ name, ...seenCounts(catalog, name, sight) })),
    next: page.last === undefined ? undefined : { namespace: page.last, service: '', id: '' }
  }
}

/** What is in a namespace, as far as it is seen. */
export function seenCounts (catalog: Catalog, namespace: string, sight: Sight | undefined): { readonly services: number, readonly instances: number } {
  if (sight === undefined || sight.whole(namespace)) return catalog.namespaceCounts(namespace)
  let [services, instances] = [0, 0]
  for (const name of catalog.services(namespace)) if (sight.service(namespace, name)) services += 1
  for (const group of seenGroups(catalog, namespace, sight)) instances += group.counts.total
  return { services, instances }
}

function * seen (names: Iterable<string>, sight: Sight): Generator<string> {
  for (const name of names) if (sight.namespace(name)) yield name
}

/** The instances of a namespace that are seen, by the service that they registered under. */
export function * seenGroups (catalog: Catalog, namespace: string, sight: Sight | undefined): Generator<ServiceView> {
  for (const group of catalog.groups(namespace)) if (sight === undefined || sight.service(namespace, group.name)) yield group
}

/** A service as lists and reads show it. `protectedServices` is `Protection.services`. */
export function summaryOf (entry: ServiceView, protectedServices: ReadonlyMap<string, number>): ServiceSummary {
  const { namespace, name, counts, revision } = entry
  const sinceMs = protectedServices.get(`${namespace}/${name}`)
  return {
    namespace,
    name,
    implicit: entry.manifest === undefined,
    instances: counts,
    endpoints: entry.endpointCounts,
    createdAt: entry.createdAt,
    ...(entry.manifest === undefined ? {} : { manifest: entry.manifest }),
    ...(sinceMs === undefined ? {} : { protectedSince: new Date(sinceMs).toISOString() }),
    revision
  }
}

/** Instances in order, among them all that fit. */
function * instancesAfter (catalog: Catalog, filter: InstanceFilter, after: Position | undefined): Generator<Instance> {
  if (filter.address !== undefined) {
    yield * afterPosition(catalog.byAddress(filter.address).filter((instance) => fits(filter, instance)), after)
    return
  }
  const { selector = everything, service } = filter
  for (const namespace of namespacesFrom(catalog, filter, after)) {
    const start = namespace === after?.namespace ? after : undefined
    if (service === undefined && isRare(catalog, namespace, selector)) {
      yield * afterPosition(catalog.select(namespace, selector).filter((instance) => fits(filter, instance)), start)
      continue
    }
    for (const entry of entriesFrom(catalog, namespace, filter, start?.service, true, 'registered')) {
      if (!mayHold(entry, filter)) continue
      const last = entry.name === start?.service ? start.id : undefined
      yield * from(entry.instances, last, (candidate) => candidate.id, false)
    }
  }
}

/** Services in order, among them all that fit. */
function * servicesAfter (catalog: Catalog, filter: InstanceFilter, after: Position | undefined): Generator<ServiceView> {
  const { selector = everything, service } = filter
  for (const namespace of namespacesFrom(catalog, filter, after)) {
    const last = namespace === after?.namespace ? after.service : undefined
    const byIndex = filter.address !== undefined || isRare(catalog, namespace, selector)
    if (!byIndex || service !== undefined) {
      for (const entry of entriesFrom(catalog, namespace, filter, last, false, 'service')) if (mayHold(entry, filter)) yield entry
      continue
    }
    const matching = filter.address === undefined ? catalog.select(namespace, selector) : catalog.byAddress(filter.address)
    const fitting = matching.filter((instance) => instance.namespace === namespace && fits(filter, instance))
    const names = new Set(fitting.map((instance) => instance.service).filter((name) => catalog.declared(namespace, name) === undefined))
    for (const instance of fitting) for (const declared of catalog.selecting(instance)) names.add(declared.name)
    for (const name of [...names].sort()) {
      if (filter.sight !== undefined && !filter.sight.service(namespace, name)) continue
      const entry = last === undefined || name > last ? catalog.service(namespace, name) : undefined
      if (entry !== undefined) yield entry
    }
  }
}

/** Whether an index finds the matches of a selector with less work than a walk. */
function isRare (catalog: Catalog, namespace: string, selector: Selector): boolean {
  return selector.requirements.length > 0 && catalog.candidateCount(namespace, selector) <= maxSorted
}

/** Whether a service has an instance that fits. @param looked called for each one that does not */
function hasFitting (view: ServiceView, filter: InstanceFilter, looked: () => void): boolean {
  const { selector = everything, address } = filter
  if (selector.requirements.length === 0 && address === undefined) return true // its counts were looked at
  for (const instance of view.instances) {
    if (fits({ ...filter, service: undefined }, instance)) return true
    looked()
  }
  return false
}

function namespacesFrom (catalog: Catalog, filter: InstanceFilter, after: Position | undefined): Iterable<string> {
  const { sight } = filter
  if (filter.namespace === undefined) {
    const names = from(catalog.namespaces(), after?.namespace, (name) => name, true)
    return sight === undefined ? names : seen(names, sight)
  }
  return after !== undefined && after.namespace > filter.namespace ? [] : [filter.namespace]
}

function * entriesFrom (catalog: Catalog, namespace: string, filter: InstanceFilter, last: string | undefined, inclusive: boolean, what: 'registered' | 'service'): Generator<ServiceView> {
  const { service } = filter
  const names = service === undefined
    ? from(catalog.services(namespace), last, (name) => name, inclusive)
    : last === undefined || service > last || (inclusive && service === last) ? [service] : []
  for (const name of names) {
    if (filter.sight !== undefined && !filter.sight.service(namespace, name)) continue
    const entry = catalog[what](namespace, name)
    if (entry !== undefined) yield entry
  }
}

/** Passes over a service none of whose instances has one of the statuses: its counts are kept. */
function mayHold (entry: ServiceView, { statuses }: InstanceFilter): boolean {
  if (statuses === undefined) return true
  for (const status of statuses) if (entry.counts[status] > 0) return true
  return false
}

function fits (filter: InstanceFilter, instance: Instance): boolean {
  return (filter.namespace === undefined || instance.namespace === filter.namespace) &&
    (filter.sight === undefined || filter.sight.service(instance.namespace, instance.service)) &&
    (filter.service === undefined || instance.service === filter.service) &&
    (filter.address === undefined || instance.address === filter.address) &&
    (filter.statuses === undefined || filter.statuses.has(instance.effectiveStatus)) &&
    (filter.selector === undefined || selects(filter.selector, instance))
}

/** Those of a list that fit, at most `limit`; `next` is behind the last one, or behind the last that was looked at. */
function fitting (instances: Iterable<Instance>, isFitting: (instance: Instance) => boolean, limit: number, maxLooked: number): Listed<Instance> {
  const items: Instance[] = []
  let left = maxLooked
  let last: Instance | undefined
  for (const instance of instances) {
    if (left-- === 0) return { items, next: last === undefined ? undefined : positionOf(last) }
    if (isFitting(instance)) {
      if (items.length === limit) return { items, next: positionOf(items.at(-1) ?? instance) }
      items.push(instance)
    }
    last = instance
  }
  return { items, next: undefined }
}

function positionOf ({ namespace, service, id }: Instance): Position {
  return { namespace, service, id }
}

function afterPosition (instances: Instance[], after: Position | undefined): Instance[] {
  const rest = after === undefined ? instances : instances.filter((instance) => compare(instance, after) > 0)
  return rest.sort(compare)
}

function compare (a: Position, b: Position): number {
  return order(a.namespace, b.namespace) || order(a.service, b.service) || order(a.id, b.id)
}

function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The part of a sorted list that lies after `last`, or begins with it. */
function * from<Item> (sorted: readonly Item[], last: string | undefined, keyOf: (item: Item) => string, inclusive: boolean): Generator<Item> {
  let low = 0
  let high = last === undefined ? 0 : sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = sorted[middle] as Item // middle lies within the list
    const key = keyOf(item)
    if (key < (last ?? '') || (!inclusive && key === last)) low = middle + 1
    else high = middle
  }
  for (let index = low; index < sorted.length; index++) yield sorted[index] as Item // index lies within the list
}

/** At most `limit` items; `last` is the last of them if more follow. */
function take<Item> (items: Iterable<Item>, limit: number): { items: Item[], last: Item | undefined } {
  const taken: Item[] = []
  for (const item of items) {
    if (taken.length === limit) return { items: taken, last: taken.at(-1) }
    taken.push(item)
  }
  return { items: taken, last: undefined }
}
