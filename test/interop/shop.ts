// What the peers ask for: one service of each kind, and large ones.
import { PlayedFeed } from '../support/played-feed.ts'

/** The addresses of a service with so many endpoints. */
export function addresses (count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.0.${1 + Math.floor(index / 200)}.${1 + index % 200}`)
}

export const inShop = (name: string): string => `${name}.shop.svc.cluster.local`

/**
 * In the namespace `shop`: `web` (two endpoints, IPv4 only), `mixed` (one of each family), `front` (cluster IPs of both families), the
 * aliases `alias` -> `front`, `second` -> `alias`, `ghost` -> nothing, `away` -> elsewhere, and `wide` with 60 and `huge` with 300 endpoints.
 */
export function shop (): PlayedFeed {
  const world = new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.1', hostname: 'web-0', ports: [{ name: 'http', port: 8080 }], weight: 10, priority: 1 })
    .register('shop/web/b', { address: '10.0.0.2', ports: [{ name: 'http', port: 8081 }], weight: 20, priority: 2 })
    .register('shop/mixed/a', { address: '10.0.0.3', ports: [{ name: 'http', port: 80 }] })
    .register('shop/mixed/b', { address: 'fd00::3', ports: [{ name: 'http', port: 80 }] })
    .declare('shop/front', { clusterIPs: ['10.96.0.9', 'fd00:10:96::9'], ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] })
    .declare('shop/alias', { type: 'ExternalName', externalName: inShop('front') })
    .declare('shop/second', { type: 'ExternalName', externalName: inShop('alias') })
    .declare('shop/ghost', { type: 'ExternalName', externalName: inShop('nobody') })
    .declare('shop/away', { type: 'ExternalName', externalName: 'payments.partner.example' })
  for (const [service, count] of [['wide', 60], ['huge', 300]] as const) {
    for (const [index, address] of addresses(count).entries()) world.register(`shop/${service}/${index}`, { address, ports: [{ name: 'http', port: 80 }] })
  }
  return world
}
