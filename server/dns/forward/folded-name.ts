// Names in wire form without regard to case (RFC 4343). The length octet of a label is at most 63 and so never a letter: a
// name can be folded octet by octet.

const capitalA = 0x41
const capitalZ = 0x5a
const caseBit = 0x20

const foldedByte = (byte: number): number => byte >= capitalA && byte <= capitalZ ? byte | caseBit : byte

/** A copy in lower case. */
export function folded (name: Buffer): Buffer {
  const copy = Buffer.from(name)
  for (const [index, byte] of name.entries()) copy[index] = foldedByte(byte)
  return copy
}

/** What names are compared and looked up by. */
export function nameKey (name: Buffer): string {
  return folded(name).toString('latin1')
}

/**
 * A copy whose letters are each in the case that one bit of `random` says (draft-vixie-dnsext-dns0x20): an answer repeats them, and
 * who forges one has to guess them besides the id and the port.
 * @param name in lower case
 * @param random an octet for every eight octets of the name
 */
export function mixedCase (name: Buffer, random: Buffer): Buffer {
  const copy = Buffer.from(name)
  for (const [index, byte] of name.entries()) {
    const isLetter = byte >= (capitalA | caseBit) && byte <= (capitalZ | caseBit)
    const flips = ((random[index >> 3] ?? 0) >> (index & 7) & 1) === 1
    if (isLetter && flips) copy[index] = byte & ~caseBit
  }
  return copy
}
