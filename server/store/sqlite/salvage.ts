// What can still be read of a file, row by row: a page that is damaged takes the rows on it with it, and no others.
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { RegistryError } from '../../errors.ts'
import type { Exported } from '../export.ts'
import { fileIn, storeError } from './database.ts'
import { type Row, soundInstance, soundObject, instanceRow, objectRow } from './rows.ts'

export interface Salvaged extends Exported {
  /** Rows that are there and are not what was written, or could not be read. */
  readonly lost: number
}

/** Rows behind the last one that could be read, which are tried one by one. */
const searchedBeyond = 100_000

/** Reads the file of a directory, in which no server runs. @throws RegistryError REG_STORE_UNAVAILABLE if nothing of it can be opened */
export function salvage (directory: string): Salvaged {
  const file = fileIn(directory)
  if (!existsSync(file)) throw new RegistryError('REG_STORE_UNAVAILABLE', `${file} does not exist`)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { readOnly: true })
    const objects = readAll(db, 'objects', objectRow, soundObject)
    const instances = readAll(db, 'instances', instanceRow, soundInstance)
    const revision = Math.max(0, ...[...objects.records, ...instances.records].map((record) => record.revision))
    return {
      header: { from: 'salvage', epoch: metaOf(db, 'epoch') ?? 'unknown', revision },
      objects: objects.records,
      instances: instances.records,
      lost: objects.lost + instances.lost
    }
  } catch (error) {
    throw storeError(error, file)
  } finally {
    db?.close()
  }
}

function readAll<Kept> (db: DatabaseSync, table: string, columns: string, sound: (row: Row) => Kept | undefined): { records: Kept[], lost: number } {
  const one = db.prepare(`SELECT rowid AS rowId, ${columns} FROM ${table} WHERE rowid = ?`)
  const next = db.prepare(`SELECT rowid AS rowId, ${columns} FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT 1`)
  const records: Kept[] = []
  let lost = 0
  let at = 0
  const take = (row: Row): void => {
    const record = sound(row)
    if (record === undefined) lost++
    else records.push(record)
    at = Number(row.rowId)
  }
  for (;;) {
    let row: Row | undefined
    try {
      row = next.get(at)
      if (row === undefined) return { records, lost }
    } catch {
      row = behindDamage(one, at)
      if (row === undefined) return { records, lost: lost + 1 }
      lost += Number(row.rowId) - at - 1
    }
    take(row)
  }
}

/** The first row behind a damaged place that can be read. */
function behindDamage (one: ReturnType<DatabaseSync['prepare']>, at: number): Row | undefined {
  for (let rowId = at + 1; rowId <= at + searchedBeyond; rowId++) {
    try {
      const row = one.get(rowId)
      if (row !== undefined) return row
    } catch {
      // on the same damaged page, or on the next one
    }
  }
  return undefined
}

function metaOf (db: DatabaseSync, name: string): string | undefined {
  try {
    const value = db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.value
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
