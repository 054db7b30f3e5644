// Where a node listens, as its ready line says it: one address of each kind, and all of them where a name stands for several.
import type { Place } from './dns/server.ts'
import type { DnsWorkers } from './dns/workers.ts'
import { hostPort } from './listen-addresses.ts'

/** Where HTTP is served, as the ready line has it. */
export function httpPlaces (plain: readonly string[], secure: readonly string[]): object {
  return {
    http: plain[0] ?? 'off', ...(plain.length > 1 ? { httpAddresses: plain } : {}),
    ...(secure.length > 0 ? { https: secure[0] } : {}), ...(secure.length > 1 ? { httpsAddresses: secure } : {})
  }
}

/** Where other dialects are spoken, as the ready line has it: `"eureka":"http://127.0.0.1:8761"`. */
export function dialectPlaces (urls: ReadonlyMap<string, readonly string[]>): object {
  const places = [...urls].flatMap(([name, all]): [string, unknown][] => [[name, all[0]], ...(all.length > 1 ? [[`${name}Addresses`, all] as [string, unknown]] : [])])
  return Object.fromEntries(places)
}

/** Where DNS is answered, as the ready line has it. */
export function dnsPlaces (dns: DnsWorkers | undefined): object {
  if (dns === undefined) return { dns: 'off' }
  const { tls, places, tlsPlaces } = dns
  return {
    dns: hostPort(dns), ...severalPlaces('dnsAddresses', places),
    ...(tls === undefined ? {} : { dnsTls: hostPort(tls) }), ...severalPlaces('dnsTlsAddresses', tlsPlaces)
  }
}

/** Every place that DNS is answered at, where a name stands for several. */
function severalPlaces (name: string, places: readonly Place[]): object {
  return places.length > 1 ? { [name]: places.map(hostPort) } : {}
}
