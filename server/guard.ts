// Guards between callbacks and the event loop. An unexpected error in a timer, an event handler or a listener would end
// the process; with a guard it ends that one callback: it is counted, and logged with its place. `failed` of `around`,
// or the caller of `attempt`, answers the request, watch or connection that it happened in.
//
// eslint.config.js sees to it that no timer and no event handler of the server is set without it.

import { loop } from './loop.ts'

/** Told of an error: the place is one of a few fixed words, for the metrics. */
export interface GuardOptions {
  /** Called for each error, or for several of another thread. */
  readonly count: (place: string, errors: number) => void
  /** Called for the first error of its kind in a while; `leftOut` = how many of the same were not logged since. */
  readonly log: (error: unknown, place: string, leftOut: number, details?: object) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** The same error again and again is logged once in this time: a fault of every request must not fill the disk. */
const logIntervalMs = 60_000
/**
 * Kinds of errors that are logged separately. Each is a line of our code, so that there are few; beyond it the oldest
 * is forgotten.
 */
const maxKinds = 1_000

export class Guard {
  readonly #options: GuardOptions
  readonly #now: () => number
  readonly #kinds = new Map<string, { toldAtMs: number, leftOut: number }>()

  constructor (options: GuardOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /**
   * The callback for a timer, an event or a listener. What it throws, or what the promise that it gives rejects with, ends here.
   * @param failed answers the request, watch or connection; its errors are caught too
   * @example socket.on('message', guard.around('dns-udp', (message) => answer(message)))
   */
  around<Arguments extends unknown[]> (place: string, act: (...given: Arguments) => unknown, failed?: (error: unknown) => void): (...given: Arguments) => void {
    const end = (error: unknown): void => {
      this.failed(place, error)
      if (failed !== undefined) this.attempt(place, () => failed(error))
    }
    return (...given) => {
      loop.begins(place)
      try {
        const result = act(...given)
        if (result instanceof Promise) result.catch(end)
      } catch (error) {
        end(error)
      }
    }
  }

  /** Does it now. @returns false if it threw */
  attempt (place: string, act: () => unknown): boolean {
    try {
      act()
      return true
    } catch (error) {
      this.failed(place, error)
      return false
    }
  }

  /** Errors that another thread has caught, and the first of which it has sent. */
  counted (place: string, count: number): void {
    this.#options.count(place, count)
  }

  /** An error that another thread has caught, counted by `counted`. */
  told (place: string, error: unknown, leftOut: number): void {
    this.#options.log(error, place, leftOut)
  }

  /** An unexpected error that was caught elsewhere. */
  failed (place: string, error: unknown, details?: object): void {
    const kind = `${place} ${originOf(error)}`
    const nowMs = this.#now()
    const known = this.#kinds.get(kind)
    this.#options.count(place, 1)
    if (known !== undefined && nowMs - known.toldAtMs < logIntervalMs) {
      known.leftOut++
      return
    }
    this.#kinds.delete(kind) // so that it stands last again
    this.#kinds.set(kind, { toldAtMs: nowMs, leftOut: 0 })
    if (this.#kinds.size > maxKinds) for (const oldest of this.#kinds.keys()) if (this.#kinds.delete(oldest)) break
    this.#options.log(error, place, known?.leftOut ?? 0, details)
  }
}

/** The line that threw: messages may hold what a client sent, and would be as many kinds as a client likes. */
function originOf (error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const frame = /\n\s+at (.*)/.exec(error.stack ?? '')?.[1] ?? ''
  return `${error.name} ${frame}`.slice(0, 300)
}

/** A guard that writes to a log of pino's form. */
export function loggingGuard (log: { error (fields: object, message: string): void }, count: GuardOptions['count']): Guard {
  return new Guard({
    count,
    log: (error, place, leftOut, details) => log.error({ err: error, place, leftOut, ...details }, `an unexpected error, caught in ${place}: it ended one callback, nothing else`)
  })
}

/** For what runs without a server: tests, and parts that are used alone. It writes to stderr. */
export const standaloneGuard = new Guard({
  count: () => undefined,
  log: (error, place) => { process.stderr.write(`unexpected error in ${place}: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`) }
})
