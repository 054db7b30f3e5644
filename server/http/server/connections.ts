// The sockets of the HTTP server and the requests on them, so that the end of a node waits for work and for nothing else.
//
// Node counts a connection that never said anything, or half a request, as active, and forgets those that were upgraded: left to it,
// any of them holds the end until it is cut.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Guard } from '../../guard.ts'

const place = 'http-connection'

export class Connections {
  /** Requests since the process began. */
  requests = 0
  readonly #sockets = new Set<Socket>()
  readonly #work = new Map<FastifyRequest, ServerResponse>()
  /** Upgrades that nobody has accepted yet. */
  readonly #upgrades = new WeakSet<IncomingMessage>()
  readonly #guard: Guard
  #isClosing = false

  constructor (server: Server, guard: Guard) {
    this.#guard = guard
    server.on('connection', guard.around(place, (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', guard.around(place, () => this.#sockets.delete(socket)))
      if (this.#isClosing) socket.destroy()
    }))
    server.on('upgrade', guard.around(place, (request: IncomingMessage) => this.#upgrades.add(request)))
  }

  /** Requests that are being received, worked on, or whose answers are on their way. Those that wait on purpose are none. */
  get isBusy (): boolean {
    for (const request of this.#work.keys()) if (!request.waited) return true
    return false
  }

  /** Follows a request, as soon as there is one. The last answer of a connection says so when the node is going. */
  begin (request: FastifyRequest, { raw: response }: FastifyReply, isGoing: boolean): void {
    const { socket, headers } = request.raw
    this.requests++
    this.#work.set(request, response)
    // A client that asked for a WebSocket has no other use for the connection.
    if (isGoing || headers.upgrade?.toLowerCase() === 'websocket') sayLast(response)
    response.once('close', this.#guard.around(place, () => {
      this.#work.delete(request)
      if (this.#isClosing) socket.destroySoon()
    }))
    // An upgrade that is refused has an answer like any request, but nobody who ends its connection.
    if (this.#upgrades.has(request.raw)) response.once('finish', this.#guard.around(place, () => socket.destroySoon()))
  }

  /** The node is going: what is being answered is the last answer of its connection. */
  announce (): void {
    for (const response of this.#work.values()) sayLast(response)
  }

  /** Ends every connection on which nothing is being worked on; the others follow with their answer. */
  close (): void {
    this.#isClosing = true
    const busy = new Set([...this.#work.keys()].map(({ raw }) => raw.socket))
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroy()
  }

  /** Ends every connection. */
  cut (): void {
    this.#isClosing = true
    for (const socket of this.#sockets) socket.destroy()
  }
}

function sayLast (response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

/** Follows every request of the app, before any other hook: also those that are refused by the next one. */
export function followConnections (app: FastifyInstance, guard: Guard, isGoing: () => boolean): Connections {
  const connections = new Connections(app.server, guard)
  app.addHook('onRequest', (request, reply, done) => {
    connections.begin(request, reply, isGoing())
    done()
  })
  return connections
}
