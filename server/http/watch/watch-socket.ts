// One WebSocket: subscriptions, acknowledgements and heartbeats of a client, in the order in which they come.
//
// What goes out is pulled: a subscription hands out its next change only while little waits in the socket, so a client
// that does not read costs its bounded queues and nothing else. What comes in is read only while nothing is being done.
import type { RawData, WebSocket } from 'ws'
import type { Static } from 'typebox'
import { RegistryError, invalid } from '../../errors.ts'
import { type Checker, checked, checker } from '../../model/validate.ts'
import { parseSelector } from '../../model/instance/selector.ts'
import { type Access, type Acknowledger, type Acknowledging, type LeaseSession, parseCursor } from '../../registry/core.ts'
import { clientKey } from '../../shares.ts'
import type { HttpContext } from '../server/context.ts'
import type { FrameEncoder } from './frames.ts'
import { parseJson } from '../server/json-body.ts'
import { shapeOf } from '../server/json-scan.ts'
import {
  bookmarkTicks, highWaterBytes, maxSubscriptionsPerSocket, maxWaitingFrames, pingTicks, pongTicks, smallAnswerBytes, stalledTicks, tickMs
} from '../server/limits.ts'
import { problemOf } from '../server/problem.ts'
import { clientFrames } from '../api/schemas.ts'
import { Slice } from '../../slice.ts'
import { checkView, type Due, type HealthFrame, PendingWatch, type Watcher, type Watchers } from './watchers.ts'

type FrameType = keyof typeof clientFrames
type FrameOf<Type extends FrameType> = Static<(typeof clientFrames)[Type]>

const checkers = new Map<string, Checker>(Object.entries(clientFrames).map(([type, schema]) => [type, checker(schema)]))
/** Lists and maps of all frames: which one it is to be is known when it is read. */
const frameShape = shapeOf(...Object.values(clientFrames))
const openState = 1 // WebSocket.OPEN
const pingFrame = JSON.stringify({ type: 'ping' })

/** Closings after which a client is known to have meant it: normal, going away, without a code. */
const cleanCodes: ReadonlySet<number> = new Set([1000, 1001, 1005])

/** Whose socket it is. */
export interface SocketClient {
  readonly address: string
  /** Told to those who ask who has seen a revision. */
  readonly name: string
}

export class WatchSocket implements Watcher {
  readonly kind = 'websocket'
  readonly #socket: WebSocket
  readonly #context: HttpContext
  readonly #watchers: Watchers
  readonly #encoder: FrameEncoder
  readonly #access: Access
  readonly #address: string
  readonly #name: string
  /** Called when a frame has left the socket. */
  readonly #sent: () => void
  readonly #watches = new Map<number, PendingWatch>()
  readonly #due = new Set<PendingWatch>()
  /** End the counting of shared bytes that wait in the socket. */
  readonly #held = new Set<() => void>()
  #waiting: RawData[] = []
  #handling = false
  #drained: (() => void) | undefined
  #session: LeaseSession | undefined
  #propagation: Acknowledging | undefined
  #ticks = 0
  /** Tick of the last ping, and of its leaving the socket; undefined while none is unanswered. */
  #ping: { readonly sentAt: number, leftAt: number | undefined } | undefined
  #closedByUs = false

  constructor (socket: WebSocket, context: HttpContext, watchers: Watchers, encoder: FrameEncoder, access: Access, { address, name }: SocketClient) {
    this.#address = address
    this.#socket = socket
    this.#context = context
    this.#watchers = watchers
    this.#encoder = encoder
    this.#access = access
    this.#name = name
    const { guard } = context
    const cut = (): void => this.cut()
    this.#sent = guard.around('watch', () => this.#hasLeft(), cut)
    socket.on('message', guard.around('watch', (data: RawData, isBinary: boolean) => this.#receive(data, isBinary), cut))
    socket.on('pong', guard.around('watch', () => { this.#ping = undefined }))
    socket.on('close', guard.around('watch', (code: number) => this.#closed(code)))
    watchers.add(this)
    this.#send(encoder.encodeOwn({ type: 'hello', pingMs: tickMs, stale: !context.core.position.storeHealth.available }))
  }

  // Out ---------------------------------------------------------------------------------------------------------------

  pump (): void {
    // A subscription goes to the end of the line with each frame, so that a busy one does not starve the others.
    const slice = new Slice()
    for (const watch of this.#due) {
      if (!this.#hasRoom) return
      if (slice.isOver()) return this.#watchers.wake(this) // a snapshot is many frames: others are served between them
      this.#due.delete(watch)
      let due: Due | undefined
      try {
        due = watch.next()
      } catch (error) {
        this.#fail(watch, error)
        continue
      }
      if (due === undefined) continue
      this.#due.add(watch)
      this.#sendPieces(due.pieces)
    }
  }

  /** An unexpected error ends one subscription: the client gets an error frame, and may subscribe again. */
  #fail (watch: PendingWatch, error: unknown): void {
    this.#watches.delete(watch.id)
    this.#context.guard.attempt('watch', () => watch.close())
    this.#report(error, watch.id)
  }

  tick (): void {
    this.#ticks++
    if (this.#ping !== undefined) {
      const { sentAt, leftAt } = this.#ping
      const isLate = leftAt === undefined ? this.#ticks - sentAt >= stalledTicks : this.#ticks - leftAt >= pongTicks
      if (isLate) return this.#socket.terminate()
    } else if (this.#ticks % pingTicks === 0) {
      const ping: { readonly sentAt: number, leftAt: number | undefined } = { sentAt: this.#ticks, leftAt: undefined }
      this.#ping = ping
      if (this.#socket.readyState === openState) this.#socket.ping(undefined, undefined, this.#context.guard.around('watch', () => { ping.leftAt = this.#ticks }))
    }
    if (!this.#hasRoom) return
    if (this.#ticks % bookmarkTicks === 0) this.#bookmarks()
    // The protocol's own pings don't reach a program: by this one it knows a node that has been frozen, and goes to another.
    this.#send(pingFrame)
  }

  health (frame: HealthFrame): void {
    this.#send(this.#encoder.encodeOwn(frame))
  }

  goodbye (reason: string, nodes: readonly string[]): void {
    this.#closedByUs = true
    this.#send(this.#encoder.encodeOwn({ type: 'goodbye', reason, ...(nodes.length === 0 ? {} : { nodes }) }))
    this.#socket.close(1001, reason)
  }

  cut (): void {
    this.#closedByUs = true
    this.#socket.terminate()
  }

  get #hasRoom (): boolean {
    return this.#socket.readyState === openState && this.#socket.bufferedAmount < highWaterBytes
  }

  #bookmarks (): void {
    for (const watch of this.#watches.values()) {
      const due = this.#due.has(watch) ? undefined : watch.bookmark()
      if (due !== undefined) this.#sendPieces(due.pieces)
    }
  }

  #send (text: string): void {
    if (this.#socket.readyState === openState) this.#socket.send(text, this.#sent)
  }

  /** One message, in as many frames as it has pieces (RFC 6455 5.4): those that others get too are not copied. */
  #sendPieces (pieces: Due['pieces']): void {
    for (const [index, piece] of pieces.entries()) {
      const fin = index === pieces.length - 1
      if (this.#socket.readyState !== openState) return
      if (Buffer.isBuffer(piece) && piece.length >= smallAnswerBytes) this.#sendShared(piece, fin)
      else this.#socket.send(piece, { binary: false, fin }, fin ? this.#sent : undefined)
    }
  }

  #sendShared (bytes: Buffer, fin: boolean): void {
    const { guard, commons } = this.#context
    const left = commons.sharedBytes.hold(bytes, this.#address, () => this.cut())
    this.#held.add(left)
    this.#socket.send(bytes, { binary: false, fin }, guard.around('watch', () => {
      left()
      this.#held.delete(left)
      if (fin) this.#sent()
    }))
  }

  #hasLeft (): void {
    if (!this.#hasRoom) return
    this.#drained?.()
    // In the next turn of the loop: what the system takes at once would go on without end.
    if (this.#due.size > 0) this.#watchers.wake(this)
  }

  #refuse (code: 1003 | 1008, reason: string): void {
    this.#closedByUs = true
    this.#waiting = []
    this.#socket.close(code, reason)
  }

  // In ----------------------------------------------------------------------------------------------------------------

  #receive (data: RawData, isBinary: boolean): void | Promise<void> {
    if (this.#socket.readyState !== openState) return
    if (isBinary) return this.#refuse(1003, 'frames are JSON texts')
    if (this.#waiting.length >= maxWaitingFrames) return this.#refuse(1008, 'too many frames at once')
    this.#waiting.push(data)
    if (!this.#handling) return this.#handleWaiting()
  }

  async #handleWaiting (): Promise<void> {
    this.#handling = true
    this.#socket.pause()
    try {
      await this.#handleAll()
    } finally {
      this.#handling = false
      this.#socket.resume()
    }
  }

  async #handleAll (): Promise<void> {
    while (this.#waiting.length > 0) {
      const frames = this.#waiting
      this.#waiting = []
      for (const data of frames) {
        if (!this.#hasRoom) await this.#room()
        if (this.#socket.readyState !== openState) break
        await this.#handle(textOf(data))
      }
    }
  }

  /** Resolves when answers can leave again, or the connection is gone. */
  async #room (): Promise<void> {
    if (this.#socket.readyState !== openState) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#drained = resolve
    await promise
    this.#drained = undefined
  }

  async #handle (text: string): Promise<void> {
    let id: number | undefined
    try {
      const frame = parseJson(text, { subject: 'frame', shape: frameShape })
      id = idOf(frame)
      await this.#dispatch(frame)
    } catch (error) {
      this.#report(error, id)
    }
  }

  async #dispatch (frame: unknown): Promise<void> {
    const type = typeof frame === 'object' && frame !== null && 'type' in frame ? frame.type : undefined
    const check = typeof type === 'string' ? checkers.get(type) : undefined
    if (check === undefined) throw invalid([{ field: 'type', value: type, rule: `must be one of ${[...checkers.keys()].join(', ')}` }])
    checked(check, frame)
    switch (type as FrameType) { // each case is what its schema has just checked
      case 'subscribe': return this.#subscribe(frame as FrameOf<'subscribe'>)
      case 'unsubscribe': return this.#unsubscribe(frame as FrameOf<'unsubscribe'>)
      case 'ack': return this.#acknowledge(frame as FrameOf<'ack'>)
      case 'heartbeat': return this.#heartbeat(frame as FrameOf<'heartbeat'>)
    }
  }

  #subscribe ({ id, view = 'instances', namespace, service, selector, since }: FrameOf<'subscribe'>): void {
    if (this.#watches.has(id)) throw invalid([{ field: 'id', value: id, rule: 'must not be in use on this socket' }])
    if (this.#watches.size >= maxSubscriptionsPerSocket) {
      throw new RegistryError('REG_LIMIT_REACHED', `a socket carries at most ${maxSubscriptionsPerSocket} subscriptions, open another one`)
    }
    checkView(view, { service, selector })
    const filter = { namespace, service, ...(selector === undefined ? {} : { selector: parseSelector(selector) }) }
    const cursor = since === undefined ? undefined : parseCursor(since, 'since')
    const watch = new PendingWatch(this.#context.core.position, this.#access, id, this.#encoder, this.#watchers)
    watch.join(this.#context.commons.subscriptions, clientKey(this.#address), (error) => {
      this.#watches.delete(id)
      this.#due.delete(watch)
      this.#report(error, id)
    })
    this.#watches.set(id, watch)
    const wake = (): void => {
      this.#due.add(watch)
      this.#watchers.wake(this)
    }
    watch.open(view, filter, cursor, wake).catch((error: unknown) => {
      this.#watches.delete(id)
      this.#report(error, id)
    })
  }

  #unsubscribe ({ id }: FrameOf<'unsubscribe'>): void {
    const watch = this.#watches.get(id)
    if (watch === undefined) throw invalid([{ field: 'id', value: id, rule: 'must be a subscription of this socket' }])
    this.#watches.delete(id)
    this.#due.delete(watch)
    watch.close()
  }

  #acknowledge ({ revision }: FrameOf<'ack'>): void {
    const cursor = parseCursor(revision, 'revision')
    if (cursor.epoch !== undefined && cursor.epoch !== this.#context.core.position.epoch) return // of before a reset: it says nothing any more
    const acknowledger: Acknowledger = {
      name: this.#name,
      concerns: (change) => [...this.#watches.values()].some((watch) => watch.concerns(change))
    }
    this.#propagation ??= this.#access.acknowledging(acknowledger)
    this.#propagation.acknowledge(cursor.revision)
  }

  async #heartbeat ({ id, session, leases }: FrameOf<'heartbeat'>): Promise<void> {
    if (session === true) this.#session ??= this.#access.session()
    const answer = await this.#access.heartbeat(leases, session === true ? this.#session : undefined)
    this.#context.metrics.heartbeats(answer)
    this.#send(this.#encoder.encodeOwn({ type: 'heartbeat', ...(id === undefined ? {} : { id }), ...answer }))
  }

  #report (error: unknown, id: number | undefined): void {
    if (!(error instanceof RegistryError)) this.#context.guard.failed('watch', error)
    const known = error instanceof RegistryError ? error : new RegistryError('REG_INTERNAL', 'the registry failed')
    const { code, detail, errors, moreErrors } = problemOf(known)
    const told = { ...(errors === undefined ? {} : { errors }), ...(moreErrors === undefined ? {} : { moreErrors }) }
    this.#send(this.#encoder.encodeOwn({ type: 'error', ...(id === undefined ? {} : { id }), code, detail, ...told }))
  }

  #closed (code: number): void {
    this.#watchers.delete(this)
    for (const left of this.#held) left()
    this.#held.clear()
    this.#waiting = []
    this.#drained?.()
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
    this.#due.clear()
    this.#propagation?.leave()
    // A client that closes in order is not lost: what it did not deregister keeps its lease. Neither is one that we closed.
    if (this.#closedByUs || cleanCodes.has(code)) this.#session?.end()
    else this.#session?.broken()
  }
}

/** The text of a frame, however the library handed it over. */
function textOf (data: RawData): string {
  return Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString()
}

/** The id that an error is about, if it can be one. */
function idOf (frame: unknown): number | undefined {
  const id = typeof frame === 'object' && frame !== null && Object.hasOwn(frame, 'id') ? (frame as { readonly id?: unknown }).id : undefined
  return Number.isSafeInteger(id) ? id as number : undefined // just checked
}
