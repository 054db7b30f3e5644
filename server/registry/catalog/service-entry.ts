// One service in the catalog: its instances, and what is derived from them once per change.
import type { Instance, ServiceSummary, Status } from '../../../client-sdk/src/wire.ts'
import { type EndpointSet, endpointsOf } from '../../model/instance/endpoints.ts'
import { statuses } from '../../model/instance/instance.ts'
import type { RevisionFloor } from './revision-floor.ts'
import type { Service } from '../../model/service/types.ts'

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
  /** Ordered by id. */
  readonly instances: readonly Instance[]
  readonly counts: ServiceSummary['instances']
  readonly endpointCounts: ServiceSummary['endpoints']
  readonly createdAt: string
  /** The stored form of a declared one, metadata filled; absent = it is implicit. */
  readonly manifest?: Service
}

export class ServiceEntry implements ServiceView {
  readonly namespace: string
  readonly name: string
  readonly #instances = new Map<string, InstanceEntry>()
  readonly #floor: RevisionFloor
  #revision = 0
  #endpoints: EndpointSet | undefined
  #listed: readonly Instance[] | undefined
  #counts: ServiceSummary['instances'] | undefined
  #createdAt: string | undefined

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
    this.#instances.set(entry.instance.id, entry)
    this.#changed(revision)
  }

  /** What stands under its name is it again: a declared service of that name went. */
  touch (revision: number): void {
    this.#changed(Math.max(revision, this.#revision))
  }

  delete (id: string, revision: number): void {
    this.#instances.delete(id)
    this.#changed(revision)
  }

  /** The same object until the revision of the service is another one. */
  get endpoints (): EndpointSet {
    const { revision } = this
    if (this.#endpoints?.revision !== revision) this.#endpoints = endpointsOf(this.namespace, this.name, revision, this.instances)
    return this.#endpoints
  }

  /** Ordered by id; the same array until the next change of the service. */
  get instances (): readonly Instance[] {
    return this.#listed ??= Array.from(this.#instances.values(), (entry) => entry.instance).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  get counts (): ServiceSummary['instances'] {
    return this.#counts ??= countInstances(this.instances)
  }

  /** Each of its instances is an endpoint. */
  get endpointCounts (): ServiceSummary['endpoints'] {
    const { total, ready } = this.counts
    return { total, ready }
  }

  /** When the oldest of its instances registered. */
  get createdAt (): string {
    return this.#createdAt ??= this.instances.reduce((oldest, { createdAt }) => (createdAt < oldest ? createdAt : oldest), this.instances[0]?.createdAt ?? '')
  }

  #changed (revision: number): void {
    this.#revision = revision
    this.#endpoints = this.#listed = this.#counts = this.#createdAt = undefined
  }
}

/** Instances by effective status, and how many are ready and suspect. */
export function countInstances (instances: readonly Instance[]): ServiceSummary['instances'] {
  const byStatus = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number> // one key per status
  let ready = 0
  let suspect = 0
  for (const instance of instances) {
    byStatus[instance.effectiveStatus]++
    if (instance.conditions.ready) ready++
    if (instance.suspect) suspect++
  }
  return { total: instances.length, ready, suspect, ...byStatus }
}
