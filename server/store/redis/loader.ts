// Loads the keyspace into the node, after what this node saw and Redis lost has been put back.
import type { Follower } from '../store.ts'
import { SessionFault } from './faults.ts'
import { keptVoidRanges, type Progress } from './keyspace.ts'
import type { Keys } from './keys.ts'
import { partingOf } from './lineage.ts'
import type { KeyspaceParts, LinkSettings, StoreLogger } from './link-settings.ts'
import type { Pending } from './pending.ts'
import { parseEntry, parseVoid } from './records.ts'
import { collectProposals, isEnd, proposalArguments } from './recovery.ts'
import { scripts } from './scripts.ts'
import type { Session } from './session.ts'
import { entriesOf, type Raised, readCount, readSnapshot } from './snapshot.ts'
import { recoveryHorizonMs, ToldEnds } from './told-ends.ts'

/** Entries in one call of repropose: about 5 ms of Redis. */
const proposalBatch = 200
/** Batches on their way: a heartbeat waits for so many at most. */
const proposalFlights = 4
/** A load that loses against trimming or new terms so often will not win in this session. */
export const maxLoadAttempts = 5

export class Loader {
  progress: Progress = { epoch: '', term: '', lineage: [], revision: 0 }
  /** Redis refused the raise of this node's load: its views stand higher than those of others until it is done. */
  raiseDue = false
  /** What callers and Redis were told of ends lately: a second failover may lose what the first one did not. */
  readonly toldEnds: ToldEnds
  readonly #pending: Pending
  readonly #keys: Keys
  readonly #settings: LinkSettings
  readonly #logger: StoreLogger
  readonly #now: () => number
  /** Since when something may be lost again: the base of each late term, with this process' time of having recovered from it. */
  #lateBases: { readonly base: number, readonly atMs: number }[] = []

  constructor ({ keys, settings, logger }: KeyspaceParts, pending: Pending, now: () => number) {
    this.#keys = keys
    this.#settings = settings
    this.#logger = logger
    this.#pending = pending
    this.#now = now
    this.toldEnds = new ToldEnds(now)
  }

  /** Puts back what this node saw and Redis lost, then hands the whole keyspace to the follower. */
  async load (session: Session, follower: Follower): Promise<void> {
    for (let attempt = 0; attempt < maxLoadAttempts; attempt++) {
      const [epoch, run, number, ranges] = await session.ask((client) => client.hmget(this.#keys.meta, 'epoch', 'run', 'term', 'void')) as (string | null)[]
      if (epoch !== session.epoch || run !== session.run) throw new SessionFault('the keyspace changed while loading')
      const term = `${run}/${number}`
      const same = this.progress.epoch === epoch
      const lineage = parseVoid(ranges ?? '')
      const parting = same && this.progress.term !== term ? partingOf(this.progress.lineage, lineage) : undefined
      if (this.progress.epoch !== '' && (!same || parting !== undefined)) {
        const nowMs = this.#now()
        this.#lateBases = same ? this.#lateBases.filter(({ atMs }) => nowMs - atMs < recoveryHorizonMs).slice(-keptVoidRanges) : []
        if (parting !== undefined) this.#lateBases.push({ base: parting.base, atMs: nowMs })
        await this.#recover(session, follower, same ? Math.min(...this.#lateBases.map(({ base }) => base)) : 0, !same)
      }
      const read = await readSnapshot(session.ask, this.#keys, session.epoch, () => this.raise(session))
      if (read === undefined) continue
      const { snapshot, view } = read
      this.progress = { epoch: session.epoch, term, lineage, revision: snapshot.revision }
      await follower.load(snapshot)
      const isLost = (revision: number): boolean => !same || (parting !== undefined && revision > parting.base &&
        (parting.isApart || parting.begun.some(({ after, until }) => revision > after && revision < until)))
      this.#pending.loaded(snapshot.revision, isLost, view)
      return
    }
    throw new SessionFault('the log was trimmed faster than the keyspace could be read')
  }

  /**
   * A new term that lost nothing that this node has seen, as after an orderly restart or the promotion of a replica that is ahead of this node:
   * the log of before is followed to its end, and goes on behind the mark of the term. Not if a term shortly before may have lost something:
   * what was put back then is offered once more.
   * @returns false if everything must be loaded
   */
  async passTerm (session: Session, follower: Follower): Promise<boolean> {
    const { epoch, term, lineage } = this.progress
    if (this.toldEnds.proposals().length > 0) return false // of those the log says nothing
    if (epoch !== session.epoch || this.#lateBases.some(({ atMs }) => this.#now() - atMs < recoveryHorizonMs)) return false
    const [run, number, ranges] = await session.ask((client) => client.hmget(this.#keys.meta, 'run', 'term', 'void')) as (string | null)[]
    const lost = parseVoid(ranges ?? '')
    const parting = partingOf(lineage, lost)
    const [range, ...others] = parting?.begun ?? []
    if (`${run}/${number}` === term || range === undefined || others.length > 0 || parting?.isApart === true) return false
    if (this.#pending.highest > range.after) return false // it has seen what is lost
    for (;;) {
      const from = `${this.progress.revision}-0`
      const entries = entriesOf(await session.ask((client) => client.call('XREAD', 'COUNT', readCount, 'STREAMS', this.#keys.log, from)))
      if (entries.length === 0) return false
      for (const entry of entries) {
        const change = parseEntry(entry)
        if (change.type === 'break') {
          if (this.progress.revision !== range.after || change.revision !== range.until) return false
          await follower.passTerm({ revision: range.until, lost })
          this.progress = { epoch, term: `${run}/${number}`, lineage: lost, revision: range.until }
          this.#lateBases.push({ base: range.after, atMs: this.#now() })
          this.#pending.passed(range.until)
          return true
        }
        if (change.revision !== this.progress.revision + 1) return false
        this.progress = { ...this.progress, revision: change.revision }
        await follower.apply([change])
        this.#pending.applied([change])
      }
    }
  }

  /**
   * All nodes raise what they derive to the revision of this load. A Redis that refuses writes must not keep a node from answering reads: it
   * then raises its own, and the others' later.
   */
  async raise (session: Session): Promise<Raised> {
    try {
      const [revision, derived, instances] = await session.call(scripts.raise, []) as [number, number, number] // scripts/raise
      this.raiseDue = false
      return { revision, floors: { derived, instances } }
    } catch (error) {
      if (session.fault !== undefined) throw error
      this.raiseDue = true
      const [rev, first] = await session.ask((client) => client.hmget(this.#keys.meta, 'rev', 'first')) as (string | null)[]
      return { revision: Number(rev), floors: { derived: Number(rev), instances: Number(first ?? 0) } }
    }
  }

  async #recover (session: Session, follower: Follower, base: number, whole: boolean): Promise<void> {
    const proposals = await collectProposals(follower, [...this.#pending.proposals(), ...this.toldEnds.proposals()], base, whole)
    for (const proposal of proposals) if (isEnd(proposal)) this.toldEnds.add(proposal)
    let put = 0
    let removed = 0
    // Some are on their way at once: Redis puts in what this node writes down meanwhile.
    const sent: { readonly from: number, readonly reply: Promise<readonly unknown[]> }[] = []
    for (let from = 0; from < proposals.length || sent.length > 0;) {
      if (from < proposals.length && sent.length < proposalFlights) {
        const args = proposals.slice(from, from + proposalBatch).flatMap(proposalArguments)
        const reply = session.call(scripts.repropose, [this.#settings.holdMs, this.#settings.recoveryMs, ...args])
        reply.catch(() => undefined) // it is waited for in its turn, if none before it has failed
        sent.push({ from, reply })
        from += proposalBatch
        continue
      }
      const first = sent.shift()
      const [more, fewer] = await first?.reply ?? []
      if (more === undefined) {
        this.#logger.warn({ base, states: proposals.length - (first?.from ?? 0) }, 'redis: came back after the recovery window; what only this node saw must be registered again')
        break
      }
      put += Number(more)
      removed += Number(fewer)
    }
    this.#logger.info({ base, seen: proposals.length, put, removed }, 'redis: recovered what this node had seen')
  }
}
