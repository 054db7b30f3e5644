// DNS messages as bytes: a bounded reader of queries and a bounded writer of answers.
//
//   message  = header question answer authority additional            RFC 1035 4.1
//   header   = id(2) flags(2) qdcount(2) ancount(2) nscount(2) arcount(2)
//   flags    = QR(1) opcode(4) AA(1) TC(1) RD(1) RA(1) Z(1) AD(1) CD(1) rcode(4)
//   question = name type(2) class(2)
//   record   = name type(2) class(2) ttl(4) rdlength(2) rdata
//   OPT      = root 41 payload(2) extended-rcode(1) version(1) flags(2) rdlength(2) *option    RFC 6891 6.1.2
//   option   = code(2) length(2) data

export const recordTypes = {
  A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, HINFO: 13, MX: 15, TXT: 16, AAAA: 28, SRV: 33, NAPTR: 35, OPT: 41, DS: 43,
  SVCB: 64, HTTPS: 65, IXFR: 251, AXFR: 252, ANY: 255
} as const

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const

/** RFC 8914: why an answer is what it is. */
export const extendedErrors = { staleAnswer: 3, notReady: 14, staleNxdomain: 19, notAuthoritative: 20, notSupported: 21 } as const

export const classIn = 1
export const headerLength = 12
/** Type and class, behind the name of a question. */
export const questionTailLength = 4
/** Every answer record of ours is made as one of the question's name: its owner is a pointer to it (RFC 1035 4.1.4). */
export const questionPointer = 0xc000 | headerLength

/** RFC 1035 2.3.4. */
export const maxNameLength = 255
export const maxLabelOctets = 63
/** RFC 1035 4.2.1: what a client without EDNS can take. */
export const plainUdpLimit = 512
/** DNS flag day 2020: fits an IPv6 packet of minimum MTU, so no answer is ever fragmented, and amplification is bounded. */
export const ednsUdpLimit = 1_232
/** The two-octet length of a message over TCP (RFC 1035 4.2.2). */
export const tcpLimit = 65_535

const optLength = 11
const optionHeaderLength = 4
const extendedErrorLength = 2
// A query has one record at most in answer (NOTIFY) and authority (IXFR), and OPT and TSIG in additional. What has more
// is no query, and would cost a walk over 65,535 records.
const maxAnswerRecords = 1
const maxAuthorityRecords = 1
const maxAdditionalRecords = 2
const maxLabels = 127 // 255 octets of one-letter labels

const flagResponse = 0x8000
const flagAuthoritative = 0x0400
const flagTruncated = 0x0200
const flagRecursionDesired = 0x0100
const opcodeMask = 0x7800
const flagDnssecOk = 0x8000 // in the flags of OPT

/** What reading came to: `silence` = no answer at all, else an rcode, NOERROR if the query can be answered. */
export type ReadOutcome = 'silence' | (typeof rcodes)['NOERROR' | 'FORMERR' | 'NOTIMP' | 'BADVERS']

/** Reads one query after the other into itself, so that a flood of them leaves nothing to collect. */
export class QueryReader {
  message: Buffer = Buffer.alloc(0)
  flags = 0
  /** Octets of the question as it came; 0 = there is none to repeat. */
  questionLength = 0
  labelCount = 0
  /** Where the labels begin (at their length octet), and where the root label is. */
  readonly labels = new Uint16Array(maxLabels + 1)
  type = 0
  class = 0
  /** The query has an OPT record, so the answer gets one. */
  edns = false
  dnssecOk = false
  payloadSize = 0
  #version = 0

  read (message: Buffer): ReadOutcome {
    this.message = message
    this.questionLength = this.labelCount = this.type = this.class = this.payloadSize = this.#version = 0
    this.edns = this.dnssecOk = false
    if (message.length < headerLength) return 'silence'
    this.flags = message.readUInt16BE(2)
    if ((this.flags & flagResponse) !== 0) return 'silence' // answering an answer would be a loop
    const outcome = this.#sections(message)
    return (this.flags & opcodeMask) === 0 ? outcome : rcodes.NOTIMP
  }

  #sections (message: Buffer): ReadOutcome {
    const questions = message.readUInt16BE(4)
    const answers = message.readUInt16BE(6)
    const authorities = message.readUInt16BE(8)
    const additionals = message.readUInt16BE(10)
    if (questions > 1) return rcodes.FORMERR // RFC 9619
    let at = questions === 0 ? headerLength : this.#question(message)
    if (at < 0) return rcodes.FORMERR
    if (answers > maxAnswerRecords || authorities > maxAuthorityRecords || additionals > maxAdditionalRecords) return rcodes.FORMERR
    for (let index = 0; index < answers + authorities + additionals; index++) {
      at = this.#record(message, at, index >= answers + authorities)
      if (at < 0) return rcodes.FORMERR
    }
    if (questions === 0) return rcodes.FORMERR
    return this.#version === 0 ? rcodes.NOERROR : rcodes.BADVERS
  }

  /** Gives the offset after the question, -1 if it is malformed. The first name of a message has nothing to point to. */
  #question (message: Buffer): number {
    let at = headerLength
    for (;;) {
      if (at >= message.length) return -1
      const length = message.readUInt8(at)
      this.labels[this.labelCount] = at
      if (length === 0) break
      if (length > maxLabelOctets || at + 1 + length + 1 - headerLength > maxNameLength) return -1
      this.labelCount++
      at += 1 + length
    }
    at++
    if (at + 4 > message.length) return -1
    this.type = message.readUInt16BE(at)
    this.class = message.readUInt16BE(at + 2)
    this.questionLength = at + 4 - headerLength
    return at + 4
  }

  /** Steps over a record and takes OPT in. Gives the offset after it, -1 if it is malformed. */
  #record (message: Buffer, start: number, isAdditional: boolean): number {
    let at = start
    for (;;) {
      if (at >= message.length) return -1
      const length = message.readUInt8(at)
      if (length === 0) {
        at += 1
        break
      }
      if (length >= 0xc0) { // a pointer ends a name; whereto does not matter for stepping over
        at += 2
        break
      }
      if (length > maxLabelOctets || at + 1 + length + 1 - start > maxNameLength) return -1
      at += 1 + length
    }
    if (at + 10 > message.length) return -1
    const end = at + 10 + message.readUInt16BE(at + 8)
    if (end > message.length) return -1
    if (message.readUInt16BE(at) !== recordTypes.OPT) return end
    const isWellFormed = isAdditional && !this.edns && at === start + 1 && areOptions(message, at + 10, end)
    if (!isWellFormed) return -1
    this.edns = true
    this.payloadSize = message.readUInt16BE(at + 2)
    this.#version = message.readUInt8(at + 5)
    this.dnssecOk = (message.readUInt16BE(at + 6) & flagDnssecOk) !== 0
    return end
  }
}

function areOptions (message: Buffer, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (at + optionHeaderLength > end) return false
    at += optionHeaderLength + message.readUInt16BE(at + 2)
  }
  return at === end
}

export type Section = 'answer' | 'authority' | 'additional'

/** A reason in the form of RFC 8914, made once. */
export interface Explanation {
  readonly code: number
  readonly text: Buffer
}

export function explanation (code: number, text: string): Explanation {
  return { code, text: Buffer.from(text) }
}

/** Writes one answer after the other into the same memory, never past the limit of the one that it writes. */
export class MessageWriter {
  #bytes: Buffer
  #length = 0
  #limit = 0
  #answers = 0
  #authorities = 0
  #additionals = 0
  #explanation: Explanation | undefined
  #query: QueryReader | undefined
  /**
   * Whose the answer records are from here on: a pointer. After an alias it is its target (RFC 1034 4.3.2), and the records'
   * first two octets are written over.
   */
  owner = questionPointer
  /** Some answer did not fit. Left-out glue does not count (RFC 2181 9). */
  isTruncated = false
  /** A set had more records than an answer may show. */
  isCut = false

  /** @param capacity the longest message that it ever writes */
  constructor (capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** The message between `begin` and the next `begin`. */
  get bytes (): Buffer {
    return this.#bytes
  }

  /** Leaves the memory to whoever still reads it, and goes on in fresh one. */
  renew (): void {
    this.#bytes = Buffer.allocUnsafeSlow(this.#bytes.length)
  }

  /** @param limit octets of the whole message */
  begin (query: QueryReader, limit: number, reason?: Explanation): void {
    this.#query = query
    this.#answers = this.#authorities = this.#additionals = 0
    this.isTruncated = this.isCut = false
    this.owner = questionPointer
    this.#length = headerLength + query.questionLength
    query.message.copy(this.#bytes, headerLength, headerLength, this.#length)
    const room = Math.min(limit, this.#bytes.length) - this.#length
    const reasonLength = reason === undefined ? 0 : optionHeaderLength + extendedErrorLength + reason.text.length
    this.#explanation = query.edns && room >= optLength + reasonLength ? reason : undefined
    const reserved = query.edns ? optLength + (this.#explanation === undefined ? 0 : reasonLength) : 0
    this.#limit = this.#length + room - reserved
  }

  /** Appends `count` records that stand in `source` between two offsets, all or none. False if they don't fit. */
  append (section: Section, source: Buffer, start: number, end: number, count = 1): boolean {
    if (this.#length + end - start > this.#limit) {
      if (section !== 'additional') this.isTruncated = true
      return false
    }
    if (section === 'additional' && this.owner !== questionPointer) return false // glue points into the question's name
    source.copy(this.#bytes, this.#length, start, end)
    if (section === 'answer' && this.owner !== questionPointer) this.#bytes.writeUInt16BE(this.owner, this.#length)
    this.#length += end - start
    if (section === 'answer') this.#answers += count
    else if (section === 'authority') this.#authorities += count
    else this.#additionals += count
    return true
  }

  /** Where the next record begins. */
  get position (): number {
    return this.#length
  }

  /** Ends the message. Gives its length. */
  finish (rcode: number, isAuthoritative: boolean): number {
    const query = this.#query
    if (query === undefined) return 0
    const bytes = this.#bytes
    if (query.edns) this.#opt(rcode, query.dnssecOk)
    bytes[0] = query.message.readUInt8(0)
    bytes[1] = query.message.readUInt8(1)
    bytes.writeUInt16BE(flagResponse | (query.flags & (opcodeMask | flagRecursionDesired)) | (isAuthoritative ? flagAuthoritative : 0) |
      (this.isTruncated ? flagTruncated : 0) | (rcode & 0x0f), 2)
    bytes.writeUInt16BE(query.questionLength === 0 ? 0 : 1, 4)
    bytes.writeUInt16BE(this.#answers, 6)
    bytes.writeUInt16BE(this.#authorities, 8)
    bytes.writeUInt16BE(this.#additionals, 10)
    return this.#length
  }

  #opt (rcode: number, dnssecOk: boolean): void {
    const bytes = this.#bytes
    const at = this.#length
    const reason = this.#explanation
    bytes[at] = 0
    bytes.writeUInt16BE(recordTypes.OPT, at + 1)
    bytes.writeUInt16BE(ednsUdpLimit, at + 3)
    bytes[at + 5] = rcode >> 4
    bytes[at + 6] = 0
    bytes.writeUInt16BE(dnssecOk ? flagDnssecOk : 0, at + 7) // RFC 3225 3: copied
    bytes.writeUInt16BE(reason === undefined ? 0 : optionHeaderLength + extendedErrorLength + reason.text.length, at + 9)
    this.#length += optLength
    if (reason !== undefined) {
      bytes.writeUInt16BE(15, at + 11)
      bytes.writeUInt16BE(extendedErrorLength + reason.text.length, at + 13)
      bytes.writeUInt16BE(reason.code, at + 15)
      reason.text.copy(bytes, at + 17)
      this.#length += optionHeaderLength + extendedErrorLength + reason.text.length
    }
    this.#additionals++
  }
}

/** Where the service begins in a question for `_port._protocol.service...`. */
export function portServiceStart (port: string, protocol: string): number {
  return headerLength + 1 + 1 + port.length + 1 + 1 + protocol.length
}

/** A pointer to an offset of the message (RFC 1035 4.1.4). */
export function pointerTo (offset: number): number {
  return 0xc000 | offset
}

/** The wire form of a name whose labels are plain text: `length label ... 0`. */
export function nameBytes (labels: readonly string[]): Buffer {
  return Buffer.concat([labelBytes(labels), Buffer.from([0])])
}

/** Labels without the root: the front of a name that goes on with a pointer. */
export function labelBytes (labels: readonly string[]): Buffer {
  return Buffer.concat(labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])))
}

/** Joins octets that are kept for long. In memory of their own: a few octets out of Node's pool would hold 8 KiB of it. */
export function joinedOctets (parts: readonly Buffer[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) at += part.copy(joined, at)
  return joined
}

/**
 * A record of class IN.
 * @param owner a name in wire form, or the offset that a pointer goes to
 */
export function recordBytes (owner: Buffer | number, type: number, ttlSeconds: number, rdata: Buffer): Buffer {
  const name = typeof owner === 'number' ? Buffer.from([owner >> 8, owner & 0xff]) : owner
  const record = Buffer.alloc(name.length + 10 + rdata.length)
  name.copy(record)
  record.writeUInt16BE(type, name.length)
  record.writeUInt16BE(classIn, name.length + 2)
  record.writeUInt32BE(ttlSeconds, name.length + 4)
  record.writeUInt16BE(rdata.length, name.length + 8)
  rdata.copy(record, name.length + 10)
  return record
}
