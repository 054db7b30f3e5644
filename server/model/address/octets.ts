// Addresses as octets, without the detour of a general parser: what is canonical needs no checks.
import ipaddr from 'ipaddr.js'
import { addressKey } from './address-key.ts'
import { familyOf } from './address.ts'

const dot = 0x2e
const zero = 0x30

/** How many octets an address of a family has. */
export const octetLengths = { 4: 4, 6: 16 } as const

/** Writes a canonical IPv4 address. */
export function writeIPv4 (address: string, into: Uint8Array, at: number): void {
  let octet = 0
  let place = at
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index)
    if (code === dot) {
      into[place++] = octet
      octet = 0
    } else {
      octet = octet * 10 + code - zero
    }
  }
  into[place] = octet
}

/** @param address canonical */
export function octetsOf (address: string): Buffer {
  if (familyOf(address) === 6) {
    // A key is of groups alone; what was written past the registry may have its end dotted.
    return address.includes('.') ? Buffer.from(ipaddr.parse(address).toByteArray()) : Buffer.from(addressKey(address).slice(1), 'hex')
  }
  const octets = Buffer.alloc(octetLengths[4])
  writeIPv4(address, octets, 0)
  return octets
}
