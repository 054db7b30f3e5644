// The file: opened by one process, checked, and refused with a sentence when it is not ours to use.
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RegistryError } from '../../errors.ts'
import { notesTable } from './beside.ts'
import { prepareDirectory } from './directory.ts'
import { checkFile } from './file-check.ts'
import { keepDamagedLog } from './log-damage.ts'

/** Grows when the tables change their meaning. A file of a newer schema is refused, an older one is brought forward here. */
const schemaVersion = 2
const fileName = 'rollcall.db'
/** Where fold.ts has not done it long before, SQLite folds the log into the file by itself, and syncs it in the loop. */
const checkpointPages = 32_768
/** The part of the file that SQLite keeps in memory, in KiB: the indexes of 100,000 instances. */
const cacheKib = 16_384
/** A registration writes one page of each index it lands in: half of SQLite's usual page is a sixth off its cost, and a row still fits. */
const pageBytes = 2_048

const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE instances (
  key TEXT NOT NULL UNIQUE,
  lease TEXT NOT NULL UNIQUE,
  generation TEXT NOT NULL,
  ttl_ms INTEGER NOT NULL,
  created_revision INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  suspect INTEGER NOT NULL,
  body TEXT NOT NULL,
  shown_revision INTEGER NOT NULL DEFAULT 0,
  sum INTEGER
) STRICT;
CREATE TABLE objects (
  key TEXT PRIMARY KEY,
  created_revision INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  ends_at_ms INTEGER NOT NULL,
  body TEXT NOT NULL,
  sum INTEGER
) STRICT;
CREATE INDEX objects_by_end ON objects (ends_at_ms) WHERE ends_at_ms > 0;
CREATE TABLE log (revision INTEGER PRIMARY KEY, header TEXT NOT NULL, body TEXT, sum INTEGER) STRICT;
`

/** From a schema to the next one. A row without a sum is of before there were any, and is believed. */
const migrations: Readonly<Record<string, string>> = {
  1: `
ALTER TABLE instances ADD COLUMN shown_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN sum INTEGER;
ALTER TABLE objects ADD COLUMN sum INTEGER;
ALTER TABLE log ADD COLUMN sum INTEGER;
UPDATE meta SET value = '2' WHERE name = 'schema';
`
}

/** `:memory:` instead of a directory keeps nothing; it is for tests. */
export function fileIn (directory: string): string {
  return directory === ':memory:' ? directory : resolve(directory, fileName)
}

export interface OpenOptions {
  /** The file's size limit in pages of 2 KiB; undefined = the disk's. */
  readonly maxPages?: number | undefined
  /** Opens a file that was not closed cleanly and whose -wal is missing: what was in that log is lost then. */
  readonly acceptMissingLog?: boolean | undefined
  /** Names what is kept of a damaged log. */
  readonly nowMs?: number
}

export interface OpenedDatabase {
  readonly db: DatabaseSync
  readonly epoch: string
  /** What was lost of a damaged log, as a sentence. */
  readonly damage: string | undefined
}

/**
 * Opens the file for this process alone and makes it a store if it is new. What takes long where the file is large is done in another thread, or
 * in slices.
 * @throws RegistryError REG_STORE_UNAVAILABLE or REG_STORE_FULL with a sentence that says what to do
 */
export async function openDatabase (directory: string, { maxPages, acceptMissingLog = false, nowMs = 0 }: OpenOptions = {}): Promise<OpenedDatabase> {
  const file = fileIn(directory)
  let db: DatabaseSync | undefined
  let damage: string | undefined
  try {
    if (directory !== ':memory:') {
      prepareDirectory(directory, file)
      await inspect(file, acceptMissingLog)
    }
    db = new DatabaseSync(file)
    // Before the first read: the lock is then taken once, kept until the process ends (however it ends), and the log's index
    // needs no shared memory. Nothing else in this process may open the file: closing it would drop the lock (POSIX fcntl).
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    const isNew = hasNoTables(db)
    damage = directory === ':memory:' ? undefined : await keepDamagedLog(`${file}-wal`, nowMs) // nobody else writes it now, and nothing has been written
    // NORMAL leaves the log's sync to us (write-ahead-log.ts): FULL would hold the event loop for it at each commit. The file itself is
    // synced by SQLite when the log is folded into it.
    db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA cache_size = -${cacheKib}`)
    if (isNew) create(db)
    else migrate(db)
    db.exec(notesTable)
    if (maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${maxPages}`)
    // Left by the inspection; unused while the lock is held.
    if (directory !== ':memory:') rmSync(`${file}-shm`, { force: true })
    return { db, epoch: epochOf(db), damage }
  } catch (error) {
    db?.close()
    throw storeError(error, file)
  }
}

/**
 * Refuses a file that is damaged or not ours. Read-only: an ordinary connection folds the log into the file when it closes,
 * and what is refused must be left as it is.
 */
async function inspect (file: string, acceptMissingLog: boolean): Promise<void> {
  // An empty file is what a process leaves that died before its first write.
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  const hasLog = existsSync(`${file}-wal`) // before it is opened: that may make one
  const { db, isLocked } = openForInspection(file)
  try {
    if (hasNoTables(db)) return
    const verdict = await checkFile(db, file, isLocked)
    if (verdict !== 'ok') throw damaged(file, new Error(verdict))
    checkKind(db, file)
    const closed = db.prepare("SELECT value FROM meta WHERE name = 'closed'").get()?.value
    if (closed === '0' && !hasLog && !acceptMissingLog) throw missingLog(file)
  } finally {
    db.close()
    // Looking at the file has made an empty log, which would say the next time that there is one.
    if (!hasLog) for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
  }
}

/**
 * Read-only, a file with a log needs an index in shared memory beside it, which a full disk has no room for. Locked, it needs none: then
 * the file is looked at as it will be opened.
 */
function openForInspection (file: string): { readonly db: DatabaseSync, readonly isLocked: boolean } {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    hasNoTables(db)
    return { db, isLocked: false }
  } catch (error) {
    db.close()
    const code = resultCode(error)
    if (code !== full && code !== cannotOpen && code !== ioError) throw error
    rmSync(`${file}-shm`, { force: true }) // what of it could be made
    const locked = new DatabaseSync(file)
    locked.exec('PRAGMA locking_mode = EXCLUSIVE')
    return { db: locked, isLocked: true }
  }
}

function hasNoTables (db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
}

function create (db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  db.exec(schema)
  const insert = db.prepare('INSERT INTO meta (name, value) VALUES (?, ?)')
  insert.run('schema', String(schemaVersion))
  // Hexadecimal: a cursor is `epoch.revision`, so an epoch has no dot.
  insert.run('epoch', randomBytes(6).toString('hex'))
  db.exec('COMMIT')
}

function checkKind (db: DatabaseSync, file: string): void {
  const tables = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'").all()
  const found = tables.length === 0 ? undefined : db.prepare("SELECT value FROM meta WHERE name = 'schema'").get()?.value
  if (typeof found !== 'string') {
    throw new RegistryError('REG_STORE_UNAVAILABLE', `${file} is a database of another program; it was left as it is. Choose another data directory.`)
  }
  if (Number(found) !== schemaVersion && migrations[found] === undefined) {
    throw new RegistryError('REG_STORE_UNAVAILABLE', `${file} has schema version ${found}, this server knows version ${schemaVersion}: it was written by a newer `
      + 'server and was left as it is. Start that version, or choose another data directory.')
  }
}

/** Brings an older file forward, whole or not at all. */
function migrate (db: DatabaseSync): void {
  for (;;) {
    const found = String(db.prepare("SELECT value FROM meta WHERE name = 'schema'").get()?.value)
    const step = migrations[found]
    if (step === undefined) return
    db.exec(`BEGIN IMMEDIATE; ${step} COMMIT`)
  }
}

function missingLog (file: string): RegistryError {
  return new RegistryError('REG_STORE_UNAVAILABLE', `${file} was not closed cleanly and its log ${file}-wal is missing: what was written last is not in it. `
    + 'Put the -wal file back beside it, or restore a backup. To open it as it is, and lose what was in the log, start once with --accept-missing-log.')
}

function epochOf (db: DatabaseSync): string {
  const epoch = db.prepare("SELECT value FROM meta WHERE name = 'epoch'").get()?.value
  if (typeof epoch !== 'string') throw new Error('the epoch is missing')
  return epoch
}

export function damaged (file: string, cause: unknown): RegistryError {
  // SQLite's findings are spread over lines.
  const detail = (cause instanceof Error ? cause.message : String(cause)).replace(/\*\*\*[^*]*\*\*\*/g, '').replace(/\s+/g, ' ').trim()
  return new RegistryError('REG_STORE_UNAVAILABLE', `${file} is damaged (${detail}); it was left as it is. Restore it from a backup, or `
    + 'export what can be read with `rollcall backup --salvage DIR FILE` and `rollcall restore` that. Or move it and its -wal file away to begin '
    + 'with an empty registry: running instances register again by themselves.', undefined, { cause })
}

// Primary result codes, https://www.sqlite.org/rescode.html
const busy = 5
const readOnly = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const notADatabase = 26

/** What went wrong, in the registry's words. Errors of ours pass through. */
export function storeError (error: unknown, file: string): RegistryError {
  if (error instanceof RegistryError) return error
  const detail = error instanceof Error ? error.message : String(error)
  const because = (code: 'REG_STORE_UNAVAILABLE' | 'REG_STORE_FULL', message: string): RegistryError =>
    new RegistryError(code, message, undefined, { cause: error, retryAfterSeconds: 1 })
  switch (resultCode(error)) {
    case busy: return because('REG_STORE_UNAVAILABLE', `${file} is in use by another server. Stop it, or give this one another data directory.`)
    case corrupt:
    case notADatabase: return damaged(file, error)
    case full: return because('REG_STORE_FULL', `${file} cannot grow: the disk is full. Make room; writing resumes by itself.`)
    case readOnly: return because('REG_STORE_UNAVAILABLE', `${file} cannot be written: it, its directory or its disk is read-only.`)
    case cannotOpen: return because('REG_STORE_UNAVAILABLE', `${file} cannot be opened (${detail}). Check the path and its permissions.`)
    default: return because('REG_STORE_UNAVAILABLE', `${file} failed: ${detail}`)
  }
}

// Faults of the one statement or its values; the file is well.
const faultsOfTheWrite: ReadonlySet<number | undefined> = new Set([undefined, 1, 18, 19, 20, 21, 25]) // error, too big, constraint, mismatch, misuse, range

/** What went wrong with a write: a mistake in the write itself, or a file that fails. */
export function writeError (error: unknown, file: string): RegistryError {
  if (error instanceof RegistryError || !faultsOfTheWrite.has(resultCode(error))) return storeError(error, file)
  return new RegistryError('REG_INTERNAL', `a write to ${file} failed: ${error instanceof Error ? error.message : String(error)}`, undefined, { cause: error })
}

const systemCodes: Readonly<Record<string, number>> = {
  ENOSPC: full, EDQUOT: full, EROFS: readOnly, EACCES: readOnly, EPERM: readOnly, EIO: ioError, EMFILE: cannotOpen
}

function resultCode (error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff
  // The files beside the database are written without SQLite.
  return 'code' in error && typeof error.code === 'string' ? systemCodes[error.code] : undefined
}
