// Makes hostile messages of good ones.
import type { Random } from './random.ts'
import { u16 } from './octets.ts'

const headerLength = 12
/** Octets that mean something in a name or a count. */
const interesting = [0, 1, 2, 0x0c, 0x29, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff]
const interestingPairs = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x7fff, 0x8000, 0xc000, 0xc00b, 0xc00c, 0xc00d, 0xffff]
/** A query in the wild has a few hundred octets; some get longer here, and of these few get very long. */
const usualMaxLength = 4_096
const maxLength = 60_000

type Mutator = (message: Buffer, random: Random, others: readonly Buffer[]) => Buffer

const place = (message: Buffer, random: Random): number => random.below(Math.max(1, message.length))
const join = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts)

/** Where two octets are read as a number: a count, a type, a length. */
function setPair (message: Buffer, at: number, value: number): Buffer {
  if (at + 2 <= message.length) message.writeUInt16BE(value, at)
  return message
}

const mutators: readonly Mutator[] = [
  function flipBit (message, random) {
    const at = place(message, random)
    message[at] = (message[at] ?? 0) ^ (1 << random.below(8))
    return message
  },
  function setOctet (message, random) {
    message[place(message, random)] = random.below(2) === 0 ? random.below(256) : random.one(interesting)
    return message
  },
  function truncate (message, random) {
    return message.subarray(0, place(message, random))
  },
  function duplicate (message, random) {
    const at = place(message, random)
    const part = message.subarray(at, at + 1 + random.below(64))
    const times = 1 + random.below(random.below(32) === 0 ? 200 : 4)
    return join(message.subarray(0, at), ...Array.from({ length: times }, () => part), message.subarray(at))
  },
  function cutOut (message, random) {
    const at = place(message, random)
    return join(message.subarray(0, at), message.subarray(at + 1 + random.below(12)))
  },
  function splice (message, random, others) {
    const other = random.one(others)
    return join(message.subarray(0, place(message, random)), other.subarray(place(other, random)))
  },
  function insert (message, random) {
    const at = place(message, random)
    return join(message.subarray(0, at), Buffer.alloc(1 + random.below(random.below(32) === 0 ? 3_000 : 40), random.below(256)), message.subarray(at))
  },
  function lieOfACount (message, random) {
    return setPair(message, 4 + 2 * random.below(4), random.below(2) === 0 ? random.below(4) : random.one(interestingPairs))
  },
  function lieOfALength (message, random) {
    const at = headerLength + random.below(Math.max(1, message.length - headerLength))
    return setPair(message, at, random.below(2) === 0 ? random.below(80) : random.one(interestingPairs))
  },
  function lieOfALabel (message, random) {
    // Walks to some label of the question, and says that it is longer or shorter.
    let at = headerLength
    for (let steps = random.below(6); steps > 0 && at < message.length && message[at] !== 0; steps--) at += 1 + (message[at] ?? 0)
    if (at < message.length) message[at] = random.below(2) === 0 ? random.below(256) : random.one(interesting)
    return message
  },
  function pointer (message, random) {
    const at = place(message, random)
    const target = random.one([0, headerLength, at, at + 2, random.below(0x4000), Math.max(0, at - 1 - random.below(20))])
    return join(message.subarray(0, at), u16(0xc000 | target), message.subarray(at + 2 * random.below(2)))
  },
  function pointerChain (message, random) {
    const at = place(message, random)
    const chain = Array.from({ length: 1 + random.below(100) }, (_, index) => 0xc000 | (at + 2 * index - 2)) // each goes to the one before
    return join(message.subarray(0, at), u16(...chain), message.subarray(at))
  },
  function mixCase (message, random) {
    for (let at = headerLength; at < message.length; at++) {
      const octet = message[at] ?? 0
      const isLetter = (octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x7a
      if (isLetter && random.below(2) === 0) message[at] = octet ^ 0x20
    }
    return message
  },
  function append (message, random, others) {
    return join(message, random.below(2) === 0 ? Buffer.alloc(1 + random.below(30), random.below(256)) : random.one(others))
  }
]

/** How often a message is changed. Often just once, so that the rest of it still takes it far into the server. */
const changes = [0, 1, 1, 1, 1, 2, 2, 4]

/** @param seeds are left as they are */
export function mutant (seeds: readonly Buffer[], random: Random): Buffer {
  let message: Buffer = Buffer.from(random.one(seeds))
  const limit = random.below(500) === 0 ? maxLength : usualMaxLength
  for (let count = random.one(changes); count > 0; count--) message = random.one(mutators)(message, random, seeds).subarray(0, limit)
  return Buffer.from(message) // of its own: the next writes an id into it
}
