// A registry that answers clients of Kubernetes: injected, or at a port of its own.
import type { IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { loggingGuard } from '../../server/guard.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { type Http, buildHttp } from '../../server/http/server/server.ts'
import { otherDialect } from '../http/other-dialect.ts'
import { kubernetesDialect } from '../../server/kubernetes/dialect.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import type { Closable } from '../support/closable.ts'
import type { HandClock } from '../support/hand-clock.ts'
import { type World, type WorldOptions, build } from '../support/world.ts'

export interface Cluster extends World {
  readonly app: FastifyInstance
  readonly metrics: Metrics
  /** Injects a request. `body` is sent as JSON. */
  readonly ask: (method: string, url: string, body?: unknown, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
  readonly url: () => Promise<string>
  /** Opens a watch at a real socket. */
  readonly watch: (path: string, headers?: Record<string, string>) => Promise<WatchReader>
}

/** The longest rest between two rounds in which what changed is told, and less than a tick of watches. */
const restMs = 600

export interface KubeEvent {
  readonly type: string
  readonly object: any
}

/** The events of a watch, one after the other. */
export class WatchReader {
  readonly status: number
  readonly #events: KubeEvent[] = []
  readonly #response: IncomingMessage
  #text = ''
  readonly #clock: HandClock
  #isOver = false

  constructor (response: IncomingMessage, clock: HandClock) {
    this.#clock = clock
    this.status = response.statusCode ?? 0
    this.#response = response
    response.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text
      const lines = this.#text.split('\n')
      this.#text = lines.pop() ?? ''
      for (const line of lines) this.#events.push(JSON.parse(line) as KubeEvent)
    })
    const end = (): void => { this.#isOver = true }
    response.on('end', end).on('error', end)
  }

  /** The next event; undefined = the watch has ended. */
  async next (): Promise<KubeEvent | undefined> {
    while (this.#events.length === 0 && !this.#isOver) {
      this.#clock.hasten(restMs) // on a busy machine what changed is told after a rest
      await setImmediate()
    }
    return this.#events.shift()
  }

  /** As many events as that, as `TYPE name`. */
  async told (count: number): Promise<string[]> {
    const told: string[] = []
    while (told.length < count) {
      const event = await this.next()
      if (event === undefined) return [...told, 'END']
      told.push(`${event.type} ${event.object.metadata?.name ?? event.object.reason ?? ''}`.trim())
    }
    return told
  }

  close (): void {
    this.#response.destroy()
  }
}

export async function cluster (t: Closable, options: WorldOptions & { readonly clock?: HandClock } = {}): Promise<Cluster> {
  return serve(t, await build(t, options))
}

/** Another one that answers for a registry, as a node does that has just begun. */
export async function serve (t: Closable, world: World): Promise<Cluster> {
  const metrics = new Metrics({ version: '0.0.0-test', processMetrics: false, now: () => 0 })
  const lines = { info: () => undefined, error: (_fields: object, message: string) => { world.warnings.push(message) }, warn: () => undefined }
  const dialect = kubernetesDialect({
    core: world.control.core, feed: world.registry.feed, register: metrics.register, version: '0.0.0-test', reviews: world.control.desk, listen: { host: '127.0.0.1', port: 0 }
  })
  const http: Http = await buildHttp({
    dialects: [otherDialect(), dialect], version: '0.0.0-test', clock: world.clock, metrics: new HttpMetrics(metrics.register), log: lines,
    guard: loggingGuard(lines, metrics.unexpected), identities: world.control.credentials
  })
  t.teardown(() => http.close())
  const app = http.own.get('kubernetes')
  if (app === undefined) throw new Error('there is no such dialect')
  let listening: Promise<string> | undefined
  const listen = async (): Promise<string> => {
    await http.listen({ host: '127.0.0.1', port: 0 })
    return http.ownUrls.get('kubernetes')?.[0] ?? ''
  }
  const url = (): Promise<string> => listening ??= listen()
  return {
    ...world, app, metrics, url,
    ask: (method, path, body, headers = {}) => app.inject({
      method: method as 'GET', url: path, headers: { host: '127.0.0.1', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) })
    }),
    watch: async (path, headers = {}) => {
      const address = `${await url()}${path}`
      const response = await new Promise<IncomingMessage>((resolve, reject) => { httpRequest(address, { headers }, resolve).on('error', reject).end() })
      const reader = new WatchReader(response, world.clock)
      t.teardown(() => reader.close())
      return reader
    }
  }
}

/** What is waited for while what is due within so many milliseconds happens. */
export async function passing<Result> (clock: HandClock, ms: number, waiting: Promise<Result>): Promise<Result> {
  let isSettled = false
  const settled = waiting.finally(() => { isSettled = true })
  settled.catch(() => undefined) // the caller gets it below
  while (!isSettled) {
    clock.hasten(ms)
    await setImmediate()
  }
  return await waiting
}

export const namespaced = '/api/v1/namespaces/shop'
export const tableAccept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

export function serviceOf (name: string, spec: object = {}, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, ...metadata }, spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec } }
}
