// Reads what is older than the changes that this node remembers from the store's log, for watches that come back with an old cursor. Who
// comes while the log is being read waits for the next reading, which is one for all of them: a thousand watches that come back after a
// restart cost two. A reading goes in slices, and keeps no more than one page of the log.
import type { Change, Snapshot, Store } from '../../store/store.ts'
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import { inSlices } from '../../slice.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { AppliedChange } from './change-ring.ts'
import { PastView } from './past-view.ts'

/** What of a store is read here. */
export type LogSource = Pick<Store, 'readLog'>

/** Entries of one page: a millisecond of Redis, two of SQLite. */
const pageEntries = 500

/** One that reads: what it wants, and whom it is handed to. */
export interface Reading {
  /** It has everything up to this revision, and wants what follows. */
  readonly after: number
  /** Everything behind this revision it has from elsewhere. */
  readonly until: number
  readonly take: (change: AppliedChange) => void
  /** Called once, unless it was given up before. False: the log has not all of it. */
  readonly done: (isWhole: boolean) => void
}

export interface LogReaderParts {
  readonly log: LogSource
  readonly present: () => Catalog
  /** Ranges of revisions that nobody used: the log goes on behind them. */
  readonly lost: () => Snapshot['lost']
  readonly guard: Guard
}

export class LogReader {
  readonly #parts: LogReaderParts
  /** Those that wait for the next reading. */
  #waiting = new Set<Reading>()
  /** Those that the present one is for. */
  #readers = new Set<Reading>()
  #isReading = false

  constructor (parts: LogReaderParts) {
    this.#parts = parts
  }

  /** Gives a function that gives up. */
  read (reading: Reading): () => void {
    this.#waiting.add(reading)
    this.#begin()
    return () => {
      if (!this.#waiting.delete(reading)) this.#readers.delete(reading)
    }
  }

  #begin (): void {
    if (this.#isReading || this.#waiting.size === 0) return
    this.#isReading = true
    const readers = this.#readers = this.#waiting
    this.#waiting = new Set()
    void this.#pass(readers).catch((error: unknown) => {
      if (!(error instanceof RegistryError)) this.#parts.guard.failed('log-reader', error) // else the store is away
    }).finally(() => {
      for (const reading of readers) this.#end(readers, reading, false)
      this.#isReading = false
      this.#begin()
    })
  }

  async #pass (readers: Set<Reading>): Promise<void> {
    const { log, present, guard } = this.#parts
    let at = Math.min(...Array.from(readers, ({ after }) => after))
    const past = new PastView(present, (error) => guard.failed('catalog', error))
    await inSlices(past.begin(at))
    while (readers.size > 0) {
      const page = await log.readLog({ after: at }, pageEntries)
      if (page.length === 0) {
        for (const reading of readers) if (reading.until < this.#next(at)) this.#end(readers, reading, true)
        return
      }
      at = await inSlices(this.#page(readers, past, page, at))
    }
  }

  /** @returns the revision that the page leads to */
  * #page (readers: Set<Reading>, past: PastView, page: readonly Change[], from: number): Generator<void, number> {
    let at = from
    for (const change of page) {
      if (change.revision !== this.#next(at)) {
        // What lies between is not there any more: those that need it begin anew.
        for (const reading of readers) if (reading.after < change.revision - 1) this.#end(readers, reading, false)
      }
      at = change.revision
      const told = past.tell(change)
      for (const reading of readers) {
        if (told !== undefined && at > reading.after && at <= reading.until) this.#parts.guard.attempt('watch', () => reading.take(told))
        if (at >= reading.until) this.#end(readers, reading, true)
      }
      if (readers.size === 0) return at
      yield
    }
    return at
  }

  /** The revision of the entry that follows one. A range from 0 on stands for several, of which nothing is known: see sqlite/term.ts. */
  #next (revision: number): number {
    let at = revision
    for (;;) {
      const range = this.#parts.lost().find(({ after }) => after === at && after > 0)
      if (range === undefined) return at + 1
      at = range.until
    }
  }

  #end (readers: Set<Reading>, reading: Reading, isWhole: boolean): void {
    if (readers.delete(reading)) this.#parts.guard.attempt('watch', () => reading.done(isWhole))
  }
}
