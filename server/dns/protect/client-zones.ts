// From the address of a client to the zone that it is in: for callers who cannot say it in the name.
import { clientIp } from './client-address.ts'
import type { ClientZone } from './client-zone-setting.ts'
import { NetworkMap } from './network-map.ts'

/** How many clients are remembered; at one more the list begins anew, so that invented senders take no memory. */
export const maxKnownClients = 4_096

export class ClientZones {
  readonly #networks = new NetworkMap<string>()
  readonly #known = new Map<string, string | undefined>()

  /** @param entries of different networks */
  constructor (entries: readonly ClientZone[]) {
    for (const { network, zone } of entries) this.#networks.add(network, zone)
  }

  /**
   * The zone of a client in lower case, by the longest prefix; undefined if no network has it.
   * @param address as a socket gives it; IPv4-mapped IPv6 is IPv4
   */
  zoneOf (address: string): string | undefined {
    const known = this.#known.get(address)
    if (known !== undefined || this.#known.has(address)) return known
    const ip = clientIp(address)
    const zone = ip === undefined ? undefined : this.#networks.find(ip)
    if (this.#known.size >= maxKnownClients) this.#known.clear()
    this.#known.set(address, zone)
    return zone
  }
}
