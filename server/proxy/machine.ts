// This machine, as the rules of traffic see it.
import { hostname, networkInterfaces } from 'node:os'
import { type AddressRange, type Ip, parseIp } from '../model/address/ranges.ts'

export interface Machine {
  /** As in an endpoint's `node`. */
  readonly node: string
  readonly zone?: string
  /**
   * The addresses of its interfaces, canonical, without those that the agent itself announces for services: an endpoint
   * at one of them is local, and no service may claim one.
   */
  readonly addresses: ReadonlySet<string>
  /** Where node ports are carried, canonical. */
  readonly nodeAddresses: readonly string[]
  /** Where cluster IPs come from: never an endpoint's address. */
  readonly serviceRanges: readonly AddressRange[]
  /** Which `externalIPs` are carried; none by default: they would let a manifest take traffic of any address. */
  readonly externalRanges: readonly AddressRange[]
  /** Endpoints at loopback addresses are called: only where everything is on this machine, since on another one they are somebody else. */
  readonly takesLoopback?: boolean
}

/** The addresses of all interfaces now, canonical. @param interfaces default: the system's */
export function machineAddresses (interfaces = networkInterfaces()): Ip[] {
  return Object.values(interfaces).flatMap((infos) => infos ?? []).flatMap(({ address }) => {
    const ip = parseIp(address)
    return 'problem' in ip ? [] : [ip]
  })
}

/** Where node ports are carried unless a setting says otherwise: all addresses that other machines can reach. */
export function defaultNodeAddresses (addresses: readonly Ip[]): string[] {
  return addresses.filter((address) => carryProblem(address) === undefined).map(({ text }) => text)
}

/** The host name as a registration's `node` (RFC 1123: lower case). */
export function defaultNode (): string {
  return hostname().toLowerCase()
}

const blocks: readonly (readonly [family: 4 | 6, first: bigint, bits: number, name: string])[] = [
  [4, 0n, 8, 'of this network (0.0.0.0/8)'],
  [4, 0x7f000000n, 8, 'a loopback address'],
  [4, 0xa9fe0000n, 16, 'a link-local address'],
  [4, 0xe0000000n, 4, 'a multicast address'],
  [4, 0xf0000000n, 4, 'a reserved or broadcast address'],
  [6, 0n, 127, 'unspecified or loopback'],
  [6, 0xfe80n << 112n, 10, 'a link-local address'],
  [6, 0xff00n << 112n, 8, 'a multicast address']
]

export function isLoopback ({ family, value }: Pick<Ip, 'family' | 'value'>): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n
}

/** Why an address is never the end of a connection between machines; undefined if it may be. */
export function carryProblem ({ family, value }: Pick<Ip, 'family' | 'value'>): string | undefined {
  const width = family === 4 ? 32 : 128
  return blocks.find(([of, first, bits]) => of === family && value >> BigInt(width - bits) === first >> BigInt(width - bits))?.[3]
}
