// Asks others, and then answers the same message again, with what they said at hand.
import type { Client, Response } from '../protect/client.ts'
import type { Turn } from '../turn.ts'
import { MessageWriter, explanation } from '../wire/message-writer.ts'
import { flagCheckingDisabled, rcodes, tcpLimit } from '../wire/wire.ts'
import type { Forwarded, ForwardQuestion } from './forwarder.ts'
import type { Recursion } from './recursion.ts'

/** Questions to others for one message. A chain needs fewer; its names may change while they are asked. */
const maxRounds = 4
const tooLong = explanation(0, 'the aliases changed while they were followed: ask again')

export interface ForwardStepOptions {
  readonly recursion: Recursion
  /** Answers a message once more. */
  readonly again: (message: Buffer, client: Client, writer: MessageWriter) => Response
}

interface Arrival {
  readonly question: ForwardQuestion
  readonly forwarded: Forwarded
}

/** Later answers of a message that is answered again: always empty, since the step has its next question. */
async function * waitsOn (): AsyncGenerator<Buffer, void> {
  // it is never read
}

export class ForwardStep {
  readonly #options: ForwardStepOptions
  /** Where answers are written whose question had to wait. */
  readonly #writer = new MessageWriter(tcpLimit)
  /** What has arrived for the message that is being answered again: no cache may keep some of it, like what has a TTL of 0. */
  #arrivals: readonly Arrival[] | undefined
  #next: ForwardQuestion | undefined

  constructor (options: ForwardStepOptions) {
    this.#options = options
  }

  /** @param name in wire form, in memory that stays */
  questionOf ({ query: { type, dnssecOk, flags } }: Turn, name: Buffer): ForwardQuestion {
    return { name, type, dnssecOk, checkingDisabled: (flags & flagCheckingDisabled) !== 0 }
  }

  /** What is known by now. undefined = an upstream has to be asked: `defer`. */
  find (question: ForwardQuestion): Forwarded | undefined {
    const arrival = this.#arrivals?.find((known) => known.question.type === question.type && known.question.name.equals(question.name))
    return arrival?.forwarded ?? this.#options.recursion.lookup(question)
  }

  /** Gives the answer for later. */
  defer ({ query, client }: Turn, question: ForwardQuestion): Response {
    if (this.#arrivals === undefined) return this.#later(question, Buffer.from(query.message), { ...client })
    this.#next = question
    return waitsOn()
  }

  async * #later (first: ForwardQuestion, message: Buffer, client: Client): AsyncGenerator<Buffer, void> {
    const { recursion } = this.#options
    const arrivals: Arrival[] = []
    let question = first
    for (let round = 1; ; round++) {
      arrivals.push({ question, forwarded: await recursion.resolve(question, client.address) })
      const response = this.#again(arrivals, message, client)
      if (typeof response === 'object' && round < maxRounds) {
        question = response
        continue
      }
      const length = typeof response === 'number' ? response : this.#writer.end(rcodes.SERVFAIL, tooLong)
      if (length > 0) yield Buffer.from(this.#writer.bytes.subarray(0, length))
      return
    }
  }

  /** The octets of the answer, or what is to be asked next. */
  #again (arrivals: readonly Arrival[], message: Buffer, client: Client): number | ForwardQuestion {
    this.#arrivals = arrivals
    this.#next = undefined
    try {
      const response = this.#options.again(message, client, this.#writer)
      return typeof response === 'number' ? response : this.#next ?? this.#writer.end(rcodes.SERVFAIL, tooLong)
    } finally {
      this.#arrivals = undefined
    }
  }
}
