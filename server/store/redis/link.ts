// Keeps the node linked to Redis: connects, begins keyspace and term, recovers, loads, follows, and all over again after each break.
import { randomBytes } from 'node:crypto'
import { type Guard } from '../../guard.ts'
import type { Change, Follower, Snapshot } from '../store.ts'
import { checkPolicy, type Connections, Connector, parseInfo } from './connection.ts'
import type { RedisAddress } from './address.ts'
import { connectFault, isForeignKey, isTimeout, messageOf, SessionFault, SettingFault, unavailable } from './faults.ts'
import type { Keys } from './keys.ts'
import { Patience, type Timeouts } from './patience.ts'
import { Pending } from './pending.ts'
import { parseEntry, parseVoid } from './records.ts'
import { collectProposals } from './recovery.ts'
import { scripts, type Script } from './scripts.ts'
import { Session } from './session.ts'
import { entriesOf, lastLogged, type Raised, readCount, readSnapshot } from './snapshot.ts'

export interface StoreLogger {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** Settings of the link, all given; redis-store.ts has the defaults and their reasons. */
export interface LinkSettings {
  readonly maxLogLength: number
  readonly maxLogBytes: number
  readonly holdMs: number
  readonly recoveryMs: number
  readonly revisionJump: number
  readonly timeouts: Timeouts
}

/** What a link is made of. */
export interface LinkParts {
  readonly address: RedisAddress
  readonly keys: Keys
  readonly settings: LinkSettings
  readonly logger: StoreLogger
  readonly now: () => number
  readonly random: () => number
  readonly guard: Guard
}

/** The layout of the keyspace that this code writes (meta `schema`, set by scripts/init). */
const schema = 1
/** Void ranges that a keyspace remembers: a cursor older than sixteen failovers is far behind the trimmed log. */
const keptVoidRanges = 16
/** Entries in one call of repropose: about 5 ms of Redis. */
const proposalBatch = 200
/** A load that loses against trimming or new terms so often will not win in this session. */
const maxLoadAttempts = 5
/**
 * Full jitter between attempts, doubling: a few nodes per Redis, so the first come soon, and no node waits long after
 * an outage.
 */
const backoffBaseMs = 50
const backoffCapMs = 1_000
/** A session that lived so long was a good one: the next attempt comes soon again. */
const steadyMs = 5_000

/** How often Redis' eviction policy is looked at: an operator may change it while all runs. */
const policyCheckMs = 20_000

/** A promotion that comes so soon after another may have lost what was put back after the first: then that is offered once more. */
const recoveryHorizonMs = 60_000

/** What this node has, across sessions. */
interface Progress {
  readonly epoch: string
  /** Process and number of the term: two successive promotions can carry the same number. */
  readonly term: string
  readonly revision: number
}

export class Link {
  readonly pending = new Pending()
  readonly #connector: Connector
  readonly #patience: Patience
  readonly #keys: Keys
  readonly #settings: LinkSettings
  readonly #logger: StoreLogger
  readonly #now: () => number
  readonly #random: () => number
  readonly #guard: Guard
  #follower: Follower | undefined
  #progress: Progress = { epoch: '', term: '', revision: 0 }
  /** Since when something may be lost again: the base of each late term, with this process' time of having recovered from it. */
  #lateBases: { readonly base: number, readonly atMs: number }[] = []
  #session: Session | undefined
  /** Loaded and following: writes may be sent. */
  #live: Session | undefined
  #available: boolean | undefined
  #reason = 'not connected yet'
  #closing = false
  #running: Promise<void> | undefined
  #stopWaiting: (() => void) | undefined
  #settleTimer: NodeJS.Timeout | undefined
  /** Redis refused the raise of this node's load: its views stand higher than those of others until it is done. */
  #raiseDue = false
  #policyCheckedAtMs = 0

  constructor ({ address, keys, settings, logger, now, random, guard }: LinkParts) {
    this.#guard = guard
    this.#patience = new Patience(settings.timeouts)
    this.#connector = new Connector(address, this.#patience, keys.meta, guard)
    this.#keys = keys
    this.#settings = settings
    this.#logger = logger
    this.#now = now
    this.#random = random
  }

  /** Resolves after the first load; rejects at once on what only a person can cure. */
  open (follower: Follower): Promise<void> {
    if (this.#closing) return Promise.reject(unavailable('it is closed'))
    if (this.#running !== undefined) return Promise.reject(new TypeError('a store is opened once'))
    this.#follower = follower
    return new Promise((resolve, reject) => { this.#running = this.#run(follower, resolve, reject) })
  }

  /** Sends a script in the living session. Throws REG_STORE_UNAVAILABLE at once if there is none. */
  async call (script: Script, args: readonly (string | number)[]): Promise<readonly unknown[]> {
    return this.check().call(script, args)
  }

  /** Throws unless writes may be sent. */
  check (): Session {
    if (this.#live === undefined || this.#closing) throw unavailable(this.#reason)
    return this.#live
  }

  /** Resolves when the follower has all that is in Redis now. */
  async sync (): Promise<void> {
    const session = this.check()
    let revision: number
    try {
      const [epoch, rev] = await session.ask((client) => client.hmget(this.#keys.meta, 'epoch', 'rev')) as (string | null)[]
      if (epoch !== session.epoch) throw new SessionFault('the keyspace is gone')
      revision = Number(rev)
    } catch (error) {
      const fault = connectFault(error)
      session.end(fault)
      throw unavailable(fault.message, error)
    }
    await this.pending.delivery(revision, () => true)
  }

  /** All that is in Redis at one moment. Nothing is raised by it: no node derives anything from it. */
  async snapshot (): Promise<Snapshot> {
    const session = this.check()
    const here = async (): Promise<Raised> => ({
      revision: Number(await session.ask((client) => client.hget(this.#keys.meta, 'rev'))), floors: { derived: 0, instances: 0 }
    })
    for (let attempt = 0; attempt < maxLoadAttempts; attempt++) {
      const read = await readSnapshot(session.ask, this.#keys, session.epoch, here)
      if (read !== undefined) return read.snapshot
    }
    throw unavailable('the log was trimmed faster than the keyspace could be read')
  }

  /** Takes no more calls, lets those under way come to their end, then cuts the connections. */
  async close (): Promise<void> {
    if (!this.#closing) {
      this.#closing = true
      this.#reason = 'it is closed'
      if (this.#live !== undefined) await this.#finish(this.#live)
      this.#session?.end(new SessionFault('it is closed'))
      this.#connector.abort()
      this.#stopWaiting?.()
      clearTimeout(this.#settleTimer)
      this.pending.close()
    }
    await this.#running
  }

  /** Bounded: calls time out, and for their delivery a second is enough while the session lives. */
  async #finish (session: Session): Promise<void> {
    await session.drained()
    await new Promise((resolve) => { setImmediate(resolve) }) // what was answered now waits for its delivery
    const idle = this.pending.idle()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([idle, new Promise((resolve) => { timer = setTimeout(resolve, this.#patience.commandMs) })])
    clearTimeout(timer)
  }

  async #run (follower: Follower, opened: () => void, refused: (error: Error) => void): Promise<void> {
    let attempt = 0
    let loaded = false
    while (!this.#closing) {
      let since = Infinity
      let fault: unknown
      try {
        const session = await this.#begin(follower)
        loaded = true
        since = this.#now()
        this.#becomeAvailable(session)
        opened()
        await this.#follow(session, follower)
      } catch (error) {
        fault = error
      }
      this.#live = undefined
      this.#session?.end(fault instanceof Error ? fault : new SessionFault(messageOf(fault)))
      const reason = messageOf(this.#session?.fault ?? fault)
      this.#session = undefined
      if (this.#closing) break
      if (!loaded && fault instanceof SettingFault) {
        this.#closing = true
        refused(unavailable(fault.message, fault))
        return
      }
      this.#becomeAway(reason)
      attempt = this.#now() - since > steadyMs ? 0 : attempt + 1
      await this.#pause(this.#random() * Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(attempt, 10)))
    }
    refused(unavailable('it is closed'))
  }

  /** Connects, makes sure of keyspace and term, and loads. */
  async #begin (follower: Follower): Promise<Session> {
    const connections = await this.#connect()
    if (this.#closing) {
      connections.close()
      throw new SessionFault('it is closed')
    }
    const session = new Session(connections, this.#keys, this.#patience, this.#settings.timeouts.blockMs, this.#guard)
    this.#session = session
    try {
      await this.#ensureKeyspace(session)
      await this.#ensureTerm(session)
      if (await this.#canContinue(session)) this.#logger.info({ revision: this.#progress.revision }, 'redis: the log goes on from where this node stood')
      else if (await this.#passTerm(session, follower)) this.#logger.info({ revision: this.#progress.revision }, 'redis: the new term has all that this node had seen')
      else await this.#load(session, follower)
    } catch (error) {
      throw connectFault(error)
    }
    return session
  }

  async #connect (): Promise<Connections> {
    try {
      const connections = await this.#connector.connect()
      this.#patience.connected()
      this.#policyCheckedAtMs = this.#now()
      return connections
    } catch (error) {
      if (isTimeout(error)) this.#patience.timedOut()
      throw error
    }
  }

  /** A broken line in the same term is no reason to read anything anew: if the log still has what comes next, it is followed. */
  async #canContinue (session: Session): Promise<boolean> {
    const { epoch, term, revision } = this.#progress
    if (epoch !== session.epoch) return false
    const [run, number, rev] = await session.ask((client) => client.hmget(this.#keys.meta, 'run', 'term', 'rev')) as (string | null)[]
    if (`${run}/${number}` !== term || Number(rev) < revision) return false
    if (Number(rev) === revision) return true
    const [next] = entriesOf(await session.ask((client) => client.call('XREAD', 'COUNT', 1, 'STREAMS', this.#keys.log, `${revision}-0`)))
    if (next === undefined) return false
    const change = parseEntry(next)
    return change.type !== 'break' && change.revision === revision + 1
  }

  /**
   * A new term that lost nothing that this node has seen, as after an orderly restart or the promotion of a replica that is ahead of this node:
   * the log of before is followed to its end, and goes on behind the mark of the term. Not if a term shortly before may have lost something:
   * what was put back then is offered once more.
   */
  async #passTerm (session: Session, follower: Follower): Promise<boolean> {
    const { epoch, term } = this.#progress
    if (epoch !== session.epoch || this.#lateBases.some(({ atMs }) => this.#now() - atMs < recoveryHorizonMs)) return false
    const [run, number, ranges] = await session.ask((client) => client.hmget(this.#keys.meta, 'run', 'term', 'void')) as (string | null)[]
    const lost = parseVoid(ranges ?? '')
    const [range, ...others] = lost.filter(({ until }) => until > this.#progress.revision)
    if (`${run}/${number}` === term || range === undefined || others.length > 0) return false
    if (this.pending.highest > range.after || this.#progress.revision > range.after) return false // it has seen what is lost
    for (;;) {
      const from = `${this.#progress.revision}-0`
      const entries = entriesOf(await session.ask((client) => client.call('XREAD', 'COUNT', readCount, 'STREAMS', this.#keys.log, from)))
      if (entries.length === 0) return false
      for (const entry of entries) {
        const change = parseEntry(entry)
        if (change.type === 'break') {
          if (this.#progress.revision !== range.after || change.revision !== range.until) return false
          await follower.passTerm({ revision: range.until, lost })
          this.#progress = { epoch, term: `${run}/${number}`, revision: range.until }
          this.#lateBases.push({ base: range.after, atMs: this.#now() })
          this.pending.passed(range.until)
          return true
        }
        if (change.revision !== this.#progress.revision + 1) return false
        this.#progress = { ...this.#progress, revision: change.revision }
        follower.apply([change])
        this.pending.applied([change])
      }
    }
  }

  /** Finds the epoch, or begins one. */
  async #ensureKeyspace (session: Session): Promise<void> {
    const [epoch, written] = await session.ask((client) => client.hmget(this.#keys.meta, 'epoch', 'schema')).catch((error: unknown) => {
      throw isForeignKey(error)
        ? new SettingFault(`the key ${this.#keys.meta} of this Redis is not a registry's: another program has it, use another --redis-prefix`)
        : error
    }) as (string | null)[]
    if (Number(written ?? schema) > schema) {
      throw new SettingFault(`Redis holds the data of a newer Rollcall (schema ${written}, this one knows ${schema}): upgrade this node or use another --redis-prefix`)
    }
    if (typeof epoch === 'string') {
      session.epoch = epoch
      return
    }
    const { recoveryMs, revisionJump, maxLogLength, maxLogBytes } = this.#settings
    const { highest } = this.pending
    session.epoch = randomBytes(6).toString('hex')
    const reply = await session.reply(scripts.init, [highest === 0 ? 1 : highest + revisionJump, recoveryMs, maxLogLength, maxLogBytes])
    const [, made] = reply as [string, string] // scripts/init: a word and the epoch that is there now
    session.epoch = made
    this.#logger.info({ epoch: made }, 'redis: began a new keyspace')
  }

  async #ensureTerm (session: Session): Promise<void> {
    const { recoveryMs, revisionJump, maxLogLength, maxLogBytes } = this.#settings
    // A log that is ahead of the keyspace has an entry of another hand, behind which no script could write: a new term begins after it.
    const seen = Math.max(this.#progress.epoch === session.epoch ? this.pending.highest : 0, await lastLogged(session.ask, this.#keys.log))
    const reply = await session.reply(scripts.term, [seen, revisionJump, recoveryMs, maxLogLength, maxLogBytes, keptVoidRanges])
    const [verdict] = reply as [string] // scripts/term: one word
    if (verdict === 'OK') this.#logger.warn({ epoch: session.epoch, run: session.run }, 'redis: began a new term; nothing expires for a while')
    else if (verdict !== 'SAME') throw new SessionFault('the keyspace changed while connecting')
  }

  /** Puts back what this node saw and Redis lost, then hands the whole keyspace to the follower. */
  async #load (session: Session, follower: Follower): Promise<void> {
    for (let attempt = 0; attempt < maxLoadAttempts; attempt++) {
      const [epoch, run, number, ranges] = await session.ask((client) => client.hmget(this.#keys.meta, 'epoch', 'run', 'term', 'void')) as (string | null)[]
      if (epoch !== session.epoch || run !== session.run) throw new SessionFault('the keyspace changed while loading')
      const term = `${run}/${number}`
      const same = this.#progress.epoch === epoch
      // Terms that began since this node last followed: all that it saw after the earliest of them may be lost.
      const missed = same && this.#progress.term !== term
        ? parseVoid(ranges ?? '').filter(({ until }) => until > this.#progress.revision)
        : []
      if (this.#progress.epoch !== '' && (!same || missed.length > 0)) {
        const nowMs = this.#now()
        this.#lateBases = same ? this.#lateBases.filter(({ atMs }) => nowMs - atMs < recoveryHorizonMs).slice(-keptVoidRanges) : []
        this.#lateBases.push(...missed.map(({ after }) => ({ base: after, atMs: nowMs })))
        await this.#recover(session, follower, same ? Math.min(...this.#lateBases.map(({ base }) => base)) : 0, !same)
      }
      const read = await readSnapshot(session.ask, this.#keys, session.epoch, () => this.#raise(session))
      if (read === undefined) continue
      const { snapshot, view } = read
      this.#progress = { epoch: session.epoch, term, revision: snapshot.revision }
      await follower.load(snapshot)
      this.pending.loaded(snapshot.revision, (revision) => !same || missed.some(({ after, until }) => revision > after && revision < until), view)
      return
    }
    throw new SessionFault('the log was trimmed faster than the keyspace could be read')
  }

  /**
   * All nodes raise what they derive to the revision of this load. A Redis that refuses writes must not keep a node from answering reads: it
   * then raises its own, and the others' later.
   */
  async #raise (session: Session): Promise<Raised> {
    try {
      const [revision, derived, instances] = await session.call(scripts.raise, []) as [number, number, number] // scripts/raise
      this.#raiseDue = false
      return { revision, floors: { derived, instances } }
    } catch (error) {
      if (session.fault !== undefined) throw error
      this.#raiseDue = true
      const [rev, first] = await session.ask((client) => client.hmget(this.#keys.meta, 'rev', 'first')) as (string | null)[]
      return { revision: Number(rev), floors: { derived: Number(rev), instances: Number(first ?? 0) } }
    }
  }

  async #recover (session: Session, follower: Follower, base: number, whole: boolean): Promise<void> {
    const proposals = await collectProposals(follower, this.pending.proposals(), base, whole)
    let put = 0
    let removed = 0
    for (let from = 0; from < proposals.length; from += proposalBatch) {
      const args = proposals.slice(from, from + proposalBatch).flatMap(({ kind, id, revision, text }) => [kind, id, revision, text])
      const [more, fewer] = await session.call(scripts.repropose, [this.#settings.holdMs, this.#settings.recoveryMs, ...args])
      if (more === undefined) {
        this.#logger.warn({ base, states: proposals.length - from }, 'redis: came back after the recovery window; what only this node saw must be registered again')
        break
      }
      put += Number(more)
      removed += Number(fewer)
    }
    this.#logger.info({ base, seen: proposals.length, put, removed }, 'redis: recovered what this node had seen')
  }

  /** Hands on what comes; returns never. */
  async #follow (session: Session, follower: Follower): Promise<never> {
    const { blockMs } = this.#settings.timeouts
    let behind = 0
    for (;;) {
      const from = `${this.#progress.revision}-0`
      const entries = entriesOf(await session.read((client) => client.call('XREAD', 'BLOCK', blockMs, 'COUNT', readCount, 'STREAMS', this.#keys.log, from)))
      const changes: Change[] = []
      let revision = this.#progress.revision
      for (const entry of entries) {
        const change = parseEntry(entry)
        if (change.type === 'break' || change.revision !== revision + 1) break
        changes.push(change)
        revision = change.revision
      }
      if (changes.length > 0) {
        this.#progress = { ...this.#progress, revision }
        follower.apply(changes)
        this.pending.applied(changes)
      }
      if (changes.length < entries.length) {
        // A gap, which XREAD itself never reports: the log was trimmed under us, or a term began.
        await this.#load(session, follower)
        if (await lastLogged(session.ask, this.#keys.log) > this.#progress.revision) await this.#checkLog(session)
      } else if (entries.length === 0) {
        behind = await this.#isBehind(session) ? behind + 1 : 0
        if (behind > 1) await this.#load(session, follower)
        else if (this.#raiseDue) await this.#raise(session)
      }
      await this.#checkPolicy(session)
    }
  }

  /** @throws SessionFault if the log has what no script of ours wrote: the next session begins a new term behind it */
  async #checkLog (session: Session): Promise<void> {
    const last = await lastLogged(session.ask, this.#keys.log) // before the revision, so that what is written meanwhile is no fault
    const revision = Number(await session.ask((client) => client.hget(this.#keys.meta, 'rev')))
    if (last > revision) throw new SessionFault('the log of Redis has an entry that this program did not write')
  }

  /** After a quiet round: is Redis still the one it was? A reset log would keep a blocked reader waiting in silence. */
  async #isBehind (session: Session): Promise<boolean> {
    const [epoch, run, rev] = await session.ask((client) => client.hmget(this.#keys.meta, 'epoch', 'run', 'rev')) as (string | null)[]
    if (epoch !== session.epoch) throw new SessionFault('the keyspace is gone')
    if (run !== session.run) throw new SessionFault('another server was promoted')
    const revision = Number(rev)
    if (revision < this.#progress.revision) throw new SessionFault('Redis went back in time')
    return revision > this.#progress.revision
  }

  async #checkPolicy (session: Session): Promise<void> {
    if (this.#now() - this.#policyCheckedAtMs < policyCheckMs) return
    this.#policyCheckedAtMs = this.#now()
    checkPolicy(parseInfo(String(await session.ask((client) => client.info('memory')))))
  }

  #becomeAvailable (session: Session): void {
    clearTimeout(this.#settleTimer)
    this.#live = session
    this.#logger.info({ epoch: session.epoch, revision: this.#progress.revision }, 'redis: following')
    this.#tell(true, '')
  }

  #becomeAway (reason: string): void {
    if (this.#available !== false || this.#reason !== reason) this.#logger.warn({ reason }, 'redis: away')
    this.#reason = reason
    if (this.#available === true) {
      this.#settleTimer = setTimeout(this.#guard.around('store', () => this.pending.giveUp()), this.#settings.timeouts.settleMs)
    }
    this.#tell(false, reason)
  }

  #tell (available: boolean, reason: string): void {
    if (this.#available === available) return
    this.#available = available
    this.#follower?.health({ available, reason, sinceMs: this.#now() })
  }

  #pause (ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#stopWaiting = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
