// The log of the file: every change in its order, for the history and for watches that come back. Old entries go (log-length.ts).
import type { Change, LogPlace, RecordChange, Snapshot } from '../store.ts'
import { checksum } from './checksum.ts'
import { bodyOf, headerOf } from './log-entry.ts'
import { LogLength, type LogLimits } from './log-length.ts'
import { readChange, type Row, type Statements } from './rows.ts'

export class ChangeLog {
  readonly #statements: Statements
  readonly #length: LogLength

  /** @param undo what is to be done to take all back, the last first */
  constructor (statements: Statements, limits: LogLimits, undo: (() => void)[]) {
    this.#statements = statements
    this.#length = new LogLength(statements, limits, undo)
  }

  /** Inside a transaction. @returns the octets of the entry */
  append (change: RecordChange): number {
    const { revision } = change
    const header = headerOf(change)
    const body = bodyOf(change)
    this.#statements.log.run(revision, header, body, checksum(revision, header, body ?? ''))
    const bytes = Buffer.byteLength(header) + Buffer.byteLength(body ?? '')
    this.#length.change(1, bytes)
    return bytes
  }

  /** @param added entries of this transaction that were not counted here yet */
  trim (added: number): void {
    this.#length.trim(added)
  }

  /** The newest entries, at most `count`, oldest first: those behind the last one that cannot be read. */
  recent (count: number): { readonly changes: readonly Change[], readonly unreadable: Snapshot['unreadable'] } {
    const { changes, fault } = readable(this.#statements.recent.iterate(count))
    return { changes: changes.reverse(), unreadable: fault === undefined ? [] : [fault] }
  }

  /** As `Store.readLog`. */
  read (from: LogPlace, limit: number): readonly Change[] {
    const rows = 'after' in from ? this.#statements.logAfter.iterate(from.after, limit) : this.#statements.logBefore.iterate(from.before, limit)
    return readable(rows).changes
  }
}

/** Up to the first one that cannot be read. */
function readable (rows: Iterable<Row>): { readonly changes: Change[], readonly fault?: { readonly key: string, readonly reason: string } } {
  const changes: Change[] = []
  for (const row of rows) {
    const change = readChange(row)
    if (!('type' in change)) return { changes, fault: { key: `log/${String(row.revision)}`, reason: `${change.reason}: the history begins after it` } }
    changes.push(change)
  }
  return { changes }
}
