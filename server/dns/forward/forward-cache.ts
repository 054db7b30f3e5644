// What upstreams answered, for as long as they said, and a while longer in case that they fail. Bounded in entries and in octets:
// what was not asked for longest goes first.
import { rcodes, recordTypes } from '../wire/wire.ts'
import { type Settled, isFailed } from './asker.ts'

export interface Entry {
  readonly settled: Settled
  readonly storedAtMs: number
  readonly lifeMs: number
  readonly bytes: number
  /** Stale, and the upstreams failed: until then they are not asked again (RFC 8767 5). */
  retryAtMs: number
}

/** A registry's clients ask for a few hundred names; ten thousand are what a node's scrape of a large network asks for. */
export const maxCacheEntries = 10_000
/** With the usual entry of half a kilobyte more than the entries need; it bounds those of 64 KiB. */
export const maxCacheBytes = 16 * 1024 * 1024
/** An entry's own objects and its place in the map, and those of one record: roughly measured, never below. */
const entryOverhead = 400
const recordOverhead = 250

/** Who publishes a day's TTL did not think of a registry that follows changes by the second; the TTL in the answer stays. */
export const maxLifeMs = 3_600_000
/** RFC 2308 5 allows hours. A name that is missing today is often one that somebody is about to register. */
export const maxNegativeLifeMs = 300_000
/**
 * RFC 9520 3.2: a failure must be remembered for a second at least, so that not every client asks upstreams in trouble
 * again. Shorter than the 5 s after which a stub asks again: its second question is a new try.
 */
export const failureLifeMs = 2_000
/** RFC 8767 5: one to three days. */
export const maxStaleMs = 86_400_000
/** RFC 8767 5: while we answer with stale records, upstreams that failed are asked again after this. */
export const staleRetryMs = 30_000

const soaMinimumLength = 4

export class ForwardCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>()
  readonly #maxEntries: number
  readonly #maxBytes: number
  #bytes = 0

  constructor (maxEntries = maxCacheEntries, maxBytes = maxCacheBytes) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get size (): number {
    return this.#entries.size
  }

  get bytes (): number {
    return this.#bytes
  }

  /** The entry, fresh or stale. A clock that was set back makes what was stored after it unknown. */
  get (key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const keepMs = entry.lifeMs + (isFailed(entry.settled) ? 0 : maxStaleMs)
    const ageMs = nowMs - entry.storedAtMs
    this.#entries.delete(key)
    if (ageMs < 0 || ageMs >= keepMs) {
      this.#bytes -= entry.bytes
      return undefined
    }
    this.#entries.set(key, entry)
    return entry
  }

  /** Keeps it for `lifeMs`, which may be 0: then an older answer is forgotten. */
  set (key: string, settled: Settled, nowMs: number, lifeMs: number): void {
    this.#delete(key)
    if (lifeMs <= 0) return
    const bytes = bytesOf(key, settled)
    if (bytes > this.#maxBytes) return
    this.#entries.set(key, { settled, storedAtMs: nowMs, lifeMs, bytes, retryAtMs: -Infinity })
    this.#bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break
      this.#delete(oldest)
    }
  }

  #delete (key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}

/** How long an outcome may be kept (RFC 1035 3.2.1, RFC 2308 5 and 7, RFC 9520). */
export function lifeOf (settled: Settled, type: number): number {
  if (settled.kind === 'closed') return 0
  if (settled.kind !== 'reply' || isFailed(settled)) return failureLifeMs
  const { rcode, answers, authorities, additionals, target } = settled
  let seconds = maxLifeMs / 1_000
  for (const section of [answers, authorities, additionals]) for (const { ttl } of section) seconds = Math.min(seconds, ttl)
  const hasAnswer = target !== undefined || answers.some((record) => record.type === type || type === recordTypes.ANY)
  const isPositive = rcode === rcodes.NOERROR && hasAnswer
  if (isPositive) return seconds * 1_000
  const soa = authorities.find((record) => record.type === recordTypes.SOA)
  if (soa === undefined) return 0 // RFC 2308 5: without a SOA there is no saying how long
  return Math.min(seconds * 1_000, soa.rdata.readUInt32BE(soa.rdata.length - soaMinimumLength) * 1_000, maxNegativeLifeMs)
}

function bytesOf (key: string, settled: Settled): number {
  let bytes = entryOverhead + key.length
  if (settled.kind !== 'reply') return bytes
  for (const section of [settled.answers, settled.authorities, settled.additionals]) {
    for (const { name, rdata } of section) bytes += recordOverhead + name.length + rdata.length
  }
  return bytes
}
