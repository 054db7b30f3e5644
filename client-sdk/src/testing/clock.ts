// A clock that stands still until a test moves it.
import type { Clock } from '../clock.ts'

export interface TestClock extends Clock {
  /** Moves on by `ms`, letting each timer on the way run at its time, and all that follows from it. */
  advance (ms: number): Promise<void>
  /** Lets everything that needs no time run. */
  settle (): Promise<void>
  /** Timers that wait. */
  readonly timers: number
}

/** Turns of the event loop that a chain of promises may take before nothing is expected to follow. */
const settleTurns = 5

/** As soon as everything is done that is ready now. Where there is no setImmediate a timer does, a hundred times slower. */
const nextTurn = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate ??
  ((callback: () => void): unknown => setTimeout(callback, 0))

/** @param startMs what `now()` says at first */
export function createTestClock (startMs = 0): TestClock {
  const timers = new Map<number, { readonly at: number, readonly callback: () => void }>()
  let now = startMs
  let nextHandle = 1
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < settleTurns; turn++) await new Promise<void>((resolve) => nextTurn(resolve))
  }
  const first = (until: number): number | undefined => {
    let found: number | undefined
    for (const [handle, { at }] of timers) {
      if (at <= until && (found === undefined || at < (timers.get(found)?.at ?? Infinity))) found = handle
    }
    return found
  }
  return {
    now: () => now,
    setTimeout (callback, ms) {
      const handle = nextHandle++
      timers.set(handle, { at: now + Math.max(0, ms), callback })
      return handle
    },
    clearTimeout (handle) {
      if (typeof handle === 'number') timers.delete(handle)
    },
    async advance (ms) {
      const until = now + ms
      await settle()
      for (let handle = first(until); handle !== undefined; handle = first(until)) {
        const timer = timers.get(handle)
        timers.delete(handle)
        now = Math.max(now, timer?.at ?? now)
        timer?.callback()
        await settle()
      }
      now = until
    },
    settle,
    get timers () {
      return timers.size
    }
  }
}
