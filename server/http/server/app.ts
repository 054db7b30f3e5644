// The HTTP server of one listener: what is the same for every dialect that is spoken there. The order of the calls is the map of it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import type { Work } from '../../lame-duck.ts'
import type { Clock } from '../../clock.ts'
import type { Share } from '../../shares.ts'
import { AnswerCounts } from './answer-counts.ts'
import { Answers } from './answers.ts'
import { Arrivals } from './arrivals.ts'
import { Bodies } from './bodies.ts'
import { certificateRefusal, rememberCertificate } from './client-certificate.ts'
import type { Commons } from './commons.ts'
import type { Closing } from './closing.ts'
import type { HttpLog } from './http-log.ts'
import { type AnswerAhead, type Dialect, type DialectParts, type ListenerTls, below, pathOf } from './dialect.ts'
import { answerClientError, faultOf, lastAnswer } from './faults.ts'
import { HostGuard } from './guard.ts'
import { Lanes } from './lanes.ts'
import * as limits from './limits.ts'
import { type Identities, speaking } from './identities.ts'
import type { HttpMetrics } from './metrics.ts'
import { registerOpenapi } from './openapi.ts'
import type { Peers } from './peer.ts'
import { Streams } from './streams.ts'
import { WebSockets } from './web-sockets.ts'

export interface AppOptions {
  /** Those spoken here. Of several that a path fits, the one with the longest prefix answers. */
  readonly dialects: readonly Dialect[]
  readonly version: string
  readonly clock: Clock
  readonly log: HttpLog
  readonly closing: Closing
  readonly guard: Guard
  readonly metrics: HttpMetrics
  readonly commons: Commons
  readonly peers: Peers
  readonly identities: Identities
  readonly trustedHosts: readonly string[]
  readonly maxBodyBytes: number
  /** Whether each request gets a log line, asked at each. */
  readonly logRequests: () => boolean
  readonly timeouts: { readonly requestMs?: number, readonly headersMs?: number, readonly checkMs?: number }
}

/** How a server ends in order: it learns that the node is going, goes on answering, and closes. */
export interface Leaving extends Work {
  /** Not ready any more: watchers and long polls end. Everything else is answered, with `connection: close`. */
  begin (): void
  /** Ends what `close` of the app still waits for. */
  cut (): void
}

/** How connections with TLS come in: those without come as the server's own. */
export interface SecureEntrance {
  /** For the handshake, from the first bytes on. */
  readonly handshakeMs: number
  /**
   * A connection came, and takes a place; undefined = there is none, and it is closed.
   * @param begin begins the handshake: when the client has said something, and it is its turn
   */
  arrived (socket: Socket, begin: () => void): Share | undefined
  /** Its handshake is over: what was agreed is spoken on it from here on. */
  agreed (arrived: Socket, share: Share, secure: TLSSocket, asks: ListenerTls): void
  /** Its handshake failed, or took too long. Who speaks HTTP without TLS is told so. */
  failed (error: Error, arrived: Socket | undefined): void
}

declare module 'fastify' {
  interface FastifyRequest {
    /** It waited because it was asked to: its time says nothing about ours. */
    waited: boolean
  }
  interface FastifyInstance {
    /** Who asks: the peer of the connection, or whom trusted proxies name. */
    peers: Peers
    leaving: Leaving
    secureEntrance: SecureEntrance
  }
}

/** HTTP/2 knows nothing of what these say about a connection (RFC 9113 8.2.2). */
const connectionHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'] as const

/** Makes the app, ready to listen or to be injected into. `close` ends sockets, streams and long polls within seconds. */
export async function buildApp (options: AppOptions): Promise<FastifyInstance> {
  const { dialects, closing, commons, peers, identities, log, timeouts, guard: keeper } = options
  const dialectOf = dialectsByPath(dialects)
  const scopes = new Map<Dialect, FastifyInstance>()
  const isUrgent = (request: IncomingMessage): boolean => {
    const path = pathOf(request)
    const dialect = dialectOf(path)
    return dialect?.isUrgent?.(request.method ?? '', below(dialect.prefix, path) ?? path) ?? false
  }
  const ahead: AnswerAhead[] = []
  let lanes!: Lanes // Fastify makes the server at once
  let streams!: Streams
  const { handshakes } = options.metrics
  const arrivals = new Arrivals({
    commons, guard: keeper, clock: options.clock, silentMs: timeouts.headersMs ?? limits.headersTimeoutMs, limits: commons.handshakes,
    refused: () => handshakes.refused++, late: () => handshakes.late++
  })

  const app = Fastify({
    logger: false, // requests are counted; what fails is logged by the error handlers
    genReqId: requestIds(),
    bodyLimit: options.maxBodyBytes,
    return503OnClosing: false, // the guard does it, as the dialect says it
    routerOptions: { maxParamLength: limits.maxParamLength },
    serverFactory: (handler): Server => {
      const handle = (request: IncomingMessage, response: ServerResponse): void => {
        if (certificateRefusal(request) === undefined) for (const ready of ahead) if (ready.answer(request, response, handler)) return
        handler(request, response)
      }
      streams = new Streams({
        commons, handler: handle, isUrgent, isGoing: () => closing.begun, isIdle: (request) => lanes.isWaiting(request),
        requestMs: timeouts.requestMs ?? limits.requestTimeoutMs, clock: options.clock, guard: keeper
      })
      lanes = new Lanes({ commons, handler: handle, isUrgent, isGoing: () => closing.begun, guard: keeper })
      const server = createServer({
        requestTimeout: timeouts.requestMs ?? limits.requestTimeoutMs,
        headersTimeout: timeouts.headersMs ?? limits.headersTimeoutMs,
        connectionsCheckingInterval: timeouts.checkMs ?? limits.lateCheckMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
        // Any other request with an Upgrade header (curl --http2) is an ordinary one.
        shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket' && speaksWebSocket(dialectOf, pathOf(request))
      }, (request, response) => { if (lanes.admit(request, response)) handle(request, response) })
      server.timeout = limits.connectionTimeoutMs
      server.maxRequestsPerSocket = limits.maxRequestsPerSocket
      server.on('connection', keeper.around('http-connection', (socket: Socket) => lanes.connected(socket)))
      server.on('upgrade', keeper.around('http-connection', (request: IncomingMessage) => lanes.upgraded(request)))
      return server
    },
    clientErrorHandler: (error, socket) => { lanes.broken(socket, () => answerClientError(error, socket, dialects[0]?.clientError)) },
    frameworkErrors: (error, request, reply) => {
      const dialect = dialectOf(pathOf(request))
      void (dialect === undefined ? app : scopes.get(dialect) ?? app).errorHandler(error, request, reply)
    }
  })
  app.decorateRequest('waited', {
    getter () { return lanes.isWaiting(this.raw) },
    setter () { lanes.waits(this.raw) }
  })
  app.decorate('peers', peers)
  const counts = new AnswerCounts(app, options)
  const hasOwnTokens = dialects.some(({ tokenOf }) => tokenOf !== undefined)
  const hasSecretsInUrls = dialects.some(({ cleanUrl }) => cleanUrl !== undefined)
  const hosts = new HostGuard(options.trustedHosts, closing)
  app.addHook('onRequest', ({ raw }, { raw: response }, done) => {
    // Whoever wanted a WebSocket has no other use for a connection that does not become one.
    if (raw.headers.upgrade?.toLowerCase() === 'websocket') lanes.upgradeAnswered(raw, response)
    const refused = certificateRefusal(raw)
    if (refused !== undefined) {
      if (raw.httpVersionMajor === 1) response.setHeader('connection', 'close') // a session of HTTP/2 ends by itself
      return done(new RegistryError('REG_CERTIFICATE_REFUSED', refused))
    }
    if (hasSecretsInUrls) dialectOf(pathOf(raw))?.cleanUrl?.(raw)
    const refusal = hosts.refusal(raw)
    if (refusal !== undefined) return done(refusal)
    const refusedAtTheDoor = (error: Error): void => {
      // One connection too many, or one more wrong token: the next try begins from the start.
      if (raw.httpVersionMajor === 1 && error instanceof RegistryError && error.code === 'REG_OVERLOADED') response.setHeader('connection', 'close')
      done(error)
    }
    let admitted: Promise<void> | void
    try {
      if (hasOwnTokens) takeToken(dialectOf(pathOf(raw)), raw)
      admitted = identities.admit(raw, peers.of(raw))
    } catch (error) {
      return refusedAtTheDoor(error as Error) // access control throws errors only
    }
    if (admitted === undefined) return done()
    admitted.then(() => done(), refusedAtTheDoor)
  })
  const addressOf = (request: FastifyRequest): string => peers.of(request.raw).address
  const answers = new Answers(commons, keeper, addressOf)
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.is404) counts.countUnrouted(request, reply)
    if (request.raw.httpVersionMajor === 2) for (const name of connectionHeaders) void reply.removeHeader(name)
    if (typeof payload === 'string' || Buffer.isBuffer(payload)) answers.hold(request, reply, payload.length)
    done(null, payload)
  })
  const cut = (): void => {
    lanes.cut()
    streams.cut()
  }
  app.addHook('preClose', (done) => {
    closing.end()
    for (const connections of [lanes, streams]) {
      connections.announce()
      connections.close()
    }
    arrivals.close()
    // What is still being answered or received then has had its time.
    setTimeout(keeper.around('http-closing', () => cut()), limits.closeGraceMs).unref()
    done()
  })
  app.decorate('leaving', {
    get asked () { return lanes.requests + streams.requests - closing.refused },
    get isBusy () { return lanes.isBusy || streams.isBusy },
    begin: () => {
      closing.begin()
      lanes.announce()
      streams.announce()
    },
    cut
  })
  app.decorate('secureEntrance', {
    handshakeMs: timeouts.headersMs ?? limits.headersTimeoutMs,
    arrived: (socket, begin) => arrivals.arrived(socket, begin),
    agreed: (arrived, share, secure, { ca, clientCert = 'request' }) => {
      arrivals.agreed(arrived)
      handshakes.done++
      rememberCertificate(secure, ca === undefined ? undefined : clientCert)
      if (secure.alpnProtocol === 'h2') return streams.connected(secure, share)
      lanes.expect(secure, share)
      app.server.emit('connection', secure)
    },
    failed: (error, arrived) => {
      const code = 'code' in error ? error.code : undefined
      if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') handshakes.late++
      else handshakes.failed++
      if (code === 'ERR_SSL_HTTP_REQUEST') arrived?.write(lastAnswer('REG_TLS_REQUIRED', dialects[0]?.clientError))
    }
  })
  if (dialects.some(({ inOpenApi }) => inOpenApi !== false)) registerOpenapi(app, options.version, dialects)

  const webSockets = new WebSockets(keeper)
  const parts: DialectParts = {
    clock: options.clock,
    log,
    closing,
    guard: keeper,
    metrics: options.metrics,
    commons,
    bodies: new Bodies({ commons, guard: keeper, workerOf: (request) => streams.workerOf(request) ?? lanes.workerOf(request), addressOf, isUrgent }),
    answers,
    hosts,
    logRequests: options.logRequests,
    answerAhead: (ready) => { ahead.push(ready) },
    webSockets: (scope) => webSockets.register(scope),
    count: (request, reply) => counts.count(request, reply),
    identities,
    peerOf: (request) => peers.of(request.raw),
    faultOf: (cause, request) => faultOf(cause, request, { log, guard: keeper })
  }
  for (const dialect of dialects) {
    await app.register(async (scope) => {
      scopes.set(dialect, scope)
      scope.removeAllContentTypeParsers()
      if (dialect.inOpenApi === false) hideRoutes(scope)
      await dialect.plugin(scope, dialect.isForeign === true ? { ...parts, identities: speaking(identities, dialect.name) } : parts)
    }, dialect.prefix === '' ? {} : { prefix: dialect.prefix })
  }
  await app.ready()
  return app
}

function dialectsByPath (dialects: readonly Dialect[]): (path: string) => Dialect | undefined {
  const ordered = [...dialects].sort((a, b) => b.prefix.length - a.prefix.length)
  return (path) => ordered.find(({ prefix }) => below(prefix, path) !== undefined)
}

function speaksWebSocket (dialectOf: (path: string) => Dialect | undefined, path: string): boolean {
  const dialect = dialectOf(path)
  if (dialect === undefined) return false
  const rest = below(dialect.prefix, path)
  return (dialect.upgrades ?? []).some((upgrade) => (upgrade.endsWith('*') ? rest?.startsWith(upgrade.slice(0, -1)) : rest === upgrade))
}

/** A token that was shown in a dialect's own way stands where every token stands. */
function takeToken (dialect: Dialect | undefined, request: IncomingMessage): void {
  const token = dialect?.tokenOf?.(request)
  if (token !== undefined) request.headers.authorization = `Bearer ${token}`
}

function hideRoutes (scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => { route.schema = { ...route.schema, hide: true } })
}

/** Ids for the log: unique in this process, and not mistaken for another's. */
function requestIds (): () => string {
  const start = Date.now().toString(36)
  let count = 0
  return () => `${start}-${(++count).toString(36)}`
}
