// SipHash-2-4, the keyed hash that DNS cookies are made with (RFC 9018 4.4). JavaScript has no 64-bit integers that cost nothing,
// so each word is two halves; nothing is allocated per hash.

/** The words v0-v3 of the hash at work, each as its low and its high half. One hash is made at a time, to the end. */
const state = new Int32Array(8)
const words = [0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462] as const // "somepseudorandomlygeneratedbytes"
const keyBytes = 16
const blockBytes = 8

export class SipHash {
  /** The last hash: its octets 0-3 and 4-7 as little-endian numbers, signed. */
  low = 0
  high = 0
  readonly #key = new Int32Array(4)

  /** @throws RangeError unless the key has 16 octets */
  constructor (key: Buffer) {
    if (key.length !== keyBytes) throw new RangeError(`a SipHash key has ${keyBytes} octets, got ${key.length}`)
    for (let index = 0; index < 4; index++) this.#key[index] = key.readInt32LE(index * 4)
  }

  /** Hashes the first octets of `bytes` into `low` and `high`. */
  hash (bytes: Buffer, length: number): void {
    for (let index = 0; index < 8; index++) state[index] = (words[index] ?? 0) ^ (this.#key[index % 4] ?? 0)
    const whole = length - length % blockBytes
    for (let at = 0; at < whole; at += blockBytes) compress(bytes.readInt32LE(at), bytes.readInt32LE(at + 4))
    let low = 0
    let high = length << 24 // the length modulo 256 ends the last block
    for (let at = whole; at < length; at++) {
      const byte = bytes.readUInt8(at)
      if (at - whole < 4) low |= byte << (at - whole) * 8
      else high |= byte << (at - whole - 4) * 8
    }
    compress(low, high)
    state[4] = (state[4] ?? 0) ^ 0xff
    for (let count = 0; count < 4; count++) round()
    this.low = (state[0] ?? 0) ^ (state[2] ?? 0) ^ (state[4] ?? 0) ^ (state[6] ?? 0)
    this.high = (state[1] ?? 0) ^ (state[3] ?? 0) ^ (state[5] ?? 0) ^ (state[7] ?? 0)
  }
}

function compress (low: number, high: number): void {
  state[6] = (state[6] ?? 0) ^ low
  state[7] = (state[7] ?? 0) ^ high
  round()
  round()
  state[0] = (state[0] ?? 0) ^ low
  state[1] = (state[1] ?? 0) ^ high
}

/** 1 if a sum of unsigned halves, of which `term` is one, went over. */
function carry (sum: number, term: number): number {
  return sum >>> 0 < term >>> 0 ? 1 : 0
}

function round (): void {
  let a = state[0] ?? 0, A = state[1] ?? 0 // v0: low, high
  let b = state[2] ?? 0, B = state[3] ?? 0
  let c = state[4] ?? 0, C = state[5] ?? 0
  let d = state[6] ?? 0, D = state[7] ?? 0
  let kept = 0
  // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
  a = a + b | 0
  A = A + B + carry(a, b) | 0
  kept = b
  b = (b << 13 | B >>> 19) ^ a
  B = (B << 13 | kept >>> 19) ^ A
  kept = a
  a = A
  A = kept
  // v2 += v3; v3 <<<= 16; v3 ^= v2
  c = c + d | 0
  C = C + D + carry(c, d) | 0
  kept = d
  d = (d << 16 | D >>> 16) ^ c
  D = (D << 16 | kept >>> 16) ^ C
  // v0 += v3; v3 <<<= 21; v3 ^= v0
  a = a + d | 0
  A = A + D + carry(a, d) | 0
  kept = d
  d = (d << 21 | D >>> 11) ^ a
  D = (D << 21 | kept >>> 11) ^ A
  // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
  c = c + b | 0
  C = C + B + carry(c, b) | 0
  kept = b
  b = (b << 17 | B >>> 15) ^ c
  B = (B << 17 | kept >>> 15) ^ C
  state[0] = a
  state[1] = A
  state[2] = b
  state[3] = B
  state[4] = C
  state[5] = c
  state[6] = d
  state[7] = D
}
