// dns2 composes what is composed once: the records of a zone itself. It is never called for a query, and its servers are
// not used: a packet from port 0 ends a process that runs them. It encodes in quadratic time, takes dots inside labels
// for separators and compresses SRV targets; here it gets a handful of records with names that were checked before.
import { Packet } from 'dns2'
import { classIn, headerLength, recordTypes } from './wire.ts'

/** The records that are given to dns2, in its own field names. */
export type StaticRecord = { readonly name: string, readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA', readonly address: string }
  | { readonly type: 'NS', readonly ns: string }
  | { readonly type: 'TXT', readonly data: string[] }
)

/** What follows the question in a message, compressed against the question. */
export interface ComposedRecords {
  readonly bytes: Buffer
  readonly answers: number
  /** Where the additional records begin. */
  readonly glueStart: number
  readonly glue: number
}

/** Composes the answer to one question. The bytes fit every message with a question of the same name. */
export function composeRecords (
  question: { readonly name: string, readonly type: StaticRecord['type'] }, answers: readonly StaticRecord[], glue: readonly StaticRecord[] = []
): ComposedRecords {
  const start = compose(question, [], []).length
  const bytes = compose(question, answers, glue).subarray(start)
  return { bytes, answers: answers.length, glueStart: compose(question, answers, []).length - start, glue: glue.length }
}

function compose (question: { name: string, type: StaticRecord['type'] }, answers: readonly StaticRecord[], glue: readonly StaticRecord[]): Buffer {
  const packet = new Packet(new Packet.Header({ qr: 1 }))
  packet.questions.push(new Packet.Question(question.name, recordTypes[question.type], classIn))
  packet.answers = answers.map(resourceOf)
  packet.additionals = glue.map(resourceOf)
  const message = packet.toBuffer()
  if (message.length < headerLength) throw new Error('the codec composed no message')
  return message
}

function resourceOf (record: StaticRecord): InstanceType<typeof Packet.Resource> {
  return new Packet.Resource({ ...record, type: recordTypes[record.type], class: classIn })
}
