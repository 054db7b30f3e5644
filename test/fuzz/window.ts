// Some messages that are sent together, and what came back to each.
import { question } from '../support/dns-client.ts'
import { type Excuses, type Sent, readSent, verdict } from './verdict.ts'

/** Of the good question behind each window: its answer says that the server lives, and that all before it was read. */
export const sentinelId = 0xffff
export const sentinel = question('small-0.shop.svc.cluster.local', 'A', { id: sentinelId })

/** A fault with these octets is worth a row in test/dns/hostile.test.ts. More faults than this say nothing new. */
const maxFaults = 5
/** The longest that the loop may be silent before a run is given up; nothing that is right comes near it. */
const givenUpMs = 60_000

export interface Faults {
  readonly list: string[]
  count: number
}

export function noFaults (): Faults {
  return { list: [], count: 0 }
}

export class Window {
  readonly #sent = new Map<number, Sent>()
  readonly #transport: 'udp' | 'tcp'
  readonly #faults: Faults
  readonly #excuses: Excuses
  #due = 0
  answered = 0
  octets = 0
  answeredOctets = 0

  constructor (transport: 'udp' | 'tcp', faults: Faults, excuses: Excuses = {}) {
    this.#transport = transport
    this.#faults = faults
    this.#excuses = excuses
  }

  get size (): number {
    return this.#sent.size
  }

  /** Answers that are still to come. */
  get due (): number {
    return this.#due
  }

  /** Writes an id of the window into a message, and expects what is due to it. */
  add (message: Buffer): Buffer {
    const id = this.#sent.size
    if (message.length >= 2) message.writeUInt16BE(id)
    const sent = readSent(message)
    this.#sent.set(id, sent)
    if (!sent.isSilent) this.#due++
    this.octets += message.length
    return message
  }

  take (answer: Buffer): void {
    const id = answer.length < 2 ? -1 : answer.readUInt16BE(0)
    const sent = this.#sent.get(id)
    if (sent === undefined) return this.#fault('an answer to nothing that was asked, or a second one', Buffer.alloc(0), answer)
    this.#sent.delete(id)
    if (!sent.isSilent) this.#due--
    this.answered++
    this.answeredOctets += answer.length
    const found = verdict(sent, answer, this.#transport, this.#excuses)
    if (found !== undefined) this.#fault(found, sent.message, answer)
  }

  /** No more answers come. */
  end (): void {
    if (this.#excuses.isLimited === true) return
    for (const { isSilent, message } of this.#sent.values()) if (!isSilent) this.#fault('no answer', message, Buffer.alloc(0))
  }

  #fault (says: string, message: Buffer, answer: Buffer): void {
    this.#faults.count++
    if (this.#faults.list.length < maxFaults) this.#faults.list.push(`${says}: sent ${message.toString('hex')} received ${answer.toString('hex')}`)
  }
}

/** Gives up on a promise that never settles, so that a hanging server is reported with its message, not by the test's timeout. */
export async function orGiveUp<T> (promise: Promise<T>, says: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const limit = AbortSignal.timeout(givenUpMs)
  const giveUp = (): void => reject(new Error(`the server is silent: ${says()}`))
  limit.addEventListener('abort', giveUp)
  try {
    return await Promise.race([promise, late])
  } finally {
    limit.removeEventListener('abort', giveUp)
  }
}
