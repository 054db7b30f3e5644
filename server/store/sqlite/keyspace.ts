// What a write does: reads, decides, writes rows and log entries, and keeps the leases in memory in step.
//
// All of it runs inside the transaction of group-commit.ts. Rows go back by ROLLBACK, what is in memory by the undo list.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import {
  type Change, type Committed, type Grant, type Granted, type InstanceRecord, type LostLease, type ObjectRecord, type ObjectWrite, type RecordChange,
  type Revised, type Revision, subjectOf, grantRefused, ownerOf
} from '../store.ts'
import { ChangeLog } from './change-log.ts'
import { objectChecksum } from './checksum.ts'
import { LeaseSteps } from './lease-steps.ts'
import type { LeaseWheel } from './lease-wheel.ts'
import { Loading, serviceOf } from './loading.ts'
import type { LogLimits } from './log-length.ts'
import { instanceColumns, prepare, soundInstance, soundObject, type Statements } from './rows.ts'

/** The actor of expiries. */
const registryName = 'registry'

/** Records after which a long write looks at the length of the log. */
const trimmedAtOnce = 100

/** `Omit` of a union keeps the first member's fields only. */
type NewChange = RecordChange extends infer Each ? Each extends RecordChange ? Omit<Each, 'revision' | 'atMs'> : never : never

export interface KeyspaceOptions extends LogLimits {
  readonly now: () => number
  /** The revision to go on from. */
  readonly revision: number
  /** Told before a revision is given for the first time. */
  readonly reserve: (revision: number) => void
}

export class Keyspace {
  readonly wheel: LeaseWheel
  readonly log: ChangeLog
  readonly loading: Loading
  readonly #options: KeyspaceOptions
  readonly #now: () => number
  readonly #statements: Statements
  #revision: number
  #changes: Change[] = []
  /** Takes back, the last first, what this transaction did in memory. */
  readonly #undo: (() => void)[] = []
  readonly #leases: LeaseSteps
  #wrote = false
  #written = { changes: 0, bytes: 0 }

  constructor (db: DatabaseSync, wheel: LeaseWheel, options: KeyspaceOptions) {
    this.wheel = wheel
    this.#leases = new LeaseSteps(wheel, this.#undo)
    this.#options = options
    this.#now = options.now
    this.#statements = prepare(db)
    this.loading = new Loading(this.#statements, wheel, options.now)
    this.log = new ChangeLog(this.#statements, options, this.#undo)
    this.#revision = options.revision
  }

  get revision (): number {
    return this.#revision
  }

  /** Whether this transaction has written anything: one that has not proves nothing about the disk. */
  get wrote (): boolean {
    return this.#wrote
  }

  /** What this transaction has added to the log, and the last one had. */
  get written (): { readonly changes: number, readonly bytes: number } {
    return this.#written
  }

  begin (): void {
    this.#wrote = false
    this.#written = { changes: 0, bytes: 0 }
    this.#statements.begin.run()
  }

  /** @returns the changes that are on disk now */
  commit (): readonly Change[] {
    if (this.#changes.length > 0) this.log.trim(this.#changes.length)
    this.#statements.commit.run()
    const changes = this.#changes
    this.#changes = []
    this.#undo.length = 0
    return changes
  }

  /** Takes back everything since `begin`, in the file and in memory. */
  rollback (db: DatabaseSync): void {
    for (const undo of this.#undo.reverse()) undo()
    this.#revision -= this.#changes.length
    this.#changes = []
    this.#undo.length = 0
    // Some failures have rolled back already.
    if (!db.isTransaction) return
    try {
      this.#statements.rollback.run()
    } catch {
      // The transaction is over all the same (https://www.sqlite.org/lang_transaction.html); what failed first is reported.
    }
  }

  grant (grant: Grant): Granted {
    const nowMs = this.#now()
    const { key, lease } = grant
    // Who knows of none is mostly right: the row is written without being looked for, unless there is one.
    if (grant.isNew === true && this.wheel.find(lease) === undefined) {
      const record = this.#newRecord(grant, grant.generation ?? grant.newGeneration, nowMs)
      if (this.#insertInstance(record)) return this.#begin(record, undefined, grant.by, nowMs)
    }
    const row = this.#statements.instanceByKey.get(key)
    const known = row === undefined ? undefined : soundInstance(row)
    if (known !== undefined) refuseOthers(known.body, grant)
    const generation = grant.generation ?? known?.generation ?? grant.newGeneration
    if (known?.generation === generation) return this.#renewGrant(known, grant, nowMs)
    if (this.wheel.find(lease) !== undefined) {
      throw new RegistryError('REG_CONFLICT', `lease ${lease} is taken by another instance: try again with another one`)
    }
    const record = this.#newRecord(grant, generation, nowMs)
    this.#putInstance(record)
    if (row !== undefined) this.#leases.drop(String(row.lease))
    return this.#begin(record, known, grant.by, nowMs)
  }

  #newRecord ({ key, lease, ttlMs, body }: Grant, generation: string, nowMs: number): InstanceRecord {
    const revision = this.#revision + 1
    return {
      key, lease, generation, ttlMs, createdRevision: revision, revision, shownRevision: revision, createdAtMs: nowMs, updatedAtMs: nowMs, suspect: false, body
    }
  }

  /** A life begins; its row is written. */
  #begin (record: InstanceRecord, before: InstanceRecord | undefined, by: string, nowMs: number): Granted {
    const { key, lease, generation, ttlMs, revision } = record
    this.#leases.add(lease, serviceOf(key), ttlMs, nowMs + ttlMs)
    this.#log({ type: 'put', reason: before === undefined ? 'registered' : 'replaced', by, record }, nowMs)
    return { outcome: before === undefined ? 'created' : 'replaced', lease, generation, revision }
  }

  #renewGrant (known: InstanceRecord, grant: Grant, nowMs: number): Granted {
    const { lease, generation } = known
    const slot = this.wheel.find(lease)
    if (slot !== undefined) this.#leases.setDeadline(slot, nowMs + grant.ttlMs)
    if (known.body === grant.body && known.ttlMs === grant.ttlMs) {
      const revision = known.suspect ? this.#trust(lease, grant.by, nowMs) : known.revision
      return { outcome: 'unchanged', lease, generation, revision }
    }
    const revision = this.#revision + 1
    const record: InstanceRecord = { ...known, ttlMs: grant.ttlMs, revision, shownRevision: revision, updatedAtMs: nowMs, suspect: false, body: grant.body }
    this.#putInstance(record)
    if (slot !== undefined) {
      this.#leases.setSuspect(slot, false)
      this.#leases.setTtl(slot, grant.ttlMs)
    }
    this.#log({ type: 'put', reason: 'updated', by: grant.by, record }, nowMs)
    return { outcome: 'updated', lease, generation, revision }
  }

  revise (wanted: Revision): Revised {
    const known = this.#instanceBy(this.#statements.instanceByLease, wanted.lease)
    if (known === undefined) return { outcome: 'unknown' }
    if (known.revision !== wanted.expected) return { outcome: 'conflict' }
    if (known.body === wanted.body) return { outcome: 'updated', revision: known.revision }
    const nowMs = this.#now()
    const revision = this.#revision + 1
    const record: InstanceRecord = { ...known, revision, shownRevision: revision, updatedAtMs: nowMs, body: wanted.body }
    this.#putInstance(record)
    this.#log({ type: 'put', reason: wanted.reason, by: wanted.by, record }, nowMs)
    return { outcome: 'updated', revision }
  }

  revoke (leases: readonly string[], by: string): number[] {
    return leases.map((lease) => this.#remove(lease, 'deregistered', by, this.#now()))
  }

  /** Suspects that were renewed. */
  trust (leases: readonly string[]): void {
    for (const lease of leases) this.#trust(lease, registryName, this.#now())
  }

  lose (leases: readonly LostLease[], graceMs: number): number {
    const nowMs = this.#now()
    let turned = 0
    for (const { lease, deadlineMs } of leases) {
      const slot = this.wheel.find(lease)
      // Another deadline: renewed since, perhaps through another node. Its owner lives.
      if (slot === undefined || this.wheel.isSuspect(slot) || this.wheel.deadlineOf(slot) !== deadlineMs) continue
      this.suspect(slot, nowMs + graceMs, nowMs)
      turned += 1
    }
    return turned
  }

  /** Turns a lease suspect and sets when it is due again. */
  suspect (slot: number, deadlineMs: number, nowMs: number): void {
    const lease = this.wheel.nameOf(slot)
    const row = this.#statements.setSuspect.get(1, this.#revision + 1, lease)
    this.#leases.setSuspect(slot, true)
    this.#leases.setDeadline(slot, deadlineMs)
    this.#log({ type: 'suspect', reason: 'suspect', by: registryName, key: String(row?.key), lease }, nowMs)
  }

  /** Removes a lease whose time is over. */
  expire (slot: number, nowMs: number): void {
    this.#remove(this.wheel.nameOf(slot), 'expired', registryName, nowMs)
  }

  /** Removes objects whose end has come, at most `limit`. Gives how many. */
  endObjects (nowMs: number, limit: number): number {
    const due = this.#statements.dueObjects.all(nowMs, limit)
    for (const row of due) this.#deleteObject(String(row.key), 'override-ended', registryName, nowMs)
    return due.length
  }

  commitObjects (writes: readonly ObjectWrite[], by: string): Committed {
    const steps = this.committing(writes, by)
    for (;;) {
      const { done, value } = steps.next()
      if (done === true) return value
    }
  }

  /** The same in steps, one for each record that is looked at or written. */
  * committing (writes: readonly ObjectWrite[], by: string): Generator<undefined, Committed> {
    const nowMs = this.#now()
    const failed: number[] = []
    for (const [index, write] of writes.entries()) {
      if (write.expected !== undefined && write.expected !== (this.#object(write.key)?.revision ?? 0)) failed.push(index)
      yield
    }
    if (failed.length > 0) return { outcome: 'conflict', failed }
    const revisions: number[] = []
    for (const write of writes) {
      revisions.push(this.#writeObject(write, by, nowMs))
      if (revisions.length % trimmedAtOnce === 0) this.log.trim(trimmedAtOnce) // rather than of all of them at the end
      yield
    }
    return { outcome: 'committed', revisions }
  }

  /** Proves that the file can be written again. */
  probe (): void {
    this.#statements.probe.run(String(this.#now()))
    this.#wrote = true
  }

  /** This transaction has written what has no revision, of so many octets. */
  wroteBeside (bytes: number): void {
    this.#written.bytes += bytes
    this.#wrote = true
  }

  #writeObject (write: ObjectWrite, by: string, nowMs: number): number {
    const row = this.#statements.objectByKey.get(write.key)
    const known = row === undefined ? undefined : soundObject(row)
    // A damaged one that is deleted goes, too.
    if (write.type === 'delete') return row === undefined ? 0 : this.#deleteObject(write.key, write.reason, by, nowMs)
    const { key, body, endsAtMs, reason } = write
    if (known?.body === body && known.endsAtMs === endsAtMs) return 0
    const revision = this.#revision + 1
    const object: ObjectRecord = {
      key, createdRevision: known?.createdRevision ?? revision, revision, createdAtMs: known?.createdAtMs ?? nowMs, updatedAtMs: nowMs, endsAtMs, body
    }
    this.#statements.putObject.run(key, object.createdRevision, revision, object.createdAtMs, nowMs, endsAtMs, body, objectChecksum(object))
    this.#touchSubject(key)
    return this.#log({ type: 'put-object', reason, by, object }, nowMs)
  }

  #deleteObject (key: string, reason: Reason, by: string, nowMs: number): number {
    const row = this.#statements.deleteObject.get(key)
    const last = row === undefined ? undefined : soundObject(row)
    this.#touchSubject(key)
    return this.#log({ type: 'delete-object', reason, by, key, ...(last === undefined ? {} : { last }) }, nowMs)
  }

  /** The instance that an object says something about is another one from the next revision on. */
  #touchSubject (objectKey: string): void {
    const key = subjectOf(objectKey)
    if (key !== undefined) this.#statements.touchInstance.run(this.#revision + 1, key)
  }

  #remove (lease: string, reason: Reason, by: string, nowMs: number): number {
    const row = this.#statements.deleteInstance.get(lease)
    this.#leases.drop(lease) // also without a row, or it would be due for ever
    if (row === undefined) return 0
    const last = soundInstance(row)
    return this.#log({ type: 'delete', reason, by, key: String(row.key), lease, ...(last === undefined ? {} : { last }) }, nowMs)
  }

  #trust (lease: string, by: string, nowMs: number): number {
    const slot = this.wheel.find(lease)
    if (slot === undefined || !this.wheel.isSuspect(slot)) return 0
    const row = this.#statements.setSuspect.get(0, this.#revision + 1, lease)
    this.#leases.setSuspect(slot, false)
    return this.#log({ type: 'trusted', reason: 'renewed', by, key: String(row?.key), lease }, nowMs)
  }

  #instanceBy (statement: StatementSync, value: string): InstanceRecord | undefined {
    const row = statement.get(value)
    return row === undefined ? undefined : soundInstance(row)
  }

  #object (key: string): ObjectRecord | undefined {
    const row = this.#statements.objectByKey.get(key)
    return row === undefined ? undefined : soundObject(row)
  }

  #putInstance (record: InstanceRecord): void {
    this.#statements.putInstance.run(...instanceColumns(record))
  }

  /** False if there is one under this key. */
  #insertInstance (record: InstanceRecord): boolean {
    return this.#statements.insertInstance.run(...instanceColumns(record)).changes === 1
  }

  #log (change: NewChange, atMs: number): number {
    const revision = this.#revision + 1
    this.#options.reserve(revision)
    const logged: RecordChange = { ...change, revision, atMs }
    const bytes = this.log.append(logged)
    this.#written.changes += 1
    this.#written.bytes += 2 * bytes // here, and in the row itself
    this.#revision = revision
    this.#wrote = true
    this.#changes.push(logged)
    return revision
  }
}

/** @throws RegistryError REG_FORBIDDEN */
function refuseOthers (body: string, { key, owner }: Grant): void {
  const has = owner === undefined ? undefined : ownerOf(body)
  if (has !== undefined && has !== owner) throw grantRefused(key, has)
}
