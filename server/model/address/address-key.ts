// Addresses as texts that sort by their octets, so that a network is what begins alike: a family, 4 or 6, and the octets in
// hexadecimal. A digit of IPv6 is a label of its reverse name, two digits of IPv4 are one (RFC 1035 3.5, RFC 3596 2.5).
import ipaddr from 'ipaddr.js'
import { familyOf } from './address.ts'

/** How long the key of a whole address is. */
export const keyLengths = { 4: 9, 6: 33 } as const

/** @param address canonical @example addressKey('10.0.0.7') // '40a000007' */
export function addressKey (address: string): string {
  if (familyOf(address) === 4) return `4${Buffer.from(address.split('.').map(Number)).toString('hex')}`
  const [head = '', tail = ''] = address.split('::')
  const [left, right] = [digitsOf(head), digitsOf(tail)]
  return `6${left}${'0'.repeat(32 - left.length - right.length)}${right}`
}

/** Of some groups of a canonical IPv6 address, in which nothing is dotted. */
function digitsOf (groups: string): string {
  return groups === '' ? '' : groups.split(':').map((group) => group.padStart(4, '0')).join('')
}

/** The canonical address of a whole key. */
export function keyAddress (key: string): string {
  const address = ipaddr.fromByteArray([...Buffer.from(key.slice(1), 'hex')])
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}
