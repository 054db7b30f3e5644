// A registry with Eureka's API before it.
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Clock } from '../../server/clock.ts'
import { type EurekaOptions, eurekaDialect } from '../../server/eureka/dialect.ts'
import { loggingGuard } from '../../server/guard.ts'
import type { Identities } from '../../server/http/server/identities.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { type Http, buildHttp } from '../../server/http/server/server.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import type { Closable } from '../support/closable.ts'
import { type HttpWorld, type WorldOptions, build } from '../support/world.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: LightMyRequestResponse['headers']
  readonly bytes: Buffer
  readonly json: any
}

export interface EurekaWorld extends HttpWorld {
  readonly eureka: FastifyInstance
  readonly eurekaHttp: Http
  /** Sends a request; an object is sent as JSON, a text as XML. The path begins behind `/eureka` unless it begins with two slashes. */
  readonly ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  /** The same with `Accept: application/json`. */
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  /** Registers, and fails unless that is answered 204. */
  readonly put: (instance: object) => Promise<void>
  /** Moves time, and lets what follows from it happen. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>
}

export const asJson = { accept: 'application/json' }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What a client of Spring sends of itself. */
export function instance (fields: object = {}): Record<string, any> {
  return {
    instanceId: 'host1:orders:8080', app: 'ORDERS', hostName: 'host1', ipAddr: '10.0.0.7', status: 'UP', port: { $: 8080, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' }, dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    vipAddress: 'orders', ...fields
  }
}

/** Eureka's API before a core. */
export async function serveEureka (t: Closable, options: Pick<EurekaOptions, 'core' | 'feed'> & Partial<Pick<EurekaOptions, 'namespace'>> & {
  readonly clock: Clock
  readonly identities?: Identities | undefined
  readonly warnings: string[]
}): Promise<{ readonly eureka: FastifyInstance, readonly eurekaHttp: Http, readonly ask: EurekaWorld['ask'] }> {
  const { core, feed, namespace = 'default', clock, identities, warnings } = options
  const metrics = new Metrics({ version: '0.0.0-test', processMetrics: false, now: () => 0 })
  const dialect = eurekaDialect({
    core, feed, counters: new RegistryMetrics(metrics.register), node: 'test-node', version: '0.0.0-test', namespace, listen: { host: '127.0.0.1', port: 0 }
  })
  const line = (_fields: object, message: string): void => { warnings.push(message) }
  const http = await buildHttp({
    dialects: [dialect], version: '0.0.0-test', clock, metrics: new HttpMetrics(metrics.register), identities,
    log: { info: () => undefined, warn: line, error: line }, guard: loggingGuard({ error: line }, metrics.unexpected)
  })
  t.teardown(() => http.close())
  const eureka = http.own.get('eureka')
  if (eureka === undefined) throw new Error('no app')
  const ask: EurekaWorld['ask'] = async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string' || Buffer.isBuffer(body)
    const response = await eureka.inject({
      method: method as 'GET', url: path.startsWith('//') ? path.slice(1) : `/eureka${path}`, remoteAddress: '10.0.0.1',
      headers: { host: '127.0.0.1:8761', ...(body === undefined ? {} : { 'content-type': isText ? 'application/xml' : 'application/json' }), ...headers },
      ...(body === undefined ? {} : { payload: isText ? body : JSON.stringify(body) })
    })
    return {
      status: response.statusCode, body: response.body, headers: response.headers, bytes: response.rawPayload, get json () { return JSON.parse(response.body) }
    }
  }
  return { eureka, eurekaHttp: http, ask }
}

export async function eurekaWorld (t: Closable, options: WorldOptions = {}, namespace = 'default'): Promise<EurekaWorld> {
  const world = await build(t, options)
  const { core, credentials: identities } = world.control
  const served = await serveEureka(t, { core, feed: world.registry.feed, namespace, clock: world.clock, identities, warnings: world.warnings })
  const { ask } = served
  return {
    ...world,
    ...served,
    get: (path, headers = {}) => ask('GET', path, undefined, { ...asJson, ...headers }),
    put: async (fields) => {
      const whole = instance(fields)
      const { status, body } = await ask('POST', `/apps/${whole['app']}`, { instance: whole })
      if (status !== 204) throw new Error(`${status} ${body}`)
    },
    pass: async (ms, stepMs = 250) => {
      for (let left = ms; left > 0; left -= stepMs) {
        world.clock.advance(Math.min(stepMs, left))
        for (let turns = 0; turns < 12; turns++) await turn()
      }
    }
  }
}
