// Puts a backup into a data directory: a file of SQLite whole, an export as the rows of a new file.
import { chmodSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RegistryError } from '../../errors.ts'
import type { Exported } from '../export.ts'
import { instanceChecksum, objectChecksum } from './checksum.ts'
import { fileIn, openDatabase, storeError } from './database.ts'
import { makeDirectory } from './directory.ts'
import { instanceRow, objectRow, prepare, soundInstance, soundObject } from './rows.ts'
import { syncDirectory } from './write-ahead-log.ts'

export interface RestoreOptions {
  /** Over a registry that is there; it is moved aside, not removed. */
  readonly force: boolean
  /** Names what is moved aside. */
  readonly nowMs: number
}

/**
 * @param source the path of a backup of SQLite, or what an export holds
 * @returns where the registry that was there is now; undefined = there was none
 * @throws RegistryError REG_CONFLICT if a registry is there, REG_STORE_UNAVAILABLE if one runs or the backup is no use
 */
export async function restoreIntoDirectory (source: string | Exported, directory: string, { force, nowMs }: RestoreOptions): Promise<string | undefined> {
  const file = fileIn(directory)
  makeDirectory(resolve(directory))
  refuseIfInUse(file)
  if (existsSync(file) && !force) {
    throw new RegistryError('REG_CONFLICT', `${file} is there already: restoring would replace the registry in it. With --force it is moved aside.`)
  }
  const aside = mkdtempSync(join(directory, 'rollcall-restore-'))
  try {
    const made = fileIn(aside)
    if (typeof source === 'string') await copyChecked(source, aside)
    else await fill(source, aside)
    const replaced = existsSync(file) ? `${file}.replaced-${nowMs}` : undefined
    // The mark of revisions stays: what was given by the registry that goes is not given again.
    if (replaced !== undefined) renameSync(file, replaced)
    if (existsSync(`${file}-wal`)) renameSync(`${file}-wal`, `${replaced ?? file}.left-wal`)
    renameSync(made, file)
    await syncDirectory(directory)
    return replaced
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** What a backup of SQLite holds, for a store of another kind. @throws RegistryError as `restoreIntoDirectory` */
export async function readDatabase (path: string, workDirectory: string): Promise<Exported> {
  await copyChecked(path, workDirectory)
  const db = new DatabaseSync(fileIn(workDirectory), { readOnly: true })
  try {
    const all = <Kept>(table: string, columns: string, sound: (row: Record<string, unknown>) => Kept | undefined): Kept[] =>
      db.prepare(`SELECT ${columns} FROM ${table}`).all().map(sound).filter((record) => record !== undefined)
    const meta = (name: string): string => String(db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.value ?? '')
    const revision = Math.max(Number(meta('first')), Number(db.prepare('SELECT coalesce(max(revision), 0) AS newest FROM log').get()?.newest))
    return { header: { from: 'sqlite', epoch: meta('epoch'), revision }, objects: all('objects', objectRow, soundObject), instances: all('instances', instanceRow, soundInstance) }
  } finally {
    db.close()
  }
}

function refuseIfInUse (file: string): void {
  if (!existsSync(file)) return
  const db = new DatabaseSync(file)
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK')
  } catch (error) {
    const fault = storeError(error, file)
    if (/in use by another server/.test(fault.message)) throw fault
    // A damaged file is what a backup is put over.
  } finally {
    db.close()
  }
}

/** Opened once as a server would: a damaged, unknown or incomplete file is refused before anything is moved. */
async function copyChecked (source: string, directory: string): Promise<void> {
  const made = fileIn(directory)
  copyFileSync(source, made)
  chmodSync(made, 0o600) // the backup may have other rights
  if (existsSync(`${source}-wal`)) copyFileSync(`${source}-wal`, `${made}-wal`)
  try {
    const { db } = await openDatabase(directory)
    db.close()
  } catch (error) {
    const message = error instanceof Error ? error.message.replaceAll(made, source) : String(error)
    throw new RegistryError('REG_STORE_UNAVAILABLE', `the backup cannot be used: ${message}`, undefined, { cause: error })
  }
}

/** A new file, of a new epoch: what is filled from an export continues no history. */
async function fill ({ header, objects, instances }: Exported, directory: string): Promise<void> {
  const { db } = await openDatabase(directory)
  try {
    const { putInstance, putObject } = prepare(db)
    db.exec('BEGIN')
    for (const each of objects) {
      putObject.run(each.key, each.createdRevision, each.revision, each.createdAtMs, each.updatedAtMs, each.endsAtMs, each.body, objectChecksum(each))
    }
    for (const each of instances) {
      putInstance.run(each.key, each.lease, each.generation, each.ttlMs, each.createdRevision, each.revision, each.shownRevision, each.createdAtMs,
        each.updatedAtMs, each.suspect ? 1 : 0, each.body, instanceChecksum(each))
    }
    const put = db.prepare('INSERT INTO meta (name, value) VALUES (?, ?)')
    put.run('first', String(header.revision))
    put.run('closed', '1')
    db.exec('COMMIT')
  } finally {
    db.close()
  }
}
