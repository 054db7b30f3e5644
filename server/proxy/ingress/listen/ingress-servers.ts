// What the connections of all listeners of a process go through: TLS where a listener speaks it, then HTTP/1.1 or HTTP/2 by what the client
// and we agree on (ALPN, RFC 7301), each before the engine. Connections are counted: at the limit whoever has most gives one up.
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContext, type Server as TlsServer, type TlsOptions, type TLSSocket } from 'node:tls'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import { clientKey, type Share, Shares } from '../../../shares.ts'
import { oldestTls } from '../../../tls/certificate.ts'
import type { Engine } from '../ports.ts'
import { httpServerOptions, serveWith } from '../server-handlers.ts'
import { factsOf, noteFacts, passFacts } from './connection-facts.ts'
import type { ProxiedClient } from './proxy-protocol.ts'

/** An unused connection of a client that may be about to use it is kept so long after the end has begun: each of its requests is its last. */
export const lingerMs = 1_000
/** And so often it is looked for unused ones from then on. */
const sweepMs = 250
/** Fatal alert `unrecognized_name` (RFC 6066 section 3), as a record that is not encrypted yet. */
const unrecognizedName = Buffer.from('15030300020270', 'hex')

export interface ServerLimits {
  /** Connections at once, in this process. */
  readonly connections: number
  readonly headBytes: number
  /** Milliseconds from the first octet of a request to the end of its head; and of a handshake. */
  readonly headMs: number
  /** Milliseconds without a request on a connection. */
  readonly idleMs: number
  /** Requests at once on one connection of HTTP/2. */
  readonly streams: number
}

export interface IngressServersOptions {
  readonly engine: Engine
  readonly guard: Guard
  readonly clock: Clock
  readonly limits: ServerLimits
  /** The certificate for a name; undefined: there is none, and the handshake fails. */
  readonly contextOf: (serverName: string) => SecureContext | undefined
  /** Told of each handshake: `ok`, or why it failed. */
  readonly shook?: (outcome: 'ok' | 'unrecognized_name' | 'failed') => void
}

/** A certificate with those that lead to its root, and its key, in PEM form. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

/** Of every handshake (RFC 9325 3.1.1). */
const tlsOptions: TlsOptions = { minVersion: oldestTls, ALPNProtocols: ['h2', 'http/1.1'], sessionIdContext: 'rollcall-ingress' }

type Scheme = 'http' | 'https'

/** As `tls` has it at the sockets that it makes of others. */
interface Within extends TLSSocket { readonly _parent?: Socket }

export class IngressServers {
  readonly #options: IngressServersOptions
  readonly #plain: Server
  readonly #http2: Http2Server
  readonly #tls: TlsServer
  readonly #shares: Shares
  readonly #sockets = new Map<Socket, Share>()
  /** Connections that have not had a request yet. */
  readonly #fresh = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  /** Handshakes that we have refused, and so need not be told of as failed. */
  readonly #refused = new WeakSet<TLSSocket>()
  #cancelSweep: (() => void) | undefined
  /** Told when no connection is left. */
  #emptied: () => void = () => undefined
  #isEnding = false

  constructor (options: IngressServersOptions) {
    this.#options = options
    this.#shares = new Shares(options.limits.connections)
    this.#plain = this.#makePlain()
    this.#http2 = this.#makeHttp2()
    this.#tls = this.#makeTls()
  }

  /** Open now. */
  get connections (): number {
    return this.#sockets.size
  }

  /** Takes a connection. @param client whom a balancer in front has named */
  accept (socket: Socket, scheme: Scheme, client?: ProxiedClient): void {
    const { guard } = this.#options
    const { clientAddress } = noteFacts(socket, scheme, client)
    const share = this.#shares.take(clientKey(clientAddress), 1, () => socket.destroy())
    if (share === undefined) {
      socket.destroy()
      return
    }
    share.setIdle(true)
    this.#sockets.set(socket, share)
    this.#fresh.add(socket)
    socket.once('close', guard.around('ingress-listener', () => {
      this.#sockets.delete(socket)
      this.#fresh.delete(socket)
      share.release()
      if (this.#sockets.size === 0) this.#emptied()
    }))
    ;(scheme === 'http' ? this.#plain : this.#tls).emit('connection', socket)
  }

  /**
   * The certificate of clients that ask for no name, and other keys for what is resumed from now on.
   * @param ticketKeys 48 octets that all processes of a port share: a client may resume with any of them (RFC 5077, RFC 8446 4.6.1)
   */
  setDefault (pair: Pair | undefined, ticketKeys: Buffer): void {
    this.#tls.setSecureContext({ ...tlsOptions, ticketKeys, ...(pair === undefined ? {} : { cert: pair.cert, key: pair.key }) })
  }

  /** Each connection ends after its next answer, an unused one after a while; HTTP/2 is told so at once (GOAWAY). */
  end (): void {
    if (this.#isEnding) return
    this.#isEnding = true
    for (const session of this.#sessions) session.close()
    this.#sweep(lingerMs)
  }

  /** Resolves when no connection is left, or the time is over. */
  ended (withinMs: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#options.clock.after(withinMs, resolve)
    this.#emptied = () => {
      cancel()
      resolve()
    }
    return promise
  }

  /** Cuts what is left. */
  close (): void {
    this.end()
    this.#cancelSweep?.()
    for (const socket of this.#sockets.keys()) socket.destroy()
    this.#plain.close(() => undefined) // it does not listen itself: this ends its timer
  }

  #sweep (afterMs: number): void {
    this.#cancelSweep = this.#options.clock.after(afterMs, () => {
      this.#plain.closeIdleConnections()
      for (const socket of this.#fresh) socket.destroy()
      this.#sweep(sweepMs)
    })
  }

  #makePlain (): Server {
    const { engine, guard, limits } = this.#options
    const server = createPlainServer({
      ...httpServerOptions(engine, limits.headBytes), headersTimeout: limits.headMs, keepAliveTimeout: limits.idleMs, keepAliveTimeoutBuffer: 0
    })
    server.emit('listening') // begins to look for slow heads: it has no listening socket of its own
    server.on('request', guard.around('ingress-request', (request: IncomingMessage, response: ServerResponse) => this.#busy(request.socket, response)))
    server.on('upgrade', guard.around('ingress-upgrade', (request: IncomingMessage) => this.#takenBy(request.socket)))
    serveWith(server, engine, guard, factsOf)
    return server
  }

  #makeHttp2 (): Http2Server {
    const { engine, guard, limits } = this.#options
    const server = createHttp2Server({
      settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: limits.headBytes, enablePush: false },
      maxHeaderListPairs: 128, maxSessionInvalidFrames: 100, maxSessionRejectedStreams: 100, unknownProtocolTimeout: limits.headMs
    })
    server.on('session', guard.around('ingress-http2', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.on('error', () => undefined) // the client's; the session ends by itself
      let streams = 0
      session.on('stream', guard.around('ingress-http2', (stream: ServerHttp2Stream) => {
        streams++
        stream.once('close', guard.around('ingress-http2', () => streams--))
      }))
      session.once('close', guard.around('ingress-http2', () => this.#sessions.delete(session)))
      // A stream may be silent for as long as it likes: gRPC.
      session.on('timeout', guard.around('ingress-http2', () => { if (streams === 0) session.close() }))
      // eslint-disable-next-line rollcall/guarded-callbacks -- it is given milliseconds, and calls nothing
      session.setTimeout(limits.idleMs)
      if (this.#isEnding) session.close()
    }))
    serveWith(server, engine, guard, factsOf)
    return server
  }

  #makeTls (): TlsServer {
    const { contextOf, guard, limits, shook = () => undefined } = this.#options
    const refused = this.#refused
    const server = createTlsServer({
      ...tlsOptions, handshakeTimeout: limits.headMs,
      SNICallback (this: TLSSocket, name, done) {
        const isChosen = guard.attempt('ingress-tls', () => {
          const context = contextOf(name)
          if (context !== undefined) return done(null, context)
          shook('unrecognized_name')
          refused.add(this)
          ;(this as Within)._parent?.write(unrecognizedName)
          done(new Error(`there is no certificate for ${JSON.stringify(name)}`))
        })
        if (!isChosen) done(new Error('the certificate could not be chosen'))
      }
    })
    server.on('tlsClientError', guard.around('ingress-tls', (_: Error, socket: TLSSocket) => { if (!refused.has(socket)) shook('failed') }))
    server.on('secureConnection', guard.around('ingress-tls', (socket: Within) => {
      shook('ok')
      passFacts(socket._parent as Socket, socket, socket.servername ?? false)
      if (socket.alpnProtocol !== 'h2') return void this.#plain.emit('connection', socket)
      this.#takenBy(socket) // the session says when it is over
      this.#http2.emit('connection', socket)
    }))
    return server
  }

  /** A connection is in use. */
  #takenBy (socket: Socket): Share | undefined {
    const outer = (socket as Within)._parent ?? socket
    this.#fresh.delete(outer)
    const share = this.#sockets.get(outer)
    share?.setIdle(false)
    return share
  }

  /** Until its answer is out: at the limit an unused connection goes before one in use. */
  #busy (socket: Socket, response: ServerResponse): void {
    if (this.#isEnding) response.shouldKeepAlive = false
    const share = this.#takenBy(socket)
    if (share === undefined) return
    response.once('close', this.#options.guard.around('ingress-request', () => share.setIdle(true)))
  }
}
