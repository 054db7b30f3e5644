// A ready app on a real store in a directory of its own, with a clock that the test moves.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { Registration } from '../../client-sdk/src/wire.ts'
import { loggingGuard } from '../../server/guard.ts'
import { type NativeOptions, nativeDialect } from '../../server/http/api/native.ts'
import type { Dialect } from '../../server/http/server/dialect.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { type Http, type HttpOptions, buildHttp } from '../../server/http/server/server.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import { Registry, type RegistryOptions } from '../../server/registry/registry.ts'
import { timedStore } from '../../server/registry/timed-store.ts'
import { storeMetrics } from '../../server/store/metrics.ts'
import type { Store } from '../../server/store/store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { ManualClock } from './manual-clock.ts'
import { TestSocket } from './test-socket.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export interface World {
  readonly http: Http
  readonly app: FastifyInstance
  readonly registry: Registry
  readonly clock: ManualClock
  readonly log: LogLine[]
  /** Injects a request; `body` is sent as JSON. */
  readonly send: (method: string, url: string, body?: unknown, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
  /** Registers and gives the answer. */
  readonly register: (path: string, registration?: Registration) => Promise<any>
  /** Opens a WebSocket to the watch. */
  readonly connect: () => Promise<TestSocket>
  /** Listens on a free port of the loopback address, once. */
  readonly listen: () => Promise<{ readonly host: string, readonly port: number, readonly url: string }>
}

export interface WorldOptions extends Partial<Omit<HttpOptions, 'dialects' | 'clock' | 'log' | 'metrics'>>, Partial<Pick<NativeOptions, 'sharedStore' | 'dns' | 'node'>> {
  readonly metrics?: Metrics
  /** Beside the native one. */
  readonly dialects?: readonly Dialect[]
  readonly core?: Partial<RegistryOptions>
  /** Stands between the registry and the store. */
  readonly wrap?: (store: Store) => Store
  /** False: the registry is not opened, and so not loaded. */
  readonly open?: boolean
}

/** `namespace/service/id` as the path of an instance. */
export function pathOf (name: string): string {
  const [namespace = '', service = '', id = ''] = name.split('/')
  return `/v1/namespaces/${namespace}/services/${service}/instances/${encodeURIComponent(id)}`
}

export async function build (t: Test, options: WorldOptions = {}): Promise<World> {
  const { core, wrap = (store) => store, open = true, metrics: given, dialects = [], sharedStore, dns, node = 'test-node', ...rest } = options
  const directory = await mkdtemp(join(tmpdir(), 'rollcall-http-'))
  const clock = new ManualClock()
  const log: LogLine[] = []
  const logger = (level: LogLine['level']) => (fields: object, message: string): void => { log.push({ level, fields: fields as LogLine['fields'], message }) }
  const metrics = given ?? new Metrics({ version: '0.0.0-test', processMetrics: false, now: () => 0 }) // each text is made anew
  const counters = new RegistryMetrics(metrics.register)
  const store = timedStore(wrap(createSqliteStore({ directory, now: () => clock.now(), holdMs: 0 })), storeMetrics(metrics.register))
  const registry = new Registry({ store, clock, protection: { holdMs: 0 }, random: () => 0.5, swept: counters.swept, ...core })
  counters.observe(registry)
  const native = nativeDialect({
    core: registry, counters, metrics, node, version: '0.0.0-test', dns, ...(sharedStore === undefined ? {} : { sharedStore })
  })
  const lines = { info: logger('info'), warn: logger('warn'), error: logger('error') }
  const http = await buildHttp({
    dialects: [native, ...dialects],
    version: '0.0.0-test',
    clock,
    metrics: new HttpMetrics(metrics.register),
    log: lines,
    guard: loggingGuard(lines, metrics.unexpected),
    ...rest
  })
  const { app } = http
  t.teardown(async () => {
    await http.close()
    await registry.close()
    await rm(directory, { recursive: true, force: true })
  })
  if (open) await registry.open()
  const send: World['send'] = (method, url, body, headers = {}) => app.inject({
    method: method, // tests send wrong ones too
    url,
    headers: { host: '127.0.0.1:7500', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) })
  })
  let address: ReturnType<World['listen']> | undefined
  const listen: World['listen'] = () => address ??= http.listen({ host: '127.0.0.1', port: 0 }).then(([url = '']) => {
    const { hostname: host, port } = new URL(url)
    return { host, port: Number(port), url }
  })
  return {
    http,
    app,
    registry,
    clock,
    log,
    send,
    register: async (path, registration = { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] }) => {
      const answer = await send('PUT', pathOf(path), registration)
      if (answer.statusCode >= 300) throw new Error(`registration of ${path} failed: ${answer.body}`)
      return answer.json()
    },
    connect: async () => TestSocket.connect((await listen()).url),
    listen
  }
}
