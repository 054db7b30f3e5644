// One WebSocket for everything that streams: subscriptions, acknowledgements, heartbeats of sessions. Reconnects and resumes by itself.
import { Acknowledgements } from './acknowledgements.ts'
import { readFrame } from './answer-shapes.ts'
import { fullJitter } from './backoff.ts'
import { asError, RollcallError } from './errors.ts'
import { watchPath } from './paths.ts'
import { fieldErrors } from './response.ts'
import { SocketBeats } from './socket-beats.ts'
import type { SocketOptions } from './socket-options.ts'
import type { Subscriber } from './subscriber.ts'
import { Subscriptions } from './subscriptions.ts'
import { tokenOf } from './token.ts'
import type { WebSocketConstructor, WebSocketLike } from './web-socket.ts'
import type { ClientFrame, Heartbeat, HeartbeatAnswer, ServerFrame } from './wire.ts'

/** A frame is due at least so often until the registry has said how often. */
const silenceMs = 20_000
/** With other nodes to go to, a silence of this many pings is suspicious; where there is no other, of so many. */
const pingsUntilSuspicion = { several: 1.5, single: 3 } as const
/** Frames that a busy process has not read yet are read within this. */
const lastChanceMs = 150
/** A registry may not have itself asked more often, nor less often, than this. */
const pingBoundsMs = { least: 100, most: 60_000 } as const
/**
 * A connection that lasts so long is a good one: one that ends with a frame that can't be read is tried again slower
 * and slower.
 */
const goodAfterMs = 30_000
/** One failure is a restarting node; three are a proxy that lets no WebSocket through, or an outage. */
const troubleAfter = 3
export class Socket {
  readonly #options: SocketOptions
  readonly #subscriptions: Subscriptions
  readonly #beats: SocketBeats
  readonly #acknowledgements: Acknowledgements
  #sessions = 0
  #socket: WebSocketLike | undefined
  #open = false
  #closed = false
  /** What opens it is being fetched. */
  #preparing: object | undefined
  #address: number | undefined
  #failures = 0
  /** Connections in a row that ended because of what the registry sent. */
  #faults = 0
  #openedAt = 0
  #silenceMs = silenceMs
  #nextId = 1
  /** The timer of the phase: to connect, to have connected, to have heard something. */
  #timer: unknown

  constructor (options: SocketOptions) {
    this.#options = options
    this.#subscriptions = new Subscriptions(options.maxSnapshotLength, (frame) => this.#send(frame))
    this.#beats = new SocketBeats(options.clock, options.timeoutMs)
    this.#acknowledgements = new Acknowledgements({
      isOpen: () => this.#open,
      subscribers: () => this.#subscriptions.all(),
      send: (revision) => this.#send({ type: 'ack', revision })
    })
    options.nodes.onMove((index) => this.#follow(index))
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
    this.#subscriptions.add(this.#nextId++, subscriber, this.#open)
    this.#need()
  }

  unsubscribe (subscriber: Subscriber): void {
    this.#subscriptions.remove(subscriber, this.#open)
    this.#need()
  }

  /** So many registrations have the socket as their session: it stays open for them. */
  keep (sessions: number): void {
    this.#sessions = sessions
    this.#need()
  }

  /** Says that a revision has been processed. */
  processed (revision: string): void {
    this.#acknowledgements.processed(revision)
  }

  /** Renews leases over the socket and binds them to it; undefined while it is not open. */
  beat (leases: readonly Heartbeat[]): Promise<HeartbeatAnswer> | undefined {
    return this.#open ? this.#exchange(leases, true) : undefined
  }

  close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#subscriptions.clear()
    this.#sessions = 0
    this.#drop(new RollcallError('REGISTRY_CLOSED', 'the client is closed'))
  }

  /** Opens the socket when a watch or a session needs it, closes it when none does any more. */
  #need (): void {
    if (!this.#wanted) {
      this.#failures = 0
      this.#drop(new RollcallError('REGISTRY_CLOSED', 'nobody needs the socket'))
    } else if (this.#socket === undefined && this.#timer === undefined && this.#preparing === undefined) {
      this.#connect()
    }
  }

  get #wanted (): boolean {
    return this.available && !this.#closed && (this.#subscriptions.size > 0 || this.#sessions > 0)
  }

  #connect (): void {
    const { nodes, token, ticket, WebSocket, connectTimeoutMs } = this.#options
    if (WebSocket === undefined) return
    const index = this.#address = nodes.current
    const url = `${nodes.address(index).replace(/^http/, 'ws')}${watchPath}`
    if (ticket === undefined && typeof token !== 'function') return this.#begin(WebSocket, url, token)
    // What opens it has to be fetched: until then the phase is that of connecting.
    const preparing = this.#preparing = {}
    const isCurrent = (): boolean => this.#preparing === preparing
    const failed = (error: unknown): void => { if (isCurrent()) this.#lost(asError(error)) }
    this.#arm(connectTimeoutMs, () => failed(new RollcallError('REGISTRY_UNAVAILABLE', `${url}: no connection within ${connectTimeoutMs} ms`)))
    const opened = (fetched: string | undefined): void => {
      if (!isCurrent()) return
      this.#preparing = undefined
      if (ticket === undefined) this.#begin(WebSocket, url, fetched)
      else this.#begin(WebSocket, `${url}?ticket=${fetched}`, undefined)
    }
    ;(ticket === undefined ? tokenOf(token) : ticket(index)).then(opened).catch(failed)
  }

  #begin (WebSocket: WebSocketConstructor, target: string, token: string | undefined): void {
    const { connectTimeoutMs, emit } = this.#options
    const url = target.split('?', 1)[0] ?? '' // what is told of it holds no ticket
    let socket: WebSocketLike
    try {
      socket = token === undefined ? new WebSocket(target) : new WebSocket(target, { headers: { authorization: `Bearer ${token}` } })
    } catch (cause) {
      return this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `${url}: ${asError(cause).message}`, { cause }))
    }
    this.#socket = socket
    const current = (action: (event: { data?: unknown, reason?: string, message?: string }) => void) => (event: object): void => {
      if (this.#socket !== socket) return
      try {
        action(event)
      } catch (error) { // of an event handler it would end the program
        emit({ type: 'error', error: asError(error) })
        this.#lost(asError(error), true)
      }
    }
    const gone = (text: string): void => this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `${url}: ${text}`))
    socket.addEventListener('open', current(() => this.#opened()))
    socket.addEventListener('message', current(({ data }) => this.#receive(data)))
    socket.addEventListener('close', current(({ reason }) => gone(reason === undefined || reason === '' ? 'the connection was closed' : reason)))
    socket.addEventListener('error', current(({ message }) => gone(message === undefined || message === '' ? 'the connection failed' : message)))
    this.#arm(connectTimeoutMs, () => gone(`no connection within ${connectTimeoutMs} ms`))
  }

  #opened (): void {
    this.#open = true
    this.#openedAt = this.#options.clock.now()
    this.#silenceMs = silenceMs
    this.#listen()
    this.#subscriptions.opened()
    this.#options.opened()
  }

  /**
   * After a silence, an empty heartbeat: any answer proves that the node lives. If there are other nodes, they are
   * asked meanwhile.
   */
  #listen (): void {
    this.#arm(this.#silenceMs, () => {
      const socket = this.#socket
      this.#exchange([], false).catch((error: unknown) => {
        if (this.#socket === socket) this.#lost(asError(error))
      })
      this.#arm(lastChanceMs, () => this.#options.nodes.silent(this.#address ?? 0))
    })
  }

  #hello (pingMs: number): void {
    const { nodes } = this.#options
    const bounded = Math.min(Math.max(pingMs, pingBoundsMs.least), pingBoundsMs.most)
    this.#silenceMs = bounded * (nodes.several ? pingsUntilSuspicion.several : pingsUntilSuspicion.single)
    this.#listen()
  }

  /** Calls go to another node from now on: the watch and the sessions do, too. */
  #follow (index: number): void {
    if ((this.#socket === undefined && this.#preparing === undefined) || this.#address === index) return
    this.#drop(new RollcallError('REGISTRY_UNAVAILABLE', 'the client goes to another node'))
    this.#need()
  }

  #send (frame: ClientFrame): void {
    try {
      this.#socket?.send(JSON.stringify(frame))
    } catch (error) {
      this.#lost(asError(error)) // it is closing; the close event would come later
    }
  }

  #exchange (leases: readonly Heartbeat[], session: boolean): Promise<HeartbeatAnswer> {
    const id = this.#nextId++
    return this.#beats.wait(id, () => this.#send({ type: 'heartbeat', id, ...(session ? { session } : {}), leases }))
  }

  #receive (data: unknown): void {
    const { nodes, maxFrameLength } = this.#options
    let frame: ServerFrame | undefined
    try {
      if (typeof data === 'string' && data.length > maxFrameLength) throw new Error(`one of ${data.length} characters, longer than ${maxFrameLength} (maxAnswerBytes)`)
      frame = readFrame(data, (id) => this.#subscriptions.has(id as number))
    } catch (cause) {
      const error = new RollcallError(
        'REGISTRY_BAD_ANSWER',
        `the WebSocket of ${nodes.address(this.#address)} sent what is no frame: ${asError(cause).message}`, { cause }
      )
      this.#options.emit({ type: 'error', error })
      return this.#lost(error, true)
    }
    nodes.alive(this.#address ?? 0)
    this.#failures = 0 // not when it opens: one that opens and breaks again must not be tried without pause
    this.#listen()
    if (frame !== undefined) this.#take(frame, this.#address ?? 0, typeof data === 'string' ? data.length : 0)
  }

  #take (frame: ServerFrame, index: number, length: number): void {
    const { nodes } = this.#options
    switch (frame.type) {
      case 'hello':
        this.#hello(frame.pingMs)
        return nodes.heard(index, frame.stale ? 'stale' : 'current')
      case 'stale':
      case 'current':
        return nodes.heard(index, frame.type)
      case 'ping':
        return
      case 'snapshot':
      case 'reset':
      case 'change':
      case 'bookmark':
        this.#subscriptions.take(frame, length)
        return this.#need() // one that could not take it is over
      case 'heartbeat':
        return this.#beats.answer(frame.id, frame)
      case 'goodbye':
        nodes.learn(frame.nodes ?? [])
        return this.#lost(new RollcallError('REGISTRY_UNAVAILABLE', `the registry node says goodbye: ${frame.reason}`))
      case 'error':
        return this.#refused(
          new RollcallError(frame.code, frame.detail, { errors: fieldErrors(frame.errors), moreErrors: frame.moreErrors }),
          frame.id
        )
    }
  }

  #refused (error: RollcallError, id: number | undefined): void {
    if (this.#beats.refuse(id, error)) return
    const outcome = this.#subscriptions.refused(id ?? 0, error)
    if (outcome === 'over') return this.#need()
    if (outcome === 'later') {
      this.#failures = Math.max(this.#failures, 1)
      return this.#lost(error)
    }
    if (id === undefined) this.#options.emit({ type: 'error', error }) // with an id: of a subscription that has ended meanwhile
  }

  /** The connection is gone: on to the next address after a pause. */
  #lost (error: Error, isFault = false): void {
    const { nodes, clock, random, troubled } = this.#options
    const index = this.#address
    if (this.#open && this.#openedAt + goodAfterMs <= clock.now()) this.#faults = 0
    if (isFault) this.#faults++
    this.#drop(error)
    const pause = fullJitter(this.#failures++ + this.#faults, random)
    // What has a session or a list to keep must live on to come back, so this timer keeps the process alive.
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined
      this.#need()
    }, pause)
    if (index !== undefined) nodes.leave(index, error)
    if (this.#failures === troubleAfter) troubled()
  }

  #drop (error: Error): void {
    const { clock, nodes } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const socket = this.#socket
    this.#socket = undefined
    this.#preparing = undefined
    if (this.#open) this.#options.closed()
    this.#open = false
    if (this.#address !== undefined) nodes.deaf(this.#address)
    this.#address = undefined
    this.#subscriptions.dropped()
    try {
      socket?.close(1000)
    } catch {} // some throw while connecting
    this.#beats.refuseAll(error)
  }

  #arm (ms: number, action: () => void): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(action, ms, true)
  }
}
