// A bounded reader of queries.
import { nameEnd } from './name.ts'
import {
  flagDnssecOk, flagResponse, headerLength, maxLabelBytes, maxNameLength, opcodeMask, optionCodes, optionHeaderLength, rcodes, recordTypes
} from './wire.ts'

// A query has one record at most in answer (NOTIFY) and authority (IXFR), and OPT and TSIG in additional. What has more
// is no query, and would cost a walk over 65,535 records.
const maxAnswerRecords = 1
const maxAuthorityRecords = 1
const maxAdditionalRecords = 2
const maxLabels = 127 // 255 octets of one-letter labels

/** RFC 7873 4: the client's part, alone or followed by 8 to 32 octets that a server made. */
export const clientCookieLength = 8
const minCookieLength = 16
const maxCookieLength = 40

/** What reading came to: `silence` = no answer at all, else an rcode, NOERROR if the query can be answered. */
export type ReadOutcome = 'silence' | (typeof rcodes)['NOERROR' | 'FORMERR' | 'NOTIMP' | 'BADVERS']

/** Reads one query after the other into itself, so that a flood of them leaves nothing to collect. */
export class QueryReader {
  message: Buffer = Buffer.alloc(0)
  flags = 0
  /** Octets of the question as it came; 0 = there is none to repeat. A query without one that is NOERROR asks for a cookie (RFC 7873 5.4). */
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
  /** Where the data of the COOKIE option is, and its octets; length 0 = there is none. */
  cookieStart = 0
  cookieLength = 0
  /** NSID is asked for (RFC 5001). */
  nsid = false
  /** The client knows edns-tcp-keepalive (RFC 7828). */
  keepalive = false
  /** It came with a timeout, which is the server's to say: over TCP it must not (RFC 7828 3.2.1). */
  keepaliveHasData = false
  /** It is padded, and wants its answer padded too (RFC 7830). */
  isPadded = false
  /** Where the record of the authority section begins, which IXFR has (RFC 1995 3); 0 = there is none. */
  authorityStart = 0
  /** Where the TSIG record begins, the last of the message (RFC 8945 5.1); 0 = there is none. */
  tsigStart = 0
  #version = 0

  read (message: Buffer): ReadOutcome {
    this.message = message
    this.questionLength = this.labelCount = this.type = this.class = this.payloadSize = this.#version = 0
    this.cookieStart = this.cookieLength = this.authorityStart = this.tsigStart = 0
    this.edns = this.dnssecOk = this.nsid = this.keepalive = this.keepaliveHasData = this.isPadded = false
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
      if (this.tsigStart !== 0) return rcodes.FORMERR // something follows it
      if (index === answers && authorities > 0) this.authorityStart = at
      at = this.#record(message, at, index >= answers + authorities)
      if (at < 0) return rcodes.FORMERR
    }
    if (this.#version !== 0) return rcodes.BADVERS
    return questions === 0 && this.cookieLength === 0 ? rcodes.FORMERR : rcodes.NOERROR
  }

  /** Gives the offset after the question, -1 if it is malformed. The first name of a message has nothing to point to. */
  #question (message: Buffer): number {
    let at = headerLength
    for (;;) {
      if (at >= message.length) return -1
      const length = message.readUInt8(at)
      this.labels[this.labelCount] = at
      if (length === 0) break
      if (length > maxLabelBytes || at + 1 + length + 1 - headerLength > maxNameLength) return -1
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

  /** Steps over a record and takes OPT and TSIG in. Gives the offset after it, -1 if it is malformed. */
  #record (message: Buffer, start: number, isAdditional: boolean): number {
    const at = nameEnd(message, start)
    if (at < 0 || at + 10 > message.length) return -1
    const end = at + 10 + message.readUInt16BE(at + 8)
    if (end > message.length) return -1
    const type = message.readUInt16BE(at)
    if (type === recordTypes.TSIG) {
      if (!isAdditional) return -1
      this.tsigStart = start
    } else if (type === recordTypes.OPT) {
      const isWellFormed = isAdditional && !this.edns && at === start + 1
      if (!isWellFormed) return -1
      this.edns = true
      this.payloadSize = message.readUInt16BE(at + 2)
      this.#version = message.readUInt8(at + 5)
      this.dnssecOk = (message.readUInt16BE(at + 6) & flagDnssecOk) !== 0
      if (!this.#options(message, at + 10, end)) return -1
    }
    return end
  }

  /** False if they are malformed. Unknown options are passed over (RFC 6891 6.1.2). */
  #options (message: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      if (at + optionHeaderLength > end) return false
      const code = message.readUInt16BE(at)
      const length = message.readUInt16BE(at + 2)
      const data = at + optionHeaderLength
      at = data + length
      if (at > end) return false
      if (code === optionCodes.nsid) this.nsid = true
      else if (code === optionCodes.padding) this.isPadded = true
      else if (code === optionCodes.keepalive) {
        this.keepalive = true
        this.keepaliveHasData ||= length > 0
      } else if (code === optionCodes.cookie && this.cookieLength === 0) { // RFC 7873 5.2: only the first counts
        if (length !== clientCookieLength && (length < minCookieLength || length > maxCookieLength)) return false
        this.cookieStart = data
        this.cookieLength = length
      }
    }
    return true
  }
}
