// A bounded writer of answers.
import type { QueryReader } from './query-reader.ts'
import {
  ednsUdpLimit, flagAuthoritative, flagDnssecOk, flagRecursionAvailable, flagRecursionDesired, flagResponse, flagTruncated, headerLength,
  opcodeMask, optionCodes, optionHeaderLength, paddingBlock, questionPointer, recordTypes
} from './wire.ts'

const optLength = 11
/** Octets that a loop copies faster than a call does. */
const shortCopy = 64
const extendedErrorLength = 2

export type Section = 'answer' | 'authority' | 'additional'

/** A reason in the form of RFC 8914, made once. */
export interface Explanation {
  readonly code: number
  readonly text: Buffer
}

export function explanation (code: number, text: string): Explanation {
  return { code, text: Buffer.from(text) }
}

/** Further options of an answer's OPT, composed in memory that is used again. */
export interface AnswerOptions {
  readonly bytes: Buffer
  readonly length: number
}

export const noOptions: AnswerOptions = { bytes: Buffer.alloc(0), length: 0 }

/** Writes one answer after the other into the same memory, never past the limit of the one that it writes. */
export class MessageWriter {
  #bytes: Buffer
  #length = 0
  #limit = 0
  #answers = 0
  #authorities = 0
  #additionals = 0
  #explanation: Explanation | undefined
  #options = noOptions
  #query: QueryReader | undefined
  /** Octets of the whole message, at most. */
  #whole = 0
  #tail = 0
  /**
   * Whose the answer records are from here on: a pointer. After an alias it is its target (RFC 1034 4.3.2), and the records'
   * first two octets are written over.
   */
  owner = questionPointer
  /** Some answer did not fit. Left-out glue does not count (RFC 2181 9). */
  isTruncated = false
  /** A set had more records than an answer may show. */
  isCut = false
  /** The answer says that this server asks others for the client. Set after `open`. */
  recursionAvailable = false
  /** The answer is filled up with zeros, so that its length tells less (RFC 7830). Set after `open`. */
  pads = false
  /** Of the last answer. */
  rcode = 0

  /** @param memory octets of the longest message that it ever writes, or where it writes */
  constructor (memory: number | Buffer) {
    this.#bytes = typeof memory === 'number' ? Buffer.allocUnsafeSlow(memory) : memory
  }

  /** The message between `begin` and the next `begin`. */
  get bytes (): Buffer {
    return this.#bytes
  }

  /** Leaves the buffer to its readers, and goes on in a new one. */
  renew (): void {
    this.#bytes = Buffer.allocUnsafeSlow(this.#bytes.length)
  }

  /**
   * Whose answer is written from here on, and what it may hold.
   * @param limit octets of the whole message
   * @param options of OPT, complete; for a query with EDNS only. The caller keeps them as they are until `finish`
   * @param tail octets that the caller puts behind the message: a signature
   */
  open (query: QueryReader, limit: number, options: AnswerOptions = noOptions, tail = 0): void {
    this.#query = query
    this.#whole = Math.min(limit, this.#bytes.length) - tail
    this.#options = options
    this.#tail = tail
    this.pads = this.recursionAvailable = this.isTruncated = this.isCut = false
  }

  /** Begins the answer, anew if one was begun. @param reason left out where it does not fit */
  begin (reason?: Explanation): void {
    const query = this.#query
    if (query === undefined) return
    this.#answers = this.#authorities = this.#additionals = 0
    this.isTruncated = this.isCut = false
    this.owner = questionPointer
    this.#length = headerLength + query.questionLength
    copyBytes(query.message, headerLength, this.#length, this.#bytes, headerLength)
    const room = this.#whole - this.#length
    const needed = query.edns ? optLength + this.#options.length + (this.pads ? optionHeaderLength : 0) : 0
    const reasonLength = reason === undefined ? 0 : optionHeaderLength + extendedErrorLength + reason.text.length
    this.#explanation = query.edns && room >= needed + reasonLength ? reason : undefined
    this.#limit = this.#length + room - needed - (this.#explanation === undefined ? 0 : reasonLength)
  }

  /** A whole answer without records. Gives its length. */
  end (rcode: number, reason?: Explanation): number {
    this.begin(reason)
    return this.finish(rcode, false)
  }

  /** Appends `count` records that stand in `source` between two offsets, all or none. False if they don't fit. */
  append (section: Section, source: Buffer, start: number, end: number, count = 1): boolean {
    if (this.#length + end - start > this.#limit) {
      if (section !== 'additional') this.isTruncated = true
      return false
    }
    if (section === 'additional' && this.owner !== questionPointer) return false // glue points into the question's name
    copyBytes(source, start, end, this.#bytes, this.#length)
    if (section === 'answer' && this.owner !== questionPointer) this.#bytes.writeUInt16BE(this.owner, this.#length)
    this.#length += end - start
    if (section === 'answer') this.#answers += count
    else if (section === 'authority') this.#authorities += count
    else this.#additionals += count
    return true
  }

  /** As `append`, of octets that are kept as text. */
  appendText (section: Section, text: string, count = 1): boolean {
    const start = this.#length
    if (start + text.length > this.#limit) {
      if (section !== 'additional') this.isTruncated = true
      return false
    }
    if (section === 'additional' && this.owner !== questionPointer) return false
    for (let at = 0; at < text.length; at++) this.#bytes[start + at] = text.charCodeAt(at)
    if (section === 'answer' && this.owner !== questionPointer) this.#bytes.writeUInt16BE(this.owner, start)
    this.#length = start + text.length
    if (section === 'answer') this.#answers += count
    else if (section === 'authority') this.#authorities += count
    else this.#additionals += count
    return true
  }

  /** Appends a record whose owner is its own. False if it does not fit. */
  appendWhole (section: Section, record: Buffer): boolean {
    if (this.#length + record.length > this.#limit) {
      if (section !== 'additional') this.isTruncated = true
      return false
    }
    record.copy(this.#bytes, this.#length)
    this.#length += record.length
    if (section === 'answer') this.#answers++
    else if (section === 'authority') this.#authorities++
    else this.#additionals++
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
    this.rcode = rcode
    const bytes = this.#bytes
    if (query.edns) this.#opt(rcode, query.dnssecOk)
    bytes[0] = query.message[0] ?? 0
    bytes[1] = query.message[1] ?? 0
    const flags = flagResponse | (query.flags & (opcodeMask | flagRecursionDesired)) | (isAuthoritative ? flagAuthoritative : 0) |
      (this.isTruncated ? flagTruncated : 0) | (this.recursionAvailable ? flagRecursionAvailable : 0) | (rcode & 0x0f)
    put16(bytes, 2, flags)
    put16(bytes, 4, query.questionLength === 0 ? 0 : 1)
    put16(bytes, 6, this.#answers)
    put16(bytes, 8, this.#authorities)
    put16(bytes, 10, this.#additionals)
    return this.#length
  }

  #opt (rcode: number, dnssecOk: boolean): void {
    const bytes = this.#bytes
    const at = this.#length
    const reason = this.#explanation
    const { length } = this.#options
    bytes[at] = 0
    bytes.writeUInt16BE(recordTypes.OPT, at + 1)
    bytes.writeUInt16BE(ednsUdpLimit, at + 3)
    bytes[at + 5] = rcode >> 4
    bytes[at + 6] = 0
    bytes.writeUInt16BE(dnssecOk ? flagDnssecOk : 0, at + 7) // RFC 3225 3: copied
    if (length > 0) this.#options.bytes.copy(bytes, at + optLength, 0, length)
    this.#length += optLength + length
    if (reason !== undefined) {
      const start = this.#length
      bytes.writeUInt16BE(optionCodes.extendedError, start)
      bytes.writeUInt16BE(extendedErrorLength + reason.text.length, start + 2)
      bytes.writeUInt16BE(reason.code, start + 4)
      reason.text.copy(bytes, start + optionHeaderLength + extendedErrorLength)
      this.#length += optionHeaderLength + extendedErrorLength + reason.text.length
    }
    if (this.pads) this.#pad()
    bytes.writeUInt16BE(this.#length - at - optLength, at + 9)
    this.#additionals++
  }

  /** RFC 8467 4.1: an answer is as long as the next multiple of a block says, as far as it may be. */
  #pad (): void {
    const start = this.#length + optionHeaderLength
    const end = Math.min(Math.ceil((start + this.#tail) / paddingBlock) * paddingBlock - this.#tail, this.#whole)
    if (end < start) return
    this.#bytes.writeUInt16BE(optionCodes.padding, this.#length)
    this.#bytes.writeUInt16BE(end - start, this.#length + 2)
    this.#bytes.fill(0, start, end)
    this.#length = end
  }
}

/** As `writeUInt16BE`, for an offset that is known to be inside. */
function put16 (bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value & 0xff
}

/** For the few octets of a name or a record a loop is faster than the call that `Buffer.copy` makes. */
function copyBytes (source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > shortCopy) source.copy(target, at, start, end)
  else for (let index = start; index < end; index++) target[at + index - start] = source[index] ?? 0
}
