// What Consul's questions need beside the core's own reads: instances by an id that is unique for each agent and not for each service, the
// names of all services with their tags, and for each kind of question the revision at which its answer changed last. It follows the
// registry's changes; nothing in here is truth.
import type { Instance } from '../../client-sdk/src/wire.ts'
import type { Clock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import { type Access, type Core, type Delivery, type EndpointSet, type Watch, type EndpointsDelivery, registryActor } from '../registry/core.ts'
import { RegistryError } from '../errors.ts'
import { Slice } from '../slice.ts'
import { type NameOfInstance, IdIndex } from './id-index.ts'
import { recordOf } from './form/record.ts'
import { NamespaceTable } from './namespace-table.ts'

export interface DirectoryOptions {
  readonly core: Core
  readonly clock: Clock
  readonly guard: Guard
  /** Told of each instance that came, changed or went. */
  readonly changed?: (instance: Instance, isThere: boolean) => void
}

/** Names of services that went, whose last revision is remembered; the older ones share that of the newest that was forgotten. */
const maxRemoved = 10_000
/** How long those who wait for the names of services wait for more of the same. */
const coalesceMs = 10
/** Instances taken in without a look at the time. */
const takenAtOnce = 500

export class Directory {
  readonly #options: DirectoryOptions
  readonly #access: Access
  readonly #watch: Watch<Delivery>
  readonly #endpoints: Watch<EndpointsDelivery>
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #removed = new Map<string, number>()
  readonly #tables = new Map<string, NamespaceTable>()
  #ids = new IdIndex(idsOf)
  #checks = new IdIndex(checkIdsOf)
  /** Unknown services, and whatever changed before this node began to look, are of this revision. */
  #base = 0
  #loading: Promise<void> | undefined
  #cancelPause: (() => void) | undefined
  #isClosed = false
  #isDraining = false

  constructor (options: DirectoryOptions) {
    this.#options = options
    this.#access = options.core.as(registryActor)
    this.#watch = this.#access.watch({}, undefined, () => this.#drain())
    this.#endpoints = this.#access.watchEndpoints({}, undefined, () => this.#drainEndpoints())
    this.#drain()
    this.#drainEndpoints()
  }

  close (): void {
    this.#isClosed = true
    this.#watch.close()
    this.#endpoints.close()
    this.#cancelPause?.()
  }

  /** Resolves when everything that was there at the start was taken in. */
  get ready (): Promise<void> | undefined {
    return this.#loading
  }

  /** The instances of a namespace that have this id with Consul's clients: with several agents there may be several. */
  withId (namespace: string, id: string): Instance[] {
    return this.#found(this.#ids.find(namespace, id))
  }

  /** Those that have a check of this id; one that was registered in another way has `service:ID`. */
  withCheck (namespace: string, checkId: string): Instance[] {
    const found = this.#found(this.#checks.find(namespace, checkId))
    if (found.length > 0 || !checkId.startsWith('service:')) return found
    return this.withId(namespace, checkId.slice('service:'.length)).filter((instance) => recordOf(instance) === undefined)
  }

  #found (names: readonly NameOfInstance[]): Instance[] {
    return names.flatMap((name) => {
      const instance = this.instance(name)
      return instance === undefined ? [] : [instance]
    })
  }

  instance (name: NameOfInstance): Instance | undefined {
    return present(() => this.#access.instance(name))
  }

  /** The endpoints of a service, whoever may see them. */
  endpoints (namespace: string, service: string): EndpointSet | undefined {
    return present(() => this.#access.endpoints(namespace, service))
  }

  /** The revision at which what this name stands for changed last. */
  serviceRevision (namespace: string, service: string): number {
    return this.endpoints(namespace, service)?.revision ?? this.#removed.get(`${namespace}/${service}`) ?? this.#base
  }

  /** What is known of a namespace as a whole: names, nodes, checks. */
  async table (namespace: string): Promise<NamespaceTable> {
    await this.#loading
    const known = this.#tables.get(namespace)
    if (known !== undefined) {
      await known.ready
      known.settle()
      return known
    }
    const made = new NamespaceTable(this.#access, namespace, Math.max(this.#base, this.#options.core.position.revision))
    this.#tables.set(namespace, made)
    await made.ready
    return made
  }

  /**
   * Calls back when a service, or with '' anything of the namespace, may have changed. Gives a function that ends it.
   */
  follow (namespace: string, service: string, wake: () => void): () => void {
    const key = `${namespace}/${service}`
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting.add(wake))
    return () => {
      waiting.delete(wake)
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key)
    }
  }

  /** How many wait. */
  get waiting (): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** What is asked of a namespace as a whole changed last at this revision. */
  namespaceRevision (namespace: string, read: (table: NamespaceTable) => number): number {
    const table = this.#tables.get(namespace)
    if (table === undefined) return this.#base
    table.settle()
    return read(table)
  }

  /** Every instance, or those of a namespace, in slices. */
  instances (namespace?: string): AsyncGenerator<Instance> {
    return instancesOf(this.#access, namespace)
  }

  #drain (): void {
    if (this.#loading !== undefined || this.#isClosed) return // `#load` goes on with what comes meanwhile
    for (let delivery = this.#watch.next(); delivery !== undefined; delivery = this.#watch.next()) {
      if (delivery.type === 'snapshot') {
        this.#begin(delivery.revision, delivery.instances)
        return
      }
      this.#take(delivery)
    }
  }

  #begin (revision: number, instances: readonly Instance[]): void {
    this.#ids = new IdIndex(idsOf)
    this.#checks = new IdIndex(checkIdsOf)
    this.#removed.clear()
    this.#tables.clear()
    this.#base = revision
    this.#wakeAll()
    if (instances.length <= takenAtOnce) {
      for (const instance of instances) this.#enter(instance)
      return this.#drain()
    }
    this.#loading = this.#load(instances).finally(() => {
      this.#loading = undefined
      this.#drain()
    })
  }

  async #load (instances: readonly Instance[]): Promise<void> {
    const slice = new Slice()
    for (let at = 0; at < instances.length; at += takenAtOnce) {
      for (const instance of instances.slice(at, at + takenAtOnce)) this.#enter(instance)
      if (slice.isOver()) await slice.next()
    }
  }

  #enter (instance: Instance): void {
    this.#index(instance)
    this.#options.changed?.(instance, true)
  }

  #index (instance: Instance): void {
    this.#ids.add(instance)
    this.#checks.add(instance)
  }

  #unindex (instance: Instance): void {
    this.#ids.delete(instance)
    this.#checks.delete(instance)
  }

  #take (delivery: Delivery): void {
    if (delivery.type !== 'change') return // a snapshot follows a reset
    const { change, revision } = delivery
    const { target: { namespace, service }, touched } = change
    if (delivery.kind === 'instance') {
      if (change.previous !== undefined) this.#unindex(change.previous)
      if (delivery.event === 'put') this.#index(delivery.instance)
      else this.#unindex(delivery.instance)
      this.#options.changed?.(delivery.instance, delivery.event === 'put')
    }
    const table = this.#tables.get(namespace)
    for (const name of new Set([service, ...touched])) {
      if (name === '') continue
      table?.touch(name, revision)
      if (present(() => this.#access.service(namespace, name)) === undefined) this.#remember(`${namespace}/${name}`, revision)
      else this.#removed.delete(`${namespace}/${name}`)
    }
    table?.changed(change)
    this.#wakeNamespace()
  }

  #remember (key: string, revision: number): void {
    this.#removed.delete(key)
    this.#removed.set(key, revision)
    const [oldest] = this.#removed
    if (this.#removed.size <= maxRemoved || oldest === undefined) return
    this.#removed.delete(oldest[0])
    this.#base = Math.max(this.#base, oldest[1])
  }

  /** The first ones are everything there is: they are taken in slices. */
  #drainEndpoints (): void {
    if (this.#isClosed || this.#isDraining) return
    const slice = new Slice()
    for (let delivery = this.#endpoints.next(); delivery !== undefined; delivery = this.#endpoints.next()) {
      this.#tell(delivery)
      if (!slice.isOver()) continue
      this.#isDraining = true
      void slice.next().then(() => {
        this.#isDraining = false
        this.#options.guard.attempt('consul', () => this.#drainEndpoints())
      })
      return
    }
  }

  #tell (delivery: EndpointsDelivery): void {
    if (delivery.type === 'reset') this.#wakeAll()
    if (delivery.type === 'endpoints') {
      const { namespace, service } = delivery.event === 'delete' ? delivery.name : delivery.event === 'put' ? delivery.endpoints.set : delivery.set
      for (const wake of [...this.#waiting.get(`${namespace}/${service}`) ?? []]) this.#options.guard.attempt('consul', wake)
      this.#wakeNamespace()
    }
  }

  /** They look again: what they asked about may be another, or of another time. */
  #wakeAll (): void {
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) this.#options.guard.attempt('consul', wake)
  }

  #wakeNamespace (): void {
    this.#cancelPause ??= this.#options.clock.after(coalesceMs, () => {
      this.#cancelPause = undefined
      for (const [key, waiting] of [...this.#waiting]) {
        if (key.endsWith('/')) for (const wake of [...waiting]) this.#options.guard.attempt('consul', wake)
      }
    })
  }
}

/** Every instance that somebody may see, or those of a namespace, in slices. */
export async function * instancesOf (access: Access, namespace?: string): AsyncGenerator<Instance> {
  const slice = new Slice()
  let after: Parameters<Access['instances']>[1]
  do {
    const page = access.instances({ namespace }, after, takenAtOnce)
    yield * page.items
    after = page.next
    if (slice.isOver()) await slice.next()
  } while (after !== undefined)
}

/** undefined for what is not there. */
export function present<Found> (look: () => Found): Found | undefined {
  try {
    return look()
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined
    throw error
  }
}

/** The id that Consul's clients know an instance by. */
export function consulIdOf (instance: Pick<Instance, 'id' | 'metadata'>): string {
  return recordOf(instance)?.id ?? instance.id
}

function idsOf (instance: Instance): readonly string[] {
  return [consulIdOf(instance)]
}

function checkIdsOf (instance: Instance): readonly string[] {
  return recordOf(instance)?.checks.map(({ id }) => id) ?? []
}
