// Ends that this node has told its callers or Redis, for as long as a failover may swallow them: an end whose record was not there left no entry
// in the log, only a tombstone, and no follower remembers it.
import type { Proposal } from './recovery.ts'

/** A promotion that comes so soon after another may have lost what was put back after the first: then that is offered once more. */
export const recoveryHorizonMs = 60_000
/** Some 30 MB; in an ordinary minute there is none. */
const defaultLimit = 100_000

export class ToldEnds {
  /** By what ended, the one that was told last at the end. */
  readonly #ends = new Map<string, { readonly proposal: Proposal, readonly atMs: number }>()
  readonly #now: () => number
  readonly #limit: number

  constructor (now: () => number, limit = defaultLimit) {
    this.#now = now
    this.#limit = limit
  }

  add (proposal: Proposal): void {
    const tag = `${proposal.kind} ${proposal.id}`
    const known = this.#ends.get(tag)
    this.#ends.delete(tag)
    // What is known of its key, and the newest revision, are kept.
    const kept = known !== undefined && known.proposal.revision > proposal.revision ? known.proposal : proposal
    this.#ends.set(tag, { proposal: kept, atMs: this.#now() })
    this.#forget()
  }

  /** Those of the last minute. */
  proposals (): Proposal[] {
    this.#forget()
    return Array.from(this.#ends.values(), ({ proposal }) => proposal)
  }

  #forget (): void {
    const nowMs = this.#now()
    for (const [tag, { atMs }] of this.#ends) {
      if (nowMs - atMs < recoveryHorizonMs && this.#ends.size <= this.#limit) return
      this.#ends.delete(tag)
    }
  }
}
