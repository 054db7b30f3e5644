// A small file beside the database: up to which revision numbers may have been given. A backup that is put back over the database does
// not take it along, so that the numbers given since are not given again. It is a second line: without it a start still jumps.
//
//   rollcall.revision = epoch SP reserved [SP closed] LF       closed: the last revision, written by a clean stop
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'

export interface Mark {
  readonly epoch: string
  /** No number above it was given. */
  readonly reserved: number
  /** The revision at which the registry was stopped; undefined = it was not stopped, or has been started since. */
  readonly closed: number | undefined
}

const shape = /^([0-9a-f]{1,32}) (\d{1,15})(?: (\d{1,15}))?\n$/

/** The path of the mark of a database. */
export function markFile (database: string): string {
  return database.replace(/\.db$/, '') + '.revision'
}

/** undefined = there is no mark, or it cannot be read. */
export function readMark (path: string): Mark | undefined {
  try {
    const match = shape.exec(readFileSync(path, 'utf8'))
    if (match?.[1] === undefined) return undefined
    return { epoch: match[1], reserved: Number(match[2]), closed: match[3] === undefined ? undefined : Number(match[3]) }
  } catch {
    return undefined // no such file, or one that this process may not read: then the database alone counts
  }
}

/** Whole or not at all, and on disk when it returns. @throws the error of the system */
export function writeMark (path: string, { epoch, reserved, closed }: Mark): void {
  const aside = `${path}.new`
  try {
    const file = openSync(aside, 'w', 0o600)
    try {
      writeSync(file, `${epoch} ${reserved}${closed === undefined ? '' : ` ${closed}`}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(aside, path)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}
