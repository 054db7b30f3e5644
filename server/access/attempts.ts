// Wrong tokens, by the network that they come from: whoever tries many is told to wait, and costs no more than that. A right token is never
// held back by the wrong ones of its neighbours.
import type { Clock } from '../clock.ts'
import { clientKey } from '../shares.ts'

/** A program with an old token tries at each of its calls; a person mistypes twice. */
const freeAttempts = 10
const windowMs = 60_000
const maxWaitSeconds = 60
/** Networks that are remembered; beyond it the oldest is forgotten. */
const maxNetworks = 10_000

interface Attempts {
  count: number
  untilMs: number
}

export class WrongAttempts {
  readonly #clock: Pick<Clock, 'now'>
  readonly #networks = new Map<string, Attempts>()

  constructor (clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Counts one. Gives the seconds to wait before the next, 0 = none. */
  count (address: string): number {
    const key = clientKey(address)
    const now = this.#clock.now()
    const known = this.#networks.get(key)
    const attempts = known === undefined || known.untilMs <= now ? { count: 0, untilMs: now + windowMs } : known
    attempts.count += 1
    attempts.untilMs = now + windowMs
    this.#networks.delete(key) // so that it stands last
    this.#networks.set(key, attempts)
    if (this.#networks.size > maxNetworks) for (const oldest of this.#networks.keys()) if (this.#networks.delete(oldest)) break
    const over = attempts.count - freeAttempts
    return over <= 0 ? 0 : Math.min(maxWaitSeconds, 2 ** Math.min(over, 6))
  }
}
