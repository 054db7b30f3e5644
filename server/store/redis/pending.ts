// Writes that Redis acknowledged and this node has not yet seen in the log. A caller is answered only when its change
// has come through the log, like all changes.
import { RegistryError } from '../../errors.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../store.ts'
import type { Proposal } from './recovery.ts'

/** What a load found, to judge the writes of a term that is over. */
export interface View {
  instance (lease: string): InstanceRecord | undefined
  object (key: string): ObjectRecord | undefined
}

/** Says whether the write is in a store that has lost something since. */
export type Verify = (view: View) => boolean

interface Waiting {
  /** Written when they are needed, which is hardly ever. */
  readonly proposals: (() => Proposal)[]
  readonly waiters: { resolve: () => void, reject: (error: Error) => void, verify: Verify }[]
}

export class Pending {
  readonly #byRevision = new Map<number, Waiting>()
  /** The highest revision that the follower has. */
  #delivered = 0
  #idle: (() => void)[] = []
  #closed = false

  /** The highest revision that this node knows to exist. */
  get highest (): number {
    let highest = this.#delivered
    for (const revision of this.#byRevision.keys()) if (revision > highest) highest = revision
    return highest
  }

  /** Own writes that no follower would re-propose, because none has seen them. */
  proposals (): Proposal[] {
    return [...this.#byRevision.values()].flatMap(({ proposals }) => proposals.map((propose) => propose()))
  }

  /** Resolves when the follower has the revision. Rejects with REG_OUTCOME_UNKNOWN if a loss in between swallowed it. */
  delivery (revision: number, verify: Verify, propose?: () => Proposal): Promise<void> {
    if (revision <= this.#delivered) return Promise.resolve()
    if (this.#closed) return Promise.reject(swallowed())
    let waiting = this.#byRevision.get(revision)
    if (waiting === undefined) {
      waiting = { proposals: [], waiters: [] }
      this.#byRevision.set(revision, waiting)
    }
    if (propose !== undefined) waiting.proposals.push(propose)
    const { waiters } = waiting
    return new Promise((resolve, reject) => { waiters.push({ resolve, reject, verify }) })
  }

  /** Resolves when no caller waits. */
  idle (): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#tellIdle()
    })
  }

  #tellIdle (): void {
    if (this.#idle.length === 0 || [...this.#byRevision.values()].some(({ waiters }) => waiters.length > 0)) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The follower has these. */
  applied (changes: readonly Change[]): void {
    for (const { revision } of changes) {
      this.#delivered = revision
      const waiting = this.#byRevision.get(revision)
      if (waiting === undefined) continue
      this.#byRevision.delete(revision)
      for (const { resolve } of waiting.waiters) resolve()
    }
    this.#tellIdle()
  }

  /** The follower has come to the beginning of a new term. */
  passed (revision: number): void {
    this.#delivered = revision
  }

  /** The follower has a whole snapshot. `isLost` tells the revisions that are not part of its history. */
  loaded (revision: number, isLost: (revision: number) => boolean, view: View): void {
    this.#delivered = revision
    for (const [written, { waiters }] of this.#byRevision) {
      const lost = isLost(written)
      if (!lost && written > revision) continue // still on its way
      this.#byRevision.delete(written)
      for (const { resolve, reject, verify } of waiters) {
        if (!lost || verify(view)) resolve()
        else reject(swallowed())
      }
    }
    this.#tellIdle()
  }

  /** Ends all waiting. Writes that are to be re-proposed are kept. */
  giveUp (): void {
    for (const { waiters } of this.#byRevision.values()) {
      for (const { reject } of waiters.splice(0)) reject(swallowed())
    }
    this.#tellIdle()
  }

  /** Also refuses all further waiting. */
  close (): void {
    this.#closed = true
    this.giveUp()
  }
}

function swallowed (): RegistryError {
  return new RegistryError('REG_OUTCOME_UNKNOWN', 'Redis acknowledged the write, and was lost before this node saw it in the log: the write may or may not survive', undefined, { retryAfterSeconds: 1 })
}
