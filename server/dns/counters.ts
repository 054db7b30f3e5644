// What the DNS server counts, in plain numbers, so that counting costs nothing; whoever shows them reads them.
import { type Transport, transports } from './client.ts'
import { rcodes, recordTypes } from './wire.ts'

/** Why a message got no answer, or a connection was closed. */
export const dropReasons = [
  'short', 'response', 'port-zero', 'send-failed', 'send-queue-full', 'bad-length', 'deadline', 'too-many-connections',
  'too-many-deferred', 'tls'
] as const
export type DropReason = (typeof dropReasons)[number]

/** Seconds: from an answer out of the cache to one that waited for the loop. Above the last there is one bucket more. */
export const latencyBounds = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1] as const

const otherType = 'other'
const typeNames = [...Object.keys(recordTypes), otherType] // a closed list: a client's inventions make no new series
const typeIndexes = new Map<number, number>(Object.values(recordTypes).map((type, index) => [type, index]))
const rcodeNames = Object.keys(rcodes)
const rcodeIndexes = new Map<number, number>(Object.values(rcodes).map((rcode, index) => [rcode, index]))

export interface AnswerCount {
  readonly transport: Transport
  /** `A`, `SRV`, ... or `other`. */
  readonly type: string
  readonly rcode: string
  readonly count: number
}

export class DnsCounters {
  readonly #answers = new Float64Array(transports.length * typeNames.length * rcodeNames.length)
  readonly #dropped = new Float64Array(dropReasons.length)
  /** Answers with TC. */
  truncated = 0
  /** Answers from a set of more records than one answer shows. */
  cut = 0
  /** Messages that our own code failed on; they were answered SERVFAIL. */
  failed = 0
  /** Open TCP connections. */
  connections = 0
  // What the rate limit held back: with no answer, with an empty one that says TC, or with BADCOOKIE.
  limitedDropped = 0
  limitedSlipped = 0
  limitedBadCookie = 0
  /** Services whose answers were made, at the first question after a change. */
  builds = 0
  /** How many answers took how long: one bucket for each bound, and one above them. */
  readonly latencies = new Float64Array(latencyBounds.length + 1)
  /** Of all of them together, in seconds. */
  latencySum = 0

  /** Counts the time of one answer. */
  took (seconds: number): void {
    let index = 0
    while (index < latencyBounds.length && seconds > (latencyBounds[index] ?? 0)) index++
    this.latencies[index] = (this.latencies[index] ?? 0) + 1
    this.latencySum += seconds
  }

  answered (transport: Transport, type: number, rcode: number): void {
    const typeIndex = typeIndexes.get(type) ?? typeNames.length - 1
    const index = (transports.indexOf(transport) * typeNames.length + typeIndex) * rcodeNames.length + (rcodeIndexes.get(rcode) ?? 0)
    this.#answers[index] = (this.#answers[index] ?? 0) + 1
  }

  drop (reason: DropReason): void {
    const index = dropReasons.indexOf(reason)
    this.#dropped[index] = (this.#dropped[index] ?? 0) + 1
  }

  /** The combinations that occurred. */
  * answers (): Generator<AnswerCount> {
    for (const [index, count] of this.#answers.entries()) {
      if (count === 0) continue
      const pair = Math.floor(index / rcodeNames.length)
      const transport = transports[Math.floor(pair / typeNames.length)] ?? 'udp'
      yield { transport, type: typeNames[pair % typeNames.length] ?? otherType, rcode: rcodeNames[index % rcodeNames.length] ?? '', count }
    }
  }

  dropped (reason: DropReason): number {
    return this.#dropped[dropReasons.indexOf(reason)] ?? 0
  }
}
