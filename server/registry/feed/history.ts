// What was: the newest changes in memory, what is older in the store's log, as far as it goes back.
import type { Guard } from '../../guard.ts'
import { inSlices } from '../../slice.ts'
import type { Snapshot } from '../../store/store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type AppliedChange, ChangeRing, type RingLimits } from './change-ring.ts'
import { LogReader, type LogSource, type Reading } from './log-reader.ts'
import { PastView } from './past-view.ts'

/** Why a cursor cannot be resumed from. */
export type ResumeRefusal = 'another epoch' | 'a lost range' | 'too old' | 'ahead of this node'

/** What came after a cursor. */
export interface Resumed {
  /** The newest of it, in order. */
  readonly changes: readonly AppliedChange[]
  /** Reads what came before that from the store's log; undefined = there is nothing. Gives a function that gives up. */
  readonly readOlder?: (take: Reading['take'], done: Reading['done']) => () => void
}

export interface HistoryOptions extends RingLimits {
  /** Absent: what is not in memory is forgotten. */
  readonly log?: LogSource | undefined
  /** The view of now. */
  readonly present: () => Catalog
  readonly guard: Guard
}

export class History {
  /** Ranges of revisions that are of no history any more. */
  lost: Snapshot['lost'] = []
  readonly #ring: ChangeRing
  readonly #log: LogSource | undefined
  readonly #reader: LogReader | undefined
  readonly #options: HistoryOptions
  /** Nobody resumes from before it. */
  #floor = 0

  constructor (options: HistoryOptions) {
    const { entries, bytes, log, present, guard } = options
    this.#options = options
    this.#ring = new ChangeRing({ entries, bytes })
    this.#log = log
    this.#reader = log === undefined ? undefined : new LogReader({ log, present, lost: () => this.lost, guard })
  }

  /** Begins anew with the newest changes, oldest first. @param start the revision before them */
  restart (start: number, changes: readonly AppliedChange[]): void {
    this.#floor = 0
    this.#ring.restart(start)
    for (const change of changes) this.push(change)
  }

  /** The view could not take the change of this revision, so that nothing that led to it leads to what is shown now. */
  breakOff (revision: number): void {
    this.#floor = revision
    this.#ring.restart(revision)
  }

  push (change: AppliedChange): void {
    this.#ring.push(change)
  }

  /** What came after a revision that the view has reached. */
  resume (revision: number): Resumed | ResumeRefusal {
    if (this.lost.some((range) => revision > range.after && revision < range.until)) return 'a lost range'
    if (revision < this.#floor) return 'too old'
    const { start } = this.#ring
    if (revision >= start) return { changes: this.#ring.since(revision) }
    const reader = this.#reader
    if (reader === undefined) return 'too old'
    return { changes: this.#ring.since(start), readOlder: (take, done) => reader.read({ after: revision, until: start, take, done }) }
  }

  /** Those in memory after a revision, at most `limit`; undefined = not all that came after it are there. */
  since (revision: number, limit = Infinity): readonly AppliedChange[] | undefined {
    return revision < this.#ring.start ? undefined : this.#ring.since(revision, limit)
  }

  /** All in memory after a revision. */
  remembered (revision: number): readonly AppliedChange[] {
    return this.#ring.since(revision)
  }

  /** Newest first, as far as they are in memory. It is gone through in one go: no change may come meanwhile. */
  backwards (): Generator<AppliedChange> {
    return this.#ring.backwards()
  }

  /**
   * Of the log: what is older than what is in memory, and than a revision, at most `limit` entries of it, newest first; and the revision of
   * the oldest entry among them, undefined = there is nothing older. What came of an entry that changed nothing is left out.
   */
  async older (before: number, limit: number): Promise<{ readonly changes: readonly AppliedChange[], readonly oldest: number | undefined }> {
    const { present, guard } = this.#options
    const entries = await this.#log?.readLog({ before: Math.min(before, this.#ring.start + 1) }, limit) ?? []
    const past = new PastView(present, (error) => guard.failed('catalog', error))
    const changes: AppliedChange[] = []
    await inSlices((function * () {
      for (const entry of entries.toReversed()) {
        const told = past.tell(entry)
        if (told !== undefined) changes.push(told)
        yield
      }
    })())
    return { changes: changes.reverse(), oldest: entries.at(-1)?.revision }
  }

  /** What the changes in memory hold, in octets, about. */
  get bytes (): number {
    return this.#ring.bytes
  }
}
