// Reads the message of an upstream: bounded, in time linear to its length, every name decompressed. What is malformed in any part
// is no answer at all.
import { classIn, headerLength, questionTailLength, recordTypes } from '../wire/wire.ts'
import { NameReader, folded, isNameAt, labelStarts } from '../wire/name.ts'

/** Of class IN, with every name spelled out: nothing in it points into a message. */
export interface ForwardRecord {
  readonly name: Buffer
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  readonly rdata: Buffer
}

export interface Reply {
  /** With the upper bits of OPT (RFC 6891 6.1.3). */
  readonly rcode: number
  readonly answers: readonly ForwardRecord[]
  readonly authorities: readonly ForwardRecord[]
  readonly additionals: readonly ForwardRecord[]
}

/** Of all sections. Ten times what a resolver takes for one set (BIND: 100); decompressed it is less than a megabyte. */
export const maxRecords = 1_000
const flagTruncated = 0x0200
const rcodeMask = 0x000f
/** RFC 2181 8: a TTL with the highest bit set is 0. */
const maxTtl = 0x7fff_ffff
/** RFC 6895 3.1: 128-255 are types of questions and of one message's own affairs, like TSIG. No record of data has one. */
const isMeta = (type: number): boolean => type === recordTypes.OPT || (type >= 128 && type <= 255)

interface Layout {
  /** Octets before the names. */
  readonly before: number
  /** Character strings behind them. */
  readonly strings?: number
  readonly names: number
  /** Octets behind the names; absent = any number. */
  readonly after?: number
}

const oneName: Layout = { before: 0, names: 1, after: 0 }
const twoNames: Layout = { before: 0, names: 2, after: 0 }
const preferenceAndName: Layout = { before: 2, names: 1, after: 0 }
/** Types whose data may have compressed names (RFC 3597 4; RFC 2672 let DNAME, RFC 2230 does not forbid KX). No later type may. */
const layouts = new Map<number, Layout>([
  [recordTypes.NS, oneName], [3, oneName], [4, oneName], [recordTypes.CNAME, oneName], [7, oneName], [8, oneName], [9, oneName],
  [recordTypes.PTR, oneName], [39, oneName], // MD MF; MB MG MR; DNAME
  [recordTypes.SOA, { before: 0, names: 2, after: 20 }],
  [14, twoNames], [17, twoNames], // MINFO RP
  [recordTypes.MX, preferenceAndName], [18, preferenceAndName], [21, preferenceAndName], [36, preferenceAndName], // AFSDB RT KX
  [26, { before: 2, names: 2, after: 0 }], // PX
  [24, { before: 18, names: 1 }], [30, { before: 0, names: 1 }], // SIG NXT
  [recordTypes.SRV, { before: 6, names: 1, after: 0 }],
  [recordTypes.NAPTR, { before: 4, strings: 3, names: 1, after: 0 }]
])
const addressLengths = new Map<number, number>([[recordTypes.A, 4], [recordTypes.AAAA, 16]])

class Malformed extends Error {
  override readonly name = 'Malformed'
}

/** True if the message is cut, so that the rest is to be asked for over TCP (RFC 2181 9). */
export function isTruncated (message: Buffer): boolean {
  return (message.readUInt16BE(2) & flagTruncated) !== 0
}

/**
 * Reads an answer that `UpstreamQuery.match` took. undefined = it is malformed.
 * @param message is changed: the name of the question is put in lower case, and so are the names that point into it
 * @param name of the question, in lower case
 * @param limit of records; one of our own may have more than we take from others
 */
export function readReply (message: Buffer, name: Buffer, limit = maxRecords): Reply | undefined {
  try {
    return new ReplyReader(message, name).read(limit)
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

class ReplyReader {
  readonly #message: Buffer
  readonly #questionName: Buffer
  readonly #names = new NameReader()
  #at = headerLength
  #extendedRcode: number | undefined

  constructor (message: Buffer, questionName: Buffer) {
    this.#message = message
    this.#questionName = questionName
  }

  read (limit: number): Reply {
    const message = this.#message
    if (message.length < headerLength) throw new Malformed()
    const flags = message.readUInt16BE(2)
    const questions = message.readUInt16BE(4)
    const counts = [message.readUInt16BE(6), message.readUInt16BE(8), message.readUInt16BE(10)] as const
    if (counts[0] + counts[1] + counts[2] > limit + 1) throw new Malformed() // one OPT
    if (questions === 1) {
      this.#questionName.copy(message, headerLength)
      this.#at += this.#questionName.length + questionTailLength
    }
    const answers = this.#section(counts[0])
    const authorities = this.#section(counts[1])
    const additionals = this.#section(counts[2], true)
    return { rcode: ((this.#extendedRcode ?? 0) << 4) | (flags & rcodeMask), answers, authorities, additionals }
  }

  #section (count: number, isAdditional = false): ForwardRecord[] {
    const records: ForwardRecord[] = []
    for (let index = 0; index < count; index++) {
      const record = this.#record(isAdditional)
      if (record !== undefined) records.push(record)
    }
    return records
  }

  /** undefined = of another class, or only between this node and the upstream. */
  #record (isAdditional: boolean): ForwardRecord | undefined {
    const owner = this.#readName()
    const start = this.#take(10)
    const message = this.#message
    const type = message.readUInt16BE(start)
    const recordClass = message.readUInt16BE(start + 2)
    const ttl = message.readUInt32BE(start + 4)
    const dataStart = this.#take(message.readUInt16BE(start + 8))
    const end = this.#at
    if (type === recordTypes.OPT) {
      if (!isAdditional || this.#extendedRcode !== undefined || owner.length !== 1) throw new Malformed() // RFC 6891 6.1.1
      this.#extendedRcode = ttl >>> 24
      return undefined
    }
    if (isMeta(type) || recordClass !== classIn) return undefined
    const name = folded(owner).equals(this.#questionName) ? this.#questionName : owner
    return { name, type, ttl: ttl > maxTtl ? 0 : ttl, rdata: this.#data(type, dataStart, end) }
  }

  #data (type: number, start: number, end: number): Buffer {
    const layout = layouts.get(type)
    if (layout === undefined) {
      if (end - start !== (addressLengths.get(type) ?? end - start)) throw new Malformed()
      return this.#message.subarray(start, end)
    }
    this.#at = start
    this.#take(layout.before)
    for (let index = 0; index < (layout.strings ?? 0); index++) this.#take(this.#message.readUInt8(this.#take(1)))
    const parts = [this.#message.subarray(start, this.#at)]
    for (let index = 0; index < layout.names; index++) parts.push(this.#readName())
    const rest = end - this.#at
    if (rest < 0 || rest !== (layout.after ?? rest)) throw new Malformed()
    parts.push(this.#message.subarray(this.#at, end))
    this.#at = end
    return Buffer.concat(parts)
  }

  /** Steps over so many octets, and gives the offset where they begin. */
  #take (bytes: number): number {
    const start = this.#at
    if (start + bytes > this.#message.length) throw new Malformed()
    this.#at += bytes
    return start
  }

  #readName (): Buffer {
    const names = this.#names
    if (!names.read(this.#message, this.#at, headerLength)) throw new Malformed()
    this.#at = names.end
    const name = names.name()
    for (const at of labelStarts(name)) {
      const tail = this.#questionName.length - (name.length - at)
      if (tail < 0 || !isNameAt(name, at, name.length, this.#questionName.subarray(tail))) continue
      this.#questionName.copy(name, at, tail) // it may repeat the letters that we sent, whose case clients must not see
      break
    }
    return name
  }
}
