// The TSIG record at the end of a message.
//
//   TSIG  = key-name 250 ANY(255) ttl(0) rdlength rdata                                      RFC 8945 4.2
//   rdata = algorithm time-signed(6) fudge(2) mac-size(2) mac original-id(2) error(2) other-length(2) other
import { headerLength } from '../wire/wire.ts'
import { canonicalName, nameEnd } from '../wire/name.ts'

export const tsigType = 250
const classAny = 255
const fixedBytes = 16 // of the rdata, without algorithm, mac and other

export interface TsigFields {
  /** Name of the key: in wire form and lower case. */
  readonly name: Buffer
  /** In wire form and lower case. */
  readonly algorithm: Buffer
  /** Unix time in seconds. */
  readonly signedAt: number
  /** Seconds by which the clocks of both may differ. */
  readonly fudge: number
  readonly error: number
  readonly other: Buffer
}

export interface TsigRecord extends TsigFields {
  /** Where it begins in its message. */
  readonly start: number
  readonly mac: Buffer
  readonly originalId: number
}

/**
 * Finds it. `malformed`: it is not the last record, not in the additional section, there are two, or it does not keep its form
 * (RFC 8945 5.1: FORMERR). Cost follows the octets of the message.
 */
export function findTsig (message: Buffer): TsigRecord | undefined | 'malformed' {
  if (message.length < headerLength) return undefined
  const additionals = message.readUInt16BE(10)
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + additionals
  let at = headerLength
  for (let index = message.readUInt16BE(4); index > 0; index--) {
    const end = nameEnd(message, at)
    if (end < 0 || end + 4 > message.length) return undefined // malformed in another way, which is not ours to say
    at = end + 4
  }
  for (let index = 1; index <= records; index++) {
    const start = at
    const end = nameEnd(message, start)
    if (end < 0 || end + 10 > message.length) return undefined
    at = end + 10 + message.readUInt16BE(end + 8)
    if (at > message.length) return undefined
    if (message.readUInt16BE(end) !== tsigType) continue
    const isLast = index === records && additionals > 0 && at === message.length
    return isLast ? readTsig(message, start, end, at) : 'malformed'
  }
  return undefined
}

function readTsig (message: Buffer, start: number, ownerEnd: number, end: number): TsigRecord | 'malformed' {
  if (message.readUInt16BE(ownerEnd + 2) !== classAny || message.readUInt32BE(ownerEnd + 4) !== 0) return 'malformed'
  const algorithmStart = ownerEnd + 10
  const algorithmEnd = nameEnd(message, algorithmStart)
  const name = canonicalName(message, start)
  const algorithm = canonicalName(message, algorithmStart)
  if (name === undefined || algorithm === undefined || algorithmEnd + fixedBytes > end) return 'malformed'
  const macStart = algorithmEnd + 10
  const macEnd = macStart + message.readUInt16BE(algorithmEnd + 8)
  if (macEnd + 6 > end) return 'malformed'
  if (macEnd + 6 + message.readUInt16BE(macEnd + 4) !== end) return 'malformed'
  return {
    start, name, algorithm,
    signedAt: message.readUIntBE(algorithmEnd, 6),
    fudge: message.readUInt16BE(algorithmEnd + 6),
    mac: message.subarray(macStart, macEnd),
    originalId: message.readUInt16BE(macEnd),
    error: message.readUInt16BE(macEnd + 2),
    other: message.subarray(macEnd + 6, end)
  }
}

/** A message with a TSIG record behind its last one. */
export function withTsig (message: Buffer, fields: TsigFields, mac: Buffer): Buffer {
  const { name, algorithm, signedAt, fudge, error, other } = fields
  const owner = Buffer.alloc(10)
  owner.writeUInt16BE(tsigType, 0)
  owner.writeUInt16BE(classAny, 2)
  owner.writeUInt16BE(algorithm.length + fixedBytes + mac.length + other.length, 8)
  const ends = Buffer.alloc(6)
  message.copy(ends, 0, 0, 2)
  ends.writeUInt16BE(error, 2)
  ends.writeUInt16BE(other.length, 4)
  const sized = Buffer.alloc(2)
  sized.writeUInt16BE(mac.length)
  const signed = Buffer.concat([message, name, owner, algorithm, timers(signedAt, fudge), sized, mac, ends, other])
  signed.writeUInt16BE(message.readUInt16BE(10) + 1, 10)
  return signed
}

/** How much longer `withTsig` makes a message. */
export function tsigBytes ({ name, algorithm, other }: Pick<TsigFields, 'name' | 'algorithm' | 'other'>, macBytes: number): number {
  return name.length + 10 + algorithm.length + fixedBytes + macBytes + other.length
}

/** A message as it was before its TSIG record: without it, and with the id that it was signed under (RFC 8945 4.3.2). */
export function withoutTsig (message: Buffer, { start, originalId }: TsigRecord): Buffer {
  const bare = Buffer.from(message.subarray(0, start))
  bare.writeUInt16BE(originalId, 0)
  bare.writeUInt16BE(message.readUInt16BE(10) - 1, 10)
  return bare
}

/** What of the record is signed (RFC 8945 4.3.3). */
export function variables ({ name, algorithm, signedAt, fudge, error, other }: TsigFields): Buffer {
  const owner = Buffer.alloc(6)
  owner.writeUInt16BE(classAny, 0)
  const ends = Buffer.alloc(4)
  ends.writeUInt16BE(error, 0)
  ends.writeUInt16BE(other.length, 2)
  return Buffer.concat([name, owner, algorithm, timers(signedAt, fudge), ends, other])
}

/** What of the record is signed in the later messages of a stream (RFC 8945 5.3.1). */
export function timers (signedAt: number, fudge: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUIntBE(signedAt, 0, 6)
  bytes.writeUInt16BE(fudge, 6)
  return bytes
}
