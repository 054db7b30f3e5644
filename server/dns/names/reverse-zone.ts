// Reverse zones: names made of the digits of an address, the last one first (RFC 1035 3.5, RFC 3596 2.5).
//
//   7.0.0.10.in-addr.arpa                     10.0.0.7, an octet per label
//   1.0.0. ... .0.d.f.ip6.arpa                fd00::1, 32 labels of a hexadecimal digit
//   0.0.10.in-addr.arpa                       nothing of its own, addresses are below
//
// An octet has one spelling: 007 is no name.
import { addressKey, keyAddress, keyLengths } from '../../model/address/address-key.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import type { ConsulZone } from './consul-zone.ts'
import { readInstanceCidrs, reversePrefixes } from './reverse-networks.ts'
import { Zone, type ZoneOptions } from './zone.ts'

export type ReverseName =
  | { readonly kind: 'address', readonly zone: ReverseZone, readonly address: string }
  /** @param prefix how the keys of the addresses below begin */
  | { readonly kind: 'network', readonly zone: ReverseZone, readonly prefix: string }

/** The digits of an IPv6 address. */
export const maxReverseLabels = 32

const bytePattern = /^(?:0|[1-9]\d{0,2})$/
const digitPattern = /^[0-9a-f]$/

export class ReverseZone extends Zone {
  /** In which the services are that its names lead to. */
  readonly target: Zone
  /** In which the names of machines are, behind those of services; undefined = in none. */
  readonly consul: ConsulZone | undefined
  /** The address that its apex is, of a zone of one address. */
  readonly address: string | undefined
  readonly #prefix: string

  /** @param prefix how the keys of its addresses begin @param target the zone of the names that it answers */
  constructor (prefix: string, target: Zone, options: ZoneOptions, consul?: ConsulZone) {
    super(reverseName(prefix), options, target)
    this.target = target
    this.consul = consul
    this.#prefix = prefix
    this.address = isWhole(prefix) ? keyAddress(prefix) : undefined
  }

  /** Whether an address is in the zone. @param key of the address */
  has (key: string): boolean {
    return key.startsWith(this.#prefix)
  }

  /** Whether an address may be in the zone and in a network. @param prefix how the keys of the network's addresses begin */
  meets (prefix: string): boolean {
    return prefix.startsWith(this.#prefix) || this.#prefix.startsWith(prefix)
  }

  /** The whole name of an address in the zone. */
  labelsOf (address: string): string[] {
    return reverseName(addressKey(address)).split('.')
  }

  /** @param labels below the zone, at least one, from the right. undefined = no address has such a name */
  read (labels: readonly string[]): ReverseName | undefined {
    let prefix = this.#prefix
    for (const label of labels) {
      const digits = isWhole(prefix) ? undefined : prefix.startsWith('4') ? byteDigits(label) : digitPattern.test(label) ? label : undefined
      if (digits === undefined) return undefined
      prefix += digits
    }
    return isWhole(prefix) ? { kind: 'address', zone: this, address: keyAddress(prefix) } : { kind: 'network', zone: this, prefix }
  }
}

/**
 * The reverse zones of networks.
 * @throws RegistryError REG_INVALID
 */
export function reverseZones (networks: readonly (string | AddressRange)[], target: Zone, options: ZoneOptions, consul?: ConsulZone): ReverseZone[] {
  const read = networks.flatMap((network) => (typeof network === 'string' ? readInstanceCidrs([network], 'reverse') : network))
  return reversePrefixes(read).map((prefix) => new ReverseZone(prefix, target, options, consul))
}

function byteDigits (label: string): string | undefined {
  const byte = Number(label)
  return bytePattern.test(label) && byte <= 255 ? byte.toString(16).padStart(2, '0') : undefined
}

function isWhole (prefix: string): boolean {
  return prefix.length === keyLengths[prefix.startsWith('4') ? 4 : 6]
}

function reverseName (prefix: string): string {
  const digits = prefix.slice(1)
  const labels = prefix.startsWith('4') ? (digits.match(/../g) ?? []).map((byte) => String(Number.parseInt(byte, 16))) : [...digits]
  return [...labels.reverse(), ...(prefix.startsWith('4') ? ['in-addr', 'arpa'] : ['ip6', 'arpa'])].join('.')
}
