// The connections of a listener and the requests on them. A connection is a lane: one request of it is in work at a time, in the order in
// which they came, and the next one begins when the answer has left. A client that sends many at once (pipelining, RFC 9112 9.3.2) is not
// read from while some of them wait.
//
// The end of a node waits for requests that are in work and for nothing else. Node counts a connection that never said anything, or half a
// request, as active, and forgets those that were upgraded: left to it, any of them holds the end until it is cut.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Guard } from '../../guard.ts'
import { loop } from '../../loop.ts'
import { type Share, clientKey } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { Account, type Worker } from './turns.ts'

interface Work {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

interface Waiting extends Work {
  readonly share: Share
}

class Lane implements Worker {
  readonly client: string
  readonly account = new Account()
  readonly socket: Socket
  readonly connection: Share | undefined
  readonly waiting: Waiting[] = []
  /** Called when an answer has left, or never will. */
  readonly ended: () => void
  /** In work. */
  current: Work | undefined
  /** Ends the connection: what came behind the last request is none. */
  fault: (() => void) | undefined

  constructor (socket: Socket, connection: Share | undefined, guard: Guard, ended: (lane: Lane) => void) {
    this.socket = socket
    this.client = clientKey(socket.remoteAddress)
    this.connection = connection
    this.ended = guard.around(place, () => ended(this), () => { socket.destroy() })
  }
}

const place = 'http-connection'

export interface LanesOptions {
  readonly commons: Commons
  /** Begins to work on a request that had to wait. */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  /** Of heartbeats and health: they never wait for others. */
  readonly isUrgent: (request: IncomingMessage) => boolean
  /** The node is going: the answer to a request is the last one of its connection. */
  readonly isGoing: () => boolean
  readonly guard: Guard
}

export class Lanes {
  readonly #options: LanesOptions
  readonly #lanes = new WeakMap<Socket, Lane>()
  /** Of connections that are open. */
  readonly #open = new Set<Lane>()
  /** Requests that came as upgrades. */
  readonly #upgrades = new WeakSet<IncomingMessage>()
  /** Those of them that are being answered, or are WebSockets now. */
  readonly #upgrading = new Set<IncomingMessage>()
  /** Requests that wait on purpose. */
  readonly #idle = new WeakSet<IncomingMessage>()
  /** Places that connections took before they agreed on keys. */
  readonly #taken = new WeakMap<Socket, Share>()
  #isClosing = false
  /** Requests since the process began. */
  requests = 0

  constructor (options: LanesOptions) {
    this.#options = options
  }

  /** Requests that are being received, worked on, or whose answers are on their way. Those that wait on purpose are none. */
  get isBusy (): boolean {
    for (const { current } of this.#open) if (current !== undefined && !this.#idle.has(current.request)) return true
    for (const request of this.#upgrading) if (!this.#idle.has(request)) return true
    return false
  }

  /** A connection that has a place already will come. */
  expect (socket: Socket, share: Share): void {
    this.#taken.set(socket, share)
  }

  /** A connection came: at the limit another one goes for it. */
  connected (socket: Socket): void {
    const { commons, guard } = this.#options
    const share = this.#taken.get(socket) ?? commons.connections.take(clientKey(socket.remoteAddress), 1, () => socket.destroy())
    if (share === undefined || this.#isClosing) {
      share?.release()
      return void socket.destroy()
    }
    share.setIdle(true)
    const lane = this.#laneOf(socket, share)
    this.#open.add(lane)
    socket.once('close', guard.around(place, () => {
      this.#open.delete(lane)
      share.release()
      for (const { share: waiting } of lane.waiting.splice(0)) waiting.release()
    }))
  }

  /** It asks to be a WebSocket, and is never idle from here on. Its request goes to the routes without `admit`. */
  upgraded (request: IncomingMessage): void {
    this.requests++
    this.#upgrades.add(request)
    this.#lanes.get(request.socket)?.connection?.setIdle(false)
  }

  /** The response to a request that asked for a WebSocket: if there is one, it is the last answer of its connection. */
  upgradeAnswered (request: IncomingMessage, response: ServerResponse): void {
    sayLast(response)
    if (!this.#upgrades.has(request)) return
    const { guard } = this.#options
    const { socket } = request
    this.#upgrading.add(request)
    // An upgrade that is refused has an answer like any request, but nobody who ends its connection.
    response.once('finish', guard.around(place, () => socket.destroySoon()))
    response.once('close', guard.around(place, () => {
      this.#upgrading.delete(request)
      if (this.#isClosing) socket.destroySoon()
    }))
  }

  /**
   * What came is no request, or comes too late. Requests that came before it are answered before `answer` is called, which ends the
   * connection: between two parts of an answer nothing else may be written.
   */
  broken (socket: Socket, answer: () => void): void {
    const lane = this.#laneOf(socket)
    if (lane.current?.request.complete !== true) return answer()
    lane.fault ??= answer
    socket.pause()
  }

  /** Who works on a request, for `Turns`. */
  workerOf (request: IncomingMessage): Worker {
    return this.#laneOf(request.socket)
  }

  /** For the server's event of that name. True: it is worked on now. False: it is handled when its turn has come. */
  admit (request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request
    const lane = this.#laneOf(socket)
    if (lane.current === undefined) return this.#start(lane, request, response)
    const share = this.#options.commons.waiting.take(lane.client, 1, () => socket.destroy())
    if (share === undefined) {
      socket.destroy()
      return false
    }
    lane.waiting.push({ request, response, share })
    socket.pause()
    return false
  }

  /** It waits because it was asked to: nobody waits for it. */
  waits (request: IncomingMessage): void {
    this.#idle.add(request)
  }

  isWaiting (request: IncomingMessage): boolean {
    return this.#idle.has(request)
  }

  #start (lane: Lane, request: IncomingMessage, response: ServerResponse): boolean {
    const { commons: { turns }, handler, isUrgent, isGoing } = this.#options
    this.requests++
    lane.current = { request, response }
    lane.connection?.setIdle(false)
    if (isGoing()) sayLast(response)
    response.once('close', lane.ended)
    if (turns.begin(lane, isUrgent(request))) {
      loop.begins(request)
      return true
    }
    const { socket } = lane
    const hasBody = hasContent(request)
    if (hasBody) socket.pause() // nobody takes it yet
    turns.wait(lane, () => {
      loop.begins(request)
      if (hasBody && lane.waiting.length === 0 && lane.fault === undefined) socket.resume()
      handler(request, response)
    })
    return false
  }

  #ended (lane: Lane): void {
    const { socket } = lane
    lane.current = undefined
    // After an answer that closes the connection nothing more is answered.
    if (socket.destroyed || socket.writableEnded) return
    if (this.#isClosing) return socket.destroySoon()
    const next = lane.waiting.shift()
    if (next === undefined) {
      if (lane.fault !== undefined) return lane.fault()
      return lane.connection?.setIdle(true)
    }
    next.share.release()
    if (lane.waiting.length === 0 && lane.fault === undefined) socket.resume()
    if (this.#start(lane, next.request, next.response)) this.#options.handler(next.request, next.response)
  }

  /** An injected request has a connection that nobody announced. */
  #laneOf (socket: Socket, connection?: Share): Lane {
    let lane = this.#lanes.get(socket)
    if (lane === undefined) {
      lane = new Lane(socket, connection, this.#options.guard, (each) => this.#ended(each))
      this.#lanes.set(socket, lane)
    }
    return lane
  }

  // The end ------------------------------------------------------------------------------------------------------------

  /** The node is going: what is being answered is the last answer of its connection. */
  announce (): void {
    for (const { current } of this.#open) if (current !== undefined) sayLast(current.response)
  }

  /** Ends every connection on which nothing is being worked on; the others follow with their answer. */
  close (): void {
    this.#isClosing = true
    const upgrading = new Set(Array.from(this.#upgrading, ({ socket }) => socket))
    for (const { current, socket } of this.#open) if (current === undefined && !upgrading.has(socket)) socket.destroy()
  }

  /** Ends every connection. */
  cut (): void {
    this.#isClosing = true
    for (const { socket } of this.#open) socket.destroy()
  }
}

/** RFC 9112 6.3. */
function hasContent ({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

function sayLast (response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
