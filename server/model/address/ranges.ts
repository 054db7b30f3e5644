// Ranges that addresses and ports are given from: CIDRs, spans of addresses, port ranges, and the pools of load balancers.
// A reader gives what it read or the rule that the text breaks; the rule completes "<field> ..." in the error that a person sees.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { invalid } from '../../errors.ts'
import { isLabel, labelRule } from '../names.ts'

export type Family = 4 | 6

export interface Problem {
  readonly problem: string
}

export interface Ip {
  readonly family: Family
  readonly value: bigint
  /** Canonical (RFC 5952 for IPv6). */
  readonly text: string
}

export interface AddressRange {
  readonly family: Family
  readonly first: bigint
  readonly last: bigint
  /** How many addresses, both ends counted. */
  readonly size: bigint
  /** Of a range that was written as CIDR. */
  readonly prefix?: number
  /** Canonical: `10.96.0.0/12`, `192.0.2.10-192.0.2.50`. */
  readonly text: string
}

export interface PortRange {
  readonly first: number
  readonly last: number
  readonly size: number
  readonly text: string
}

export interface LoadBalancerPool {
  readonly name: string
  readonly ranges: readonly AddressRange[]
  /** False: only services that name the pool, or an address in it, get one of it. */
  readonly autoAssign: boolean
}

/** Each range is searched for every address that is chosen; an operator writes a handful. */
export const maxPools = 64
export const maxRangesPerPool = 64

/** What most Kubernetes clusters use. */
export const defaultServiceCidr = '10.96.0.0/12'
export const defaultNodePorts = '30000-32767'
/**
 * Loopback, the private networks (RFC 1918, RFC 4193) and the link (RFC 3927, RFC 4291). Without 100.64.0.0/10: it is shared by the
 * customers of a provider (RFC 6598), who are strangers to each other; who uses it inside, as Tailscale does, adds it.
 */
export const neighbourNetworks = '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,169.254.0.0/16,fe80::/10'

const addressBits = { 4: 32, 6: 128 } as const
export const cidrRule = 'must be a network in CIDR form, like 10.96.0.0/12 or fd00:10:96::/108'
export const addressRangeRule = 'must be a network (192.0.2.0/24) or a range of addresses (192.0.2.10-192.0.2.50)'
export const portRangeRule = 'must be FIRST-LAST with ports from 1 to 65535, like 30000-32767'
export const poolRule =
  'must be NAME=RANGE[,RANGE...][,auto=false], like public=192.0.2.10-192.0.2.50,2001:db8::/120: first the name of a pool and a range, then more ranges of it or auto=true|false'

/** Any IP literal, of any kind. IPv4-mapped IPv6 is refused: the same address would have two claims. */
export function parseIp (text: string): Ip | Problem {
  // isIP first: it refuses the octal, hexadecimal and short forms that other parsers fold into an address.
  if (isIP(text) === 0 || text.includes('%')) return { problem: 'must be an IPv4 or IPv6 address' }
  const address = ipaddr.parse(text)
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) return { problem: 'must be written as IPv4, not as IPv4-mapped IPv6' }
  const family = address instanceof ipaddr.IPv6 ? 6 : 4
  const value = address.toByteArray().reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n)
  return { family, value, text: showIp(family, value) }
}

/** The canonical text of an address. */
export function showIp (family: Family, value: bigint): string {
  const octets = Array.from({ length: addressBits[family] / 8 }, (_, index) => Number((value >> BigInt(addressBits[family] - 8 * (index + 1))) & 255n))
  const address = ipaddr.fromByteArray(octets)
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

/**
 * Reads `10.96.0.0/12` or an IPv6 network. Host bits are refused, not masked: who wrote 10.96.0.7/12 meant something else,
 * and Kubernetes refuses them too.
 */
export function parseCidr (text: string): AddressRange | Problem {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  if (match === null) return { problem: cidrRule }
  const [, addressText = '', prefixText] = match
  const address = parseIp(addressText)
  if ('problem' in address) return isIP(addressText) === 0 ? { problem: cidrRule } : address
  const prefix = Number(prefixText)
  const bits = addressBits[address.family]
  if (prefix > bits) return { problem: `must have a prefix length of at most ${bits} for IPv${address.family}` }
  const size = 1n << BigInt(bits - prefix)
  const first = address.value - address.value % size
  const canonical = `${showIp(address.family, first)}/${prefix}`
  if (first !== address.value) return { problem: `must not have bits set behind its prefix: the network is ${canonical}` }
  return { family: address.family, first, last: first + size - 1n, size, prefix, text: canonical }
}

/** Reads a CIDR or `FIRST-LAST`. */
export function parseAddressRange (text: string): AddressRange | Problem {
  if (text.includes('/') && !text.includes('-')) {
    const network = parseCidr(text)
    return 'problem' in network && network.problem === cidrRule ? { problem: addressRangeRule } : network
  }
  const ends = text.split('-')
  const [first, last] = ends.map((end) => parseIp(end))
  if (ends.length !== 2 || first === undefined || last === undefined || 'problem' in first || 'problem' in last) return { problem: addressRangeRule }
  if (first.family !== last.family) return { problem: 'must not begin in one address family and end in the other' }
  if (first.value > last.value) return { problem: `must not end before it begins: did you mean ${last.text}-${first.text}?` }
  return { family: first.family, first: first.value, last: last.value, size: last.value - first.value + 1n, text: `${first.text}-${last.text}` }
}

/** Reads `30000-32767`. */
export function parsePortRange (text: string): PortRange | Problem {
  const match = /^([1-9]\d{0,4})-([1-9]\d{0,4})$/.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2])
  if (match === null || first > 65_535 || last > 65_535) return { problem: portRangeRule }
  if (first > last) return { problem: `must not end before it begins: did you mean ${last}-${first}?` }
  return { first, last, size: last - first + 1, text: `${first}-${last}` }
}

/** @throws RegistryError REG_INVALID */
export function readPortRange (text: string, field = 'node-port-range'): PortRange {
  const range = parsePortRange(text)
  if ('problem' in range) throw invalid([{ field, value: text, rule: range.problem }])
  return range
}

export function contains (range: AddressRange, address: Pick<Ip, 'family' | 'value'>): boolean {
  return range.family === address.family && range.first <= address.value && address.value <= range.last
}

/** The address at a position, 0 = the first. undefined = the range is shorter. */
export function nthAddress (range: AddressRange, position: bigint): string | undefined {
  return position >= 0n && position < range.size ? showIp(range.family, range.first + position) : undefined
}

export function overlaps (one: AddressRange, other: AddressRange): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last
}

/**
 * Reads a list of networks.
 * @throws RegistryError REG_INVALID naming each bad text
 */
export function readNetworks (texts: readonly string[], field: string): AddressRange[] {
  const read = texts.map((text) => ({ text, range: parseCidr(text) }))
  const faults = read.flatMap(({ text, range }) => ('problem' in range ? [{ field, value: text, rule: range.problem }] : []))
  if (faults.length > 0) throw invalid(faults)
  return read.flatMap(({ range }) => ('problem' in range ? [] : [range]))
}

/**
 * Reads the networks that cluster IPs come from: one, or one of each family. The first is the family of a service that asks for none.
 * @throws RegistryError REG_INVALID naming each bad text
 */
export function readServiceCidrs (texts: readonly string[], field = 'service-cidr'): AddressRange[] {
  const ranges: AddressRange[] = []
  const faults: FieldError[] = []
  const refuse = (value: string, rule: string): void => { faults.push({ field, value, rule }) }
  for (const text of texts) {
    const range = parseCidr(text)
    if ('problem' in range) {
      refuse(text, range.problem)
      continue
    }
    // The network address and, for IPv4, the broadcast address are never given, so that anything smaller has nothing to give.
    if (range.size < (range.family === 4 ? 4n : 2n)) {
      refuse(text, `must have room for an address: at most /${range.family === 4 ? 30 : 127}`)
      continue
    }
    if (ranges.some(({ family }) => family === range.family)) {
      refuse(text, `must not be a second IPv${range.family} network: give at most one of each family`)
      continue
    }
    ranges.push(range)
  }
  if (faults.length > 0) throw invalid(faults)
  return ranges
}

/**
 * Reads the parts of `--load-balancer-pool` from left to right, as a setting that is split at its commas hands them over:
 * `NAME=RANGE` begins a pool, `RANGE` alone adds to it, `auto=false` takes it out of automatic assignment.
 * No pool can be called `auto`. An address is in at most one pool.
 * @example readPools(['public=192.0.2.10-192.0.2.50', '2001:db8::/120', 'lab=198.51.100.0/28', 'auto=false'])
 * @throws RegistryError REG_INVALID naming each bad part
 */
export function readPools (parts: readonly string[], field = 'load-balancer-pool'): LoadBalancerPool[] {
  const pools: { name: string, ranges: AddressRange[], autoAssign: boolean }[] = []
  const faults: FieldError[] = []
  const refuse = (value: string, rule: string): void => { faults.push({ field, value, rule }) }
  let isRefused = false // the pool that the parts belong to
  for (const part of parts) {
    const [, name, rest = part] = /^([^=]*)=(.*)$/.exec(part) ?? []
    if (isRefused && (name === undefined || name === 'auto')) continue
    if (name === 'auto') {
      const pool = pools.at(-1)
      if (pool === undefined) {
        refuse(part, poolRule)
        continue
      }
      if (rest !== 'true' && rest !== 'false') {
        refuse(part, 'must be auto=true or auto=false')
        continue
      }
      pool.autoAssign = rest === 'true'
      continue
    }
    if (name !== undefined) {
      isRefused = true
      if (!isLabel(name)) {
        refuse(part, `must begin with a pool name, which ${labelRule}`)
        continue
      }
      if (pools.some((pool) => pool.name === name)) {
        refuse(part, `must not name the pool ${name} twice: add the range to the first one`)
        continue
      }
      if (pools.length >= maxPools) {
        refuse(part, `must not be more than ${maxPools} pools`)
        continue
      }
      pools.push({ name, ranges: [], autoAssign: true })
      isRefused = false
    }
    const pool = pools.at(-1)
    if (pool === undefined) {
      refuse(part, poolRule)
      continue
    }
    const range = parseAddressRange(rest)
    if ('problem' in range) {
      refuse(part, range.problem)
      continue
    }
    const shared = pools.flatMap((other) => other.ranges.map((known) => ({ known, name: other.name }))).find(({ known }) => overlaps(known, range))
    if (shared !== undefined) {
      refuse(part, `must not overlap ${shared.known.text} of the pool ${shared.name}`)
      continue
    }
    if (pool.ranges.length >= maxRangesPerPool) {
      refuse(part, `must not be more than ${maxRangesPerPool} ranges in one pool`)
      continue
    }
    pool.ranges.push(range)
  }
  if (faults.length > 0) throw invalid(faults)
  return pools
}

/** A pool as `readPools` takes it. */
export function showPool (pool: LoadBalancerPool): string {
  return `${pool.name}=${pool.ranges.map(({ text }) => text).join(',')}${pool.autoAssign ? '' : ',auto=false'}`
}
