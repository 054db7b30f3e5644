// A copy of the file while it is in use, by SQLite's own online backup: it goes page by page in another thread, and what is written
// meanwhile is in it.
import { randomBytes } from 'node:crypto'
import { createReadStream, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { backup as copyDatabase, DatabaseSync } from 'node:sqlite'
import { finished } from 'node:stream/promises'
import type { Backup } from '../store.ts'

export const databaseMedia = 'application/vnd.sqlite3'
const prefix = 'rollcall-backup-'

/**
 * Makes the copy beside the file, where there should be room, and hands it out; it is removed when it was read or given up.
 * @param idle resolves when no transaction is open: while one is, no step of the copy succeeds
 * @throws the error of SQLite or the system
 */
export async function backupDatabase (db: DatabaseSync, file: string, nowMs: number, idle: () => Promise<void>): Promise<Backup> {
  const path = join(file === ':memory:' ? tmpdir() : dirname(file), `${prefix}${randomBytes(6).toString('hex')}.db`)
  const remove = (): void => {
    try {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    } catch {
      // The next start removes what is left.
    }
  }
  try {
    await copyWhole(db, path, remove, idle)
    markWhole(path, nowMs)
    const content = createReadStream(path)
    void finished(content).catch(() => undefined).then(remove) // read or given up; the stream itself reports a failure
    return { media: databaseMedia, extension: 'db', bytes: statSync(path).size, content }
  } catch (error) {
    remove()
    throw error
  }
}

/** A write at the same moment makes a step of the copy fail; the next attempt comes at another moment. */
const maxAttempts = 20

async function copyWhole (db: DatabaseSync, path: string, remove: () => void, idle: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await idle()
    try {
      await copyDatabase(db, path)
      return
    } catch (error) {
      if (attempt === maxAttempts || !isPassing(error)) throw error
      remove()
    }
  }
}

/** SQLite was busy or locked, or says "not an error": it reports a locked step of a copy so, since the connection has none. */
function isPassing (error: unknown): boolean {
  const code: unknown = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return code === 0 || code === 5 || code === 6
}

/** The copy says of itself that it is whole without a log. */
function markWhole (path: string, nowMs: number): void {
  const copy = new DatabaseSync(path)
  try {
    const put = copy.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value')
    put.run('closed', '1')
    put.run('written_at_ms', String(nowMs))
  } finally {
    copy.close()
  }
}

/** Copies that a process left which was killed while it made them. */
export function removeLeftovers (directory: string): void {
  if (directory === ':memory:') return
  for (const name of readdirSync(directory)) if (name.startsWith(prefix)) rmSync(join(directory, name), { force: true })
}
