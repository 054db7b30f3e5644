// The living view: every instance of the whole registry, indexed by service, by label and by address.
// It is fed by the store alone, in revision order, on this node's own writes as on everybody else's.
import { type Instance, type Override, type Status, serviceLabel } from '../../client-sdk/src/wire.ts'
import { type InstanceBody, instanceOf, storedBody } from '../model/instance.ts'
import { instanceKey, splitKey } from '../model/names.ts'
import type { EndpointSet } from '../model/endpoints.ts'
import { type Selector, matches } from '../model/selector.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../store/store.ts'
import type { AppliedChange } from './change-ring.ts'
import { LabelIndex } from './label-index.ts'
import { type Entry, ServiceEntry } from './service-entry.ts'
import { overrideKey, overrideOf, overriddenKey } from './overrides.ts'

interface NamespaceEntry {
  readonly name: string
  readonly services: Map<string, ServiceEntry>
  readonly labels: LabelIndex<Entry>
  sortedServices: readonly string[] | undefined
  instances: number
}

export class Catalog {
  readonly #namespaces = new Map<string, NamespaceEntry>()
  readonly #addresses = new Map<string, Set<Entry>>()
  readonly #objects = new Map<string, ObjectRecord>()
  readonly #statusCounts = new Map<Status, number>()
  #sortedNamespaces: readonly string[] | undefined
  #size = 0
  #suspects = 0

  // Reading -------------------------------------------------------------------------------------------------------

  get size (): number {
    return this.#size
  }

  get suspects (): number {
    return this.#suspects
  }

  /** Instances by effective status. */
  get statusCounts (): ReadonlyMap<Status, number> {
    return this.#statusCounts
  }

  /** Names in order. */
  namespaces (): readonly string[] {
    return this.#sortedNamespaces ??= [...this.#namespaces.keys()].sort()
  }

  hasNamespace (namespace: string): boolean {
    return this.#namespaces.has(namespace)
  }

  namespaceCounts (namespace: string): { services: number, instances: number } {
    const entry = this.#namespaces.get(namespace)
    return { services: entry?.services.size ?? 0, instances: entry?.instances ?? 0 }
  }

  /** Names in order. */
  services (namespace: string): readonly string[] {
    const entry = this.#namespaces.get(namespace)
    return entry === undefined ? [] : entry.sortedServices ??= [...entry.services.keys()].sort()
  }

  service (namespace: string, service: string): ServiceEntry | undefined {
    return this.#namespaces.get(namespace)?.services.get(service)
  }

  endpoints (namespace: string, service: string): EndpointSet | undefined {
    return this.service(namespace, service)?.endpoints
  }

  entry (namespace: string, service: string, id: string): Entry | undefined {
    return this.service(namespace, service)?.get(id)
  }

  /** The instances that have this canonical address. */
  byAddress (address: string): Instance[] {
    return Array.from(this.#addresses.get(address) ?? [], (entry) => entry.instance)
  }

  /** The instances of a namespace that a selector matches, in no particular order. Cost follows the narrowest index. */
  select (namespace: string, selector: Selector): Instance[] {
    const found: Instance[] = []
    for (const entry of this.#candidates(namespace, selector)) {
      if (selects(selector, entry.instance)) found.push(entry.instance)
    }
    return found
  }

  override (namespace: string, service: string, id: string): Override | undefined {
    const object = this.#objects.get(overrideKey(namespace, service, id))
    return object === undefined ? undefined : overrideOf(object)
  }

  object (key: string): ObjectRecord | undefined {
    return this.#objects.get(key)
  }

  get objectCount (): number {
    return this.#objects.size
  }

  * heldInstances (): Generator<InstanceRecord> {
    for (const { services } of this.#namespaces.values()) {
      for (const service of services.values()) {
        for (const entry of service.entries()) yield recordOf(entry)
      }
    }
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.#objects.values()
  }

  #candidates (namespace: string, selector: Selector): Iterable<Entry> {
    const entry = this.#namespaces.get(namespace)
    if (entry === undefined) return []
    for (const requirement of selector.requirements) {
      if (requirement.key === serviceLabel && requirement.operator === 'in') {
        return [...requirement.values].flatMap((service) => [...entry.services.get(service)?.entries() ?? []])
      }
    }
    return entry.labels.candidates(selector) ?? [...entry.services.values()].flatMap((service) => [...service.entries()])
  }

  // Changing: only the store's follower calls these ------------------------------------------------------------------

  /** Takes one change in. undefined = it said nothing new. */
  apply (change: Change): AppliedChange | undefined {
    switch (change.type) {
      case 'put': return this.#put(change, change.record)
      case 'delete': return this.#delete(change, change.key, change.lease)
      case 'suspect':
      case 'trusted': return this.#suspicion(change, change.key, change.lease, change.type === 'suspect')
      case 'put-object': {
        this.#objects.set(change.object.key, change.object)
        return this.#objectChanged(change, change.object.key, change.object)
      }
      case 'delete-object': {
        this.#objects.delete(change.key)
        return this.#objectChanged(change, change.key, { deletedKey: change.key })
      }
    }
  }

  /** Fills an empty catalog. */
  fill (instances: Iterable<InstanceRecord>, objects: Iterable<ObjectRecord>): void {
    for (const object of objects) this.#objects.set(object.key, object)
    for (const record of instances) this.#insert(this.#entryOf(record, record.revision), record.revision)
  }

  #put (change: Change, record: InstanceRecord): AppliedChange {
    const { namespace, service, id } = splitKey(record.key)
    const before = this.entry(namespace, service, id)
    const entry = this.#entryOf(record, change.revision)
    if (before !== undefined) this.#forget(before)
    this.#insert(entry, change.revision)
    return applied(change, 'put', entry, entry.instance, before?.instance)
  }

  #delete (change: Change, key: string, lease: string): AppliedChange | undefined {
    const { namespace, service, id } = splitKey(key)
    const entry = this.entry(namespace, service, id)
    if (entry === undefined || entry.lease !== lease) return undefined
    this.#forget(entry)
    const owner = this.#namespaces.get(namespace)
    const serviceEntry = owner?.services.get(service)
    serviceEntry?.delete(id, change.revision)
    if (owner !== undefined && serviceEntry?.size === 0) {
      owner.services.delete(service)
      owner.sortedServices = undefined
      if (owner.services.size === 0) {
        this.#namespaces.delete(namespace)
        this.#sortedNamespaces = undefined
      }
    }
    return applied(change, 'delete', entry, entry.instance, entry.instance)
  }

  #suspicion (change: Change, key: string, lease: string, suspect: boolean): AppliedChange | undefined {
    const { namespace, service, id } = splitKey(key)
    const entry = this.entry(namespace, service, id)
    if (entry === undefined || entry.lease !== lease) return undefined
    return this.#replace(change, entry, { suspect })
  }

  /** An override came, changed or went: its instance, if it is registered, is shown anew. */
  #objectChanged (change: Change, key: string, object: NonNullable<AppliedChange['object']>): AppliedChange {
    const target = overriddenKey(key) ?? splitKey(key)
    const entry = this.entry(target.namespace, target.service, target.id)
    if (entry !== undefined) return { ...this.#replace(change, entry, {}), object }
    const { revision, atMs, by, reason } = change
    return { revision, atMs, by, reason, event: 'put', target, instance: undefined, previous: undefined, lease: '', createdRevision: 0, object }
  }

  #replace (change: Change, entry: Entry, facts: { suspect?: boolean }): AppliedChange {
    const before = entry.instance
    this.#forget(entry)
    entry.instance = this.#shown(storedBody(before), {
      ...before,
      ttlMs: before.lease.ttlMs,
      createdAtMs: Date.parse(before.createdAt),
      updatedAtMs: Date.parse(before.updatedAt),
      revision: change.revision,
      suspect: facts.suspect ?? before.suspect
    })
    this.#insert(entry, change.revision)
    return applied(change, 'put', entry, entry.instance, before)
  }

  #entryOf (record: InstanceRecord, revision: number): Entry {
    const body = JSON.parse(record.body) as InstanceBody // written by this program; a store keeps it unread
    const instance = this.#shown(body, { ...splitKey(record.key), ...record, revision })
    return { lease: record.lease, createdRevision: record.createdRevision, recordRevision: record.revision, instance }
  }

  #shown (body: InstanceBody, facts: Omit<Parameters<typeof instanceOf>[1], 'override'>): Instance {
    return instanceOf(body, { ...facts, override: this.override(facts.namespace, facts.service, facts.id) })
  }

  #insert (entry: Entry, revision: number): void {
    const { namespace, service, labels, address, effectiveStatus, suspect } = entry.instance
    let owner = this.#namespaces.get(namespace)
    if (owner === undefined) {
      owner = { name: namespace, services: new Map(), labels: new LabelIndex(), sortedServices: undefined, instances: 0 }
      this.#namespaces.set(namespace, owner)
      this.#sortedNamespaces = undefined
    }
    let serviceEntry = owner.services.get(service)
    if (serviceEntry === undefined) {
      serviceEntry = new ServiceEntry(owner.name, service)
      owner.services.set(service, serviceEntry)
      owner.sortedServices = undefined
    }
    serviceEntry.set(entry, Math.max(revision, serviceEntry.revision))
    owner.labels.add(labels, entry)
    owner.instances++
    const neighbours = this.#addresses.get(address)
    if (neighbours === undefined) this.#addresses.set(address, new Set([entry]))
    else neighbours.add(entry)
    this.#size++
    if (suspect) this.#suspects++
    this.#statusCounts.set(effectiveStatus, (this.#statusCounts.get(effectiveStatus) ?? 0) + 1)
  }

  /** Takes an entry out of the indexes; its place in the service stays until it is deleted or written over. */
  #forget (entry: Entry): void {
    const { namespace, labels, address, effectiveStatus, suspect } = entry.instance
    const owner = this.#namespaces.get(namespace)
    owner?.labels.remove(labels, entry)
    if (owner !== undefined) owner.instances--
    const neighbours = this.#addresses.get(address)
    neighbours?.delete(entry)
    if (neighbours?.size === 0) this.#addresses.delete(address)
    this.#size--
    if (suspect) this.#suspects--
    this.#statusCounts.set(effectiveStatus, (this.#statusCounts.get(effectiveStatus) ?? 1) - 1)
  }
}

/** Whether a selector takes an instance: its labels, and the implicit label of its service. */
export function selects (selector: Selector, instance: Instance): boolean {
  return matches(selector, (key) => (key === serviceLabel ? instance.service : Object.hasOwn(instance.labels, key) ? instance.labels[key] : undefined))
}

/** The stored form of an entry, for a store that has to be refilled. */
export function recordOf (entry: Entry): InstanceRecord {
  const { instance } = entry
  return {
    key: instanceKey(instance.namespace, instance.service, instance.id),
    lease: entry.lease,
    generation: instance.generation,
    ttlMs: instance.lease.ttlMs,
    createdRevision: entry.createdRevision,
    revision: entry.recordRevision,
    createdAtMs: Date.parse(instance.createdAt),
    updatedAtMs: Date.parse(instance.updatedAt),
    suspect: instance.suspect,
    body: JSON.stringify(storedBody(instance))
  }
}

function applied (change: Change, event: 'put' | 'delete', entry: Entry, instance: Instance, previous: Instance | undefined): AppliedChange {
  const { revision, atMs, by, reason } = change
  return { revision, atMs, by, reason, event, target: instance, instance, previous, lease: entry.lease, createdRevision: entry.createdRevision }
}
