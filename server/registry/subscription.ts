// One watch: a snapshot, then the changes that concern it, in revision order. What a slow reader does not take is not
// kept for it: past a limit its queue is dropped, and it gets `reset` and a snapshot of what is then.
import type { Instance } from '../../client-sdk/src/wire.ts'
import { type Selector, everything } from '../model/selector.ts'
import { selects } from './catalog.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'

export interface WatchFilter {
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly selector?: Selector
}

/** What a subscription hands out next. */
export type Delivery =
  | { readonly type: 'snapshot', readonly revision: number, readonly instances: readonly Instance[] }
  | { readonly type: 'change', readonly revision: number, readonly event: 'put' | 'delete', readonly change: AppliedChange, readonly instance: Instance }
  | { readonly type: 'bookmark', readonly revision: number }
  | { readonly type: 'reset', readonly revision: number, readonly reason: string }

/** A reader this far behind reads a snapshot faster than its backlog. */
export const maxQueuedChanges = 1_000

export class Subscription {
  readonly filter: WatchFilter
  readonly #feed: Feed
  readonly #wake: () => void
  readonly #selector: Selector
  #queue: (Delivery & { type: 'change' })[] = []
  #taken = 0
  #resetReason: string | undefined
  #snapshotDue: boolean
  #delivered = 0

  /** @param wake called when `next` has something again; never from within `next` */
  constructor (feed: Feed, filter: WatchFilter, since: Cursor | undefined, wake: () => void) {
    this.#feed = feed
    this.filter = filter
    this.#selector = filter.selector ?? everything
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
    for (const change of missed) this.#enqueue(change)
  }

  /** The revision up to which everything was handed out. */
  get delivered (): number {
    return this.#delivered
  }

  /** Whether a change can concern it, by name alone. */
  get scope (): { namespace: string | undefined, service: string | undefined } {
    return { namespace: this.filter.namespace, service: this.filter.service }
  }

  /** Whether a change is one that this watch hands out. */
  concerns (change: AppliedChange): boolean {
    return this.#deliveryOf(change) !== undefined
  }

  /** Takes a change; the hub has matched the name. */
  offer (change: AppliedChange): void {
    if (this.#snapshotDue) return // the snapshot will hold it
    if (this.#enqueue(change)) this.#wake()
  }

  /** The whole view changed under it. */
  reset (reason: string): void {
    this.#queue = []
    this.#taken = 0
    if (!this.#snapshotDue) this.#resetReason = reason // who has seen nothing yet has nothing to forget
    this.#snapshotDue = true
    this.#wake()
  }

  /** What comes next, or undefined if nothing is due. */
  next (): Delivery | undefined {
    if (this.#resetReason !== undefined) {
      const reason = this.#resetReason
      this.#resetReason = undefined
      return { type: 'reset', revision: this.#feed.revision, reason }
    }
    if (this.#snapshotDue) {
      if (!this.#feed.loaded) return undefined
      this.#snapshotDue = false
      this.#delivered = this.#feed.revision
      return { type: 'snapshot', revision: this.#delivered, instances: this.#instances() }
    }
    const delivery = this.#queue[this.#taken]
    if (delivery === undefined) return undefined
    this.#taken++
    if (this.#taken === this.#queue.length) {
      this.#queue = []
      this.#taken = 0
    }
    this.#delivered = delivery.revision
    return delivery
  }

  /** A bookmark if everything was handed out and time went on since, else undefined. */
  bookmark (): Delivery | undefined {
    const { revision } = this.#feed
    if (this.#snapshotDue || this.#queue.length > 0 || this.#delivered >= revision) return undefined
    this.#delivered = revision
    return { type: 'bookmark', revision }
  }

  #enqueue (change: AppliedChange): boolean {
    const delivery = this.#deliveryOf(change)
    if (delivery === undefined) return false
    if (this.#queue.length - this.#taken >= maxQueuedChanges) {
      this.reset('the reader is too slow')
      return false
    }
    this.#queue.push(delivery)
    return true
  }

  /** What a change means behind the filter: an instance that leaves a selector is deleted for this watch. */
  #deliveryOf (change: AppliedChange): (Delivery & { type: 'change' }) | undefined {
    const { instance, previous, revision } = change
    if (instance === undefined || !this.#inScope(instance)) return undefined
    const was = previous !== undefined && selects(this.#selector, previous)
    const is = change.event === 'put' && selects(this.#selector, instance)
    if (!was && !is) return undefined
    return { type: 'change', revision, event: is ? 'put' : 'delete', change, instance }
  }

  #inScope (instance: Instance): boolean {
    const { namespace, service } = this.filter
    return (namespace === undefined || instance.namespace === namespace) && (service === undefined || instance.service === service)
  }

  #instances (): readonly Instance[] {
    const { catalog } = this.#feed
    const { namespace, service } = this.filter
    const whole = this.#selector.requirements.length === 0
    const ofService = (space: string, name: string): readonly Instance[] => {
      const instances = catalog.service(space, name)?.instances ?? []
      return whole ? instances : instances.filter((instance) => selects(this.#selector, instance))
    }
    // One service without a selector: the shared array itself, so that an adapter encodes it once for all watchers.
    if (namespace !== undefined && service !== undefined) return ofService(namespace, service)
    const namespaces = namespace === undefined ? catalog.namespaces() : [namespace]
    if (service !== undefined) return namespaces.flatMap((space) => ofService(space, service))
    return namespaces.flatMap((space) => (whole ? catalog.services(space).flatMap((name) => ofService(space, name)) : catalog.select(space, this.#selector)))
  }
}
