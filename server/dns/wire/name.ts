// Names in wire form: the one place that walks over them. Within bounds, for any bytes.
//
//   name    = *(length(1) label) (0 | pointer)      RFC 1035 3.1, 4.1.4
//   pointer = 11 offset(14)
//
// A length is at most 63 and so never a letter: a name is folded octet by octet (RFC 4343).
import { maxLabelBytes, maxNameLength } from './wire.ts'

/** Where the two highest bits of a length say that an offset follows. */
const pointerMark = 0xc0
/** A compressor points once in a name. Each label may have been compressed on its own, but none has more than one pointer. */
const maxPointers = 127

/** ASCII alone is folded (RFC 4343). */
export function foldedByte (byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}

/** A copy in lower case. */
export function folded (name: Buffer): Buffer {
  const copy = Buffer.from(name)
  for (let at = 0; at < copy.length; at++) copy[at] = foldedByte(copy[at] ?? 0)
  return copy
}

/** What names are compared and looked up by. */
export function nameKey (name: Buffer): string {
  return folded(name).toString('latin1')
}

/** Gives the offset after a name, -1 if it is malformed. Whereto a pointer goes does not matter for stepping over it. */
export function nameEnd (message: Buffer, start: number): number {
  for (let at = start; at < message.length;) {
    const length = message.readUInt8(at)
    if (length >= pointerMark) return at + 2 <= message.length ? at + 2 : -1
    if (length === 0) return at + 1
    at += 1 + length
    if (length > maxLabelBytes || at + 1 - start > maxNameLength) return -1
  }
  return -1
}

/** Whether the octets of a message between two offsets are a name, in either case. @param name in lower case */
export function isNameAt (message: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) {
    if (foldedByte(message[start + index] ?? 0) !== name[index]) return false
  }
  return true
}

/** Where the labels of a whole name begin, at their lengths; the root is not one of them. */
export function * labelStarts (name: Buffer, start = 0): Generator<number> {
  for (let at = start; at < name.length; at += 1 + (name[at] ?? 0)) {
    if (name[at] === 0) return
    yield at
  }
}

/** The labels of a whole name, each octet as one character. */
export function labelTexts (name: Buffer): string[] {
  return Array.from(labelStarts(name), (at) => name.toString('latin1', at + 1, at + 1 + (name[at] ?? 0)))
}

/** Whether a whole name is another one or below it; both in the same case. */
export function isAtOrBelow (name: Buffer, parent: Buffer): boolean {
  const from = name.length - parent.length
  if (from < 0 || !name.subarray(from).equals(parent)) return false
  if (parent.length === 1) return true
  for (const at of labelStarts(name)) if (at >= from) return at === from
  return false
}

/** The labels of a whole name as text, `.` and `\` in them and what is not printable ASCII as `\DDD` (RFC 1035 5.1). */
export function nameText (name: Buffer, start = 0, escaped = '."\\;()@$'): { readonly text: string, readonly end: number } {
  let text = ''
  let end = start
  for (const at of labelStarts(name, start)) {
    end = at + 1 + (name[at] ?? 0)
    for (let index = at + 1; index < end; index++) text += byteText(name[index] ?? 0, escaped)
    text += '.'
  }
  return { text: text === '' ? '.' : text, end: end + 1 }
}

function byteText (byte: number, escaped: string): string {
  if (byte <= 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, '0')}`
  const text = String.fromCharCode(byte)
  return escaped.includes(text) ? `\\${text}` : text
}

/** Reads one name after the other, with its pointers followed, into memory that is used again. */
export class NameReader {
  readonly bytes = Buffer.alloc(maxNameLength)
  length = 0
  /** The offset after the name. */
  end = 0

  /**
   * RFC 1035 4.1.4: a pointer goes to a prior occurrence. Each has to go before all that was read of the name, so none comes back.
   * @param first the lowest offset that a pointer may have @returns false for a malformed name
   */
  read (message: Buffer, start: number, first = 0): boolean {
    let pointers = 0
    let at = start
    let segmentStart = start
    this.length = 0
    this.end = -1
    for (;;) {
      const byte = message[at]
      if (byte === undefined) return false
      if (byte >= pointerMark) {
        const low = message[at + 1]
        const target = ((byte & 0x3f) << 8) | (low ?? 0)
        if (low === undefined || target < first || target >= segmentStart || ++pointers > maxPointers) return false
        if (this.end < 0) this.end = at + 2
        at = segmentStart = target
        continue
      }
      const next = at + 1 + byte
      if (byte > maxLabelBytes || this.length + 1 + byte + (byte === 0 ? 0 : 1) > maxNameLength || next > message.length) return false
      while (at < next) this.bytes[this.length++] = message[at++] ?? 0
      if (byte === 0) break
    }
    if (this.end < 0) this.end = at
    return true
  }

  /** A copy of the name that was read, in its case. */
  name (): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length))
  }
}

const reader = new NameReader()

/** The whole name in lower case (the canonical form of RFC 4034 6.2), undefined if it is malformed. */
export function canonicalName (message: Buffer, start: number): Buffer | undefined {
  return reader.read(message, start) ? folded(reader.bytes.subarray(0, reader.length)) : undefined
}
