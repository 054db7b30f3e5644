// The steps of a start, each with its time: a node that hangs says in what, and ends, so that its supervisor can act.
import { RegistryError } from './errors.ts'
import type { Clock } from './clock.ts'

export interface StartStep {
  /** What is being done, for people: `open the store`. */
  readonly what: string
  readonly limitMs: number
  /** What the step waits for, as far as it is known when its time is over. */
  readonly why?: () => string
  readonly clock: Clock
  /** Aborted when the start is given up. */
  readonly signal?: AbortSignal
}

/** Thrown by a step when the start was given up: the process got the signal to end. */
export class StartGivenUp extends Error {
  override readonly name = 'StartGivenUp'
}

/**
 * Runs a step. Its result comes too late after `limitMs`.
 * @throws RegistryError REG_STORE_UNAVAILABLE naming the step, its time and what it waits for; StartGivenUp; what the step throws
 */
export async function startStep<Result> ({ what, limitMs, why, clock, signal }: StartStep, run: () => Promise<Result>): Promise<Result> {
  if (signal?.aborted === true) throw new StartGivenUp(`could not ${what}: the start was given up`)
  const { promise: over, reject } = Promise.withResolvers<never>()
  const cancel = limitMs === 0 ? () => undefined : clock.after(limitMs, () => {
    const reason = why?.() ?? ''
    reject(new RegistryError('REG_STORE_UNAVAILABLE', `could not ${what} within ${limitMs / 1_000} s${reason === '' ? '' : `: ${reason}`}`))
  })
  const givenUp = new StartGivenUp(`could not ${what}: the start was given up`)
  const giveUp = (): void => reject(givenUp)
  // eslint-disable-next-line rollcall/guarded-callbacks -- it settles a promise, and nothing else
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([run(), over])
  } finally {
    cancel()
    signal?.removeEventListener('abort', giveUp)
  }
}
