// Whose turn it is: the endpoints of one question (port, zone), ordered by who is called next. A pick and a change cost the
// logarithm of their number, not their number.
//
// Each endpoint has a due time, and the earliest is next; then its due time grows by 1/weight. So over a sum of the weights
// each is picked as often as its weight says. Endpoints of a list that comes whole begin evenly spread over their first turn,
// from a random place on, so that an endpoint with much weight is not called many times in a row, and clients that
// start together do not all call the same one first.
import type { Endpoint } from './wire.ts'

/** The endpoints that a question is about, by slot. */
export interface Slots {
  /** undefined = the slot is free. */
  endpoint (slot: number): Endpoint | undefined
  /** Calls under way to it. */
  outstanding (slot: number): number
}

/** The order in which endpoints are called: a smaller rank first, see `rankOf` in balancer.ts. */
export type RankOf = (endpoint: Endpoint) => number | undefined

interface Group {
  /** The due time of the endpoint that was picked last. */
  time: number
  count: number
}

const absent = -1
const smallest = 16
/** How much longer the lists become when a slot has no place. */
const growth = 1.25

export class Turns {
  readonly #slots: Slots
  readonly #rankOf: RankOf
  readonly #random: () => number
  /** Calls under way count before turns do. */
  readonly #byLoad: boolean
  /** Those of one rank take turns among themselves. */
  readonly #groups = new Map<number, Group>()
  #size = 0
  #heap = new Int32Array(smallest)
  #position = new Int32Array(smallest).fill(absent)
  #rank = new Int32Array(smallest)
  #due = new Float64Array(smallest)
  #load = new Float64Array(0)

  constructor (slots: Slots, rankOf: RankOf, random: () => number, byLoad: boolean) {
    this.#slots = slots
    this.#rankOf = rankOf
    this.#random = random
    this.#byLoad = byLoad
    if (byLoad) this.#load = new Float64Array(smallest)
  }

  /**
   * Takes in many at once, in the order given.
   * @param length no slot is higher
   */
  fill (slots: readonly number[], length: number): void {
    this.#reserve(length)
    const start = this.#random()
    slots.forEach((slot, index) => this.put(slot, undefined, (start + index / slots.length) % 1))
  }

  /**
   * The endpoint of a slot is new, or another one than before.
   * @param part where in its turn a new one begins, 0-1
   */
  put (slot: number, before: Endpoint | undefined, part?: number): void {
    if (slot >= this.#position.length) this.#reserve(Math.max(slot + 1, Math.ceil(this.#position.length * growth)))
    const endpoint = this.#slots.endpoint(slot)
    const rank = endpoint === undefined ? undefined : this.#rankOf(endpoint)
    if (endpoint === undefined || rank === undefined) return this.remove(slot)
    const weight = weightOf(endpoint)
    if (this.#position[slot] !== absent && this.#rank[slot] === rank) {
      const oldWeight = before === undefined ? weight : weightOf(before)
      if (oldWeight === weight) return
      const time = this.#groups.get(rank)?.time ?? 0
      const due = this.#due[slot] ?? 0
      if (due > time) this.#due[slot] = time + (due - time) * oldWeight / weight
      if (this.#byLoad) this.#load[slot] = this.#slots.outstanding(slot) / weight
      return this.#settle(slot)
    }
    this.remove(slot)
    let group = this.#groups.get(rank)
    if (group === undefined) this.#groups.set(rank, group = { time: 0, count: 0 })
    group.count++
    this.#rank[slot] = rank
    this.#due[slot] = group.time + (part ?? this.#random()) / weight
    if (this.#byLoad) this.#load[slot] = this.#slots.outstanding(slot) / weight
    this.#push(slot)
  }

  remove (slot: number): void {
    if (slot >= this.#position.length || this.#position[slot] === absent) return
    this.#pull(slot)
    const rank = this.#rank[slot] ?? 0
    const group = this.#groups.get(rank)
    if (group !== undefined && --group.count === 0) this.#groups.delete(rank)
  }

  /** Calls to it began or ended. */
  loaded (slot: number): void {
    const endpoint = this.#slots.endpoint(slot)
    if (!this.#byLoad || endpoint === undefined || slot >= this.#position.length || this.#position[slot] === absent) return
    this.#load[slot] = this.#slots.outstanding(slot) / weightOf(endpoint)
    this.#settle(slot)
  }

  /**
   * The slot whose turn it is, and ends its turn.
   * @param lastRank those of a higher rank are not picked
   * @param isFit false for others that must not be picked; they keep their turn
   */
  next (lastRank: number, isFit: (slot: number) => boolean): number | undefined {
    const passedOver: number[] = []
    let found: number | undefined
    while (this.#size > 0 && found === undefined) {
      const slot = this.#heap[0] ?? 0
      if ((this.#rank[slot] ?? 0) > lastRank) break
      const endpoint = this.#slots.endpoint(slot)
      if (endpoint !== undefined && isFit(slot)) {
        found = slot
        this.#turn(slot, endpoint)
      } else {
        this.#pull(slot)
        passedOver.push(slot)
      }
    }
    for (const slot of passedOver) this.#push(slot)
    return found
  }

  #turn (slot: number, endpoint: Endpoint): void {
    const group = this.#groups.get(this.#rank[slot] ?? 0)
    if (group === undefined) return
    const due = this.#due[slot] ?? 0
    group.time = Math.max(group.time, due)
    // One that was busy for long has no turns to catch up with; one that was only passed over has.
    this.#due[slot] = (this.#byLoad ? group.time : due) + 1 / weightOf(endpoint)
    this.#settle(slot)
  }

  // A binary heap of slots that knows where each slot stands ------------------------------------------------------------

  #isBefore (a: number, b: number): boolean {
    const byRank = (this.#rank[a] ?? 0) - (this.#rank[b] ?? 0)
    if (byRank !== 0) return byRank < 0
    const byLoad = this.#byLoad ? (this.#load[a] ?? 0) - (this.#load[b] ?? 0) : 0
    if (byLoad !== 0) return byLoad < 0
    const byDue = (this.#due[a] ?? 0) - (this.#due[b] ?? 0)
    return byDue === 0 ? a < b : byDue < 0
  }

  #push (slot: number): void {
    const at = this.#size++
    this.#place(slot, at)
    this.#rise(at)
  }

  #pull (slot: number): void {
    const at = this.#position[slot] ?? absent
    const last = this.#heap[--this.#size] ?? 0
    this.#position[slot] = absent
    if (last === slot) return
    this.#place(last, at)
    this.#settle(last)
  }

  #settle (slot: number): void {
    this.#sink(this.#rise(this.#position[slot] ?? 0))
  }

  #rise (from: number): number {
    let at = from
    const slot = this.#heap[at] ?? 0
    while (at > 0) {
      const parent = (at - 1) >>> 1
      const above = this.#heap[parent] ?? 0
      if (!this.#isBefore(slot, above)) break
      this.#place(above, at)
      at = parent
    }
    this.#place(slot, at)
    return at
  }

  #sink (from: number): void {
    let at = from
    const slot = this.#heap[at] ?? 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size && this.#isBefore(this.#heap[child + 1] ?? 0, this.#heap[child] ?? 0)) child++
      const below = this.#heap[child] ?? 0
      if (!this.#isBefore(below, slot)) break
      this.#place(below, at)
      at = child
    }
    this.#place(slot, at)
  }

  #place (slot: number, at: number): void {
    this.#heap[at] = slot
    this.#position[slot] = at
  }

  #reserve (length: number): void {
    if (length <= this.#position.length) return
    const grown = <List extends Int32Array | Float64Array>(list: List, larger: List): List => {
      larger.set(list)
      return larger
    }
    this.#heap = grown(this.#heap, new Int32Array(length))
    this.#position = grown(this.#position, new Int32Array(length).fill(absent))
    this.#rank = grown(this.#rank, new Int32Array(length))
    this.#due = grown(this.#due, new Float64Array(length))
    if (this.#byLoad) this.#load = grown(this.#load, new Float64Array(length))
  }
}

/** Endpoints with weight 0 are called only when no others are left: then each is as good as the other. */
function weightOf ({ weight }: Endpoint): number {
  return Math.max(weight, 1)
}
