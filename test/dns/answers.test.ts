// Tables of question and expected answer. A new record type is a new row.
import t from 'tap'
import { UdpClient, extendedError, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain, sorted } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const orders = `orders.shop.svc.${zone}`

/** Revision 8. */
function shop (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/orders/a', { address: '10.0.0.1', hostname: 'orders-0', ports: [{ name: 'http', port: 8080 }, { name: 'peer', port: 7946, protocol: 'UDP' }], weight: 10, priority: 1 })
    .register('shop/orders/b', { address: '10.0.0.2', ports: [{ name: 'http', port: 8081 }], weight: 20, priority: 2 })
    .register('shop/orders/c', { address: 'fd00:10::', ports: [{ port: 9000 }] })
    .register('shop/orders/d', { address: '10.0.0.4', ports: [{ name: 'http', port: 8080 }], status: 'draining', hostname: 'orders-3' })
    .register('shop/legacy/a', { address: '10.0.1.1', lease: { ttlMs: 3_600_000 } })
    .register('shop/asleep/a', { address: '10.0.2.1', ports: [{ name: 'http', port: 80 }], hostname: 'asleep-0', status: 'down' })
    .register('shop/twins/a', { address: '10.0.3.1', hostname: 'twin', ports: [{ name: 'db', port: 5432 }] })
    .register('shop/twins/b', { address: '10.0.3.2', hostname: 'twin', ports: [{ name: 'db', port: 5432 }] })
}

const soa = `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} 8 7200 1800 86400 5`

const rows: readonly Row[] = [
  { says: 'a service has one A per answered endpoint', ask: [orders, 'A'], answer: [`${orders} 5 A 10.0.0.1`, `${orders} 5 A 10.0.0.2`] },
  { says: 'a service has one AAAA per answered endpoint', ask: [orders, 'AAAA'], answer: [`${orders} 5 AAAA fd00:10::`] },
  { says: 'a service with one family has no data of the other', ask: [`legacy.shop.svc.${zone}`, 'AAAA'], ...nodata },
  { says: 'an endpoint without a port has an address', ask: [`legacy.shop.svc.${zone}`, 'A'], answer: [`legacy.shop.svc.${zone} 5 A 10.0.1.1`] },
  { says: 'a service without ports has no SRV', ask: [`legacy.shop.svc.${zone}`, 'SRV'], ...nodata },
  { says: 'a hostname leads to its endpoint', ask: [`orders-0.${orders}`, 'A'], answer: [`orders-0.${orders} 5 A 10.0.0.1`] },
  { says: 'a hostname of one family has no data of the other', ask: [`orders-0.${orders}`, 'AAAA'], ...nodata },
  { says: 'a dashed address leads to an endpoint without hostname', ask: [`10-0-0-2.${orders}`, 'A'], answer: [`10-0-0-2.${orders} 5 A 10.0.0.2`] },
  { says: 'a dashed IPv6 address never ends with a dash', ask: [`fd00-10--0.${orders}`, 'AAAA'], answer: [`fd00-10--0.${orders} 5 AAAA fd00:10::`] },
  { says: 'an endpoint with a hostname has no second name', ask: [`10-0-0-1.${orders}`, 'A'], ...nxdomain },
  { says: 'the hostname of a draining endpoint is no name', ask: [`orders-3.${orders}`, 'A'], ...nxdomain },
  { says: 'endpoints that share a hostname share a name', ask: [`twin.twins.shop.svc.${zone}`, 'A'], answer: [`twin.twins.shop.svc.${zone} 5 A 10.0.3.1`, `twin.twins.shop.svc.${zone} 5 A 10.0.3.2`] },
  {
    says: 'SRV has the instance\'s own port, priority and weight, and glue',
    ask: [`_http._tcp.${orders}`, 'SRV'],
    answer: [`_http._tcp.${orders} 5 SRV 1 10 8080 orders-0.${orders}`, `_http._tcp.${orders} 5 SRV 2 20 8081 10-0-0-2.${orders}`],
    additional: [`10-0-0-2.${orders} 5 A 10.0.0.2`, `orders-0.${orders} 5 A 10.0.0.1`]
  },
  { says: 'SRV tells protocols apart', ask: [`_peer._udp.${orders}`, 'SRV'], answer: [`_peer._udp.${orders} 5 SRV 1 10 7946 orders-0.${orders}`], additional: [`orders-0.${orders} 5 A 10.0.0.1`] },
  { says: 'a port under the wrong protocol is no name', ask: [`_peer._tcp.${orders}`, 'SRV'], ...nxdomain },
  { says: 'a port that nobody has is no name', ask: [`_grpc._tcp.${orders}`, 'SRV'], ...nxdomain },
  {
    says: 'SRV at the service has every port, unnamed ones too, and glue of both families',
    ask: [orders, 'SRV'],
    answer: [`${orders} 5 SRV 0 100 9000 fd00-10--0.${orders}`, `${orders} 5 SRV 1 10 7946 orders-0.${orders}`, `${orders} 5 SRV 1 10 8080 orders-0.${orders}`, `${orders} 5 SRV 2 20 8081 10-0-0-2.${orders}`],
    additional: [`10-0-0-2.${orders} 5 A 10.0.0.2`, `fd00-10--0.${orders} 5 AAAA fd00:10::`, `orders-0.${orders} 5 A 10.0.0.1`]
  },
  {
    says: 'endpoints that share hostname and port are one SRV with the sum of their weights, and two addresses',
    ask: [`_db._tcp.twins.shop.svc.${zone}`, 'SRV'],
    answer: [`_db._tcp.twins.shop.svc.${zone} 5 SRV 0 200 5432 twin.twins.shop.svc.${zone}`],
    additional: [`twin.twins.shop.svc.${zone} 5 A 10.0.3.1`, `twin.twins.shop.svc.${zone} 5 A 10.0.3.2`]
  },
  { says: 'an SRV name has no address', ask: [`_http._tcp.${orders}`, 'A'], ...nodata },
  { says: 'a protocol with a port below is an empty non-terminal', ask: [`_tcp.${orders}`, 'A'], ...nodata },
  { says: 'a protocol without a port below is no name', ask: [`_sctp.${orders}`, 'A'], ...nxdomain },
  { says: 'a protocol without a named port below is no name', ask: [`_tcp.legacy.shop.svc.${zone}`, 'SRV'], ...nxdomain },
  { says: 'a service without an answered endpoint is no name', ask: [`asleep.shop.svc.${zone}`, 'A'], ...nxdomain },
  { says: 'and not in the other family', ask: [`asleep.shop.svc.${zone}`, 'AAAA'], ...nxdomain },
  { says: 'and nothing is below it', ask: [`_http._tcp.asleep.shop.svc.${zone}`, 'SRV'], ...nxdomain },
  { says: 'nor a hostname', ask: [`asleep-0.asleep.shop.svc.${zone}`, 'A'], ...nxdomain },
  { says: 'an unknown service is no name', ask: [`nobody.shop.svc.${zone}`, 'A'], ...nxdomain },
  { says: 'a namespace with services is an empty non-terminal', ask: [`shop.svc.${zone}`, 'A'], ...nodata },
  { says: 'an unknown namespace is no name', ask: [`mall.svc.${zone}`, 'A'], ...nxdomain },
  { says: 'svc is an empty non-terminal', ask: [`svc.${zone}`, 'AAAA'], ...nodata },
  { says: 'dns is an empty non-terminal', ask: [`dns.${zone}`, 'A'], ...nodata },
  { says: 'the apex has no address', ask: [zone, 'A'], ...nodata },
  { says: 'the apex has a SOA', ask: [zone, 'SOA'], answer: [soa] },
  { says: 'the apex has a name server, with glue', ask: [zone, 'NS'], answer: [`${zone} 5 NS ns.dns.${zone}`], additional: [`ns.dns.${zone} 5 A 127.0.0.1`] },
  { says: 'the name server has the listening address', ask: [`ns.dns.${zone}`, 'A'], answer: [`ns.dns.${zone} 5 A 127.0.0.1`] },
  { says: 'the name server has no address of the other family', ask: [`ns.dns.${zone}`, 'AAAA'], ...nodata },
  { says: 'SOA is at the apex only', ask: [orders, 'SOA'], ...nodata },
  { says: 'NS is at the apex only', ask: [orders, 'NS'], ...nodata },
  { says: 'the specification\'s version is a TXT', ask: [`dns-version.${zone}`, 'TXT'], answer: [`dns-version.${zone} 5 TXT "1.1.0"`] },
  { says: 'and has no address', ask: [`dns-version.${zone}`, 'A'], ...nodata },
  { says: 'an unknown type at a name is no data', ask: [orders, 'TYPE65280'], ...nodata },
  { says: 'HTTPS at a service without such a port is no data', ask: [`legacy.shop.svc.${zone}`, 'TYPE65'], ...nodata },
  { says: 'HTTPS at an endpoint is no data', ask: [`orders-0.${orders}`, 'TYPE65'], ...nodata },
  { says: 'type 0 at a name is no data', ask: [orders, 'TYPE0'], ...nodata },
  { says: 'an unknown type at no name is no name', ask: [`nobody.shop.svc.${zone}`, 'TYPE65280'], ...nxdomain },
  { says: 'ANY gets one HINFO', ask: [orders, 'ANY'], answer: [`${orders} 5 HINFO "RFC8482" ""`] },
  { says: 'ANY at an empty non-terminal is no data', ask: [`svc.${zone}`, 'ANY'], ...nodata },
  { says: 'ANY at no name is no name', ask: [`nobody.shop.svc.${zone}`, 'ANY'], ...nxdomain },
  { says: 'there is nothing below an endpoint', ask: [`x.orders-0.${orders}`, 'A'], ...nxdomain },
  { says: 'there is nothing below a port', ask: [`x._http._tcp.${orders}`, 'A'], ...nxdomain },
  { says: 'a port without underscore is no name', ask: [`http.tcp.${orders}`, 'SRV'], ...nxdomain },
  { says: 'there is no wildcard', ask: [`*.shop.svc.${zone}`, 'A'], ...nxdomain },
  { says: 'a zone transfer is refused', ask: [zone, 'AXFR'], rcode: 'REFUSED' },
  { says: 'an incremental zone transfer is refused', ask: [zone, 'IXFR'], rcode: 'REFUSED' },
  { says: 'a name of another zone is refused', ask: ['example.com', 'A'], rcode: 'REFUSED' },
  { says: 'the parent of the zone is refused', ask: ['local', 'SOA'], rcode: 'REFUSED' },
  { says: 'the root is refused', ask: ['.', 'NS'], rcode: 'REFUSED' },
  { says: 'a name that only ends like the zone is refused', ask: [`xcluster.local`, 'A'], rcode: 'REFUSED' }
]

t.test('each question has its answer, over UDP and over TCP', async (t) => {
  await checkRows(t, await serve(t, shop()), rows, soa)
})

t.test('labels are octets: a dot in a label makes no second label, and foreign octets are no name', async (t) => {
  const server = await serve(t, shop())
  const client = new UdpClient(t, server)
  const rest = Buffer.from('03737663' + '07636c7573746572' + '056c6f63616c' + '00' + '00010001', 'hex')
  const header = Buffer.from('123401000001000000000000', 'hex')
  for (const [says, labels] of [
    ['a dot', Buffer.concat([Buffer.from([11]), Buffer.from('orders.shop')])],
    ['a zero octet', Buffer.from([4, 0x73, 0, 0x6f, 0x70])],
    ['a letter beyond ASCII', Buffer.concat([Buffer.from([5]), Buffer.from('shöp')])],
    ['a Kelvin sign, which folds to k elsewhere', Buffer.concat([Buffer.from([3]), Buffer.from('\u212a')])]
  ] as const) {
    const answer = await client.ask(Buffer.concat([header, labels, rest]))
    t.equal(answer.readUInt8(3) & 15, 3, `${says}: NXDOMAIN`)
    t.ok(answer.includes(labels), 'and the question is repeated as it came')
  }
})

t.test('letters are matched in either case and come back as they were asked', async (t) => {
  const server = await serve(t, shop())
  const client = new UdpClient(t, server)
  const name = 'OrDeRs.SHOP.sVc.Cluster.LOCAL'
  const message = await client.query(name, 'A')
  t.equal(message.questions[0]?.name, name)
  t.strictSame(sorted(text(message.answers)), [`${name} 5 A 10.0.0.1`, `${name} 5 A 10.0.0.2`])
  t.equal((await client.query('_HTTP._TCP.orders.shop.svc.cluster.local', 'SRV')).answers.length, 2)
  t.equal((await client.query('NOBODY.shop.svc.CLUSTER.local', 'A')).rcode, 'NXDOMAIN')
})

t.test('an answer follows the registry with the very next question', async (t) => {
  const world = shop()
  const client = new UdpClient(t, await serve(t, world))
  const addresses = async (): Promise<string[]> => (await client.query(orders, 'A')).answers.map(({ data }) => data).sort()
  t.strictSame(await addresses(), ['10.0.0.1', '10.0.0.2'])
  world.register('shop/orders/e', { address: '10.0.0.5' })
  t.strictSame(await addresses(), ['10.0.0.1', '10.0.0.2', '10.0.0.5'])
  world.suspect('shop/orders/a')
  t.strictSame(await addresses(), ['10.0.0.2', '10.0.0.5'])
  world.deregister('shop/orders/b').deregister('shop/orders/e').deregister('shop/orders/c')
  t.strictSame(await addresses(), ['10.0.0.4'], 'one that drains is answered when nobody is ready')
  world.deregister('shop/orders/d')
  t.strictSame(await addresses(), ['10.0.0.1'], 'suspects are answered when nobody else is left')
  world.deregister('shop/orders/a')
  t.equal((await client.query(orders, 'A')).rcode, 'NXDOMAIN')
  t.equal((await client.query(zone, 'SOA')).answers[0]?.data.serial, 15, 'the serial is the revision')
})

t.test('a resynchronisation that replaces the whole view is followed', async (t) => {
  const world = shop()
  const client = new UdpClient(t, await serve(t, world))
  t.equal((await client.query(orders, 'A')).answers.length, 2)
  world.feed.load({ epoch: 'other', revision: 1, instances: [], objects: [], recent: [], lost: [] })
  t.equal((await client.query(orders, 'A')).rcode, 'NXDOMAIN')
})

t.test('before the first load everything in the zones is SERVFAIL with the reason, never NXDOMAIN', async (t) => {
  const world = new PlayedFeed()
  const client = new UdpClient(t, await serve(t, world))
  for (const name of [zone, orders, `nobody.${zone}`, `dns-version.${zone}`]) {
    const message = await client.query(name, 'A', { edns: {} })
    t.equal(message.rcode, 'SERVFAIL')
    t.equal(message.authorities.length, 0)
    t.strictSame(extendedError(message), { code: 14, text: 'the registry is loading' })
  }
  t.equal((await client.query('example.com', 'A')).rcode, 'REFUSED')
  world.load()
  t.equal((await client.query(zone, 'SOA')).rcode, 'NOERROR')
})

t.test('while the store is away answers go on, say so, and may not be kept for long', async (t) => {
  const world = shop()
  const client = new UdpClient(t, await serve(t, world, { ttlSeconds: 600 }))
  t.strictSame((await client.query(`legacy.shop.svc.${zone}`, 'A')).answers.map(({ ttl }) => ttl), [600])
  world.loseStore()
  const stale = await client.query(`legacy.shop.svc.${zone}`, 'A', { edns: {} })
  t.strictSame(stale.answers.map(({ ttl, data }) => `${ttl} ${data}`), ['5 10.0.1.1'])
  t.equal(extendedError(stale)?.code, 3)
  t.equal(extendedError(await client.query(`nobody.shop.svc.${zone}`, 'A', { edns: {} }))?.code, 19, 'NXDOMAIN has a code of its own')
  t.equal((await client.query(`legacy.shop.svc.${zone}`, 'A')).additionals.length, 0, 'a client without EDNS gets no extra record')
})

t.test('negative answers are kept for five seconds at most', async (t) => {
  const client = new UdpClient(t, await serve(t, shop(), { ttlSeconds: 600 }))
  const { authorities } = await client.query(`nobody.shop.svc.${zone}`, 'A')
  t.equal(authorities[0]?.ttl, 5)
  t.equal(authorities[0]?.data.minimum, 5)
  t.equal((await client.query(zone, 'SOA')).answers[0]?.ttl, 600)
  const zero = new UdpClient(t, await serve(t, shop(), { ttlSeconds: 0 }))
  t.equal((await zero.query(`nobody.shop.svc.${zone}`, 'A')).authorities[0]?.ttl, 0)
})

t.test('several zones have the same content, each under its own name', async (t) => {
  const client = new UdpClient(t, await serve(t, shop(), { zones: ['cluster.local', 'Cluster.Internal.', 'east.cluster.local'] }))
  const srv = async (name: string): Promise<string[]> => sorted(text((await client.query(`_peer._udp.orders.shop.svc.${name}`, 'SRV')).answers))
  for (const name of ['cluster.local', 'cluster.internal', 'east.cluster.local']) {
    t.strictSame(await srv(name), [`_peer._udp.orders.shop.svc.${name} 5 SRV 1 10 7946 orders-0.orders.shop.svc.${name}`])
    t.equal((await client.query(name, 'SOA')).answers[0]?.data.mname, `ns.dns.${name}`)
  }
  t.equal((await client.query('nobody.east.cluster.local', 'A')).authorities[0]?.name, 'east.cluster.local', 'the zone below wins')
})

t.test('over IPv6 the name server has an AAAA, and on every address it has none', async (t) => {
  const six = new UdpClient(t, await serve(t, shop(), { host: '::1' }))
  t.strictSame(text((await six.query(zone, 'NS')).additionals), [`ns.dns.${zone} 5 AAAA ::1`])
  const server = await serve(t, shop(), { host: '0.0.0.0' })
  const everywhere = new UdpClient(t, { ...server, port: server.port, address: '127.0.0.1' })
  t.strictSame((await everywhere.query(zone, 'NS')).additionals, [])
  const nothing = await everywhere.query(`ns.dns.${zone}`, 'A')
  t.equal(nothing.rcode, 'NOERROR')
  t.equal(nothing.answers.length, 0)
})

t.test('bad settings are refused by name', async (t) => {
  const start = (options: object): Promise<unknown> => serve(t, shop(), options)
  await t.rejects(start({ zones: ['cluster..local'] }), { code: 'REG_INVALID' })
  await t.rejects(start({ zones: ['-x'] }), { code: 'REG_INVALID' })
  await t.rejects(start({ zones: [`${'a'.repeat(58)}`] }), { code: 'REG_INVALID' })
  await t.rejects(start({ zones: [] }), { code: 'REG_INVALID' })
  await t.rejects(start({ zones: ['a.b', 'A.B.'] }), { code: 'REG_INVALID' })
  await t.rejects(start({ ttlSeconds: 3601 }), { code: 'REG_INVALID' })
  await t.rejects(start({ ttlSeconds: NaN }), { code: 'REG_INVALID' })
  const taken = await serve(t, shop())
  await t.rejects(start({ port: taken.port }), { code: 'EADDRINUSE' })
})

t.test('the longest names there can be are answered', async (t) => {
  const label = 'x'.repeat(63)
  const longZone = `${'z'.repeat(28)}.${'y'.repeat(28)}`
  const world = new PlayedFeed().load().register(`${label}/${label}/a`, { address: '10.0.0.1', hostname: label, ports: [{ name: 'abcdefghijklmno', port: 1, protocol: 'SCTP' }] })
  const client = new UdpClient(t, await serve(t, world, { zones: [longZone] }))
  const target = `${label}.${label}.${label}.svc.${longZone}`
  const name = `_abcdefghijklmno._sctp.${label}.${label}.svc.${longZone}`
  const message = await client.query(name, 'SRV')
  t.strictSame(text(message.answers), [`${name} 5 SRV 0 100 1 ${target}`])
  t.strictSame(text((await client.query(target, 'A')).answers), [`${target} 5 A 10.0.0.1`])
})
