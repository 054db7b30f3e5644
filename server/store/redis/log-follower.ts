// Follows the log of Redis: hands each change on, notices gaps, and looks now and then whether Redis is still the same.
import type { Change, Follower } from '../store.ts'
import { checkPolicy, parseInfo } from './connection.ts'
import { SessionFault } from './faults.ts'
import type { Keys } from './keys.ts'
import type { Loader } from './loader.ts'
import type { Pending } from './pending.ts'
import { lookAtMeta } from './meta.ts'
import { parseEntry } from './records.ts'
import type { Session } from './session.ts'
import type { Silence } from './silence.ts'
import { type Ask, entriesOf, lastLogged, readCount } from './snapshot.ts'

/** How often Redis' eviction policy is looked at: an operator may change it while all runs. */
const policyCheckMs = 20_000

export interface LogFollowerParts {
  readonly keys: Keys
  readonly loader: Loader
  readonly pending: Pending
  /** How long one read of the log may wait. */
  readonly blockMs: number
  readonly now: () => number
  readonly silence: Silence
}

export class LogFollower {
  readonly #keys: Keys
  readonly #loader: Loader
  readonly #pending: Pending
  readonly #blockMs: number
  readonly #now: () => number
  readonly #silence: Silence
  #policyCheckedAtMs = 0

  constructor ({ keys, loader, pending, blockMs, now, silence }: LogFollowerParts) {
    this.#silence = silence
    this.#keys = keys
    this.#loader = loader
    this.#pending = pending
    this.#blockMs = blockMs
    this.#now = now
  }

  /** The policy has just been checked: connecting does so. */
  connected (): void {
    this.#policyCheckedAtMs = this.#now()
  }

  /** Hands on what comes. Ends only by throwing. */
  async follow (session: Session, follower: Follower): Promise<never> {
    try {
      this.#silence.heard()
      return await this.#rounds(session, follower)
    } finally {
      this.#silence.end()
    }
  }

  async #rounds (session: Session, follower: Follower): Promise<never> {
    const ask = this.#heard(session.ask)
    let behind = 0
    for (;;) {
      const from = `${this.#loader.progress.revision}-0`
      const entries = entriesOf(await session.read((client) => client.call('XREAD', 'BLOCK', this.#blockMs, 'COUNT', readCount, 'STREAMS', this.#keys.log, from)))
      const changes: Change[] = []
      let revision = this.#loader.progress.revision
      for (const entry of entries) {
        const change = parseEntry(entry)
        if (change.type === 'break' || change.revision !== revision + 1) break
        changes.push(change)
        revision = change.revision
      }
      if (changes.length > 0) {
        this.#loader.progress = { ...this.#loader.progress, revision }
        await follower.apply(changes)
        this.#pending.applied(changes)
      }
      this.#silence.heard()
      if (entries.length > 0) behind = 0
      if (changes.length < entries.length) {
        // A gap, which XREAD itself never reports: the log was trimmed under us, or a term began.
        await this.#loader.load(session, follower)
        if (await lastLogged(session.ask, this.#keys.log) > this.#loader.progress.revision) await this.#checkLog(session)
      } else if (entries.length === 0) {
        behind = await this.#isBehind(session, ask) ? behind + 1 : 0
        if (behind > 1) await this.#loader.load(session, follower)
        else if (this.#loader.raiseDue) await this.#loader.raise(session)
      }
      await this.#checkPolicy(ask)
    }
  }

  /** @throws SessionFault if the log has what no script of ours wrote: the next session begins a new term behind it */
  async #checkLog (session: Session): Promise<void> {
    const last = await lastLogged(session.ask, this.#keys.log) // before the revision, so that what is written meanwhile is no fault
    const revision = Number(await session.ask((client) => client.hget(this.#keys.meta, 'rev')))
    if (last > revision) throw new SessionFault('the log of Redis has an entry that this program did not write')
  }

  /** After a quiet round: is Redis still the one it was? A reset log would keep a blocked reader waiting in silence. */
  async #isBehind (session: Session, ask: Ask): Promise<boolean> {
    // Both go at once: over a slow line each costs a round trip, in which nothing is followed.
    const looked = lookAtMeta(ask, this.#keys).catch((error: unknown) => ({ error }))
    const [epoch, run, rev] = await ask((client) => client.hmget(this.#keys.meta, 'epoch', 'run', 'rev')) as (string | null)[]
    if (epoch !== session.epoch) throw new SessionFault('the keyspace is gone')
    if (run !== session.run) throw new SessionFault('another server was promoted')
    const revision = Number(rev)
    const damage = await looked
    if (damage !== undefined) throw damage.error
    if (revision < this.#loader.progress.revision) throw new SessionFault('Redis went back in time')
    return revision > this.#loader.progress.revision
  }

  async #checkPolicy (ask: Ask): Promise<void> {
    if (this.#now() - this.#policyCheckedAtMs < policyCheckMs) return
    this.#policyCheckedAtMs = this.#now()
    await lookAtMeta(ask, this.#keys) // a log that is never quiet is no reason to miss it
    checkPolicy(parseInfo(String(await ask((client) => client.info('memory')))))
  }

  /** Each answer is a word of Redis. */
  #heard (ask: Ask): Ask {
    return async (send) => {
      const reply = await ask(send)
      this.#silence.heard()
      return reply
    }
  }
}
