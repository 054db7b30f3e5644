// Time as every room sees it: passed in, so that a test moves it and nothing waits.

export interface Clock {
  /** Wall clock in milliseconds. */
  now (): number
  /** Calls back once after so many milliseconds; gives a function that cancels. Never keeps the process alive. */
  after (ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  }
}
