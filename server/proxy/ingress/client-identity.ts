// Who has sent a request: the peer of the connection, or who a trusted proxy says it was; and what an endpoint is told of it.
import { type AddressRange, contains, type Ip, parseIp } from '../../model/address/ranges.ts'
import type { ConnectionFacts } from './ports.ts'
import type { RequestHead } from './request-head.ts'

/** Of a connection: read once. */
export interface Peer {
  readonly ip: Ip | undefined
  /** It is a proxy whose word counts. */
  readonly isTrusted: boolean
}

export interface ClientIdentity {
  /** Canonical. */
  readonly address: string
  readonly ip: Ip | undefined
  /** What the client used, behind the trusted proxies. */
  readonly scheme: 'http' | 'https'
}

/** The most of X-Forwarded-For that is looked at. */
const maxHops = 32

export function peerOf ({ clientAddress }: ConnectionFacts, trusted: readonly AddressRange[]): Peer {
  const ip = parseIp(clientAddress.replace(/^::ffff:(?=\d+\.)/i, ''))
  if ('problem' in ip) return { ip: undefined, isTrusted: false }
  return { ip, isTrusted: trusted.some((range) => contains(range, ip)) }
}

/** Behind trusted proxies the client is the last address in X-Forwarded-For that is not one of them. */
export function clientOf (peer: Peer, facts: ConnectionFacts, { forwarded }: RequestHead, trusted: readonly AddressRange[]): ClientIdentity {
  const address = peer.ip?.text ?? facts.clientAddress
  if (!peer.isTrusted || forwarded.length === 0) return { address, ip: peer.ip, scheme: facts.scheme }
  let found = peer.ip
  const hops = valuesOf(forwarded, 'x-forwarded-for').join(',').split(',').slice(-maxHops)
  for (const hop of hops.reverse()) {
    const ip = parseIp(hop.trim())
    if ('problem' in ip) break
    found = ip
    if (!trusted.some((range) => contains(range, ip))) break
  }
  const scheme = valuesOf(forwarded, 'x-forwarded-proto').at(-1)
  return { address: found?.text ?? address, ip: found, scheme: scheme === 'https' || scheme === 'http' ? scheme : facts.scheme }
}

/** Adds X-Forwarded-* to what goes to the endpoint. Those of a client that is not trusted are gone. @param host as the client wrote it */
export function addForwarded (
  passed: string[], peer: Peer, facts: ConnectionFacts, { forwarded }: RequestHead, host: string, prefix: string | undefined
): void {
  const address = peer.ip?.text ?? facts.clientAddress
  if (!peer.isTrusted || forwarded.length === 0) {
    passed.push(
      'X-Forwarded-For', address, 'X-Forwarded-Proto', facts.scheme, 'X-Forwarded-Host', host, 'X-Forwarded-Port', String(facts.localPort)
    )
  } else {
    passed.push('X-Forwarded-For', [...valuesOf(forwarded, 'x-forwarded-for'), address].join(', '))
    const add = (name: string, otherwise: string): void => { passed.push(name, valuesOf(forwarded, name.toLowerCase()).at(-1) ?? otherwise) }
    add('X-Forwarded-Proto', facts.scheme)
    add('X-Forwarded-Host', host)
    add('X-Forwarded-Port', String(facts.localPort))
    const rewritten = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'])
    if (prefix !== undefined) rewritten.add('x-forwarded-prefix')
    for (let index = 0; index < forwarded.length; index += 2) {
      const [name = '', value = ''] = forwarded.slice(index, index + 2)
      if (!rewritten.has(name)) passed.push(name, value)
    }
  }
  if (prefix !== undefined) passed.push('X-Forwarded-Prefix', prefix)
}

/** A request id that may be written into logs. */
const saneId = /^[A-Za-z0-9._:/+=@-]{1,128}$/

export function isSaneId (id: string): boolean {
  return saneId.test(id)
}

function valuesOf (fields: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let index = 0; index < fields.length; index += 2) if (fields[index] === name) values.push((fields[index + 1] ?? '').trim())
  return values.filter((value) => value !== '')
}
