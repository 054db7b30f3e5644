// A question as it goes to an upstream, and what of all that comes back is its answer.
//
//   query = id(2) flags(2) 1 0 0 arcount(2) question [OPT]      RFC 1035 4.1, RFC 6891 6.1.2
import { classIn, ednsUdpLimit, headerLength, questionTailLength, rcodes, recordTypes } from '../wire/wire.ts'
import { folded } from '../wire/name.ts'
import { mixedCase } from './mixed-case.ts'

export interface UpstreamQuestion {
  /** In wire form and lower case. */
  readonly name: Buffer
  readonly type: number
  /** The client wants DNSSEC records (RFC 3225). */
  readonly dnssecOk: boolean
  /** The client checks signatures itself (RFC 4035 3.2.2). */
  readonly checkingDisabled: boolean
}

/**
 * `other` = not an answer to this question. `case` = it would be, but for the case of the letters: an upstream that folds names, or a
 * forger who did not guess them.
 */
export type Match = 'answer' | 'case' | 'other'

const optLength = 11
const flagResponse = 0x8000
const opcodeMask = 0x7800
const rcodeMask = 0x000f
const flagRecursionDesired = 0x0100
const flagCheckingDisabled = 0x0010
const flagDnssecOk = 0x8000 // in the flags of OPT

export class UpstreamQuery {
  readonly message: Buffer
  readonly #question: Buffer
  readonly #foldedQuestion: Buffer

  /**
   * @param random gives so many unpredictable bytes
   * @param mixesCase the letters have a random case, and must come back in it
   */
  constructor (
    { name, type, dnssecOk, checkingDisabled }: UpstreamQuestion, edns: boolean, random: (bytes: number) => Buffer, mixesCase = true
  ) {
    const nameEnd = headerLength + name.length
    const questionEnd = nameEnd + questionTailLength
    const message = Buffer.alloc(questionEnd + (edns ? optLength : 0))
    const bytes = random(2 + Math.ceil(name.length / 8))
    bytes.copy(message, 0, 0, 2)
    message.writeUInt16BE(flagRecursionDesired | (checkingDisabled ? flagCheckingDisabled : 0), 2)
    message.writeUInt16BE(1, 4)
    const spelt = mixesCase ? mixedCase(name, bytes.subarray(2)) : name
    spelt.copy(message, headerLength)
    message.writeUInt16BE(type, nameEnd)
    message.writeUInt16BE(classIn, nameEnd + 2)
    if (edns) {
      message.writeUInt16BE(1, 10)
      message.writeUInt16BE(recordTypes.OPT, questionEnd + 1)
      message.writeUInt16BE(ednsUdpLimit, questionEnd + 3)
      message.writeUInt16BE(dnssecOk ? flagDnssecOk : 0, questionEnd + 7)
    }
    this.message = message
    this.#question = message.subarray(headerLength, questionEnd)
    this.#foldedQuestion = Buffer.concat([name, message.subarray(nameEnd, questionEnd)])
  }

  /** RFC 5452 4: an answer has the id and the question of its query; its addresses are the socket's to check. */
  match (message: Buffer): Match {
    if (message.length < headerLength || message.readUInt16BE(0) !== this.message.readUInt16BE(0)) return 'other'
    const flags = message.readUInt16BE(2)
    if ((flags & flagResponse) === 0 || (flags & opcodeMask) !== 0) return 'other'
    const questions = message.readUInt16BE(4)
    // A server may leave the question out of an error: one that does not know EDNS has not read as far (RFC 6891 7), others don't care.
    if (questions === 0) return isRefusal(flags & rcodeMask) ? 'answer' : 'other'
    if (questions !== 1) return 'other'
    const question = message.subarray(headerLength, headerLength + this.#question.length)
    if (question.equals(this.#question)) return 'answer'
    const nameLength = this.#question.length - questionTailLength
    const folding = Buffer.concat([folded(question.subarray(0, nameLength)), question.subarray(nameLength)])
    return folding.equals(this.#foldedQuestion) ? 'case' : 'other'
  }
}

/** Neither records nor a denial: a forger gains nothing by it. */
function isRefusal (rcode: number): boolean {
  return rcode !== rcodes.NOERROR && rcode !== rcodes.NXDOMAIN
}
