// In which networks there are addresses: those of IPv6 in the order of their octets, so that it is a search and never a walk; those of
// IPv4, which are nearly all, counted by the networks that are asked for.
import { familyOf } from '../../model/address/address.ts'
import { addressKey, keyAddress, keyLengths } from '../../model/address/address-key.ts'

/** A chunk is moved when something comes into its middle, and halved when it is longer: at 512 both cost about a microsecond. */
const maxChunk = 512

export class AddressOrder {
  /** Keys of IPv6 in order, none of the chunks empty. */
  readonly #chunks: string[][] = []
  readonly #counts = new NetworkCounts()
  readonly #has: (address: string) => boolean

  /** @param has whether an address is in, for who asks for a whole one */
  constructor (has: (address: string) => boolean) {
    this.#has = has
  }

  /** Takes an address that is not in yet. */
  add (address: string): void {
    if (familyOf(address) === 4) return this.#counts.add(address)
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

  /** Takes one out that is in. */
  remove (address: string): void {
    if (familyOf(address) === 4) return this.#counts.remove(address)
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
    if (prefix.startsWith('4')) return this.#hasWithin4(prefix)
    if (prefix === '' && !this.#counts.isEmpty) return true
    const at = Math.max(0, this.#chunkOf(prefix))
    const chunk = this.#chunks[at] ?? []
    const next = chunk[firstFrom(chunk, prefix)] ?? this.#chunks[at + 1]?.[0]
    return next?.startsWith(prefix) ?? false
  }

  #hasWithin4 (prefix: string): boolean {
    const digits = prefix.length - 1
    if (digits === 0) return !this.#counts.isEmpty
    if (prefix.length >= keyLengths[4]) return this.#has(keyAddress(prefix))
    // No name stands for half an octet, so that nobody asks for one; who does is answered by its sixteen halves.
    if (digits % 2 === 1) return [...'0123456789abcdef'].some((digit) => this.#hasWithin4(prefix + digit))
    return this.#counts.has(digits / 2 as 1 | 2 | 3, Number.parseInt(prefix.slice(1), 16)) // 2, 4 or 6 digits are left
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

/**
 * How many IPv4 addresses there are in each network of 8, 16 and 24 bits: those that reverse names stand for (RFC 1035 3.5). A count costs
 * a tenth of a place in an order, and a hundred thousand addresses of a data centre have a few hundred networks.
 */
export class NetworkCounts {
  /** By what their first one, two and three octets are as one number. */
  readonly #counts = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()] as const

  add (address: string): void {
    this.#count(address, 1)
  }

  remove (address: string): void {
    this.#count(address, -1)
  }

  /** @param octets of the network: 1, 2 or 3 @param network those octets as one number */
  has (octets: 1 | 2 | 3, network: number): boolean {
    return this.#counts[octets - 1]?.has(network) ?? false
  }

  get isEmpty (): boolean {
    return this.#counts[0].size === 0
  }

  /** How many networks are counted. */
  get size (): number {
    return this.#counts.reduce((sum, counts) => sum + counts.size, 0)
  }

  #count (address: string, step: 1 | -1): void {
    let network = 0
    let octet = 0
    let level = 0
    for (let i = 0; level < 3 && i < address.length; i++) {
      const digit = address.charCodeAt(i) - 48
      if (digit >= 0) { // all but the dot, which is before the digits
        octet = octet * 10 + digit
        continue
      }
      network = network * 256 + octet
      octet = 0
      const counts = this.#counts[level++]
      const count = (counts?.get(network) ?? 0) + step
      if (count > 0) counts?.set(network, count)
      else counts?.delete(network)
    }
  }
}
