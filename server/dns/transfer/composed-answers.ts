// Records out of answers that are written whole: their names point into the question and into each other, so that each is read back
// out of a message and its names are written out.
import type { Records } from '../wire/record-set.ts'
import { MessageWriter } from '../wire/message-writer.ts'
import { QueryReader } from '../wire/query-reader.ts'
import { classIn, headerLength, questionTailLength, rcodes, recordTypes, tcpLimit } from '../wire/wire.ts'
import { canonicalName, nameEnd } from '../wire/name.ts'

/** In how many names the data of a record begins, of types that may be compressed (RFC 3597 4) and that are written whole. */
const leadingNames: ReadonlyMap<number, number> = new Map([[recordTypes.NS, 1], [recordTypes.CNAME, 1], [recordTypes.PTR, 1], [recordTypes.SOA, 2]])

export class ComposedAnswers {
  readonly #query = new QueryReader()
  readonly #writer = new MessageWriter(tcpLimit)

  /** The answer records to a question, without compression, and whether there are more than an answer shows. */
  records (owner: Buffer, type: number, answer: Records): { readonly records: Buffer[], readonly isCut: boolean } {
    this.#query.read(questionOf(owner, type))
    this.#writer.open(this.#query, tcpLimit)
    this.#writer.begin()
    answer.write(this.#writer, () => 0)
    const message = this.#writer.bytes.subarray(0, this.#writer.finish(rcodes.NOERROR, true))
    const records: Buffer[] = []
    let at = headerLength + owner.length + questionTailLength
    for (let index = message.readUInt16BE(6); index > 0; index--) {
      const [record, end] = expanded(message, at)
      records.push(record)
      at = end
    }
    return { records, isCut: this.#writer.isCut }
  }
}

/** A question for a name of ours, as a message. */
export function questionOf (owner: Buffer, type: number): Buffer {
  const message = Buffer.alloc(headerLength + owner.length + questionTailLength)
  message.writeUInt16BE(1, 4)
  owner.copy(message, headerLength)
  message.writeUInt16BE(type, headerLength + owner.length)
  message.writeUInt16BE(classIn, headerLength + owner.length + 2)
  return message
}

/** A record whose owner is a pointer, with a whole name in its place. */
export function withOwner (owner: Buffer, record: Buffer): Buffer {
  return Buffer.concat([owner, record.subarray(2)])
}

/** A record of a message of ours with its names written out, and where it ends. */
function expanded (message: Buffer, start: number): [record: Buffer, end: number] {
  const fixed = nameEnd(message, start)
  const end = fixed + 10 + message.readUInt16BE(fixed + 8)
  const parts: Buffer[] = []
  let at = fixed + 10
  for (let names = leadingNames.get(message.readUInt16BE(fixed)) ?? 0; names > 0; names--) {
    parts.push(nameAt(message, at))
    at = nameEnd(message, at)
  }
  const rdata = Buffer.concat([...parts, message.subarray(at, end)])
  const head = Buffer.from(message.subarray(fixed, fixed + 10))
  head.writeUInt16BE(rdata.length, 8)
  return [Buffer.concat([nameAt(message, start), head, rdata]), end]
}

function nameAt (message: Buffer, at: number): Buffer {
  const name = canonicalName(message, at)
  if (name === undefined) throw new Error(`an answer of ours has no name at ${at}: ${message.toString('hex')}`)
  return name
}
