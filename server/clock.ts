// Time as every room sees it: passed in, so that a test moves it and nothing waits.
import { type Guard, standaloneGuard } from './guard.ts'

export interface Clock {
  /** Wall clock in milliseconds. */
  now (): number
  /**
   * Calls back once after so many milliseconds; gives a function that cancels. Never keeps the process alive. The callback may give a
   * promise: a guarded clock catches its rejection too.
   */
  after (ms: number, callback: () => void | Promise<void>): () => void
}

/** What its callbacks throw is written to stderr. A server takes a `guardedClock`. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(standaloneGuard.around('timer', callback), ms)
    timer.unref()
    return () => clearTimeout(timer)
  }
}

/** A clock whose callbacks cannot end the process. @param place of its owner, for log and metrics */
export function guardedClock (clock: Clock, guard: Guard, place: string): Clock {
  return {
    now: () => clock.now(),
    after: (ms, callback) => clock.after(ms, guard.around(place, callback))
  }
}
