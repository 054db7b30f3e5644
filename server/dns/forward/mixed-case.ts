// Letters in a random case.

/**
 * A copy whose letters are each in the case that one bit of `random` says (draft-vixie-dnsext-dns0x20): an answer repeats them, and
 * who forges one has to guess them besides the id and the port.
 * @param name in lower case
 * @param random an octet for every eight octets of the name
 */
export function mixedCase (name: Buffer, random: Buffer): Buffer {
  const copy = Buffer.from(name)
  for (const [index, byte] of name.entries()) {
    const isLetter = byte >= 0x61 && byte <= 0x7a
    const flips = ((random[index >> 3] ?? 0) >> (index & 7) & 1) === 1
    if (isLetter && flips) copy[index] = byte - 0x20
  }
  return copy
}
