// One watch: a snapshot, then the changes that concern it, in revision order. The queue of a slow reader is bounded:
// past a limit it is dropped, and the reader gets `reset` and a new snapshot.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { type Selector, everything, selects, selectsNothing } from '../../model/instance/selector.ts'
import type { Service } from '../../model/service/types.ts'
import { inSlices } from '../../slice.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import type { Resumed } from './history.ts'
import { isSeen, type Scope, takesServices, type WatchFilter } from './watch-filter.ts'
import { type WatchedNow, watchedNow } from './watched-now.ts'

/** A watch, as those who hand on what it hands out see it. */
export interface Watch<Handed = Delivery> {
  /** What comes next, or undefined if nothing is due. */
  next (): Handed | undefined
  /** A bookmark if everything was handed out and time went on since, else undefined. */
  bookmark (): Handed | undefined
  /** Whether a change is one that this watch hands out. */
  concerns (change: AppliedChange): boolean
  close (): void
}

/** What the hub keeps of each watch: it is offered the changes of its scope, and hands out deliveries when it is asked. */
export interface Followed<Handed> extends Watch<Handed> {
  readonly scope: Scope
  /** The revision up to which everything was handed out. */
  readonly delivered: number
  /** Takes a change; the hub has matched the name. */
  offer (change: AppliedChange): void
  /** The whole view changed under it. */
  reset (reason: string): void
  /** Nobody asks it any more. */
  close (): void
}

interface ChangeDelivery<Kind> {
  readonly type: 'change'
  readonly kind: Kind
  readonly revision: number
  readonly event: 'put' | 'delete'
  readonly change: AppliedChange
}

export interface InstanceDelivery extends ChangeDelivery<'instance'> {
  readonly instance: Instance
}

/** A declared service came, changed or went. */
export interface ServiceDelivery extends ChangeDelivery<'service'> {
  readonly service: Service
}

/** What a subscription hands out next. */
export type Delivery =
  | { readonly type: 'snapshot', readonly revision: number, readonly instances: readonly Instance[], readonly services?: readonly Service[] }
  | InstanceDelivery
  | ServiceDelivery
  | { readonly type: 'bookmark', readonly revision: number }
  | { readonly type: 'reset', readonly revision: number, readonly reason: string }

/** Steps of a snapshot that are made without a look at the time: a millisecond or two. */
const stepsAtOnce = 50
/** A reader this far behind reads a snapshot faster than its backlog. */
export const maxQueuedChanges = 1_000

export class Subscription implements Followed<Delivery> {
  readonly filter: WatchFilter
  readonly #feed: Feed
  readonly #wake: () => void
  readonly #selector: Selector
  #queue: (InstanceDelivery | ServiceDelivery)[] = []
  #taken = 0
  /** What is being read from the store's log: it comes before the queue. */
  #older: (InstanceDelivery | ServiceDelivery)[] | undefined
  #stopReading: (() => void) | undefined
  /** The snapshot that is being made, and the one that is made. */
  #making: object | undefined
  #made: WatchedNow | undefined
  /** What making it failed with: it is thrown to who asks for it. */
  #fault: Error | undefined
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
    this.#resume(missed)
  }

  get delivered (): number {
    return this.#delivered
  }

  get scope (): Scope {
    return this.filter
  }

  concerns (change: AppliedChange): boolean {
    return this.#deliveryOf(change) !== undefined
  }

  offer (change: AppliedChange): void {
    if (this.#snapshotDue) return // the snapshot will hold it
    const reason = this.#resetReasonOf(change)
    if (reason !== undefined) return this.reset(reason)
    if (this.#enqueue(change)) this.#wake()
  }

  reset (reason: string): void {
    this.close()
    this.#queue = []
    this.#taken = 0
    this.#older = undefined
    this.#making = this.#made = this.#fault = undefined
    if (!this.#snapshotDue) this.#resetReason = reason // who has seen nothing yet has nothing to forget
    this.#snapshotDue = true
    this.#wake()
  }

  close (): void {
    this.#stopReading?.()
    this.#stopReading = undefined
    this.#making = undefined
  }

  next (): Delivery | undefined {
    if (this.#resetReason !== undefined) {
      const reason = this.#resetReason
      this.#resetReason = undefined
      return { type: 'reset', revision: this.#feed.revision, reason }
    }
    if (this.#snapshotDue) return this.#feed.loaded ? this.#snapshot() : undefined
    const delivery = this.#older === undefined ? this.#queue[this.#taken] : undefined
    if (delivery === undefined) return undefined
    this.#taken++
    if (this.#taken === this.#queue.length) {
      this.#queue = []
      this.#taken = 0
    }
    this.#delivered = delivery.revision
    return delivery
  }

  /** undefined = it is being made: what changes meanwhile is remembered by the feed. */
  #snapshot (): Delivery | undefined {
    if (this.#fault !== undefined) throw this.#fault
    if (this.#made === undefined && this.#making === undefined) this.#make()
    const made = this.#made
    if (made === undefined) return undefined
    const { revision, instances, services } = made
    this.#made = undefined
    this.#snapshotDue = false
    this.#delivered = revision
    const missed = this.#feed.resume({ epoch: undefined, revision })
    if (typeof missed === 'string') this.reset(missed)
    else this.#resume(missed)
    return { type: 'snapshot', revision, instances, ...(services.length === 0 ? {} : { services }) }
  }

  /** A small one at once, a large one in slices. */
  #make (): void {
    const steps = watchedNow(this.#feed, this.filter)
    for (let step = 0; step < stepsAtOnce; step++) {
      const { done, value } = steps.next()
      if (done === true) {
        this.#made = value
        return
      }
    }
    const making = this.#making = {}
    inSlices(steps).then((made) => {
      if (this.#making !== making) return
      this.#making = undefined
      this.#made = made
      this.#wake()
    }).catch((error: unknown) => {
      if (this.#making !== making) return
      this.#making = undefined
      this.#fault = error instanceof Error ? error : new Error(String(error))
      this.#wake()
    })
  }

  bookmark (): Delivery | undefined {
    const { revision } = this.#feed
    if (this.#snapshotDue || this.#older !== undefined || this.#queue.length > 0 || this.#delivered >= revision) return undefined
    this.#delivered = revision
    return { type: 'bookmark', revision }
  }

  #resume ({ changes, readOlder }: Resumed): void {
    for (const change of changes) {
      const reason = this.#resetReasonOf(change)
      if (reason !== undefined) return this.reset(reason)
      this.#enqueue(change)
      if (this.#snapshotDue) return // there are too many
    }
    if (readOlder === undefined) return
    this.#older = []
    this.#stopReading = readOlder((change) => this.#takeOlder(change), (isWhole) => this.#hasOlder(isWhole))
  }

  #enqueue (change: AppliedChange): boolean {
    const delivery = this.#deliveryOf(change)
    if (delivery === undefined) return false
    if (this.#isFull()) return false
    this.#queue.push(delivery)
    return true
  }

  #takeOlder (change: AppliedChange): void {
    const reason = this.#resetReasonOf(change)
    if (reason !== undefined) return this.reset(reason)
    const delivery = this.#deliveryOf(change)
    if (delivery !== undefined && !this.#isFull()) this.#older?.push(delivery)
  }

  #hasOlder (isWhole: boolean): void {
    if (!isWhole) return this.reset('too old')
    this.#queue = [...this.#older ?? [], ...this.#queue]
    this.#older = undefined
    this.#wake()
  }

  /** Then it begins anew. */
  #isFull (): boolean {
    const isFull = this.#queue.length - this.#taken + (this.#older?.length ?? 0) >= maxQueuedChanges
    if (isFull) this.reset('the reader is too slow')
    return isFull
  }

  /** What a change means behind the filter: an instance that leaves a selector is deleted for this watch. */
  #deliveryOf (change: AppliedChange): InstanceDelivery | ServiceDelivery | undefined {
    const { instance, previous, revision, service, event } = change
    if (service !== undefined) {
      const isShown = takesServices(this.filter) && this.#inScope(change.target) && this.#sees(change.target)
      return isShown ? { type: 'change', kind: 'service', revision, event, change, service: service.manifest } : undefined
    }
    if (instance === undefined) return undefined
    const was = previous !== undefined && this.#takes(previous)
    const is = event === 'put' && this.#takes(instance)
    if (!was && !is) return undefined
    return { type: 'change', kind: 'instance', revision, event: is ? 'put' : 'delete', change, instance }
  }

  /** A declared service means what it selects; an implicit one what registered under its name. */
  #takes (instance: Instance): boolean {
    const { namespace, service } = this.filter
    if (namespace !== undefined && instance.namespace !== namespace) return false
    if (service !== undefined) {
      const declared = this.#feed.catalog.declared(instance.namespace, service)
      if (declared === undefined ? instance.service !== service : !declared.selects(instance)) return false
    }
    // Who watches one service gets what it selects, under whichever name that is registered.
    if (service === undefined ? !this.#sees(instance) : !this.#sees({ namespace: instance.namespace, service })) return false
    return selects(this.#selector, instance)
  }

  #sees ({ namespace, service }: { readonly namespace: string, readonly service: string }): boolean {
    return isSeen(this.filter, namespace, service)
  }

  #inScope (target: AppliedChange['target']): boolean {
    const { namespace, service } = this.filter
    return (namespace === undefined || target.namespace === namespace) && (service === undefined || target.service === service)
  }

  /** Why the watch must begin anew at a change; undefined = it need not. */
  #resetReasonOf (change: AppliedChange): string | undefined {
    const { service, event, target } = change
    if (change.isVague === true && this.#isUnclear(change)) return 'too old'
    // The watched name stands for other instances from here on.
    if (service?.isAnew !== true || this.filter.service === undefined || !this.#inScope(target)) return undefined
    return event === 'put' ? `service "${target.service}" was declared, or selects others` : `the declared service "${target.service}" was removed`
  }

  /** Whether the watch may have had what a change replaced, or took away, of which nobody knows what it was. */
  #isUnclear ({ kind, event, instance, target }: AppliedChange): boolean {
    if (selectsNothing(this.#selector)) return false
    const { namespace, service } = this.filter
    if (kind === 'service') return takesServices(this.filter) && this.#inScope(target)
    if (kind !== 'instance' || (event === 'put' && instance !== undefined && this.#takes(instance))) return false
    if (namespace !== undefined && namespace !== target.namespace) return false
    return service === undefined || service === target.service || this.#feed.catalog.declared(target.namespace, service) !== undefined
  }
}
