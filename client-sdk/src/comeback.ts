// Registers an instance again that the registry has forgotten.
import { fullJitter } from './backoff.ts'
import { sleep, type Clock } from './clock.ts'
import { isPassing } from './errors.ts'
import { beatsPerTtl } from './heartbeats.ts'
import { retryAfter } from './transport.ts'

/** The copies of a service that a registry has forgotten come back spread over so long at most, not as a herd. */
const maxReturnDelayMs = 5_000
/** A registration in the background that is refused (a token, a limit): an operator must act, so it is tried seldom. */
const refusedPauseMs = 30_000

export interface ComebackOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly ttlMs: number
  readonly register: () => Promise<unknown>
  readonly report: (error: unknown) => void
  /** Aborted when the registration has ended. */
  readonly signal: AbortSignal
}

/** Tries until it is registered. Never rejects. @returns false if the registration ended meanwhile */
export async function comeBack ({ clock, random, ttlMs, register, report, signal }: ComebackOptions): Promise<boolean> {
  try {
    await sleep(clock, random() * Math.min(ttlMs / beatsPerTtl, maxReturnDelayMs), signal, true)
    for (let attempt = 0; ; attempt++) {
      try {
        await register()
        return true
      } catch (error) {
        if (signal.aborted) return false
        report(error)
        const pause = isPassing(error) ? Math.max(fullJitter(attempt, random), retryAfter(error)) : refusedPauseMs
        await sleep(clock, pause, signal, true)
      }
    }
  } catch {
    return false // deregistered meanwhile
  }
}
