// A registry's living view whose store is played by the test, and a DNS server before it. A `World` (world.ts) has a real core; here a test
// says at once, and in one chain, what the store tells: also what no core would write, such as a suspect or the loss of the store.
import type { Registration } from '../../client-sdk/src/wire.ts'
import { type DnsOptions, type DnsServer, startDns } from '../../server/dns/server.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import { Responder, type ResponderOptions } from '../../server/dns/responder.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { bodyOf } from '../../server/model/instance/instance.ts'
import { instanceKey } from '../../server/model/names.ts'
import type { Endpoints, EndpointSlice, Labels, Manifest, Service, ServiceSpec } from '../../server/model/service/types.ts'
import { Feed } from '../../server/registry/feed/feed.ts'
import { manifestKey, storedManifest } from '../../server/registry/services/manifests.ts'
import type { Change } from '../../server/store/store.ts'
import { HandClock } from './hand-clock.ts'

/** Hands changes to a feed, as a store does. */
export class PlayedFeed {
  readonly clock = new HandClock()
  readonly feed = new Feed({ now: () => this.clock.now() })
  #revision = 0

  /** Declares a service, or declares it anew. @param path `namespace/service` @param made by hand, for a service without selector */
  declare (path: string, spec: Partial<ServiceSpec>, made: readonly (EndpointSlice | Endpoints)[] = [], annotations?: Labels): this {
    const [namespace = '', name = ''] = path.split('/')
    const metadata = { namespace, name, ...(annotations === undefined ? {} : { annotations }) }
    const service: Service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'ClusterIP', sessionAffinity: 'None', ...spec } }
    return this.#put(service, ...made)
  }

  /** Declares a namespace, or declares it anew. */
  declareNamespace (name: string, annotations: Labels): this {
    return this.#put({ apiVersion: 'v1', kind: 'Namespace', metadata: { namespace: '', name, annotations } })
  }

  #put (...manifests: readonly Manifest[]): this {
    for (const manifest of manifests) {
      const revision = ++this.#revision
      const nowMs = this.clock.now()
      const facts = { key: keyOf(manifest), createdRevision: revision, revision, createdAtMs: nowMs, updatedAtMs: nowMs, endsAtMs: 0 }
      this.#apply({ type: 'put-object', reason: 'declared', object: { ...facts, body: storedManifest(manifest) } })
    }
    return this
  }

  /** Deletes a declared service. */
  withdraw (path: string): this {
    const [namespace = '', name = ''] = path.split('/')
    this.#revision++
    return this.#apply({ type: 'delete-object', reason: 'removed', key: manifestKey({ kind: 'Service', namespace, name }) })
  }

  /** Deletes a slice that was made by hand. */
  withdrawSlice (path: string): this {
    const [namespace = '', name = ''] = path.split('/')
    this.#revision++
    return this.#apply({ type: 'delete-object', reason: 'removed', key: manifestKey({ kind: 'EndpointSlice', namespace, name }) })
  }

  /** The first load, empty. */
  load (): this {
    this.feed.load({ epoch: 'test', revision: this.#revision, instances: [], objects: [], recent: [], lost: [] })
    this.feed.health({ available: true, reason: '', sinceMs: this.clock.now() })
    return this
  }

  /** A resynchronisation, after which the store has only a part of what it had. */
  reload (keep: (key: string) => boolean): this {
    const instances = [...this.feed.heldInstances()].filter(({ key }) => keep(key))
    this.feed.load({ epoch: 'test', revision: this.#revision, instances, objects: [...this.feed.heldObjects()], recent: [], lost: [] })
    return this
  }

  /** @param path `namespace/service/id` */
  register (path: string, registration: Registration & { readonly suspect?: boolean }): this {
    const { suspect = false, ...rest } = registration
    const { body, ttlMs } = bodyOf(rest, undefined)
    const revision = ++this.#revision
    const nowMs = this.clock.now()
    const facts = { key: key(path), lease: path, generation: '1', ttlMs, createdRevision: revision, revision, shownRevision: revision, createdAtMs: nowMs, updatedAtMs: nowMs }
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

  /** Writes a lasting object as it is, like the secret of cookies. */
  keep (key: string, body: string): this {
    const revision = ++this.#revision
    const nowMs = this.clock.now()
    const createdRevision = this.feed.catalog.object(key)?.revision ?? revision
    return this.#apply({ type: 'put-object', reason: 'declared', object: { key, createdRevision, revision, createdAtMs: nowMs, updatedAtMs: nowMs, endsAtMs: 0, body } })
  }

  /** The store hands over the whole view once more. */
  resynchronise (): this {
    this.feed.load({ epoch: 'test', revision: this.#revision, instances: [...this.feed.heldInstances()], objects: [...this.feed.heldObjects()], recent: [], lost: [] })
    return this
  }

  /** The store goes away. */
  loseStore (): this {
    this.feed.health({ available: false, reason: 'gone', sinceMs: this.clock.now() })
    return this
  }

  #apply (change: Change extends infer C ? C extends Change ? Omit<C, 'revision' | 'atMs' | 'by'> : never : never): this {
    this.feed.apply([{ ...change, revision: this.#revision, atMs: this.clock.now(), by: 'test' }])
    const [aside] = this.feed.catalog.aside.values()
    if (aside !== undefined) throw new Error(`no store would have this: ${aside.key}: ${aside.reason}`)
    return this
  }
}

function keyOf ({ kind, metadata: { namespace, name } }: Manifest): string {
  return manifestKey({ kind, namespace, name })
}

function key (path: string): string {
  const [namespace = '', service = '', id = ''] = path.split('/')
  return instanceKey(namespace, service, id)
}

/** Starts a server before a world on a free port of the loopback, closed with the test. */
export async function serve (t: { teardown (end: () => Promise<void>): void }, world: PlayedFeed, options: Partial<DnsOptions> = {}): Promise<DnsServer> {
  const server = await startDns({ source: world.feed, host: '127.0.0.1', port: 0, random: () => 0, clock: world.clock, ...options })
  t.teardown(() => server.close())
  return server
}

/** Answers before a world without a socket. */
export function responderOf (world: PlayedFeed, options: Partial<ResponderOptions> = {}): Responder {
  const zones = [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] })]
  const failed = (error: unknown): never => { throw error }
  const counters = new DnsCounters()
  return new Responder({ source: world.feed, zones, ttlSeconds: 5, node: 'test', version: '', clock: world.clock, random: () => 0, counters, failed, ...options })
}
