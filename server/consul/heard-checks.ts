// When each TTL check of an instance with several was heard here last. The lease is one: it is over when nobody beats. That one of several
// checks is silent is seen when another beats.
import type { Clock } from '../clock.ts'
import type { StoredCheck } from './form/record.ts'

/** Instances that are remembered: one that is forgotten has its silent check seen one TTL later. */
const maxInstances = 10_000

export class HeardChecks {
  readonly #clock: Clock
  readonly #heard = new Map<string, Map<string, number>>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** A check was heard: gives the others of the instance that are silent for longer than their TTL. */
  heard (key: string, checkId: string, checks: readonly StoredCheck[]): readonly string[] {
    const timed = checks.filter(({ ttlMs }) => ttlMs !== undefined)
    if (timed.length < 2) return []
    const now = this.#clock.now()
    const times = this.#heard.get(key) ?? new Map<string, number>()
    this.#heard.delete(key)
    this.#heard.set(key, times.set(checkId, now))
    for (const oldest of this.#heard.keys()) {
      if (this.#heard.size <= maxInstances) break
      this.#heard.delete(oldest)
    }
    for (const id of times.keys()) if (!timed.some((check) => check.id === id)) times.delete(id)
    // One that was never heard here may be heard by another node: its time begins now.
    for (const { id } of timed) if (!times.has(id)) times.set(id, now)
    return timed.filter(({ id, ttlMs = 0 }) => id !== checkId && now - (times.get(id) ?? now) > ttlMs).map(({ id }) => id)
  }

  forget (key: string): void {
    this.#heard.delete(key)
  }
}
