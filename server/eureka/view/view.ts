// The registry as Eureka's clients see it: one registry for each namespace, its applications the services, their instances the endpoints of
// these. So what is answered here is what REST, DNS and watches answer. It follows the feed: a change costs what changed, and what is much
// at once (a load, a manifest) is taken in slices before the next answer.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import type { Clock } from '../../clock.ts'
import { type AppliedChange, type Core, type EndpointSet, type FeedListener, type Reads, type Sight, registryActor } from '../../registry/core.ts'
import { begun } from '../../slice.ts'
import type { EurekaStatus } from '../form/instance-info.ts'
import { App, type Changed, keyOf } from './app.ts'
import { Recent, type RecentChange, keptMs, maxKept } from './recent.ts'

/** What of the feed is followed. */
export interface Followed {
  listen (listener: FeedListener): () => void
  /** Remembered changes, newest first. */
  history (): Iterable<AppliedChange>
}

export interface ViewOptions {
  readonly core: Core
  readonly feed: Followed
  readonly clock: Pick<Clock, 'now'>
}

/** Services that are asked for at once. */
const pageSize = 500
/** Changed instances that are remembered one by one until somebody asks; beyond it everything is looked at. */
const maxDirty = 20_000

/** In place of a key: all endpoints of a service. No id holds a line end. */
const everything = '\n'

/** One namespace. */
interface Registry {
  readonly apps: Map<string, App>
  readonly recent: Recent
  /** Of the last change that is shown. */
  version: number
}

interface Dirty {
  readonly namespace: string
  readonly service: string
  /** Keys of endpoints; 'all' = whatever it has and had. */
  keys: Set<string> | 'all'
  /** Instances that went, in their last form. */
  readonly gone: Map<string, Instance>
}

export class EurekaView {
  readonly #options: ViewOptions
  readonly #reads: Reads
  readonly #registries = new Map<string, Registry>()
  /** Of whatever changed last: a namespace that comes again must not seem older than what is kept of it. */
  #version = 0
  #dirty = new Map<string, Dirty>()
  #dirtyKeys = 0
  /** Everything is to be looked at, and what is not there any more is gone. */
  #isStale = true
  /** What happened before this node listened is remembered by the feed. */
  #isNew = true
  #settling: Promise<void> | undefined
  readonly #end: () => void

  constructor (options: ViewOptions) {
    this.#options = options
    this.#reads = options.core.as(registryActor)
    this.#end = options.feed.listen({
      name: 'eureka',
      changed: (change) => this.#note(change),
      reset: () => this.#forget(),
      loaded: () => this.#forget()
    })
  }

  close (): void {
    this.#end()
  }

  /** Resolves when the view shows all that the node shows; undefined = it does. */
  settle (): Promise<void> | undefined {
    if (this.#settling !== undefined) return this.#settling
    if (!this.#isStale && this.#dirty.size === 0) return undefined
    let work: Promise<void> | undefined
    try {
      work = begun(this.#work())
    } catch (error) {
      this.#forget() // what was taken in half is looked at again
      throw error
    }
    if (work === undefined) return undefined
    this.#settling = work.catch((error: unknown) => {
      this.#forget()
      throw error
    }).finally(() => { this.#settling = undefined })
    return this.#settling
  }

  /** The applications of a namespace that are seen, ordered by name. */
  apps (namespace: string, sight: Sight | undefined): readonly App[] {
    const apps = [...this.#registries.get(namespace)?.apps.values() ?? []]
    const seen = sight === undefined ? apps : apps.filter(({ service }) => sight.service(namespace, service))
    return seen.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  app (namespace: string, service: string): App | undefined {
    return this.#registries.get(namespace)?.apps.get(service)
  }

  /** The same for as long as nothing is shown otherwise. */
  version (namespace: string): number {
    return this.#registries.get(namespace)?.version ?? this.#version
  }

  /** What changed lately and is seen. */
  recent (namespace: string, sight: Sight | undefined): readonly RecentChange[] {
    const changes = this.#registries.get(namespace)?.recent.at(this.#options.clock.now()) ?? []
    return sight === undefined ? changes : changes.filter(({ app }) => sight.service(namespace, app.service))
  }

  #registry (namespace: string): Registry {
    let registry = this.#registries.get(namespace)
    if (registry === undefined) {
      registry = { apps: new Map(), recent: new Recent(), version: this.#version }
      this.#registries.set(namespace, registry)
    }
    return registry
  }

  #note ({ kind, target: { namespace, service, id }, touched, event, instance }: AppliedChange): void {
    if (kind === 'instance') {
      const gone = event === 'delete' ? instance : undefined
      this.#mark(namespace, service, keyOf({ id }, service), gone)
      for (const name of touched) this.#mark(namespace, name, keyOf({ id, service }, name), gone)
    } else if (kind === 'service' || kind === 'endpoints') {
      this.#mark(namespace, service, everything)
      for (const name of touched) this.#mark(namespace, name, everything)
    }
  }

  #mark (namespace: string, service: string, key: string, gone?: Instance): void {
    if (service === '' || this.#isStale) return // then everything is looked at anyway
    const name = `${namespace}/${service}`
    const dirty = this.#dirty.get(name) ?? { namespace, service, keys: new Set<string>(), gone: new Map<string, Instance>() }
    this.#dirty.set(name, dirty)
    if (key === everything) dirty.keys = 'all'
    else if (dirty.keys !== 'all') dirty.keys.add(key)
    if (gone === undefined) dirty.gone.delete(key)
    else dirty.gone.set(key, gone)
    this.#dirtyKeys += 1
    if (this.#dirtyKeys > maxDirty) this.#forget()
  }

  #forget (): void {
    this.#isStale = true
    this.#dirty.clear()
    this.#dirtyKeys = 0
  }

  * #work (): Generator<void> {
    do {
      if (this.#isStale) {
        this.#isStale = false
        yield * this.#takeAll()
      }
      const dirty = this.#dirty
      this.#dirty = new Map()
      this.#dirtyKeys = 0
      for (const each of dirty.values()) yield * this.#take(each)
      if (this.#isNew) {
        this.#isNew = false
        this.#remember()
      }
    } while (this.#isStale || this.#dirty.size > 0) // it went on meanwhile
    const nowMs = this.#options.clock.now()
    for (const [namespace, { apps, recent }] of this.#registries) if (recent.forget(nowMs) === 0 && apps.size === 0) this.#registries.delete(namespace)
  }

  /** Every service that is here or was, each as it is when it is looked at. */
  * #takeAll (): Generator<void> {
    const names = [...this.#registries.values()].flatMap(({ apps }) => [...apps.values()].map(({ namespace, service }) => ({ namespace, service })))
    const known = new Set(names.map(({ namespace, service }) => `${namespace}/${service}`))
    let after: Parameters<Reads['services']>[1]
    do {
      const { items, next } = this.#reads.services({}, after, pageSize)
      for (const { namespace, name } of items) if (!known.has(`${namespace}/${name}`)) names.push({ namespace, service: name })
      after = next
      yield
    } while (after !== undefined)
    for (const name of names) yield * this.#take({ ...name, keys: 'all', gone: new Map() })
  }

  * #take ({ namespace, service, keys, gone }: Dirty): Generator<void> {
    const registry = this.#registry(namespace)
    const app = registry.apps.get(service) ?? new App(namespace, service)
    const set = this.#endpoints(namespace, service)
    const looked = keys === 'all' ? [...app.keys(), ...endpointKeys(set, service)] : keys
    let changed = 0
    for (const change of app.update(set, looked, (from, id) => this.#instance(namespace, from, id))) {
      if (this.#record(registry, app, change)) changed += 1
      else if (change.after === undefined) this.#recordGone(registry, app, change.key, gone.get(change.key))
      yield
    }
    if (app.size === 0) registry.apps.delete(service)
    else registry.apps.set(service, app)
    if (changed > 0) registry.version = ++this.#version
  }

  /** Notes what clients of before do not know. @returns whether it is shown otherwise */
  #record ({ recent }: Registry, app: App, { key, before, after }: Changed): boolean {
    const row = after ?? before
    if (row === undefined || after === before) return false
    // At the first load nothing is news: what changed lately comes from the feed's memory.
    if (!this.#isNew) {
      const action = after === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED'
      recent.add(`${app.service}/${key}`, { app, row, action, atMs: this.#options.clock.now() })
    }
    return true
  }

  /** It came and went while nobody asked here: who asked another node may have it. */
  #recordGone ({ recent }: Registry, app: App, key: string, instance: Instance | undefined): void {
    if (instance === undefined || this.#isNew) return
    recent.add(`${app.service}/${key}`, { app, row: app.goneRow(instance), action: 'DELETED', atMs: this.#options.clock.now() })
  }

  /** What happened before this node began, or before it was asked: clients may come from another node, or from before a restart. */
  #remember (): void {
    const seen = new Set<string>()
    const changes: AppliedChange[] = []
    for (const change of this.#options.feed.history()) {
      if (change.atMs <= this.#options.clock.now() - keptMs) break
      if (change.kind !== 'instance' || change.instance === undefined || changes.length >= maxKept) continue
      const { namespace, service, id } = change.target
      const name = `${namespace}/${service}/${id}`
      if (!seen.has(name)) changes.push(change)
      seen.add(name)
    }
    for (const change of changes.reverse()) this.#recall(change)
  }

  #recall ({ target: { namespace, service, id }, touched, instance, atMs, event }: AppliedChange): void {
    if (instance === undefined) return
    const registry = this.#registry(namespace)
    for (const name of new Set([service, ...touched])) {
      const key = keyOf({ id, service }, name)
      const app = registry.apps.get(name) ?? new App(namespace, name)
      const row = app.get(key)
      if (row !== undefined) registry.recent.add(`${name}/${key}`, { app, row, action: 'MODIFIED', atMs })
      else if (event === 'delete') registry.recent.add(`${name}/${key}`, { app, row: app.goneRow(instance), action: 'DELETED', atMs })
    }
  }

  #endpoints (namespace: string, service: string): EndpointSet | undefined {
    return orNone(() => this.#reads.endpoints(namespace, service))
  }

  #instance (namespace: string, service: string, id: string): Instance | undefined {
    return orNone(() => this.#reads.instance({ namespace, service, id }))
  }

  /** How many of what is seen have each status, as clients count them. */
  hash (namespace: string, sight: Sight | undefined): string {
    const counts = new Map<EurekaStatus, number>()
    for (const app of this.apps(namespace, sight)) for (const [status, count] of app.counts) counts.set(status, (counts.get(status) ?? 0) + count)
    return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${status}_${count}_`).join('')
  }
}

function endpointKeys (set: EndpointSet | undefined, service: string): string[] {
  return set === undefined ? [] : set.parts.flatMap(({ items }) => items.map((endpoint) => keyOf(endpoint, service)))
}

function orNone<Found> (find: () => Found): Found | undefined {
  try {
    return find()
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined
    throw error
  }
}
