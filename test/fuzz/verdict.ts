// What an answer may be to what was sent: a second, strict reading of both that shares no code with the server.
import { codec } from '../support/dns-client.ts'

const headerLength = 12
const maxName = 255
const plainLimit = 512
const ednsLimit = 1_232
const tcpLimit = 65_535

/** NOERROR FORMERR NXDOMAIN NOTIMP REFUSED NOTAUTH BADVERS BADCOOKIE. SERVFAIL comes from a server that is ill, or for another that is. */
const allowedRcodes = new Set([0, 1, 3, 4, 5, 9, 16, 23])
const rcodesOfMalformed = new Set([1, 4])
const authoritativeRcodes = new Set([0, 3])
const opt = 41
const classIn = 1

/** What was sent, as far as it can be told without knowing what the server serves. */
export interface Sent {
  readonly message: Buffer
  /** No answer is due: too short, or itself an answer. */
  readonly isSilent: boolean
  /**
   * `malformed` = no server may take it for a question; `clean` = every server has to; `odd` = between these, where servers have
   * rules of their own: record counts, TSIG, cookies, opcodes.
   */
  readonly shape: 'malformed' | 'clean' | 'odd'
  /** Where the question ends; 0 = there is none that can be read. */
  readonly questionEnd: number
  /** The octets that the client says it can take. undefined = it has no OPT that can be read. */
  readonly offered: number | undefined
}

class Unreadable extends Error {
  override readonly name = 'Unreadable'
}

/** Steps over a name. Gives where it ends. @param isFirst nothing is before it that a pointer could go to */
function skipName (message: Buffer, start: number, isFirst: boolean): number {
  for (let at = start; ;) {
    const length = message[at]
    if (length === undefined) throw new Unreadable('a name without end')
    if (length === 0) {
      if (at + 1 - start > maxName) throw new Unreadable('a name too long')
      return at + 1
    }
    if (length >= 0xc0) {
      if (isFirst || at + 2 > message.length) throw new Unreadable('a pointer to nothing')
      return at + 2
    }
    if (length > 63) throw new Unreadable('a label that is none')
    at += 1 + length
    if (at - start >= maxName) throw new Unreadable('a name too long')
  }
}

export function readSent (message: Buffer): Sent {
  if (message.length < headerLength || (message.readUInt8(2) & 0x80) !== 0) return { message, isSilent: true, shape: 'odd', questionEnd: 0, offered: undefined }
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at)) as [number, number, number, number]
  let questionEnd = 0
  let offered: number | undefined
  let isOdd = (message.readUInt8(2) & 0x78) !== 0 || questions !== 1 || answers > 0 || authorities > 0 || additionals > 2
  const read = (shape: Sent['shape']): Sent => ({ message, isSilent: false, shape, questionEnd, offered })
  try {
    if (questions > 1) return read('malformed') // RFC 9619
    let at = headerLength
    if (questions === 1) {
      at = skipName(message, at, true) + 4
      if (at > message.length) throw new Unreadable('a question without type or class')
      questionEnd = at
    }
    for (let index = 0; index < answers + authorities + additionals; index++) {
      const start = at
      at = skipName(message, at, false)
      if (at + 10 > message.length) throw new Unreadable('a record without a head')
      const type = message.readUInt16BE(at)
      const end = at + 10 + message.readUInt16BE(at + 8)
      if (end > message.length) throw new Unreadable('a record past the end')
      if (type === opt) {
        if (offered !== undefined || index < answers + authorities || at !== start + 1) throw new Unreadable('an OPT where none may be')
        offered = message.readUInt16BE(at + 2)
        isOdd ||= message.readUInt8(at + 5) !== 0
        isOdd = hasOddOption(message, at + 10, end) || isOdd
      } else if (type === 250) isOdd = true
      at = end
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    return read('malformed')
  }
  return read(isOdd ? 'odd' : 'clean')
}

/** Cookies and keepalive have lengths of their own. */
function hasOddOption (message: Buffer, start: number, end: number): boolean {
  let isOdd = false
  for (let at = start; at < end;) {
    if (at + 4 > end) throw new Unreadable('an option without a head')
    const code = message.readUInt16BE(at)
    isOdd ||= code === 10 || code === 11
    at += 4 + message.readUInt16BE(at + 2)
    if (at > end) throw new Unreadable('an option longer than OPT')
  }
  return isOdd
}

interface Structure {
  readonly rcode: number
  readonly questionEnd: number
  readonly answers: number
  readonly types: readonly number[]
  readonly opts: number
}

/** Reads an answer to its last octet. @param isTold data that have no names are those of others. @throws Error saying what is wrong with it */
function structureOf (answer: Buffer, isTold: boolean): Structure {
  const questions = answer.readUInt16BE(4)
  const counts = [6, 8, 10].map((at) => answer.readUInt16BE(at)) as [number, number, number]
  if (questions > 1) throw new Error(`${questions} questions`)
  let at = questions === 0 ? headerLength : wholeName(answer, headerLength) + 4
  const questionEnd = questions === 0 ? 0 : at
  let rcode = answer.readUInt8(3) & 15
  let opts = 0
  const types: number[] = []
  for (const [section, count] of counts.entries()) {
    for (let index = 0; index < count; index++) {
      const ownerStart = at
      at = wholeName(answer, at)
      if (at + 10 > answer.length) throw new Error('a record without a head')
      const type = answer.readUInt16BE(at)
      types.push(type)
      const end = at + 10 + answer.readUInt16BE(at + 8)
      if (end > answer.length) throw new Error('a record past the end')
      if (type === opt) {
        if (section !== 2 || at !== ownerStart + 1) throw new Error('OPT where none may be')
        opts++
        rcode |= answer.readUInt8(at + 4) << 4
        if (answer.readUInt8(at + 5) !== 0) throw new Error('OPT of another version')
        hasOddOption(answer, at + 10, end)
      } else if (answer.readUInt32BE(at + 4) > 0x7fff_ffff) throw new Error('a TTL with the highest bit (RFC 2181 8)')
      if (!isTold || (type !== 13 && type !== 16)) checkData(answer, type, at + 10, end)
      at = end
    }
  }
  if (at !== answer.length) throw new Error(`${answer.length - at} octets behind the last record`)
  return { rcode, questionEnd, answers: counts[0], types, opts }
}

/** Gives where a name ends, after following it: pointers go strictly back, and all of it has 255 octets at most. */
function wholeName (message: Buffer, start: number): number {
  let total = 0
  let end = -1
  let limit = start
  for (let at = start; ;) {
    const length = message[at]
    if (length === undefined) throw new Error('a name without end')
    if (length >= 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff
      if (end < 0) end = at + 2
      if (target >= limit || target < headerLength) throw new Error('a pointer that does not go back')
      at = limit = target
      continue
    }
    if (length > 63) throw new Error('a label that is none')
    total += 1 + length
    if (total > maxName) throw new Error('a name too long')
    at += 1 + length
    if (length === 0) return end < 0 ? at : end
  }
}

function checkData (message: Buffer, type: number, start: number, end: number): void {
  const expectEnd = (found: number): void => {
    if (found !== end) throw new Error(`data of type ${type} ends at ${found}, not at ${end}`)
  }
  switch (type) {
    case 1: return expectEnd(start + 4)
    case 28: return expectEnd(start + 16)
    case 2: case 5: case 12: return expectEnd(wholeName(message, start))
    case 6: return expectEnd(wholeName(message, wholeName(message, start)) + 20)
    case 33:
      if (skipName(message, start + 6, true) !== end) throw new Error('an SRV target that is compressed, or not the end (RFC 2782)')
      return
    case 13: case 16: {
      let at = start
      while (at < end) at += 1 + message.readUInt8(at)
      return expectEnd(at)
    }
  }
}

/** What a server may do because of how it is set up. */
export interface Excuses {
  /** It asks others, who may be ill, or say what has no sense but to them. */
  readonly asksOthers?: boolean
  /** It limits what it answers: nothing, nothing but TC, or BADCOOKIE. */
  readonly isLimited?: boolean
}

/** What is wrong with an answer, undefined if nothing is. */
export function verdict ({ message, isSilent, shape, questionEnd, offered }: Sent, answer: Buffer, transport: 'udp' | 'tcp', excuses: Excuses): string | undefined {
  if (isSilent) return 'an answer where silence was due'
  if (answer.length < headerLength) return `${answer.length} octets`
  const flags = answer.readUInt16BE(2)
  const asked = message.readUInt16BE(2)
  if ((flags & 0x8000) === 0) return 'QR is 0'
  if ((flags & 0x7900) !== (asked & 0x7900)) return 'opcode or RD are not those of the question'
  if ((flags & 0x0040) !== 0) return 'Z is 1'
  let read: Structure
  try {
    read = structureOf(answer, excuses.asksOthers === true)
    if (excuses.asksOthers !== true) codec.decode(answer)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const { rcode, opts, answers, types } = read
  const limit = transport === 'tcp' ? tcpLimit : opts === 0 ? plainLimit : Math.max(plainLimit, Math.min(offered ?? 0, ednsLimit))
  if (answer.length > limit) return `${answer.length} octets for a client that takes ${limit}`
  const isOfOthers = excuses.asksOthers === true && (flags & 0x0400) === 0
  if (!allowedRcodes.has(rcode) && !isOfOthers) return `rcode ${rcode}`
  const isSlip = excuses.isLimited === true && answers === 0 && (rcode === 23 || (rcode === 0 && (flags & 0x0600) === 0x0200))
  if (shape === 'malformed' && !isSlip && !rcodesOfMalformed.has(rcode)) return `rcode ${rcode} to what is malformed`
  if (shape === 'clean' && !isOfOthers && (rcode === 1 || rcode === 4)) return `rcode ${rcode} to what is well formed`
  const isUnrepeated = read.questionEnd === 0 && rcodesOfMalformed.has(rcode) && shape !== 'clean' // as far as it could be read
  if (questionEnd > 0 && !isUnrepeated && !message.subarray(headerLength, questionEnd).equals(answer.subarray(headerLength, Math.max(headerLength, read.questionEnd)))) return 'another question'
  if (questionEnd === 0 && read.questionEnd > 0 && !message.subarray(headerLength, read.questionEnd).equals(answer.subarray(headerLength, read.questionEnd))) return 'a question that was not asked'
  if ((flags & 0x0400) !== 0 && !authoritativeRcodes.has(rcode)) return `AA with rcode ${rcode}`
  if ((flags & 0x0200) !== 0 && transport === 'tcp') return 'TC over TCP'
  if (shape === 'clean' && opts !== (offered === undefined ? 0 : 1)) return `${opts} OPTs`
  if (opts > 1) return `${opts} OPTs`
  const isNegative = answers === 0 && (flags & 0x0600) === 0x0400 && questionEnd > 0 && message.readUInt16BE(questionEnd - 2) === classIn
  if (isNegative && !types.includes(6)) return 'no data, and no SOA (RFC 2308)'
  return undefined
}
