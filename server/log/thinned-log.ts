// Log lines that a stranger can cause, or that come with each refused write, thinned: the first of a cause is written at once,
// those of the next seconds are counted, and their number is logged with the next one that is written or when the time
// is over.
import type { Clock } from '../clock.ts'

export type Level = 'info' | 'warn' | 'error'

/** The part of pino that is used. */
export interface LineLog {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

export interface ThinnedLogOptions {
  readonly clock: Clock
  /** How long the repeats of a cause are counted, default 10 s. */
  readonly windowMs?: number
  /** Lines of one cause that are written in a window, default 1. */
  readonly perCause?: number
  /**
   * Lines of all causes together that are written in a window, default 100: a client that invents causes fills no disk.
   */
  readonly perWindow?: number
}

/** Causes that are counted separately in a window; those beyond it are counted together. */
const maxCauses = 200
const otherCauses = 'other causes'
/** Of a cause: more than this of a long message tells nothing apart. */
const maxCauseLength = 200

interface Cause {
  readonly level: Level
  written: number
  leftOut: number
}

export class ThinnedLog implements LineLog {
  readonly #log: LineLog
  readonly #clock: Clock
  readonly #windowMs: number
  readonly #perCause: number
  readonly #perWindow: number
  readonly #causes = new Map<string, Cause>()
  #written = 0
  #cancel: (() => void) | undefined

  constructor (log: LineLog, { clock, windowMs = 10_000, perCause = 1, perWindow = 100 }: ThinnedLogOptions) {
    this.#log = log
    this.#clock = clock
    this.#windowMs = windowMs
    this.#perCause = perCause
    this.#perWindow = perWindow
  }

  info (fields: object, message: string): void {
    this.#say('info', fields, message)
  }

  warn (fields: object, message: string): void {
    this.#say('warn', fields, message)
  }

  error (fields: object, message: string): void {
    this.#say('error', fields, message)
  }

  /** Tells what was left out so far, and counts anew. */
  flush (): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#written = 0
    const causes = [...this.#causes]
    this.#causes.clear()
    for (const [cause, { level, leftOut }] of causes) {
      if (leftOut > 0) this.#log[level]({ leftOut, windowMs: this.#windowMs }, `left out ${leftOut} more: ${cause}`)
    }
  }

  #say (level: Level, fields: object, message: string): void {
    this.#cancel ??= this.#clock.after(this.#windowMs, () => this.flush())
    const cause = this.#causeOf(level, 'err' in fields && fields.err instanceof Error ? `${message} (${fields.err.message})` : message)
    if (cause.written >= this.#perCause || this.#written >= this.#perWindow) {
      cause.leftOut++
      return
    }
    cause.written++
    this.#written++
    this.#log[level](fields, message)
  }

  #causeOf (level: Level, text: string): Cause {
    let name = text.slice(0, maxCauseLength)
    if (!this.#causes.has(name) && this.#causes.size >= maxCauses) name = otherCauses
    let cause = this.#causes.get(name)
    if (cause === undefined) {
      cause = { level, written: 0, leftOut: 0 }
      this.#causes.set(name, cause)
    }
    return cause
  }
}
