// Plans in one piece of memory: question and answer beside each other, no object for an entry. What it was made from are services, each with
// a slot and a count of its changes; an entry has the counts of then, and holds as long as they are the same.
//
//   entry   = hash(4) room(2) question-octets(2) client(2) zone(1) services(1) answer-octets(2) set(2) glue-octets(2 2) glue-counts(1 1) pad(2)
//             *( slot(4) changes(4) ) question answer glue glue        padded to words; the lowest octet first
//   question = name in lower case, type, class
//   answer   = one record; without one the answer is a set of records that take turns, the place of which in those of its first service is `set`
import { foldedByte } from '../wire/name.ts'
import type { MessageWriter } from '../wire/message-writer.ts'
import type { QueryReader } from '../wire/query-reader.ts'
import type { Records } from '../wire/record-set.ts'
import { headerLength, questionTailLength } from '../wire/wire.ts'

/** Octets of all entries. Past it all are forgotten, and what is asked comes back: some 150,000 names of one record each. */
const maxOctets = 16 * 1024 ** 2
const firstOctets = 64 * 1024
const headOctets = 24
const serviceOctets = 8
const maxSmall = 0xffff

/** A service that a plan looked at. */
export interface PlanService {
  readonly namespace: string
  readonly service: string
}

export interface NewPlan {
  readonly records: Records
  /** Small numbers of the zone that the question is in, and of the kind of client whose plan it is. */
  readonly zone: number
  readonly client: number
  /** At least one, few. */
  readonly services: readonly PlanService[]
}

/** No entry. */
export const none = -1

export class PlanTable {
  readonly #maxOctets: number
  #octets = Buffer.alloc(0)
  #words = new Uint32Array(0)
  /** Words in use. */
  #end = 0
  /** Of hashes: where the entry begins, and 1; 0 = none. A power of two, at most half full. */
  #index = new Uint32Array(0)
  #size = 0
  // By slot of services:
  readonly #slots = new Map<string, Map<string, number>>()
  #slotCount = 0
  /** How often each changed since its slot was given. */
  #changes = new Uint32Array(0)
  /** Sets of records that entries of each refer to. They go with its next change. */
  #sets: (Records[] | undefined)[] = []

  constructor (octets = maxOctets) {
    this.#maxOctets = octets
    this.clear()
  }

  /** Entries, those that hold no longer too. */
  get size (): number {
    return this.#size
  }

  /** Octets that are reserved. */
  get octets (): number {
    return this.#octets.length + this.#index.byteLength + this.#changes.byteLength
  }

  clear (): void {
    this.#octets = Buffer.from(new ArrayBuffer(Math.min(firstOctets, this.#maxOctets)))
    this.#words = new Uint32Array(this.#octets.buffer)
    this.#index = new Uint32Array(1_024)
    this.#changes = new Uint32Array(256)
    this.#slots.clear()
    this.#sets = []
    this.#end = this.#size = this.#slotCount = 0
  }

  /** A service changed, or came or went; undefined = all of the namespace. What was made from it holds no longer. */
  readonly touch = (namespace: string, service?: string): void => {
    const slots = this.#slots.get(namespace)
    if (slots === undefined) return
    const touched = service === undefined ? slots.values() : [slots.get(service)]
    for (const slot of touched) {
      if (slot === undefined) continue
      this.#changes[slot] = (this.#changes[slot] ?? 0) + 1
      this.#sets[slot] = undefined
    }
  }

  /** The entry of a question, if it still holds; else `none`. */
  find (query: QueryReader, client: number): number {
    const entry = this.#at(hashOf(query, client), query, client)
    if (entry === none) return none
    const words = this.#words
    const end = entry + headOctets / 4 + 2 * this.servicesOf(entry)
    for (let at = entry + headOctets / 4; at < end; at += 2) {
      if (this.#changes[words[at] ?? 0] !== words[at + 1]) return none
    }
    return entry
  }

  /** Appends the records of an entry that was found just now to a begun answer. */
  write (entry: number, writer: MessageWriter, random: () => number): void {
    const octets = this.#octets
    const start = entry * 4
    const answer = octets.readUInt16LE(start + 12)
    const services = this.servicesOf(entry)
    if (answer === 0) return void this.#sets[this.#words[entry + headOctets / 4] ?? 0]?.[octets.readUInt16LE(start + 14)]?.write(writer, random)
    let at = start + headOctets + services * serviceOctets + octets.readUInt16LE(start + 6)
    if (!writer.append('answer', octets, at, at + answer)) return
    at += answer
    for (let glue = 0; glue < 2; glue++) {
      const length = octets.readUInt16LE(start + 16 + 2 * glue)
      if (length > 0) writer.append('additional', octets, at, at + length, octets[start + 20 + glue])
      at += length
    }
  }

  zoneOf (entry: number): number {
    return this.#octets[entry * 4 + 10] ?? 0
  }

  servicesOf (entry: number): number {
    return this.#octets[entry * 4 + 11] ?? 0
  }

  /** Keeps a plan in the place of what was known of its question. */
  keep (query: QueryReader, plan: NewPlan): void {
    const { records, services, client } = plan
    const { fixed } = records
    const { questionLength } = query
    const glue = fixed?.glue ?? []
    const answer = fixed?.record.length ?? 0
    const octets = headOctets + services.length * serviceOctets + questionLength + answer + glue.reduce((sum, { text }) => sum + text.length, 0)
    const room = Math.ceil(octets / 4)
    if (room > maxSmall || glue.length > 2 || glue.some(({ count }) => count > 255)) return // never: names and records are short
    const hash = hashOf(query, client)
    let entry = this.#at(hash, query, client)
    const before = entry
    if (entry === none || this.#octets.readUInt16LE(entry * 4 + 4) < room) {
      if (!this.#reserve(room)) {
        this.clear()
        return // the next question of it is kept
      }
      entry = this.#end
      this.#end += room
      this.#words[entry] = hash
      this.#octets.writeUInt16LE(room, entry * 4 + 4)
      this.#enter(hash, entry, before)
    }
    const slots = services.map((service) => this.#slotOf(service))
    const set = fixed === undefined ? this.#setOf(slots[0] ?? 0, records, before) : 0
    if (set > maxSmall) return this.clear()
    this.#fill(entry, query, plan, slots, set)
  }

  #fill (entry: number, { message, questionLength }: QueryReader, plan: NewPlan, slots: readonly number[], set: number): void {
    const { records: { fixed }, services, client, zone } = plan
    const octets = this.#octets
    const start = entry * 4
    octets.writeUInt16LE(questionLength, start + 6)
    octets.writeUInt16LE(client, start + 8)
    octets[start + 10] = zone
    octets[start + 11] = services.length
    octets.writeUInt16LE(fixed?.record.length ?? 0, start + 12)
    octets.writeUInt16LE(set, start + 14)
    for (const glue of [0, 1]) {
      octets.writeUInt16LE(fixed?.glue?.[glue]?.text.length ?? 0, start + 16 + 2 * glue)
      octets[start + 20 + glue] = fixed?.glue?.[glue]?.count ?? 0
    }
    let at = start + headOctets
    for (const slot of slots) {
      octets.writeUInt32LE(slot, at)
      octets.writeUInt32LE(this.#changes[slot] ?? 0, at + 4)
      at += serviceOctets
    }
    const nameEnd = at + questionLength - questionTailLength
    for (let index = 0; index < questionLength; index++, at++) {
      const octet = message[headerLength + index] ?? 0
      octets[at] = at < nameEnd ? foldedByte(octet) : octet
    }
    if (fixed === undefined) return
    at += octets.write(fixed.record, at, 'latin1')
    for (const { text } of fixed.glue ?? []) at += octets.write(text, at, 'latin1')
  }

  /** Where the entry of a question is, whether or not it holds. */
  #at (hash: number, query: QueryReader, client: number): number {
    const mask = this.#index.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = (this.#index[at] ?? 0) - 1
      if (entry < 0) return none
      if (this.#words[entry] === hash && this.#isOf(entry, query, client)) return entry
    }
  }

  #isOf (entry: number, { message, questionLength }: QueryReader, client: number): boolean {
    const octets = this.#octets
    const start = entry * 4
    if (octets.readUInt16LE(start + 6) !== questionLength || octets.readUInt16LE(start + 8) !== client) return false
    const question = start + headOctets + this.servicesOf(entry) * serviceOctets
    const nameLength = questionLength - questionTailLength
    for (let at = 0; at < nameLength; at++) {
      const octet = message[headerLength + at] ?? 0
      const wanted = octets[question + at]
      if (octet !== wanted && foldedByte(octet) !== wanted) return false
    }
    for (let at = nameLength; at < questionLength; at++) if (octets[question + at] !== message[headerLength + at]) return false
    return true
  }

  /** @param before the entry whose place it takes, or `none` */
  #enter (hash: number, entry: number, before: number): void {
    if (before === none && ++this.#size * 2 > this.#index.length) this.#widen()
    const mask = this.#index.length - 1
    let at = hash & mask
    while (this.#index[at] !== 0 && this.#index[at] !== before + 1) at = (at + 1) & mask
    this.#index[at] = entry + 1
  }

  #widen (): void {
    const entries = this.#index
    this.#index = new Uint32Array(entries.length * 2)
    const mask = this.#index.length - 1
    for (const entry of entries) {
      if (entry === 0) continue
      let at = (this.#words[entry - 1] ?? 0) & mask
      while (this.#index[at] !== 0) at = (at + 1) & mask
      this.#index[at] = entry
    }
  }

  /** Makes room for so many words. False if there is none left. */
  #reserve (words: number): boolean {
    const needed = (this.#end + words) * 4
    if (needed <= this.#octets.length) return true
    if (needed > this.#maxOctets) return false
    const wider = Buffer.from(new ArrayBuffer(Math.min(this.#maxOctets, Math.max(needed + 3 & ~3, this.#octets.length * 2))))
    this.#octets.copy(wider)
    this.#octets = wider
    this.#words = new Uint32Array(wider.buffer)
    return true
  }

  #slotOf ({ namespace, service }: PlanService): number {
    let slots = this.#slots.get(namespace)
    if (slots === undefined) this.#slots.set(namespace, slots = new Map<string, number>())
    const known = slots.get(service)
    if (known !== undefined) return known
    const slot = this.#slotCount++
    slots.set(service, slot)
    if (slot >= this.#changes.length) {
      const wider = new Uint32Array(this.#changes.length * 2)
      wider.set(this.#changes)
      this.#changes = wider
    }
    return slot
  }

  /** The place of a set among those of its service: that of what the entry referred to before, if it still has one. */
  #setOf (slot: number, records: Records, before: number): number {
    const sets = this.#sets[slot] ??= []
    if (before !== none && this.#octets.readUInt16LE(before * 4 + 12) === 0 && this.#words[before + headOctets / 4] === slot) {
      const place = this.#octets.readUInt16LE(before * 4 + 14)
      if (place < sets.length && this.#isOnlyOf(before, slot)) {
        sets[place] = records
        return place
      }
    }
    return sets.push(records) - 1
  }

  /** Nothing of its first service changed since: what stands at its place is its own. */
  #isOnlyOf (entry: number, slot: number): boolean {
    return this.#words[entry + headOctets / 4 + 1] === this.#changes[slot]
  }
}

/**
 * FNV-1a over the question, four octets at a time, letters in either case alike, and some other octets too: who finds two
 * questions of one hash makes them slower, not wrong.
 */
function hashOf ({ message, questionLength }: QueryReader, client: number): number {
  const end = headerLength + questionLength
  const nameEnd = end - questionTailLength
  let hash = Math.imul(0x811c9dc5 ^ client, 0x01000193)
  let at = headerLength
  for (; at + 3 < nameEnd; at += 4) {
    const word = (message[at] ?? 0) | ((message[at + 1] ?? 0) << 8) | ((message[at + 2] ?? 0) << 16) | ((message[at + 3] ?? 0) << 24)
    hash = Math.imul(hash ^ (word | 0x20202020), 0x01000193)
    hash ^= hash >>> 15 // the product moves what differs upwards only
  }
  for (; at < nameEnd; at++) hash = Math.imul(hash ^ ((message[at] ?? 0) | 0x20), 0x01000193)
  for (; at < end; at++) hash = Math.imul(hash ^ (message[at] ?? 0), 0x01000193) // type 65 is no letter
  return (hash ^ (hash >>> 15)) >>> 0
}
