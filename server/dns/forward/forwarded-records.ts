// What upstreams answered, written as answers of ours.
import type { MessageWriter, Section } from '../wire/message-writer.ts'
import { folded } from '../wire/name.ts'
import { rcodes, recordBytes, recordTypes } from '../wire/wire.ts'
import type { Forwarded, ForwardQuestion, ForwardRecord } from './forwarder.ts'

/** What the header has room for; the others need OPT (RFC 6891 6.1.3). */
const maxPlainRcode = 15

/**
 * Writes what others answered. Gives the rcode.
 * @param owner points to where the question's name stands in the message
 */
export function writeForwarded (writer: MessageWriter, forwarded: Forwarded, question: ForwardQuestion, owner: number): number {
  if (forwarded.kind !== 'answer') return rcodes.SERVFAIL
  const { rcode, answers, authorities, additionals } = forwarded
  if (rcode > maxPlainRcode) return rcodes.SERVFAIL // about EDNS, cookies and signatures between us and the upstream: none of the client's
  const { name, type, dnssecOk = false } = question
  const write = (section: Section, records: readonly ForwardRecord[]): void => {
    for (const record of records) if (!writer.appendWhole(section, bytesOf(record, name, owner))) return
  }
  write('answer', answers)
  // Only where it is part of the answer, so that its lack is worth TC: "no such records" is cached by its SOA, behind
  // aliases too (RFC 2308 2.1), and who checks signatures wants the proofs (RFC 4035 3.1.3).
  const isNegative = rcode !== rcodes.NOERROR || (type !== recordTypes.ANY && !answers.some((record) => record.type === type))
  if (!writer.isTruncated && (isNegative || dnssecOk)) write('authority', authorities)
  if (!writer.isTruncated) write('additional', additionals)
  return rcode
}

/** Writes aliases that lead into a zone of ours. Gives where the name there stands in the message, -1 if it does not fit. */
export function writeLeading (writer: MessageWriter, forwarded: Forwarded, { name }: ForwardQuestion, owner: number): number {
  if (forwarded.kind !== 'answer' || forwarded.target === undefined) return -1
  let start = -1
  for (const record of forwarded.answers) {
    if (!writer.appendWhole('answer', bytesOf(record, name, owner))) return -1
    if (record.type === recordTypes.CNAME && folded(record.rdata).equals(forwarded.target)) start = writer.position - record.rdata.length
  }
  return start
}

function bytesOf (record: ForwardRecord, name: Buffer, owner: number): Buffer {
  return recordBytes(record.name.equals(name) ? owner : record.name, record.type, record.ttl, record.rdata)
}
