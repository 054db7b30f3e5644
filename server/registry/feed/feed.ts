// The follower of the store: takes every change into the catalog, remembers it and tells who listens.
import { Slice } from '../../store/slice.ts'
import type { Change, Follower, InstanceRecord, ObjectRecord, RecordChange, Snapshot, StoreHealth } from '../../store/store.ts'
import { type AppliedChange, ChangeRing } from './change-ring.ts'
import { Catalog, recordOf } from '../catalog/catalog.ts'
import type { Cursor } from './cursor.ts'
import { type Difference, findDifferences } from './feed-differences.ts'
import { overriddenKey } from '../overrides.ts'
import { instanceKey, splitKey } from '../../model/names.ts'

export interface FeedListener {
  /** In revision order, once for each change. */
  changed? (change: AppliedChange): void
  /** The whole view may differ: every cursor of before is void. */
  reset? (): void
  /** The catalog is another one: at each load, also when cursors stay good. */
  loaded? (): void
  /** The view stands at the feed's revision: after each load and each batch, before whoever wrote is answered. */
  applied? (): void
  health? (health: StoreHealth): void
}

/** Why a cursor cannot be resumed from. */
export type ResumeRefusal = 'another epoch' | 'a lost range' | 'too old' | 'ahead of this node'

export interface FeedOptions {
  /** How many changes are remembered. Lowering it makes returning watchers fetch a snapshot sooner. */
  readonly ringLimit?: number
  /** What they may hold together, in octets, about. Default 32 MiB. */
  readonly ringBytes?: number
  readonly now: () => number
}

const defaultRingLimit = 100_000
const defaultRingBytes = 32 * 1024 ** 2
/** Records taken without a pause: some milliseconds. */
const stepsAtOnce = 1_000

export class Feed implements Follower {
  readonly #ring: ChangeRing
  readonly #listeners = new Set<FeedListener>()
  readonly #waiters = new Set<{ readonly revision: number, readonly done: () => void }>()
  readonly #now: () => number
  #catalog = new Catalog()
  #epoch = ''
  #revision = 0
  #resumable = 0
  #lost: Snapshot['lost'] = []
  #health: StoreHealth

  constructor (options: FeedOptions) {
    this.#now = options.now
    this.#ring = new ChangeRing({ entries: options.ringLimit ?? defaultRingLimit, bytes: options.ringBytes ?? defaultRingBytes })
    this.#health = { available: false, reason: 'not opened yet', sinceMs: options.now() }
  }

  get catalog (): Catalog {
    return this.#catalog
  }

  get loaded (): boolean {
    return this.#epoch !== ''
  }

  get epoch (): string {
    return this.#epoch
  }

  get revision (): number {
    return this.#revision
  }

  get storeHealth (): StoreHealth {
    return this.#health
  }

  /** Whole seconds since the view may be stale, 0 while the store is there. */
  get staleSeconds (): number {
    return staleSeconds(this.#health, this.#now())
  }

  listen (listener: FeedListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls back as soon as the revision is applied, at once if it is. Gives a function that gives up waiting. */
  whenApplied (revision: number, done: () => void): () => void {
    if (this.loaded && this.#revision >= revision) {
      done()
      return () => undefined
    }
    const waiter = { revision, done }
    this.#waiters.add(waiter)
    return () => this.#waiters.delete(waiter)
  }

  /** The changes after a cursor, or why they can't be had. */
  resume (cursor: Cursor): AppliedChange[] | ResumeRefusal {
    if (cursor.epoch !== undefined && cursor.epoch !== this.#epoch) return 'another epoch'
    if (cursor.revision > this.#revision) return 'ahead of this node'
    if (this.#lost.some((range) => cursor.revision > range.after && cursor.revision < range.until)) return 'a lost range'
    if (cursor.revision < Math.max(this.#ring.start, this.#resumable)) return 'too old'
    return this.#ring.since(cursor.revision)
  }

  /** What the remembered changes hold, in octets, about. */
  get ringBytes (): number {
    return this.#ring.bytes
  }

  /** Newest first. */
  history (): Generator<AppliedChange> {
    return this.#ring.backwards()
  }

  /**
   * At most `limit` changes after a revision, as a store would tell them, and the revision that they lead to.
   * undefined = they are not remembered any more.
   */
  changesAfter (revision: number, limit: number): { readonly changes: readonly Change[], readonly revision: number } | undefined {
    if (revision < this.#ring.start) return undefined
    const applied = this.#ring.since(revision, limit)
    const last = applied.length < limit ? undefined : applied.at(-1)
    return { changes: applied.flatMap(storedChange), revision: last?.revision ?? this.#revision }
  }

  // Follower ------------------------------------------------------------------------------------------------------

  /** A small keyspace is taken at once, a large one in slices, while the view of before answers. */
  load (snapshot: Snapshot): void | PromiseLike<void> {
    const steps = this.#loading(snapshot)
    for (let step = 0; step < stepsAtOnce; step++) if (steps.next().done === true) return undefined
    return inSlices(steps)
  }

  * #loading (snapshot: Snapshot): Generator<void> {
    const before = this.#epoch === snapshot.epoch ? this.#catalog : undefined
    const term = snapshot.lost.find((range) => range.until > this.#revision && range.until <= snapshot.revision)
    const catalog = new Catalog()
    yield * catalog.filling(snapshot.instances, snapshot.objects, snapshot.floors)
    const differences: Difference[] = []
    if (before !== undefined && term !== undefined) yield * findDifferences(before, catalog, this.#now(), differences)
    // From here on in one go: who asks sees the view of before, or this one.
    this.#lost = snapshot.lost
    this.#catalog = catalog
    for (const listener of this.#listeners) listener.loaded?.()
    if (before !== undefined && term !== undefined) {
      this.#announce(differences, term.until, snapshot.revision)
    } else {
      this.#epoch = snapshot.epoch
      this.#revision = snapshot.revision
      this.#remember(snapshot)
      for (const listener of this.#listeners) listener.reset?.()
    }
    this.#wake()
  }

  /**
   * A new term: live watchers get the differences as ordinary changes. Their revisions come from below the first one of
   * the term, where the jump left numbers that nobody uses; a cursor from there is of a lost range and is reset.
   */
  #announce (changes: readonly Difference[], firstOfTerm: number, revision: number): void {
    let next = firstOfTerm - changes.length
    for (const change of changes) this.#tell({ ...change, revision: next++ })
    this.#revision = revision
  }

  /**
   * Replays the log of before this node began. What a change replaced is known only if that is in the log too; a watch
   * resumes after the last change of which it is not, so that no selector misses an instance that left it.
   */
  #remember (snapshot: Snapshot): void {
    const past = new Catalog()
    const first = snapshot.recent[0]
    this.#ring.restart(first === undefined ? snapshot.revision : first.revision - 1)
    this.#resumable = 0
    for (const change of snapshot.recent) {
      if (change.type === 'raise') continue
      const applied = past.apply(change)
      const isNew = change.type === 'put' && change.reason === 'registered'
      const isInstance = applied === undefined || applied.kind === 'instance'
      if (isInstance && (applied?.instance === undefined || (applied.previous === undefined && !isNew))) this.#resumable = change.revision
      const { revision, atMs, by, reason } = change
      this.#ring.push(applied ?? {
        revision, atMs, by, reason, event: change.type === 'delete' ? 'delete' : 'put', kind: 'instance', target: targetOf(change),
        instance: undefined, previous: undefined, lease: 'lease' in change ? change.lease : '', createdRevision: 0, touched: []
      })
    }
  }

  apply (changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.revision <= this.#revision) continue
      const applied = this.#catalog.apply(change)
      this.#revision = change.revision
      if (applied !== undefined) this.#tell(applied)
    }
    this.#wake()
  }

  health (health: StoreHealth): void {
    this.#health = health
    for (const listener of this.#listeners) listener.health?.(health)
  }

  heldInstances (): Iterable<InstanceRecord> {
    return this.#catalog.heldInstances()
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.#catalog.heldObjects()
  }

  changesSince (revision: number): readonly Change[] {
    return this.#ring.since(revision).flatMap(storedChange)
  }

  #tell (change: AppliedChange): void {
    this.#ring.push(change)
    for (const listener of this.#listeners) listener.changed?.(change)
  }

  #wake (): void {
    for (const listener of this.#listeners) listener.applied?.()
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue
      this.#waiters.delete(waiter)
      waiter.done()
    }
  }
}

/** Whole seconds since a view may be stale, 0 while the store is there. */
export function staleSeconds (health: StoreHealth, nowMs: number): number {
  return health.available ? 0 : Math.max(1, Math.ceil((nowMs - health.sinceMs) / 1_000))
}

async function inSlices (steps: Generator<void>): Promise<void> {
  const slice = new Slice()
  await slice.next()
  while (steps.next().done !== true) if (slice.isOver()) await slice.next()
}

function targetOf (change: RecordChange): AppliedChange['target'] {
  if (change.type === 'put') return splitKey(change.record.key)
  const key = change.type === 'put-object' ? change.object.key : change.key
  return overriddenKey(key) ?? splitKey(key)
}

function storedChange (change: AppliedChange): Change[] {
  const { revision, atMs, by, reason, lease, createdRevision, instance, object } = change
  const base = { revision, atMs, by, reason }
  if (object !== undefined) {
    return 'deletedKey' in object ? [{ ...base, type: 'delete-object', key: object.deletedKey }] : [{ ...base, type: 'put-object', object }]
  }
  if (change.kind !== 'instance') return []
  const key = instanceKey(change.target.namespace, change.target.service, change.target.id)
  if (change.event === 'delete') return [{ ...base, type: 'delete', key, lease }]
  return instance === undefined ? [] : [{ ...base, type: 'put', record: recordOf({ lease, createdRevision, recordRevision: instance.revision, instance }) }]
}
