// Signed messages (TSIG, RFC 8945): who asks is checked, and every answer to who signed is signed.
//
//   query:          HMAC(message variables)
//   answer:         HMAC(request-mac-size(2) request-mac message variables)
//   later messages: HMAC(mac-size(2) mac-of-the-one-before message timers)          5.3.1; each one is signed here
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TsigAlgorithm, TsigKey } from './peers.ts'
import { nameBytes, rcodes } from '../wire/wire.ts'
import { type TsigFields, type TsigRecord, findTsig, timers, tsigBytes, variables, withTsig, withoutTsig } from './tsig-record.ts'

/** RFC 8945 5.2: the message is not what it says, TSIG error says why. */
export const notAuth = 9
/** What the TSIG record of an answer says is wrong (RFC 8945 3). */
export const tsigErrors = { BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const
/** RFC 8945 10: five minutes, for the clocks of both. */
export const fudgeSeconds = 300

const digests: Readonly<Record<TsigAlgorithm, { readonly hash: string, readonly bytes: number }>> = {
  'hmac-sha1': { hash: 'sha1', bytes: 20 },
  'hmac-sha224': { hash: 'sha224', bytes: 28 },
  'hmac-sha256': { hash: 'sha256', bytes: 32 },
  'hmac-sha384': { hash: 'sha384', bytes: 48 },
  'hmac-sha512': { hash: 'sha512', bytes: 64 }
}
const minMacBytes = 10 // RFC 8945 5.2.2.1
const empty = Buffer.alloc(0)

/** The keys of a server, found by their names in wire form. */
export class TsigKeys {
  readonly #keys: ReadonlyMap<string, WireKey>

  constructor (keys: readonly TsigKey[]) {
    this.#keys = new Map(keys.map((key) => {
      const wire = wireKey(key)
      return [wire.name.toString('latin1'), wire]
    }))
  }

  /** A key of another algorithm is another key (RFC 8945 5.2.1). */
  find ({ name, algorithm }: TsigRecord): WireKey | undefined {
    const key = this.#keys.get(name.toString('latin1'))
    return key?.algorithm.equals(algorithm) === true ? key : undefined
  }
}

interface WireKey {
  readonly key: TsigKey
  readonly name: Buffer
  readonly algorithm: Buffer
}

function wireKey (key: TsigKey): WireKey {
  return { key, name: nameBytes(key.name.split('.')), algorithm: nameBytes([key.algorithm]) }
}

function hmac ({ algorithm, secret }: TsigKey, ...parts: readonly Buffer[]): Buffer {
  const digest = createHmac(digests[algorithm].hash, secret)
  for (const part of parts) digest.update(part)
  return digest.digest()
}

function sized (mac: Buffer): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(mac.length)
  return Buffer.concat([size, mac])
}

/** What checking a signed query came to, and what signs its answer. */
export interface SignedQuery {
  /** NOERROR: the signature is good. FORMERR or NOTAUTH: answer this code and nothing else. */
  readonly rcode: number
  /** The name of the key, if the signature is good. */
  readonly key: string | undefined
  /** How much longer `sign` makes an answer. */
  readonly bytes: number
  /**
   * Gives an answer with its TSIG record: signed, or saying the TSIG error in the form that RFC 8945 5.3.2 wants for it. Called once
   * for each message of a stream, in their order.
   */
  sign (answer: Buffer): Buffer
}

/**
 * Checks a query. undefined: it has no TSIG record.
 * @param nowMs the wall clock
 */
export function checkQuery (message: Buffer, keys: TsigKeys, nowMs: () => number): SignedQuery | undefined {
  const record = findTsig(message)
  if (record === undefined) return undefined
  if (record === 'malformed') return malformed
  const known = keys.find(record)
  if (known === undefined) return unsigned(record, tsigErrors.BADKEY, nowMs)
  const { bytes } = digests[known.key.algorithm]
  const { mac } = record
  if (mac.length > bytes || mac.length < Math.max(minMacBytes, bytes / 2)) return malformed // RFC 8945 5.2.2.1
  const wanted = hmac(known.key, withoutTsig(message, record), variables(record))
  if (!timingSafeEqual(wanted.subarray(0, mac.length), mac)) return unsigned(record, tsigErrors.BADSIG, nowMs)
  if (Math.abs(seconds(nowMs) - record.signedAt) > record.fudge) return new Signer(known, record, nowMs, tsigErrors.BADTIME)
  // No key of ours is set up for shorter MACs, so that a short one would only make a forgery easier.
  return new Signer(known, record, nowMs, mac.length < bytes ? tsigErrors.BADTRUNC : 0)
}

function seconds (nowMs: () => number): number {
  return Math.floor(nowMs() / 1_000)
}

const malformed: SignedQuery = { rcode: rcodes.FORMERR, key: undefined, bytes: 0, sign: (answer) => answer }

/** RFC 8945 5.3.2: who has another key cannot check what we sign, so nothing is signed. */
function unsigned ({ name, algorithm, fudge }: TsigRecord, error: number, nowMs: () => number): SignedQuery {
  const fields = { name, algorithm, fudge, error, other: empty }
  return {
    rcode: notAuth, key: undefined, bytes: tsigBytes(fields, 0),
    sign: (answer) => withTsig(answer, { ...fields, signedAt: seconds(nowMs) }, empty)
  }
}

class Signer implements SignedQuery {
  readonly rcode: number
  readonly key: string | undefined
  readonly bytes: number
  readonly #wire: WireKey
  readonly #request: TsigRecord
  readonly #nowMs: () => number
  readonly #error: number
  #before: Buffer
  #isFirst = true

  constructor (wire: WireKey, request: TsigRecord, nowMs: () => number, error: number) {
    this.rcode = error === 0 ? rcodes.NOERROR : notAuth
    this.key = error === 0 ? wire.key.name : undefined
    this.#wire = wire
    this.#request = request
    this.#nowMs = nowMs
    this.#error = error
    this.#before = sized(request.mac)
    this.bytes = tsigBytes(this.#fields, digests[wire.key.algorithm].bytes)
  }

  sign (answer: Buffer): Buffer {
    const fields = this.#fields
    const mac = hmac(this.#wire.key, this.#before, answer, this.#isFirst ? variables(fields) : timers(fields.signedAt, fields.fudge))
    this.#before = sized(mac)
    this.#isFirst = false
    return withTsig(answer, fields, mac)
  }

  get #fields (): TsigFields {
    const { name, algorithm } = this.#wire
    const now = seconds(this.#nowMs)
    if (this.#error !== tsigErrors.BADTIME) return { name, algorithm, signedAt: now, fudge: fudgeSeconds, error: this.#error, other: empty }
    // RFC 8945 5.2.3: in the client's time, which it can check, and beside it ours.
    const other = Buffer.alloc(6)
    other.writeUIntBE(now, 0, 6)
    return { name, algorithm, signedAt: this.#request.signedAt, fudge: this.#request.fudge, error: this.#error, other }
  }
}

/** A signed message of ours, and what checks the answer to it. */
export interface SignedMessage {
  readonly message: Buffer
  /** True if the answer is signed with the same key, in time. An unsigned one may be forged. */
  accepts (answer: Buffer): boolean
}

/** Signs a query, such as a NOTIFY. */
export function signQuery (message: Buffer, key: TsigKey, nowMs: () => number): SignedMessage {
  const { name, algorithm } = wireKey(key)
  const fields = { name, algorithm, signedAt: seconds(nowMs), fudge: fudgeSeconds, error: 0, other: empty }
  const mac = hmac(key, message, variables(fields))
  return {
    message: withTsig(message, fields, mac),
    accepts: (answer) => {
      const record = findTsig(answer)
      if (record === undefined || record === 'malformed' || !record.name.equals(name) || !record.algorithm.equals(algorithm)) return false
      const wanted = hmac(key, sized(mac), withoutTsig(answer, record), variables(record))
      return record.mac.length === wanted.length && timingSafeEqual(wanted, record.mac) && Math.abs(seconds(nowMs) - record.signedAt) <= record.fudge
    }
  }
}
