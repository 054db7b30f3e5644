// A clock that stands still until a test moves it.
import type { Clock } from '../../server/clock.ts'

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

/** Heartbeats gather company for less, and a request waits for its answer: no test could move the clock meanwhile. */
const momentMs = 50

export class HandClock implements Clock {
  #nowMs: number
  #momentMs = -1
  readonly #timers = new Set<Timer>()

  constructor (nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs
  }

  now (): number {
    return this.#nowMs
  }

  after (ms: number, callback: () => void): () => void {
    if (ms <= this.#momentMs) {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that wait. */
  get waiting (): number {
    return this.#timers.size
  }

  /** From now on what is due within 50 ms happens by itself, in the next turn of the loop. */
  letMomentsPass (): this {
    this.#momentMs = momentMs
    return this
  }

  /** Moves time on and calls what is due, in order; timers set meanwhile count too. */
  advance (ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
    }
    this.#nowMs = endMs
  }

  /** Calls what is due within so many milliseconds, without moving time. */
  hasten (ms: number): void {
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs + ms)
    for (const timer of due) this.#timers.delete(timer)
    for (const { callback } of due) callback()
  }

  /** Moves time without calling anybody, as when a process stands still. */
  jump (ms: number): void {
    this.#nowMs += ms
  }
}
