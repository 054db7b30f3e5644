// A clock that a test moves. What is due within a moment (heartbeats gathering company) happens by itself.
import type { Clock } from '../../server/clock.ts'

const momentMs = 50

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

export class ManualClock implements Clock {
  #nowMs = Date.parse('2026-01-01T00:00:00Z')
  readonly #timers = new Set<Timer>()

  now (): number {
    return this.#nowMs
  }

  after (ms: number, callback: () => void): () => void {
    if (ms <= momentMs) {
      const immediate = setImmediate(callback)
      return () => clearImmediate(immediate)
    }
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** How many callbacks are waiting. */
  get waiting (): number {
    return this.#timers.size
  }

  /** Lets time pass; what falls due is called in order. */
  advance (ms: number): void {
    const end = this.#nowMs + ms
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
    }
    this.#nowMs = end
  }
}
