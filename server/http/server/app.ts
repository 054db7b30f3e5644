// The HTTP door as one Fastify app. The order of the calls is the map of the service.
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Clock, guardedClock, systemClock } from '../../clock.ts'
import { type Guard, loggingGuard } from '../../guard.ts'
import type { Work } from '../../lame-duck.ts'
import type { Core } from '../../registry/core.ts'
import { Closing, type DnsDoor, type HttpContext, type HttpLog } from './context.ts'
import { registerApply } from '../api/apply.ts'
import { registerBackup } from '../api/backup.ts'
import { registerDns } from '../api/dns.ts'
import { followConnections } from './connections.ts'
import { registerEndpoints } from '../api/endpoints.ts'
import { registerEvents } from '../api/events.ts'
import { guard } from './guard.ts'
import { registerExplain } from '../api/explain.ts'
import { registerHealth } from '../api/health.ts'
import { registerHeartbeats } from '../api/heartbeats.ts'
import { registerInstances } from '../api/instances.ts'
import { registerBodies } from './json-body.ts'
import * as limits from './limits.ts'
import { registerLists } from '../api/lists.ts'
import { manifestScope } from '../api/manifest-media.ts'
import { Metrics, registerMetrics } from '../../metrics/metrics.ts'
import { registerNamespaces } from '../api/namespaces.ts'
import { registerDocs, registerOpenapi } from './openapi.ts'
import { registerOverrides } from '../api/overrides.ts'
import { registerOverview } from '../api/overview.ts'
import { registerPools } from '../api/pools.ts'
import { answerClientError, registerProblems } from './problem.ts'
import { registerPrometheusTargets } from '../api/prometheus-targets.ts'
import { registerRevisions } from '../api/revisions.ts'
import { registerUnreadable } from '../api/unreadable.ts'
import { registerServices } from '../api/services.ts'
import { closeInputs, compileValidator } from './validation.ts'
import { registerWatch, watchPath } from '../watch/watch.ts'
import type { Watchers } from '../watch/watchers.ts'

export { Metrics, type MetricsOptions } from '../../metrics/metrics.ts'
export type { DnsDoor, HttpLog } from './context.ts'

export interface HttpOptions {
  readonly core: Core
  /** The name of this node, shown in the overview. */
  readonly node: string
  readonly version: string
  readonly metrics?: Metrics
  /** Default: DNS over HTTP is not offered. */
  readonly dns?: DnsDoor | undefined
  /** Names (without port) under which this server may be called, beside addresses, localhost and the machine's own name; `*` is every name. */
  readonly trustedHosts?: readonly string[]
  readonly maxBodyBytes?: number
  readonly log?: HttpLog
  /** Whether each request gets a log line, asked at each; default never. */
  readonly logRequests?: () => boolean
  readonly clock?: Clock
  /** Keeps errors that nobody expected from ending more than what they happened in. Default: one that writes to `log`. */
  readonly guard?: Guard
  /** How long a request may take to arrive. Defaults in limits.ts. */
  readonly timeouts?: { readonly requestMs?: number, readonly headersMs?: number, readonly checkMs?: number }
}

/** How the door ends in order: it is told that the node is going, goes on answering, and is closed. */
export interface Leaving extends Work {
  /** Not ready any more; watchers and long polls are told. Everything else is answered, with `connection: close`. */
  begin (): void
  /** Ends what `close` of the app still waits for. */
  cut (): void
}

declare module 'fastify' {
  interface FastifyRequest {
    /** It waited because it was asked to: its time says nothing about ours. */
    waited: boolean
  }
  interface FastifyInstance {
    leaving: Leaving
    watchers: Watchers
  }
}

const silent: HttpLog = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Makes the app, ready to listen or to be injected into. `close` ends sockets, streams and long polls within seconds. */
export async function buildHttp (options: HttpOptions): Promise<FastifyInstance> {
  const { core, node, version, log = silent, timeouts = {} } = options
  const metrics = options.metrics ?? new Metrics({ version, processMetrics: false })
  const keeper = options.guard ?? loggingGuard(log, metrics.unexpected)
  const clock = guardedClock(options.clock ?? systemClock, keeper, 'http-timer')
  const closing = new Closing(keeper)
  const context: HttpContext = { core, node, version, clock, metrics, log, closing, guard: keeper, dns: options.dns, startedAtMs: clock.now() }

  const app = Fastify({
    logger: false, // requests are counted; what fails is logged by the error handler
    genReqId: requestIds(),
    bodyLimit: options.maxBodyBytes ?? limits.maxBodyBytes,
    // Fastify's default is 0, which switches Node's own limit off.
    requestTimeout: timeouts.requestMs ?? limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionTimeout: limits.connectionTimeoutMs,
    maxRequestsPerSocket: limits.maxRequestsPerSocket,
    return503OnClosing: false, // the guard does it, as a problem
    routerOptions: { maxParamLength: limits.maxParamLength },
    http: {
      headersTimeout: timeouts.headersMs ?? limits.headersTimeoutMs,
      connectionsCheckingInterval: timeouts.checkMs ?? limits.lateCheckMs,
      // Any other request with an Upgrade header (curl --http2) is an ordinary one.
      shouldUpgradeCallback: ({ headers, url = '' }) => headers.upgrade?.toLowerCase() === 'websocket' && (url === watchPath || url.startsWith(`${watchPath}?`))
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => { void app.errorHandler(error, request, reply) }
  })
  app.server.maxConnections = limits.maxConnections
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value)) // what the core gives has the wire's types; see wire-check.ts
  app.decorateRequest('waited', false)

  const connections = followConnections(app, keeper, () => closing.begun)
  registerProblems(app, context)
  registerBodies(app)
  closeInputs(app)
  countRequests(app, context, options.logRequests ?? (() => false))
  app.addHook('onRequest', guard(options.trustedHosts ?? [], closing))
  app.addHook('preClose', (done) => {
    closing.end()
    connections.announce()
    connections.close()
    // What is still being answered or received then has had its time.
    setTimeout(keeper.around('http-closing', () => connections.cut()), limits.closeGraceMs).unref()
    done()
  })
  app.decorate('leaving', {
    get asked () { return connections.requests - closing.refused },
    get isBusy () { return connections.isBusy },
    begin: () => {
      closing.begin()
      connections.announce()
      app.watchers.goodbye()
    },
    cut: () => connections.cut()
  })
  await registerOpenapi(app, version)
  await app.register(compress, { encodings: ['gzip'], threshold: limits.gzipThreshold, globalDecompression: false })

  registerInstances(app, context)
  registerHeartbeats(app, context)
  registerOverrides(app, context)
  registerEndpoints(app, context)
  registerLists(app, context)
  await manifestScope(app, (scope) => {
    registerServices(scope, context)
    registerNamespaces(scope, context)
    registerApply(scope, context)
  })
  registerExplain(app, context)
  registerPools(app, context)
  await registerDns(app, context)
  await registerWatch(app, context)
  registerRevisions(app, context)
  registerEvents(app, context)
  registerOverview(app, context)
  registerBackup(app, context)
  registerUnreadable(app, context)
  registerPrometheusTargets(app, context)
  registerHealth(app, context)
  registerMetrics(app, context)
  await registerDocs(app)

  await app.ready()
  return app
}

/** Counts and times each route in its own recorder, made once. */
function countRequests (app: FastifyInstance, { metrics, log }: HttpContext, logRequests: () => boolean): void {
  app.addHook('onRoute', (route) => {
    const record = metrics.requests.of(String(route.method), route.url)
    route.onResponse = [route.onResponse ?? []].flat().concat((request, reply, done) => {
      record(reply.statusCode, request.waited ? undefined : reply.elapsedTime / 1_000)
      if (logRequests()) log.info({ requestId: request.id, method: request.method, url: request.url, status: reply.statusCode, ms: reply.elapsedTime }, 'request')
      done()
    })
  })
}

/** Ids for the log: unique in this process, and not mistaken for another's. */
function requestIds (): () => string {
  const start = Date.now().toString(36)
  let count = 0
  return () => `${start}-${(++count).toString(36)}`
}
