// The store as the registry of this node uses it: each operation is timed, callers of `sync` share one, and a commit may replace a record
// that was set aside.
import type {
  Backup, Change, Committed, ExpiryPolicy, Follower, Grant, Granted, Holder, LoadPage, LogPlace, LostLease, NoteWrite, ObjectWrite, Renewed, Revised, Revision,
  Store, Sweep
} from '../store/store.ts'
import type { SetAside } from './catalog/set-aside.ts'

export type StoreOperation = 'open' | 'grant' | 'revise' | 'revoke' | 'renew' | 'lose' | 'expire' | 'sync' | 'commit' | 'backup' | 'read-log' | 'loads' | 'notes'

/** Told after each operation: its name, the time it took, and whether it succeeded. */
export type StoreTimer = (operation: StoreOperation, ms: number, succeeded: boolean) => void

export interface NodeStoreOptions {
  readonly timer?: StoreTimer | undefined
  /** The records that the view has set aside. */
  readonly aside?: () => SetAside
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

export class NodeStore implements Store {
  readonly kind: Store['kind']
  readonly location: string
  readonly renewsAlone: boolean
  readonly #store: Store
  readonly #timer: StoreTimer
  readonly #aside: (() => SetAside) | undefined
  readonly #now: () => number
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined

  constructor (store: Store, { timer = () => undefined, aside, now = () => performance.now() }: NodeStoreOptions = {}) {
    this.kind = store.kind
    this.location = store.location
    this.renewsAlone = store.renewsAlone === true
    this.#store = store
    this.#timer = timer
    this.#aside = aside
    this.#now = now
  }

  open (follower: Follower): Promise<void> { return this.#timed('open', this.#now(), this.#store.open(follower)) }
  grant (grant: Grant): Promise<Granted> { return this.#timed('grant', this.#now(), this.#store.grant(grant)) }
  revise (revision: Revision): Promise<Revised> { return this.#timed('revise', this.#now(), this.#store.revise(revision)) }
  revoke (leases: readonly string[], by: string): Promise<readonly number[]> { return this.#timed('revoke', this.#now(), this.#store.revoke(leases, by)) }
  renew (batches: ReadonlyMap<number, readonly string[]>): Promise<Renewed> { return this.#timed('renew', this.#now(), this.#store.renew(batches)) }
  lose (leases: readonly LostLease[], graceMs: number): Promise<number> { return this.#timed('lose', this.#now(), this.#store.lose(leases, graceMs)) }
  expire (policy: ExpiryPolicy): Promise<Sweep> { return this.#timed('expire', this.#now(), this.#store.expire(policy)) }
  backup (): Promise<Backup> { return this.#timed('backup', this.#now(), this.#store.backup()) }
  readLog (from: LogPlace, limit: number): Promise<readonly Change[]> { return this.#timed('read-log', this.#now(), this.#store.readLog(from, limit)) }
  keepLoads (loads: ReadonlyMap<string, string>): Promise<void> { return this.#timed('loads', this.#now(), this.#store.keepLoads(loads)) }
  readLoads (place: string): Promise<LoadPage> { return this.#timed('loads', this.#now(), this.#store.readLoads(place)) }
  writeNotes (notes: readonly NoteWrite[], under?: Holder): Promise<boolean> { return this.#timed('notes', this.#now(), this.#store.writeNotes(notes, under)) }
  readNotes (prefix: string): ReturnType<Store['readNotes']> { return this.#timed('notes', this.#now(), this.#store.readNotes(prefix)) }
  claim (holder: Holder, keepMs: number): Promise<boolean> { return this.#timed('notes', this.#now(), this.#store.claim(holder, keepMs)) }
  close (): Promise<void> { return this.#store.close() }

  /**
   * The catalog does not have a record that was set aside, so a command expects that there is none; the store has it, and would answer
   * with a conflict for ever.
   */
  commit (writes: readonly ObjectWrite[], by: string): Promise<Committed> {
    const records = this.#aside?.()
    const meant = records === undefined || records.size === 0
      ? writes
      : writes.map((write) => (write.expected === 0 ? { ...write, expected: records.object(write.key)?.revision ?? 0 } : write))
    return this.#timed('commit', this.#now(), this.#store.commit(meant, by))
  }

  /** Callers that come while one is under way share the next one, so that a thousand callers cost two. */
  sync (): Promise<void> {
    if (this.#syncing === undefined) return this.#sync()
    // The one under way may have asked the store before this caller came: only the one after it answers for what was committed by now.
    return this.#nextSync ??= this.#syncing.catch(() => undefined).then(() => {
      this.#nextSync = undefined
      return this.#sync()
    })
  }

  #sync (): Promise<void> {
    const round = this.#timed('sync', this.#now(), this.#store.sync()).finally(() => { if (this.#syncing === round) this.#syncing = undefined })
    return this.#syncing = round
  }

  #timed<Result> (operation: StoreOperation, beganMs: number, result: Promise<Result>): Promise<Result> {
    const report = (succeeded: boolean): void => this.#timer(operation, this.#now() - beganMs, succeeded)
    result.then(() => report(true), () => report(false)) // the caller has the same promise, and its error
    return result
  }
}
