// The addresses of this machine that a listener on all addresses stands on, each with a socket of its own.
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { readFileSync } from 'node:fs'
import type { ListenAddress } from '../../listen-addresses.ts'

/** As `networkInterfaces` of Node gives them. */
export type Interfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>

/**
 * All of 127/8 is this machine, and no interface lists it. These are used: the first ones by hand, 53 and 54 by systemd-resolved, 127.0.1.1 by
 * Debian for the name of the machine.
 */
const loopback: readonly string[] = [...Array.from({ length: 16 }, (_, index) => `127.0.0.${index + 1}`), '127.0.0.53', '127.0.0.54', '127.0.1.1']
/** One machine may have thousands of virtual addresses; a socket for each would be as many descriptors. */
export const maxOwnAddresses = 256

export function isEveryAddress (address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/**
 * What a listener on all addresses answers at, those of interfaces first, each once.
 * @param given `0.0.0.0`, or `::`, which is IPv4 too unless the system says otherwise
 * @param isAlone no other socket takes what comes to the rest of 127/8
 */
export function ownAddresses (given: string, isAlone: boolean, interfaces: Interfaces = networkInterfaces): ListenAddress[] {
  const wanted = familiesOf(given)
  const found = new Map<string, ListenAddress>()
  const add = (address: string, family: 4 | 6): void => {
    if (wanted.includes(family)) found.set(address, { address, family })
  }
  for (const [name, infos] of Object.entries(interfaces())) {
    for (const info of infos ?? []) {
      if (info.family === 'IPv4') add(info.address, 4)
      else add(info.scopeid === 0 || info.address.includes('%') ? info.address : `${info.address}%${name}`, 6)
    }
  }
  if (isAlone) for (const address of loopback) add(address, 4)
  return [...found.values()]
}

/** @param given an address that is all addresses */
export function familiesOf (given: string): readonly (4 | 6)[] {
  return given === '0.0.0.0' ? [4] : isOnlyIpv6() ? [6] : [6, 4]
}

/** Linux: whether `::` is IPv6 alone (net.ipv6.bindv6only). */
function isOnlyIpv6 (): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv6/bindv6only', 'latin1').startsWith('1')
  } catch {
    return false // as everywhere else
  }
}
