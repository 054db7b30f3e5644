// SQLite's own check of a file: it reads all of it, which takes seconds where there are gigabytes. A large file is looked at by a thread:
// HTTP and DNS listen already, and say meanwhile that the registry is not loaded.
import { once } from 'node:events'
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'

/** What is read in about ten milliseconds; a thread takes longer to start. */
export const smallBytes = 8 * 1024 ** 2

const program = new URL('../../../bin/check-file.js', import.meta.url)

/**
 * The verdict of SQLite: `ok`, or what is wrong.
 * @param db open for reading
 * @param isAlone nobody else may open the file
 * @throws the error of SQLite
 */
export async function checkFile (db: DatabaseSync, file: string, isAlone: boolean): Promise<string> {
  const thread = isAlone || sizeOf(file) <= smallBytes ? undefined : threadFor(file)
  if (thread === undefined) return String(db.prepare('PRAGMA quick_check(1)').get()?.quick_check)
  // One that dies without a word rejects, or ends.
  const [told] = await Promise.race([once(thread, 'message'), once(thread, 'exit')]) as [{ readonly verdict: string } | { readonly message: string, readonly errcode: unknown } | number]
  if (typeof told === 'number') throw new Error(`the thread that checks it ended with exit code ${told}`)
  if ('verdict' in told) return told.verdict
  throw Object.assign(new Error(told.message), { errcode: told.errcode })
}

/** undefined = there can be no more threads. */
function threadFor (file: string): Worker | undefined {
  try {
    return new Worker(program, { workerData: file, name: 'check-file' })
  } catch {
    return undefined
  }
}

/** With its log. */
function sizeOf (file: string): number {
  return [file, `${file}-wal`].reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
}
