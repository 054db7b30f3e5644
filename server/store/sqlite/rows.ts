// The rows of the file and the types of the contract, and the statements between them.
import type { DatabaseSync } from 'node:sqlite'
import type { InstanceRecord, ObjectRecord, RecordChange } from '../store.ts'
import { checksum, instanceChecksum, objectChecksum } from './checksum.ts'
import { changeOf } from './log-entry.ts'

export type Row = Record<string, unknown>

/** A number that JavaScript cannot hold would make the whole statement fail; as the largest that it holds it makes its record fail. */
const whole = (column: string): string => `max(min(${column}, ${Number.MAX_SAFE_INTEGER}), ${Number.MIN_SAFE_INTEGER})`

export const instanceRow = `key, lease, generation, ${whole('ttl_ms')} AS ttlMs, ${whole('created_revision')} AS createdRevision,
  ${whole('revision')} AS revision, ${whole('shown_revision')} AS shownRevision, ${whole('created_at_ms')} AS createdAtMs,
  ${whole('updated_at_ms')} AS updatedAtMs, ${whole('suspect')} AS suspect, body, sum`
export const objectRow = `key, ${whole('created_revision')} AS createdRevision, ${whole('revision')} AS revision, ${whole('created_at_ms')} AS createdAtMs,
  ${whole('updated_at_ms')} AS updatedAtMs, ${whole('ends_at_ms')} AS endsAtMs, body, sum`

// The columns are selected under the names of the fields, and the tables are STRICT: the types hold.
export function instanceOf (row: Row): InstanceRecord {
  const revision = row.revision as number
  return {
    key: row.key as string,
    lease: row.lease as string,
    generation: row.generation as string,
    ttlMs: row.ttlMs as number,
    createdRevision: row.createdRevision as number,
    revision,
    shownRevision: Math.max(revision, row.shownRevision as number),
    createdAtMs: row.createdAtMs as number,
    updatedAtMs: row.updatedAtMs as number,
    suspect: row.suspect === 1,
    body: row.body as string
  }
}

/** The values of a row, in the order of `insertInstance`. */
export function instanceColumns (record: InstanceRecord): (string | number)[] {
  const { key, lease, generation, ttlMs, createdRevision, revision, shownRevision, createdAtMs, updatedAtMs, suspect, body } = record
  return [key, lease, generation, ttlMs, createdRevision, revision, shownRevision, createdAtMs, updatedAtMs, suspect ? 1 : 0, body, instanceChecksum(record)]
}

export function objectOf (row: Row): ObjectRecord {
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

const fault = 'its checksum does not fit: it is not what was written'

/** With a fault if something in the row is not what was written. */
export function readInstanceRow (row: Row): InstanceRecord {
  const record = instanceOf(row)
  return isSound(row.sum, instanceChecksum(record)) ? record : { ...record, fault }
}

/** The same of a row as an array, with the columns of `instanceRow` in their order: a third cheaper, where all of them are read. */
export function readInstanceArray (columns: readonly unknown[]): InstanceRecord {
  // The tables are STRICT: the types hold.
  const [key, lease, generation, ttlMs, createdRevision, revision, shownRevision, createdAtMs, updatedAtMs, suspect, body, sum] =
    columns as readonly [string, string, string, number, number, number, number, number, number, number, string, unknown]
  const record: InstanceRecord = {
    key, lease, generation, ttlMs, createdRevision, revision, shownRevision: Math.max(revision, shownRevision), createdAtMs, updatedAtMs,
    suspect: suspect === 1, body
  }
  return isSound(sum, instanceChecksum(record)) ? record : { ...record, fault }
}

/** As `readInstanceRow`. */
export function readObjectRow (row: Row): ObjectRecord {
  const object = objectOf(row)
  return isSound(row.sum, objectChecksum(object)) ? object : { ...object, fault }
}

/** undefined = something in the row is not what was written. */
export function soundInstance (row: Row): InstanceRecord | undefined {
  const record = readInstanceRow(row)
  return record.fault === undefined ? record : undefined
}

/** undefined = something in the row is not what was written. */
export function soundObject (row: Row): ObjectRecord | undefined {
  const object = readObjectRow(row)
  return object.fault === undefined ? object : undefined
}

/** A change, or why the row cannot be read. */
export function readChange (row: Row): RecordChange | { readonly reason: string } {
  const revision = Number(row.revision)
  const header = String(row.header)
  const body = typeof row.body === 'string' ? row.body : null
  if (!isSound(row.sum, checksum(revision, header, body ?? ''))) return { reason: fault }
  try {
    return changeOf({ revision, header, body })
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Rows of before there were sums have none. */
function isSound (stored: unknown, counted: number): boolean {
  return stored === null || stored === counted
}

const insertInstance = `INSERT INTO instances (key, lease, generation, ttl_ms, created_revision, revision, shown_revision, created_at_ms, updated_at_ms,
  suspect, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

export type Statements = ReturnType<typeof prepare>

export function prepare (db: DatabaseSync) {
  const instances = db.prepare(`SELECT ${instanceRow} FROM instances`)
  instances.setReturnArrays(true)
  return {
    begin: db.prepare('BEGIN'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    /** All, as arrays: `readInstanceArray`. */
    instances,
    objects: db.prepare(`SELECT ${objectRow} FROM objects`),
    recent: db.prepare('SELECT revision, header, body, sum FROM log ORDER BY revision DESC LIMIT ?'),
    logAfter: db.prepare('SELECT revision, header, body, sum FROM log WHERE revision > ? ORDER BY revision LIMIT ?'),
    logBefore: db.prepare('SELECT revision, header, body, sum FROM log WHERE revision < ? ORDER BY revision DESC LIMIT ?'),
    instanceByKey: db.prepare(`SELECT ${instanceRow} FROM instances WHERE key = ?`),
    instanceByLease: db.prepare(`SELECT ${instanceRow} FROM instances WHERE lease = ?`),
    insertInstance: db.prepare(`${insertInstance} ON CONFLICT (key) DO NOTHING`),
    putInstance: db.prepare(`${insertInstance} ON CONFLICT (key) DO UPDATE SET lease = excluded.lease,
      generation = excluded.generation, ttl_ms = excluded.ttl_ms, created_revision = excluded.created_revision, revision = excluded.revision,
      shown_revision = excluded.shown_revision, created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms,
      suspect = excluded.suspect, body = excluded.body, sum = excluded.sum`),
    setSuspect: db.prepare('UPDATE instances SET suspect = ?, shown_revision = ? WHERE lease = ? RETURNING key'),
    touchInstance: db.prepare('UPDATE instances SET shown_revision = ? WHERE key = ?'),
    deleteInstance: db.prepare(`DELETE FROM instances WHERE lease = ? RETURNING ${instanceRow}`),
    objectByKey: db.prepare(`SELECT ${objectRow} FROM objects WHERE key = ?`),
    putObject: db.prepare(`INSERT INTO objects (key, created_revision, revision, created_at_ms, updated_at_ms, ends_at_ms, body, sum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET created_revision = excluded.created_revision, revision = excluded.revision,
      created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms, ends_at_ms = excluded.ends_at_ms, body = excluded.body,
      sum = excluded.sum`),
    deleteObject: db.prepare(`DELETE FROM objects WHERE key = ? RETURNING ${objectRow}`),
    dueObjects: db.prepare('SELECT key FROM objects WHERE ends_at_ms > 0 AND ends_at_ms <= ? ORDER BY ends_at_ms LIMIT ?'),
    log: db.prepare('INSERT INTO log (revision, header, body, sum) VALUES (?, ?, ?, ?)'),
    // Octets stand in front of a row, characters would have to be read: megabytes of bodies, at each look.
    logSize: db.prepare('SELECT count(*) AS entries, coalesce(sum(octet_length(header) + octet_length(coalesce(body, \'\'))), 0) AS bytes FROM log'),
    oldest: db.prepare('SELECT revision, octet_length(header) + octet_length(coalesce(body, \'\')) AS bytes FROM log ORDER BY revision LIMIT ?'),
    trim: db.prepare('DELETE FROM log WHERE revision <= ?'),
    probe: db.prepare("INSERT INTO meta (name, value) VALUES ('probed_at_ms', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
  }
}
