// The Store contract on Redis: each verb is one of scripts/*.lua, atomic, with its revision and its entry in the log.
import { Readable } from 'node:stream'
import { type Guard, standaloneGuard } from '../../guard.ts'
import { invalid, RegistryError } from '../../errors.ts'
import { exportLines, exportMedia } from '../export.ts'
import {
  type Backup, type Change, type Committed, type ExpiryPolicy, type Follower, type Grant, type Granted, type Holder, type LoadPage, type LogPlace,
  type LostLease, maxCommitWrites, type NoteWrite, type ObjectWrite, type Renewed, type Revised, type Revision, type Store, type Sweep
} from '../store.ts'
import { maxHoldMs } from '../expiry-rules.ts'
import { type RedisAddress, parseAddress } from './address.ts'
import type { Timeouts } from './patience.ts'
import { GrantQueue } from './grant-queue.ts'
import { keysOf } from './keys.ts'
import { Link } from './link.ts'
import { claim, keepLoads, readLoads, readNotes, writeNotes } from './beside.ts'
import type { StoreLogger } from './link-settings.ts'
import { checkTexts, parseInstance, parseObject } from './records.ts'
import { proposeInstance, proposeObject, type Proposal } from './recovery.ts'
import { scripts } from './scripts.ts'
import type { RedisTlsFiles } from './tls-options.ts'

export interface RedisStoreOptions {
  /** See address.ts for the shapes; or an address that was read. */
  readonly url: string | RedisAddress
  /** How `rediss` is spoken. Default: with the CAs of Node, and no certificate of our own. */
  readonly tls?: RedisTlsFiles
  /** Before all keys. Two registries may share a Redis under two prefixes. Default `rollcall`. */
  readonly prefix?: string
  /** Default: none. */
  readonly logger?: StoreLogger
  /** Limits an unexpected error to the callback in which it happened. Default: one that writes to stderr. */
  readonly guard?: Guard
  /** This process' clock, for the times of `health`; leases live by Redis' own. Default `Date.now`. */
  readonly now?: () => number
  /** 0 to 1, spreads reconnects. Default `Math.random`. */
  readonly random?: () => number
  /** Entries of the log that Redis keeps, about 400 bytes each. Fewer, and a node that was away for long must load everything again. Default 100,000. */
  readonly maxLogLength?: number
  /** Octets of the log that Redis keeps, about: large bodies leave fewer entries than `maxLogLength`. Default 64 MiB. */
  readonly maxLogBytes?: number
  /**
   * How long nothing expires after nodes refilled a Redis that had lost something, or for the longest TTL in use if that is less. At most and
   * by default 60,000. Longer leases are safe beyond it: each has its full TTL from the beginning of a term.
   */
  readonly holdMs?: number
  /** How long after that nodes may put back what they saw. Longer covers slower nodes and costs tombstones. Default 10,000. */
  readonly recoveryMs?: number
  /** By how much revisions jump at a new term, at least: more than a lost tail can hold, or a number would be used twice. Default 1,000,000. */
  readonly revisionJump?: number
  readonly timeouts?: Partial<Timeouts>
}

/** A write waits a second for Redis, then the caller is told; a frozen Redis is noticed within `blockMs + commandMs`. */
const defaultTimeouts: Timeouts = { connectMs: 1_000, commandMs: 1_000, blockMs: 400, settleMs: 2_000 }
/** Leases in one call of revoke and lose: about 10 ms of Redis. */
const leaseBatch = 1_000
/** What the contract allows in one group; about 25 ms of Redis. */
const maxRenewals = 10_000

type Seven = [number, number, number, number, number, number, number]

const silent: StoreLogger = { info () {}, warn () {}, error () {} }

/**
 * A store on Redis 7 or Valkey, for any number of nodes. Throws REG_INVALID for a bad address or setting.
 * @example const store = createRedisStore({ url: 'redis://127.0.0.1:6379' })
 */
export function createRedisStore (options: RedisStoreOptions): Store {
  return new RedisStore(options)
}

class RedisStore implements Store {
  readonly kind = 'redis'
  readonly location: string
  readonly #link: Link
  readonly #grants: GrantQueue

  constructor (options: RedisStoreOptions) {
    const address = typeof options.url === 'string' ? parseAddress(options.url) : options.url
    const settings = {
      maxLogLength: whole('maxLogLength', options.maxLogLength ?? 100_000, 1_000, 100_000_000),
      maxLogBytes: whole('maxLogBytes', options.maxLogBytes ?? 64 * 1024 ** 2, 65_536, Number.MAX_SAFE_INTEGER),
      holdMs: whole('holdMs', options.holdMs ?? maxHoldMs, 0, maxHoldMs),
      recoveryMs: whole('recoveryMs', options.recoveryMs ?? 10_000, 0, 3_600_000),
      revisionJump: whole('revisionJump', options.revisionJump ?? 1_000_000, 1, 1_000_000_000),
      timeouts: { ...defaultTimeouts, ...options.timeouts }
    }
    for (const [name, value] of Object.entries(settings.timeouts)) whole(`timeouts.${name}`, value, 1, 600_000)
    this.location = address.location
    const { guard = standaloneGuard, logger = silent, now = Date.now, random = Math.random } = options
    this.#link = new Link({ address, tls: options.tls ?? {}, keys: keysOf(options.prefix ?? 'rollcall'), settings, logger, now, random, guard })
    this.#grants = new GrantQueue(this.#link, guard)
  }

  open (follower: Follower): Promise<void> {
    return this.#link.open(follower)
  }

  async grant (grant: Grant): Promise<Granted> {
    const { key, lease, generation, newGeneration, ttlMs, body, by } = grant
    checkTexts({ key, lease, generation: generation ?? '', newGeneration, body, by })
    if (!/^[^/]+\/[^/]+\/[^/]+$/.test(key)) throw invalid([{ field: 'key', value: key, rule: 'must be namespace/service/id' }])
    whole('ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER)
    return this.#grants.add(grant)
  }

  async revise ({ lease, expected, body, reason, by }: Revision): Promise<Revised> {
    checkTexts({ lease, body, by })
    const [outcome, revision, text] = await this.#link.call(scripts.revise, [lease, expected, body, reason, by])
    if (outcome !== 'updated') return { outcome: outcome === 'conflict' ? 'conflict' : 'unknown' }
    const done = { outcome: 'updated' as const, revision: Number(revision) }
    const record = typeof text === 'string' ? parseInstance(lease, text, false) : undefined
    await this.#link.pending.delivery(done.revision, (view) => {
      const found = view.instance(lease)
      if (found?.body !== body) return false
      done.revision = found.revision
      return true
    }, record === undefined ? undefined : () => proposeInstance(record))
    return done
  }

  async revoke (leases: readonly string[], by: string): Promise<readonly number[]> {
    checkTexts({ by })
    const revisions: number[] = []
    for (const batch of batches(leases, leaseBatch)) {
      const reply = await this.#link.call(scripts.revoke, [by, ...batch])
      const [made, keys] = reply as [number[], string[]] // scripts/revoke
      revisions.push(...made)
      await Promise.all(made.map((revision, index) => {
        const lease = batch[index] ?? ''
        if (revision === 0) {
          this.#link.tellGone('del', lease)
          return Promise.resolve()
        }
        const proposal: Proposal = { kind: 'del', id: lease, key: keys[index] ?? '', revision, text: '' }
        return this.#link.pending.delivery(revision, (view) => view.instance(lease) === undefined, () => proposal)
      }))
    }
    return revisions
  }

  async renew (groups: ReadonlyMap<number, readonly string[]>): Promise<Renewed> {
    for (const [ttlMs, leases] of groups) {
      whole('ttlMs', ttlMs, 1, Number.MAX_SAFE_INTEGER)
      if (leases.length > maxRenewals) throw invalid([{ field: 'leases', value: leases.length, rule: `must be at most ${maxRenewals} of one ttl` }])
    }
    this.#link.check()
    const unknown: string[] = []
    const deadlines = new Map<number, number>()
    await Promise.all([...groups].filter(([, leases]) => leases.length > 0).map(async ([ttlMs, leases]) => {
      const reply = await this.#link.call(scripts.renew, [ttlMs, ...leases])
      const [deadline, revision, positions] = reply as [string, number, number[]] // scripts/renew
      for (const position of positions) unknown.push(leases[position] ?? '')
      deadlines.set(ttlMs, Number(deadline))
      await this.#delivered(revision)
    }))
    return { unknown, deadlines }
  }

  async lose (leases: readonly LostLease[], graceMs: number): Promise<number> {
    let turned = 0
    for (const batch of batches(leases, leaseBatch)) {
      const reply = await this.#link.call(scripts.lose, [graceMs, ...batch.flatMap(({ lease, deadlineMs }) => [lease, deadlineMs])])
      const [count, revision] = reply as [number, number] // scripts/lose
      turned += count
      await this.#delivered(revision)
    }
    return turned
  }

  async expire (policy: ExpiryPolicy): Promise<Sweep> {
    const { limit, gapMs, holdMs, graceMs, maxTtlMs, registryBrake, serviceBrake } = policy
    const brakes = [registryBrake, serviceBrake].flatMap(({ ratio, atLeast, maxMs }) => [ratio, atLeast, maxMs])
    const reply = await this.#link.call(scripts.expire, [limit, gapMs, holdMs, graceMs, maxTtlMs, ...brakes])
    const [suspected, expired, kept, holdLeft, protectedSinceMs, more, revision] = reply.slice(0, 7) as Seven // scripts/expire
    const services = reply[7] as (string | number)[] // the same
    const protectedServices = new Map<string, number>()
    for (let i = 0; i + 1 < services.length; i += 2) protectedServices.set(String(services[i]), Number(services[i + 1]))
    await this.#delivered(revision)
    return { suspected, expired, kept, holdMs: holdLeft, protectedSinceMs, protectedServices, more: more === 1 }
  }

  async commit (writes: readonly ObjectWrite[], by: string): Promise<Committed> {
    if (writes.length > maxCommitWrites) throw invalid([{ field: 'writes', value: writes.length, rule: `must be at most ${maxCommitWrites} in one commit` }])
    checkTexts({ by })
    const args = writes.flatMap((write) => {
      const { type, key, reason, expected = '' } = write
      const [body, endsAtMs] = write.type === 'put' ? [write.body, write.endsAtMs] : ['', 0]
      checkTexts({ key, body })
      if (key === '') throw invalid([{ field: 'key', value: key, rule: 'must not be empty' }])
      whole('endsAtMs', endsAtMs, 0, Number.MAX_SAFE_INTEGER)
      return [type, key, body, endsAtMs, reason, expected]
    })
    this.#link.check()
    if (writes.length === 0) return { outcome: 'committed', revisions: [] }
    const frees = writes.every(({ type }) => type === 'delete')
    const [outcome, ...rest] = await this.#link.call(frees ? scripts.commitWhenFull : scripts.commit, [by, ...args])
    if (outcome === 'conflict') {
      const [failed] = rest as [number[]] // scripts/commit
      return { outcome: 'conflict', failed }
    }
    const [revisions, texts] = rest as [number[], string[]] // scripts/commit
    await Promise.all(writes.map((write, index) => {
      const revision = revisions[index] ?? 0
      if (revision === 0) {
        if (write.type === 'delete') this.#link.tellGone('odel', write.key)
        return Promise.resolve()
      }
      const proposal: Proposal = write.type === 'put'
        ? proposeObject(parseObject(write.key, texts[index] ?? ''))
        : { kind: 'odel', id: write.key, key: '', revision, text: '' }
      return this.#link.pending.delivery(revision, (view) => write.type === 'put' ? view.object(write.key)?.body === write.body : view.object(write.key) === undefined, () => proposal)
    }))
    return { outcome: 'committed', revisions }
  }

  sync (): Promise<void> {
    return this.#link.sync()
  }

  async backup (): Promise<Backup> {
    const { epoch, revision, objects, instances } = await this.#link.snapshot()
    const content = Readable.from(exportLines({ from: 'redis', epoch, revision }, objects, instances), { objectMode: false })
    return { media: exportMedia, extension: 'ndjson', bytes: undefined, content }
  }

  readLog (from: LogPlace, limit: number): Promise<readonly Change[]> {
    return this.#link.readLog(from, limit)
  }

  keepLoads (loads: ReadonlyMap<string, string>): Promise<void> { return keepLoads(this.#link, loads) }
  readLoads (place: string): Promise<LoadPage> { return readLoads(this.#link, place) }
  writeNotes (notes: readonly NoteWrite[], under?: Holder): Promise<boolean> { return writeNotes(this.#link, notes, under) }
  readNotes (prefix: string): ReturnType<Store['readNotes']> { return readNotes(this.#link, prefix) }
  claim (holder: Holder, keepMs: number): Promise<boolean> { return claim(this.#link, holder, keepMs) }

  async close (): Promise<void> {
    this.#grants.flush()
    await this.#link.close()
  }

  /**
   * For changes that were promised to no caller: suspicion, trust and expiry happen again by themselves if a failover
   * lost them.
   */
  #delivered (revision: number): Promise<void> {
    return revision === 0 ? Promise.resolve() : this.#link.pending.delivery(revision, () => true)
  }
}

function whole (field: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RegistryError('REG_INVALID', `${field} must be a whole number from ${least} to ${most}, got ${value}`, [{ field, value, rule: `must be a whole number from ${least} to ${most}` }])
  }
  return value
}

function batches<Item> (items: readonly Item[], size: number): (readonly Item[])[] {
  const slices: (readonly Item[])[] = []
  for (let from = 0; from < items.length; from += size) slices.push(items.slice(from, from + size))
  return slices
}
