// The records of a large set, made when an answer is written: the first is drawn by weight, the rest are a window that moves on with each
// answer, so that every endpoint is found in time (record-set.ts). What no answer shows is not made.
import { maxWeight } from '../../model/limits.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import { type Records, maxRecordsPerSet } from '../wire/record-set.ts'
import type { Unit, Units } from './answer-part.ts'

/** Where the window of a service stands: it goes on from there when the service changes. */
export interface Turn {
  at: number
}

/** How the records of a set are made. */
export interface Making {
  /** Records of the set in one answer. */
  readonly width: number
  /** One record, for the answer section; its octets are good until the next one is made. */
  readonly record: (unit: Unit) => Buffer
  /** What stands beside the records that were written, in the additional section. */
  readonly beside?: ((writer: MessageWriter, written: readonly Unit[]) => void) | undefined
}

export class DrawnRecords implements Records {
  readonly #parts: readonly Units[]
  readonly #making: Making
  readonly #turn: Turn
  /** How many distinct units stand before each part. */
  readonly #starts: Uint32Array
  readonly #total: number
  readonly #priority: number
  readonly #weight: number
  readonly #heads: number

  /** @param parts at least one that has a unit */
  constructor (parts: readonly Units[], making: Making, turn: Turn) {
    this.#parts = parts
    this.#making = making
    this.#turn = turn
    this.#starts = new Uint32Array(parts.length)
    let total = 0
    for (const [index, { distinct }] of parts.entries()) {
      this.#starts[index] = total
      total += distinct.length
    }
    this.#total = total
    this.#priority = parts.reduce((best, { priority }) => Math.min(best, priority), Infinity)
    const best = parts.filter(({ priority }) => priority === this.#priority)
    this.#weight = best.reduce((sum, { weight }) => sum + weight, 0)
    this.#heads = best.reduce((sum, { heads }) => sum + heads.length, 0)
  }

  write (writer: MessageWriter, random: () => number): void {
    const first = this.#first(random)
    if (first === undefined) return
    const start = this.#turn.at % this.#total
    const seen = new Set([first.key])
    const written: Unit[] = []
    let next = 1
    if (!this.#append(writer, first, written)) return
    for (let step = 0; step < this.#total; step++) {
      const unit = this.#at((start + step) % this.#total)
      if (unit === undefined || seen.has(unit.key)) continue
      if (seen.size >= this.#making.width) {
        writer.isCut = true
        next = Math.max(1, step)
        break
      }
      seen.add(unit.key)
      if (this.#append(writer, unit, written)) continue
      next = Math.max(1, step)
      break
    }
    this.#turn.at = (start + next) % this.#total
    if (!writer.isTruncated) this.#making.beside?.(writer, written)
  }

  /**
   * The records in the order of their endpoints, as a whole zone shows them: always the same first ones, never more than
   * `maxRecordsPerSet`. See `RecordSet.inOrder`.
   */
  inOrder (): Buffer[] {
    return this.#inOrder(Math.min(this.#making.width, maxRecordsPerSet)).map((unit) => Buffer.from(this.#making.record(unit)))
  }

  /** How many records there are, but no more than one above those that an answer can show. */
  get count (): number {
    return this.#inOrder(this.#making.width + 1).length
  }

  #inOrder (limit: number): Unit[] {
    const units = new Map<string, Unit>()
    for (const { distinct } of this.#parts) {
      for (const unit of distinct) {
        if (units.size >= limit) return [...units.values()]
        if (!units.has(unit.key)) units.set(unit.key, unit)
      }
    }
    return [...units.values()]
  }

  #append (writer: MessageWriter, unit: Unit, written: Unit[]): boolean {
    const record = this.#making.record(unit)
    if (!writer.append('answer', record, 0, record.length)) return false
    written.push(unit)
    return true
  }

  /** By weight; all alike where no weight is above 0. */
  #first (random: () => number): Unit | undefined {
    const isWeighted = this.#weight > 0
    let point = random() * (isWeighted ? this.#weight : this.#heads)
    let last: Unit | undefined
    for (const { heads, priority, weight } of this.#parts) {
      if (priority !== this.#priority) continue
      const share = isWeighted ? weight : heads.length
      if (point >= share) {
        point -= share
        continue
      }
      for (const unit of heads) {
        const own = isWeighted ? unit.endpoint.weight : 1
        if (own === 0) continue
        last = unit
        if (point < own) return unit
        point -= own
      }
    }
    return last // the sums of floating numbers end a little early
  }

  #at (position: number): Unit | undefined {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= position) low = middle
      else high = middle - 1
    }
    return this.#parts[low]?.distinct[position - (this.#starts[low] ?? 0)]
  }
}

/** What the record of several units says: the best priority counts, and the weights of those that have it add up. */
export function sharedWeight (units: readonly Unit[]): { readonly priority: number, readonly weight: number } {
  const priority = units.reduce((best, { endpoint }) => Math.min(best, endpoint.priority), Infinity)
  const weight = units.reduce((sum, { endpoint }) => sum + (endpoint.priority === priority ? endpoint.weight : 0), 0)
  return { priority, weight: Math.min(maxWeight, weight) }
}
