// How much one identity may ask for in a while: writes, heartbeats, registrations of what is registered already and watches apart, so that one
// that writes without end, or whose instances all register again after an outage, keeps neither its own instances from being renewed nor
// anybody else from anything.
import type { Clock } from '../clock.ts'

export type Use = 'writes' | 'heartbeats' | 'registrations' | 'watches'

export interface Limit {
  /** What comes back in a second. */
  readonly perSecond: number
  /** What may be used at once. */
  readonly burst: number
}

/** Identities that are remembered for each use: who is forgotten begins with a full bucket. */
const maxIdentities = 10_000
const maxWaitSeconds = 60

interface Bucket {
  left: number
  atMs: number
}

export class Buckets {
  readonly #clock: Pick<Clock, 'now'>
  readonly #limits: Readonly<Record<Use, Limit>>
  readonly #buckets = new Map<Use, Map<string, Bucket>>()

  constructor (clock: Pick<Clock, 'now'>, limits: Readonly<Record<Use, Limit>>) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Takes some. Gives the seconds after which there is enough again, 0 = it was there. What is more than a whole bucket takes a whole bucket. */
  take (use: Use, identity: string, amount: number): number {
    const { perSecond, burst } = this.#limits[use]
    let buckets = this.#buckets.get(use)
    if (buckets === undefined) this.#buckets.set(use, buckets = new Map<string, Bucket>())
    const now = this.#clock.now()
    const bucket = buckets.get(identity) ?? { left: burst, atMs: now }
    bucket.left = Math.min(burst, bucket.left + Math.max(0, now - bucket.atMs) / 1_000 * perSecond)
    bucket.atMs = now
    const wanted = Math.min(amount, burst)
    const isThere = bucket.left >= wanted
    if (isThere) bucket.left -= wanted
    if (!buckets.has(identity) && buckets.size >= maxIdentities) for (const oldest of buckets.keys()) if (buckets.delete(oldest)) break
    buckets.set(identity, bucket)
    return isThere ? 0 : Math.min(maxWaitSeconds, Math.ceil((wanted - bucket.left) / perSecond))
  }
}
