// Response rate limiting: over UDP a sender's address may be another's, and answers would be sent to a victim. So no
// client that has not shown where it lives (cookies.ts) gets more than so many answers of one kind a second.
//
// After ISC's response rate limiting, with one difference: what is over the limit brings no debt, so that a busy network goes on
// to get its share while it asks for too much.
import type { ClientAddress } from './client-address.ts'
import { foldedByte } from '../wire/name.ts'

/** Two slots each for 32,768 buckets. More kinds of answers at once share: the one idle longest is forgotten. 13 octets a slot. */
const slots = 2 ** 16
/** So many answers may come at once: those of one second. */
const burstMs = 1_000
/** An attacker may use a whole network's addresses; a household or a host has a /56 (ISC's defaults). */
const networkBytes = { 4: 3, 16: 7 } as const

/** `slip` = answer that there is more over TCP, where an address is real; `drop` = silence. Of what is over the limit every second slips. */
export type Verdict = 'pass' | 'slip' | 'drop'

export class RateLimiter {
  readonly #seed: number
  /** Answers a second are thousandths of answers a millisecond: credits are whole numbers. */
  readonly #rate: number
  readonly #tags = new Uint32Array(slots)
  readonly #credits = new Int32Array(slots)
  /** Milliseconds modulo 2^32. */
  readonly #seenAt = new Uint32Array(slots)
  readonly #slips = new Uint8Array(slots)

  /**
   * @param perSecond answers of one kind to one network, 1-1,000,000
   * @param random makes which kinds share a slot unforeseeable, in [0, 1)
   */
  constructor (perSecond: number, random: () => number) {
    this.#rate = perSecond
    this.#seed = Math.floor(random() * 2 ** 32)
  }

  /** @param kind a hash of what is limited together (`kindOf`) */
  check ({ bytes, length }: ClientAddress, kind: number, nowMs: number): Verdict {
    let hash = this.#seed ^ length
    const prefix = length === 0 ? 0 : networkBytes[length]
    for (let index = 0; index < prefix; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), fnvPrime)
    const tag = mixed(hash ^ Math.imul(kind, 0x9e3779b1)) >>> 0
    const slot = this.#slot(mixed(tag ^ hash ^ kind) & slots - 1, tag, nowMs >>> 0)
    const credit = this.#credits[slot] ?? 0
    if (credit >= 1_000) {
      this.#credits[slot] = credit - 1_000
      return 'pass'
    }
    const turn = this.#slips[slot] ?? 0
    this.#slips[slot] = turn ^ 1
    return turn === 0 ? 'slip' : 'drop'
  }

  /** The slot of a tag, its credit brought up to now. */
  #slot (first: number, tag: number, nowMs: number): number {
    const second = first ^ 1
    const isFirst = this.#tags[first] === tag
    if (!isFirst && this.#tags[second] !== tag) return this.#taken(first, second, tag, nowMs)
    const slot = isFirst ? first : second
    const elapsedMs = Math.max(0, Math.min(burstMs, nowMs - (this.#seenAt[slot] ?? 0) | 0)) // a clock that went back brings nothing
    this.#credits[slot] = Math.min(burstMs * this.#rate, (this.#credits[slot] ?? 0) + elapsedMs * this.#rate)
    this.#seenAt[slot] = nowMs
    return slot
  }

  /** Gives the slot that was idle for longer to a new tag. */
  #taken (first: number, second: number, tag: number, nowMs: number): number {
    const isFirstOlder = nowMs - (this.#seenAt[first] ?? 0) >>> 0 >= nowMs - (this.#seenAt[second] ?? 0) >>> 0
    const slot = isFirstOlder ? first : second
    this.#tags[slot] = tag
    this.#credits[slot] = burstMs * this.#rate
    this.#seenAt[slot] = nowMs
    this.#slips[slot] = 0
    return slot
  }
}

const fnvPrime = 0x01000193
const fnvBasis = 0x811c9dc5

/** A hash of the octets between two offsets, in either case alike. */
export function kindOf (bytes: Buffer, start: number, end: number): number {
  let hash = fnvBasis
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ foldedByte(bytes[at] ?? 0), fnvPrime)
  return hash
}

/** Each bit of the result depends on each of the argument (the finalizer of MurmurHash3). */
function mixed (value: number): number {
  let hash = value ^ value >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35)
  return hash ^ hash >>> 16
}
