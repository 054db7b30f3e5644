// One watch of endpoints: each service in scope, as it is now, whenever something about it changed; of a large one that was told before,
// the difference. A service that changes many times in a short while is sent once, in its newest form. A change names the services that
// it touches; their endpoints are read when it is handed out, so that selectors, target ports, readiness and fail-open are decided in
// one place (the catalog) and nowhere again.
//
// The order is that of the last change of each service: a service that changes again while it waits goes to the end. So a cursor after
// a delivery is good for everything before it.
import type { Endpoint } from '../../../client-sdk/src/wire.ts'
import type { Service } from '../../model/service/types.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import { compareEndpoints, endpointKey } from '../../model/instance/endpoint-part.ts'
import { isSelected, queryEndpoints } from '../catalog/endpoint-query.ts'
import type { ServiceView } from '../catalog/service-entry.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import type { Resumed } from './history.ts'
import type { Followed } from './subscription.ts'
import type { WatchFilter } from './watch-filter.ts'
import { type EndpointDifference, ToldEndpoints } from './told-endpoints.ts'

/** What callers get of one service, with its manifest if it is declared. */
export interface ServiceEndpoints {
  readonly set: EndpointSet
  readonly manifest: Service | undefined
  /** Behind a selector: those of the set that it matches. undefined = all of them. */
  readonly chosen?: readonly Endpoint[]
}

interface ServiceName {
  readonly namespace: string
  readonly service: string
}

interface EndpointsChange {
  readonly type: 'endpoints'
  readonly revision: number
  readonly atMs: number
  /** The same change touched another service, which is told next: until then the revision is no place to go on from. */
  readonly more: boolean
}

/** What a watch of endpoints hands out next. */
export type EndpointsDelivery =
  /** All services in scope, in parts; `more` on all parts but the last. The revision is that of the whole. */
  | { readonly type: 'endpoints-snapshot', readonly revision: number, readonly services: readonly ServiceEndpoints[], readonly more: boolean }
  | EndpointsChange & { readonly event: 'put', readonly endpoints: ServiceEndpoints }
  /** What became of a large service since it was told last; `set` is all of it as it is now, the manifest is the one of before. */
  | EndpointsChange & { readonly event: 'difference', readonly set: EndpointSet, readonly isDeclared: boolean, readonly difference: EndpointDifference }
  /** The service is gone. */
  | EndpointsChange & { readonly event: 'delete', readonly name: ServiceName }
  | { readonly type: 'bookmark', readonly revision: number }
  | { readonly type: 'reset', readonly revision: number, readonly reason: string }

/** Services that may wait for a reader: beyond it a snapshot is the shorter way. A place costs about a hundred bytes. */
export const maxWaitingServices = 10_000
/** Endpoints in one part of a snapshot, some hundred kilobytes of JSON; a single larger service is a part of its own. */
const maxPartEndpoints = 500

interface Waiting extends ServiceName {
  readonly revision: number
  readonly atMs: number
  /**
   * Only instances changed that may not be endpoints of this service, first at this revision: the revision of the endpoints tells whether they
   * changed since. undefined = they did.
   */
  readonly unsureSince: number | undefined
}

/** A snapshot that is being handed out. */
interface Snapshot {
  readonly revision: number
  readonly names: Iterator<ServiceName>
}

export class EndpointsSubscription implements Followed<EndpointsDelivery> {
  /** With a selector: of each service in scope the endpoints that it matches, none of them included. */
  readonly scope: WatchFilter
  readonly #feed: Feed
  readonly #wake: () => void
  /** Changed lately: sent when the hub says that the pause for coalescing is over. */
  #changed = new Map<string, Waiting>()
  /** To be handed out, in the order of their last changes. */
  readonly #due = new Map<string, Waiting>()
  /** What is being read from the store's log: it comes before all that changed since. */
  #older: Map<string, Waiting> | undefined
  #stopReading: (() => void) | undefined
  /** Of each namespace the first change that came after the cursor and of which nobody knows what it replaced. */
  readonly #unclear = new Map<string, AppliedChange>()
  readonly #told = new ToldEndpoints()
  #snapshot: Snapshot | undefined
  #resetReason: string | undefined
  #snapshotDue: boolean
  #delivered = 0

  /** @param wake called when `next` has something again; never from within `next` */
  constructor (feed: Feed, scope: WatchFilter, since: Cursor | undefined, wake: () => void) {
    this.#feed = feed
    this.scope = scope
    this.#wake = wake
    this.#snapshotDue = since === undefined
    if (since === undefined) return
    const missed = feed.resume(since)
    if (typeof missed === 'string') {
      this.#resetReason = missed
      this.#snapshotDue = true
      return
    }
    this.#delivered = since.revision
    this.#resume(missed)
  }

  get delivered (): number {
    return this.#delivered
  }

  concerns (change: AppliedChange): boolean {
    return this.#namesOf(change).length > 0
  }

  offer (change: AppliedChange): void {
    if (!this.#snapshotDue) this.#note(change) // else the snapshot will hold it
  }

  /** The pause for coalescing is over: what changed until now is due. */
  settle (): void {
    if (this.#changed.size === 0) return
    for (const [key, waiting] of this.#changed) this.#due.set(key, waiting)
    this.#changed = new Map()
    this.#wake()
  }

  reset (reason: string): void {
    this.close()
    this.#older = undefined
    this.#unclear.clear()
    this.#changed.clear()
    this.#due.clear()
    this.#told.clear()
    if (!this.#snapshotDue) this.#resetReason = reason // nothing was sent yet: there is nothing to forget
    this.#snapshot = undefined
    this.#snapshotDue = true
    this.#wake()
  }

  close (): void {
    this.#stopReading?.()
    this.#stopReading = undefined
  }

  next (): EndpointsDelivery | undefined {
    if (this.#resetReason !== undefined) {
      const reason = this.#resetReason
      this.#resetReason = undefined
      return { type: 'reset', revision: this.#feed.revision, reason }
    }
    if (this.#snapshotDue) {
      if (!this.#feed.loaded) return undefined
      this.#snapshotDue = false
      this.#snapshot = { revision: this.#feed.revision, names: this.#names() }
    }
    if (this.#snapshot !== undefined) return this.#part(this.#snapshot)
    if (this.#older !== undefined) return undefined
    for (const [key, waiting] of this.#due) {
      this.#due.delete(key)
      const { namespace, service, revision, atMs } = waiting
      const view = this.#feed.catalog.service(namespace, service)
      if (!isNews(view, waiting)) {
        this.#delivered = revision
        continue
      }
      const more = this.#goesOn(revision)
      if (!more) this.#delivered = revision
      const change = { type: 'endpoints', revision, atMs, more } as const
      if (view === undefined) {
        this.#told.forget(namespace, service)
        return { ...change, event: 'delete', name: { namespace, service } }
      }
      const difference = this.#told.tell(view)
      if (difference === undefined) return { ...change, event: 'put', endpoints: this.#whole(view) }
      return { ...change, event: 'difference', set: view.endpoints, isDeclared: view.manifest !== undefined, difference: this.#chosenOf(view.endpoints, difference) }
    }
    return undefined
  }

  /** Whether what is told next is of the same change. Those of one change stand together: each went to the end with it. */
  #goesOn (revision: number): boolean {
    for (const other of this.#due.values()) {
      if (other.revision !== revision) return false
      if (isNews(this.#feed.catalog.service(other.namespace, other.service), other)) return true
    }
    return false
  }

  bookmark (): EndpointsDelivery | undefined {
    const { revision } = this.#feed
    const isBehind = this.#snapshotDue || this.#snapshot !== undefined || this.#older !== undefined || this.#due.size > 0 || this.#changed.size > 0
    if (isBehind || this.#delivered >= revision) return undefined
    this.#delivered = revision
    return { type: 'bookmark', revision }
  }

  /**
   * The next part of a snapshot. A service that changed since its beginning is read as it is now, and not sent a second
   * time.
   */
  #part ({ revision, names }: Snapshot): EndpointsDelivery {
    const services: ServiceEndpoints[] = []
    let size = 0
    while (size < maxPartEndpoints) {
      const name = names.next()
      if (name.done === true) {
        this.#snapshot = undefined
        this.#delivered = revision
        return { type: 'endpoints-snapshot', revision, services, more: false }
      }
      const view = this.#feed.catalog.service(name.value.namespace, name.value.service)
      if (view === undefined) continue // it went meanwhile
      this.#forget(name.value)
      this.#told.tell(view)
      services.push(this.#whole(view))
      size += 1 + view.endpoints.size
    }
    return { type: 'endpoints-snapshot', revision, services, more: true }
  }

  #resume ({ changes, readOlder }: Resumed): void {
    for (const change of changes) this.#note(change)
    if (this.#snapshotDue) return // there are too many
    if (readOlder === undefined) return this.#hasOlder(true)
    this.#older = new Map()
    this.#stopReading = readOlder((change) => this.#takeOlder(change), (isWhole) => this.#hasOlder(isWhole))
  }

  #note (change: AppliedChange): void {
    for (const waiting of this.#touchedBy(change)) {
      const key = keyOf(waiting.namespace, waiting.service)
      const untold = this.#changed.get(key) ?? this.#due.get(key)
      this.#forget(waiting)
      this.#changed.set(key, both(untold, waiting))
    }
    if (this.#changed.size + this.#due.size > maxWaitingServices) this.reset('the reader is too slow')
  }

  #takeOlder (change: AppliedChange): void {
    const older = this.#older
    for (const waiting of older === undefined ? [] : this.#touchedBy(change)) {
      const key = keyOf(waiting.namespace, waiting.service)
      const untold = older?.get(key)
      older?.delete(key)
      older?.set(key, both(untold, waiting))
    }
    if ((older?.size ?? 0) > maxWaitingServices) this.reset('the reader is too slow')
  }

  /** What came after the cursor is known: all of it is due, in its order. */
  #hasOlder (isWhole: boolean): void {
    if (!isWhole) return this.reset('too old')
    const all = new Map(this.#older)
    for (const [key, waiting] of [...this.#due, ...this.#changed]) {
      all.set(key, both(all.get(key), waiting))
    }
    for (const { target: { namespace }, revision, atMs } of this.#unclear.values()) {
      for (const service of this.#declaredIn(namespace)) {
        const key = keyOf(namespace, service)
        const known = all.get(key)
        all.set(key, known === undefined ? { namespace, service, revision, atMs, unsureSince: revision } : { ...known, unsureSince: undefined })
      }
    }
    if (all.size > maxWaitingServices) return this.reset('the reader is too slow')
    this.#older = undefined
    this.#unclear.clear()
    this.#changed.clear()
    this.#due.clear()
    for (const [key, waiting] of [...all].sort(([, one], [, other]) => one.revision - other.revision)) this.#due.set(key, waiting)
    this.#wake()
  }

  /** The declared services in scope: each may have selected an instance, or had a slice, of which nobody knows what it was. */
  #declaredIn (namespace: string): readonly string[] {
    const { service: only, sight } = this.scope
    return Array.from(this.#feed.catalog.declaredServices(namespace), ({ name }) => name)
      .filter((name) => (only === undefined || only === name) && (sight === undefined || sight.service(namespace, name)))
  }

  #touchedBy (change: AppliedChange): Waiting[] {
    const { target: { namespace }, revision, atMs, kind, touched, isVague } = change
    if (isVague === true && (this.scope.namespace ?? namespace) === namespace && (this.#unclear.get(namespace)?.revision ?? Infinity) > revision) {
      this.#unclear.set(namespace, change)
    }
    return this.#namesOf(change).map((service) => ({ namespace, service, revision, atMs, unsureSince: kind === 'instance' && !touched.includes(service) ? revision : undefined }))
  }

  #forget ({ namespace, service }: ServiceName): void {
    const key = keyOf(namespace, service)
    this.#due.delete(key)
    this.#changed.delete(key)
  }

  /** The services in scope whose endpoints a change can have touched. */
  #namesOf ({ kind, target, touched }: AppliedChange): readonly string[] {
    if (kind !== 'instance' && kind !== 'service' && kind !== 'endpoints') return []
    const { namespace, service, sight } = this.scope
    if (namespace !== undefined && namespace !== target.namespace) return []
    const names = touched.includes(target.service) || target.service === '' ? touched : [target.service, ...touched]
    const meant = service === undefined ? names : names.filter((name) => name === service)
    return sight === undefined ? meant : meant.filter((name) => sight.service(target.namespace, name))
  }

  #whole ({ endpoints: set, manifest }: ServiceView): ServiceEndpoints {
    const { selector } = this.scope
    return { set, manifest, ...(selector === undefined ? {} : { chosen: queryEndpoints(set, { selector, ready: 'any' }) }) }
  }

  /** Behind a selector an endpoint that it does not match is gone, whether or not it was there. */
  #chosenOf (set: EndpointSet, difference: EndpointDifference): EndpointDifference {
    const { selector } = this.scope
    if (selector === undefined) return difference
    const { true: put = [], false: others = [] } = Object.groupBy(difference.put, (endpoint) => `${isSelected(set, endpoint, selector)}` as const)
    return { from: difference.from, put, removed: [...difference.removed, ...others.map(endpointKey)].sort(compareEndpoints) }
  }

  * #names (): Generator<ServiceName> {
    const { scope: { sight } } = this
    const { catalog } = this.#feed
    for (const namespace of this.scope.namespace === undefined ? catalog.namespaces() : [this.scope.namespace]) {
      for (const service of this.scope.service === undefined ? catalog.services(namespace) : [this.scope.service]) {
        if (sight === undefined || sight.service(namespace, service)) yield { namespace, service }
      }
    }
  }
}

/** What waits after another change. */
function both (before: Waiting | undefined, after: Waiting): Waiting {
  if (before === undefined || after.unsureSince === undefined) return after
  return { ...after, unsureSince: before.unsureSince }
}

/**
 * Else the change was of the name, not of what is answered under it: an instance behind a declared service that does not select it. A
 * declaration that was taken back is news always: what the name means from now on may be older than that.
 */
function isNews (view: ServiceView | undefined, { unsureSince }: Waiting): boolean {
  return view === undefined || unsureSince === undefined || view.revision >= unsureSince
}

function keyOf (namespace: string, service: string): string {
  return `${namespace}/${service}`
}
