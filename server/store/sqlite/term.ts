// Each start is a new term: revisions jump, and the numbers that the file does not prove belong to no history any more.
//
// A backup that is put back, or a log that was damaged, has fewer revisions than were given. The first number of a term is above all of
// them: the file's last one plus a jump; the mark beside the file (revision-mark.ts), where there is one; and the time since the file was
// last written, a thousand numbers a second, for a copy of the whole directory (docs/decisions/0015-revisions-never-fall-back.md).
import type { DatabaseSync } from 'node:sqlite'
import type { Floors, Snapshot } from '../store.ts'
import { type Mark, markFile, readMark, writeMark } from './revision-mark.ts'

export const revisionJump = 1_000_000
/** More than eleven days of downtime add no more: a jump must stay below half of a zone's serial numbers (RFC 1982). */
const maxElapsedMs = 1_000_000_000
/** Void ranges that a file remembers; cursors from before them are void too. */
const keptRanges = 16

type Ranges = Snapshot['lost']

export interface TermStart {
  /** The last revision that the file proves. */
  readonly last: number
  readonly first: number
  readonly lost: Ranges
  readonly floors: Floors
}

/** What a file says of the terms before. */
export interface FileTerms {
  readonly last: number
  readonly lost: Ranges
  readonly instanceFloor: number
  readonly writtenAtMs: number
}

/** Where a term begins. `mark` is that of the same epoch. A file that never had a change has no history, and its first change is 1. */
export function termStart (file: FileTerms, mark: Mark | undefined, nowMs: number): TermStart {
  const { last } = file
  if (last === 0 && (mark?.reserved ?? 0) === 0) return { last, first: 0, lost: [], floors: { derived: 0, instances: 0 } }
  const elapsedMs = Math.min(Math.max(0, Math.floor(nowMs - file.writtenAtMs)), maxElapsedMs)
  const first = Math.max(last + revisionJump, (mark?.reserved ?? 0) + 1) + elapsedMs
  // A clean stop that the mark and the file agree on lost nothing: the revisions of the instances stand in their records.
  const isProven = mark?.closed === last
  return {
    last,
    first,
    lost: shortened([...file.lost, { after: last, until: first }]),
    floors: { derived: first, instances: isProven ? file.instanceFloor : first }
  }
}

/** The newest ranges. What lay before the dropped ones cannot be judged any more, and counts as lost. */
function shortened (ranges: Ranges): Ranges {
  if (ranges.length <= keptRanges) return ranges
  const kept = ranges.slice(1 - keptRanges)
  return [{ after: 0, until: ranges.at(-keptRanges)?.until ?? 0 }, ...kept]
}

/** The term of one opened file: read at the start, recorded in the file before anything else is written. */
export class Term {
  readonly start: TermStart
  readonly #db: DatabaseSync
  readonly #epoch: string
  readonly #markPath: string | undefined
  readonly #now: () => number
  #isRecorded = false
  #reserved: number

  constructor (db: DatabaseSync, file: string, epoch: string, now: () => number) {
    this.#db = db
    this.#epoch = epoch
    this.#markPath = file === ':memory:' ? undefined : markFile(file)
    this.#now = now
    const mark = this.#markPath === undefined ? undefined : readMark(this.#markPath)
    const ours = mark?.epoch === epoch ? mark : undefined
    this.start = termStart(readTerms(db), ours, now())
    this.#reserved = Math.max(ours?.reserved ?? 0, this.start.first)
  }

  get isRecorded (): boolean {
    return this.#isRecorded
  }

  /** Called inside a transaction. What it wrote counts when `recorded` is called, after the commit. */
  record (): void {
    const { first, lost, floors } = this.start
    const put = this.#db.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value')
    put.run('first', String(first))
    put.run('lost', lost.map(({ after, until }) => `${after}-${until}`).join(','))
    put.run('instance_floor', String(floors.instances))
    put.run('written_at_ms', String(this.#now()))
    put.run('closed', '0')
  }

  /**
   * The record is committed. It is brought into the file itself, so that a copy of the file without its log is known to
   * be incomplete.
   */
  recorded (): void {
    this.#isRecorded = true
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Records it now if the disk lets it; else the first write does. */
  tryRecord (): void {
    try {
      this.#db.exec('BEGIN')
      this.record()
      this.#db.exec('COMMIT')
      this.recorded()
    } catch {
      // A full disk: reads and heartbeats need no writing, and the first write that fails reports it.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
    }
  }

  /** Sees to it that the mark covers a revision before it is given. @throws the error of the system */
  reserve (revision: number): void {
    if (this.#markPath === undefined || revision < this.#reserved) return
    const reserved = revision + revisionJump
    writeMark(this.#markPath, { epoch: this.#epoch, reserved, closed: undefined })
    this.#reserved = reserved
  }

  /** A clean stop: the file says that it is whole without its log. Gives false if that could not be written. */
  close (): boolean {
    try {
      const put = this.#db.prepare('UPDATE meta SET value = ? WHERE name = ?')
      put.run(String(this.#now()), 'written_at_ms')
      put.run('1', 'closed')
      return true
    } catch {
      return false
    }
  }

  /** The file is closed: the next start can prove that it continues. */
  closed (last: number): void {
    if (this.#markPath === undefined || !this.#isRecorded) return
    try {
      writeMark(this.#markPath, { epoch: this.#epoch, reserved: last, closed: last })
    } catch {
      // Without the proof the next start raises the revisions of the instances too, and nothing else is lost.
    }
  }
}

/** Reads what the terms before left in a file. */
function readTerms (db: DatabaseSync): FileTerms {
  const meta = new Map(db.prepare('SELECT name, value FROM meta').all().map(({ name, value }) => [String(name), String(value)]))
  const newest = db.prepare('SELECT revision, header FROM log ORDER BY revision DESC LIMIT 1').get()
  const logged = Number(newest?.revision ?? 0)
  const lost = (meta.get('lost') ?? '').split(',').filter((text) => text !== '').map((text) => {
    const [after, until] = text.split('-')
    return { after: Number(after), until: Number(until) }
  })
  return {
    last: Math.max(logged, Number(meta.get('first') ?? 0)),
    lost,
    instanceFloor: Number(meta.get('instance_floor') ?? 0),
    writtenAtMs: Math.max(Number(meta.get('written_at_ms') ?? 0), loggedAtMs(newest?.header))
  }
}

/** When the newest entry of the log was written: the second element of its header. */
function loggedAtMs (header: unknown): number {
  const match = typeof header === 'string' ? /^\["[a-z]",(\d+)/.exec(header) : null
  return Number(match?.[1] ?? 0)
}
