// What is known of a connection, kept at its socket: requests of HTTP/2 see that through a proxy of it, which passes properties on.
import type { Socket } from 'node:net'
import type { ConnectionFacts } from '../ports.ts'
import type { ProxiedClient } from './proxy-protocol.ts'

const key = Symbol('rollcall.ingress.facts')

interface Known extends Socket {
  [key]?: ConnectionFacts
}

/** Of a socket that came in. @param client whom a balancer in front has named */
export function noteFacts (socket: Socket, scheme: ConnectionFacts['scheme'], client?: ProxiedClient): ConnectionFacts {
  const facts: ConnectionFacts = {
    scheme, clientAddress: client?.address ?? plainAddress(socket.remoteAddress), clientPort: client?.port ?? socket.remotePort ?? 0,
    localPort: client?.localPort ?? socket.localPort ?? 0
  }
  ;(socket as Known)[key] = facts
  return facts
}

/** Of the TLS connection within a socket that came in. @param sni the name that was asked for; false or '' if none was */
export function passFacts (from: Socket, to: Socket, sni: string | false | undefined): void {
  const facts = factsOf(from)
  ;(to as Known)[key] = sni === undefined || sni === false || sni === '' ? facts : { ...facts, sni: sni.toLowerCase() }
}

/** Of a socket that the listeners handed over. */
export function factsOf (socket: Socket): ConnectionFacts {
  const known = (socket as Known)[key]
  if (known === undefined) throw new Error('a connection of the ingress has no facts')
  return known
}

/** An IPv4 client at a socket of IPv6 is an IPv4 client (RFC 4291 2.5.5.2). */
export function plainAddress (address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? ''
}
