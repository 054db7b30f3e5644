// One port out of range, in a record that was written past the registry, made SRV of the whole service SERVFAIL.
import t from 'tap'
import { DnsCounters } from '../../server/dns/counters.ts'
import { instanceKey } from '../../server/model/names.ts'
import { UdpClient, text } from '../dns/client.ts'
import { World, serve } from '../dns/world.ts'

const name = 'orders.shop.svc.cluster.local'
const good = { address: '10.0.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], weight: 100, priority: 0, labels: {}, metadata: {}, status: 'up' }

/** A record as it lies in a store, whatever is in it. */
function plant (world: World, id: string, body: object): void {
  const nowMs = world.clock.now()
  const revision = world.feed.revision + 1
  world.feed.apply([{
    type: 'put', reason: 'registered', revision, atMs: nowMs, by: 'test', record: {
      key: instanceKey('shop', 'orders', id), lease: id, generation: '1', ttlMs: 60_000, createdRevision: revision, revision,
      createdAtMs: nowMs, updatedAtMs: nowMs, suspect: false, body: JSON.stringify(body)
    }
  }])
}

t.test('an endpoint that DNS cannot carry is left out, counted and named in the log once, and the others are answered', async (t) => {
  for (const [says, bad] of [
    ['a port that is too large', { ports: [{ name: 'http', port: 99_999_999, protocol: 'TCP' }] }],
    ['a negative port', { ports: [{ name: 'http', port: -1, protocol: 'TCP' }] }],
    ['a port that is no number', { ports: [{ name: 'http', port: '80', protocol: 'TCP' }] }],
    ['a good port beside a bad one', { ports: [...good.ports, { name: 'x', port: 70_000, protocol: 'TCP' }] }],
    ['a weight', { weight: -5 }],
    ['a priority', { priority: 65_536 }],
    ['a hostname that is too long', { hostname: 'x'.repeat(64) }],
    ['a hostname with a dot', { hostname: 'a.b' }]
  ] as const) {
    const world = new World().load()
    plant(world, 'a', good)
    plant(world, 'b', { ...good, address: '10.0.0.2', ...bad })
    const warnings: string[] = []
    const counters = new DnsCounters()
    const server = await serve(t, world, { counters, reverse: ['10.0.0.0/8'], log: { warn: (message) => warnings.push(message), error: (message) => t.fail(message) } })
    const client = new UdpClient(t, server)
    for (const type of ['SRV', 'A', 'TYPE65']) t.equal((await client.query(name, type)).rcode, 'NOERROR', `${says}: ${type}`)
    t.strictSame(text((await client.query(name, 'A')).answers), [`${name} 5 A 10.0.0.1`], says)
    t.strictSame(text((await client.query(`_http._tcp.${name}`, 'SRV')).answers), [`_http._tcp.${name} 5 SRV 0 100 80 10-0-0-1.${name}`], says)
    t.equal((await client.query('_http._tcp.shop.svc.cluster.local', 'PTR')).answers.length, 1, says)
    t.equal((await client.query('2.0.0.10.in-addr.arpa', 'PTR')).rcode, 'NXDOMAIN', says)
    plant(world, 'a', { ...good, weight: 1 })
    await client.query(name, 'SRV')
    t.equal(counters.failed, 0, says)
    t.ok(counters.unanswerable >= 2, says)
    t.match(warnings, [/1 endpoints of shop\/orders are left out/], says)
    t.equal(warnings.length, 1, says)
  }
})

t.test('if none is left it is as if there were none', async (t) => {
  const world = new World().load()
  plant(world, 'b', { ...good, ports: [{ name: 'http', port: 70_000, protocol: 'TCP' }] })
  const client = new UdpClient(t, await serve(t, world))
  t.equal((await client.query(name, 'SRV')).rcode, 'NXDOMAIN')
})
