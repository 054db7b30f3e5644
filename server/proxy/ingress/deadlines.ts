// Thousands of deadlines on one coarse timer: setting one is writing a number. They are kept to within a second.
import type { Clock } from '../../clock.ts'

export interface Watched {
  /** Infinity: it waits for nothing that could be late. */
  readonly deadlineMs: number
  readonly expire: () => void
}

const sweepMs = 500

export class Deadlines {
  readonly #clock: Clock
  readonly #watched = new Set<Watched>()
  /** Called at each sweep, for what is done now and then. */
  readonly #each: () => void
  #cancel: () => void = () => undefined
  #isClosed = false

  constructor (clock: Clock, each: () => void) {
    this.#clock = clock
    this.#each = each
    this.#next()
  }

  get size (): number {
    return this.#watched.size
  }

  add (watched: Watched): void {
    this.#watched.add(watched)
  }

  remove (watched: Watched): void {
    this.#watched.delete(watched)
  }

  /** Everything that is waited for. */
  [Symbol.iterator] (): Iterator<Watched> {
    return this.#watched.values()
  }

  close (): void {
    this.#isClosed = true
    this.#cancel()
  }

  #next (): void {
    this.#cancel = this.#clock.after(sweepMs, () => {
      const nowMs = this.#clock.now()
      for (const watched of this.#watched) if (watched.deadlineMs <= nowMs) watched.expire()
      this.#each()
      if (!this.#isClosed) this.#next()
    })
  }
}
