// Followers show this node's view, too: DNS does, in threads of its own. A client that got the answer to a write finds the
// write in DNS: the answer waits until the threads have it, for a bounded time.
import type { Clock } from '../clock.ts'

/** What follows the feed, and says how far it is. */
export interface Follower {
  /** Whether it shows this revision or a later one. */
  hasTaken (revision: number): boolean
  /** Calls back once it does, or has ended. */
  onTaken (revision: number, done: () => void): unknown
}

/** So long an answer waits. A thread that does not take a change in within this time has another fault, and writes must go on. */
export const maxWaitMs = 100

/** Upper bounds of the histogram, in seconds. */
export const waitBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1] as const

export class Followers {
  readonly #position: { readonly revision: number }
  readonly #clock: Pick<Clock, 'after'>
  readonly #now: () => number
  readonly #followers = new Set<Follower>()
  /** One of them did not keep up: nobody waits for it until it is there. */
  readonly #late = new Set<Follower>()
  /** Waits by their length, the last entry above all bounds. */
  readonly waits = new Float64Array(waitBounds.length + 1)
  /** Seconds of all waits. */
  waited = 0
  /** Answers that did not wait any longer, or not at all. */
  gaveUp = 0

  /** @param now monotonic milliseconds */
  constructor (position: { readonly revision: number }, clock: Pick<Clock, 'after'>, now: () => number = () => performance.now()) {
    this.#position = position
    this.#clock = clock
    this.#now = now
  }

  /** Answers to writes wait for it from now on. Gives a function that ends it. */
  add (follower: Follower): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /** Gives the result when all show what this node shows. */
  shown<Result> (write: Promise<Result>): Promise<Result> {
    return this.#followers.size === 0 ? write : this.#shown(write)
  }

  async #shown<Result> (write: Promise<Result>): Promise<Result> {
    const result = await write
    const { revision } = this.#position
    for (const follower of this.#followers) if (!follower.hasTaken(revision)) await this.#wait(follower, revision)
    return result
  }

  #wait (follower: Follower, revision: number): Promise<void> | undefined {
    if (this.#late.has(follower)) {
      this.gaveUp++
      return undefined
    }
    const beganMs = this.#now()
    return new Promise((resolve) => {
      let isLate = false
      const cancel = this.#clock.after(maxWaitMs, () => {
        isLate = true
        this.gaveUp++
        this.#late.add(follower)
        this.#count(maxWaitMs)
        resolve()
      })
      follower.onTaken(revision, () => {
        this.#late.delete(follower)
        if (isLate) return
        cancel()
        this.#count(this.#now() - beganMs)
        resolve()
      })
    })
  }

  #count (ms: number): void {
    const seconds = ms / 1_000
    let bucket = 0
    while (bucket < waitBounds.length && seconds > (waitBounds[bucket] ?? 0)) bucket++
    this.waits[bucket] = (this.waits[bucket] ?? 0) + 1
    this.waited += seconds
  }
}
