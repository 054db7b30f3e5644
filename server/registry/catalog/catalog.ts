// The living view: every instance of the whole registry, indexed by service, by label and by address.
// Beside them the declared services, which select among them. It is fed by the store alone, in revision order, on this node's own
// writes as on all others.
import type { Instance, Override, Status } from '../../../client-sdk/src/wire.ts'
import { type InstanceBody, instanceOf, storedBody } from '../../model/instance/instance.ts'
import { StoredBodies } from '../../model/instance/stored-bodies.ts'
import { instanceKey, splitKey } from '../../model/names.ts'
import { ownText } from '../../model/own-text.ts'
import type { EndpointSet } from '../../model/instance/endpoints.ts'
import type { Selector } from '../../model/instance/selector.ts'
import type { Change, InstanceRecord, ObjectRecord, RecordChange } from '../../store/store.ts'
import { AddressBook } from './address-book.ts'
import { claimOf, isClaimKey } from '../allocation/claims.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import { isNodeKey, isSecretKey } from '../object-keys.ts'
import type { DeclaredService } from './declared-service.ts'
import { type Kind, type ManifestName, manifestKey, manifestName, manifestOf } from '../services/manifests.ts'
import { NamespaceEntry } from './namespace-entry.ts'
import type { InstanceEntry, ServiceEntry, ServiceView } from './service-entry.ts'
import { overrideKey, overrideOf, overriddenKey } from '../overrides.ts'
import { RevisionFloor } from './revision-floor.ts'
import { SetAside } from './set-aside.ts'
import { SharedParts } from './shared-parts.ts'
import { hasGoodNumbers, readInstance, readObject } from './stored-records.ts'
import type { Endpoints, EndpointSlice, Labels, Manifest } from '../../model/service/types.ts'

export class Catalog {
  readonly #namespaces = new Map<string, NamespaceEntry>()
  /** From addresses back to who has them. */
  readonly addresses = new AddressBook(this)
  /** Records of the store that could not be read and are in no answer: see stored-records.ts. */
  readonly aside = new SetAside()
  readonly #parts: SharedParts
  readonly #bodies: StoredBodies
  readonly #floor = new RevisionFloor()
  readonly #objects = new Map<string, ObjectRecord>()
  readonly #statusCounts = new Map<Status, number>()
  #sortedNamespaces: readonly string[] | undefined
  #size = 0
  #overrides = 0
  #suspects = 0

  /** @param before the catalog that this one is to replace: what they have alike is kept once */
  constructor (before?: Catalog) {
    const parts = this.#parts = before === undefined ? new SharedParts() : before.#parts
    this.#bodies = before === undefined ? new StoredBodies((body) => parts.body(body)) : before.#bodies
  }

  // Reading -------------------------------------------------------------------------------------------------------

  /** The revision that everything derived is shown at least at. */
  get floor (): number {
    return this.#floor.value
  }

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

  /** The annotations of a declared namespace; the same object until it is declared anew. */
  namespaceAnnotations (namespace: string): Labels | undefined {
    return this.#namespaces.get(namespace)?.manifest?.metadata.annotations
  }

  namespaceCounts (namespace: string): { services: number, instances: number } {
    const entry = this.#namespaces.get(namespace)
    return { services: entry?.size ?? 0, instances: entry?.instances ?? 0 }
  }

  /** Names in order, declared and implicit. */
  services (namespace: string): readonly string[] {
    return this.#namespaces.get(namespace)?.services ?? []
  }

  /** The instances that registered under a name, whether or not a service of that name is declared. */
  registered (namespace: string, service: string): ServiceEntry | undefined {
    return this.#namespaces.get(namespace)?.groups.get(service)
  }

  /** A declared service. */
  declared (namespace: string, service: string): DeclaredService | undefined {
    return this.#namespaces.get(namespace)?.declared.get(service)
  }

  declaredServices (namespace: string): Iterable<DeclaredService> {
    return this.#namespaces.get(namespace)?.declared.values() ?? []
  }

  /** The declared services that select an instance. Cost follows the services under its labels. */
  selecting (instance: Instance): DeclaredService[] {
    return this.#namespaces.get(instance.namespace)?.declared.selecting(instance) ?? []
  }

  /** The service that callers get under a name: the declared one, else the implicit one. Never both. */
  service (namespace: string, service: string): ServiceView | undefined {
    return this.#namespaces.get(namespace)?.service(service)
  }

  /** Of what stands under the name: see `service`. */
  endpoints (namespace: string, service: string): EndpointSet | undefined {
    return this.service(namespace, service)?.endpoints
  }

  /** What was made by hand for a service: EndpointSlices, and the older Endpoints. */
  handMade (namespace: string, service: string): ReturnType<NamespaceEntry['declared']['handMade']> {
    return this.#namespaces.get(namespace)?.declared.handMade(service) ?? { slices: [], endpoints: undefined }
  }

  handMadeCount (namespace: string): number {
    return this.#namespaces.get(namespace)?.declared.handMadeCount ?? 0
  }

  /** What was made by hand for services that are not declared. */
  undeclaredHandMadeCount (namespace: string): number {
    return this.#namespaces.get(namespace)?.declared.undeclaredHandMadeCount ?? 0
  }

  /** All that was made by hand in a namespace, in no particular order. */
  allHandMade (namespace: string): Iterable<EndpointSlice | Endpoints> {
    return this.#namespaces.get(namespace)?.declared.allHandMade() ?? []
  }

  /** A manifest as it is stored, with what the record knows of it. */
  manifest (name: ManifestName): Manifest | undefined {
    const object = this.#objects.get(manifestKey(name))
    return object === undefined ? undefined : manifestOf(object)
  }

  /** Manifests of a kind, ordered by namespace and name. Costs a look at every object. */
  manifests (kind: Kind, namespace?: string): Manifest[] {
    const prefix = manifestKey({ kind, namespace: namespace ?? '', name: '' }).split('/').slice(0, namespace === undefined || kind === 'Namespace' ? 1 : 2).join('/')
    return [...this.#objects.values()].filter(({ key }) => key.startsWith(`${prefix}/`)).sort((a, b) => (a.key < b.key ? -1 : 1)).map(manifestOf)
  }

  entry (namespace: string, service: string, id: string): InstanceEntry | undefined {
    return this.registered(namespace, service)?.get(id)
  }

  /** The instances that have this canonical address. */
  byAddress (address: string): Instance[] {
    return Array.from(this.addresses.instances.get(address), (entry) => entry.instance)
  }

  /** The instances of a namespace that a selector matches, in no particular order. Cost follows the narrowest index. */
  select (namespace: string, selector: Selector): Instance[] {
    return [...this.#namespaces.get(namespace)?.select(selector) ?? []]
  }

  /** How many instances `select` looks at. */
  candidateCount (namespace: string, selector: Selector): number {
    return this.#namespaces.get(namespace)?.candidateCount(selector) ?? 0
  }

  override (namespace: string, service: string, id: string): Override | undefined {
    const object = this.#overrides === 0 ? undefined : this.#objects.get(overrideKey(namespace, service, id))
    return object === undefined ? undefined : overrideOf(object)
  }

  object (key: string): ObjectRecord | undefined {
    return this.#objects.get(key)
  }

  /** The entry of a record whose content is held so already. The text of the body is compared: another hand may have written it. */
  heldAlike (record: InstanceRecord): InstanceEntry | undefined {
    if (record.fault !== undefined || record.key === '') return undefined
    const { namespace, service, id } = splitKey(record.key)
    const entry = this.entry(namespace, service, id)
    if (entry?.lease !== record.lease || entry.instance.generation !== record.generation || entry.instance.lease.ttlMs !== record.ttlMs) return undefined
    return JSON.stringify(storedBody(entry.instance)) === record.body && hasGoodNumbers(record) ? entry : undefined
  }

  get overrideCount (): number {
    return this.#overrides
  }

  * heldInstances (): Generator<InstanceRecord> {
    for (const { groups } of this.#namespaces.values()) {
      for (const service of groups.values()) {
        for (const entry of service.entries()) yield recordOf(entry)
      }
    }
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.#objects.values()
  }

  // Changing: only the store's follower calls these ------------------------------------------------------------------

  /**
   * Takes one change in. undefined = it said nothing new. A record that cannot be read is set aside, and what was there before goes.
   * @throws any unexpected error; the catalog must not be used any more then: see mended.ts
   */
  apply (change: Change): AppliedChange | undefined {
    switch (change.type) {
      case 'put': {
        const read = readInstance(change.record, this.#bodies)
        return 'reason' in read ? this.#asideInstance(change, change.record, read.reason) : this.#put(change, change.record, read.content)
      }
      case 'delete': return this.#delete(change, change.key, change.lease)
      case 'suspect':
      case 'trusted': return this.#suspicion(change, change.key, change.lease, change.type === 'suspect')
      case 'put-object': {
        const { object } = change
        const before = this.#objects.get(object.key)
        const read = readObject(object)
        if ('reason' in read) return this.#asideObject(change, object, before, read.reason)
        this.aside.deleteObject(object.key)
        this.#keep(object)
        return { ...this.#objectChanged(change, object.key, object, before), object }
      }
      case 'delete-object': {
        const before = this.#objects.get(change.key)
        this.aside.deleteObject(change.key)
        this.#drop(change.key)
        return { ...this.#objectChanged(change, change.key, undefined, before), object: { deletedKey: change.key } }
      }
      case 'raise':
        this.raise(change.revision)
        return undefined
    }
  }

  /** What is derived is shown at this revision at least, from now on. */
  raise (revision: number): void {
    this.#floor.raise(revision)
  }

  /** Every instance is shown at this revision at least. In steps, between which the catalog may be read, not changed. */
  * raiseInstances (revision: number): Generator<void> {
    for (const owner of this.#namespaces.values()) {
      for (const group of owner.groups.values()) {
        for (const entry of group.entries()) {
          const before = entry.instance
          if (before.revision >= revision) continue
          entry.instance = { ...before, revision }
          group.touch(revision)
          owner.declared.instanceChanged(before, entry.instance, revision)
          yield
        }
      }
    }
  }

  /** Puts an object into an empty catalog. Objects come before instances. @throws as `apply` */
  fillObject (object: ObjectRecord): void {
    const read = readObject(object)
    if ('reason' in read) return void this.aside.addObject(object, read.reason)
    this.#keep(object)
    const name = manifestName(object.key)
    if (name !== undefined) this.#declare(name, object, object.revision)
  }

  /**
   * Puts an instance into an empty catalog.
   * @param floor the revision that it is shown at least at
   * @param before the catalog that is replaced: what it holds alike is not read and made anew
   * @throws as `apply`
   */
  fillInstance (record: InstanceRecord, floor = 0, before?: Catalog): void {
    const known = before?.heldAlike(record)
    const read = known === undefined ? readInstance(record, this.#bodies) : { content: storedBody(known.instance) }
    if ('reason' in read) return void this.aside.addInstance(record, read.reason)
    const revision = Math.max(record.shownRevision, floor)
    const entry = known === undefined
      ? this.#entryOf(record, read.content, revision)
      : this.#entryFor(record, known.instance, read.content, revision)
    this.#insert(entry, revision)
    this.#owner(entry.instance.namespace).declared.instanceChanged(undefined, entry.instance, revision)
  }

  #put (change: RecordChange, record: InstanceRecord, body: InstanceBody): AppliedChange {
    const { namespace, service, id } = splitKey(record.key)
    const before = this.entry(namespace, service, id)
    const previous = before?.instance
    const revision = Math.max(change.revision, record.shownRevision)
    const entry = this.#entryOf(record, body, revision)
    this.aside.deleteLease(record.lease)
    this.aside.replacedInstance(record.key)
    if (before !== undefined) this.#forget(before)
    this.#insert(entry, revision)
    return this.#applied(change, 'put', entry, entry.instance, previous)
  }

  #delete (change: RecordChange, key: string, lease: string): AppliedChange | undefined {
    const { namespace, service, id } = splitKey(key)
    if (this.aside.deleteLease(lease)) return { ...plain(change, 'instance', { namespace, service, id }, true), lease }
    // A record that could not be read was removed: the store did not know its key, but this node may have known it
    // before.
    const entry = key === '' ? this.#byLease(lease) : this.entry(namespace, service, id)
    if (entry === undefined || entry.lease !== lease) return undefined
    return this.#leave(change, entry)
  }

  /** Costs a look at every instance. */
  #byLease (lease: string): InstanceEntry | undefined {
    for (const { groups } of this.#namespaces.values()) {
      for (const service of groups.values()) for (const entry of service.entries()) if (entry.lease === lease) return entry
    }
    return undefined
  }

  /** The instance is not answered any more. */
  #leave (change: RecordChange, entry: InstanceEntry): AppliedChange {
    const { namespace, service, id } = entry.instance
    this.#forget(entry)
    const owner = this.#owner(namespace)
    const group = owner.group(service)
    group.delete(id, change.revision)
    if (group.size === 0) {
      owner.groups.delete(service)
      owner.listed(service)
    }
    const done = this.#applied(change, 'delete', entry, entry.instance, entry.instance)
    this.#tidy(owner)
    return done
  }

  #suspicion (change: RecordChange, key: string, lease: string, suspect: boolean): AppliedChange | undefined {
    const { namespace, service, id } = splitKey(key)
    const entry = this.entry(namespace, service, id)
    if (entry === undefined || entry.lease !== lease) return undefined
    return this.#replace(change, entry, { suspect })
  }

  /** What was registered under its key, if anything, is the life that it took the place of. */
  #asideInstance (change: RecordChange, record: InstanceRecord, reason: string): AppliedChange {
    const { namespace, service, id } = splitKey(record.key)
    const before = this.entry(namespace, service, id)
    const { key } = this.aside.addInstance(record, reason)
    const left = before === undefined ? { ...plain(change, 'instance', { namespace, service, id }, true), lease: record.lease } : this.#leave(change, before)
    return { ...left, aside: { key, reason } }
  }

  #asideObject (change: RecordChange, object: ObjectRecord, before: ObjectRecord | undefined, reason: string): AppliedChange {
    const { key } = this.aside.addObject(object, reason)
    this.#drop(object.key)
    return { ...this.#objectChanged(change, object.key, undefined, before), object: { deletedKey: object.key }, aside: { key, reason } }
  }

  #drop (key: string): void {
    if (this.#objects.delete(key) && overriddenKey(key) !== undefined) this.#overrides--
  }

  #keep (object: ObjectRecord): void {
    if (!this.#objects.has(object.key) && overriddenKey(object.key) !== undefined) this.#overrides++
    this.#objects.set(object.key, object)
  }

  /** @param object undefined = it went */
  #objectChanged (change: RecordChange, key: string, object: ObjectRecord | undefined, before: ObjectRecord | undefined): AppliedChange {
    const name = manifestName(key)
    if (name !== undefined) return this.#manifestChanged(change, name, object)
    const target = overriddenKey(key)
    if (target !== undefined) return this.#overrideChanged(change, target)
    if (isSecretKey(key) || isNodeKey(key)) return plain(change, 'secret', { namespace: '', service: '', id: '' }, object === undefined)
    const known = object ?? before
    const claim = known !== undefined && isClaimKey(key) ? claimOf(known) : undefined
    return plain(change, 'claim', claim === undefined ? splitKey(key) : { ...claim.holder, id: '' }, object === undefined)
  }

  /** An override came, changed or went: its instance, if it is registered, is shown anew. */
  #overrideChanged (change: RecordChange, target: AppliedChange['target']): AppliedChange {
    const entry = this.entry(target.namespace, target.service, target.id)
    return entry === undefined ? plain(change, 'instance', target, false) : this.#replace(change, entry, {})
  }

  #manifestChanged (change: RecordChange, name: ManifestName, object: ObjectRecord | undefined): AppliedChange {
    return object === undefined ? this.#remove(change, name) : this.#declare(name, object, change.revision, change)
  }

  #declare (name: ManifestName, object: ObjectRecord, revision: number, change?: RecordChange): AppliedChange {
    const manifest = manifestOf(object)
    const owner = this.#owner(name.kind === 'Namespace' ? name.name : name.namespace)
    const made = plain(change ?? { revision, atMs: 0, by: '', reason: 'declared' }, 'endpoints', { namespace: owner.name, service: name.name, id: '' }, false)
    switch (manifest.kind) {
      case 'Namespace':
        owner.manifest = manifest
        return { ...made, kind: 'namespace', target: { ...made.target, service: '' } }
      case 'EndpointSlice': {
        const [service = '', ...touched] = owner.declared.putSlice(manifest, revision)
        return { ...made, target: { ...made.target, service }, touched }
      }
      case 'Endpoints':
        owner.declared.setEndpoints(name.name, manifest, revision)
        return made
      case 'Service': {
        const { isAnew } = owner.declared.put(manifest, revision)
        owner.listed(name.name)
        return { ...made, kind: 'service', service: { manifest, isAnew } }
      }
    }
  }

  #remove (change: RecordChange, { kind, namespace, name }: ManifestName): AppliedChange {
    const owner = this.#owner(kind === 'Namespace' ? name : namespace)
    const gone = plain(change, 'endpoints', { namespace: owner.name, service: name, id: '' }, true)
    const done = ((): AppliedChange => {
      switch (kind) {
        case 'Namespace':
          owner.manifest = undefined
          return { ...gone, kind: 'namespace', target: { ...gone.target, service: '' } }
        case 'EndpointSlice': {
          const [service = ''] = owner.declared.deleteSlice(name, change.revision)
          return { ...gone, target: { ...gone.target, service } }
        }
        case 'Endpoints':
          owner.declared.setEndpoints(name, undefined, change.revision)
          return gone
        case 'Service': {
          const service = owner.declared.delete(name)
          owner.groups.get(name)?.touch(change.revision)
          owner.listed(name)
          return { ...gone, kind: 'service', ...(service === undefined ? {} : { service: { manifest: service.manifest, isAnew: true } }) }
        }
      }
    })()
    this.#tidy(owner)
    return done
  }

  #replace (change: RecordChange, entry: InstanceEntry, facts: { suspect?: boolean }): AppliedChange {
    const before = entry.instance
    this.#forget(entry)
    const instance = this.#shown(storedBody(before), {
      ...before,
      ttlMs: before.lease.ttlMs,
      createdAtMs: Date.parse(before.createdAt),
      updatedAtMs: Date.parse(before.updatedAt),
      revision: change.revision,
      suspect: facts.suspect ?? before.suspect
    })
    const next: InstanceEntry = { ...entry, instance }
    this.#insert(next, change.revision)
    return this.#applied(change, 'put', next, instance, before)
  }

  #applied (change: RecordChange, event: 'put' | 'delete', entry: InstanceEntry, instance: Instance, previous: Instance | undefined): AppliedChange {
    const { revision, atMs, reason } = change
    const by = this.#parts.text(change.by) // the ring keeps it a hundred thousand times
    const touched = this.#owner(instance.namespace).declared.instanceChanged(previous, event === 'put' ? instance : undefined, revision)
    return { revision, atMs, by, reason, event, kind: 'instance', target: instance, instance, previous, lease: entry.lease, createdRevision: entry.createdRevision, touched }
  }

  #owner (namespace: string): NamespaceEntry {
    let owner = this.#namespaces.get(namespace)
    if (owner === undefined) {
      owner = new NamespaceEntry(namespace, this.addresses, this.#floor)
      this.#namespaces.set(namespace, owner)
      this.#sortedNamespaces = undefined
    }
    return owner
  }

  /** A namespace stays while it is declared or something is in it. */
  #tidy (owner: NamespaceEntry): void {
    if (!owner.isEmpty) return
    this.#namespaces.delete(owner.name)
    this.#sortedNamespaces = undefined
  }

  #entryOf (record: InstanceRecord, body: InstanceBody, revision: number): InstanceEntry {
    const { namespace, service, id } = splitKey(record.key)
    // A slice of the key would keep the whole key alive.
    const name = { namespace: this.#parts.text(namespace), service: this.#parts.text(service), id: ownText(id) }
    return this.#entryFor(record, name, body, revision)
  }

  #entryFor (record: InstanceRecord, { namespace, service, id }: Pick<Instance, 'namespace' | 'service' | 'id'>, body: InstanceBody, revision: number): InstanceEntry {
    const instance = this.#shown(body, { ...record, namespace, service, id, revision })
    return { lease: record.lease, createdRevision: record.createdRevision, recordRevision: record.revision, instance }
  }

  #shown (body: InstanceBody, facts: Omit<Parameters<typeof instanceOf>[1], 'override'>): Instance {
    return instanceOf(body, { ...facts, override: this.override(facts.namespace, facts.service, facts.id) })
  }

  #insert (entry: InstanceEntry, revision: number): void {
    const { namespace, service, labels, address, effectiveStatus, suspect } = entry.instance
    const owner = this.#owner(namespace)
    const group = owner.group(service)
    group.set(entry, Math.max(revision, group.revision))
    owner.labels.add(labels, entry)
    owner.instances++
    this.addresses.instances.add(address, entry)
    this.#size++
    if (suspect) this.#suspects++
    this.#statusCounts.set(effectiveStatus, (this.#statusCounts.get(effectiveStatus) ?? 0) + 1)
  }

  /** Takes an entry out of the indexes; its place in the service stays until it is deleted or written over. */
  #forget (entry: InstanceEntry): void {
    const { namespace, labels, address, effectiveStatus, suspect } = entry.instance
    const owner = this.#namespaces.get(namespace)
    owner?.labels.remove(labels, entry)
    if (owner !== undefined) owner.instances--
    this.addresses.instances.remove(address, entry)
    this.#size--
    if (suspect) this.#suspects--
    this.#statusCounts.set(effectiveStatus, (this.#statusCounts.get(effectiveStatus) ?? 1) - 1)
  }
}

/** The stored form of an entry, for a store that has to be refilled. */
export function recordOf (entry: InstanceEntry): InstanceRecord {
  const { instance } = entry
  return {
    key: instanceKey(instance.namespace, instance.service, instance.id),
    lease: entry.lease,
    generation: instance.generation,
    ttlMs: instance.lease.ttlMs,
    createdRevision: entry.createdRevision,
    revision: entry.recordRevision,
    shownRevision: instance.revision,
    createdAtMs: Date.parse(instance.createdAt),
    updatedAtMs: Date.parse(instance.updatedAt),
    suspect: instance.suspect,
    body: JSON.stringify(storedBody(instance))
  }
}

/** A change that touched no listed instance. */
function plain (change: Pick<RecordChange, 'revision' | 'atMs' | 'by' | 'reason'>, kind: AppliedChange['kind'], target: AppliedChange['target'], isGone: boolean): AppliedChange {
  const { revision, atMs, by, reason } = change
  return { revision, atMs, by, reason, event: isGone ? 'delete' : 'put', kind, target, instance: undefined, previous: undefined, lease: '', createdRevision: 0, touched: [] }
}
