// Names in messages that somebody else wrote, or that are compressed: read and stepped over within bounds.
//
//   name    = *(length(1) label) (0 | pointer)      RFC 1035 3.1, 4.1.4
//   pointer = 11 offset(14)
import { foldedByte, maxLabelBytes, maxNameLength } from '../wire/wire.ts'

/** A name points backwards only, each time to a label further up: so many of two octets have room in the longest name. */
const maxPointers = 127

/** Gives the offset after a name, -1 if it is malformed. Whereto a pointer goes does not matter for stepping over it. */
export function nameEnd (message: Buffer, start: number): number {
  for (let at = start; at < message.length && at - start < maxNameLength;) {
    const length = message.readUInt8(at)
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : -1
    if (length > maxLabelBytes) return -1
    at += 1 + length
    if (length === 0) return at
  }
  return -1
}

/** The whole name in lower case (the canonical form of RFC 4034 6.2), undefined if it is malformed. */
export function canonicalName (message: Buffer, start: number): Buffer | undefined {
  const name = Buffer.alloc(maxNameLength)
  let length = 0
  let pointers = 0
  let limit = start // a pointer must go to before the labels that it ends
  for (let at = start; at < message.length;) {
    const byte = message.readUInt8(at)
    if (byte >= 0xc0) {
      if (at + 2 > message.length || ++pointers > maxPointers) return undefined
      at = message.readUInt16BE(at) & 0x3fff
      if (at >= limit) return undefined
      limit = at
      continue
    }
    if (byte > maxLabelBytes || at + 1 + byte > message.length || length + 1 + byte > maxNameLength) return undefined
    name[length++] = byte
    for (let index = at + 1; index <= at + byte; index++) name[length++] = foldedByte(message.readUInt8(index))
    if (byte === 0) return name.subarray(0, length)
    at += 1 + byte
  }
  return undefined
}
