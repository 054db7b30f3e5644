// "Who has seen it": watchers acknowledge revisions, so that an operator knows when a change has reached all of them.
import { RegistryError } from '../../errors.ts'
import type { AppliedChange } from './change-ring.ts'
import type { Feed } from './feed.ts'
import type { Clock } from '../../clock.ts'

/** How many revisions are tracked: an operator asks about the change that he has just made. */
const maxTracked = 1_000
/** How many laggards an answer names. */
const maxNamed = 100

/** A connection that acknowledges. `concerns` says whether any of its subscriptions takes a change. */
export interface Acknowledger {
  readonly name: string
  readonly concerns: (change: AppliedChange) => boolean
}

/** The two verbs of one that acknowledges. */
export interface Acknowledging {
  /** It has seen everything up to a revision. */
  acknowledge (revision: number): void
  /** It is gone: nothing is waited for from it. */
  leave (): void
}

export interface PropagationReport {
  readonly revision: number
  /** How many watchers were to see the change, as far as they ever acknowledge. */
  readonly watchers: number
  readonly seen: number
  /** Who has not, at most 100. */
  readonly pending: readonly string[]
  /** From the moment this node took the change in to the acknowledgement, milliseconds; absent while no watcher has. */
  readonly delayMs?: { readonly median: number, readonly max: number }
}

/** Shared by all changes for which no watcher acknowledges; always empty. */
const noAcknowledgers = new Set<Acknowledger>()

interface Tracked {
  readonly change: AppliedChange
  readonly appliedAtMs: number
  readonly delays: number[]
  readonly pending: Set<Acknowledger>
}

export class Propagation {
  readonly #clock: Clock
  readonly #tracked = new Map<number, Tracked>()
  readonly #acknowledgers = new Set<Acknowledger>()
  /** The oldest of `#tracked` is its next one: to look for it from the beginning would go over all that were deleted. */
  readonly #oldest = this.#tracked.keys()

  constructor (feed: Feed, clock: Clock) {
    this.#clock = clock
    feed.listen({ name: 'propagation', changed: (change) => this.#track(change), reset: () => this.#tracked.clear() })
  }

  /** A watcher that has begun to acknowledge. Gives its two verbs. */
  join (acknowledger: Acknowledger): Acknowledging {
    this.#acknowledgers.add(acknowledger)
    return {
      acknowledge: (revision) => this.#acknowledge(acknowledger, revision),
      leave: () => {
        this.#acknowledgers.delete(acknowledger)
        for (const tracked of this.#tracked.values()) tracked.pending.delete(acknowledger)
      }
    }
  }

  /** @throws RegistryError REG_REVISION_NOT_FOUND */
  report (revision: number): PropagationReport {
    const tracked = this.#tracked.get(revision)
    if (tracked === undefined) throw new RegistryError('REG_REVISION_NOT_FOUND', `revision ${revision} is not among the last ${maxTracked} changes that this node saw`)
    const delays = tracked.delays.toSorted((a, b) => a - b)
    const max = delays.at(-1)
    return {
      revision,
      watchers: delays.length + tracked.pending.size,
      seen: delays.length,
      pending: Array.from(tracked.pending, (acknowledger) => acknowledger.name).slice(0, maxNamed),
      ...(max === undefined ? {} : { delayMs: { median: delays[delays.length >> 1] ?? max, max } })
    }
  }

  #track (change: AppliedChange): void {
    const pending = this.#acknowledgers.size === 0 ? noAcknowledgers : new Set<Acknowledger>()
    for (const acknowledger of this.#acknowledgers) if (acknowledger.concerns(change)) pending.add(acknowledger)
    this.#tracked.set(change.revision, { change, appliedAtMs: this.#clock.now(), delays: [], pending })
    if (this.#tracked.size > maxTracked) {
      const { value: oldest } = this.#oldest.next()
      if (oldest !== undefined) this.#tracked.delete(oldest)
    }
  }

  #acknowledge (acknowledger: Acknowledger, revision: number): void {
    const now = this.#clock.now()
    for (const [tracked, entry] of this.#tracked) {
      if (tracked > revision) break
      if (entry.pending.delete(acknowledger)) entry.delays.push(now - entry.appliedAtMs)
    }
  }
}
