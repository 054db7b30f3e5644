// Time as a parameter, so that tests take none.

export interface Clock {
  /** Milliseconds of a clock that never goes back; its zero means nothing. */
  now (): number
  /** `background`: must not keep the process alive. */
  setTimeout (callback: () => void, ms: number, background?: boolean): unknown
  clearTimeout (handle: unknown): void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout (callback, ms, background = false) {
    const handle: unknown = setTimeout(callback, ms)
    if (background && hasUnref(handle)) handle.unref()
    return handle
  },
  clearTimeout: (handle) => clearTimeout(handle as number) // it came from setTimeout above
}

/** A clock whose timers cannot end the program: errors of callbacks are reported. */
export function guarded (clock: Clock, failed: (error: unknown) => void): Clock {
  return {
    now: () => clock.now(),
    setTimeout: (callback, ms, background) => clock.setTimeout(() => {
      try {
        callback()
      } catch (error) {
        failed(error)
      }
    }, Math.min(Math.max(ms, 0), longestTimerMs), background),
    clearTimeout: (handle) => clock.clearTimeout(handle)
  }
}

/** A longer one would fire at once. */
export const longestTimerMs = 2 ** 31 - 1

function hasUnref (handle: unknown): handle is { unref: () => void } {
  return typeof handle === 'object' && handle !== null && 'unref' in handle // Node and Bun; a number in Deno and browsers
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep (clock: Clock, ms: number, signal?: AbortSignal, background = false): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(reasonOf(signal))
    if (ms <= 0) return resolve()
    const abort = (): void => {
      clock.clearTimeout(handle)
      reject(reasonOf(signal))
    }
    const handle = clock.setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms, background)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** What the promise gives, or `'late'` if that takes longer. The work behind it goes on. */
export async function within<T> (clock: Clock, promise: Promise<T>, ms: number): Promise<T | 'late'> {
  const over = new AbortController()
  const late = sleep(clock, ms, over.signal, true).then(() => 'late' as const)
  late.catch(() => {}) // it was in time
  try {
    return await Promise.race([promise, late])
  } finally {
    over.abort()
  }
}

/** The promise, or the signal's reason as soon as it is aborted; the work behind the promise goes on for others. */
export function abortable<T> (promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(reasonOf(signal))
    const abort = (): void => reject(reasonOf(signal))
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Why a signal was aborted, as an Error. A reason may be any value; ours and the platform's are errors. */
export function reasonOf (signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`, { cause: reason })
}

/** A signal that follows all that are given. */
export function anySignal (...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined))
}
