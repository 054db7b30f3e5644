// All settings of HTTP. A new one is a fragment here, a line in `readHttpSettings` and the place where it is used.
import { Type, type Static, type TObject } from 'typebox'
import { isHost, type Listener } from '../config/kinds.ts'
import { between, doc, listenerSchema, type Origins, room } from '../config/setting.ts'
import { type AddressRange, readNetworks } from '../model/address/ranges.ts'

export const httpRoom = room({
  title: 'HTTP',
  settings: {
    http: Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'http', kind: 'listener', default: '127.0.0.1:7500', opens: 'register, change and remove instances',
      what: 'Where the HTTP API, the watch socket and the documentation listen. A name is listened on at all of its addresses; the ready line names them.',
      why: 'Without access control only this machine may ask; with `access` on it may be any address. 7500 is free on most machines.'
    }) }),
    maxBodyBytes: Type.Integer({ minimum: 65_536, maximum: 64 * 1024 ** 2, ...between('64KiB', '64MiB'), ...doc({
      name: 'max-body', kind: 'size', default: '1MiB',
      what: 'The largest request body that is read; a larger one is refused with 413.',
      why: 'Forty times the largest registration. Batches of heartbeats have a limit of their own, for the 10,000 leases that one may hold.',
      raise: 'Each connection may make the node hold that much.', lower: 'Registrations with much metadata are refused.'
    }) }),
    trustedProxies: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 256, ...doc({
      name: 'trusted-proxy', kind: 'network', multiple: true,
      what: 'The networks of proxies in front of the HTTP API whose word counts: who asks is then the last address in `Forwarded` or `X-Forwarded-For` that is not one of theirs.',
      why: 'Unset: the client is the one that connects, since anybody can write these headers. A registration without an address that came through a proxy is refused then.',
      raise: 'A host in these networks can ask, and register, in the name of any address.', lower: 'What comes through a proxy counts as its own.'
    }) }),
    trustedHosts: Type.Array(Type.Refine(Type.String({ rule: 'must be a host name or an IP address, without a port' }), isHost), { maxItems: 256, ...doc({
      name: 'trusted-host', kind: 'name', multiple: true,
      what: 'Further names that requests may carry in their Host header, besides IP literals, localhost and the listener\'s own name. Needed behind a proxy or under a DNS name.',
      why: 'Unset: a web page that points its own name at this machine (DNS rebinding) is refused.'
    }) })
  }
})

export type HttpConfig = Static<TObject<typeof httpRoom.settings>>

/** What HTTP is started with. */
export interface HttpValues {
  readonly listen: Listener
  readonly trustedProxies: readonly AddressRange[]
  readonly trustedHosts: readonly string[]
  readonly maxBodyBytes: number
}

/** @throws RegistryError REG_INVALID naming the bad network */
export function readHttpSettings ({ http: listen, trustedProxies, trustedHosts, maxBodyBytes }: HttpConfig, { field }: Origins): HttpValues {
  return { listen, trustedProxies: readNetworks(trustedProxies, field('trusted-proxy')), trustedHosts, maxBodyBytes }
}
