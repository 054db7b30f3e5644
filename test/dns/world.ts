// A registry's living view without a store, and a DNS server in front of it: tests register, declare and ask over real sockets.
import type { Registration } from '../../client-sdk/src/wire.ts'
import { type DnsOptions, type DnsServer, type DnsSource, startDns } from '../../server/dns/dns-server.ts'
import { type EndpointSet, endpointSet } from '../../server/model/endpoints.ts'
import { bodyOf } from '../../server/model/instance.ts'
import { instanceKey } from '../../server/model/names.ts'
import { everything } from '../../server/model/selector.ts'
import { handMadeEndpoints, serviceEndpoints } from '../../server/model/service/endpoints.ts'
import type { EndpointSlice, Service, ServiceSpec } from '../../server/model/service/types.ts'
import { Feed } from '../../server/registry/feed.ts'
import type { Clock } from '../../server/registry/timers.ts'
import type { Change } from '../../server/store/store.ts'

/** A clock that stands still until it is told to go on. */
export class HandClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<{ readonly atMs: number, readonly callback: () => void }>()

  now (): number {
    return this.#nowMs
  }

  after (ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Moves on and calls back in order of time, also what is set on the way. */
  advance (ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = next.atMs
      next.callback()
    }
    this.#nowMs = endMs
  }
}

interface Declared {
  readonly manifest: Service
  readonly slices: readonly EndpointSlice[]
  endpoints: EndpointSet
  madeAt: number
}

/** Plays the store: hands changes to a feed. */
export class World {
  readonly clock = new HandClock()
  readonly feed = new Feed({ now: () => this.clock.now() })
  readonly #declared = new Map<string, Declared>()
  #revision = 0

  /** What a server is put in front of: the feed, and the declared services that it does not know. */
  get source (): DnsSource {
    const { feed } = this
    return {
      get loaded () { return feed.loaded },
      get revision () { return feed.revision },
      get staleSeconds () { return feed.staleSeconds },
      catalog: {
        hasNamespace: (namespace) => feed.catalog.hasNamespace(namespace) || [...this.#declared.keys()].some((path) => path.startsWith(`${namespace}/`)),
        endpoints: (namespace, service) => this.#find(namespace, service)?.endpoints ?? feed.catalog.endpoints(namespace, service),
        declared: (namespace, service) => this.#find(namespace, service)
      }
    }
  }

  /** Declares a service, or declares it anew. @param path `namespace/service` @param slices of a service without selector */
  declare (path: string, spec: Partial<ServiceSpec>, slices: readonly EndpointSlice[] = []): this {
    const [namespace = '', name = ''] = path.split('/')
    const manifest: Service = { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec } }
    this.#declared.set(path, { manifest, slices, endpoints: endpointSet(namespace, name, 0, []), madeAt: -1 })
    return this.#next()
  }

  /** Deletes a declared service. */
  withdraw (path: string): this {
    this.#declared.delete(path)
    return this.#next()
  }

  /** The endpoints stay the same object from one revision to the next. */
  #find (namespace: string, service: string): Declared | undefined {
    const declared = this.#declared.get(`${namespace}/${service}`)
    if (declared === undefined || declared.madeAt === this.#revision) return declared
    const { manifest, slices } = declared
    declared.endpoints = manifest.spec.selector === undefined
      ? handMadeEndpoints(manifest, { slices }, this.#revision)
      : serviceEndpoints(manifest, this.feed.catalog.select(namespace, everything), this.#revision)
    declared.madeAt = this.#revision
    return declared
  }

  /** A change that the feed cannot hold, so that its revision moves on. */
  #next (): this {
    this.#revision++
    return this.#apply({ type: 'delete-object', reason: 'override-ended', key: 'none/none/none' })
  }

  /** The first load, empty. */
  load (): this {
    this.feed.load({ epoch: 'test', revision: this.#revision, instances: [], objects: [], recent: [], lost: [] })
    this.feed.health({ available: true, reason: '', sinceMs: this.clock.now() })
    return this
  }

  /** @param path `namespace/service/id` */
  register (path: string, registration: Registration & { readonly suspect?: boolean }): this {
    const { suspect = false, ...rest } = registration
    const { body, ttlMs } = bodyOf(rest, undefined)
    const revision = ++this.#revision
    const nowMs = this.clock.now()
    const facts = { key: key(path), lease: path, generation: '1', ttlMs, createdRevision: revision, revision, createdAtMs: nowMs, updatedAtMs: nowMs }
    return this.#apply({ type: 'put', reason: 'registered', record: { ...facts, suspect, body: JSON.stringify(body) } })
  }

  deregister (path: string): this {
    this.#revision++
    return this.#apply({ type: 'delete', reason: 'deregistered', key: key(path), lease: path })
  }

  suspect (path: string): this {
    this.#revision++
    return this.#apply({ type: 'suspect', reason: 'suspect', key: key(path), lease: path })
  }

  /** The store goes away. */
  loseStore (): this {
    this.feed.health({ available: false, reason: 'gone', sinceMs: this.clock.now() })
    return this
  }

  #apply (change: Change extends infer C ? C extends Change ? Omit<C, 'revision' | 'atMs' | 'by'> : never : never): this {
    this.feed.apply([{ ...change, revision: this.#revision, atMs: this.clock.now(), by: 'test' }])
    return this
  }
}

function key (path: string): string {
  const [namespace = '', service = '', id = ''] = path.split('/')
  return instanceKey(namespace, service, id)
}

/** Starts a server before a world on a free port of the loopback, closed with the test. */
export async function serve (t: { teardown (end: () => Promise<void>): void }, world: World, options: Partial<DnsOptions> = {}): Promise<DnsServer> {
  const server = await startDns({ source: world.source, host: '127.0.0.1', port: 0, random: () => 0, clock: world.clock, ...options })
  t.teardown(() => server.close())
  return server
}
