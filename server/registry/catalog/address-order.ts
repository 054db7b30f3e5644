// Which addresses there are, in the order of their octets: whether one is in a network is a search and never a walk.
import { addressKey } from '../../model/address/address-key.ts'

/** A chunk is moved when something comes into its middle, and halved when it is longer: at 512 both cost about a microsecond. */
const maxChunk = 512

export class AddressOrder {
  /** Keys in order, none of the chunks empty. */
  readonly #chunks: string[][] = []

  /** Takes an address that is not in yet. */
  add (address: string): void {
    const key = addressKey(address)
    const at = Math.max(0, this.#chunkOf(key))
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push([key])
      return
    }
    chunk.splice(firstFrom(chunk, key), 0, key)
    if (chunk.length > maxChunk) this.#chunks.splice(at + 1, 0, chunk.splice(maxChunk / 2))
  }

  remove (address: string): void {
    const key = addressKey(address)
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    const place = chunk === undefined ? 0 : firstFrom(chunk, key)
    if (chunk?.[place] !== key) return
    chunk.splice(place, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** Whether there is an address whose key begins so. */
  hasWithin (prefix: string): boolean {
    const at = Math.max(0, this.#chunkOf(prefix))
    const chunk = this.#chunks[at] ?? []
    const next = chunk[firstFrom(chunk, prefix)] ?? this.#chunks[at + 1]?.[0]
    return next?.startsWith(prefix) ?? false
  }

  /** The last chunk that begins at a key or before it; -1 = all begin behind it. */
  #chunkOf (key: string): number {
    let low = -1
    let high = this.#chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#chunks[middle]?.[0] ?? '') <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Where the first key is that is not before another one. */
function firstFrom (keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
