// Which slots of a range are taken: a bitmap with summaries, of which only the words in use exist.
//
// A word of level 0 says which of 32 slots are taken; a word of level n + 1 says which of 32 words of level n are full. So the
// next free slot is found by climbing over what is full and descending into the first word that is not: two words a
// level, however large the range and however full. A /12 has four levels, 2^48 slots have ten. Free slots cost no
// memory.

const wordBits = 32
const fullWord = 0xffff_ffff
/** Slots are plain numbers: this is far below 2^53, where they stop being exact. */
export const maxSlots = 2 ** 48

export class SlotSet {
  readonly size: number
  readonly #levels: Map<number, number>[] = []
  #taken = 0
  #looks = 0

  constructor (size: number) {
    if (!Number.isSafeInteger(size) || size < 0 || size > maxSlots) throw new RangeError(`a set of slots holds 0-${maxSlots}, got ${size}`)
    this.size = size
    for (let words = size; words > 1 || this.#levels.length === 0; words = Math.ceil(words / wordBits)) this.#levels.push(new Map())
  }

  get taken (): number {
    return this.#taken
  }

  /** Words looked at by all searches so far: what a search costs, for the tests that bound it. */
  get looks (): number {
    return this.#looks
  }

  has (slot: number): boolean {
    return (this.#word(0, Math.floor(slot / wordBits)) & (1 << slot % wordBits)) !== 0
  }

  /** True if the slot was free. */
  add (slot: number): boolean {
    this.#check(slot)
    if (this.has(slot)) return false
    this.#taken += 1
    let position = slot
    for (const level of this.#levels) {
      const index = Math.floor(position / wordBits)
      const word = ((level.get(index) ?? 0) | (1 << position % wordBits)) >>> 0
      level.set(index, word)
      if (word !== fullWord) break
      position = index
    }
    return true
  }

  /** True if the slot was taken. */
  delete (slot: number): boolean {
    this.#check(slot)
    if (!this.has(slot)) return false
    this.#taken -= 1
    let position = slot
    for (const level of this.#levels) {
      const index = Math.floor(position / wordBits)
      const before = level.get(index) ?? 0
      const word = (before & ~(1 << position % wordBits)) >>> 0
      if (word === 0) level.delete(index)
      else level.set(index, word)
      if (before !== fullWord) break
      position = index
    }
    return true
  }

  /** The first free slot with `from <= slot < until`, or undefined. */
  nextFree (from: number, until: number): number | undefined {
    const end = Math.min(until, this.size)
    let position = from
    let level = 0
    let free = 0
    for (;; level += 1) {
      if (position >= end || level === this.#levels.length) return undefined
      const index = Math.floor(position / wordBits)
      free = (~this.#look(level, index) & (fullWord << position % wordBits)) >>> 0
      if (free !== 0) {
        position = index * wordBits + lowestBit(free)
        break
      }
      position = index + 1
    }
    while (level > 0) {
      level -= 1
      position = position * wordBits + lowestBit(~this.#look(level, position) >>> 0)
    }
    return position < end ? position : undefined
  }

  #look (level: number, index: number): number {
    this.#looks += 1
    return this.#word(level, index)
  }

  #word (level: number, index: number): number {
    return this.#levels[level]?.get(index) ?? 0
  }

  #check (slot: number): void {
    if (!(slot >= 0 && slot < this.size)) throw new RangeError(`a slot of this set is 0-${this.size - 1}, got ${slot}`)
  }
}

function lowestBit (word: number): number {
  return 31 - Math.clz32(word & -word)
}
