// DNS over TCP, and over TLS where there is a certificate (RFC 7858): connections under limits and deadlines.
import { once } from 'node:events'
import { type Server, type Socket, createServer } from 'node:net'
import { Server as TlsServer, createServer as createTlsServer } from 'node:tls'
import { type Guard, standaloneGuard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { MessageWriter } from '../wire/message-writer.ts'
import { StreamConnection, framed } from './stream-connection.ts'
import { Shares } from '../protect/shares.ts'
import { closeGraceMs, firstMessageMs, sweepMs } from './tcp-limits.ts'
import type { ListenerOptions } from './udp-listener.ts'
import { tcpLimit } from '../wire/wire.ts'

const empty = Buffer.alloc(0)
/** RFC 8310 8.1 with RFC 9325 3.1.1. */
const minVersion = 'TLSv1.2'

export interface TcpListenerOptions extends ListenerOptions {
  readonly clock: Clock
  readonly maxConnections: number
  /** Makes it DNS over TLS. Both in PEM form. */
  readonly tls?: { readonly cert: string, readonly key: string } | undefined
}

/** One connection, with or without keys. */
interface Held {
  /** When it is destroyed. */
  readonly deadlineMs: number
  /** Undefined while something is being answered. */
  readonly idleSinceMs: number | undefined
  /** Answers what has arrived, then ends. */
  finish (): void
  destroy (): void
}

/** What a client holds of the connections that there may be. */
interface Place {
  readonly address: string
  held: Held | undefined
}

export class TcpListener {
  readonly address: string
  readonly port: number
  readonly #server: Server
  readonly #options: TcpListenerOptions
  readonly #guard: Guard
  readonly #connections = new Set<Held>()
  /** By the address of the client. */
  readonly #shares = new Shares<Place>()
  /** Connections that have not yet agreed on keys, by the client's address and port. */
  readonly #handshakes = new Map<string, Place>()
  readonly #writer = new MessageWriter(tcpLimit)
  #cancelSweep: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Binds. @throws the error of the system, like EADDRINUSE; of OpenSSL for a bad certificate */
  static async listen (options: TcpListenerOptions): Promise<TcpListener> {
    const settings = { allowHalfOpen: true, noDelay: true }
    const server = options.tls === undefined
      ? createServer(settings)
      : createTlsServer({ ...settings, ...options.tls, ALPNProtocols: ['dot'], minVersion })
    const listening = once(server, 'listening')
    server.listen({ host: options.address, port: options.port, reusePort: options.reusePort ?? false })
    await listening
    return new TcpListener(server, options)
  }

  constructor (server: Server, options: TcpListenerOptions) {
    const bound = server.address()
    this.port = typeof bound === 'object' && bound !== null ? bound.port : options.port
    this.address = options.address
    this.#server = server
    this.#options = options
    // Beyond the limit those who hold most give up theirs; sockets on their way to their end are not counted by us, but by Node.
    server.maxConnections = 2 * options.maxConnections
    const guard = this.#guard = options.guard ?? standaloneGuard
    server.on('error', guard.around('dns-tcp', (error) => options.report(`DNS over TCP: ${error.message}`)))
    server.on('drop', guard.around('dns-tcp', () => options.counters.drop('too-many-connections')))
    /** A connection that cannot be counted is closed. */
    const taking = (take: (socket: Socket) => void) => (socket: Socket): void => {
      if (!guard.attempt('dns-tcp', () => take(socket))) socket.destroy()
    }
    server.on('connection', guard.around('dns-tcp', taking((socket) => {
      const place = this.#admit(socket)
      if (place === undefined) socket.destroy()
      else if (options.tls === undefined) this.#serve(socket, place)
      else this.#awaitKeys(socket, place)
    })))
    if (options.tls === undefined) return
    server.on('tlsClientError', guard.around('dns-tcp', () => options.counters.drop('tls')))
    server.on('secureConnection', guard.around('dns-tcp', taking((socket) => {
      const place = this.#handshakes.get(nameOf(socket))
      if (place === undefined) return void socket.destroy() // it closed before it was accepted
      this.#handshakes.delete(nameOf(socket))
      if (place.held !== undefined) this.#connections.delete(place.held)
      this.#serve(socket, place)
    })))
  }

  /** Takes another certificate for connections from now on; those that are open keep theirs. @throws the error of OpenSSL */
  renew (certificate: { readonly cert: string, readonly key: string }): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext({ ...certificate, minVersion })
  }

  /** Stops accepting, lets answers leave that were asked for, and ends. */
  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  async #close (): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) connection.finish()
    const cancel = this.#options.clock.after(closeGraceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await closed
    cancel()
    this.#cancelSweep?.()
  }

  /** Counts a connection, for as long as it is open, and makes room for it. Undefined if it closed before. */
  #admit (socket: Socket): Place | undefined {
    const { counters, maxConnections } = this.#options
    const address = socket.remoteAddress
    if (address === undefined) return undefined
    if (this.#shares.size >= maxConnections) this.#makeRoom()
    const place: Place = { address, held: undefined }
    this.#shares.add(address, place)
    counters.connections++
    socket.once('close', this.#guard.around('dns-tcp', () => {
      counters.connections--
      this.#shares.remove(address, place)
    }))
    return place
  }

  /** The client with most connections gives up the one that is idle for longest; if all are busy the oldest. */
  #makeRoom (): void {
    let chosen: Place | undefined
    let chosenMs = Infinity
    for (const place of this.#shares.ofMost()) {
      const idleSinceMs = place.held?.idleSinceMs ?? Infinity
      if (chosen !== undefined && idleSinceMs >= chosenMs) continue
      chosen = place
      chosenMs = idleSinceMs
    }
    if (chosen === undefined) return
    this.#options.counters.drop('too-many-connections')
    this.#shares.remove(chosen.address, chosen)
    if (chosen.held !== undefined) this.#connections.delete(chosen.held)
    chosen.held?.destroy()
  }

  /** Until the client has said hello, and has the keys, it is a connection that brings no message. */
  #awaitKeys (socket: Socket, place: Place): void {
    const end = (): void => void socket.destroy()
    const name = nameOf(socket)
    const nowMs = this.#options.clock.now()
    this.#handshakes.set(name, place)
    socket.once('close', this.#guard.around('dns-tcp', () => this.#handshakes.delete(name)))
    this.#watch({ deadlineMs: nowMs + firstMessageMs, idleSinceMs: nowMs, finish: end, destroy: end }, socket, place)
  }

  #serve (socket: Socket, place: Place): void {
    const { clock, counters, responder, tls } = this.#options
    const client = { transport: tls === undefined ? 'tcp' : 'tls', address: socket.remoteAddress ?? '' } as const
    this.#watch(new StreamConnection(socket, {
      nowMs: () => clock.now(),
      badLength: () => counters.drop('bad-length'),
      waiting: (change) => { counters.waiting += change },
      answer: (message) => {
        const response = responder.respond(message, client, this.#writer)
        if (typeof response !== 'number') return response
        return response === 0 ? empty : framed(this.#writer.bytes, response)
      }
    }, this.#guard), socket, place)
  }

  #watch (connection: Held, socket: Socket, place: Place): void {
    place.held = connection
    this.#connections.add(connection)
    socket.once('close', this.#guard.around('dns-tcp', () => this.#connections.delete(connection)))
    this.#cancelSweep ??= this.#options.clock.after(sweepMs, this.#sweep)
    if (this.#closed !== undefined) connection.finish()
  }

  readonly #sweep = (): void => {
    const nowMs = this.#options.clock.now()
    for (const connection of this.#connections) {
      if (nowMs < connection.deadlineMs) continue
      this.#options.counters.drop('deadline')
      this.#connections.delete(connection)
      connection.destroy()
    }
    this.#cancelSweep = this.#connections.size > 0 ? this.#options.clock.after(sweepMs, this.#sweep) : undefined
  }
}

/** The same for a connection and for what TLS makes of it. */
function nameOf ({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
