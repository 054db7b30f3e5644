// DNS over TCP, and over TLS where there is a certificate (RFC 7858): connections under limits and deadlines.
import { once } from 'node:events'
import { type Server, type Socket, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Clock } from '../registry/timers.ts'
import { MessageWriter } from './message-writer.ts'
import { StreamConnection, framed } from './stream-connection.ts'
import { closeGraceMs, firstMessageMs, maxConnectionsOfClient, sweepMs } from './tcp-limits.ts'
import type { ListenerOptions } from './udp-listener.ts'
import { tcpLimit } from './wire.ts'

const empty = Buffer.alloc(0)

export interface TcpListenerOptions extends ListenerOptions {
  readonly clock: Clock
  readonly maxConnections: number
  /** Makes it DNS over TLS. Both in PEM form. */
  readonly tls?: { readonly cert: string, readonly key: string } | undefined
}

export class TcpListener {
  readonly port: number
  readonly #server: Server
  readonly #options: TcpListenerOptions
  readonly #connections = new Set<StreamConnection>()
  readonly #connectionsOf = new Map<string, number>()
  readonly #writer = new MessageWriter(tcpLimit)
  #cancelSweep: (() => void) | undefined
  #closed: Promise<void> | undefined

  /** Binds. @throws the error of the system, like EADDRINUSE; of OpenSSL for a bad certificate */
  static async listen (options: TcpListenerOptions): Promise<TcpListener> {
    const settings = { allowHalfOpen: true, noDelay: true }
    const server = options.tls === undefined
      ? createServer(settings)
      : createTlsServer({ ...settings, ...options.tls, ALPNProtocols: ['dot'], handshakeTimeout: firstMessageMs, minVersion: 'TLSv1.2' })
    const listening = once(server, 'listening')
    server.listen({ host: options.address, port: options.port, reusePort: options.reusePort ?? false })
    await listening
    return new TcpListener(server, options)
  }

  constructor (server: Server, options: TcpListenerOptions) {
    const bound = server.address()
    this.port = typeof bound === 'object' && bound !== null ? bound.port : options.port
    this.#server = server
    this.#options = options
    server.maxConnections = options.maxConnections
    server.on('error', (error) => options.report(`DNS over TCP: ${error.message}`))
    server.on('drop', () => options.counters.drop('too-many-connections'))
    server.on('tlsClientError', () => options.counters.drop('tls'))
    server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.#accept(socket))
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

  #accept (socket: Socket): void {
    const { clock, counters, responder, tls } = this.#options
    const address = socket.remoteAddress
    if (address === undefined) return void socket.destroy() // it went before it was looked at
    const known = this.#connectionsOf.get(address) ?? 0
    if (known >= maxConnectionsOfClient) {
      counters.drop('too-many-connections')
      return void socket.destroy()
    }
    this.#connectionsOf.set(address, known + 1)
    const client = { transport: tls === undefined ? 'tcp' : 'tls', address } as const
    const connection = new StreamConnection(socket, {
      nowMs: () => clock.now(),
      badLength: () => counters.drop('bad-length'),
      answer: (message) => {
        const response = responder.respond(message, client, this.#writer)
        if (typeof response !== 'number') return response
        return response === 0 ? empty : framed(this.#writer.bytes, response)
      }
    })
    this.#connections.add(connection)
    counters.connections++
    socket.once('close', () => {
      this.#connections.delete(connection)
      counters.connections--
      const left = (this.#connectionsOf.get(address) ?? 1) - 1
      if (left === 0) this.#connectionsOf.delete(address)
      else this.#connectionsOf.set(address, left)
    })
    this.#cancelSweep ??= clock.after(sweepMs, this.#sweep)
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
