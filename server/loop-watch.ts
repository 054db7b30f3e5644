// Watches the loop of this thread (loop.ts): counts how late it is, and says who held it.
import type { Guard } from './guard.ts'
import { type Held, loop, tickMs } from './loop.ts'

export interface LoopWatchOptions {
  /** Where delays are counted: it may be shared with another thread. */
  readonly counts: Float64Array
  readonly held: (held: Held) => void
  readonly guard: Guard
}

/** Begins. Gives a function that ends it. */
export function watchLoop ({ counts, held, guard }: LoopWatchOptions): () => void {
  loop.watched()
  const timer = setInterval(guard.around('loop', () => {
    const told = loop.tick(counts)
    if (told !== undefined) held(told)
  }), tickMs).unref()
  return () => {
    clearInterval(timer)
    loop.ends()
  }
}

/** The line for the log. @param thread `main`, `dns-1` */
export function heldText (thread: string, { by, ms, leftOut }: Held): string {
  return `the event loop of ${thread} was held for ${ms} ms by ${by}: everybody else waited${leftOut === 0 ? '' : `; ${leftOut} more times since the last line`}`
}
