// All watchers of a node, of either kind: one clock for them all, one place that wakes them, one goodbye.
import type { ObjectsView, ServerFrame, WatchView } from '../../../client-sdk/src/wire.ts'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import type { AppliedChange, CorePosition, Cursor, Delivery, EndpointsDelivery, Follow, ObjectsDelivery, ObjectsFilter, Watch, WatchFilter } from '../../registry/core.ts'
import type { Frame, FrameEncoder } from './frames.ts'
import { invalid, RegistryError } from '../../errors.ts'
import { type Share, type Shares } from '../../shares.ts'
import { sliceMs } from '../../slice.ts'
import { catchUpMs, closeGraceMs, maxCatchUps, tickMs } from '../server/limits.ts'

/** That the node has lost its store, or has it again. */
export type HealthFrame = Extract<ServerFrame, { readonly type: 'stale' | 'current' }>

/** Watchers that are ticked in one go; each may get a frame, and 10,000 of them would hold everybody else up. */
const ticksAtOnce = 250

/** A connected client that follows changes. */
export interface Watcher {
  readonly kind: 'websocket' | 'event-stream'
  /** Hands out what is due, as far as the client takes it. */
  pump (): void
  /** Called every `tickMs`. */
  tick (): void
  /** Tells that the node's view is stale from now on, or current again. */
  health (frame: HealthFrame): void
  /** Says that the node is going, and where others are, and ends. */
  goodbye (reason: string, nodes: readonly string[]): void
  /** Ends at once. */
  cut (): void
}

const goingReason = 'this node is shutting down'

export class Watchers {
  readonly #clock: Clock
  readonly #guard: Guard
  readonly #otherNodes: () => readonly string[]
  readonly #members = new Set<Watcher>()
  readonly #counts = { websocket: 0, 'event-stream': 0 }
  readonly #woken = new Set<Watcher>()
  #flushing = false
  /** Watches that wait for their cursor: they leave room for the reads that wait for a revision. */
  catchingUp = 0
  #cancelTick: () => void
  #emptied: (() => void) | undefined
  #isTold = false

  /** @param otherNodes the addresses of the other nodes */
  constructor (clock: Clock, guard: Guard, otherNodes: () => readonly string[]) {
    this.#clock = clock
    this.#guard = guard
    this.#otherNodes = otherNodes
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
    if (this.#isTold) watcher.goodbye(goingReason, this.#otherNodes()) // it was on its way when the others got their goodbye
  }

  delete (watcher: Watcher): void {
    if (!this.#members.delete(watcher)) return
    this.#counts[watcher.kind]--
    this.#woken.delete(watcher)
    if (this.#members.size === 0) this.#emptied?.()
  }

  /** Something is due for a watcher: it is sent after the whole node has applied the change, once for many changes. */
  wake (watcher: Watcher): void {
    this.#woken.add(watcher)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(this.#guard.around('watch', () => this.#flush()))
  }

  /** Tells all at once whether what they get is fresh. */
  health (frame: HealthFrame): void {
    for (const watcher of this.#members) this.#do(watcher, () => watcher.health(frame))
  }

  /** Tells all that the node is going, so that they look for another one. */
  goodbye (): void {
    this.#isTold = true
    const nodes = this.#otherNodes()
    for (const watcher of [...this.#members]) watcher.goodbye(goingReason, nodes)
  }

  /** Says goodbye to all, waits a moment for them to go, and cuts the rest; at once those that got a goodbye before. */
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
    const until = performance.now() + sliceMs
    for (const watcher of this.#woken) {
      this.#woken.delete(watcher)
      this.#do(watcher, () => watcher.pump())
      if (performance.now() < until) continue
      // The others in the next turn of the loop; who is woken meanwhile is behind them.
      for (const next of this.#woken) return this.wake(next)
    }
  }

  #tick (): void {
    this.#cancelTick = this.#clock.after(tickMs, () => this.#tick())
    this.#tickSome(this.#members.values())
  }

  #tickSome (waiting: Iterator<Watcher, undefined>): void {
    for (let n = 0; n < ticksAtOnce; n++) {
      const next = waiting.next()
      if (next.done === true) return
      this.#do(next.value, () => next.value.tick())
    }
    setImmediate(this.#guard.around('watch', () => this.#tickSome(waiting)))
  }

  /** A watcher that fails in a way that it cannot tell its client of is cut; the others go on. */
  #do (watcher: Watcher, act: () => void): void {
    if (!this.#guard.attempt('watch', act)) this.#guard.attempt('watch', () => watcher.cut())
  }
}

/** A frame, and the delivery that it is of. */
export type Due = Frame & { readonly delivery: Delivery | EndpointsDelivery | ObjectsDelivery }

const kindsOfView: Readonly<Record<ObjectsView, ObjectsFilter['kinds']>> = {
  ingresses: ['Ingress', 'IngressClass', 'Secret'], horizontalpodautoscalers: ['HorizontalPodAutoscaler']
}

/** @throws RegistryError REG_INVALID for a filter that the view does not have */
export function checkView (view: WatchView, { service, selector }: { readonly service?: string | undefined, readonly selector?: string | undefined }): void {
  if (view === 'instances' || view === 'endpoints') return
  const given = Object.entries({ service, selector }).filter(([, value]) => value !== undefined)
  if (given.length > 0) throw invalid(given.map(([field, value]) => ({ field, value, rule: `must be absent: the view ${view} is of a namespace, or of all` })))
}

/** One subscription of a watcher. It may have to wait first, when its cursor is one that this node has not reached. */
export class PendingWatch {
  readonly id: number
  readonly #position: CorePosition
  readonly #follow: Follow
  readonly #cancel = new AbortController()
  readonly #encoder: FrameEncoder
  readonly #watchers: Watchers
  #watch: Watch<Delivery | EndpointsDelivery | ObjectsDelivery> | undefined
  #share: Share | undefined
  /** What is being sent, if it has more frames. */
  #current: { readonly delivery: Delivery | EndpointsDelivery | ObjectsDelivery, readonly frames: Iterator<Frame, void> } | undefined

  constructor (position: CorePosition, follow: Follow, id: number, encoder: FrameEncoder, watchers: Watchers) {
    this.#position = position
    this.#follow = follow
    this.id = id
    this.#encoder = encoder
    this.#watchers = watchers
  }

  /**
   * Takes its share of all subscriptions.
   * @param gaveWay called when it has to go for another client's; it is closed then
   * @throws RegistryError REG_NODE_FULL
   */
  join (shares: Shares, client: string, gaveWay: (error: RegistryError) => void): void {
    this.#share = shares.take(client, 1, () => {
      this.close()
      gaveWay(full())
    })
    if (this.#share === undefined) throw full()
  }

  /**
   * Begins. After a fail-over to a node that lags, the cursor is ahead of it: that is worth a moment, a snapshot costs more.
   * @throws RegistryError REG_LIMIT_REACHED
   */
  async open (view: WatchView, filter: WatchFilter, since: Cursor | undefined, wake: () => void): Promise<void> {
    const { revision, epoch } = this.#position
    const isAhead = since !== undefined && since.revision > revision && (since.epoch === undefined || since.epoch === epoch)
    if (isAhead && this.#watchers.catchingUp < maxCatchUps) {
      this.#watchers.catchingUp++
      await this.#follow.waitFor(since, catchUpMs, this.#cancel.signal).catch(() => undefined) // then it begins with `reset`
      this.#watchers.catchingUp--
    }
    if (this.#cancel.signal.aborted) return
    this.#watch = this.#begin(view, filter, since, wake)
    wake()
  }

  #begin (view: WatchView, filter: WatchFilter, since: Cursor | undefined, wake: () => void): Watch<Delivery | EndpointsDelivery | ObjectsDelivery> {
    switch (view) {
      case 'endpoints': return this.#follow.watchEndpoints(filter, since, wake)
      case 'instances': return this.#follow.watch(filter, since, wake)
      default: return this.#follow.watchObjects({ namespace: filter.namespace, kinds: kindsOfView[view] }, since, wake)
    }
  }

  /** The next frame, made now; undefined = nothing is due. */
  next (): Due | undefined {
    if (this.#current === undefined) {
      const delivery = this.#watch?.next()
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
    const delivery = this.#current === undefined ? this.#watch?.bookmark() : undefined
    return delivery?.type === 'bookmark' ? { delivery, pieces: [this.#encoder.encode(this.id, delivery)], isLast: true } : undefined
  }

  concerns (change: AppliedChange): boolean {
    return this.#watch?.concerns(change) ?? false
  }

  close (): void {
    this.#cancel.abort()
    this.#share?.release()
    this.#watch?.close()
    this.#watch = undefined
    this.#current = undefined
  }
}

function full (): RegistryError {
  return new RegistryError('REG_NODE_FULL', 'this node serves as many subscriptions as it can: ask another one', undefined, { retryAfterSeconds: 1 })
}
