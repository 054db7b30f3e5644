// Many datagrams by one call of the system: recvmmsg takes what waits at a socket, sendmmsg lets the answers leave. One batch serves all
// sockets of a thread, one after the other: what is in it counts until the next `receive`.
//
//   mmsghdr = name(8) name-octets(4) pad(4) vectors(8) vector-count(8) control(8) control-octets(8) flags(4) pad(4) octets(4) pad(4)
//   iovec   = base(8) octets(8)
//   cmsghdr = octets(8) level(4) type(4), followed by
//     in_pktinfo  = interface(4) our-address(4) asked(4)     what the system reads of an answer: the first two
//     in6_pktinfo = asked(16) interface(4)
import { MessageWriter } from '../wire/message-writer.ts'
import { ednsUdpLimit } from '../wire/wire.ts'
import type { Libc, MemoryAddress } from './libc.ts'
import { AddressTexts, addressRoom, ipv6Text } from './socket-address.ts'

/** Datagrams of one call. */
export const batchSize = 64

const headerOctets = 64
const headerWords = headerOctets / 4
const vectorOctets = 16
const controlRoom = 64
/**
 * Nearly every question fits into a head. The heads are close together, so that a batch touches few pages and lines of the cache; what
 * is longer goes on in a tail, whose pages the system gives when one is used. Head and tail take the longest datagram that there is.
 */
const headOctets = 512
const headStride = 576
const tailOctets = 65_536 - headOctets
const answerStride = 1_344 // an odd number of lines of the cache, as a head
// Words of a header.
const nameLength = 2
const controlLength = 10
const flags = 12
const length = 14

const dontWait = 0x40 // MSG_DONTWAIT
const isCut = 0x20 // MSG_TRUNC
const again = 11 // EAGAIN
const interrupted = 4 // EINTR
/** Errors that others left at the socket are taken so many times: they say nothing about this call. */
const maxAttempts = 3

export interface Unsent {
  /** A copy. */
  readonly message: Buffer
  readonly address: string
  readonly port: number
}

/** What became of a batch of answers. */
export interface Sent {
  /** The system has no room for them now. */
  readonly unsent: readonly Unsent[]
  /** Nobody can send them. */
  readonly lost: number
}

const allSent: Sent = { unsent: [], lost: 0 }

export class MessageBatch {
  readonly texts: AddressTexts
  readonly #libc: Libc
  /** All that the system reads and writes is in one piece, which this object holds and nobody moves. */
  readonly #octets: Buffer
  readonly #inHeaders: MemoryAddress
  readonly #outHeaders: MemoryAddress
  readonly #inWords: Uint32Array
  readonly #outWords: Uint32Array
  readonly #outVectorWords: Uint32Array
  readonly #names: Buffer
  readonly #controls: Buffer
  readonly #heads: Buffer
  readonly #tails: Buffer
  readonly #writers: readonly MessageWriter[]
  /** The view of each head that was read last: most questions are as long as the one before. */
  readonly #views: Buffer[]
  /** Answers that were taken. */
  #answers = 0
  #tellsAsked = false

  constructor (libc: Libc) {
    this.#libc = libc
    this.texts = new AddressTexts(libc)
    let end = 0
    const place = (octets: number): { readonly at: number, readonly octets: number } => {
      const at = end
      end += Math.ceil(octets * batchSize / 64) * 64
      return { at, octets: octets * batchSize }
    }
    const places = {
      inHeaders: place(headerOctets), outHeaders: place(headerOctets), inVectors: place(2 * vectorOctets), outVectors: place(vectorOctets),
      names: place(addressRoom), controls: place(controlRoom), heads: place(headStride), answers: place(answerStride), tails: place(tailOctets)
    }
    const memory = new ArrayBuffer(end)
    const base = libc.addressOf(memory)
    const at = (name: keyof typeof places, index = 0, stride = 0): bigint => BigInt(base + places[name].at + index * stride)
    const view = (name: keyof typeof places): Buffer => Buffer.from(memory, places[name].at, places[name].octets)
    const words = (name: keyof typeof places): Uint32Array => new Uint32Array(memory, places[name].at, places[name].octets / 4)
    this.#octets = Buffer.from(memory)
    this.#inHeaders = Number(at('inHeaders'))
    this.#outHeaders = Number(at('outHeaders'))
    this.#inWords = words('inHeaders')
    this.#outWords = words('outHeaders')
    this.#outVectorWords = words('outVectors')
    this.#names = view('names')
    this.#controls = view('controls')
    this.#heads = view('heads')
    this.#tails = view('tails')
    const answers = view('answers')
    this.#writers = Array.from({ length: batchSize }, (_, index) =>
      new MessageWriter(answers.subarray(index * answerStride, index * answerStride + ednsUdpLimit)))
    this.#views = Array.from({ length: batchSize }, (_, index) => this.#heads.subarray(index * headStride, index * headStride))
    const put = (where: bigint, value: bigint): void => { this.#octets.writeBigUInt64LE(value, Number(where) - base) }
    for (let index = 0; index < batchSize; index++) {
      const inVector = at('inVectors', index, 2 * vectorOctets)
      const outVector = at('outVectors', index, vectorOctets)
      put(inVector, at('heads', index, headStride))
      put(inVector + 8n, BigInt(headOctets))
      put(inVector + 16n, at('tails', index, tailOctets))
      put(inVector + 24n, BigInt(tailOctets))
      put(outVector, at('answers', index, answerStride))
      for (const [header, vector, count] of [['inHeaders', inVector, 2n], ['outHeaders', outVector, 1n]] as const) {
        const start = at(header, index, headerOctets)
        put(start, at('names', index, addressRoom))
        put(start + 16n, vector)
        put(start + 24n, count)
        put(start + 32n, at('controls', index, controlRoom))
      }
    }
  }

  /**
   * Takes what waits at a socket, without waiting. Gives how many, 0 = there is nothing.
   * @param tellsAsked the socket stands on all addresses, and tells which one each datagram was sent to
   */
  receive (fd: number, tellsAsked = false): number {
    const inWords = this.#inWords
    this.#answers = 0
    this.#tellsAsked = tellsAsked
    for (let at = 0; at < batchSize * headerWords; at += headerWords) {
      inWords[at + nameLength] = addressRoom
      inWords[at + controlLength] = tellsAsked ? controlRoom : 0
    }
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const count = this.#libc.recvmmsg(fd, this.#inHeaders, batchSize, dontWait, 0)
      if (count >= 0) return count
      if (this.#libc.errno() === again) return 0
      // ECONNREFUSED of an answer that left before, EINTR: the next call has what waits.
    }
    return 0
  }

  /** The octets of a message, no others: what is in memory behind them is of another one. undefined = it was longer than any datagram is. */
  message (index: number): Buffer | undefined {
    const words = index * headerWords
    const octets = this.#inWords[words + length] ?? 0
    if (((this.#inWords[words + flags] ?? 0) & isCut) !== 0) return undefined
    const start = index * headStride
    if (octets > headOctets) {
      const tail = index * tailOctets
      return Buffer.concat([this.#heads.subarray(start, start + headOctets), this.#tails.subarray(tail, tail + octets - headOctets)])
    }
    const known = this.#views[index]
    return known?.length === octets ? known : this.#views[index] = this.#heads.subarray(start, start + octets)
  }

  /** Of whoever sent a message. */
  port (index: number): number {
    const at = index * addressRoom + 2
    return ((this.#names[at] ?? 0) << 8) | (this.#names[at + 1] ?? 0)
  }

  /** Of whoever sent a message, as `dgram` tells it. */
  address (index: number): string {
    return this.texts.read(this.#names, index * addressRoom)
  }

  /** The address of ours that a message was sent to, if it was sent to it alone; undefined = not known, or to many. */
  asked (index: number): string | undefined {
    if (!this.#hasAsked(index)) return undefined
    const at = index * controlRoom + 16
    const controls = this.#controls
    if (controls.readUInt32LE(index * controlRoom + 8) === 0) {
      return controls.readUInt32BE(at + 4) === controls.readUInt32BE(at + 8) ? controls.subarray(at + 4, at + 8).join('.') : undefined
    }
    // A link-local one is of an interface; its own socket is made when the addresses are looked at.
    const [first = 0, second = 0] = controls.subarray(at, at + 2)
    return first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80) ? undefined : ipv6Text([...controls.subarray(at, at + 16)])
  }

  /** The writer of the next answer. */
  get writer (): MessageWriter {
    return this.#writers[this.#answers] as MessageWriter // there is one for each message
  }

  /** The answer in `writer` leaves to whoever sent a message, from the address that was asked. Answers are given in the order of the messages. */
  answer (index: number, octets: number): void {
    const place = this.#answers++
    if (place !== index) this.#names.copyWithin(place * addressRoom, index * addressRoom, (index + 1) * addressRoom)
    this.#outWords[place * headerWords + nameLength] = this.#inWords[index * headerWords + nameLength] ?? 0
    this.#outWords[place * headerWords + controlLength] = this.#tellsAsked ? this.#askedControl(index, place) : 0
    this.#outVectorWords[place * 4 + 2] = octets
  }

  /** Lets the answers leave, as far as the system takes them. One that cannot be sent is lost, and those behind it leave. */
  send (fd: number): Sent {
    const count = this.#answers
    this.#answers = 0
    let lost = 0
    let attempts = 0
    for (let at = 0; at < count;) {
      const sent = this.#libc.sendmmsg(fd, this.#outHeaders + at * headerOctets, count - at, dontWait)
      if (sent > 0) {
        at += sent
        attempts = 0
        continue
      }
      const errno = this.#libc.errno()
      if (errno === again) return { unsent: this.#unsent(at, count), lost }
      if (errno === interrupted || ++attempts < maxAttempts) continue // what was queued at the socket is of another answer
      lost++
      at++
      attempts = 0
    }
    return lost === 0 ? allSent : { unsent: [], lost }
  }

  #unsent (from: number, to: number): Unsent[] {
    return Array.from({ length: to - from }, (_, index) => {
      const place = from + index
      const octets = this.#outVectorWords[place * 4 + 2] ?? 0
      return { message: Buffer.from(this.#writers[place]?.bytes.subarray(0, octets) ?? []), address: this.address(place), port: this.port(place) }
    })
  }

  #hasAsked (index: number): boolean {
    const control = index * controlRoom
    if (!this.#tellsAsked || (this.#inWords[index * headerWords + controlLength] ?? 0) < 28) return false
    const [level, type] = [this.#controls.readUInt32LE(control + 8), this.#controls.readUInt32LE(control + 12)]
    return (level === 0 && type === 8) || (level === 41 && type === 50) // IP_PKTINFO, IPV6_PKTINFO
  }

  /** Makes the answer's control data of those of its message. Gives their octets. */
  #askedControl (index: number, place: number): number {
    if (!this.#hasAsked(index)) return 0
    const controls = this.#controls
    const control = place * controlRoom
    if (place !== index) controls.copyWithin(control, index * controlRoom, (index + 1) * controlRoom)
    // The interface is the route's to choose, except for what is the same address on each of them.
    if (controls.readUInt32LE(control + 8) === 0) {
      controls.writeUInt32LE(0, control + 16)
      return 32
    }
    const [first = 0, second = 0] = controls.subarray(control + 16, control + 18)
    if (first === 0xff) return 0 // of a group nobody answers by its name
    if (first !== 0xfe || (second & 0xc0) !== 0x80) controls.writeUInt32LE(0, control + 32)
    return 40
  }
}
