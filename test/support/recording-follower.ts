// A follower that keeps a replica by replaying changes, notes every fault of the stream, and lets a test await a change.
import { type Change, type EndChange, type Floors, type Follower, type InstanceRecord, type ObjectRecord, type PassedTerm, type Snapshot, type StoreHealth, subjectOf } from '../../server/store/store.ts'

export interface Replica {
  readonly instances: ReadonlyMap<string, InstanceRecord>
  readonly objects: ReadonlyMap<string, ObjectRecord>
}

interface Waiter {
  readonly wanted: (change: Change) => boolean
  readonly resolve: (change: Change) => void
}

export class RecordingFollower implements Follower {
  readonly instances = new Map<string, InstanceRecord>()
  readonly objects = new Map<string, ObjectRecord>()
  /** All changes since the first load, in the order of arrival. */
  readonly history: Change[] = []
  /** The log's newest entries as the last load gave them. */
  recent: readonly Change[] = []
  /** Entries of the log that the last load could not read. */
  unreadable: Snapshot['unreadable'] = []
  /** What the store did wrong, one sentence each. */
  readonly faults: string[] = []
  readonly healths: StoreHealth[] = []
  epoch = ''
  revision = 0
  loads = 0
  /** New terms that were passed without a load. */
  terms = 0
  /** What is shown at which revision at least: as the last load said, and the raises since. */
  floors: Floors = { derived: 0, instances: 0 }
  readonly #waiters = new Set<Waiter>()

  load (snapshot: Snapshot): void {
    this.loads += 1
    this.epoch = snapshot.epoch
    this.revision = snapshot.revision
    this.recent = snapshot.recent
    this.floors = snapshot.floors ?? { derived: 0, instances: 0 }
    this.unreadable = snapshot.unreadable
    this.instances.clear()
    this.objects.clear()
    const leases = new Set<string>()
    for (const record of snapshot.instances) {
      if (this.instances.has(record.key)) this.#fault(`the snapshot holds ${record.key} twice`)
      if (leases.has(record.lease)) this.#fault(`the snapshot holds lease ${record.lease} twice`)
      if (record.shownRevision < record.revision) this.#fault(`${record.key} is shown at ${record.shownRevision}, below its own ${record.revision}`)
      if (record.shownRevision > snapshot.revision) this.#fault(`the snapshot of ${snapshot.revision} holds ${record.key} of ${record.revision}`)
      this.instances.set(record.key, record)
      leases.add(record.lease)
    }
    for (const object of snapshot.objects) this.objects.set(object.key, object)
    const isLost = (from: number, to: number): boolean => snapshot.lost.some(({ until }) => from < until && to >= until && to <= until + 1)
    for (const [index, change] of snapshot.recent.entries()) {
      const before = snapshot.recent[index - 1]?.revision
      if (before !== undefined && change.revision !== before + 1 && !isLost(before, change.revision)) this.#fault(`the log jumps from ${before} to ${change.revision}`)
    }
    const newest = snapshot.recent.at(-1)?.revision ?? snapshot.revision
    if (newest !== snapshot.revision && !isLost(newest, snapshot.revision)) this.#fault(`the log ends at ${newest}, the snapshot at ${snapshot.revision}`)
  }

  passTerm ({ revision }: PassedTerm): void {
    if (revision <= this.revision) this.#fault(`a term began at ${revision}, behind ${this.revision}`)
    this.terms += 1
    this.revision = revision
    this.floors = { derived: revision, instances: revision }
    for (const record of this.instances.values()) this.instances.set(record.key, { ...record, shownRevision: Math.max(record.shownRevision, revision) })
  }

  apply (changes: readonly Change[]): void {
    if (this.loads === 0) this.#fault('changes came before the snapshot')
    for (const change of changes) {
      if (change.revision !== this.revision + 1) this.#fault(`revision ${change.revision} followed ${this.revision}`)
      this.revision = change.revision
      this.#replay(change)
      this.history.push(change)
      for (const waiter of this.#waiters) {
        if (!waiter.wanted(change)) continue
        this.#waiters.delete(waiter)
        waiter.resolve(change)
      }
    }
  }

  health (health: StoreHealth): void {
    this.healths.push(health)
  }

  heldInstances (): Iterable<InstanceRecord> {
    return this.instances.values()
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.objects.values()
  }

  endsSince (revision: number): Iterable<EndChange> {
    return this.history.filter((change) => change.revision > revision).filter((change) => change.type === 'delete' || change.type === 'delete-object')
  }

  /** The first change, of those that came and those that will come, that satisfies `wanted`. */
  until (wanted: (change: Change) => boolean): Promise<Change> {
    const found = this.history.find(wanted)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve) => { this.#waiters.add({ wanted, resolve }) })
  }

  /** The changes of one instance or object, as `type reason` texts. */
  storyOf (key: string): string[] {
    return this.history.filter((change) => keyOf(change) === key).map((change) => (change.type === 'raise' ? change.type : `${change.type} ${change.reason}`))
  }

  #replay (change: Change): void {
    switch (change.type) {
      case 'put':
        if (change.record.revision !== change.revision) this.#fault(`the put of ${change.revision} holds revision ${change.record.revision}`)
        this.instances.set(change.record.key, change.record)
        break
      case 'delete':
        if (this.#held(change) !== undefined) this.instances.delete(change.key)
        break
      case 'suspect':
      case 'trusted': {
        const record = this.#held(change)
        if (record === undefined) break
        const suspect = change.type === 'suspect'
        if (record.suspect === suspect) this.#fault(`${change.type} of ${change.key} at ${change.revision} changes nothing`)
        this.instances.set(change.key, { ...record, suspect, shownRevision: change.revision })
        break
      }
      case 'put-object':
        if (change.object.revision !== change.revision) this.#fault(`the object of ${change.revision} holds revision ${change.object.revision}`)
        this.objects.set(change.object.key, change.object)
        this.#touchSubject(change.object.key, change.revision)
        break
      case 'delete-object':
        if (!this.objects.delete(change.key)) this.#fault(`delete-object of ${change.key}, which is not there`)
        this.#touchSubject(change.key, change.revision)
        break
      case 'raise':
        this.floors = { ...this.floors, derived: change.revision }
        break
    }
  }

  #touchSubject (objectKey: string, revision: number): void {
    const record = this.instances.get(subjectOf(objectKey) ?? '')
    if (record !== undefined) this.instances.set(record.key, { ...record, shownRevision: revision })
  }

  #held (change: Change & { readonly lease: string, readonly key: string }): InstanceRecord | undefined {
    const record = this.instances.get(change.key)
    if (record?.lease === change.lease) return record
    this.#fault(`${change.type} of ${change.key} names lease ${change.lease}, held is ${record?.lease ?? 'none'}`)
    return undefined
  }

  #fault (sentence: string): void {
    this.faults.push(sentence)
  }
}

export function keyOf (change: Change): string {
  if (change.type === 'put') return change.record.key
  if (change.type === 'put-object') return change.object.key
  return change.type === 'raise' ? '' : change.key
}

/** A replica in a form that compares: sorted, without the order of arrival. */
export function contentOf (replica: Replica): { instances: InstanceRecord[], objects: ObjectRecord[] } {
  const sorted = <Item extends { readonly key: string }> (items: Iterable<Item>): Item[] => [...items].sort((a, b) => (a.key < b.key ? -1 : 1))
  return { instances: sorted(replica.instances.values()), objects: sorted(replica.objects.values()) }
}
