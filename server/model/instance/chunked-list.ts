// A sorted list that never changes: putting an item in, or taking one out, gives another list, which shares all chunks with the one
// before but the one that the item lies in. So a change costs the length of a chunk, however long the list is, and what was derived
// from a chunk stays good as long as the chunk is in the list.

/** Items of a chunk at most. A change copies half of it on the average, and one place for each chunk of the list. */
export const maxChunkItems = 64

/** A run of a sorted list. */
export interface Chunk<Item> {
  /** At least one, in order. */
  readonly items: readonly Item[]
}

/** What a list is made by. */
export interface ListRule<Item, Key, Part extends Chunk<Item>> {
  /** Below 0 = the item stands before the key. */
  readonly compare: (item: Item, key: Key) => number
  readonly keyOf: (item: Item) => Key
  /** @param before the chunk whose items most of them were, if there was one */
  readonly chunkOf: (items: readonly Item[], before: Part | undefined) => Part
}

export class ChunkedList<Item, Key, Part extends Chunk<Item>> implements Iterable<Item> {
  readonly chunks: readonly Part[]
  readonly length: number
  readonly #rule: ListRule<Item, Key, Part>

  private constructor (rule: ListRule<Item, Key, Part>, chunks: readonly Part[], length: number) {
    this.#rule = rule
    this.chunks = chunks
    this.length = length
  }

  /** A list of items that may come in any order; no two have the same key. */
  static of<Item, Key, Part extends Chunk<Item>>(rule: ListRule<Item, Key, Part>, items: Iterable<Item>): ChunkedList<Item, Key, Part> {
    const sorted = [...items]
    // Most come in their order already: looking costs less than sorting.
    const isSorted = sorted.every((item, index) => index === 0 || rule.compare(sorted[index - 1] as Item, rule.keyOf(item)) <= 0) // index is above 0
    if (!isSorted) sorted.sort((a, b) => rule.compare(a, rule.keyOf(b)))
    const chunks: Part[] = []
    const step = Math.ceil(sorted.length / Math.ceil(sorted.length / (maxChunkItems / 2)))
    for (let from = 0; from < sorted.length; from += step) chunks.push(rule.chunkOf(sorted.slice(from, from + step), undefined))
    return new ChunkedList(rule, chunks, sorted.length)
  }

  * [Symbol.iterator] (): Generator<Item> {
    for (const { items } of this.chunks) yield * items
  }

  /** The items from the first one on that does not stand before a key. */
  * from (key: Key): Generator<Item> {
    let at = this.#chunkOf(key)
    let place = this.#placeIn(at, key)
    for (; at < this.chunks.length; at++, place = 0) {
      const { items } = this.chunks[at] as Part // within the list
      for (; place < items.length; place++) yield items[place] as Item // within the chunk
    }
  }

  get (key: Key): Item | undefined {
    const at = this.#chunkOf(key)
    const item = this.chunks[at]?.items[this.#placeIn(at, key)]
    return item !== undefined && this.#rule.compare(item, key) === 0 ? item : undefined
  }

  /** With an item, in the place of the one that has its key. */
  put (item: Item): ChunkedList<Item, Key, Part> {
    const key = this.#rule.keyOf(item)
    const at = this.#chunkOf(key)
    const chunk = this.chunks[at]
    if (chunk === undefined) return new ChunkedList(this.#rule, [this.#rule.chunkOf([item], undefined)], 1)
    const place = this.#placeIn(at, key)
    const known = chunk.items[place]
    const isNew = known === undefined || this.#rule.compare(known, key) !== 0
    const items = chunk.items.toSpliced(place, isNew ? 0 : 1, item)
    return this.#with(at, chunk, items, this.length + Number(isNew))
  }

  /** Without the item that has a key; the same list if there is none. */
  delete (key: Key): ChunkedList<Item, Key, Part> {
    const at = this.#chunkOf(key)
    const chunk = this.chunks[at]
    const place = this.#placeIn(at, key)
    const known = chunk?.items[place]
    if (chunk === undefined || known === undefined || this.#rule.compare(known, key) !== 0) return this
    return this.#with(at, chunk, chunk.items.toSpliced(place, 1), this.length - 1)
  }

  #with (at: number, chunk: Part, items: readonly Item[], length: number): ChunkedList<Item, Key, Part> {
    const parts = items.length > maxChunkItems ? [items.slice(0, maxChunkItems / 2), items.slice(maxChunkItems / 2)] : items.length === 0 ? [] : [items]
    const next = this.chunks[at + 1]
    // A chunk that has become small joins the next one, so that a list that shrinks has few.
    if (next !== undefined && items.length < maxChunkItems / 8 && items.length + next.items.length <= maxChunkItems) {
      const joined = this.#rule.chunkOf([...items, ...next.items], next)
      return new ChunkedList(this.#rule, this.chunks.toSpliced(at, 2, joined), length)
    }
    return new ChunkedList(this.#rule, this.chunks.toSpliced(at, 1, ...parts.map((each) => this.#rule.chunkOf(each, chunk))), length)
  }

  /** The last chunk that begins at a key or before it, else the first one. */
  #chunkOf (key: Key): number {
    let low = 0
    let high = this.chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const first = this.chunks[middle]?.items[0] as Item // chunks are never empty
      if (this.#rule.compare(first, key) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Where in a chunk the first item is that does not stand before a key. */
  #placeIn (at: number, key: Key): number {
    const items = this.chunks[at]?.items ?? []
    let low = 0
    let high = items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#rule.compare(items[middle] as Item, key) < 0) low = middle + 1 // middle lies within the chunk
      else high = middle
    }
    return low
  }
}
