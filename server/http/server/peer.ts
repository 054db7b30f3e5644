// Who asks. The peer of the connection, unless that is a proxy that is trusted: then the last address that the proxies named and
// that is not one of them (`Forwarded`, RFC 7239, or the older `X-Forwarded-For`). What a stranger writes into these headers is nothing.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { type AddressRange, showIp } from '../../model/address/ranges.ts'

/** Addresses that are read of one request: a longer chain of proxies is a forgery. */
const maxHops = 32

export interface Peer {
  /** An IPv4 address, or an IPv6 address without brackets; `unknown` if the connection is gone. */
  readonly address: string
  /** It came through a proxy that says so, and that is not trusted: the address is the proxy's. */
  readonly isHidden: boolean
}

/** What of a socket is looked at. */
interface Connection {
  readonly remoteAddress?: string | undefined
}

export class Peers {
  readonly #trusted = new BlockList()
  readonly #trustsNobody: boolean
  readonly #near = new WeakMap<Connection, Peer>()

  /** @param proxies the networks of those that are trusted */
  constructor (proxies: readonly AddressRange[] = []) {
    this.#trustsNobody = proxies.length === 0
    for (const { family, first, last } of proxies) {
      this.#trusted.addRange(showIp(family, first), showIp(family, last), family === 6 ? 'ipv6' : 'ipv4')
    }
  }

  of ({ socket, headers }: Pick<IncomingMessage, 'headers'> & { readonly socket: Connection }): Peer {
    const near = this.#nearOf(socket)
    const isForwarded = headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined
    if (!isForwarded || near.address === 'unknown') return isForwarded ? { ...near, isHidden: true } : near
    if (this.#trustsNobody || !this.#trusts(near.address)) return { ...near, isHidden: true }
    const named = namedIn(headers)
    let last = near.address
    for (const name of named.slice(-maxHops).reverse()) {
      const address = plain(name)
      // Behind a trusted proxy stands somebody without an address (`unknown`, `_hidden`): nobody knows who.
      if (address === undefined) return { address: last, isHidden: true }
      last = address
      if (!this.#trusts(address)) return { address, isHidden: false }
    }
    return { address: last, isHidden: false }
  }

  /** The other end of the connection, read once. */
  #nearOf (socket: Connection): Peer {
    let near = this.#near.get(socket)
    if (near === undefined) {
      near = { address: plain(socket.remoteAddress) ?? 'unknown', isHidden: false }
      if (near.address !== 'unknown') this.#near.set(socket, near) // it has none before it is connected, and after its end
    }
    return near
  }

  #trusts (address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}

/** The addresses that proxies named, the nearest last. `Forwarded` wins: it is the standard. */
function namedIn ({ forwarded, 'x-forwarded-for': older }: IncomingHttpHeaders): string[] {
  if (forwarded === undefined) return String(older ?? '').split(',').map((part) => part.trim())
  // forwarded-element = [ pair ] *( ";" [ pair ] ), node = ( IPv4 | "[" IPv6 "]" | "unknown" | "_" name ) [ ":" port ], may be quoted
  return forwarded.split(',').map((element) => /(?:^|;)\s*for="?([^";,]+)/i.exec(element)?.[1]?.trim() ?? '')
}

/** An address without brackets, port, zone and the prefix of an IPv4 address in IPv6 form; undefined if it is none. */
function plain (text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? (isIP(text) === 0 ? text.replace(/:\d+$/, '') : text)
  const address = bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice('::ffff:'.length) : bare.split('%', 1)[0] ?? ''
  return isIP(address) === 0 ? undefined : address
}
