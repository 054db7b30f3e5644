// DNS cookies (RFC 7873): a client that sends our cookie back has shown that its address is its own.
//
//   COOKIE        = client-cookie(8) server-cookie
//   server-cookie = version(1)=1 reserved(3) timestamp(4) hash(8)                          RFC 9018 4
//   hash          = SipHash-2-4 of client-cookie version reserved timestamp client-address
//
// All nodes have one secret (cookie-secret.ts), so that a client may ask any of them.
import type { DnsSource } from '../source.ts'
import { cookieKeys, cookieSecretKey } from './cookie-secret.ts'
import { ClientAddress } from './client-address.ts'
import type { Client } from './client.ts'
import { type QueryReader, clientCookieLength } from '../wire/query-reader.ts'
import { SipHash } from './siphash.ts'

/** The client's part and ours. */
export const cookieLength = clientCookieLength + 16
const version = 1
const hashStart = 16
const timestampStart = 12

// RFC 9018 4.3, in seconds.
const maxAge = 3_600
/** Another node's clock may be ahead. */
const maxAhead = 300
/** An older one is good, and is replaced. */
const renewAge = 1_800

/**
 * What a query's cookie is worth. `none`: the query has no cookie, or the node has no secret yet, and the answer has no
 * cookie; `client`: the client's part alone; `invalid`: with a server's part that is not ours, or too old; `valid`: it
 * lives where it says.
 */
export type CookieState = 'none' | 'client' | 'invalid' | 'valid'

export interface ServerCookiesOptions {
  readonly source: { readonly catalog: Pick<DnsSource['catalog'], 'object'> }
  readonly nowMs: () => number
}

export class ServerCookies {
  /** The cookie of the answer, after `read` gave anything but `none`. */
  readonly bytes = Buffer.allocUnsafeSlow(cookieLength)
  readonly #options: ServerCookiesOptions
  readonly #input = Buffer.allocUnsafeSlow(hashStart + 16)
  readonly #address = new ClientAddress()
  #object: object | undefined
  /** The newest first. */
  #keys: readonly SipHash[] = []

  constructor (options: ServerCookiesOptions) {
    this.#options = options
  }

  /** Looks at a query's cookie and makes that of its answer. */
  read ({ message, cookieStart, cookieLength: length }: QueryReader, client: Client): CookieState {
    const newest = length === 0 ? undefined : this.#newest()
    if (newest === undefined || this.#address.read(client.address).length === 0) return 'none'
    const { bytes } = this
    const now = Math.floor(this.#options.nowMs() / 1_000)
    let state: CookieState = 'client'
    if (length > clientCookieLength) {
      const age = length === cookieLength ? now - message.readUInt32BE(cookieStart + timestampStart) | 0 : maxAge + 1 // RFC 1982 arithmetic
      const key = length === cookieLength && message[cookieStart + clientCookieLength] === version && age <= maxAge && age >= -maxAhead
        ? this.#madeWith(message, cookieStart)
        : undefined
      state = key === undefined ? 'invalid' : 'valid'
      if (key === newest && age <= renewAge) {
        message.copy(bytes, 0, cookieStart, cookieStart + cookieLength)
        return state
      }
    }
    message.copy(bytes, 0, cookieStart, cookieStart + clientCookieLength)
    bytes.writeUInt32BE(version << 24, clientCookieLength)
    bytes.writeUInt32BE(now >>> 0, timestampStart)
    this.#hash(newest, bytes, 0)
    bytes.writeInt32LE(newest.low, hashStart)
    bytes.writeInt32LE(newest.high, hashStart + 4)
    return state
  }

  #madeWith (message: Buffer, start: number): SipHash | undefined {
    for (const key of this.#keys) {
      this.#hash(key, message, start)
      const difference = key.low ^ message.readInt32LE(start + hashStart) | key.high ^ message.readInt32LE(start + hashStart + 4)
      if (difference === 0) return key
    }
    return undefined
  }

  #hash (key: SipHash, cookie: Buffer, start: number): void {
    const { bytes, length } = this.#address
    cookie.copy(this.#input, 0, start, start + hashStart)
    bytes.copy(this.#input, hashStart, 0, length)
    key.hash(this.#input, hashStart + length)
  }

  #newest (): SipHash | undefined {
    const object = this.#options.source.catalog.object(cookieSecretKey)
    if (object !== this.#object) {
      this.#object = object
      this.#keys = object === undefined ? [] : cookieKeys(object.body).map((key) => new SipHash(key))
    }
    return this.#keys[0]
  }
}
