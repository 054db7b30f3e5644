// Protobuf's wire format, as far as Kubernetes uses it: varints and length-delimited fields. Reading is bounded by the
// octets themselves: each is looked at once.
//
//   message = *( tag value )          tag = varint( number << 3 | type )
//   type 0 = varint, 1 = 8 octets, 2 = varint(length) octets, 5 = 4 octets

export type WireValue = bigint | Buffer

export interface WireField {
  readonly number: number
  readonly value: WireValue
}

/** Octets that are no message. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** @throws WireError in the words of Kubernetes' reader */
export function * wireFields (bytes: Buffer): Generator<WireField> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (shift > 63n) throw new WireError('proto: integer overflow')
      const octet = bytes[at++]
      if (octet === undefined) throw new WireError('unexpected EOF')
      value |= BigInt(octet & 0x7f) << shift
      if (octet < 0x80) return BigInt.asUintN(64, value)
    }
  }
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new WireError('unexpected EOF')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Number(tag >> 3n)
    if (number < 1 || number > 0x1fffffff) throw new WireError(`proto: illegal tag ${number} (wire type ${tag & 7n})`)
    switch (tag & 7n) {
      case 0n:
        yield { number, value: varint() }
        break
      case 1n:
        yield { number, value: take(8) }
        break
      case 2n: {
        const length = varint()
        if (length > BigInt(bytes.length)) throw new WireError('unexpected EOF')
        yield { number, value: take(Number(length)) }
        break
      }
      case 5n:
        yield { number, value: take(4) }
        break
      default: throw new WireError(`proto: illegal wireType ${tag & 7n}`)
    }
  }
}
