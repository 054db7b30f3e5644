// Who may ask for names that are not ours: clients within a list of networks.
import { BlockList, isIP } from 'node:net'
import type { AddressRange } from '../../model/address/ranges.ts'

/** The clients of a resolver are few and ask again. A flood of forged addresses passes through without growing it. */
const maxRemembered = 256

export class AccessList {
  readonly #networks = new BlockList()
  readonly #remembered = new Map<string, boolean>()

  /** @param networks CIDRs, as `readNetworks` gives them */
  constructor (networks: readonly AddressRange[]) {
    for (const { text, family } of networks) {
      const [address = '', prefix] = text.split('/')
      this.#networks.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
    }
  }

  /**
   * True if the address is in one of the networks. IPv4-mapped IPv6 is the IPv4 address that it carries, and a zone id says by which
   * link the client came, not who it is.
   * @param address as a socket gives it; a text that is no address is not permitted
   */
  permits (address: string): boolean {
    const known = this.#remembered.get(address)
    if (known !== undefined) return known
    const [plain = ''] = address.split('%')
    const family = isIP(plain)
    const isPermitted = family !== 0 && this.#networks.check(plain, family === 4 ? 'ipv4' : 'ipv6')
    if (this.#remembered.size >= maxRemembered) this.#remembered.clear()
    this.#remembered.set(address, isPermitted)
    return isPermitted
  }
}
