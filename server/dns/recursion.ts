// Names outside our zones, for clients that may ask for them: the forwarder's answers as answers of ours.
import type { AccessList } from './access-list.ts'
import type { Forwarded, Forwarder, ForwardQuestion, ForwardRecord } from './forward/forwarder.ts'
import type { MessageWriter, Section } from './message-writer.ts'
import { questionPointer, rcodes, recordBytes } from './wire.ts'

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
 * @param isQuestion the records of this name are those of the message's own question, whose owner is a pointer
 */
export function writeForwarded (writer: MessageWriter, forwarded: Forwarded, name: Buffer, isQuestion: boolean): number {
  if (forwarded.kind !== 'answer') return rcodes.SERVFAIL
  const write = (section: Section, records: readonly ForwardRecord[]): void => {
    for (const record of records) {
      const owner = isQuestion && record.name === name ? questionPointer : record.name
      if (!writer.appendWhole(section, recordBytes(owner, record.type, record.ttl, record.rdata))) return
    }
  }
  write('answer', forwarded.answers)
  if (!writer.isTruncated && forwarded.answers.length === 0) write('authority', forwarded.authorities) // a negative answer's SOA
  return forwarded.rcode
}
