// Counts and times answers where they are sent, each route in its own recorder. A hook at the end of each response would make Fastify
// listen for that end, on every request.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dialect } from './dialect.ts'
import type { HttpLog } from './http-log.ts'
import { withoutTokens } from './guard.ts'
import type { HttpMetrics, RequestRecorder } from './metrics.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    record?: RequestRecorder
  }
}

export interface AnswerCountsOptions {
  readonly dialects: readonly Dialect[]
  readonly metrics: HttpMetrics
  readonly log: HttpLog
  /** Whether each request gets a log line, asked at each. */
  readonly logRequests: () => boolean
}

export class AnswerCounts {
  readonly #options: AnswerCountsOptions
  /** Of what has no route, by method, of which Node knows some thirty. */
  readonly #unrouted = new Map<string, RequestRecorder>()
  /** Before the names of routes: other ones of the same names stand at other listeners. */
  readonly #own: string

  /** Counts what the routes of the app send from now on. */
  constructor (app: FastifyInstance, options: AnswerCountsOptions) {
    const { dialects: [first], metrics } = options
    this.#options = options
    this.#own = first?.listen === undefined ? '' : `${first.name}:`
    app.addHook('onRoute', (route) => {
      const record = metrics.of(String(route.method), `${this.#own}${route.url}`)
      route.config = { ...route.config, record }
      const counted: typeof route.onSend = (request, reply, payload, done) => {
        this.#count(request, reply, record)
        done(null, payload)
      }
      route.onSend = [counted, ...[route.onSend ?? []].flat()]
    })
  }

  /** Counts an answer that is written without `send`. */
  count (request: FastifyRequest, reply: FastifyReply): void {
    const { record } = request.routeOptions.config
    if (record !== undefined) this.#count(request, reply, record)
  }

  /** Counts the answer to a request that has no route. */
  countUnrouted ({ method }: FastifyRequest, { statusCode }: FastifyReply): void {
    const record = this.#unrouted.get(method) ?? this.#options.metrics.of(method, `${this.#own}(none)`)
    this.#unrouted.set(method, record)
    record(statusCode, undefined)
  }

  #count (request: FastifyRequest, reply: FastifyReply, record: RequestRecorder): void {
    const { log, logRequests } = this.#options
    record(reply.statusCode, request.waited ? undefined : reply.elapsedTime / 1_000)
    if (!logRequests()) return
    const { id: requestId, method, url } = request
    log.info({ requestId, method, url: withoutTokens(url), status: reply.statusCode, ms: reply.elapsedTime }, 'request')
  }
}
