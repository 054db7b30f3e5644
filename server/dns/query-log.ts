// The query log: a sample of what was asked, by whom, and what it got. Off unless asked for; bounded, so that no flood fills a disk.
import type { Clock } from '../clock.ts'
import type { Client } from './protect/client.ts'
import type { QueryReader } from './wire/query-reader.ts'
import { nameText } from './wire/name.ts'
import { headerLength, typeText } from './wire/wire.ts'

/** A few hundred octets each: what is read by people and shipped by agents needs no more. */
export const maxLinesPerSecond = 1_000
const secondMs = 1_000

/** One answer. `name` is in zone-file form: `\.` is a dot inside a label, `\DDD` an octet that is no printable ASCII. */
export interface QueryLine {
  readonly client: string
  readonly transport: string
  readonly name: string
  readonly type: string
  /** Absent if there was no answer. */
  readonly rcode?: string
  /** 0 = there was no answer, because of the rate limit. */
  readonly octets: number
  /** TC was set. */
  readonly truncated: boolean
  /** From what was known when the store went away. */
  readonly stale: boolean
  /** Inside this process, without the wait for others. */
  readonly microseconds: number
}

/** What of a line is known from the question. */
export function questionFacts (query: QueryReader, { address, transport }: Client): Pick<QueryLine, 'client' | 'transport' | 'name' | 'type'> {
  return { client: address, transport, name: questionText(query), type: typeText(query.type) }
}

export interface QueryLogOptions {
  /** Which part of the queries is logged, above 0 to 1. */
  readonly ratio: number
  readonly write: (line: QueryLine) => void
  /** Told, at most once a second, how many sampled queries were left out to keep the limit. */
  readonly leftOut: (count: number) => void
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
}

export class QueryLog {
  readonly #options: QueryLogOptions
  #secondEndsMs = 0
  #lines = 0
  #leftOut = 0

  constructor (options: QueryLogOptions) {
    this.#options = options
  }

  /** True if this query is to be logged. Asked once per query. */
  sample (): boolean {
    const { ratio, clock, random } = this.#options
    if (ratio < 1 && random() >= ratio) return false
    const nowMs = clock.now()
    if (nowMs >= this.#secondEndsMs || nowMs < this.#secondEndsMs - secondMs) {
      this.#secondEndsMs = nowMs + secondMs
      this.#lines = 0
    }
    if (this.#lines < maxLinesPerSecond) {
      this.#lines++
      return true
    }
    if (this.#leftOut++ === 0) clock.after(secondMs, this.#tell)
    return false
  }

  write (line: QueryLine): void {
    this.#options.write(line)
  }

  readonly #tell = (): void => {
    this.#options.leftOut(this.#leftOut)
    this.#leftOut = 0
  }
}

/** The name of a question as a zone file has it (RFC 1035 5.1), so that no octet of a client reaches a terminal. */
export function questionText ({ message, questionLength }: QueryReader): string {
  return questionLength === 0 ? '' : nameText(message, headerLength, '.\\').text // none, or one that ends in the middle
}
