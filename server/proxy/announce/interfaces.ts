// The network interfaces of this machine, as far as addresses can be announced on them.
import { type AddressRange, contains, type Ip, parseCidr, parseIp, showIp } from '../../model/address/ranges.ts'
import type { Run } from '../program.ts'

export interface NetworkInterface {
  readonly name: string
  readonly index: number
  readonly mac: string
  /** It is up and has a carrier: somebody may hear it. */
  readonly isUp: boolean
  /** The networks of its addresses. */
  readonly networks: readonly AddressRange[]
  /** Its addresses, canonical. */
  readonly addresses: readonly string[]
  /** Addresses that an agent has put there, of this life or an earlier one: the kernel removes them by itself. */
  readonly lent: readonly string[]
}

/**
 * How long the kernel keeps an announced address that nobody prolongs, in seconds: the agent was killed, frozen or cut
 * off. Longer: a stalled agent keeps what it has. Shorter: after a crash another machine may take over sooner.
 */
export const lifetimeSeconds = 6

/** Reads `ip -j addr show`. @returns undefined if it can't */
export async function readInterfaces (run: Run): Promise<readonly NetworkInterface[] | undefined> {
  const ran = await run('ip', ['-j', 'addr', 'show'])
  return ran.code === 0 ? interfacesOf(ran.out) : undefined
}

/** @returns undefined if it is no such text */
export function interfacesOf (json: string): readonly NetworkInterface[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return undefined
  }
  return Array.isArray(parsed) ? (parsed as unknown[]).flatMap(interfaceOf) : undefined
}

function interfaceOf (value: unknown): NetworkInterface[] {
  const { ifname, ifindex, address, link_type: type, flags, addr_info: infos } = fieldsOf(value)
  if (type !== 'ether' || typeof ifname !== 'string' || typeof ifindex !== 'number' || typeof address !== 'string') return []
  const networks: AddressRange[] = []
  const addresses: string[] = []
  const lent: string[] = []
  for (const info of Array.isArray(infos) ? infos as unknown[] : []) {
    const { local, prefixlen, valid_life_time: seconds } = fieldsOf(info)
    const ip = parseIp(typeof local === 'string' ? local : '')
    if ('problem' in ip || typeof prefixlen !== 'number') continue
    const isHost = prefixlen === (ip.family === 4 ? 32 : 128)
    // No lease of DHCP is so short: it is an address of ours.
    if (isHost && typeof seconds === 'number' && seconds <= lifetimeSeconds) {
      lent.push(ip.text)
      continue
    }
    addresses.push(ip.text)
    const network = networkOf(ip, prefixlen)
    if (!isHost && network !== undefined) networks.push(network)
  }
  const has = (flag: string): boolean => Array.isArray(flags) && flags.includes(flag)
  return [{ name: ifname, index: ifindex, mac: address, isUp: has('UP') && has('LOWER_UP'), networks, addresses, lent }]
}

function networkOf ({ family, value }: Ip, prefix: number): AddressRange | undefined {
  const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix)
  const range = parseCidr(`${showIp(family, value - value % size)}/${prefix}`)
  return 'problem' in range ? undefined : range
}

function fieldsOf (value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {} // keys are texts
}

/** What a machine may announce: on which interfaces (`*` = all), and of these only which addresses; undefined: all that lie in a network of the interface. */
export type Announceable = ReadonlyMap<string, readonly AddressRange[] | undefined>

/** The ranges that an interface announces addresses of: its networks, or what was given of them. */
export function announceableOf ({ name, isUp, networks }: NetworkInterface, allowed: Announceable): readonly AddressRange[] {
  if (!isUp || !(allowed.has(name) || allowed.has('*'))) return []
  const given = allowed.get(name)
  if (given === undefined) return networks.filter(({ family, first }) => family === 4 || first >> 118n !== 0xfe80n >> 6n) // fe80::/10 is on each link
  return given.filter((range) => networks.some((network) => network.family === range.family && network.first <= range.first && range.last <= network.last))
}

/** The interface on which an address is announced; undefined if none is in its network. */
export function interfaceFor (address: Ip, interfaces: readonly NetworkInterface[], allowed: Announceable): NetworkInterface | undefined {
  return interfaces.find((candidate) => announceableOf(candidate, allowed).some((range) => contains(range, address)))
}
