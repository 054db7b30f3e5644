// Names from addresses: PTR in the reverse zones, and the names of instances by their address. The numbers are those of the
// Kubernetes DNS specification's rules.
import fc from 'fast-check'
import t from 'tap'
import type { Endpoints, EndpointSlice } from '../../server/model/service/types.ts'
import { UdpClient, extendedError, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const fqdn = (service: string, namespace = 'shop'): string => `${service}.${namespace}.svc.${zone}`
const reverse = ['10.0.0.0/8', '192.0.2.0/23', 'fd00::/8', '198.51.100.7/32']

/** The name that `dig -x` asks for. */
function reverseOf (address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [head = '', tail = ''] = address.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [left, right] = [groups(head), groups(tail)]
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right].map((group) => group.padStart(4, '0'))
  return `${[...all.join('')].reverse().join('.')}.ip6.arpa`
}

const slice: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: 'shop', name: 'by-hand-1', labels: { 'kubernetes.io/service-name': 'by-hand' } }, addressType: 'IPv4',
  endpoints: [{ addresses: ['192.0.2.7'], hostname: 'old-db' }, { addresses: ['192.0.2.8'] }, { addresses: ['192.0.2.9'], conditions: { ready: false } }],
  ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }]
}
const older: Endpoints = {
  apiVersion: 'v1', kind: 'Endpoints', metadata: { namespace: 'shop', name: 'older' },
  subsets: [{ addresses: [{ ip: '192.0.3.7' }], notReadyAddresses: [{ ip: '192.0.3.8' }], ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] }]
}
const http = { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 } as const
const headless = { clusterIP: 'None', clusterIPs: ['None'] } as const

/** Revision 24. */
function shop (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/pods/a', { address: '10.1.0.1', hostname: 'pod-0', labels: { app: 'web' } })
    .register('shop/pods/b', { address: '10.1.0.2', labels: { app: 'web' } })
    .register('shop/pods/c', { address: '10.1.0.3', labels: { app: 'web' }, status: 'down' })
    .register('shop/six/a', { address: 'fd00:10::7' })
    .register('shop/alone/a', { address: '10.2.0.1' })
    .register('shop/own/a', { address: '10.2.0.2', hostname: 'own-0', labels: { app: 'own' } })
    .register('shop/hidden/a', { address: '10.2.0.3', labels: { app: 'hidden' } })
    .register('shop/named/a', { address: '10.2.0.4', hostname: 'named-0', labels: { app: 'named' } })
    .register('shop/named/b', { address: '10.2.0.5', labels: { app: 'named' } })
    .register('shop/far/a', { address: '203.0.113.7' })
    .register('shop/lone/a', { address: '198.51.100.7' })
    .declare('shop/front', { clusterIPs: ['10.96.7.11'], selector: { app: 'web' }, ports: [http], externalIPs: ['10.3.0.1'] })
    .declare('shop/dual', { clusterIPs: ['10.96.7.13', 'fd00:10:96::a3'], selector: { app: 'none' }, ports: [http] })
    .declare('shop/anvil', { ...headless, selector: { app: 'web' }, ports: [http] })
    .declare('shop/by-hand', { clusterIPs: ['10.96.7.17'], ports: [http] }, [slice])
    .declare('shop/older', { ...headless, ports: [http] }, [older])
    .declare('shop/lead', { clusterIPs: ['10.96.7.20'], selector: { app: 'own' }, ports: [http] }, [], { 'rollcall.dev/dns-ptr': 'primary' })
    .declare('shop/hidden', { clusterIPs: ['10.96.7.21'], selector: { app: 'hidden' }, ports: [http] }, [], { 'rollcall.dev/dns-ptr': 'none' })
    .declare('shop/named', { ...headless, selector: { app: 'named' }, ports: [http] }, [], { 'rollcall.dev/dns-ptr': 'hostnames' })
    .declare('shop/back', { type: 'ExternalName', externalName: '1.0.1.10.in-addr.arpa' })
    .declare('shop/outside', { clusterIPs: ['172.30.0.1'], ports: [http] })
    .declare('shop/other', { type: 'ExternalName', externalName: '8.0.1.10.in-addr.arpa' })
}

const soaOf = (name: string): string => `${name} 5 SOA ns.dns.${zone} hostmaster.${zone} 24 7200 1800 86400 5`
const ptr = (address: string, ...names: readonly string[]): string[] => names.map((name) => `${reverseOf(address)} 5 PTR ${name}`)

const rows: readonly Row[] = [
  { says: '5: a cluster IP has the name of its service', ask: [reverseOf('10.96.7.11'), 'PTR'], answer: ptr('10.96.7.11', fqdn('front')) },
  { says: '5, 15: in either family', ask: [reverseOf('10.96.7.13'), 'PTR'], answer: ptr('10.96.7.13', fqdn('dual')) },
  { says: '10: an endpoint without hostname has its dashed address', ask: [reverseOf('10.2.0.1'), 'PTR'], answer: ptr('10.2.0.1', `10-2-0-1.${fqdn('alone')}`) },
  {
    says: '10: an endpoint has a name below each service that it is answered for', ask: [reverseOf('10.1.0.1'), 'PTR'],
    answer: ptr('10.1.0.1', `pod-0.${fqdn('anvil')}`, `pod-0.${fqdn('front')}`, `pod-0.${fqdn('pods')}`)
  },
  { says: '13: what is not ready has no name', ask: [reverseOf('10.1.0.3'), 'PTR'], ...nxdomain },
  { says: 'an external address has no name', ask: [reverseOf('10.3.0.1'), 'PTR'], ...nxdomain },
  { says: 'an address that nobody has is no name', ask: [reverseOf('10.1.0.9'), 'PTR'], ...nxdomain },
  { says: 'the annotation "primary" leaves the other services out', ask: [reverseOf('10.2.0.2'), 'PTR'], answer: ptr('10.2.0.2', `own-0.${fqdn('lead')}`) },
  { says: 'the annotation "none" leaves the service out', ask: [reverseOf('10.2.0.3'), 'PTR'], ...nxdomain },
  { says: 'its cluster IP too', ask: [reverseOf('10.96.7.21'), 'PTR'], ...nxdomain },
  { says: 'the annotation "hostnames" shows hostnames', ask: [reverseOf('10.2.0.4'), 'PTR'], answer: ptr('10.2.0.4', `named-0.${fqdn('named')}`) },
  { says: 'and no dashed addresses', ask: [reverseOf('10.2.0.5'), 'PTR'], ...nxdomain },
  { says: 'an address has no address record', ask: [reverseOf('10.1.0.1'), 'A'], ...nodata },
  { says: 'nor SOA', ask: [reverseOf('10.1.0.1'), 'SOA'], ...nodata },
  { says: 'ANY gets one HINFO', ask: [reverseOf('10.1.0.1'), 'ANY'], answer: [`${reverseOf('10.1.0.1')} 5 HINFO "RFC8482" ""`] },
  { says: 'a network with an address in it is an empty non-terminal', ask: ['1.10.in-addr.arpa', 'PTR'], ...nodata },
  { says: 'with a cluster IP too', ask: ['7.96.10.in-addr.arpa', 'PTR'], ...nodata },
  { says: 'a network without one is no name', ask: ['9.10.in-addr.arpa', 'PTR'], ...nxdomain },
  { says: 'an octet has no leading zero', ask: ['01.0.1.10.in-addr.arpa', 'PTR'], ...nxdomain },
  { says: 'an octet is at most 255', ask: ['256.0.1.10.in-addr.arpa', 'PTR'], ...nxdomain },
  { says: 'an octet is a number', ask: ['x.0.1.10.in-addr.arpa', 'PTR'], ...nxdomain },
  { says: 'below an address there is nothing', ask: ['1.1.0.1.10.in-addr.arpa', 'PTR'], ...nxdomain },
  { says: 'the apex has a SOA', ask: ['10.in-addr.arpa', 'SOA'], answer: [soaOf('10.in-addr.arpa')] },
  { says: 'and the name server of the first zone, with its address', ask: ['10.in-addr.arpa', 'NS'], answer: [`10.in-addr.arpa 5 NS ns.dns.${zone}`], additional: [`ns.dns.${zone} 5 A 127.0.0.1`] },
  { says: 'and no PTR', ask: ['10.in-addr.arpa', 'PTR'], ...nodata },
  {
    says: 'an alias may lead to an address (RFC 2317)', ask: [fqdn('back'), 'PTR'],
    answer: [`${fqdn('back')} 5 CNAME 1.0.1.10.in-addr.arpa`, ...ptr('10.1.0.1', `pod-0.${fqdn('anvil')}`, `pod-0.${fqdn('front')}`, `pod-0.${fqdn('pods')}`)]
  },
  { says: 'or to none', ask: [fqdn('other'), 'PTR'], answer: [`${fqdn('other')} 5 CNAME 8.0.1.10.in-addr.arpa`], ...nxdomain }
]

const handMade: readonly Row[] = [
  { says: '10: a hand-made endpoint has its hostname', ask: [reverseOf('192.0.2.7'), 'PTR'], answer: ptr('192.0.2.7', `old-db.${fqdn('by-hand')}`) },
  { says: '10: or its dashed address', ask: [reverseOf('192.0.2.8'), 'PTR'], answer: ptr('192.0.2.8', `192-0-2-8.${fqdn('by-hand')}`) },
  { says: '13: not one that is not ready', ask: [reverseOf('192.0.2.9'), 'PTR'], ...nxdomain }
]

const six: readonly Row[] = [
  { says: '5: an IPv6 cluster IP has the name of its service', ask: [reverseOf('fd00:10:96::a3'), 'PTR'], answer: ptr('fd00:10:96::a3', fqdn('dual')) },
  { says: '10: an IPv6 endpoint has a name', ask: [reverseOf('fd00:10::7'), 'PTR'], answer: ptr('fd00:10::7', `fd00-10--7.${fqdn('six')}`) },
  { says: 'an IPv6 address that nobody has is no name', ask: [reverseOf('fd00:10::8'), 'PTR'], ...nxdomain },
  { says: 'a network with one is an empty non-terminal at each digit', ask: ['0.1.0.0.0.0.d.f.ip6.arpa', 'PTR'], ...nodata },
  { says: 'a network without one is no name', ask: ['1.d.f.ip6.arpa', 'PTR'], ...nxdomain },
  { says: 'a digit is one letter', ask: ['00.d.f.ip6.arpa', 'PTR'], ...nxdomain },
  { says: 'and hexadecimal', ask: ['g.d.f.ip6.arpa', 'PTR'], ...nxdomain },
  { says: 'below an address there is nothing', ask: [`0.${reverseOf('fd00:10::7')}`, 'PTR'], ...nxdomain },
  { says: 'the apex has a SOA', ask: ['d.f.ip6.arpa', 'SOA'], answer: [soaOf('d.f.ip6.arpa')] }
]

t.test('each address has its names, over UDP and over TCP', async (t) => {
  const server = await serve(t, shop(), { reverse })
  await checkRows(t, server, rows, soaOf('10.in-addr.arpa'))
  await checkRows(t, server, handMade, soaOf('2.0.192.in-addr.arpa'))
  await checkRows(t, server, [{ says: 'the older form too', ask: [reverseOf('192.0.3.7'), 'PTR'], answer: ptr('192.0.3.7', `192-0-3-7.${fqdn('older')}`) },
    { says: 'and not what it says is not ready', ask: [reverseOf('192.0.3.8'), 'PTR'], ...nxdomain }], soaOf('3.0.192.in-addr.arpa'))
  await checkRows(t, server, six, soaOf('d.f.ip6.arpa'))
  await checkRows(t, server, [
    { says: 'an address in no zone of ours is refused', ask: [reverseOf('203.0.113.7'), 'PTR'], rcode: 'REFUSED' },
    { says: 'a cluster IP too', ask: [reverseOf('172.30.0.1'), 'PTR'], rcode: 'REFUSED' },
    { says: 'so is the parent of the zones', ask: ['in-addr.arpa', 'SOA'], rcode: 'REFUSED' }
  ], '')
})

t.test('a zone of one address has it at its apex', async (t) => {
  const apex = reverseOf('198.51.100.7')
  const world = shop()
  const server = await serve(t, world, { reverse })
  await checkRows(t, server, [
    { says: 'PTR', ask: [apex, 'PTR'], answer: ptr('198.51.100.7', `198-51-100-7.${fqdn('lone')}`) },
    { says: 'SOA', ask: [apex, 'SOA'], answer: [soaOf(apex)] },
    { says: 'A', ask: [apex, 'A'], ...nodata },
    { says: 'below', ask: [`0.${apex}`, 'PTR'], ...nxdomain }
  ], soaOf(apex))
  world.deregister('shop/lone/a')
  const message = await new UdpClient(t, server).query(apex, 'PTR')
  t.strictSame([message.rcode, message.answers.length], ['NOERROR', 0], 'the apex exists without it')
})

t.test('the names of an address come in the same order always: hostnames, then services without cluster IPs, then by name', async (t) => {
  const world = new PlayedFeed().load()
    .declare('b/vip', { clusterIPs: ['10.96.0.1'], selector: { app: 'x' }, ports: [http] })
    .declare('a/vip', { clusterIPs: ['10.96.0.2'], selector: { app: 'x' }, ports: [http] })
    .declare('b/flat', { ...headless, selector: { app: 'x' }, ports: [http] })
    .register('b/one/i', { address: '10.0.0.1', labels: { app: 'x' } })
    .register('b/two/j', { address: '10.0.0.1', labels: { app: 'x' }, hostname: 'zulu' })
    .register('a/one/k', { address: '10.0.0.1', labels: { app: 'x' } })
  const client = new UdpClient(t, await serve(t, world, { reverse, random: Math.random }))
  const names = async (): Promise<string[]> => (await client.query(reverseOf('10.0.0.1'), 'PTR')).answers.map(({ data }) => String(data).replace(`.svc.${zone}`, ''))
  const wanted = ['zulu.flat.b', 'zulu.two.b', 'zulu.vip.b', '10-0-0-1.one.a', '10-0-0-1.flat.b', '10-0-0-1.one.b', '10-0-0-1.vip.a', '10-0-0-1.vip.b']
  for (let time = 0; time < 5; time++) t.strictSame(await names(), wanted)
})

t.test('a name from an address is that of a host, which begins and ends with a letter or digit', async (t) => {
  const world = new PlayedFeed().load().register('shop/a/1', { address: '::1' }).register('shop/a/2', { address: 'fd00::' })
  const client = new UdpClient(t, await serve(t, world, { reverse: ['::/0'] }))
  for (const [each, name] of [['::1', `0--1.${fqdn('a')}`], ['fd00::', `fd00--0.${fqdn('a')}`]] as const) {
    t.equal((await client.query(reverseOf(each), 'PTR')).answers[0]?.data, name)
    t.equal((await client.query(name, 'AAAA')).answers[0]?.data, each)
  }
})

t.test('the case of a question changes nothing and is kept', async (t) => {
  const client = new UdpClient(t, await serve(t, shop(), { reverse }))
  const name = reverseOf('fd00:10:96::a3').toUpperCase()
  t.strictSame(text((await client.query(name, 'PTR')).answers), [`${name} 5 PTR ${fqdn('dual')}`])
  t.equal((await client.query('7.0.0.10.IN-addr.ARPA', 'PTR')).authorities[0]?.data.mname, `ns.dns.${zone}`)
})

t.test('an answer follows the registry with the very next question', async (t) => {
  const world = new PlayedFeed().load()
  const client = new UdpClient(t, await serve(t, world, { reverse }))
  const ask = async (address: string): Promise<string> => {
    const { rcode, answers } = await client.query(reverseOf(address), 'PTR')
    return answers.length === 0 ? rcode : answers.map(({ data }) => data).join()
  }
  const network = async (): Promise<string> => (await client.query('4.10.in-addr.arpa', 'PTR')).rcode
  t.equal(await ask('10.4.0.1'), 'NXDOMAIN')
  t.equal(await network(), 'NXDOMAIN')
  world.register('shop/a/1', { address: '10.4.0.1' })
  t.equal(await ask('10.4.0.1'), `10-4-0-1.${fqdn('a')}`)
  t.equal(await network(), 'NOERROR')
  world.register('shop/a/1', { address: '10.4.0.2', hostname: 'h' })
  t.strictSame([await ask('10.4.0.1'), await ask('10.4.0.2')], ['NXDOMAIN', `h.${fqdn('a')}`])
  world.declare('shop/b', { clusterIPs: ['10.4.0.2'] })
  t.equal(await ask('10.4.0.2'), fqdn('b'), 'a cluster IP comes before endpoints')
  world.declare('shop/b', { clusterIPs: ['10.4.0.3'] })
  t.strictSame([await ask('10.4.0.2'), await ask('10.4.0.3')], [`h.${fqdn('a')}`, fqdn('b')])
  world.withdraw('shop/b').deregister('shop/a/1')
  t.strictSame([await ask('10.4.0.2'), await ask('10.4.0.3'), await network()], ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN'])
  world.declare('shop/by-hand', headless, [{ ...slice, endpoints: [{ addresses: ['10.4.0.9'] }] }])
  t.equal(await ask('10.4.0.9'), `10-4-0-9.${fqdn('by-hand')}`)
  world.declare('shop/by-hand', headless, [{ ...slice, endpoints: [{ addresses: ['10.4.0.8'] }] }])
  t.strictSame([await ask('10.4.0.9'), await ask('10.4.0.8')], ['NXDOMAIN', `10-4-0-8.${fqdn('by-hand')}`])
  world.withdrawSlice('shop/by-hand-1')
  t.strictSame([await ask('10.4.0.8'), await network()], ['NXDOMAIN', 'NXDOMAIN'])
})

t.test('an address that very many share is answered in bounds, and never wrongly denied', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 300; index++) world.register(`shop/s${index}/a`, { address: '10.0.0.1', status: index < 290 ? 'down' : 'up' })
  const server = await serve(t, world, { reverse })
  const client = new UdpClient(t, server)
  t.equal((await client.query(reverseOf('10.0.0.1'), 'PTR')).rcode, 'NOERROR', 'the answered ones are behind those that are looked at')
  for (let index = 0; index < 150; index++) world.register(`shop/s${index}/a`, { address: '10.0.0.1', hostname: `h${index}` })
  const { flag_tc: isTruncated } = await client.query(reverseOf('10.0.0.1'), 'PTR')
  t.equal(isTruncated, true)
  t.equal(server.counters.cut, 1, 'of more than a hundred names a hundred are shown')
})

t.test('before the first load and while the store is away reverse names say so', async (t) => {
  const world = new PlayedFeed()
  const client = new UdpClient(t, await serve(t, world, { reverse, ttlSeconds: 600 }))
  t.equal((await client.query(reverseOf('10.0.0.1'), 'PTR')).rcode, 'SERVFAIL')
  world.load().register('shop/a/1', { address: '10.0.0.1' })
  t.equal((await client.query(reverseOf('10.0.0.1'), 'PTR')).answers[0]?.ttl, 600)
  world.loseStore()
  const stale = await client.query(reverseOf('10.0.0.1'), 'PTR', { edns: {} })
  t.strictSame([stale.answers[0]?.ttl, extendedError(stale)?.code], [5, 3])
})

const pod = (label: string, namespace = 'shop'): string => `${label}.${namespace}.pod.${zone}`
const pods: readonly Row[] = [
  { says: 'an instance has a name by its address', ask: [pod('10-1-0-1'), 'A'], answer: [`${pod('10-1-0-1')} 5 A 10.1.0.1`] },
  { says: 'whatever its status', ask: [pod('10-1-0-3'), 'A'], answer: [`${pod('10-1-0-3')} 5 A 10.1.0.3`] },
  { says: 'in either family', ask: [pod('fd00-10--7'), 'AAAA'], answer: [`${pod('fd00-10--7')} 5 AAAA fd00:10::7`] },
  { says: 'the other family is no data', ask: [pod('10-1-0-1'), 'AAAA'], ...nodata },
  { says: 'the other family is no data either way', ask: [pod('fd00-10--7'), 'A'], ...nodata },
  { says: 'another type is no data', ask: [pod('10-1-0-1'), 'SRV'], ...nodata },
  { says: 'ANY gets one HINFO', ask: [pod('10-1-0-1'), 'ANY'], answer: [`${pod('10-1-0-1')} 5 HINFO "RFC8482" ""`] },
  { says: 'an address that no instance has is no name', ask: [pod('10-9-0-1'), 'A'], ...nxdomain },
  { says: 'one of another namespace neither', ask: [pod('10-1-0-1', 'mall'), 'A'], ...nxdomain },
  { says: 'a cluster IP neither', ask: [pod('10-96-7-11'), 'A'], ...nxdomain },
  { says: 'what is no address neither', ask: [pod('orders'), 'A'], ...nxdomain },
  { says: 'a namespace is an empty non-terminal', ask: [`shop.pod.${zone}`, 'A'], ...nodata },
  { says: 'an unknown one is no name', ask: [`mall.pod.${zone}`, 'A'], ...nxdomain },
  { says: 'pod is an empty non-terminal', ask: [`pod.${zone}`, 'A'], ...nodata }
]

t.test('an instance is found by its address in its namespace', async (t) => {
  await checkRows(t, await serve(t, shop()), pods, soaOf(zone))
})

t.test('reverse zones are counted, and no zone may be one by name', async (t) => {
  await t.rejects(serve(t, new PlayedFeed(), { reverse: ['10.0.0.0/9', '11.0.0.0/9', '12.0.0.0/16'] }), { code: 'REG_INVALID' })
  await t.rejects(serve(t, new PlayedFeed(), { reverse: ['10.0.0.1/8'] }), { code: 'REG_INVALID' })
  for (const name of ['10.in-addr.arpa', 'arpa', 'x.ip6.arpa']) await t.rejects(serve(t, new PlayedFeed(), { zones: [name] }), { code: 'REG_INVALID' })
  await serve(t, new PlayedFeed(), { zones: ['home.arpa'] })
})

const address = fc.oneof(fc.integer({ min: 1, max: 6 }).map((last) => `10.0.0.${last}`), fc.integer({ min: 1, max: 6 }).map((last) => `fd00::${last}`))
const label = fc.constantFrom('x', 'y')
const step = fc.oneof(
  fc.record({ type: fc.constant('register' as const), service: fc.constantFrom('one', 'two', 'three'), id: fc.constantFrom('a', 'b', 'c'), address, label,
    hostname: fc.option(fc.constantFrom('h-0', 'h-1'), { nil: undefined }), status: fc.constantFrom('up', 'down') }),
  fc.record({ type: fc.constant('declare' as const), service: fc.constantFrom('one', 'four'), label, clusterIp: fc.option(address, { nil: undefined }) }),
  fc.record({ type: fc.constant('by-hand' as const), addresses: fc.array(address, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('withdraw' as const), service: fc.constantFrom('one', 'four', 'hand') }),
  fc.record({ type: fc.constant('deregister' as const), service: fc.constantFrom('one', 'two', 'three'), id: fc.constantFrom('a', 'b', 'c') })
)

t.test('every name of an address leads back to it, after any sequence of changes', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
    const world = new PlayedFeed().load()
    for (const change of steps) {
      if (change.type === 'register') {
        const { service, id, hostname, label: app, status, address: at } = change
        world.register(`shop/${service}/${id}`, { address: at, labels: { app }, status: status === 'up' ? 'up' : 'down', ...(hostname === undefined ? {} : { hostname }) })
      } else if (change.type === 'declare') {
        world.declare(`shop/${change.service}`, { ...(change.clusterIp === undefined ? headless : { clusterIPs: [change.clusterIp] }), selector: { app: change.label } })
      } else if (change.type === 'by-hand') {
        const metadata = { namespace: 'shop', name: 'hand-1', labels: { 'kubernetes.io/service-name': 'hand' } }
        world.declare('shop/hand', headless, [{ ...slice, metadata, endpoints: change.addresses.filter((each) => !each.includes(':')).map((each) => ({ addresses: [each] })) }])
      } else if (change.type === 'withdraw') {
        world.withdraw(`shop/${change.service}`)
      } else if (world.feed.catalog.entry('shop', change.service, change.id) !== undefined) {
        world.deregister(`shop/${change.service}/${change.id}`)
      }
    }
    const server = await serve(t, world, { reverse })
    const client = new UdpClient(t, server)
    for (const each of [1, 2, 3, 4, 5, 6].flatMap((last) => [`10.0.0.${last}`, `fd00::${last}`])) {
      const type = each.includes(':') ? 'AAAA' : 'A'
      const { rcode, answers } = await client.query(reverseOf(each), 'PTR')
      t.equal(rcode, answers.length > 0 ? 'NOERROR' : 'NXDOMAIN')
      for (const { data } of answers) t.ok((await client.query(String(data), type)).answers.some((record) => record.data === each), `${each} ${data}`)
      const isHeld = world.feed.catalog.addresses.hasWithin(each.includes(':') ? `6fd00${'0'.repeat(27)}${each.at(-1) ?? ''}` : `40a00000${each.at(-1) ?? ''}`)
      t.ok(isHeld || answers.length === 0, 'what has a name is in the index')
    }
    await server.close()
  }), { numRuns: 40 })
})
