// Fields of a protobuf message as octets; see wire-reader.ts for the grammar.

export function varint (value: number): Buffer {
  const octets: number[] = []
  for (let left = BigInt.asUintN(64, BigInt(value)); ; left >>= 7n) {
    octets.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0))
    if (left <= 0x7fn) return Buffer.from(octets)
  }
}

/** A text, a message that was written already, a number or a flag, under its number. */
export function field (number: number, value: string | Buffer | number | boolean): Buffer {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return Buffer.concat([varint(number << 3), varint(Number(value))])
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([varint(number << 3 | 2), varint(bytes.length), bytes])
}

export function message (...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields)
}
