// What the DNS server counts, in plain numbers, so that counting costs nothing; metrics.ts reads them. The numbers lie
// in memory that threads share: the one that answers writes them, the one that shows them reads.
import { type Transport, transports } from './protect/client.ts'
import type { ForwardEvent } from './forward/forwarder.ts'
import { rcodes, recordTypes } from './wire/wire.ts'

/** Why a message got no answer, or a connection was closed. */
export const dropReasons = [
  'short', 'response', 'port-zero', 'send-failed', 'send-queue-full', 'bad-length', 'deadline', 'too-many-connections', 'tls'
] as const
export type DropReason = (typeof dropReasons)[number]

/** Seconds: from an answer out of the cache to one that waited for the loop. Above the last there is one bucket more. */
export const latencyBounds = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1] as const

/** What became of questions for names outside the zones; `forward/forwarder.ts` says what each means. */
export const forwardEvents = [
  'hit', 'miss', 'coalesced', 'stale', 'failed', 'asked', 'asked-over-tcp', 'mismatch', 'timeout', 'unreachable', 'bad-answer'
] as const satisfies readonly ForwardEvent[]

const otherType = 'other'
const typeNames = [...Object.keys(recordTypes), otherType] // a closed list: a client's inventions make no new series
const typeIndexes = indexes(Object.values(recordTypes), typeNames.length - 1)
const rcodeNames = Object.keys(rcodes)
const rcodeIndexes = indexes(Object.values(rcodes), 0)
const transportIndexes: Readonly<Record<Transport, number>> = { udp: 0, tcp: 1, tls: 2, https: 3 }

/** The place of each number in a list; of those up to 255 that are not in it `other`. */
function indexes (numbers: readonly number[], other: number): Readonly<Uint8Array> {
  const table = new Uint8Array(256).fill(other)
  for (const [index, number] of numbers.entries()) table[number] = index
  return table
}

export interface AnswerCount {
  readonly transport: Transport
  /** `A`, `SRV`, ... or `other`. */
  readonly type: string
  readonly rcode: string
  readonly count: number
}

/** Counters that are one number each. A new one is a name here and a `declare` line in the class. */
const singles = [
  'truncated', 'cut', 'failed', 'connections', 'waiting', 'limitedDropped', 'limitedSlipped', 'limitedBadCookie', 'builds', 'unanswerable', 'latencySum',
  'transfersFull', 'transfersDifference', 'transfersCurrent', 'transfersRefused', 'transferRecords', 'transferCutSets',
  'notifySent', 'notifyAcknowledged', 'notifyUnacknowledged', 'batchSockets', 'singleSockets', 'batches', 'batchMessages'
] as const

// Where each block begins. A new block is a line, before the end.
const answersAt = 0
const droppedAt = answersAt + transports.length * typeNames.length * rcodeNames.length
const singlesAt = droppedAt + dropReasons.length
const latenciesAt = singlesAt + singles.length
const forwardsAt = latenciesAt + latencyBounds.length + 1
const end = forwardsAt + forwardEvents.length

export class DnsCounters {
  /** Answers with TC. */
  declare truncated: number
  /** Answers from a set of more records than one answer shows. */
  declare cut: number
  /** Messages that our own code failed on; they were answered SERVFAIL. */
  declare failed: number
  /** Open TCP connections. */
  declare connections: number
  /** Questions that wait for an answer of others, and transfers under way. */
  declare waiting: number
  // What the rate limit held back: with no answer, with an empty one that says TC, or with BADCOOKIE.
  declare limitedDropped: number
  declare limitedSlipped: number
  declare limitedBadCookie: number
  /** Services whose answers were built, at the first question after a change. */
  declare builds: number
  /** Endpoints whose record has what DNS cannot carry, at each making of their service's answers. */
  declare unanswerable: number
  /** What the answers that were timed took together, in seconds. */
  declare latencySum: number
  /** Whole zones that were sent, also in answer to IXFR. */
  declare transfersFull: number
  /** Differences of zones that were sent. */
  declare transfersDifference: number
  /** IXFR queries over TCP of clients that had the newest version. */
  declare transfersCurrent: number
  /** Queries for zones that were answered with an error, for any reason. */
  declare transfersRefused: number
  /** Records that transfers sent. */
  declare transferRecords: number
  /** Sets in the whole zones that were sent that had more records than a set may have, and so were not whole. */
  declare transferCutSets: number
  /** NOTIFY messages that were sent, repeated ones too. */
  declare notifySent: number
  /** NOTIFY messages that a secondary confirmed. */
  declare notifyAcknowledged: number
  /** NOTIFY that was refused, or never answered, in spite of repetitions. */
  declare notifyUnacknowledged: number
  /** UDP sockets that are read by batches, as far as more than one datagram waits. */
  declare batchSockets: number
  /** UDP sockets that are read one datagram after the other. */
  declare singleSockets: number
  /** Batches of datagrams that were taken by one call each. */
  declare batches: number
  /** Datagrams in them. */
  declare batchMessages: number
  readonly #values: Float64Array<SharedArrayBuffer>

  static {
    for (const [index, name] of singles.entries()) {
      Object.defineProperty(this.prototype, name, {
        get (this: DnsCounters) { return this.#values[singlesAt + index] },
        set (this: DnsCounters, value: number) { this.#values[singlesAt + index] = value }
      })
    }
  }

  /** All of them together, as they are now. */
  static sum (list: Iterable<DnsCounters>): DnsCounters {
    const sum = new DnsCounters()
    for (const counters of list) {
      for (const [index, value] of counters.#values.entries()) sum.#add(index, value)
    }
    return sum
  }

  /** @param memory `memory` of the counters that these are, in another thread; only one of the two may count */
  constructor (memory = new SharedArrayBuffer(end * Float64Array.BYTES_PER_ELEMENT)) {
    this.#values = new Float64Array(memory, 0, end)
  }

  /** The thread that counted is gone, and what it had open and at work with it. */
  ended (): void {
    this.connections = this.waiting = this.batchSockets = this.singleSockets = 0
  }

  get memory (): SharedArrayBuffer {
    return this.#values.buffer
  }

  answered (transport: Transport, type: number, rcode: number): void {
    const typeIndex = typeIndexes[type] ?? typeNames.length - 1
    this.#add(answersAt + (transportIndexes[transport] * typeNames.length + typeIndex) * rcodeNames.length + (rcodeIndexes[rcode] ?? 0), 1)
  }

  drop (reason: DropReason): void {
    this.#add(droppedAt + dropReasons.indexOf(reason), 1)
  }

  /** The combinations that occurred. */
  * answers (): Generator<AnswerCount> {
    for (const [index, count] of this.#values.subarray(answersAt, droppedAt).entries()) {
      if (count === 0) continue
      const pair = Math.floor(index / rcodeNames.length)
      const transport = transports[Math.floor(pair / typeNames.length)] ?? 'udp'
      yield { transport, type: typeNames[pair % typeNames.length] ?? otherType, rcode: rcodeNames[index % rcodeNames.length] ?? '', count }
    }
  }

  /** Questions that were answered, and those that were passed on. */
  get asked (): number {
    let sum = 0
    for (let index = answersAt; index < droppedAt; index++) sum += this.#values[index] ?? 0
    return sum + this.forwards('miss') + this.forwards('coalesced')
  }

  dropped (reason: DropReason): number {
    return this.#values[droppedAt + dropReasons.indexOf(reason)] ?? 0
  }

  forwarded (event: ForwardEvent): void {
    this.#add(forwardsAt + forwardEvents.indexOf(event), 1)
  }

  forwards (event: ForwardEvent): number {
    return this.#values[forwardsAt + forwardEvents.indexOf(event)] ?? 0
  }

  /** How many answers took how long: one number for each bound, and one above them. */
  get latencies (): Readonly<Float64Array> {
    return this.#values.subarray(latenciesAt, forwardsAt)
  }

  /** Counts the time of one answer. */
  took (seconds: number): void {
    let index = 0
    while (index < latencyBounds.length && seconds > (latencyBounds[index] ?? 0)) index++
    this.#add(latenciesAt + index, 1)
    this.latencySum += seconds
  }

  #add (index: number, value: number): void {
    this.#values[index] = (this.#values[index] ?? 0) + value
  }
}
