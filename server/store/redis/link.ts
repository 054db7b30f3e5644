// Keeps the node linked to Redis: connects, begins keyspace and term, recovers, loads, follows, and all over again after each break.
import type { Guard } from '../../guard.ts'
import type { Change, Follower, LogPlace, Snapshot } from '../store.ts'
import type { RedisAddress } from './address.ts'
import { type Connections, Connector } from './connection.ts'
import { connectFault, isTimeout, messageOf, SessionFault, SettingFault, unavailable } from './faults.ts'
import { canContinue, ensureKeyspace, ensureTerm } from './keyspace.ts'
import type { Keys } from './keys.ts'
import type { LinkSettings, StoreLogger } from './link-settings.ts'
import { Loader, maxLoadAttempts } from './loader.ts'
import { LogFollower } from './log-follower.ts'
import { Patience } from './patience.ts'
import { Pending } from './pending.ts'
import type { Script } from './scripts.ts'
import { Session } from './session.ts'
import { Silence } from './silence.ts'
import { type Raised, readLog, readSnapshot } from './snapshot.ts'
import type { RedisTlsFiles } from './tls-options.ts'

/** What a link is made of. */
export interface LinkParts {
  readonly address: RedisAddress
  readonly tls: RedisTlsFiles
  readonly keys: Keys
  readonly settings: LinkSettings
  readonly logger: StoreLogger
  readonly now: () => number
  readonly random: () => number
  readonly guard: Guard
}

/**
 * Full jitter between attempts, doubling: a few nodes per Redis, so the first come soon, and no node waits long after
 * an outage.
 */
const backoffBaseMs = 50
const backoffCapMs = 1_000
/** A session that lived so long was a good one: the next attempt comes soon again. */
const steadyMs = 5_000

export class Link {
  readonly pending = new Pending()
  readonly #connector: Connector
  readonly #patience: Patience
  readonly #keys: Keys
  readonly #settings: LinkSettings
  readonly #logger: StoreLogger
  readonly #loader: Loader
  readonly #log: LogFollower
  readonly #now: () => number
  readonly #random: () => number
  readonly #guard: Guard
  #follower: Follower | undefined
  #session: Session | undefined
  /** Loaded and following: writes may be sent. */
  #live: Session | undefined
  #available: boolean | undefined
  #reason = 'not connected yet'
  /** What the follower was told last. */
  #told = ''
  #sinceMs = 0
  #closing = false
  #running: Promise<void> | undefined
  #stopWaiting: (() => void) | undefined
  #settleTimer: NodeJS.Timeout | undefined

  constructor ({ address, tls, keys, settings, logger, now, random, guard }: LinkParts) {
    this.#guard = guard
    this.#patience = new Patience(settings.timeouts)
    this.#connector = new Connector(address, tls, this.#patience, keys.meta, guard)
    this.#keys = keys
    this.#settings = settings
    this.#logger = logger
    this.#now = now
    this.#random = random
    this.#loader = new Loader({ keys, settings, logger }, this.pending, now)
    const { blockMs } = settings.timeouts
    const silence = new Silence({ patience: this.#patience, roundMs: blockMs, guard, tell: (quietMs) => this.#becomeSilent(quietMs) })
    this.#log = new LogFollower({ keys, loader: this.#loader, pending: this.pending, blockMs, now, silence })
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

  /** A caller is told that this is not there: it must not come back, although no log says so. */
  tellGone (kind: 'del' | 'odel', id: string): void {
    this.#loader.toldEnds.add({ kind, id, key: '', revision: this.pending.highest, text: '' })
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

  /** As `Store.readLog`. Terms begin in it: of them nothing is said. */
  async readLog (from: LogPlace, limit: number): Promise<readonly Change[]> {
    const session = this.check()
    try {
      return await readLog(session.ask, this.#keys.log, from, limit)
    } catch (error) {
      const fault = connectFault(error)
      throw unavailable(fault.message, error)
    }
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
        await this.#log.follow(session, follower)
      } catch (error) {
        fault = error
      }
      const wasLive = this.#live !== undefined
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
      this.#becomeAway(reason, wasLive)
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
      const parts = { keys: this.#keys, settings: this.#settings, logger: this.#logger }
      await ensureKeyspace(session, parts, this.pending.highest)
      const { progress } = this.#loader
      await ensureTerm(session, parts, progress.epoch === session.epoch ? this.pending.highest : 0)
      if (await canContinue(session, this.#keys, progress)) this.#logger.info({ revision: progress.revision }, 'redis: the log goes on from where this node stood')
      else if (await this.#loader.passTerm(session, follower)) {
        this.#logger.info({ revision: this.#loader.progress.revision }, 'redis: the new term has all that this node had seen')
      } else await this.#loader.load(session, follower)
    } catch (error) {
      throw connectFault(error)
    }
    return session
  }

  async #connect (): Promise<Connections> {
    try {
      const connections = await this.#connector.connect()
      this.#patience.connected()
      this.#log.connected()
      return connections
    } catch (error) {
      if (isTimeout(error)) this.#patience.timedOut()
      throw error
    }
  }

  #becomeAvailable (session: Session): void {
    clearTimeout(this.#settleTimer)
    this.#live = session
    this.#logger.info({ epoch: session.epoch, revision: this.#loader.progress.revision }, 'redis: following')
    this.#tell(true, '')
  }

  /**
   * Redis says nothing any more, or speaks again. Calls still go to it: what waits in the connection may be answered, and the session ends by
   * itself if not.
   */
  #becomeSilent (quietMs: number): void {
    if (quietMs === 0) {
      this.#logger.info({}, 'redis: speaks again')
      return this.#tell(true, '')
    }
    const reason = `Redis has said nothing for ${Math.round(quietMs)} ms`
    this.#logger.warn({ reason }, 'redis: silent')
    this.#tell(false, reason, quietMs)
  }

  #becomeAway (reason: string, wasLive: boolean): void {
    if (wasLive || this.#available !== false || this.#reason !== reason) this.#logger.warn({ reason }, 'redis: away')
    this.#reason = reason
    if (wasLive) {
      this.#settleTimer = setTimeout(this.#guard.around('store', () => this.pending.giveUp()), this.#settings.timeouts.settleMs)
    }
    this.#tell(false, reason)
  }

  /** Also when there is another reason: what is wrong is often known only when the link is tried again. */
  #tell (available: boolean, reason: string, agoMs = 0): void {
    if (this.#available === available && this.#told === reason) return
    if (this.#available !== available) this.#sinceMs = this.#now() - agoMs
    this.#available = available
    this.#told = reason
    this.#follower?.health({ available, reason, sinceMs: this.#sinceMs })
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
