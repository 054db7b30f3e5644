// One service in the catalog: its instances, and what is derived from them.
import { endpointOf } from '../../../client-sdk/src/rules.ts'
import type { Instance, ServiceSummary } from '../../../client-sdk/src/wire.ts'
import type { EndpointKey } from '../../model/instance/endpoint-part.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Service } from '../../model/service/types.ts'
import { EndpointTable, type Leased } from './endpoint-table.ts'
import { type InstanceCounts, type InstanceList, countsOf, instanceList, oldestOf } from './instance-list.ts'
import type { RevisionFloor } from './revision-floor.ts'

/** One living lease in the catalog. `instance` is replaced, never changed. */
export interface InstanceEntry {
  readonly lease: string
  readonly createdRevision: number
  /** The revision of the last stored content: what a write must have seen. Suspicion and overrides move `instance.revision` only. */
  readonly recordRevision: number
  instance: Instance
}

/** What reads ask of a service, declared or implicit. */
export interface ServiceView {
  readonly namespace: string
  readonly name: string
  /** The revision of the last change that concerned it. */
  readonly revision: number
  readonly endpoints: EndpointSet
  /** Ordered by id. Of a large service it is copied after each change: who can should take the list. */
  readonly instances: readonly Instance[]
  /** The same in runs. */
  readonly list: InstanceList
  readonly counts: InstanceCounts
  readonly endpointCounts: ServiceSummary['endpoints']
  readonly createdAt: string
  /** The stored form of a declared one, metadata filled; absent = it is implicit. */
  readonly manifest?: Service
  /** Somebody follows its endpoints from now on: see `changedSince`. */
  follow (): void
  /** Which endpoints came, changed or went after a revision that its endpoints had; undefined = better take all. */
  changedSince (revision: number): readonly EndpointKey[] | undefined
}

export class ServiceEntry implements ServiceView {
  readonly namespace: string
  readonly name: string
  readonly #instances = new Map<string, InstanceEntry>()
  readonly #floor: RevisionFloor
  #revision = 0
  /** Each is made when it is first asked for, and changed along from then on. */
  #table: EndpointTable | undefined
  #list: InstanceList | undefined
  #listed: readonly Instance[] | undefined

  constructor (namespace: string, name: string, floor: RevisionFloor) {
    this.namespace = namespace
    this.name = name
    this.#floor = floor
  }

  get size (): number {
    return this.#instances.size
  }

  /** At least the revision of the last change of any of its instances. */
  get revision (): number {
    return this.#floor.over(this.#revision)
  }

  get (id: string): InstanceEntry | undefined {
    return this.#instances.get(id)
  }

  entries (): Iterable<InstanceEntry> {
    return this.#instances.values()
  }

  set (entry: InstanceEntry, revision: number): void {
    const { instance } = entry
    const before = this.#instances.get(instance.id)?.instance
    this.#instances.set(instance.id, entry)
    this.#changed(before, instance, revision)
  }

  /** All of it may be another: a declared service of its name went, or its instances are shown at another revision. */
  touch (revision: number): void {
    this.#revision = Math.max(revision, this.#revision)
    this.#table = this.#list = this.#listed = undefined // who followed the declared service is not told a difference from it
  }

  delete (id: string, revision: number): void {
    const before = this.#instances.get(id)?.instance
    this.#instances.delete(id)
    this.#changed(before, undefined, revision)
  }

  /** The same object until the revision of the service is another one. */
  get endpoints (): EndpointSet {
    return this.#endpointTable.at(this.revision)
  }

  get list (): InstanceList {
    return this.#list ??= instanceList(Array.from(this.#instances.values(), ({ instance }) => instance))
  }

  /** Ordered by id; the same array until the next change of the service. */
  get instances (): readonly Instance[] {
    return this.#listed ??= [...this.list]
  }

  get counts (): InstanceCounts {
    return countsOf(this.list)
  }

  /** Each of its instances is an endpoint. */
  get endpointCounts (): ServiceSummary['endpoints'] {
    const { total, ready } = this.counts
    return { total, ready }
  }

  /** When the oldest of its instances registered. */
  get createdAt (): string {
    return oldestOf(this.list)
  }

  follow (): void {
    this.#endpointTable.follow(this.revision)
  }

  changedSince (revision: number): readonly EndpointKey[] | undefined {
    return this.#endpointTable.changedSince(revision)
  }

  get #endpointTable (): EndpointTable {
    return this.#table ??= new EndpointTable(this.namespace, this.name, Array.from(this.#instances.values(), ({ instance }) => leased(instance)))
  }

  #changed (before: Instance | undefined, after: Instance | undefined, revision: number): void {
    this.#revision = revision
    this.#listed = undefined
    if (after !== undefined) this.#list = this.#list?.put(after)
    else if (before !== undefined) this.#list = this.#list?.delete(before)
    const known = before === undefined ? undefined : { endpoint: { id: before.id }, leaseMs: before.lease.ttlMs }
    this.#table?.change(known, after === undefined ? undefined : leased(after), revision)
  }
}

function leased (instance: Instance): Leased {
  return { endpoint: endpointOf(instance), leaseMs: instance.lease.ttlMs }
}
