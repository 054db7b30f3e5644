// The follower of the store: applies every change to the catalog, remembers it and tells the listeners. A record that
// cannot be read stops nothing, and a listener that throws keeps no other from hearing: the store's calls never throw.
import { besideTheLine, inSlices } from '../../slice.ts'
import type { Change, EndChange, Follower, InstanceRecord, ObjectRecord, PassedTerm, RecordChange, Snapshot, StoreHealth } from '../../store/store.ts'
import type { AppliedChange } from './change-ring.ts'
import { type Guard, standaloneGuard } from '../../guard.ts'
import { Catalog } from '../catalog/catalog.ts'
import { fillingCatalog, mendedCatalog } from '../catalog/mended.ts'
import type { SetAsideRecord } from '../catalog/set-aside.ts'
import type { Cursor } from './cursor.ts'
import { type Difference, findDifferences } from './feed-differences.ts'
import { History, type Resumed, type ResumeRefusal } from './history.ts'
import type { LogSource } from './log-reader.ts'
import { PastView } from './past-view.ts'
import { instanceKey } from '../../model/names.ts'

export interface FeedListener {
  /** Who it is, for the log and the metrics when it fails. */
  readonly name?: string
  /** In revision order, once for each change. */
  changed? (change: AppliedChange): void
  /** The whole view may differ: every cursor of before is void. */
  reset? (): void
  /** The catalog is another one: at each load, also when cursors stay good. */
  loaded? (): void
  /** The view stands at the feed's revision: after each load and each batch, before the writer is answered. */
  applied? (): void
  health? (health: StoreHealth): void
  /** Records were set aside, at a load or by changes: they stay in the store, but are in no answer. */
  setAside? (records: readonly Pick<SetAsideRecord, 'key' | 'reason'>[]): void
}

export interface FeedOptions {
  /** Where what is older than the remembered changes can be read. Absent: it is forgotten. */
  readonly log?: LogSource
  /** How many changes are remembered. Lowering it makes more of the watchers that come back wait for a reading of the store's log. */
  readonly ringLimit?: number
  /** What they may hold together, in octets, about. Default 32 MiB. */
  readonly ringBytes?: number
  readonly now: () => number
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
}

const defaultRingLimit = 100_000
const defaultRingBytes = 32 * 1024 ** 2
/** Changes taken without a look at the time: a millisecond, about. */
const changesAtOnce = 100
/** Records taken without a pause: some milliseconds. */
const stepsAtOnce = 1_000

export class Feed implements Follower {
  readonly #history: History
  readonly #listeners = new Set<FeedListener>()
  readonly #waiters = new Set<{ readonly revision: number, readonly done: () => void }>()
  readonly #now: () => number
  readonly #guard: Guard
  #catalog = new Catalog()
  #epoch = ''
  #revision = 0
  #health: StoreHealth

  constructor (options: FeedOptions) {
    this.#now = options.now
    this.#guard = options.guard ?? standaloneGuard
    this.#history = new History({
      entries: options.ringLimit ?? defaultRingLimit, bytes: options.ringBytes ?? defaultRingBytes, log: options.log, present: () => this.#catalog,
      guard: this.#guard
    })
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

  /** Tells of each service that a change of the catalog concerns, as soon as it is made; undefined = of all of the namespace. */
  onTouched (tell: (namespace: string, service: string | undefined) => void): () => void {
    return this.listen({ name: 'touched services', changed: ({ kind, target: { namespace, service }, touched }) => {
      if (kind !== 'instance' && kind !== 'service' && kind !== 'endpoints' && kind !== 'namespace') return
      tell(namespace, kind === 'namespace' ? undefined : service)
      for (const name of touched) tell(namespace, name)
    } })
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

  /** What came after a cursor, or why it can't be had. */
  resume (cursor: Cursor): Resumed | ResumeRefusal {
    if (cursor.epoch !== undefined && cursor.epoch !== this.#epoch) return 'another epoch'
    if (cursor.revision > this.#revision) return 'ahead of this node'
    return this.#history.resume(cursor.revision)
  }

  /** What the remembered changes hold, in octets, about. */
  get ringBytes (): number {
    return this.#history.bytes
  }

  /** Newest first, as far as they are remembered. */
  history (): Generator<AppliedChange> {
    return this.#history.backwards()
  }

  /** What is older than that, from the store's log: see `History.older`. @throws RegistryError REG_STORE_UNAVAILABLE */
  olderHistory (before: number, limit: number): ReturnType<History['older']> {
    return this.#history.older(before, limit)
  }

  /**
   * At most `limit` changes after a revision, and the revision that they lead to. undefined = they are not remembered
   * any more.
   */
  changesAfter (revision: number, limit: number): { readonly changes: readonly AppliedChange[], readonly revision: number } | undefined {
    const changes = this.#history.since(revision, limit)
    if (changes === undefined) return undefined
    const last = changes.length < limit ? undefined : changes.at(-1)
    return { changes, revision: last?.revision ?? this.#revision }
  }

  // Follower ------------------------------------------------------------------------------------------------------

  /** A small keyspace is taken at once, a large one in slices, while the view of before answers. */
  load (snapshot: Snapshot): void | PromiseLike<void> {
    const steps = this.#loading(snapshot)
    for (let step = 0; step < stepsAtOnce; step++) if (steps.next().done === true) return undefined
    return inSlices(steps)
  }

  passTerm (term: PassedTerm): void | PromiseLike<void> {
    const steps = this.#passing(term)
    for (let step = 0; step < stepsAtOnce; step++) if (steps.next().done === true) return undefined
    return inSlices(steps)
  }

  /** Instances first: none may be shown below a revision that the view stands at. */
  * #passing ({ revision, lost }: PassedTerm): Generator<void> {
    yield * this.#catalog.raiseInstances(revision)
    this.#catalog.raise(revision)
    this.#history.lost = lost
    this.#revision = revision
    this.#wake()
  }

  * #loading (snapshot: Snapshot): Generator<void> {
    const before = this.#epoch === snapshot.epoch ? this.#catalog : undefined
    const term = snapshot.lost.find((range) => range.until > this.#revision && range.until <= snapshot.revision)
    const catalog = yield * fillingCatalog(snapshot.instances, snapshot.objects, this.#failed, snapshot.floors, this.#catalog)
    const differences: Difference[] = []
    const isNewTerm = before !== undefined && term !== undefined
    if (isNewTerm) yield * findDifferences(before, catalog, this.#now(), differences)
    const replayed = isNewTerm ? [] : yield * this.#replay(snapshot.recent, catalog)
    // From here on in one go: who asks sees the view of before, or this one.
    this.#history.lost = snapshot.lost
    this.#catalog = catalog
    this.#each((listener) => listener.loaded?.())
    for (const { key, reason } of snapshot.unreadable ?? []) {
      catalog.aside.addObject({ key, createdRevision: 0, revision: 0, createdAtMs: 0, updatedAtMs: 0, endsAtMs: 0, body: '' }, reason)
    }
    this.#tellAside([...catalog.aside.values()])
    if (isNewTerm) {
      this.#announce(differences, term.until, snapshot.revision)
    } else {
      this.#epoch = snapshot.epoch
      this.#revision = snapshot.revision
      this.#history.restart((snapshot.recent[0]?.revision ?? snapshot.revision + 1) - 1, replayed)
      this.#each((listener) => listener.reset?.())
    }
    this.#wake()
  }

  /**
   * A new term: live watchers get the differences as ordinary changes. Their revisions come from below the first one of
   * the term, where the jump left unused numbers; a cursor from there is of a lost range and is reset.
   */
  #announce (changes: readonly Difference[], firstOfTerm: number, revision: number): void {
    let next = firstOfTerm - changes.length
    for (const change of changes) this.#tell({ ...change, revision: next++, isDifference: true })
    this.#revision = revision
  }

  /** The newest entries of the log, of before this node began. */
  * #replay (recent: readonly Change[], catalog: Catalog): Generator<void, AppliedChange[]> {
    const past = new PastView(() => catalog, this.#failed)
    yield * past.begin((recent[0]?.revision ?? 0) - 1)
    const changes: AppliedChange[] = []
    for (const change of recent) {
      const told = past.tell(change)
      if (told !== undefined) changes.push(told)
      yield
    }
    return changes
  }

  /** Few changes are taken at once, thousands in slices: between two of them the view stands at the revision of the last that was taken. */
  apply (changes: readonly Change[]): void | PromiseLike<void> {
    if (changes.length <= changesAtOnce) return this.#apply(changes)
    return besideTheLine(this.#applying(changes))
  }

  * #applying (changes: readonly Change[]): Generator<void> {
    for (let at = 0; at < changes.length; at += changesAtOnce) {
      this.#apply(changes.slice(at, at + changesAtOnce))
      yield
    }
  }

  #apply (changes: readonly Change[]): void {
    const aside: Pick<SetAsideRecord, 'key' | 'reason'>[] = []
    for (const change of changes) {
      if (change.revision <= this.#revision) continue
      let applied: AppliedChange | undefined
      try {
        applied = this.#catalog.apply(change)
      } catch (error) {
        if (change.type !== 'raise') this.#mend(change, error)
        continue
      }
      this.#revision = change.revision
      if (applied === undefined) continue
      if (applied.aside !== undefined) aside.push(applied.aside)
      this.#tell(applied)
    }
    this.#tellAside(aside)
    this.#wake()
  }

  /** The catalog failed in the middle of a change: it goes on from its records, and its followers begin anew. */
  #mend (change: RecordChange, error: unknown): void {
    this.#failed(error)
    this.#catalog = mendedCatalog(this.#catalog, change, error, this.#failed)
    this.#revision = change.revision
    this.#history.breakOff(change.revision)
    this.#each((listener) => listener.loaded?.())
    this.#each((listener) => listener.reset?.())
    this.#tellAside([...this.#catalog.aside.values()].filter(({ revision }) => revision === change.revision))
  }

  health (health: StoreHealth): void {
    this.#health = health
    this.#each((listener) => listener.health?.(health))
  }

  heldInstances (): Iterable<InstanceRecord> {
    return this.#catalog.heldInstances()
  }

  heldObjects (): Iterable<ObjectRecord> {
    return this.#catalog.heldObjects()
  }

  * endsSince (revision: number): Generator<EndChange> {
    for (const change of this.#history.remembered(revision)) {
      const end = change.aside === undefined ? endOf(change) : undefined // a record that was set aside is still in the store: it was not deleted
      if (end !== undefined) yield end
    }
  }

  #tell (change: AppliedChange): void {
    this.#history.push(change)
    this.#each((listener) => listener.changed?.(change))
  }

  #tellAside (records: readonly Pick<SetAsideRecord, 'key' | 'reason'>[]): void {
    if (records.length > 0) this.#each((listener) => listener.setAside?.(records))
  }

  /** Each listener apart: what one throws is its own fault. */
  #each (call: (listener: FeedListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        call(listener)
      } catch (error) {
        this.#guard.failed(listener.name ?? 'feed', error)
      }
    }
  }

  readonly #failed = (error: unknown): void => this.#guard.failed('catalog', error)

  #wake (): void {
    this.#each((listener) => listener.applied?.())
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue
      this.#waiters.delete(waiter)
      this.#guard.attempt('feed', waiter.done)
    }
  }
}

/** Whole seconds since a view may be stale, 0 while the store is there. */
export function staleSeconds (health: StoreHealth, nowMs: number): number {
  return health.available ? 0 : Math.max(1, Math.ceil((nowMs - health.sinceMs) / 1_000))
}

/** The end that a change is, as a store would tell it. */
function endOf (change: AppliedChange): EndChange | undefined {
  const { atMs, by, reason, lease, object, target } = change
  const revision = change.isDifference === true ? change.previous?.revision ?? 0 : change.revision
  const base = { revision, atMs, by, reason }
  if (object !== undefined) return 'deletedKey' in object ? { ...base, type: 'delete-object', key: object.deletedKey } : undefined
  if (change.kind !== 'instance' || change.event !== 'delete') return undefined
  return { ...base, type: 'delete', key: instanceKey(target.namespace, target.service, target.id), lease }
}
