// Many records as few messages: filled up, the owners compressed, the question and OPT in the first one (RFC 5936 2.2).
import type { QueryReader } from '../wire/query-reader.ts'
import { classIn, ednsUdpLimit, headerLength, pointerTo, recordTypes } from '../wire/wire.ts'
import { labelStarts, nameEnd } from '../wire/name.ts'

/** Every name in it can be pointed to (14 bits), and a message is made in less than a millisecond. */
export const messageBytes = 16_383
const optBytes = 11
const soaNumberBytes = 20 // serial refresh retry expire minimum
const flagDnssecOk = 0x8000
const answerFlags = 0x8400 // QR, AA; opcode QUERY and rcode NOERROR
const flagRecursionDesired = 0x0100

export class TransferMessages {
  readonly #query: QueryReader
  readonly #sign: (message: Buffer) => Buffer
  readonly #bytes = Buffer.allocUnsafeSlow(messageBytes)
  /** Where the names of this message are, by what they are. */
  readonly #names = new Map<string, number>()
  #length = 0
  #answers = 0
  #isFirst = true
  #lastOwner: Buffer = Buffer.alloc(0)
  #lastOwnerAt = 0

  /** @param query read, and not used for another message meanwhile */
  constructor (query: QueryReader, sign: (message: Buffer) => Buffer) {
    this.#query = query
    this.#sign = sign
    const { message, questionLength } = query
    message.copy(this.#bytes, headerLength, headerLength, headerLength + questionLength)
    this.#length = headerLength + questionLength
  }

  /** Takes a record without compression. Gives the message before it if there is no more room in that one. */
  add (record: Buffer): Buffer | undefined {
    const reserved = this.#isFirst && this.#query.edns ? optBytes : 0
    const full = this.#length + record.length + reserved > messageBytes ? this.end() : undefined
    const fixed = nameEnd(record, 0)
    this.#owner(record.subarray(0, fixed))
    this.#length += record.copy(this.#bytes, this.#length, fixed)
    this.#answers++
    return full
  }

  /** Gives the message that is being filled, and begins another one. */
  end (): Buffer {
    const { message, edns, flags } = this.#query
    const bytes = this.#bytes
    const hasOpt = this.#isFirst && edns
    if (hasOpt) this.#opt()
    message.copy(bytes, 0, 0, 2)
    bytes.writeUInt16BE(answerFlags | (flags & flagRecursionDesired), 2)
    bytes.writeUInt16BE(this.#isFirst ? 1 : 0, 4)
    bytes.writeUInt16BE(this.#answers, 6)
    bytes.writeUInt16BE(0, 8)
    bytes.writeUInt16BE(hasOpt ? 1 : 0, 10)
    const whole = this.#sign(Buffer.from(bytes.subarray(0, this.#length)))
    this.#isFirst = false
    this.#length = headerLength
    this.#answers = 0
    this.#names.clear()
    this.#lastOwnerAt = 0
    return whole
  }

  /** The names in data are left as they are: of SRV they must be (RFC 2782), and of others there are few. */
  #owner (owner: Buffer): void {
    const bytes = this.#bytes
    if (this.#lastOwnerAt > 0 && owner.equals(this.#lastOwner)) {
      this.#length = bytes.writeUInt16BE(pointerTo(this.#lastOwnerAt), this.#length)
      return
    }
    this.#lastOwner = owner
    this.#lastOwnerAt = this.#length
    for (const at of labelStarts(owner)) {
      const suffix = owner.toString('latin1', at)
      const known = this.#names.get(suffix)
      if (known !== undefined) {
        this.#length = bytes.writeUInt16BE(pointerTo(known), this.#length)
        return
      }
      this.#names.set(suffix, this.#length)
      this.#length += owner.copy(bytes, this.#length, at, at + 1 + owner.readUInt8(at))
    }
    bytes[this.#length++] = 0
  }

  #opt (): void {
    const bytes = this.#bytes
    const at = this.#length
    bytes.fill(0, at, at + optBytes)
    bytes.writeUInt16BE(recordTypes.OPT, at + 1)
    bytes.writeUInt16BE(ednsUdpLimit, at + 3)
    bytes.writeUInt16BE(this.#query.dnssecOk ? flagDnssecOk : 0, at + 7) // RFC 3225 3: copied
    this.#length += optBytes
  }
}

/** The serial of the SOA in the authority section of an IXFR query (RFC 1995 3), undefined if there is none. */
export function serialOfQuery ({ message, questionLength }: QueryReader): number | undefined {
  if (message.readUInt16BE(6) !== 0 || message.readUInt16BE(8) !== 1) return undefined
  const fixed = nameEnd(message, headerLength + questionLength)
  if (fixed < 0 || message.readUInt16BE(fixed) !== recordTypes.SOA || message.readUInt16BE(fixed + 2) !== classIn) return undefined
  const dataStart = fixed + 10
  const primaryEnd = nameEnd(message, dataStart)
  const numbers = primaryEnd < 0 ? -1 : nameEnd(message, primaryEnd)
  const end = dataStart + message.readUInt16BE(fixed + 8)
  return numbers < 0 || numbers + soaNumberBytes !== end || end > message.length ? undefined : message.readUInt32BE(numbers)
}
