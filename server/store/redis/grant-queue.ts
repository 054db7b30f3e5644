// Grants of one turn of the event loop travel in one script call: the fence is paid once, and the connection carries a tenth of the bytes.
// So do those that come while a call is on its way, and in the turn after it, in which those come who have just been answered: each call is
// an answer and a piece of the log for this node to read, and Redis does one call after the other anyway.
import { RegistryError } from '../../errors.ts'
import { type Guard } from '../../guard.ts'
import { type Grant, type Granted, grantRefused } from '../store.ts'
import { overloaded } from './faults.ts'
import type { Link } from './link.ts'
import { proposeInstance, type Proposal } from './recovery.ts'
import { scripts } from './scripts.ts'

/** Grants in one call: about 2 ms of Redis, during which heartbeats wait. */
const batchSize = 100
/** Waiting beyond it means that Redis is far slower than the callers. */
const maxQueued = 20_000

/** Of scripts/grant, for one. */
type Reply = readonly [Granted['outcome'], string, string, number, number, number]

interface Queued {
  readonly grant: Grant
  readonly resolve: (granted: Granted) => void
  readonly reject: (error: unknown) => void
}

export class GrantQueue {
  readonly #link: Link
  readonly #guard: Guard
  #queue: Queued[] = []
  #scheduled: NodeJS.Immediate | undefined
  /** Calls on their way. */
  #underWay = 0
  /** A call is on its way, or was in this turn of the loop. */
  #isGathering = false

  constructor (link: Link, guard: Guard) {
    this.#link = link
    this.#guard = guard
  }

  add (grant: Grant): Promise<Granted> {
    if (this.#queue.length >= maxQueued) return Promise.reject(overloaded(`${maxQueued} registrations wait for Redis already`))
    return new Promise((resolve, reject) => {
      this.#queue.push({ grant, resolve, reject })
      this.#schedule()
    })
  }

  /** Sends what waits, now. */
  flush (): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    while (this.#queue.length > 0) void this.#send(this.#queue.splice(0, batchSize)) // it never rejects
  }

  /** What waits is sent at the end of this turn, or when a call has come back. A full call does not wait for others. */
  #schedule (): void {
    if (this.#queue.length === 0 || (this.#isGathering && this.#queue.length < batchSize)) return
    this.#scheduled ??= setImmediate(this.#guard.around('store', () => {
      this.#scheduled = undefined
      void this.#send(this.#queue.splice(0, batchSize)) // it never rejects
      this.#schedule()
    }))
  }

  async #send (batch: readonly Queued[]): Promise<void> {
    this.#underWay++
    this.#isGathering = true
    try {
      const [now, ...replies] = await this.#call(batch)
      for (const [index, queued] of batch.entries()) {
        // scripts/grant: one answer for each
        const reply = replies[index] as Reply | readonly ['full'] | readonly ['owned', string]
        if (reply[0] === 'owned') queued.reject(grantRefused(queued.grant.key, reply[1]))
        else if (reply[0] === 'full') queued.reject(new RegistryError('REG_STORE_FULL', 'The store is full: Redis has reached its maxmemory'))
        else this.#delivered(queued.grant, Number(now), reply).then(queued.resolve, queued.reject)
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    this.#underWay--
    setImmediate(this.#guard.around('store', () => {
      this.#isGathering = this.#underWay > 0
      this.#schedule()
    }))
  }

  /** A full Redis refuses the script before it begins; what is registered so already needs no memory and is renewed all the same. */
  async #call (batch: readonly Queued[]): Promise<readonly unknown[]> {
    const args = batch.flatMap(({ grant: { key, lease, generation, newGeneration, ttlMs, by, body, owner } }) =>
      [key, lease, generation ?? '', newGeneration, ttlMs, by, body, owner ?? '*'])
    try {
      return await this.#link.call(scripts.grant, args)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REG_STORE_FULL') throw error
      return this.#link.call(scripts.grantWhenFull, args)
    }
  }

  async #delivered ({ key, ttlMs, body }: Grant, now: number, reply: Reply): Promise<Granted> {
    const [outcome, lease, generation, revision, createdRevision, createdAtMs] = reply
    const propose = outcome === 'unchanged'
      ? undefined
      : (): Proposal => proposeInstance({
        key, lease, generation, ttlMs, createdRevision, revision, shownRevision: revision, createdAtMs, updatedAtMs: now, suspect: false, body
      })
    let final = revision
    await this.#link.pending.delivery(revision, (view) => {
      const found = view.instance(lease)
      if (found?.body !== body) return false
      final = found.revision
      return true
    }, propose)
    return { outcome, lease, generation, revision: final }
  }
}
