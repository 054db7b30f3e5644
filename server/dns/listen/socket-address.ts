// Addresses of sockets as the system lays them out:
//
//   sockaddr_in  = family(2, ours) port(2) address(4) zeros(8)
//   sockaddr_in6 = family(2, ours) port(2) flow(4) address(16) scope(4, ours)        ours: the lowest octet first
import ipaddr from 'ipaddr.js'
import type { Libc } from './libc.ts'

export const families = { 4: 2, 6: 10 } as const // AF_INET, AF_INET6
export const addressOctets = { 4: 16, 6: 28 } as const
/** Room for any of them. */
export const addressRoom = 32
/** Clients are mostly few resolvers. Past so many all are forgotten. */
const maxTexts = 4_096
/** IF_NAMESIZE. It lives as long as the thread: the call writes into it. */
const interfaceName = Buffer.from(new ArrayBuffer(16))

/** Writes an address and a port. @param address as text; `%eth0` behind it says which interface a link-local one is of */
export function writeSocketAddress (libc: Libc, target: DataView, address: string, family: 4 | 6, port: number): void {
  const [text = '', zone] = address.split('%')
  const octets = ipaddr.parse(text).toByteArray()
  target.setUint16(0, families[family], true)
  target.setUint16(2, port)
  for (const [index, octet] of octets.entries()) target.setUint8((family === 4 ? 4 : 8) + index, octet)
  if (family === 6) target.setUint32(24, zone === undefined ? 0 : libc.if_nametoindex(zone), true)
}

/** Reads addresses as `dgram` tells them: `10.0.0.7`, `fd00::7`, `::ffff:10.0.0.7`, `fe80::1%eth0`. */
export class AddressTexts {
  readonly #libc: Libc
  readonly #known = new Map<number | string, string>()

  constructor (libc: Libc) {
    this.#libc = libc
  }

  /** @param at where the `sockaddr` begins in `octets` */
  read (octets: Buffer, at: number): string {
    if (octets.readUInt16LE(at) === families[4]) return this.#keep(octets.readUInt32BE(at + 4), () => octets.subarray(at + 4, at + 8).join('.'))
    const scope = octets.readUInt32LE(at + 24)
    return this.#keep(octets.toString('latin1', at + 8, at + addressOctets[6]), () => {
      const bytes = [...octets.subarray(at + 8, at + 24)]
      const text = ipv6Text(bytes)
      return scope !== 0 && isLinkLocal(bytes) ? `${text}%${this.#interfaceName(scope)}` : text
    })
  }

  #keep (key: number | string, make: () => string): string {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= maxTexts) this.#known.clear()
    const text = make()
    this.#known.set(key, text)
    return text
  }

  #interfaceName (index: number): string {
    if (this.#libc.if_indextoname(index, this.#libc.addressOf(interfaceName.buffer)) === 0) return String(index)
    return interfaceName.toString('latin1', 0, interfaceName.indexOf(0))
  }
}

/** RFC 5952, and an IPv4 address in IPv6 with its dots, as `dgram` has it. */
export function ipv6Text (octets: number[]): string {
  const address = ipaddr.fromByteArray(octets)
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? `::ffff:${address.toIPv4Address().toString()}` : address.toString()
}

function isLinkLocal ([first = 0, second = 0]: readonly number[]): boolean {
  return first === 0xfe && (second & 0xc0) === 0x80
}
