// How long the log of the file is. Old entries go in steps, in the transaction that made it too long.
import type { Statements } from './rows.ts'

/** Too many at once would hold up the writes beside them. */
const trimStep = 1_000
/** And not one by one. */
const minTrim = 100

export interface LogLimits {
  readonly maxLogLength: number
  /** Of headers and bodies in the log. */
  readonly maxLogBytes: number
}

export class LogLength {
  readonly #statements: Pick<Statements, 'oldest' | 'trim'>
  readonly #limits: LogLimits
  readonly #undo: (() => void)[]
  #entries: number
  #bytes: number

  /** @param undo what is to be done to take all back, the last first */
  constructor (statements: Pick<Statements, 'logSize' | 'oldest' | 'trim'>, limits: LogLimits, undo: (() => void)[]) {
    this.#statements = statements
    this.#limits = limits
    this.#undo = undo
    const size = statements.logSize.get()
    this.#entries = Number(size?.entries)
    this.#bytes = Number(size?.bytes)
  }

  /** Entries were added, or went if negative. */
  change (entries: number, bytes: number): void {
    this.#undo.push(() => {
      this.#entries -= entries
      this.#bytes -= bytes
    })
    this.#entries += entries
    this.#bytes += bytes
  }

  /**
   * Drops the oldest entries of a log that has too many or too large ones; never the newest, which says where the revisions are.
   * @param added entries of this transaction
   */
  trim (added: number): void {
    const { maxLogLength, maxLogBytes } = this.#limits
    const excess = this.#entries - maxLogLength
    if (excess < Math.min(minTrim, maxLogLength) && this.#bytes <= maxLogBytes) return
    // More than was added: a log that is too long gets shorter.
    let [entries, bytes, last] = [0, 0, 0]
    for (const row of this.#statements.oldest.iterate(Math.min(trimStep + added, this.#entries - 1))) {
      if (entries >= excess && this.#bytes - bytes <= maxLogBytes) break
      entries += 1
      bytes += Number(row.bytes)
      last = Number(row.revision)
    }
    if (entries === 0) return
    this.#statements.trim.run(last)
    this.change(-entries, -bytes)
  }
}
