// Which reverse zones the networks of the settings come to. A zone ends at a label, so a network that ends between two is the
// zones that it needs on the next boundary: 10.96.0.0/12 is 96.10.in-addr.arpa to 111.10.in-addr.arpa (RFC 2317 1 names the trouble).
import { invalid } from '../../errors.ts'
import { type AddressRange, parseCidr } from '../../model/address/ranges.ts'

/** A name is compared with each of them; two networks between the octets come to so many at most. */
export const maxReverseZones = 256

/**
 * What resolvers are to keep to themselves (RFC 6303 4): no server outside has names for these addresses, and the
 * instances of most registries are here. A registered address has its name without a setting, and the others would not
 * be forwarded anyway.
 */
export const defaultInstanceCidrs = ['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '::1/128', 'fd00::/8']

/** @throws RegistryError REG_INVALID naming each bad text */
export function readInstanceCidrs (texts: readonly string[], field = 'instance-cidr'): AddressRange[] {
  const read = texts.map((text) => ({ text, range: parseCidr(text) }))
  const faults = read.flatMap(({ text, range }) => ('problem' in range ? [{ field, value: text, rule: range.problem }] : []))
  if (faults.length > 0) throw invalid(faults)
  return read.flatMap(({ range }) => ('problem' in range ? [] : [range]))
}

/**
 * The zones of networks as prefixes of address keys, in order; what is within another one is part of it.
 * @param networks as CIDR
 * @throws RegistryError REG_INVALID if they are too many
 * @example reversePrefixes(readInstanceCidrs(['10.96.0.0/15'])) // ['40a60', '40a61']
 */
export function reversePrefixes (networks: readonly AddressRange[], field = 'instance-cidr'): string[] {
  const prefixes = networks.flatMap(({ family, first, prefix = 0 }) => {
    const bitsOfLabel = family === 4 ? 8 : 4
    const bits = family === 4 ? 32 : 128
    const boundary = Math.ceil(prefix / bitsOfLabel) * bitsOfLabel
    return Array.from({ length: 2 ** (boundary - prefix) }, (_, index) => {
      const digits = boundary === 0 ? '' : ((first >> BigInt(bits - boundary)) + BigInt(index)).toString(16).padStart(boundary / 4, '0')
      return family + digits
    })
  }).sort()
  const merged: string[] = []
  for (const prefix of prefixes) {
    const last = merged.at(-1)
    if (last === undefined || !prefix.startsWith(last)) merged.push(prefix)
  }
  if (merged.length > maxReverseZones) {
    throw invalid([{ field, value: networks.map(({ text }) => text), rule: `must not need more than ${maxReverseZones} reverse zones, and these need ${merged.length}: end the networks at an octet (IPv6: at a digit)` }])
  }
  return merged
}
