// Puts an engine behind a server of Node: the options that keep the limits of a head, and a handler for each event that a request may
// come by. Whoever listens (TCP, TLS, PROXY protocol) says what it knows of a socket.
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import type { Http2SecureServer, Http2Server, Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Guard } from '../../guard.ts'
import type { ConnectionFacts, Engine, FactsOf } from './ports.ts'

const key = Symbol('what is known of a connection')

/** Milliseconds that a client may leave its connection unused. */
export const idleClientMs = 72_000
/** Milliseconds that a head may take, from the first octet (or the opening of the connection). */
export const headMs = 10_000

/** For `http.createServer`, and for the HTTP/1.1 side of `http2.createSecureServer`. */
export function httpServerOptions (engine: Pick<Engine, 'isUpgrade'>, headBytes = 16_384): ServerOptions {
  return {
    maxHeaderSize: headBytes,
    headersTimeout: headMs,
    requestTimeout: 0, // bodies have deadlines of their own, that start anew with each part
    keepAliveTimeout: idleClientMs,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000, // a client that is gone without a word is noticed by this
    insecureHTTPParser: false,
    shouldUpgradeCallback: (request) => engine.isUpgrade(request)
  }
}

/**
 * Serves a server's requests. `factsOf` is asked once for each connection; of HTTP/2 with the proxy object that Node makes of its
 * socket, through which properties can be read.
 * @example const server = createServer(httpServerOptions(engine)); serveWith(server, engine, guard, factsOf)
 */
export function serveWith (server: Server | Http2Server | Http2SecureServer, engine: Engine, guard: Guard, factsOf: FactsOf): void {
  // A field of the socket and not a WeakMap: with ten thousand connections the collector would mark that in one pause.
  const facts = (socket: Socket & { [key]?: ConnectionFacts }): ConnectionFacts => socket[key] ??= factsOf(socket)
  // Fields beyond this number are dropped by Node without a word; the engine refuses more than a hundred.
  if ('maxHeadersCount' in server) server.maxHeadersCount = 102
  // A client may end its side when it has said all (`nc`, some libraries): Node would take that for the end of its interest.
  Object.assign(server, { httpAllowHalfOpen: true })
  const handle = guard.around('ingress', (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
    const socket = 'stream' in request ? request.stream.session?.socket : request.socket
    engine.handle(request, response, facts(socket as Socket))
  })
  const on = (server as Server).on.bind(server) as (event: string, listener: (...given: never[]) => void) => unknown
  on('request', handle)
  on('checkContinue', handle)
  on('checkExpectation', handle)
  on('upgrade', guard.around('ingress', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    engine.upgrade(request, socket, head, facts(socket as Socket))
  }))
  on('connect', guard.around('ingress', (request: IncomingMessage | Http2ServerRequest, socket: Duplex | Http2ServerResponse) => {
    if ('stream' in request) handle(request, socket as Http2ServerResponse)
    else (socket as Duplex).end('HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  }))
  on('clientError', guard.around('ingress', (error: Error, socket: Duplex) => engine.clientError(error, socket)))
}
