// The registry that hostile messages meet: some sixty services of all kinds.
import type { DnsOptions } from '../../server/dns/server.ts'
import { readClientZones } from '../../server/dns/protect/client-zone-setting.ts'
import { cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { PlayedFeed } from '../support/played-feed.ts'
import type { Random } from './random.ts'

/** Everything that a server of the shop is asked to do. */
export const served: Partial<DnsOptions> = {
  zones: ['cluster.local', 'cluster.internal'],
  reverse: ['10.0.0.0/8', 'fd00::/8'],
  clientZones: readClientZones(['127.0.0.0/8=a'])
}

const fqdn = (service: string, namespace: string): string => `${service}.${namespace}.svc.cluster.local`
const http = { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' } as const

/** @param bigSize endpoints of the service `shop/big` */
export function shop (bigSize = 300): PlayedFeed {
  const world = new PlayedFeed().load().keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] }))
  const ports = [{ name: 'http', port: 8080 }, { name: 'peer', port: 7, protocol: 'UDP' }, { port: 9_000 }] as const
  for (let index = 0; index < bigSize; index++) {
    const address = index % 3 === 0 ? `fd00::${(index + 1).toString(16)}` : `10.8.${index >> 8}.${index & 255}`
    world.register(`shop/big/${index}`, { address, ports: [...ports], labels: { app: 'big', version: `v${index % 3}` }, zone: index % 2 === 0 ? 'a' : 'b', ...(index % 5 === 0 ? { hostname: `big-${index}` } : {}), weight: index, priority: index % 4 })
  }
  for (let service = 0; service < 22; service++) {
    for (let index = 0; index <= service % 4; index++) {
      world.register(`shop/small-${service}/${index}`, { address: index === 2 ? `fd00:1::${service + 1}` : `10.9.${service}.${index}`, ports: [...ports], ...(service % 2 === 0 ? { hostname: `host-${index}` } : {}) })
    }
  }
  world.register('shop/asleep/a', { address: '10.9.99.1', hostname: 'asleep-0', ports: [...ports], status: 'down' })
  for (let index = 0; index < 12; index++) {
    const clusterIP = `10.96.0.${index}`
    world.declare(`mall/front-${index}`, { clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], selector: { app: 'big' }, ports: [http, { name: 'metrics', protocol: 'UDP', port: 9_000, targetPort: 9_000 }] })
  }
  for (let index = 0; index < 4; index++) {
    const clusterIPs = [`10.96.1.${index}`, `fd00:10:96::a${index}`]
    world.declare(`mall/dual-${index}`, { clusterIP: clusterIPs[0] ?? '', clusterIPs, ipFamilies: ['IPv4', 'IPv6'], selector: { app: 'none' }, ports: [http] })
  }
  const headless = { clusterIP: 'None', clusterIPs: ['None'], ports: [http] }
  world.declare('mall/empty', { ...headless, selector: { app: 'none' } })
    .declare('mall/tagged', { ...headless, selector: { version: 'v1' } })
    .declare('mall/open', { ...headless, selector: { app: 'big' }, publishNotReadyAddresses: true })
  for (let index = 0; index < 10; index++) { // a chain longer than a server should follow
    world.declare(`harbor/alias-${index}`, { type: 'ExternalName', externalName: index === 0 ? fqdn('big', 'shop') : fqdn(`alias-${index - 1}`, 'harbor') })
  }
  const annotations = { 'rollcall.dev/dns-fallback': 'shop/small-3, shop/big', 'rollcall.dev/dns-ttl': '30s', 'rollcall.dev/dns-https': 'true' }
  return world
    .declare('mall/failing', { ...headless, selector: { app: 'none' } }, [], annotations)
    .declare('mall/few', { ...headless, selector: { app: 'big' } }, [], { 'rollcall.dev/dns-max-records': '3' })
    .declare('mall/all', { ...headless, selector: { app: 'big' } }, [], { 'rollcall.dev/dns-max-records': '1000' })
    .declare('harbor/self', { type: 'ExternalName', externalName: fqdn('self', 'harbor') })
    .declare('harbor/ping', { type: 'ExternalName', externalName: fqdn('pong', 'harbor') })
    .declare('harbor/pong', { type: 'ExternalName', externalName: fqdn('ping', 'harbor') })
    .declare('harbor/ghost', { type: 'ExternalName', externalName: fqdn('ghost', 'shop') })
    .declare('harbor/out', { type: 'ExternalName', externalName: 'payments.partner.example' })
    .declare('harbor/long', { type: 'ExternalName', externalName: `${`${'x'.repeat(61)}.`.repeat(4)}example` })
}

/** Now and then a service changes: an instance goes or becomes suspect, and comes back. */
export function stir (world: PlayedFeed, random: Random): void {
  if (random.below(10) > 0) return
  const service = random.below(22)
  const path = `shop/small-${service}/0`
  if (random.below(2) === 0) world.suspect(path)
  else world.deregister(path)
  world.register(path, { address: `10.9.${service}.0`, ports: [{ name: 'http', port: 8_000 + random.below(100) }], weight: random.below(200) })
}
