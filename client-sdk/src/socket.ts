// One WebSocket for everything that streams: subscriptions, acknowledgements, heartbeats of sessions. Reconnects and resumes by itself.
import { fullJitter } from './backoff.ts'
import type { Clock } from './clock.ts'
import { asError, RollcallError } from './errors.ts'
import type { Emit } from './events.ts'
import { SnapshotParts } from './snapshot-parts.ts'
import type { ClientFrame, Heartbeat, HeartbeatAnswer, ServerFrame, WatchView } from './wire.ts'

/** As much of the global `WebSocket` as the SDK uses. */
export interface WebSocketLike {
  send (data: string): void
  close (code?: number, reason?: string): void
  addEventListener (type: 'open' | 'message' | 'close' | 'error', listener: (event: { data?: unknown, reason?: string, message?: string }) => void): void
}
export type WebSocketConstructor = new (url: string, options?: { headers: Record<string, string> }) => WebSocketLike

export type SubscriptionFrame = Extract<ServerFrame, { type: 'snapshot' | 'change' | 'bookmark' | 'reset' }>

export interface Subscriber {
  readonly query: { readonly view?: WatchView, readonly namespace?: string, readonly service?: string, readonly selector?: string }
  /** Where to go on after a reconnect; undefined = from a snapshot. */
  cursor (): string | undefined
  receive (frame: SubscriptionFrame): void
  /** The registry refused the subscription. */
  fail (error: RollcallError): void
  /** The first revision that was received and not yet processed. */
  waiting (): string | undefined
}

export interface SocketOptions {
  readonly addresses: readonly string[]
  /** The index of the address to begin with. */
  readonly first: () => number
  readonly token: string | undefined
  readonly WebSocket: WebSocketConstructor | undefined
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly emit: Emit
  readonly opened: () => void
  /** It did not come to life several times in a row: whoever needs fresh lists should ask for them. */
  readonly troubled: () => void
}

/** A frame is due at least so often: after a silence the registry is asked, since a WebSocket can't see its peer vanish. */
const silenceMs = 20_000
/** One failure is a restarting node; three are a proxy that lets no WebSocket through, or an outage. */
const troubleAfter = 3
/** These answers to a subscription mean "not now". */
const passingCodes = new Set([
  'REG_NOT_LOADED', 'REG_STORE_UNAVAILABLE', 'REG_SHUTTING_DOWN', 'REG_OVERLOADED', 'REG_INTERNAL', 'REG_REVISION_TIMEOUT'
])

interface PendingBeat {
  readonly resolve: (answer: HeartbeatAnswer) => void
  readonly reject: (error: Error) => void
}

export class Socket {
  readonly #options: SocketOptions
  readonly #subscribers = new Map<number, Subscriber>()
  readonly #beats = new Map<number, PendingBeat>()
  readonly #parts = new SnapshotParts()
  #sessions = 0
  #socket: WebSocketLike | undefined
  #open = false
  #closed = false
  #address: number | undefined
  #failures = 0
  #nextId = 1
  /** The timer of the phase: to connect, to have connected, to have heard something. */
  #timer: unknown
  #processed: { readonly epoch: string, readonly number: number } | undefined
  #acknowledged = ''
  #ackPlanned = false

  constructor (options: SocketOptions) {
    this.#options = options
  }

  get available (): boolean {
    return this.#options.WebSocket !== undefined
  }

  get isOpen (): boolean {
    return this.#open
  }

  /** False when lists would not be kept fresh by it. */
  get healthy (): boolean {
    return this.available && this.#failures < troubleAfter
  }

  subscribe (subscriber: Subscriber): void {
    if (this.#closed || !this.available) return
    const id = this.#nextId++
    this.#subscribers.set(id, subscriber)
    if (this.#open) this.#sendSubscription(id, subscriber)
    this.#need()
  }

  unsubscribe (subscriber: Subscriber): void {
    for (const [id, known] of this.#subscribers) {
      if (known !== subscriber) continue
      this.#subscribers.delete(id)
      this.#parts.forget(id)
      if (this.#open) this.#send({ type: 'unsubscribe', id })
    }
    this.#need()
  }

  /** So many registrations have the socket as their session: it stays open for them. */
  keep (sessions: number): void {
    this.#sessions = sessions
    this.#need()
  }

  /** Says that a revision has been processed. Acknowledged is what no subscription has waiting, so that it is true of the whole process. */
  processed (revision: string): void {
    const { epoch, number } = parseRevision(revision)
    if (this.#processed?.epoch === epoch && this.#processed.number > number) return
    this.#processed = { epoch, number }
    if (this.#ackPlanned) return
    this.#ackPlanned = true
    queueMicrotask(() => this.#acknowledge()) // one for many events of one frame burst
  }

  /** Renews leases over the socket and binds them to it; undefined while it is not open. */
  beat (leases: readonly Heartbeat[], timeoutMs: number): Promise<HeartbeatAnswer> | undefined {
    return this.#open ? this.#exchange(leases, timeoutMs, true) : undefined
  }

  close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#subscribers.clear()
    this.#sessions = 0
    this.#drop(new RollcallError('REGISTRY_CLOSED', 'the client is closed'))
  }

  /** Opens the socket when somebody needs it, closes it when nobody does any more. */
  #need (): void {
    const wanted = this.available && !this.#closed && (this.#subscribers.size > 0 || this.#sessions > 0)
    if (!wanted) {
      this.#failures = 0
      this.#drop(new RollcallError('REGISTRY_CLOSED', 'nobody needs the socket'))
    } else if (this.#socket === undefined && this.#timer === undefined) {
      this.#connect()
    }
  }

  #connect (): void {
    const { addresses, first, token, WebSocket, timeoutMs } = this.#options
    if (WebSocket === undefined) return
    this.#address ??= first()
    const url = `${(addresses[this.#address] ?? '').replace(/^http/, 'ws')}/v1/watch`
    let socket: WebSocketLike
    try {
      socket = token === undefined ? new WebSocket(url) : new WebSocket(url, { headers: { authorization: `Bearer ${token}` } })
    } catch (cause) {
      return this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `${url}: ${asError(cause).message}`, { cause }))
    }
    this.#socket = socket
    const current = (action: (event: { data?: unknown, reason?: string, message?: string }) => void) => (event: object): void => {
      if (this.#socket === socket) action(event)
    }
    const gone = (text: string): void => this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `${url}: ${text}`))
    socket.addEventListener('open', current(() => this.#opened()))
    socket.addEventListener('message', current(({ data }) => this.#receive(data)))
    socket.addEventListener('close', current(({ reason }) => gone(reason === undefined || reason === '' ? 'the connection was closed' : reason)))
    socket.addEventListener('error', current(({ message }) => gone(message === undefined || message === '' ? 'the connection failed' : message)))
    this.#arm(timeoutMs, () => gone(`no connection within ${timeoutMs} ms`))
  }

  #opened (): void {
    this.#open = true
    this.#listen()
    for (const [id, subscriber] of this.#subscribers) this.#sendSubscription(id, subscriber)
    this.#options.opened()
  }

  /** After a silence, an empty heartbeat: any answer proves that somebody is there. */
  #listen (): void {
    this.#arm(silenceMs, () => {
      const socket = this.#socket
      this.#exchange([], this.#options.timeoutMs, false).catch((error: unknown) => {
        if (this.#socket === socket) this.#lost(asError(error))
      })
    })
  }

  #sendSubscription (id: number, subscriber: Subscriber): void {
    const since = subscriber.cursor()
    this.#send({ type: 'subscribe', id, ...subscriber.query, ...(since === undefined ? {} : { since }) })
  }

  #send (frame: ClientFrame): void {
    try {
      this.#socket?.send(JSON.stringify(frame))
    } catch (error) {
      this.#lost(asError(error)) // it is closing; the close event would come later
    }
  }

  #exchange (leases: readonly Heartbeat[], timeoutMs: number, session: boolean): Promise<HeartbeatAnswer> {
    const { clock } = this.#options
    const id = this.#nextId++
    return new Promise<HeartbeatAnswer>((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        this.#beats.delete(id)
        reject(new RollcallError('REGISTRY_TIMEOUT', `no answer on the WebSocket within ${Math.round(timeoutMs)} ms`))
      }, timeoutMs, true)
      const settle = <Value>(action: (value: Value) => void) => (value: Value): void => {
        clock.clearTimeout(timer)
        this.#beats.delete(id)
        action(value)
      }
      this.#beats.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#send({ type: 'heartbeat', id, ...(session ? { session } : {}), leases })
    })
  }

  #receive (data: unknown): void {
    let frame: ServerFrame
    try {
      if (typeof data !== 'string') throw new Error('a frame must be text')
      frame = JSON.parse(data) as ServerFrame // checked by `type` below; its fields are the registry's word
      if (typeof frame !== 'object' || frame === null) throw new Error('a frame must be an object')
    } catch (cause) {
      return this.#lost(new RollcallError('REGISTRY_BAD_ANSWER', `the WebSocket sent what is no frame: ${asError(cause).message}`, { cause }))
    }
    this.#failures = 0 // not when it opens: one that opens and breaks again must not be tried without pause
    this.#listen()
    switch (frame.type) {
      case 'snapshot': {
        const subscriber = this.#subscribers.get(frame.id)
        // Those of endpoints are put together where they are read.
        const whole = subscriber === undefined || 'endpoints' in frame ? frame : this.#parts.take(frame)
        return whole === undefined ? undefined : subscriber?.receive(whole)
      }
      case 'reset':
        this.#parts.forget(frame.id)
        return this.#subscribers.get(frame.id)?.receive(frame)
      case 'change':
      case 'bookmark':
        return this.#subscribers.get(frame.id)?.receive(frame)
      case 'heartbeat':
        return this.#beats.get(frame.id ?? 0)?.resolve(frame)
      case 'goodbye':
        return this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `the registry node says goodbye: ${frame.reason}`))
      case 'error':
        return this.#refused(new RollcallError(frame.code, frame.detail, { errors: frame.errors, moreErrors: frame.moreErrors }), frame.id)
    }
  }

  #refused (error: RollcallError, id: number | undefined): void {
    const beat = this.#beats.get(id ?? 0)
    if (beat !== undefined) return beat.reject(error)
    const subscriber = this.#subscribers.get(id ?? 0)
    if (subscriber === undefined) {
      if (id === undefined) this.#options.emit({ type: 'error', error }) // with an id: of a subscription that has ended meanwhile
      return
    }
    if (passingCodes.has(error.code)) {
      this.#failures = Math.max(this.#failures, 1)
      return this.#lost(error)
    }
    this.#subscribers.delete(id ?? 0)
    subscriber.fail(error)
    this.#need()
  }

  /** The connection is gone: on to the next address after a pause. */
  #lost (error: Error): void {
    const { addresses, clock, random, troubled } = this.#options
    this.#drop(error)
    this.#address = ((this.#address ?? 0) + 1) % addresses.length
    const pause = fullJitter(this.#failures++, random)
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#need()
    }, pause, this.#subscribers.size === 0)
    if (this.#failures === troubleAfter) troubled()
  }

  #drop (error: Error): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const socket = this.#socket
    this.#socket = undefined
    this.#open = false
    this.#parts.clear()
    try {
      socket?.close(1000)
    } catch {} // some throw while connecting
    for (const beat of [...this.#beats.values()]) beat.reject(error)
  }

  #arm (ms: number, action: () => void): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(action, ms, true)
  }

  #acknowledge (): void {
    this.#ackPlanned = false
    if (this.#processed === undefined || !this.#open) return
    const { epoch, number } = this.#processed
    for (const subscriber of this.#subscribers.values()) {
      const waiting = subscriber.waiting()
      if (waiting === undefined) continue
      const first = parseRevision(waiting)
      if (first.epoch !== epoch || first.number <= number) return // it will be acknowledged when that one is through
    }
    const revision = `${epoch}.${number}`
    if (revision === this.#acknowledged) return
    this.#acknowledged = revision
    this.#send({ type: 'ack', revision })
  }
}

/** A cursor is `epoch.number`. */
export function parseRevision (revision: string): { readonly epoch: string, readonly number: number } {
  const dot = revision.lastIndexOf('.')
  return { epoch: revision.slice(0, dot), number: Number(revision.slice(dot + 1)) }
}

/** True if `revision` tells nothing new to somebody who is at `cursor`. */
export function isKnown (revision: string, cursor: string | undefined): boolean {
  if (cursor === undefined) return false
  const now = parseRevision(revision)
  const then = parseRevision(cursor)
  return now.epoch === then.epoch && now.number <= then.number
}
