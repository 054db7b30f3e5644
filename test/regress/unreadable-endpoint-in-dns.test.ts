// One port out of range, in a record that was written past the registry, made SRV of the whole service SERVFAIL.
import t from 'tap'
import { DnsCounters } from '../../server/dns/counters.ts'
import type { DnsCatalog, TransferSource } from '../../server/dns/source.ts'
import { type EndpointSet, endpointSet } from '../../server/model/instance/endpoints.ts'
import { UdpClient, text } from '../support/dns-client.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const name = 'orders.shop.svc.cluster.local'
const ports = [{ name: 'http', port: 80, protocol: 'TCP' }] as const

/** A registry in which the endpoint `b` of shop/orders is what somebody says, whatever that is: no reader has looked at it. */
class Planted {
  readonly world = new PlayedFeed().load().register('shop/orders/a', { address: '10.0.0.1', ports: [...ports] }).register('shop/orders/b', { address: '10.0.0.2', ports: [...ports] })
  readonly source: TransferSource
  readonly #bad: object
  readonly #sets = new WeakMap<EndpointSet, EndpointSet>()

  constructor (bad: object) {
    this.#bad = bad
    const { feed } = this.world
    const catalog = new Proxy(feed.catalog, {
      get: (target, key): unknown => {
        if (key === 'endpoints') return (...path: Parameters<DnsCatalog['endpoints']>) => this.#spoilt(target.endpoints(...path))
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) as unknown : value
      }
    })
    this.source = { loaded: true, staleSeconds: 0, epoch: 'e', catalog, get revision () { return feed.revision } }
  }

  #spoilt (set: EndpointSet | undefined): EndpointSet | undefined {
    if (set === undefined) return undefined
    const known = this.#sets.get(set)
    if (known !== undefined) return known
    const answered = set.answered.map((endpoint) => (endpoint.id === 'b' ? { ...endpoint, ...this.#bad } : endpoint))
    const spoilt = endpointSet(set.namespace, set.service, set.revision, answered, set.leaseMs)
    this.#sets.set(set, spoilt)
    return spoilt
  }
}

t.test('an endpoint that DNS cannot carry is left out, counted and named in the log once, and the others are answered', async (t) => {
  for (const [says, bad] of [
    ['a port that is too large', { ports: [{ name: 'http', port: 99_999_999, protocol: 'TCP' }] }],
    ['a negative port', { ports: [{ name: 'http', port: -1, protocol: 'TCP' }] }],
    ['a port that is no number', { ports: [{ name: 'http', port: '80', protocol: 'TCP' }] }],
    ['a good port beside a bad one', { ports: [...ports, { name: 'x', port: 70_000, protocol: 'TCP' }] }],
    ['no ports', { ports: undefined }],
    ['a weight', { weight: -5 }],
    ['a priority', { priority: 65_536 }],
    ['an address', { address: '10.0.0.256' }],
    ['a hostname that is too long', { hostname: 'x'.repeat(64) }],
    ['a hostname with a dot', { hostname: 'a.b' }]
  ] as const) {
    const { world, source } = new Planted(bad)
    const warnings: string[] = []
    const counters = new DnsCounters()
    const server = await serve(t, world, { source, counters, log: { warn: (message) => warnings.push(message), error: (message) => t.fail(message) } })
    const client = new UdpClient(t, server)
    for (const type of ['SRV', 'A', 'TYPE65']) t.equal((await client.query(name, type)).rcode, 'NOERROR', `${says}: ${type}`)
    t.strictSame(text((await client.query(name, 'A')).answers), [`${name} 5 A 10.0.0.1`], says)
    t.strictSame(text((await client.query(`_http._tcp.${name}`, 'SRV')).answers), [`_http._tcp.${name} 5 SRV 0 100 80 10-0-0-1.${name}`], says)
    t.equal((await client.query('_http._tcp.shop.svc.cluster.local', 'PTR')).answers.length, 1, says)
    world.register('shop/orders/a', { address: '10.0.0.1', weight: 1, ports: [...ports] })
    t.strictSame(text((await client.query(name, 'SRV')).answers), [`${name} 5 SRV 0 1 80 10-0-0-1.${name}`], says)
    t.equal(counters.failed, 0, says)
    t.ok(counters.unanswerable >= 2, says)
    t.match(warnings, [/1 endpoints of shop\/orders are left out/], says)
    t.equal(warnings.length, 1, says)
  }
})

t.test('if none is left it is as if there were none', async (t) => {
  const { world, source } = new Planted({ ports: [{ name: 'http', port: 70_000, protocol: 'TCP' }] })
  world.deregister('shop/orders/a')
  t.equal((await new UdpClient(t, await serve(t, world, { source })).query(name, 'SRV')).rcode, 'NXDOMAIN')
})
