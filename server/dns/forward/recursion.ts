// Names outside our zones, for clients that may ask for them: the forwarder's answers as answers of ours.
import type { AccessList } from '../protect/access-list.ts'
import type { Forwarded, Forwarder, ForwardQuestion, ForwardRecord } from './forwarder.ts'
import type { MessageWriter, Section } from '../wire/message-writer.ts'
import { rcodes, recordBytes, recordTypes } from '../wire/wire.ts'

/** What the header has room for; the others need OPT (RFC 6891 6.1.3). */
const maxPlainRcode = 15

/** An answer that has arrived, and what it answers. */
interface Arrival {
  readonly question: ForwardQuestion
  readonly forwarded: Forwarded
}

export class Recursion {
  readonly #forwarder: Forwarder
  readonly #clients: AccessList
  #arrival: Arrival | undefined

  /** @param clients for whom others are asked */
  constructor (forwarder: Forwarder, clients: AccessList) {
    this.#forwarder = forwarder
    this.#clients = clients
  }

  /** @param address as the socket gives it */
  permits (address: string): boolean {
    return this.#clients.permits(address)
  }

  /** What is known by now. undefined = somebody has to be asked: `resolve`, and then again in `withArrival`. */
  find (question: ForwardQuestion): Forwarded | undefined {
    const arrival = this.#arrival
    return arrival !== undefined && isSame(arrival.question, question) ? arrival.forwarded : this.#forwarder.lookup(question)
  }

  /** Ends within seconds. Never rejects because of the network or of what others sent. */
  resolve (question: ForwardQuestion): Promise<Forwarded> {
    return this.#forwarder.resolve(question)
  }

  /** Runs with an answer at hand that no cache may keep, like one with a TTL of 0. */
  withArrival<Result> (question: ForwardQuestion, forwarded: Forwarded, run: () => Result): Result {
    this.#arrival = { question, forwarded }
    try {
      return run()
    } finally {
      this.#arrival = undefined
    }
  }

  close (): void {
    this.#forwarder.close()
  }
}

function isSame (one: ForwardQuestion, other: ForwardQuestion): boolean {
  return one.type === other.type && one.name.equals(other.name)
}

/**
 * Writes what others answered. Gives the rcode.
 * @param owner points to where the question's name stands in the message
 */
export function writeForwarded (writer: MessageWriter, forwarded: Forwarded, { name, type, dnssecOk = false }: ForwardQuestion, owner: number): number {
  if (forwarded.kind !== 'answer') return rcodes.SERVFAIL
  const { rcode, answers, authorities, additionals } = forwarded
  if (rcode > maxPlainRcode) return rcodes.SERVFAIL // about EDNS, cookies and signatures between us and the upstream: none of the client's
  const write = (section: Section, records: readonly ForwardRecord[]): void => {
    for (const record of records) {
      if (!writer.appendWhole(section, recordBytes(record.name.equals(name) ? owner : record.name, record.type, record.ttl, record.rdata))) return
    }
  }
  write('answer', answers)
  // Only where it is part of the answer, so that its lack is worth TC: "there is none" is kept by its SOA, behind aliases too
  // (RFC 2308 2.1), and who checks signatures wants the proofs (RFC 4035 3.1.3).
  const isNegative = rcode !== rcodes.NOERROR || (type !== recordTypes.ANY && !answers.some((record) => record.type === type))
  if (!writer.isTruncated && (isNegative || dnssecOk)) write('authority', authorities)
  if (!writer.isTruncated) write('additional', additionals)
  return rcode
}
