// The living view, kept up to date: the store's follower alone changes it, in revision order, on this node's own writes as on all others.
// What it answers stands in catalog-reads.ts.
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { type InstanceBody, instanceOf, storedBody } from '../../model/instance/instance.ts'
import { StoredBodies } from '../../model/instance/stored-bodies.ts'
import { isObjectKind, isObjectManifest, type ObjectKind } from '../../model/manifest/object-kinds.ts'
import { isGlobalKind, type Manifest } from '../../model/service/types.ts'
import { splitKey } from '../../model/names.ts'
import { ownText } from '../../model/own-text.ts'
import type { Change, InstanceRecord, ObjectRecord, RecordChange } from '../../store/store.ts'
import { claimOf, isClaimKey } from '../allocation/claims.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import { noticedOf } from '../notices.ts'
import { isNodeKey, isSecretKey } from '../object-keys.ts'
import { overriddenKey } from '../overrides.ts'
import { type ManifestName, manifestName, manifestOf, objectChangeKind } from '../services/manifests.ts'
import { CatalogReads } from './catalog-reads.ts'
import { declare, plainChange, remove } from './manifest-changes.ts'
import { NamespaceEntry } from './namespace-entry.ts'
import type { InstanceEntry } from './service-entry.ts'
import { SharedParts } from './shared-parts.ts'
import { withName, withoutName } from './sorted-names.ts'
import { readInstance, readObject } from './stored-records.ts'

export class Catalog extends CatalogReads {
  readonly #parts: SharedParts
  readonly #bodies: StoredBodies

  /** @param before the catalog that this one is to replace: what they have alike is kept once */
  constructor (before?: Catalog) {
    super()
    const parts = this.#parts = before === undefined ? new SharedParts() : before.#parts
    this.#bodies = before === undefined ? new StoredBodies((body) => parts.body(body)) : before.#bodies
  }

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
        const before = this.objects.get(object.key)
        const read = readObject(object)
        if ('reason' in read) return this.#asideObject(change, object, before, read.reason)
        this.aside.deleteObject(object.key)
        this.#keep(object)
        return { ...this.#objectChanged(change, object.key, object, before), object }
      }
      case 'delete-object': {
        const before = this.objects.get(change.key)
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
    this.derivedFloor.raise(revision)
  }

  /** Every instance is shown at this revision at least. In steps, between which the catalog may be read, not changed. */
  * raiseInstances (revision: number): Generator<void> {
    for (const owner of this.byNamespace.values()) {
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
    if (name !== undefined) this.#manifestChanged({ revision: object.revision, atMs: 0, by: '', reason: 'declared' }, name, object)
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
    if (this.aside.deleteLease(lease)) return { ...plainChange(change, 'instance', { namespace, service, id }, true), lease }
    // A record that could not be read was removed: the store did not know its key, but this node may have known it
    // before.
    const entry = key === '' ? this.#byLease(lease) : this.entry(namespace, service, id)
    if (entry === undefined || entry.lease !== lease) return undefined
    return this.#leave(change, entry)
  }

  /** Costs a look at every instance. */
  #byLease (lease: string): InstanceEntry | undefined {
    for (const { groups } of this.byNamespace.values()) {
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
    const left = before === undefined ? { ...plainChange(change, 'instance', { namespace, service, id }, true), lease: record.lease } : this.#leave(change, before)
    return { ...left, aside: { key, reason } }
  }

  #asideObject (change: RecordChange, object: ObjectRecord, before: ObjectRecord | undefined, reason: string): AppliedChange {
    const { key } = this.aside.addObject(object, reason)
    this.#drop(object.key)
    return { ...this.#objectChanged(change, object.key, undefined, before), object: { deletedKey: object.key }, aside: { key, reason } }
  }

  #drop (key: string): void {
    if (this.objects.delete(key) && overriddenKey(key) !== undefined) this.overrides--
  }

  #keep (object: ObjectRecord): void {
    if (!this.objects.has(object.key) && overriddenKey(object.key) !== undefined) this.overrides++
    this.objects.set(object.key, object)
  }

  /** @param object undefined = it went */
  #objectChanged (change: RecordChange, key: string, object: ObjectRecord | undefined, before: ObjectRecord | undefined): AppliedChange {
    const name = manifestName(key)
    if (name !== undefined) return this.#manifestChanged(change, name, object)
    const target = overriddenKey(key)
    if (target !== undefined) return this.#overrideChanged(change, target)
    const noticed = noticedOf(key, object)
    if (noticed !== undefined) return { ...plainChange(change, 'notice', noticed.target, object === undefined), ...noticed.said }
    if (isSecretKey(key) || isNodeKey(key)) return plainChange(change, 'secret', { namespace: '', service: '', id: '' }, object === undefined)
    const known = object ?? before
    const claim = known !== undefined && isClaimKey(key) ? claimOf(known) : undefined
    return plainChange(change, 'claim', claim === undefined ? splitKey(key) : { ...claim.holder, id: '' }, object === undefined)
  }

  /** An override came, changed or went: its instance, if it is registered, is shown anew. */
  #overrideChanged (change: RecordChange, target: AppliedChange['target']): AppliedChange {
    const entry = this.entry(target.namespace, target.service, target.id)
    return entry === undefined ? plainChange(change, 'instance', target, false) : this.#replace(change, entry, {})
  }

  #manifestChanged (change: Parameters<typeof declare>[3], name: ManifestName, object: ObjectRecord | undefined): AppliedChange {
    const { kind } = name
    const manifest = object === undefined ? undefined : manifestOf(object)
    if (kind === 'Policy' || manifest?.kind === 'Policy') return plainChange(change, 'policy', { namespace: '', service: '', id: name.name }, manifest === undefined)
    if (isObjectKind(kind)) return this.#declaredChanged(change, kind, name, manifest)
    if (manifest !== undefined && isObjectManifest(manifest)) throw new RangeError(`under the key of ${kind} lies ${manifest.kind}`)
    const owner = this.#owner(name.kind === 'Namespace' ? name.name : name.namespace)
    if (manifest !== undefined) return declare(owner, name, manifest, change)
    const removed = remove(owner, { ...name, kind }, change)
    this.#tidy(owner)
    return removed
  }

  /** One that nothing else is made of. It keeps its namespace. */
  #declaredChanged (change: Parameters<typeof declare>[3], kind: ObjectKind, { namespace, name }: ManifestName, manifest: Manifest | undefined): AppliedChange {
    if (manifest === undefined) this.declaredObjects.delete(kind, namespace, name)
    else if (isObjectManifest(manifest)) this.declaredObjects.put(manifest, namespace)
    if (!isGlobalKind(kind)) this.#tidy(this.#owner(namespace))
    return plainChange(change, objectChangeKind(kind), { namespace, service: '', id: name }, manifest === undefined)
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
    let owner = this.byNamespace.get(namespace)
    if (owner === undefined) {
      owner = new NamespaceEntry(namespace, this.addresses, this.derivedFloor)
      this.byNamespace.set(namespace, owner)
      this.sortedNamespaces = withName(this.sortedNamespaces, namespace)
    }
    return owner
  }

  /** A namespace stays while it is declared or something is in it. */
  #tidy (owner: NamespaceEntry): void {
    if (!owner.isEmpty || this.declaredObjects.has(owner.name)) return
    this.byNamespace.delete(owner.name)
    this.sortedNamespaces = withoutName(this.sortedNamespaces, owner.name)
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
    this.instanceCount++
    if (suspect) this.suspectCount++
    this.byStatus.set(effectiveStatus, (this.byStatus.get(effectiveStatus) ?? 0) + 1)
  }

  /** Takes an entry out of the indexes; its place in the service stays until it is deleted or written over. */
  #forget (entry: InstanceEntry): void {
    const { namespace, labels, address, effectiveStatus, suspect } = entry.instance
    const owner = this.byNamespace.get(namespace)
    owner?.labels.remove(labels, entry)
    if (owner !== undefined) owner.instances--
    this.addresses.instances.remove(address, entry)
    this.instanceCount--
    if (suspect) this.suspectCount--
    this.byStatus.set(effectiveStatus, (this.byStatus.get(effectiveStatus) ?? 1) - 1)
  }
}
