// The embedded store: one process, one file. Acknowledged means on disk.
import { existsSync, writeFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { type Guard } from '../../guard.ts'
import { RegistryError, invalid } from '../../errors.ts'
import {
  type Backup, type Change, type Committed, type ExpiryPolicy, type Follower, type Grant, type Granted, type Holder, type LoadPage, type LogPlace,
  type LostLease, maxCommitWrites, type NoteWrite, type ObjectWrite, type Renewed, type Revised, type Revision, type Store, type Sweep
} from '../store.ts'
import { checkClaim, checkNotes } from '../note-rules.ts'
import { backupDatabase, removeLeftovers } from './backup.ts'
import { KeptLoads, Notes } from './beside.ts'
import { fileIn, openDatabase, storeError, writeError } from './database.ts'
import { Expiry } from './expiry.ts'
import { Fold } from './fold.ts'
import { GroupCommit, type Transaction } from './group-commit.ts'
import { Keyspace } from './keyspace.ts'
import { LeaseWheel } from './lease-wheel.ts'
import { Term } from './term.ts'
import { WriteAheadLog } from './write-ahead-log.ts'

export interface SqliteStoreOptions {
  /** Holds `rollcall.db`; made if it is missing. `:memory:` keeps nothing. */
  readonly directory: string
  /** The wall clock in ms: leases and records are dated by it. */
  readonly now: () => number
  /** Entries of history kept in the file: how far back events reach and a watch may resume. Default 100,000. */
  readonly maxLogLength?: number
  /** Nothing expires for so long after a start, or for the largest TTL in use if that is less. Default 60 s. */
  readonly holdMs?: number
  /** Octets of history kept in the file: large manifests leave fewer entries than `maxLogLength`. Default 64 MiB. */
  readonly maxLogBytes?: number
  /** Limit of the file in pages of 2 KiB. Default: none but the disk's. */
  readonly maxPages?: number
  /** Opens a file that was not closed cleanly although its -wal is missing; what was in that log is lost then. Default false. */
  readonly acceptMissingLog?: boolean
  readonly logger?: StoreLogger
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
}

/** What of a pino logger is used. */
export interface StoreLogger {
  info (details: object, message: string): void
  error (details: object, message: string): void
}

const defaultMaxLogLength = 100_000
const defaultMaxLogBytes = 64 * 1024 ** 2
/** Longer than three heartbeats of nearly every instance; a longer hold only keeps dead ones. */
const defaultHoldMs = 60_000
/** Writes of objects that share a transaction with others: a millisecond of them. More have their own. */
const shortCommit = 50
/** History handed to the catalog at the start: enough for nearly all watchers that were away during a restart; more is read when somebody asks. */
const maxRecent = 10_000

/** Makes the store; nothing is touched before `open`. */
export function createSqliteStore (options: SqliteStoreOptions): Store {
  return new SqliteStore(options)
}

/** What exists between `open` and `close`. */
interface Opened {
  readonly db: DatabaseSync
  readonly follower: Follower
  readonly keyspace: Keyspace
  readonly expiry: Expiry
  readonly commits: GroupCommit
  readonly log: WriteAheadLog
  readonly term: Term
  readonly fold: Fold
  readonly loads: KeptLoads
  readonly notes: Notes
}

class SqliteStore implements Store {
  readonly kind = 'sqlite'
  readonly renewsAlone = true
  readonly location: string
  readonly #options: SqliteStoreOptions
  #opened: Opened | undefined
  #isBegun = false
  #closed = false
  #failing = false

  constructor (options: SqliteStoreOptions) {
    this.#options = options
    this.location = fileIn(options.directory)
  }

  async open (follower: Follower): Promise<void> {
    if (this.#isBegun || this.#closed) throw new Error('a store is opened once')
    this.#isBegun = true
    const { directory, now, maxPages, acceptMissingLog, maxLogLength = defaultMaxLogLength, maxLogBytes = defaultMaxLogBytes } = this.#options
    const { holdMs = defaultHoldMs, logger, guard } = this.#options
    if (!Number.isSafeInteger(maxLogLength) || maxLogLength < 1) throw new RangeError(`maxLogLength must be a whole number above 0, got ${maxLogLength}`)
    const { db, epoch, damage } = await openDatabase(directory, { maxPages, acceptMissingLog, nowMs: now() })
    if (damage !== undefined) logger?.error({ file: this.location }, damage)
    if (this.#closed) {
      db.close()
      throw this.#notOpen()
    }
    try {
      removeLeftovers(directory)
      const nowMs = now()
      const term = new Term(db, this.location, epoch, now)
      const { first: revision, floors, lost } = term.start
      term.tryRecord()
      const keyspace = new Keyspace(db, new LeaseWheel(nowMs), {
        now, maxLogLength, maxLogBytes, revision, reserve: (given) => term.reserve(given)
      })
      const log = new WriteAheadLog(this.location)
      const { changes, unreadable } = keyspace.log.recent(maxRecent)
      await follower.load({
        epoch,
        revision,
        instances: { [Symbol.iterator]: () => keyspace.loading.instances() },
        objects: { [Symbol.iterator]: () => keyspace.loading.objects() },
        floors,
        recent: changes,
        unreadable: unreadable ?? [],
        lost
      })
      keyspace.loading.restoreLeases()
      const fold = new Fold(db, this.location)
      const commits = new GroupCommit(this.#transactionOf(db, keyspace, follower, log, term, fold), guard)
      this.#opened = {
        db, follower, keyspace, expiry: new Expiry(keyspace, holdMs), commits, log, term, fold,
        loads: new KeptLoads(keyspace.wheel, now), notes: new Notes(db, now)
      }
      follower.health({ available: true, reason: '', sinceMs: nowMs })
      logger?.info({ file: this.location, epoch, revision, instances: keyspace.wheel.size }, 'store opened')
    } catch (error) {
      db.close()
      throw storeError(error, this.location)
    }
  }

  grant (grant: Grant): Promise<Granted> {
    if (this.#opened === undefined) return Promise.reject(this.#notOpen())
    const { commits, keyspace } = this.#opened
    return commits.write(() => keyspace.grant(grant))
  }

  async revise (revision: Revision): Promise<Revised> {
    const { commits, keyspace } = this.#ready()
    return commits.write(() => keyspace.revise(revision))
  }

  async revoke (leases: readonly string[], by: string): Promise<readonly number[]> {
    const { commits, keyspace } = this.#ready()
    return commits.write(() => keyspace.revoke(leases, by))
  }

  async renew (batches: ReadonlyMap<number, readonly string[]>): Promise<Renewed> {
    const { commits, keyspace } = this.#ready()
    const { wheel } = keyspace
    const nowMs = this.#options.now()
    const unknown: string[] = []
    const returned: string[] = []
    const deadlines = new Map<number, number>()
    for (const [ttlMs, leases] of batches) {
      const deadlineMs = nowMs + ttlMs
      deadlines.set(ttlMs, deadlineMs)
      for (const lease of leases) {
        const slot = wheel.find(lease)
        if (slot === undefined) {
          unknown.push(lease)
          continue
        }
        wheel.setDeadline(slot, deadlineMs)
        if (wheel.isSuspect(slot)) returned.push(lease)
      }
    }
    if (returned.length > 0) await commits.write(() => keyspace.trust(returned))
    return { unknown, deadlines }
  }

  async lose (leases: readonly LostLease[], graceMs: number): Promise<number> {
    const { commits, keyspace } = this.#ready()
    return commits.write(() => keyspace.lose(leases, graceMs))
  }

  async expire (policy: ExpiryPolicy): Promise<Sweep> {
    const { commits, expiry, keyspace } = this.#ready()
    return commits.write(() => {
      // A sweep without anything due writes nothing; a file that failed must be tried, or the node would not notice
      // that it works again.
      if (this.#failing) keyspace.probe()
      return expiry.sweep(policy, this.#options.now())
    })
  }

  async sync (): Promise<void> {
    await this.#ready().commits.synced()
  }

  async commit (writes: readonly ObjectWrite[], by: string): Promise<Committed> {
    const { commits, keyspace } = this.#ready()
    if (writes.length > maxCommitWrites) throw invalid([{ field: 'writes', value: writes.length, rule: `must be at most ${maxCommitWrites} in one commit` }])
    if (writes.length > shortCommit) return commits.writeInSlices(() => keyspace.committing(writes, by))
    return commits.write(() => keyspace.commitObjects(writes, by))
  }

  async backup (): Promise<Backup> {
    const { db, commits } = this.#ready()
    try {
      return await backupDatabase(db, this.location, this.#options.now(), () => commits.idle())
    } catch (error) {
      throw storeError(error, this.location)
    }
  }

  async readLog (from: LogPlace, limit: number): Promise<readonly Change[]> {
    const { keyspace } = this.#ready()
    try {
      return keyspace.log.read(from, limit)
    } catch (error) {
      throw storeError(error, this.location)
    }
  }

  async keepLoads (loads: ReadonlyMap<string, string>): Promise<void> {
    this.#ready().loads.keep(loads)
  }

  async readLoads (place: string): Promise<LoadPage> {
    return this.#ready().loads.read(place)
  }

  async writeNotes (notes: readonly NoteWrite[]): Promise<boolean> {
    const opened = this.#ready()
    checkNotes(notes)
    if (notes.length === 0) return true
    await opened.commits.write(() => {
      opened.notes.write(notes)
      opened.keyspace.wroteBeside(notes.reduce((bytes, { key, body }) => bytes + key.length + body.length, 0))
    })
    return true // a file has one node, which has every claim
  }

  async readNotes (prefix: string): ReturnType<Store['readNotes']> {
    return this.#ready().notes.read(prefix)
  }

  async claim (holder: Holder, keepMs: number): Promise<boolean> {
    checkClaim(holder, keepMs)
    this.#ready()
    return true
  }

  async close (): Promise<void> {
    const opened = this.#opened
    this.#closed = true
    this.#opened = undefined
    if (opened === undefined) return
    await opened.commits.flush()
    await opened.log.close()
    const isMarked = opened.term.close()
    opened.db.close()
    await opened.fold.close()
    opened.term.closed(opened.keyspace.revision)
    // Closing folds the log away. If the file could not be marked as complete without it, an empty log says so.
    if (!isMarked && existsSync(this.location) && !existsSync(`${this.location}-wal`)) writeFileSync(`${this.location}-wal`, '')
  }

  #ready (): Opened {
    if (this.#opened === undefined) throw this.#notOpen()
    return this.#opened
  }

  #notOpen (): RegistryError {
    return new RegistryError('REG_STORE_UNAVAILABLE', `${this.location} is ${this.#closed ? 'closed' : 'not open yet'}`)
  }

  #transactionOf (db: DatabaseSync, keyspace: Keyspace, follower: Follower, log: WriteAheadLog, term: Term, fold: Fold): Transaction {
    let written = false
    return {
      begin: () => {
        keyspace.begin()
        if (!term.isRecorded) term.record()
      },
      commit: () => {
        const changes = keyspace.commit()
        if (!term.isRecorded) term.recorded()
        if (!keyspace.wrote) return undefined
        written = true
        fold.wrote(keyspace.written.changes, keyspace.written.bytes)
        return () => (changes.length > 0 ? follower.apply(changes) : undefined)
      },
      upkeep: () => (fold.isDue ? () => fold.run() : undefined),
      sync: () => log.sync(),
      rollback: () => keyspace.rollback(db),
      errorOf: (error: unknown) => writeError(error, this.location),
      settled: (committed: number, failure: RegistryError | undefined) => {
        if (committed === 0 && failure !== undefined && failure.code !== 'REG_INTERNAL') this.#report(follower, failure)
        else if (written) this.#report(follower, undefined)
        written = false
      }
    }
  }

  #report (follower: Follower, failure: RegistryError | undefined): void {
    const failing = failure !== undefined
    if (failing === this.#failing) return
    this.#failing = failing
    follower.health({ available: !failing, reason: failure?.message ?? '', sinceMs: this.#options.now() })
    if (failing) this.#options.logger?.error({ err: failure, file: this.location }, 'store cannot be written')
    else this.#options.logger?.info({ file: this.location }, 'store can be written again')
  }
}
