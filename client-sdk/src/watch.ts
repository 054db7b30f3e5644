// A subscription as an async iterator: revision order, no gap, no duplicate, a buffer with an end.
import { asError, RollcallError } from './errors.ts'
import { isKnown, isSmaller } from './cursor.ts'
import type { Emit } from './events.ts'
import { HeldServices } from './held-services.ts'
import type { Socket } from './socket.ts'
import type { Subscriber, SubscriptionFrame } from './subscriber.ts'
import type { Service } from './manifests.ts'
import { PartList } from './snapshot-parts.ts'
import type { DeclaredObject, Instance, ObjectsView, Reason, ServiceEndpoints } from './wire.ts'

export interface WatchOptions {
  /** The view: each change of an instance. `EndpointsWatchOptions` has the other view. */
  readonly view?: 'instances' | undefined
  /** `*` = all of them. Default: the client's. */
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly selector?: string | undefined
  /** The `revision` of the last event that was processed: no snapshot, only what came after. */
  readonly since?: string | undefined
  /** Events that may wait for the loop, default 1,000. Past that they are dropped and `reset` comes, with a new snapshot. */
  readonly bufferSize?: number | undefined
}

/** A watch of whole services with their resolved ports and endpoints, instead of instances one by one. */
export interface EndpointsWatchOptions extends Omit<WatchOptions, 'view'> {
  readonly view: 'endpoints'
}

/** A watch of declared objects: see `ObjectsView`. */
export interface ObjectsWatchOptions extends Omit<WatchOptions, 'view' | 'service' | 'selector'> {
  readonly view: ObjectsView
}

export type WatchEvent =
  /** The whole list: forget what you had. */
  | { readonly type: 'snapshot', readonly revision: string, readonly instances: readonly Instance[], readonly services?: readonly Service[] }
  | { readonly type: 'put', readonly revision: string, readonly reason: Reason, readonly at: string, readonly instance: Instance }
  /** `instance` is its last known form. */
  | { readonly type: 'delete', readonly revision: string, readonly reason: Reason, readonly at: string, readonly instance: Instance }
  /** A declared service came, changed or went; with `removed` it is its last known form. */
  | { readonly type: 'service', readonly revision: string, readonly reason: Reason, readonly at: string, readonly removed: boolean, readonly service: Service }
  /** Nothing of interest happened up to this revision: a good place to resume from. */
  | { readonly type: 'bookmark', readonly revision: string }
  /** Events are missing; a snapshot follows. */
  | { readonly type: 'reset', readonly revision: string, readonly reason: string }

/** What a watch with `view: 'endpoints'` tells. */
export type EndpointsEvent =
  /** All services in scope: forget what you had. */
  | { readonly type: 'endpoints-snapshot', readonly revision: string, readonly services: readonly ServiceEndpoints[] }
  /** A service as it is now, whole; a burst of changes is sent once. Where one change touches several, `revision` moves with the last. */
  | { readonly type: 'endpoints', readonly revision: string, readonly at: string, readonly endpoints: ServiceEndpoints }
  /** The service is gone. */
  | { readonly type: 'endpoints-gone', readonly revision: string, readonly at: string, readonly namespace: string, readonly service: string }
  | Extract<WatchEvent, { readonly type: 'bookmark' | 'reset' }>

/** What a watch with the view `ingresses` or `horizontalpodautoscalers` tells. */
export type ObjectsEvent =
  /** All objects in scope: forget what you had. */
  | { readonly type: 'objects-snapshot', readonly revision: string, readonly objects: readonly DeclaredObject[] }
  /** An object as it is now; many changes of one may be told once. */
  | { readonly type: 'object', readonly revision: string, readonly reason: Reason, readonly at: string, readonly object: DeclaredObject }
  /** The object is gone. */
  | {
    readonly type: 'object-gone', readonly revision: string, readonly reason: Reason, readonly at: string
    readonly kind: DeclaredObject['kind'], readonly namespace: string, readonly name: string
  }
  | Extract<WatchEvent, { readonly type: 'bookmark' | 'reset' }>

/** Some seconds of a busy service, some hundred kilobytes. */
export const defaultBufferSize = 1_000

/** Made by `Rollcall.watch`. Ends when its loop is left, its signal aborted, or the client closed. */
export class Watch<Told extends WatchEvent | EndpointsEvent | ObjectsEvent = WatchEvent> implements AsyncIterableIterator<Told>, AsyncDisposable {
  readonly #socket: Socket
  readonly #bufferSize: number
  readonly #subscriber: Subscriber
  readonly #signal: AbortSignal
  readonly #abort = (): void => this.#finish()
  readonly #queue: Told[] = []
  readonly #waiting: { resolve: (result: IteratorResult<Told>) => void, reject: (error: Error) => void }[] = []
  #cursor: string | undefined
  /** The newest revision that was received, also from a list that a reset made void. */
  #newest: string | undefined
  readonly #emit: Emit
  /** Handed out, and done with when the next one is asked for. */
  #current: Told | undefined
  readonly #parts = new PartList<ServiceEndpoints>()
  readonly #objects = new PartList<DeclaredObject>()
  readonly #held = new HeldServices()
  #overflown = false
  #error: Error | undefined
  #ended = false

  /** @internal */
  constructor (
    socket: Socket, query: Subscriber['query'], since: string | undefined, bufferSize: number, signal: AbortSignal,
    emit: Emit
  ) {
    this.#emit = emit
    this.#socket = socket
    this.#bufferSize = bufferSize
    this.#cursor = since
    this.#newest = since
    this.#signal = signal
    this.#subscriber = {
      query,
      cursor: () => {
        this.#parts.clear() // of the connection before
        this.#objects.clear()
        return this.#cursor
      },
      receive: (frame) => this.#receive(frame),
      fail: (error) => this.#finish(error),
      waiting: () => (this.#current ?? this.#queue[0])?.revision
    }
    if (!socket.available) {
      this.#finish(new RollcallError('REGISTRY_NO_WEBSOCKET', 'watch needs a WebSocket, and this runtime has none'))
    } else if (signal.aborted) {
      this.#finish()
    } else {
      signal.addEventListener('abort', this.#abort, { once: true })
      socket.subscribe(this.#subscriber)
    }
  }

  next (): Promise<IteratorResult<Told>> {
    const done = this.#current
    this.#current = undefined
    if (done !== undefined && !this.#ended) this.#socket.processed(done.revision)
    const event = this.#queue.shift()
    if (event !== undefined) {
      this.#current = event
      if (this.#overflown && event.type === 'reset') this.#resume()
      return Promise.resolve({ done: false, value: event })
    }
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined // an iterator fails once, then it is done
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return (): Promise<IteratorResult<Told>> {
    if (this.#current !== undefined && !this.#ended) this.#socket.processed(this.#current.revision)
    this.#current = undefined
    this.#queue.length = 0
    this.#finish()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Ends the watch, as `return` does, and rejects with what it is given. */
  async throw (error?: unknown): Promise<IteratorResult<Told>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator] (): this {
    return this
  }

  async [Symbol.asyncDispose] (): Promise<void> {
    await this.return()
  }

  #receive (frame: SubscriptionFrame): void {
    switch (frame.type) {
      case 'reset': // the next cursor comes with the snapshot; a reconnect before that asks for one, too
        this.#cursor = undefined
        this.#parts.clear()
        this.#objects.clear()
        return this.#push({ type: 'reset', revision: frame.revision, reason: frame.reason })
      case 'snapshot': {
        if ('endpoints' in frame) {
          const services = this.#parts.add(frame.endpoints, frame.more === true)
          if (services === undefined) return
          this.#begin(frame.revision)
          this.#held.clear()
          for (const service of services) this.#held.hold(service)
          return this.#push({ type: 'endpoints-snapshot', revision: frame.revision, services })
        }
        if ('objects' in frame) {
          const objects = this.#objects.add(frame.objects, frame.more === true)
          if (objects === undefined) return
          this.#begin(frame.revision)
          return this.#push({ type: 'objects-snapshot', revision: frame.revision, objects })
        }
        const { revision, instances, services } = frame
        this.#begin(revision)
        return this.#push({ type: 'snapshot', revision, instances, ...(services === undefined ? {} : { services }) })
      }
      case 'change': {
        if (isKnown(frame.revision, this.#cursor)) return // sent twice around a reconnect
        if (frame.kind === 'endpoints') {
          const { event, at, more } = frame
          const whole = event === 'difference' ? this.#held.apply(frame.endpoints) : event === 'put' ? frame.endpoints : undefined
          if (event === 'put') this.#held.hold(frame.endpoints)
          if (event === 'delete') this.#held.forget(frame.endpoints)
          if (event === 'difference' && whole === undefined) return this.#missed(frame.revision)
          if (more !== true) this.#move(frame.revision) // else the change is not told to its end: resumed, it is told again
          const revision = this.#cursor ?? frame.revision
          if (event === 'delete') return this.#push({ type: 'endpoints-gone', revision, at, ...frame.endpoints })
          return whole === undefined ? undefined : this.#push({ type: 'endpoints', revision, at, endpoints: whole })
        }
        this.#move(frame.revision)
        if (frame.kind === 'object') {
          const { revision, reason, at } = frame
          if (frame.event === 'delete') return this.#push({ type: 'object-gone', revision, reason, at, ...frame.object })
          return this.#push({ type: 'object', revision, reason, at, object: frame.object })
        }
        if (frame.kind === 'service') {
          const { event, revision, reason, at, service } = frame
          return this.#push({ type: 'service', revision, reason, at, removed: event === 'delete', service })
        }
        const { event, revision, reason, at, instance } = frame
        return this.#push(event === 'put' ? { type: event, revision, reason, at, instance } : { type: event, revision, reason, at, instance })
      }
      case 'bookmark':
        if (isKnown(frame.revision, this.#cursor)) return
        this.#move(frame.revision)
        if (this.#queue.at(-1)?.type === 'bookmark') this.#queue.pop() // only the newest says anything
        return this.#push({ type: 'bookmark', revision: frame.revision })
    }
  }

  /** A difference is not from what was told last: only a snapshot helps. */
  #missed (revision: string): void {
    this.#socket.unsubscribe(this.#subscriber)
    this.#cursor = undefined
    this.#held.clear()
    this.#push({ type: 'reset', revision, reason: 'a difference was missed' })
    this.#resume()
  }

  /** A whole list: it replaces all that was sent before, also what was newer. */
  #begin (revision: string): void {
    if (isSmaller(revision, this.#newest)) {
      const { namespace, service } = this.#subscriber.query
      this.#emit(
        {
          type: 'regressed', ...(namespace === undefined ? {} : { namespace }),
          ...(service === undefined ? {} : { service }), from: this.#newest ?? '', to: revision
        }
      )
    }
    this.#move(revision)
  }

  #move (revision: string): void {
    this.#cursor = revision
    this.#newest = revision
  }

  /** What the view of the subscription tells, and so what `Told` is. */
  #push (told: WatchEvent | EndpointsEvent | ObjectsEvent): void {
    const event = told as Told
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      this.#current = event
      return waiting.resolve({ done: false, value: event })
    }
    this.#queue.push(event)
    if (this.#queue.length > this.#bufferSize) this.#overflow(event.revision)
  }

  /** The loop is slower than the changes: start again when it comes back, from a snapshot. */
  #overflow (revision: string): void {
    this.#socket.unsubscribe(this.#subscriber)
    this.#overflown = true
    this.#cursor = undefined
    this.#queue.length = 0
    this.#queue.push({ type: 'reset', revision, reason: `more than ${this.#bufferSize} events waited for the loop` } as Told) // either view has it
  }

  #resume (): void {
    this.#overflown = false
    if (!this.#ended) this.#socket.subscribe(this.#subscriber)
  }

  #finish (error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#signal.removeEventListener('abort', this.#abort)
    this.#socket.unsubscribe(this.#subscriber)
    if (error === undefined) {
      this.#queue.length = 0
    } else {
      this.#error = asError(error)
      const waiting = this.#waiting.shift()
      if (waiting !== undefined) {
        waiting.reject(this.#error)
        this.#error = undefined
      }
    }
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
  }
}
