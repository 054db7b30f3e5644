// The first registration of an instance: tried again while the registry is away, within the time that the program gives it.
import { fullJitter } from './backoff.ts'
import { sleep, type Clock } from './clock.ts'
import { isPassing } from './errors.ts'
import type { Limits } from './instance-writes.ts'
import { retryAfter } from './transport.ts'

export interface FirstRegistrationOptions {
  readonly clock: Clock
  readonly random: () => number
  /** Of one call with its retries. */
  readonly timeoutMs: number
  /** For all calls together; undefined = as long as it takes. */
  readonly waitMs: number | undefined
  readonly register: (limits: Limits) => Promise<unknown>
  readonly signal: AbortSignal
}

/** @throws the last error, when another attempt would help nothing or come too late; the reason of the signal when it is aborted */
export async function registerFirst ({ clock, random, timeoutMs, waitMs = Infinity, register, signal }: FirstRegistrationOptions): Promise<void> {
  const deadline = clock.now() + waitMs
  for (let attempt = 0; ; attempt++) {
    try {
      await register({ timeoutMs: Math.min(timeoutMs, Math.max(deadline - clock.now(), 1)) })
      return
    } catch (error) {
      const pause = Math.max(fullJitter(attempt, random), retryAfter(error))
      if (signal.aborted || !isPassing(error) || clock.now() + pause > deadline) throw error
      await sleep(clock, pause, signal)
    }
  }
}
