// One watch of declared objects: each as it is now, whenever it changed. One that changes many times while it waits is told once, in its
// newest form, and goes to the end: so a cursor after a delivery is good for everything before it. What waits is bounded by how many
// objects there may be.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { type ObjectKind, type ObjectManifest, shownManifest } from '../../model/manifest/object-kinds.ts'
import { isGlobalKind } from '../../model/service/types.ts'
import { changedObjectKind } from '../services/manifests.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import type { Followed } from './subscription.ts'
import type { Scope, WatchFilter } from './watch-filter.ts'

export interface ObjectName {
  readonly kind: ObjectKind
  /** Empty for a kind without namespaces. */
  readonly namespace: string
  readonly name: string
}

interface ObjectChange {
  readonly type: 'object'
  readonly revision: number
  readonly atMs: number
  readonly reason: Reason
}

/** What a watch of objects hands out next. */
export type ObjectsDelivery =
  /** All that there are, in parts; `more` on all parts but the last. */
  | { readonly type: 'objects-snapshot', readonly revision: number, readonly objects: readonly ObjectManifest[], readonly more: boolean }
  | ObjectChange & { readonly event: 'put', readonly object: ObjectManifest }
  | ObjectChange & { readonly event: 'delete', readonly name: ObjectName }
  | { readonly type: 'bookmark', readonly revision: number }
  | { readonly type: 'reset', readonly revision: number, readonly reason: string }

export interface ObjectsFilter extends Pick<WatchFilter, 'namespace' | 'sight'> {
  readonly kinds: readonly ObjectKind[]
}

/** Objects in one part of a snapshot: some hundred kilobytes. */
const maxPart = 200

interface Waiting extends ObjectName {
  readonly revision: number
  readonly atMs: number
  readonly reason: Reason
}

/** One that is being handed out. */
interface Snapshot {
  readonly revision: number
  readonly objects: readonly ObjectManifest[]
  from: number
}

export class ObjectsSubscription implements Followed<ObjectsDelivery> {
  /** Of a kind without namespaces the changes are in none. */
  readonly scope: Scope
  readonly #feed: Feed
  readonly #filter: ObjectsFilter
  readonly #wake: () => void
  readonly #due = new Map<string, Waiting>()
  #snapshot: Snapshot | undefined
  #resetReason: string | undefined
  #snapshotDue: boolean
  #delivered = 0

  /** @param wake called when `next` has something again; never from within `next` */
  constructor (feed: Feed, filter: ObjectsFilter, since: Cursor | undefined, wake: () => void) {
    this.#feed = feed
    this.#filter = filter
    this.#wake = wake
    this.scope = filter.kinds.some((kind) => isGlobalKind(kind)) ? {} : { namespace: filter.namespace }
    this.#snapshotDue = since === undefined
    if (since === undefined) return
    const missed = feed.resume(since)
    // What only the store's log knows is not read: all of them are few, and told anew.
    if (typeof missed === 'string' || missed.readOlder !== undefined) {
      this.#resetReason = typeof missed === 'string' ? missed : 'too old'
      this.#snapshotDue = true
      return
    }
    this.#delivered = since.revision
    for (const change of missed.changes) this.#note(change)
  }

  get delivered (): number {
    return this.#delivered
  }

  concerns (change: AppliedChange): boolean {
    return this.#nameOf(change) !== undefined
  }

  offer (change: AppliedChange): void {
    if (!this.#snapshotDue && this.#note(change)) this.#wake()
  }

  reset (reason: string): void {
    this.close()
    if (!this.#snapshotDue) this.#resetReason = reason // who has seen nothing yet has nothing to forget
    this.#snapshotDue = true
    this.#wake()
  }

  close (): void {
    this.#due.clear()
    this.#snapshot = undefined
  }

  next (): ObjectsDelivery | undefined {
    if (this.#resetReason !== undefined) {
      const reason = this.#resetReason
      this.#resetReason = undefined
      return { type: 'reset', revision: this.#feed.revision, reason }
    }
    if (this.#snapshotDue) {
      if (!this.#feed.loaded) return undefined
      this.#snapshotDue = false
      this.#snapshot = { revision: this.#feed.revision, objects: this.#all(), from: 0 }
    }
    if (this.#snapshot !== undefined) return this.#part(this.#snapshot)
    const [first] = this.#due
    if (first === undefined) return undefined
    const [key, { revision, atMs, reason, ...name }] = first
    this.#due.delete(key)
    this.#delivered = revision
    const object = this.#feed.catalog.declaredObjects.get(name.kind, name.namespace, name.name)
    const change = { type: 'object', revision, atMs, reason } as const
    return object === undefined ? { ...change, event: 'delete', name } : { ...change, event: 'put', object: shownManifest(object) }
  }

  bookmark (): ObjectsDelivery | undefined {
    const { revision } = this.#feed
    if (this.#snapshotDue || this.#snapshot !== undefined || this.#due.size > 0 || this.#delivered >= revision) return undefined
    this.#delivered = revision
    return { type: 'bookmark', revision }
  }

  /** What changes while the parts are handed out waits behind them. */
  #part (snapshot: Snapshot): ObjectsDelivery {
    const { revision, objects, from } = snapshot
    snapshot.from += maxPart
    const more = snapshot.from < objects.length
    if (!more) {
      this.#snapshot = undefined
      this.#delivered = revision
    }
    return { type: 'objects-snapshot', revision, objects: objects.slice(from, from + maxPart).map(shownManifest), more }
  }

  #all (): ObjectManifest[] {
    const { kinds, namespace } = this.#filter
    const { declaredObjects } = this.#feed.catalog
    return kinds.flatMap((kind) => [...declaredObjects.list(kind, isGlobalKind(kind) ? undefined : namespace)])
      .filter(({ kind, metadata }) => this.#isSeen(kind, metadata.namespace))
  }

  #note (change: AppliedChange): boolean {
    const name = this.#nameOf(change)
    if (name === undefined) return false
    const { revision, atMs, reason } = change
    const key = `${name.kind}/${name.namespace}/${name.name}`
    this.#due.delete(key)
    this.#due.set(key, { ...name, revision, atMs, reason })
    return true
  }

  #nameOf ({ kind: changed, target: { namespace, id } }: AppliedChange): ObjectName | undefined {
    const kind = changedObjectKind(changed)
    if (kind === undefined || !this.#filter.kinds.includes(kind) || !this.#isSeen(kind, namespace)) return undefined
    if (!isGlobalKind(kind) && this.#filter.namespace !== undefined && namespace !== this.#filter.namespace) return undefined
    return { kind, namespace, name: id }
  }

  #isSeen (kind: ObjectKind, namespace: string): boolean {
    const { sight } = this.#filter
    return sight === undefined || isGlobalKind(kind) || sight.namespace(namespace)
  }
}
