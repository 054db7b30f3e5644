// A connection is a lane: one request of it is in work at a time, in the order in which they came, and the next one begins when the
// answer has left. A client that sends many at once (pipelining, RFC 9112 9.3.2) is not read from while some of them wait.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Guard } from '../../guard.ts'
import { loop } from '../../loop.ts'
import { type Share, clientKey } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { Account, type Worker } from './turns.ts'

interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly share: Share
}

class Lane implements Worker {
  readonly client: string
  readonly account = new Account()
  readonly connection: Share | undefined
  readonly waiting: Waiting[] = []
  /** In work. */
  current: IncomingMessage | undefined
  /** Ends the connection: what came behind the last request is none. */
  fault: (() => void) | undefined

  constructor (client: string, connection: Share | undefined) {
    this.client = client
    this.connection = connection
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface LanesOptions {
  readonly commons: Commons
  readonly handler: Handler
  /** Of heartbeats and health: they never wait for others. */
  readonly isUrgent: (request: IncomingMessage) => boolean
  readonly guard: Guard
}

export class Lanes {
  readonly #commons: Commons
  readonly #handler: Handler
  readonly #isUrgent: LanesOptions['isUrgent']
  readonly #guard: Guard
  readonly #lanes = new WeakMap<Socket, Lane>()

  constructor ({ commons, handler, isUrgent, guard }: LanesOptions) {
    this.#guard = guard
    this.#commons = commons
    this.#handler = handler
    this.#isUrgent = isUrgent
  }

  /** A connection came: at the limit another one goes for it. */
  connected (socket: Socket): void {
    const client = clientKey(socket.remoteAddress)
    const share = this.#commons.connections.take(client, 1, () => socket.destroy())
    if (share === undefined) return void socket.destroy()
    share.setIdle(true)
    this.#lanes.set(socket, new Lane(client, share))
    socket.once('close', this.#guard.around('http-connection', () => {
      share.release()
      for (const { share: waiting } of this.#lanes.get(socket)?.waiting.splice(0) ?? []) waiting.release()
    }))
  }

  /** It is a WebSocket from here on: never idle. */
  upgraded (socket: Socket): void {
    this.#lanes.get(socket)?.connection?.setIdle(false)
  }

  /**
   * What came is no request, or comes too late. Requests that came before it are answered before `answer` is called, which ends the
   * connection: between two parts of an answer nothing else may be written.
   */
  broken (socket: Socket, answer: () => void): void {
    const lane = this.#laneOf(socket)
    if (lane.current?.complete !== true) return answer()
    lane.fault ??= answer
    socket.pause()
  }

  /** Who works on a request, for `Turns`. */
  workerOf (request: IncomingMessage): Worker {
    return this.#laneOf(request.socket)
  }

  /** For the server's event of that name. */
  request (request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const lane = this.#laneOf(socket)
    if (lane.current === undefined) return this.#start(lane, request, response)
    const share = this.#commons.waiting.take(lane.client, 1, () => socket.destroy())
    if (share === undefined) return void socket.destroy()
    lane.waiting.push({ request, response, share })
    socket.pause()
  }

  #start (lane: Lane, request: IncomingMessage, response: ServerResponse): void {
    lane.current = request
    lane.connection?.setIdle(false)
    response.once('close', this.#guard.around('http-connection', () => this.#ended(lane, request.socket), () => { request.socket.destroy() }))
    this.#commons.turns.run(lane, () => {
      loop.begins(request)
      this.#handler(request, response)
    }, this.#isUrgent(request))
  }

  #ended (lane: Lane, socket: Socket): void {
    lane.current = undefined
    // After an answer that closes the connection nothing more is answered.
    if (socket.destroyed || socket.writableEnded) return
    const next = lane.waiting.shift()
    if (next === undefined) {
      if (lane.fault !== undefined) return lane.fault()
      return lane.connection?.setIdle(true)
    }
    next.share.release()
    if (lane.waiting.length === 0 && lane.fault === undefined) socket.resume()
    this.#start(lane, next.request, next.response)
  }

  /** An injected request has a connection that nobody announced. */
  #laneOf (socket: Socket): Lane {
    let lane = this.#lanes.get(socket)
    if (lane === undefined) {
      lane = new Lane(clientKey(socket.remoteAddress), undefined)
      this.#lanes.set(socket, lane)
    }
    return lane
  }
}
