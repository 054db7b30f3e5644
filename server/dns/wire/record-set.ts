// Sets of records as bytes, made once per change and copied into every answer: the first by weight, the rest rotating.
import { maxAnnotatedRecords } from '../../model/service/dns-annotations.ts'
import type { MessageWriter } from './message-writer.ts'
import { joinedBytes, recordTypes } from './wire.ts'

/**
 * BIND 9.18.28 and later refuse sets of more than 100 records, so a client behind one would get nothing at all. A larger
 * set is shown through a window of this width that moves on with each answer: every endpoint is found in time.
 */
export const maxRecordsPerSet = 100
/** An answer over TCP has room for these octets of one set, beside its question and options. */
export const maxSetBytes = 64_000

/** One record, and what is added to it: the same octets in every answer, as text. */
export interface FixedRecords {
  readonly record: string
  /** At most one entry per family. */
  readonly glue: readonly { readonly text: string, readonly count: number }[] | undefined
}

/** What an answer can be made of. */
export interface Records {
  /** Where each answer has the same. */
  readonly fixed?: FixedRecords | undefined
  write (writer: MessageWriter, random: () => number): void
}

export interface WeightedRecord {
  readonly bytes: Buffer
  /** The lowest is preferred; only those may come first. */
  readonly priority: number
  /** 0 = comes first only if all of its priority have 0. */
  readonly weight: number
}

/**
 * A set of one record, as most are, with its target's addresses if it has a target. Its octets are kept as text: of a short Buffer
 * nine parts in ten are Buffer.
 */
class SingleRecord implements Records {
  readonly #record: string
  readonly #glue: FixedRecords['glue']

  constructor (record: WeightedRecord, glue: readonly Glue[] = []) {
    this.#record = record.bytes.toString('latin1')
    this.#glue = glue.length === 0 ? undefined : glue.map(({ bytes, count }) => ({ text: bytes.toString('latin1'), count }))
  }

  get fixed (): FixedRecords {
    return { record: this.#record, glue: this.#glue }
  }

  write (writer: MessageWriter): void {
    if (!writer.appendText('answer', this.#record) || this.#glue === undefined) return
    for (const { text, count } of this.#glue) writer.appendText('additional', text, count)
  }
}

/** A set of records, undefined if there are none. @param maxRecords how many an answer shows at most */
export function recordSetOf (records: readonly WeightedRecord[], maxRecords = maxRecordsPerSet): Records | undefined {
  const [first] = records
  if (first === undefined) return undefined
  return records.length === 1 ? new SingleRecord(first) : new RecordSet(records, maxRecords)
}

/**
 * A set of SRV records with the addresses of their targets, undefined if there are none.
 * @param targets for each record, which target it has
 * @param glue for each target, its addresses, one entry per family
 */
export function gluedRecordSetOf (
  records: readonly WeightedRecord[], targets: readonly number[], glue: readonly (readonly Glue[])[], maxRecords = maxRecordsPerSet
): Records | undefined {
  const [first] = records
  if (first === undefined) return undefined
  return records.length === 1 ? new SingleRecord(first, glue[0]) : new GluedRecordSet(records, targets, glue, maxRecords)
}

/** The records of the answer at work. Answers are written one at a time, to the end. */
const shown = new Uint32Array(maxAnnotatedRecords)

export class RecordSet implements Records {
  readonly count: number
  /** How many an answer shows. */
  readonly width: number
  readonly #bytes: Buffer
  readonly #starts: Uint32Array
  /** The records that may come first, and the running sums of their weights. */
  readonly #heads: Uint32Array
  readonly #sums: Float64Array
  readonly #total: number
  #turn = 0

  /**
   * @param records at least one
   * @param maxRecords how many an answer shows at most, up to `maxAnnotatedRecords`
   */
  constructor (records: readonly WeightedRecord[], maxRecords = maxRecordsPerSet) {
    this.count = records.length
    const longest = records.reduce((length, { bytes }) => Math.max(length, bytes.length), 1)
    this.width = Math.min(this.count, maxRecords, Math.floor(maxSetBytes / longest))
    this.#bytes = joinedBytes(records.map(({ bytes }) => bytes))
    this.#starts = startsOf(records.map(({ bytes }) => bytes))
    const priority = records.reduce((lowest, record) => Math.min(lowest, record.priority), Infinity)
    const preferred = [...records.keys()].filter((index) => records[index]?.priority === priority)
    const weighted = preferred.filter((index) => (records[index]?.weight ?? 0) > 0)
    this.#heads = Uint32Array.from(weighted.length > 0 ? weighted : preferred)
    let sum = 0
    this.#sums = Float64Array.from(this.#heads, (index) => (sum += weighted.length > 0 ? records[index]?.weight ?? 0 : 1))
    this.#total = sum
  }

  write (writer: MessageWriter, random: () => number): void {
    const count = this.#choose(random)
    if (count < this.count) writer.isCut = true
    for (let position = 0; position < count; position++) {
      const index = shown[position] ?? 0
      if (!writer.append('answer', this.#bytes, this.#starts[index] ?? 0, this.#starts[index + 1] ?? 0)) return
    }
  }

  /**
   * The records in the order that they were given in, as a whole zone shows them: not rotated, and of a large set always the same
   * first ones, as many as an answer shows but never more than `maxRecordsPerSet`: secondaries refuse larger sets. The owner of each
   * is a pointer of two octets.
   */
  * inOrder (): Generator<Buffer> {
    const count = Math.min(this.width, maxRecordsPerSet)
    for (let index = 0; index < count; index++) yield this.#bytes.subarray(this.#starts[index] ?? 0, this.#starts[index + 1] ?? 0)
  }

  /** Puts the records of this answer into `shown`. Gives how many. */
  #choose (random: () => number): number {
    const { width } = this
    const first = this.#first(random() * this.#total)
    const start = this.#turn
    this.#turn = (start + Math.max(1, this.count > width ? width - 1 : 1)) % this.count
    shown[0] = first
    let chosen = 1
    for (let step = 0; step < this.count && chosen < width; step++) {
      const index = (start + step) % this.count
      if (index !== first) shown[chosen++] = index
    }
    return chosen
  }

  /** The first head whose running sum is above the point. */
  #first (point: number): number {
    let low = 0
    let high = this.#sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sums[middle] ?? 0) > point) high = middle
      else low = middle + 1
    }
    return this.#heads[low] ?? 0
  }
}

/** Address records of one name and family, for the additional section. */
export interface Glue {
  readonly bytes: Buffer
  /** At most `maxRecordsPerSet`. */
  readonly count: number
}

/** SRV records and the addresses of their targets. */
export class GluedRecordSet extends RecordSet {
  readonly #targets: Uint32Array
  readonly #glue: Buffer
  readonly #glueStarts: Uint32Array
  readonly #glueCounts: Uint8Array
  /** For each target its first glue; the next target's first ends it. */
  readonly #firstGlue: Uint32Array
  readonly #seen: Uint32Array
  #stamp = 0

  /**
   * @param targets for each record, which target it has
   * @param glue for each target, its addresses, one entry per family
   */
  constructor (records: readonly WeightedRecord[], targets: readonly number[], glue: readonly (readonly Glue[])[], maxRecords = maxRecordsPerSet) {
    super(records, maxRecords)
    this.#targets = Uint32Array.from(targets)
    const sets = glue.flat()
    this.#glue = joinedBytes(sets.map(({ bytes }) => bytes))
    this.#glueStarts = startsOf(sets.map(({ bytes }) => bytes))
    this.#glueCounts = Uint8Array.from(sets, ({ count }) => count)
    this.#firstGlue = startsOf(glue)
    this.#seen = new Uint32Array(glue.length)
  }

  override write (writer: MessageWriter, random: () => number): void {
    super.write(writer, random)
    if (writer.isTruncated) return
    const count = this.width
    this.#stamp = (this.#stamp + 1) % 2 ** 32
    if (this.#stamp === 0) this.#seen.fill(2 ** 32 - 1) // begins anew: marks of four billion answers ago mean nothing
    for (let position = 0; position < count; position++) {
      const target = this.#targets[shown[position] ?? 0] ?? 0
      if (this.#seen[target] === this.#stamp) continue
      this.#seen[target] = this.#stamp
      // A set that does not fit is left out whole: the client would take a part for all of it (RFC 2181 9).
      for (let set = this.#firstGlue[target] ?? 0; set < (this.#firstGlue[target + 1] ?? 0); set++) {
        writer.append('additional', this.#glue, this.#glueStarts[set] ?? 0, this.#glueStarts[set + 1] ?? 0, this.#glueCounts[set])
      }
    }
  }
}

/** Where each part begins when they stand one after the other, and where the last ends. */
function startsOf (parts: readonly { readonly length: number }[]): Uint32Array {
  const starts = new Uint32Array(parts.length + 1)
  let at = 0
  for (const [index, part] of parts.entries()) {
    at += part.length
    starts[index + 1] = at
  }
  return starts
}

/**
 * RFC 8482 4.2: the whole answer to ANY, so that it cannot be used to amplify.
 *   HINFO = cpu os, each length(1) text
 */
export const minimalAnyRdata = Buffer.concat([Buffer.from([7]), Buffer.from('RFC8482'), Buffer.from([0])])
export const minimalAnyType = recordTypes.HINFO
