// Calls the store's expiry four times a second, from every node; the store sees to it that each expiry happens once.
import { maxTtlMs } from '../../model/limits.ts'
import type { Store, Sweep } from '../../store/store.ts'
import { type ProtectionOptions, expiryPolicy } from './protection.ts'
import type { Clock } from '../../clock.ts'

/** A dead instance leaves the answers at most this long after its deadline; an idle sweep costs 20 microseconds. */
const intervalMs = 250
/** Nodes that start together must not sweep together for ever. */
const jitter = 0.2
/** A timer this late means that this process itself stood still. */
const stalledMs = 1_000

export interface Protection {
  /** Wall time since which no suspect is removed anywhere; undefined = removal runs. */
  readonly registrySinceMs: number | undefined
  /** `namespace/service` -> since when. */
  readonly services: ReadonlyMap<string, number>
  /** For how long nothing expires yet, at the last sweep. */
  readonly holdMs: number
}

export interface SweeperOptions {
  readonly store: Store
  readonly clock: Clock
  readonly protection: ProtectionOptions
  readonly random: () => number
  /** Told after each sweep. */
  readonly swept?: (sweep: Sweep) => void
  /** Told when a sweep failed; the store's health says the rest. */
  readonly failed?: (error: unknown) => void
}

export class Sweeper {
  readonly #options: SweeperOptions
  #protection: Protection = { registrySinceMs: undefined, services: new Map(), holdMs: 0 }
  #cancel: (() => void) | undefined
  #running = false
  #expectedAtMs = 0
  #stalledAtMs = -Infinity

  constructor (options: SweeperOptions) {
    this.#options = options
  }

  get protection (): Protection {
    return this.#protection
  }

  start (): void {
    if (this.#running) return
    this.#running = true
    this.#schedule(intervalMs)
  }

  stop (): void {
    this.#running = false
    this.#cancel?.()
  }

  /** True if this process stood still a moment ago: what it missed meanwhile is no evidence against others. */
  get stalledLately (): boolean {
    const now = this.#options.clock.now()
    return now - this.#expectedAtMs > stalledMs || now - this.#stalledAtMs < 2 * stalledMs
  }

  /** One round. @throws what the store throws */
  async sweep (): Promise<Sweep> {
    const { store, protection } = this.#options
    const sweep = await store.expire(expiryPolicy(protection, maxTtlMs))
    this.#protection = {
      registrySinceMs: sweep.protectedSinceMs === 0 ? undefined : sweep.protectedSinceMs,
      services: sweep.protectedServices,
      holdMs: sweep.holdMs
    }
    this.#options.swept?.(sweep)
    return sweep
  }

  #schedule (ms: number): void {
    const { clock } = this.#options
    this.#expectedAtMs = clock.now() + ms
    this.#cancel = clock.after(ms, () => this.#round())
  }

  async #round (): Promise<void> {
    const { clock, random, failed } = this.#options
    if (clock.now() - this.#expectedAtMs > stalledMs) this.#stalledAtMs = clock.now()
    let more = false
    try {
      more = (await this.sweep()).more
    } catch (error) {
      failed?.(error)
    } finally { // the next round comes also after a failure
      if (this.#running) this.#schedule(more ? 0 : intervalMs * (1 + jitter * (2 * random() - 1)))
    }
  }
}
