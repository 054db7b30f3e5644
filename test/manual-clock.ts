// A clock that a test moves.
import type { Clock } from '../server/clock.ts'

export class ManualClock implements Clock {
  #now: number
  #timers: { readonly atMs: number, readonly callback: () => void }[] = []

  constructor (nowMs = 1_800_000_000_000) {
    this.#now = nowMs
  }

  now (): number {
    return this.#now
  }

  after (ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#now + ms, callback }
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter((other) => other !== timer) }
  }

  /** Timers that wait. */
  get waiting (): number {
    return this.#timers.length
  }

  /** Moves time on and calls what is due, in order; timers set meanwhile count too. */
  advance (ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== due)
      this.#now = Math.max(this.#now, due.atMs)
      due.callback()
    }
    this.#now = end
  }

  /** Calls what is due within so many milliseconds, without moving time. */
  hasten (ms: number): void {
    const due = this.#timers.filter((timer) => timer.atMs <= this.#now + ms)
    this.#timers = this.#timers.filter((timer) => !due.includes(timer))
    for (const timer of due) timer.callback()
  }

  /** Moves time without calling anybody, as when a process stands still. */
  jump (ms: number): void {
    this.#now += ms
  }
}
