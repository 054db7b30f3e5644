// Addresses that an instance may have: parsed, canonical, and of a kind that clients can call.
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export type Address = { readonly text: string, readonly family: 4 | 6 } | { readonly problem: string }

const refusals: Readonly<Record<string, string>> = {
  unspecified: 'must not be an unspecified address',
  broadcast: 'must not be the broadcast address',
  multicast: 'must not be a multicast address',
  linkLocal: 'must not be a link-local address: it means another host on each link'
}

/**
 * IPv6 addresses that are canonical for sure (RFC 5952 4), and global or unique local: no zero group beside two or more
 * behind `::`, no leading zeros, small letters. Nearly all are, and reading the others costs five times as much as the
 * rest of a record.
 */
const group = '[1-9a-f][0-9a-f]{0,3}'
const plainIPv6 = new RegExp(`^(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2})(?:(?::${group}){7}|(?!(?:[^:]*:){7})(?::${group}){0,4}::(?:${group}(?::${group}){0,4})?)$`)

/**
 * Reads an IPv4 or IPv6 literal and gives its canonical text (RFC 5952 for IPv6), or the rule that it breaks.
 * An IPv4-mapped IPv6 address is the IPv4 address: an AAAA record with it would lead nowhere.
 * @example parseAddress('2001:DB8:0::1') // { text: '2001:db8::1', family: 6 }
 */
export function parseAddress (input: string): Address {
  // isIP first: it refuses the octal, hexadecimal and short forms that other parsers fold into an address.
  // A zone id (fe80::1%eth0) has a meaning on one host only.
  const family = isIP(input)
  if (family === 0 || input.includes('%')) return { problem: 'must be an IPv4 or IPv6 address' }
  // net.isIP takes dotted IPv4 in its canonical form only, so that most addresses need no second reading.
  const first = family === 4 ? Number.parseInt(input, 10) : 0
  if (first > 0 && first < 224 && first !== 169) return { text: input, family: 4 }
  if (family === 6 && plainIPv6.test(input)) return { text: input, family: 6 }
  const address = ipaddr.process(input)
  const refusal = refusals[address.range()]
  if (refusal !== undefined) return { problem: refusal }
  return address instanceof ipaddr.IPv6
    ? { text: address.toRFC5952String(), family: 6 }
    : { text: address.toString(), family: 4 }
}

/** The family of a canonical address. */
export function familyOf (address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}
