// How many IPv4 addresses there are in each network of 8, 16 and 24 bits: those that reverse names stand for (RFC 1035 3.5). A count costs
// a tenth of a place in an order, and a hundred thousand addresses of a data centre have a few hundred networks.

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
