// The options of an answer's OPT, composed into memory that is used again.
//
//   NSID      = 3 length name         RFC 5001: which node answered, if the query asks for it
//   KEEPALIVE = 11 2 timeout(2)       RFC 7828: how long an idle connection is kept, in tenths of a second
//   COOKIE    = 10 24 cookie(24)      RFC 7873: the client's part and ours, if the query has one
import type { Client } from '../protect/client.ts'
import { type CookieState, type ServerCookies, cookieLength } from '../protect/cookies.ts'
import type { AnswerOptions } from './message-writer.ts'
import type { QueryReader } from './query-reader.ts'
import { optionCodes } from './wire.ts'
import { idleMs } from '../listen/tcp-limits.ts'

/** A node's name takes room that answers need. */
const maxNsidBytes = 64
const capacity = 256

export class OptionComposer implements AnswerOptions {
  readonly bytes = Buffer.allocUnsafeSlow(capacity)
  length = 0
  /** What the cookie of the last query is worth. */
  cookie: CookieState = 'none'
  readonly #nsid: Buffer
  readonly #cookies: ServerCookies

  /** @param node what this node calls itself */
  constructor (node: string, cookies: ServerCookies) {
    this.#cookies = cookies
    this.#nsid = Buffer.from(node).subarray(0, maxNsidBytes)
  }

  /** Composes what this answer has to carry. Nothing without EDNS. */
  compose (query: QueryReader, client: Client): this {
    this.length = 0
    this.cookie = 'none'
    if (!query.edns) return this
    if (query.nsid) this.#begin(optionCodes.nsid, this.#nsid.length, this.#nsid)
    if (query.keepalive && (client.transport === 'tcp' || client.transport === 'tls')) {
      this.length = this.bytes.writeUInt16BE(idleMs / 100, this.#begin(optionCodes.keepalive, 2))
    }
    if (query.cookieLength > 0) this.cookie = this.#cookies.read(query, client)
    if (this.cookie !== 'none') this.#begin(optionCodes.cookie, cookieLength, this.#cookies.bytes)
    return this
  }

  /** Gives where the data begins, unless the caller passes it. */
  #begin (code: number, length: number, data?: Buffer): number {
    const { bytes } = this
    bytes.writeUInt16BE(code, this.length)
    const start = bytes.writeUInt16BE(length, this.length + 2)
    if (data !== undefined) this.length = start + data.copy(bytes, start)
    return start
  }
}
