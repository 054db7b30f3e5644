// A registry with Consul's API before it.
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { consulDialect } from '../../server/consul/dialect.ts'
import { loggingGuard } from '../../server/guard.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { type Http, type HttpOptions, buildHttp } from '../../server/http/server/server.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import type { Core } from '../../server/registry/core.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import type { Closable } from '../support/closable.ts'
import type { HandClock } from '../support/hand-clock.ts'
import { type HttpWorld, type World, type WorldOptions, build } from '../support/world.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly json: any
  readonly index: number
  readonly headers: LightMyRequestResponse['headers']
}

/** Consul's API before a registry. */
export interface ConsulApi {
  readonly consul: FastifyInstance
  readonly consulHttp: Http
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Answer>
  /** @param body sent as JSON, or as it is if it is a text; the address of the sender is `from` */
  readonly put: (path: string, body?: unknown, options?: { readonly headers?: Record<string, string>, readonly from?: string }) => Promise<Answer>
  /** Registers a service, and fails unless that is done. */
  readonly service: (body: Record<string, unknown>, from?: string) => Promise<void>
}

export interface ConsulWorld extends HttpWorld, ConsulApi {
  /** Moves time, and lets what follows from it happen. */
  readonly pass: (ms: number, stepMs?: number) => Promise<void>
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Waits for what happens in the next turns of the loop. */
export async function until (isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let count = 0; count < 5_000; count++) {
    if (await isSo()) return
    await turn()
  }
  throw new Error(`it did not happen: ${what}`)
}

export async function consulApi (t: Closable, world: Pick<World, 'control' | 'warnings' | 'clock'>): Promise<ConsulApi> {
  return serveConsul(t, { core: world.control.core, identities: world.control.credentials, warnings: world.warnings, clock: world.clock })
}

export interface ServeOptions {
  readonly core: Core
  readonly identities?: HttpOptions['identities']
  readonly warnings: string[]
  readonly clock: HandClock
}

export async function serveConsul (t: Closable, { core, identities, warnings, clock }: ServeOptions): Promise<ConsulApi> {
  const metrics = new Metrics({ version: '0.0.0-test', processMetrics: false, now: () => 0 })
  const dialect = consulDialect({
    core, counters: new RegistryMetrics(metrics.register), node: 'test-node', version: '0.0.0-test', listen: { host: '127.0.0.1', port: 0 }, random: () => 0
  })
  const lines = { info: () => undefined, warn: () => undefined, error: (_fields: object, message: string) => { warnings.push(message) } }
  const http = await buildHttp({
    dialects: [dialect], version: '0.0.0-test', clock, metrics: new HttpMetrics(metrics.register), guard: loggingGuard(lines, metrics.unexpected), log: lines,
    identities
  })
  t.teardown(() => http.close())
  const consul = http.own.get('consul')
  if (consul === undefined) throw new Error('no app')
  const answer = (response: LightMyRequestResponse): Answer => ({
    status: response.statusCode, body: response.body, headers: response.headers, index: Number(response.headers['x-consul-index'] ?? 0),
    get json () { return JSON.parse(response.body) }
  })
  const put: ConsulWorld['put'] = async (path, body, { headers = {}, from = '10.0.0.1' } = {}) => answer(await consul.inject({
    method: 'PUT', url: path, remoteAddress: from, headers: { host: '127.0.0.1:8500', ...headers },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) })
  }))
  return {
    consul,
    consulHttp: http,
    get: async (path, headers = {}) => answer(await consul.inject({ method: 'GET', url: path, remoteAddress: '10.0.0.1', headers: { host: '127.0.0.1:8500', ...headers } })),
    put,
    service: async (body, from) => {
      const { status, body: text } = await put('/v1/agent/service/register', body, from === undefined ? {} : { from })
      if (status !== 200) throw new Error(`${status} ${text}`)
    }
  }
}

export async function consulWorld (t: Closable, options: WorldOptions = {}): Promise<ConsulWorld> {
  const world = await build(t, options)
  return {
    ...world,
    ...await consulApi(t, world),
    pass: async (ms, stepMs = 250) => {
      for (let left = ms; left > 0; left -= stepMs) {
        world.clock.advance(Math.min(stepMs, left))
        for (let turns = 0; turns < 12; turns++) await turn()
      }
    }
  }
}
