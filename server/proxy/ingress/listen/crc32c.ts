// The checksum of RFC 4960 appendix B (Castagnoli), as version 2 of the PROXY protocol has it.
const table = Uint32Array.from({ length: 256 }, (_, octet) => {
  let value = octet
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

export function crc32c (octets: Uint8Array): number {
  let sum = 0xffffffff
  for (const octet of octets) sum = (sum >>> 8) ^ (table[(sum ^ octet) & 255] ?? 0)
  return (sum ^ 0xffffffff) >>> 0
}
