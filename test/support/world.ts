// A registry core on a store in memory, with a clock that the test moves. HTTP and DNS in front of it start when a test needs them.
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { PolicyRule } from '../../client-sdk/src/manifests.ts'
import type { Heartbeat, HeartbeatAnswer, Registration } from '../../client-sdk/src/wire.ts'
import { AccessControl, type AccessControlOptions } from '../../server/access/access-control.ts'
import { AccessMetrics } from '../../server/access/metrics.ts'
import type { AccessValues } from '../../server/access/settings.ts'
import { type DnsOptions, type DnsServer, dnsCore, startDns } from '../../server/dns/server.ts'
import { loggingGuard } from '../../server/guard.ts'
import { type NativeOptions, nativeDialect } from '../../server/http/api/native.ts'
import type { Dialect } from '../../server/http/server/dialect.ts'
import { HttpMetrics } from '../../server/http/server/metrics.ts'
import { type Http, type HttpOptions, buildHttp } from '../../server/http/server/server.ts'
import { Metrics } from '../../server/metrics/metrics.ts'
import type { Access, Actor, LeaseSession, Registered } from '../../server/registry/core.ts'
import { RegistryMetrics } from '../../server/registry/metrics.ts'
import { Registry, type RegistryOptions } from '../../server/registry/registry.ts'
import { storeMetrics } from '../../server/store/metrics.ts'
import type { Store } from '../../server/store/store.ts'
import { registryActor } from '../../server/registry/core.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { Closable } from './closable.ts'
import { HandClock } from './hand-clock.ts'
import { TestSocket } from './test-socket.ts'

const plenty = { perSecond: 1_000_000, burst: 1_000_000 }
const noControl: AccessValues = { mode: 'off', tokenFile: undefined, certificateIdentity: 'san', jwt: undefined, audit: undefined, limits: { writes: plenty, heartbeats: plenty, registrations: plenty, watches: plenty }, connections: 1_000_000 }

/** Who does things in tests. */
export const tester: Actor = { name: 'test', kind: 'anonymous', address: '10.0.0.1' }

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export interface World extends AsyncDisposable {
  readonly registry: Registry
  /** The core as the tester has it. */
  readonly access: Access
  /** Access control, if the world has one. */
  readonly control: AccessControl
  readonly clock: HandClock
  /** What the registry warned of. */
  readonly warnings: string[]
  /** What HTTP logged. */
  readonly log: LogLine[]
  /** Registers at the core. @param path `namespace/service/id`, or an id of shop/orders */
  readonly register: (path: string, registration?: Registration) => Promise<Registered>
  /** Sends heartbeats to the core without letting them wait for company. */
  readonly beat: (heartbeats: readonly Heartbeat[], session?: LeaseSession) => Promise<HeartbeatAnswer>
  /** HTTP before the registry. From then on moments pass by themselves. */
  readonly serveHttp: () => Promise<Http>
  /** Injects a request; `body` is sent as JSON. */
  readonly send: (method: string, url: string, body?: unknown, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
  /** Listens for HTTP on a free port of the loopback address, once. */
  readonly listen: () => Promise<{ readonly host: string, readonly port: number, readonly url: string }>
  /** Opens a WebSocket to the watch. */
  readonly connect: () => Promise<TestSocket>
  /** DNS before the registry, on a free port of the loopback address. */
  readonly dns: (options?: Partial<DnsOptions>) => Promise<DnsServer>
}

/** A world in which HTTP is there already. */
export interface HttpWorld extends World {
  readonly http: Http
  readonly app: FastifyInstance
}

export interface WorldOptions extends Partial<Omit<HttpOptions, 'dialects' | 'clock' | 'log' | 'metrics'>>,
  Partial<Pick<NativeOptions, 'sharedStore' | 'dns' | 'node'>> {
  readonly metrics?: Metrics
  /** Beside the native one. */
  readonly dialects?: readonly Dialect[]
  readonly core?: Partial<RegistryOptions>
  /** Stands between the registry and the store. */
  readonly wrap?: (store: Store) => Store
  /** Access control before the core. Default: none. */
  readonly control?: Partial<AccessValues>
  /** What a client's certificate says, as the server has it. */
  readonly certificateOf?: AccessControlOptions['certificateOf']
  /** False: the registry is not opened, and so not loaded. */
  readonly open?: boolean
}

/** `namespace/service/id` as the path of an instance. */
export function pathOf (name: string): string {
  const { namespace, service, id } = nameOf(name)
  return `/v1/namespaces/${namespace}/services/${service}/instances/${encodeURIComponent(id)}`
}

function nameOf (path: string): { readonly namespace: string, readonly service: string, readonly id: string } {
  const [namespace = '', service = '', ...id] = path.split('/')
  return id.length === 0 ? { namespace: 'shop', service: 'orders', id: path } : { namespace, service, id: id.join('/') }
}

/** A loaded registry. A store that has just begun holds back every expiry; this one does not. */
export function world (t: Closable, core: Partial<RegistryOptions> = {}): Promise<World> {
  return create(t, { core })
}

/** A registry with HTTP. */
export async function build (t: Closable, options: WorldOptions = {}): Promise<HttpWorld> {
  const made = await create(t, options, { clock: new HandClock().letMomentsPass() })
  return withHttp(made)
}

/** A registry with HTTP that answers DNS messages, too. */
export async function buildWithDns (t: Closable, options: Partial<DnsOptions> = {}, worldOptions: WorldOptions = {}): Promise<HttpWorld> {
  const made = await create(t, worldOptions, {
    clock: new HandClock().letMomentsPass(),
    desk: (registry) => {
      const core = dnsCore({ source: registry.feed, random: () => 0, ...options }, ['127.0.0.1'])
      t.teardown(() => core.close())
      return core.desk
    }
  })
  return withHttp(made)
}

async function withHttp (made: World): Promise<HttpWorld> {
  const http = await made.serveHttp()
  return { ...made, http, app: http.app }
}

interface Parts {
  readonly clock?: HandClock
  /** What answers DNS messages over HTTP, if that is made from the registry. */
  readonly desk?: (registry: Registry) => NativeOptions['dns']
}

async function create (t: Closable, options: WorldOptions, { clock = new HandClock(), desk }: Parts = {}): Promise<World> {
  const { core, wrap = (store) => store, open = true, metrics: given, dialects = [], sharedStore, dns, node = 'test-node', control: controlled, certificateOf, ...http } = options
  const warnings: string[] = []
  const log: LogLine[] = []
  const metrics = given ?? new Metrics({ version: '0.0.0-test', processMetrics: false, now: () => 0 }) // each text is made anew
  const counters = new RegistryMetrics(metrics.register)
  const store = wrap(createSqliteStore({ directory: ':memory:', now: () => clock.now(), holdMs: 0 }))
  const registry = new Registry({
    store, storeTimer: storeMetrics(metrics.register), clock, protection: { holdMs: 0 }, random: () => 0.5, swept: counters.swept,
    log: { info: () => undefined, warn: (message) => warnings.push(message) }, ...core
  })
  counters.observe(registry)
  t.teardown(() => registry.close())
  const accessMetrics = new AccessMetrics(metrics.register)
  const control = new AccessControl({
    metrics: accessMetrics,
    values: { ...noControl, ...controlled }, core: registry, feed: registry.feed, clock, certificateOf,
    guard: loggingGuard({ error: (_fields, message) => warnings.push(message) }, () => undefined),
    log: { info: () => undefined, warn: (message) => warnings.push(message) }
  })
  accessMetrics.observe(metrics.register, control.book, () => control.audit?.dropped ?? 0)
  t.teardown(() => control.close())
  if (open) await registry.open()
  const access = registry.as(tester)

  const logger = (level: LogLine['level']) => (fields: object, message: string): void => { log.push({ level, fields: fields as LogLine['fields'], message }) }
  const lines = { info: logger('info'), warn: logger('warn'), error: logger('error') }
  const makeHttp = async (): Promise<Http> => {
    clock.letMomentsPass()
    const native = nativeDialect({
      core: control.core, counters, metrics, node, version: '0.0.0-test', dns: desk?.(registry) ?? dns, access: control.desk, ...(sharedStore === undefined ? {} : { sharedStore })
    })
    const made = await buildHttp({
      dialects: [native, ...dialects], version: '0.0.0-test', clock, metrics: new HttpMetrics(metrics.register), log: lines,
      guard: loggingGuard(lines, metrics.unexpected), identities: control.credentials, ...http
    })
    t.teardown(() => made.close())
    return made
  }
  let served: Promise<Http> | undefined
  let address: ReturnType<World['listen']> | undefined
  const makeAddress: World['listen'] = async () => {
    const [url = ''] = await (await made.serveHttp()).listen({ host: '127.0.0.1', port: 0 })
    const { hostname: host, port } = new URL(url)
    return { host, port: Number(port), url }
  }
  const made: World = {
    registry,
    access,
    control,
    clock,
    warnings,
    log,
    register: (path, registration = { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] }) => access.register(nameOf(path), registration),
    beat: async (heartbeats, session) => {
      let settled = false
      const answer = access.heartbeat(heartbeats, session).finally(() => { settled = true })
      answer.catch(() => undefined) // the caller gets it below
      while (!settled) {
        clock.hasten(10)
        await setImmediate()
      }
      return answer
    },
    serveHttp: () => served ??= makeHttp(),
    send: async (method, url, body, headers = {}) => (await made.serveHttp()).app.inject({
      method: method as 'GET', // tests send wrong ones too
      url,
      headers: { host: '127.0.0.1:7500', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) })
    }),
    listen: () => address ??= makeAddress(),
    connect: async () => TestSocket.connect((await made.listen()).url),
    dns: async (dns = {}) => {
      const server = await startDns({ source: registry.feed, host: '127.0.0.1', port: 0, random: () => 0, clock, ...dns })
      t.teardown(() => server.close())
      return server
    },
    [Symbol.asyncDispose]: () => registry.close()
  }
  return made
}

/** Makes a token of a name at the core; gives its text. */
export async function tokenOf ({ control }: Pick<World, 'control'>, name: string, rules: readonly PolicyRule[], expiresAt?: string): Promise<string> {
  return (await control.desk.create(registryActor, { name, rules, ...(expiresAt === undefined ? {} : { expiresAt }) })).token
}

/** The header that shows a token. */
export function bearer (token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}
