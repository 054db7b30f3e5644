// What a write does: reads, decides, writes rows and log entries, and keeps the leases in memory in step.
//
// All of it runs inside the transaction of group-commit.ts. Rows go back by ROLLBACK, what is in memory by the undo list.
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { maxTtlMs } from '../../model/limits.ts'
import type {
  Change, Committed, Grant, Granted, InstanceRecord, LostLease, ObjectRecord, ObjectWrite, Revised, Revision, Snapshot
} from '../store.ts'
import type { LeaseWheel } from './lease-wheel.ts'
import { bodyOf, changeOf, headerOf } from './log-entry.ts'

/** Who removes what nobody renews. */
const registryName = 'registry'
/** Old log entries go in steps: too many at once would hold up the writes beside them. */
const trimStep = 1_000
/** And not one by one. */
const minTrim = 100

/** A number that JavaScript cannot hold would make the whole statement fail; as the largest that it holds it makes its record fail. */
const whole = (column: string): string => `max(min(${column}, ${Number.MAX_SAFE_INTEGER}), ${Number.MIN_SAFE_INTEGER})`
const instanceColumns = `key, lease, generation, ${whole('ttl_ms')} AS ttlMs, ${whole('created_revision')} AS createdRevision, ${whole('revision')} AS revision,
  ${whole('created_at_ms')} AS createdAtMs, ${whole('updated_at_ms')} AS updatedAtMs, ${whole('suspect')} AS suspect, body`
const objectColumns = `key, ${whole('created_revision')} AS createdRevision, ${whole('revision')} AS revision, ${whole('created_at_ms')} AS createdAtMs,
  ${whole('updated_at_ms')} AS updatedAtMs, ${whole('ends_at_ms')} AS endsAtMs, body`

/** `Omit` of a union keeps the first member's fields only. */
type NewChange = Change extends infer Each ? Each extends Change ? Omit<Each, 'revision' | 'atMs'> : never : never

export class Keyspace {
  readonly wheel: LeaseWheel
  readonly #now: () => number
  readonly #maxLogLength: number
  readonly #statements: Statements
  #revision: number
  #oldestRevision: number
  #changes: Change[] = []
  #undo: (() => void)[] = []
  #wrote = false

  constructor (db: DatabaseSync, wheel: LeaseWheel, options: { now: () => number, maxLogLength: number }) {
    this.wheel = wheel
    this.#now = options.now
    this.#maxLogLength = options.maxLogLength
    this.#statements = prepare(db)
    const bounds = db.prepare('SELECT coalesce(min(revision), 1) AS oldest, coalesce(max(revision), 0) AS newest FROM log').get()
    this.#oldestRevision = Number(bounds?.oldest)
    this.#revision = Number(bounds?.newest)
  }

  get revision (): number {
    return this.#revision
  }

  /** Puts the leases of the file into the wheel, each with its full TTL. Gives the largest TTL. */
  restoreLeases (): number {
    const nowMs = this.#now()
    let largestTtlMs = 0
    for (const row of this.#statements.leases.iterate()) {
      const ttlMs = Math.min(Math.max(Number(row.ttlMs), 0), maxTtlMs) // a record that cannot be read has a lease too
      this.wheel.add(String(row.lease), serviceOf(String(row.key)), nowMs + ttlMs, row.suspect === 1)
      if (ttlMs > largestTtlMs) largestTtlMs = ttlMs
    }
    return largestTtlMs
  }

  * instances (): Generator<InstanceRecord> {
    for (const row of this.#statements.instances.iterate()) yield instanceOf(row)
  }

  * objects (): Generator<ObjectRecord> {
    for (const row of this.#statements.objects.iterate()) yield objectOf(row)
  }

  /** The newest entries of the log, at most `count`, oldest first: those behind the last one that cannot be read. */
  recent (count: number): { readonly changes: readonly Change[], readonly unreadable: Snapshot['unreadable'] } {
    const changes: Change[] = []
    const unreadable: { readonly key: string, readonly reason: string }[] = []
    for (const row of this.#statements.recent.iterate(this.#revision - count)) {
      const revision = Number(row.revision)
      try {
        changes.push(changeOf({ revision, header: String(row.header), body: row.body === null ? null : String(row.body) }))
      } catch (error) {
        changes.length = 0
        unreadable.push({ key: `log/${revision}`, reason: `${error instanceof Error ? error.message : String(error)}: the history begins after it` })
      }
    }
    return { changes, unreadable }
  }

  /** Whether this transaction has written anything: one that has not proves nothing about the disk. */
  get wrote (): boolean {
    return this.#wrote
  }

  begin (): void {
    this.#wrote = false
    this.#statements.begin.run()
  }

  /** @returns the changes that are on disk now */
  commit (): readonly Change[] {
    if (this.#changes.length > 0) this.#trim()
    this.#statements.commit.run()
    const changes = this.#changes
    this.#changes = []
    this.#undo = []
    return changes
  }

  /** Takes back everything since `begin`, in the file and in memory. */
  rollback (db: DatabaseSync): void {
    for (const undo of this.#undo.reverse()) undo()
    this.#revision -= this.#changes.length
    this.#changes = []
    this.#undo = []
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
    const { key, ttlMs, body, by } = grant
    const known = this.#instanceBy(this.#statements.instanceByKey, key)
    const generation = grant.generation ?? known?.generation ?? grant.newGeneration
    if (known?.generation === generation) return this.#renewGrant(known, grant, nowMs)
    if (this.wheel.find(grant.lease) !== undefined) {
      throw new RegistryError('REG_CONFLICT', `lease ${grant.lease} is taken by another instance: try again with another one`)
    }
    const revision = this.#revision + 1
    const record: InstanceRecord = {
      key, lease: grant.lease, generation, ttlMs, createdRevision: revision, revision, createdAtMs: nowMs, updatedAtMs: nowMs, suspect: false, body
    }
    this.#putInstance(record)
    if (known !== undefined) this.#dropLease(known.lease)
    this.wheel.add(record.lease, serviceOf(key), nowMs + ttlMs)
    this.#undo.push(() => this.#forget(record.lease))
    this.#log({ type: 'put', reason: known === undefined ? 'registered' : 'replaced', by, record }, nowMs)
    return { outcome: known === undefined ? 'created' : 'replaced', lease: record.lease, generation, revision }
  }

  #renewGrant (known: InstanceRecord, grant: Grant, nowMs: number): Granted {
    const { lease, generation } = known
    const slot = this.wheel.find(lease)
    if (slot !== undefined) this.#setDeadline(slot, nowMs + grant.ttlMs)
    if (known.body === grant.body && known.ttlMs === grant.ttlMs) {
      const revision = known.suspect ? this.#trust(lease, grant.by, nowMs) : known.revision
      return { outcome: 'unchanged', lease, generation, revision }
    }
    const revision = this.#revision + 1
    const record: InstanceRecord = { ...known, ttlMs: grant.ttlMs, revision, updatedAtMs: nowMs, suspect: false, body: grant.body }
    this.#putInstance(record)
    if (slot !== undefined) this.#setSuspect(slot, false)
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
    const record: InstanceRecord = { ...known, revision, updatedAtMs: nowMs, body: wanted.body }
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
    const row = this.#statements.setSuspect.get(1, lease)
    this.#setSuspect(slot, true)
    this.#setDeadline(slot, deadlineMs)
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
    const nowMs = this.#now()
    const failed = writes.flatMap((write, index) =>
      write.expected === undefined || write.expected === (this.#object(write.key)?.revision ?? 0) ? [] : [index])
    if (failed.length > 0) return { outcome: 'conflict', failed }
    return { outcome: 'committed', revisions: writes.map((write) => this.#writeObject(write, by, nowMs)) }
  }

  /** Proves that the file can be written again. */
  probe (): void {
    this.#statements.probe.run(String(this.#now()))
    this.#wrote = true
  }

  #writeObject (write: ObjectWrite, by: string, nowMs: number): number {
    const known = this.#object(write.key)
    if (write.type === 'delete') return known === undefined ? 0 : this.#deleteObject(write.key, write.reason, by, nowMs)
    const { key, body, endsAtMs, reason } = write
    if (known?.body === body && known.endsAtMs === endsAtMs) return 0
    const revision = this.#revision + 1
    const object: ObjectRecord = {
      key, createdRevision: known?.createdRevision ?? revision, revision, createdAtMs: known?.createdAtMs ?? nowMs, updatedAtMs: nowMs, endsAtMs, body
    }
    this.#statements.putObject.run(key, object.createdRevision, revision, object.createdAtMs, nowMs, endsAtMs, body)
    return this.#log({ type: 'put-object', reason, by, object }, nowMs)
  }

  #deleteObject (key: string, reason: Reason, by: string, nowMs: number): number {
    this.#statements.deleteObject.run(key)
    return this.#log({ type: 'delete-object', reason, by, key }, nowMs)
  }

  #remove (lease: string, reason: Reason, by: string, nowMs: number): number {
    const row = this.#statements.deleteInstance.get(lease)
    if (row === undefined) return 0
    this.#dropLease(lease)
    return this.#log({ type: 'delete', reason, by, key: String(row.key), lease }, nowMs)
  }

  #trust (lease: string, by: string, nowMs: number): number {
    const slot = this.wheel.find(lease)
    if (slot === undefined || !this.wheel.isSuspect(slot)) return 0
    const row = this.#statements.setSuspect.get(0, lease)
    this.#setSuspect(slot, false)
    return this.#log({ type: 'trusted', reason: 'renewed', by, key: String(row?.key), lease }, nowMs)
  }

  #instanceBy (statement: StatementSync, value: string): InstanceRecord | undefined {
    const row = statement.get(value)
    return row === undefined ? undefined : instanceOf(row)
  }

  #object (key: string): ObjectRecord | undefined {
    const row = this.#statements.objectByKey.get(key)
    return row === undefined ? undefined : objectOf(row)
  }

  #putInstance (record: InstanceRecord): void {
    const { key, lease, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, suspect, body } = record
    this.#statements.putInstance.run(key, lease, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, suspect ? 1 : 0, body)
  }

  #log (change: NewChange, atMs: number): number {
    const revision = this.#revision + 1
    const logged: Change = { ...change, revision, atMs }
    this.#statements.log.run(revision, headerOf(logged), bodyOf(logged))
    this.#revision = revision
    this.#wrote = true
    this.#changes.push(logged)
    return revision
  }

  #trim (): void {
    const excess = this.#revision - this.#maxLogLength - this.#oldestRevision + 1
    if (excess < Math.min(minTrim, this.#maxLogLength)) return
    const oldest = this.#oldestRevision
    this.#undo.push(() => { this.#oldestRevision = oldest })
    // More than was added: a log that is too long gets shorter.
    this.#oldestRevision += Math.min(excess, trimStep + this.#changes.length)
    this.#statements.trim.run(this.#oldestRevision)
  }

  #setDeadline (slot: number, deadlineMs: number): void {
    const before = this.wheel.deadlineOf(slot)
    const lease = this.wheel.nameOf(slot)
    this.#undo.push(() => this.#withSlot(lease, (found) => this.wheel.setDeadline(found, before)))
    this.wheel.setDeadline(slot, deadlineMs)
  }

  #setSuspect (slot: number, suspect: boolean): void {
    if (this.wheel.isSuspect(slot) === suspect) return
    const lease = this.wheel.nameOf(slot)
    this.#undo.push(() => this.#withSlot(lease, (found) => this.wheel.setSuspect(found, !suspect)))
    this.wheel.setSuspect(slot, suspect)
  }

  #dropLease (lease: string): void {
    this.#withSlot(lease, (slot) => {
      const service = this.wheel.serviceOf(slot)
      const deadlineMs = this.wheel.deadlineOf(slot)
      const suspect = this.wheel.isSuspect(slot)
      this.#undo.push(() => { this.wheel.add(lease, service.name, deadlineMs, suspect) })
      this.wheel.remove(slot)
    })
  }

  #forget (lease: string): void {
    this.#withSlot(lease, (slot) => this.wheel.remove(slot))
  }

  #withSlot (lease: string, act: (slot: number) => void): void {
    const slot = this.wheel.find(lease)
    if (slot !== undefined) act(slot)
  }
}

type Row = Record<string, unknown>

// The columns are selected under the names of the fields, and the tables are STRICT: the types hold.
function instanceOf (row: Row): InstanceRecord {
  return {
    key: row.key as string,
    lease: row.lease as string,
    generation: row.generation as string,
    ttlMs: row.ttlMs as number,
    createdRevision: row.createdRevision as number,
    revision: row.revision as number,
    createdAtMs: row.createdAtMs as number,
    updatedAtMs: row.updatedAtMs as number,
    suspect: row.suspect === 1,
    body: row.body as string
  }
}

function objectOf (row: Row): ObjectRecord {
  return {
    key: row.key as string,
    createdRevision: row.createdRevision as number,
    revision: row.revision as number,
    createdAtMs: row.createdAtMs as number,
    updatedAtMs: row.updatedAtMs as number,
    endsAtMs: row.endsAtMs as number,
    body: row.body as string
  }
}

/** `namespace/service` of `namespace/service/id`. */
function serviceOf (key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}

type Statements = ReturnType<typeof prepare>

function prepare (db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    instances: db.prepare(`SELECT ${instanceColumns} FROM instances`),
    objects: db.prepare(`SELECT ${objectColumns} FROM objects`),
    leases: db.prepare(`SELECT lease, key, ${whole('ttl_ms')} AS ttlMs, ${whole('suspect')} AS suspect FROM instances`),
    recent: db.prepare('SELECT revision, header, body FROM log WHERE revision > ? ORDER BY revision'),
    instanceByKey: db.prepare(`SELECT ${instanceColumns} FROM instances WHERE key = ?`),
    instanceByLease: db.prepare(`SELECT ${instanceColumns} FROM instances WHERE lease = ?`),
    putInstance: db.prepare(`INSERT INTO instances (key, lease, generation, ttl_ms, created_revision, revision, created_at_ms, updated_at_ms, suspect, body)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET lease = excluded.lease, generation = excluded.generation,
      ttl_ms = excluded.ttl_ms, created_revision = excluded.created_revision, revision = excluded.revision, created_at_ms = excluded.created_at_ms,
      updated_at_ms = excluded.updated_at_ms, suspect = excluded.suspect, body = excluded.body`),
    setSuspect: db.prepare('UPDATE instances SET suspect = ? WHERE lease = ? RETURNING key'),
    deleteInstance: db.prepare('DELETE FROM instances WHERE lease = ? RETURNING key'),
    objectByKey: db.prepare(`SELECT ${objectColumns} FROM objects WHERE key = ?`),
    putObject: db.prepare(`INSERT INTO objects (key, created_revision, revision, created_at_ms, updated_at_ms, ends_at_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, updated_at_ms = excluded.updated_at_ms, ends_at_ms = excluded.ends_at_ms,
      body = excluded.body`),
    deleteObject: db.prepare('DELETE FROM objects WHERE key = ?'),
    dueObjects: db.prepare('SELECT key FROM objects WHERE ends_at_ms > 0 AND ends_at_ms <= ? ORDER BY ends_at_ms LIMIT ?'),
    log: db.prepare('INSERT INTO log (revision, header, body) VALUES (?, ?, ?)'),
    trim: db.prepare('DELETE FROM log WHERE revision < ?'),
    probe: db.prepare("INSERT INTO meta (name, value) VALUES ('probed_at_ms', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
  }
}
