// All settings of HTTP. A new one is a fragment here, a line in `readHttpSettings` and the place where it is used.
import { Type, type Static, type TObject } from 'typebox'
import { isHost, type Listener } from '../config/kinds.ts'
import { between, doc, listenerSchema, type Origins, readAll, room } from '../config/setting.ts'
import { invalid } from '../errors.ts'
import { type AddressRange, readNetworks } from '../model/address/ranges.ts'
import type { CertificateFiles } from '../tls/certificate.ts'

export const httpRoom = room({
  title: 'HTTP',
  settings: {
    http: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'http', kind: 'listener', default: '127.0.0.1:7500', off: true, opens: 'register, change and remove instances',
      what: 'Where the HTTP API, the watch socket and the documentation listen. A name is listened on at all of its addresses; the ready line names them. `off`: only with TLS, at `http-tls`.',
      why: 'Without access control only this machine may ask; with `access` on it may be any address. 7500 is free on most machines.'
    }) })),
    httpTls: Type.Optional(Type.Unsafe<Listener>({ ...listenerSchema, ...doc({
      name: 'http-tls', kind: 'listener', opens: 'register, change and remove instances',
      what: 'Where the same is served over TLS (1.2 and later, HTTP/1.1 and HTTP/2), with the certificate of `http-tls-cert`. With `--http off` it may have the usual port, 7500.',
      why: 'Unset: a certificate is needed, and within one machine there is nobody to hide from. `rollcall certificate` makes one.'
    }) })),
    httpTlsCert: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'http-tls-cert', kind: 'file', reloaded: true,
      what: 'The file with the certificate of `http-tls`, in PEM form, with those that lead to its root. Read at the start, and again when it or the key changes; open connections stay. A new one that is no use changes nothing. The log warns 21 and 7 days before it expires.',
      why: 'Unset: there is no HTTP over TLS.'
    }) })),
    httpTlsKey: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'http-tls-key', kind: 'file', reloaded: true,
      what: 'The file with the private key of that certificate, in PEM form. The log warns if other users of the machine may read it.',
      why: 'Unset: there is no HTTP over TLS.'
    }) })),
    httpTlsClientCa: Type.Optional(Type.String({ minLength: 1, ...doc({
      name: 'http-tls-client-ca', kind: 'file', reloaded: true,
      what: 'The file with the CAs, in PEM form, whose certificates clients of `http-tls` may show (mutual TLS). A certificate of another CA, or one that has expired, is refused.',
      why: 'Unset: clients are asked for no certificate.'
    }) })),
    httpTlsClientCert: Type.Enum(['request', 'require'], { rule: 'must be request or require', ...doc({
      name: 'http-tls-client-cert', kind: 'word', default: 'request',
      what: 'Whether clients of `http-tls` must show a certificate. `request`: they may. `require`: who shows none is refused. Without effect unless `http-tls-client-ca` is set.',
      why: 'A listener that requires them locks out whoever has none yet, health checks of load balancers too.'
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

/** Where HTTP over TLS is served, and the files of its certificate, which are read at the start, at SIGHUP, and when they change. */
export interface HttpTlsValues extends Listener, CertificateFiles {
  readonly clientCert: 'request' | 'require'
}

/** What HTTP is started with. */
export interface HttpValues {
  /** Without TLS; undefined = nowhere. */
  readonly listen: Listener | undefined
  readonly tls: HttpTlsValues | undefined
  readonly trustedProxies: readonly AddressRange[]
  readonly trustedHosts: readonly string[]
  readonly maxBodyBytes: number
}

/** @throws RegistryError REG_INVALID naming the bad network, or what of TLS is missing */
export function readHttpSettings (config: HttpConfig, { field }: Origins): HttpValues {
  const { http: listen, trustedProxies, trustedHosts, maxBodyBytes } = config
  return {
    ...readAll({ tls: () => readTls(config, field), trustedProxies: () => readNetworks(trustedProxies, field('trusted-proxy')) }),
    listen, trustedHosts, maxBodyBytes
  }
}

/** TLS needs address, certificate and key; and there is a listener, with it or without. */
function readTls (
  { http, httpTls, httpTlsCert, httpTlsKey, httpTlsClientCa: caFile, httpTlsClientCert: clientCert }: HttpConfig, field: Origins['field']
): HttpTlsValues | undefined {
  const needed = { 'http-tls': httpTls, 'http-tls-cert': httpTlsCert, 'http-tls-key': httpTlsKey }
  const names = Object.keys(needed) as (keyof typeof needed)[] // of the line above
  const first = names.find((name) => needed[name] !== undefined) ?? (caFile === undefined ? undefined : 'http-tls-client-ca')
  if (first === undefined) {
    if (http === undefined) throw invalid([{ field: field('http'), rule: 'must not be off where there is no http-tls: nobody could ask anything' }])
    return undefined
  }
  if (httpTls === undefined || httpTlsCert === undefined || httpTlsKey === undefined) {
    const missing = names.filter((name) => needed[name] === undefined).join(' and ')
    throw invalid([{ field: field(first), rule: `needs ${missing} too: HTTP over TLS is an address, a certificate and its key` }])
  }
  if (http !== undefined && http.port !== 0 && http.port === httpTls.port && http.host === httpTls.host) {
    throw invalid([{ field: field('http-tls'), rule: 'must be another address than http, or http must be off' }])
  }
  return { ...httpTls, name: 'http-tls', certFile: httpTlsCert, keyFile: httpTlsKey, caFile, clientCert }
}
