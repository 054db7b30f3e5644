// From the address of a client to the zone that it is in: for callers who cannot say it in the name.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { ClientZone } from './client-zone-setting.ts'
import { parseIp, type Family } from '../../model/address/ranges.ts'

/** How many clients are remembered; at one more the list begins anew, so that invented senders take no memory. */
const maxKnownClients = 4_096

const addressBits = { 4: 32n, 6: 128n } as const

/** The networks of one prefix length, by their first address without what is behind the prefix. */
interface Level {
  readonly shift: bigint
  readonly zones: Map<bigint, string>
}

export class ClientZones {
  /** By family, the longest prefix first. */
  readonly #levels: Readonly<Record<Family, readonly Level[]>>
  readonly #known = new Map<string, string | undefined>()

  /** @param entries of different networks */
  constructor (entries: readonly ClientZone[]) {
    const levels: Record<Family, Level[]> = { 4: [], 6: [] }
    for (const { network, zone } of entries) {
      const shift = addressBits[network.family] - BigInt(network.prefix)
      let level = levels[network.family].find((each) => each.shift === shift)
      if (level === undefined) levels[network.family].push(level = { shift, zones: new Map() })
      level.zones.set(network.first >> shift, zone)
    }
    for (const family of [levels[4], levels[6]]) family.sort((a, b) => Number(a.shift - b.shift))
    this.#levels = levels
  }

  /**
   * The zone of a client in lower case, by the longest prefix; undefined if no network has it.
   * @param address as a socket gives it; IPv4-mapped IPv6 is IPv4
   */
  zoneOf (address: string): string | undefined {
    const known = this.#known.get(address)
    if (known !== undefined || this.#known.has(address)) return known
    const zone = this.#find(address)
    if (this.#known.size >= maxKnownClients) this.#known.clear()
    this.#known.set(address, zone)
    return zone
  }

  #find (text: string): string | undefined {
    const plain = text.split('%', 1)[0] ?? '' // fe80::1%eth0
    if (isIP(plain) === 0) return undefined
    const address = parseIp(ipaddr.process(plain).toString())
    if ('problem' in address) return undefined
    for (const { shift, zones } of this.#levels[address.family]) {
      const zone = zones.get(address.value >> shift)
      if (zone !== undefined) return zone
    }
    return undefined
  }
}
