// All watchers of a node, of either kind: one clock for them all, one place that wakes them, one goodbye.
import type { Guard } from '../../guard.ts'
import type { Cursor } from '../../registry/feed/cursor.ts'
import type { Registry } from '../../registry/registry.ts'
import type { EndpointsDelivery } from '../../registry/feed/endpoints-subscription.ts'
import type { Delivery, Followed, WatchFilter } from '../../registry/feed/subscription.ts'
import type { WatchView } from '../../../client-sdk/src/wire.ts'
import type { AppliedChange } from '../../registry/feed/change-ring.ts'
import type { Clock } from '../../registry/timers.ts'
import type { Frame, FrameEncoder } from './frames.ts'
import { catchUpMs, closeGraceMs, tickMs } from '../server/limits.ts'

/** A connected client that is told of changes. */
export interface Watcher {
  readonly kind: 'websocket' | 'event-stream'
  /** Hands out what is due, as far as the client takes it. */
  pump (): void
  /** Called every `tickMs`. */
  tick (): void
  /** Says that the node is going, and ends. */
  goodbye (reason: string): void
  /** Ends at once. */
  cut (): void
}

const goingReason = 'this node is shutting down'

export class Watchers {
  readonly #clock: Clock
  readonly #guard: Guard
  readonly #members = new Set<Watcher>()
  readonly #counts = { websocket: 0, 'event-stream': 0 }
  #woken = new Set<Watcher>()
  #flushing = false
  #cancelTick: () => void
  #emptied: (() => void) | undefined
  #isTold = false

  constructor (clock: Clock, guard: Guard) {
    this.#clock = clock
    this.#guard = guard
    this.#cancelTick = clock.after(tickMs, () => this.#tick())
  }

  get size (): number {
    return this.#members.size
  }

  get counts (): { readonly websocket: number, readonly eventStream: number } {
    return { websocket: this.#counts.websocket, eventStream: this.#counts['event-stream'] }
  }

  add (watcher: Watcher): void {
    this.#members.add(watcher)
    this.#counts[watcher.kind]++
    if (this.#isTold) watcher.goodbye(goingReason) // it was on its way when the others were told
  }

  delete (watcher: Watcher): void {
    if (!this.#members.delete(watcher)) return
    this.#counts[watcher.kind]--
    this.#woken.delete(watcher)
    if (this.#members.size === 0) this.#emptied?.()
  }

  /** Something is due for a watcher: it is pumped after the change has been taken in everywhere, once for many changes. */
  wake (watcher: Watcher): void {
    this.#woken.add(watcher)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(this.#guard.around('watch', () => this.#flush()))
  }

  /** Tells all that the node is going, so that they look for another one. */
  goodbye (): void {
    this.#isTold = true
    for (const watcher of [...this.#members]) watcher.goodbye(goingReason)
  }

  /** Says goodbye to all, waits a moment for them to go, and cuts the rest; at once those that were told before. */
  async close (): Promise<void> {
    this.#cancelTick()
    this.#cancelTick = () => undefined
    if (this.#isTold) {
      for (const watcher of [...this.#members]) watcher.cut()
      return
    }
    this.goodbye()
    if (this.#members.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#emptied = resolve
    const timer = setTimeout(resolve, closeGraceMs) // real time: it bounds what real sockets may take
    await promise
    clearTimeout(timer)
    for (const watcher of [...this.#members]) this.#guard.attempt('watch', () => watcher.cut())
  }

  #flush (): void {
    this.#flushing = false
    const woken = this.#woken
    this.#woken = new Set()
    for (const watcher of woken) this.#do(watcher, () => watcher.pump())
  }

  #tick (): void {
    this.#cancelTick = this.#clock.after(tickMs, () => this.#tick())
    for (const watcher of this.#members) this.#do(watcher, () => watcher.tick())
  }

  /** A watcher that fails in a way that it cannot tell its client of is cut; the others go on. */
  #do (watcher: Watcher, act: () => void): void {
    if (!this.#guard.attempt('watch', act)) this.#guard.attempt('watch', () => watcher.cut())
  }
}

/** A frame, and the delivery that it is of. */
export type Due = Frame & { readonly delivery: Delivery | EndpointsDelivery }

/** One subscription of a watcher. It may have to wait first, when its cursor is one that this node has not reached. */
export class Watch {
  readonly id: number
  readonly #registry: Registry
  readonly #cancel = new AbortController()
  readonly #encoder: FrameEncoder
  #subscription: Followed<Delivery | EndpointsDelivery> | undefined
  /** What is being sent, if it has more frames. */
  #current: { readonly delivery: Delivery | EndpointsDelivery, readonly frames: Iterator<Frame, void> } | undefined

  constructor (registry: Registry, id: number, encoder: FrameEncoder) {
    this.#registry = registry
    this.id = id
    this.#encoder = encoder
  }

  /**
   * Begins. After a fail-over to a node that lags, the cursor is ahead of it: that is worth a moment, a snapshot costs more.
   * @throws RegistryError REG_LIMIT_REACHED
   */
  async open (view: WatchView, filter: WatchFilter, since: Cursor | undefined, wake: () => void): Promise<void> {
    const { feed, watches } = this.#registry
    if (since !== undefined && since.revision > feed.revision && (since.epoch === undefined || since.epoch === feed.epoch)) {
      await this.#registry.waitFor(since, catchUpMs, this.#cancel.signal).catch(() => undefined) // then it begins with `reset`
    }
    if (this.#cancel.signal.aborted) return
    this.#subscription = view === 'endpoints' ? watches.subscribeEndpoints(filter, since, wake) : watches.subscribe(filter, since, wake)
    wake()
  }

  /** The next frame, made now; undefined = nothing is due. */
  next (): Due | undefined {
    if (this.#current === undefined) {
      const delivery = this.#subscription?.next()
      if (delivery === undefined) return undefined
      this.#current = { delivery, frames: this.#encoder.frames(this.id, delivery) }
    }
    const { delivery, frames } = this.#current
    const { value: frame, done } = frames.next()
    // Of endpoints each part of a snapshot is a delivery of its own.
    if (done === true || frame.isLast || delivery.type !== 'snapshot') this.#current = undefined
    return done === true ? undefined : { ...frame, delivery }
  }

  bookmark (): Due | undefined {
    const delivery = this.#current === undefined ? this.#subscription?.bookmark() : undefined
    return delivery?.type === 'bookmark' ? { delivery, text: this.#encoder.encode(this.id, delivery), isLast: true } : undefined
  }

  concerns (change: AppliedChange): boolean {
    return this.#subscription?.concerns(change) ?? false
  }

  close (): void {
    this.#cancel.abort()
    if (this.#subscription !== undefined) this.#registry.watches.unsubscribe(this.#subscription)
    this.#subscription = undefined
    this.#current = undefined
  }
}
