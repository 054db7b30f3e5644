// DNS-based service discovery (RFC 6763): from nothing but the zone to who offers what, and what is to be known of it.
import t from 'tap'
import { UdpClient, TcpClient, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain, sorted } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const fqdn = (service: string, namespace = 'shop'): string => `${service}.${namespace}.svc.${zone}`
const port = (name: string, number: number, protocol: 'TCP' | 'UDP' | 'SCTP' = 'TCP') => ({ name, port: number, protocol })

/** Revision 9. */
function shop (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/orders/a', {
      address: '10.0.0.1', hostname: 'orders-0', ports: [port('http', 8080), port('gossip', 7946, 'UDP'), port('sig', 9, 'SCTP'), port('dns-sd', 5353, 'UDP')],
      weight: 10, priority: 1, version: 'v2', zone: 'east', metadata: { path: '/api', Version: 'twice', 'a=b': 'no key', long: 'x'.repeat(300) }, labels: { app: 'orders' }
    })
    .register('shop/orders/b', { address: 'fd00::2', ports: [port('http', 8081)], labels: { app: 'orders' } })
    .register('shop/orders/c', { address: '10.0.0.3', ports: [port('http', 8080), port('admin', 1)], status: 'down' })
    .register('shop/plain/a', { address: '10.0.1.1', ports: [{ port: 80 }] })
    .register('mall/long-name-of-a-service-that-nobody-types/a', { address: '10.0.2.1', hostname: 'and-a-host-name-of-its-own', ports: [port('grpc', 50)] })
    .declare('shop/front', { clusterIPs: ['10.96.0.1', 'fd00:96::1'], selector: { app: 'orders' }, ports: [{ ...port('http', 80), targetPort: 'http' }, { ...port('https', 443), targetPort: 8443 }] })
    .declare('shop/alias', { type: 'ExternalName', externalName: `_http._tcp.shop.svc.${zone}` })
    .declare('bare/quiet', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'none' }, ports: [{ ...port('http', 80), targetPort: 80 }] })
    .declare('bare/partner', { type: 'ExternalName', externalName: 'partner.example', ports: [{ ...port('http', 80), targetPort: 80 }] })
}

const soa = `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} 9 7200 1800 86400 5`
const at = (name: string, namespace = 'shop'): string => `${name}.${namespace}.svc.${zone}`
const ptr = (name: string, ...targets: readonly string[]): string[] => sorted(targets.map((target) => `${name} 5 PTR ${target}`))
const types = `_services._dns-sd._udp`
const first = `orders-0_orders.${at('_http._tcp')}`
const second = `fd00--2_orders.${at('_http._tcp')}`
const service = `front.${at('_http._tcp')}`

const rows: readonly Row[] = [
  { says: 'the namespaces with services are the domains to browse', ask: [`b._dns-sd._udp.${zone}`, 'PTR'], answer: ptr(`b._dns-sd._udp.${zone}`, `bare.svc.${zone}`, `mall.svc.${zone}`, `shop.svc.${zone}`) },
  { says: 'for those who look for one too', ask: [`lb._dns-sd._udp.${zone}`, 'PTR'], answer: ptr(`lb._dns-sd._udp.${zone}`, `bare.svc.${zone}`, `mall.svc.${zone}`, `shop.svc.${zone}`) },
  { says: 'they have no address', ask: [`b._dns-sd._udp.${zone}`, 'A'], ...nodata },
  { says: 'a namespace has its types: named ports of TCP and UDP that are answered', ask: [at(types), 'PTR'], answer: ptr(at(types), at('_http._tcp'), at('_https._tcp'), at('_gossip._udp')) },
  { says: 'a namespace without any has no data', ask: [at(types, 'bare'), 'PTR'], ...nodata },
  { says: 'an unknown namespace is no name', ask: [at(types, 'none'), 'PTR'], ...nxdomain },
  { says: 'the zone has the types of all namespaces', ask: [`${types}.${zone}`, 'PTR'], answer: ptr(`${types}.${zone}`, at('_http._tcp'), at('_https._tcp'), at('_gossip._udp'), at('_grpc._tcp', 'mall')) },
  { says: 'ANY gets one HINFO', ask: [at(types), 'ANY'], answer: [`${at(types)} 5 HINFO "RFC8482" ""`] },
  ...[`_udp.${zone}`, `_dns-sd._udp.${zone}`, at('_udp'), at('_dns-sd._udp'), at('_tcp')].map((name) => ({ says: 'an empty non-terminal', ask: [name, 'PTR'], ...nodata } as const)),
  ...[`_tcp.${zone}`, `x._dns-sd._udp.${zone}`, at('_tcp', 'bare'), at('_sctp'), at('_dns-sd._udp', 'none'), at('_tcp', 'none')].map((name) => ({ says: 'no name', ask: [name, 'PTR'], ...nxdomain } as const)),
  { says: 'a type that nobody answered has is no name', ask: [at('_admin._tcp'), 'PTR'], ...nxdomain },
  { says: 'a type under another protocol is no name', ask: [at('_http._udp'), 'PTR'], ...nxdomain },
  { says: 'a type of SCTP is no name', ask: [at('_sig._sctp'), 'PTR'], ...nxdomain },
  { says: 'a type has no address', ask: [at('_http._tcp'), 'A'], ...nodata },
  { says: 'a type has no SRV', ask: [at('_http._tcp'), 'SRV'], ...nodata },
  {
    says: 'a type has those who offer it: endpoints, and services with cluster IPs, with all that is to be known', ask: [at('_gossip._udp'), 'PTR'],
    answer: ptr(at('_gossip._udp'), `orders-0_orders.${at('_gossip._udp')}`),
    additional: sorted([`orders-0_orders.${at('_gossip._udp')} 5 SRV 1 10 7946 orders-0.${fqdn('orders')}`,
      `orders-0_orders.${at('_gossip._udp')} 5 TXT "version=v2" "zone=east" "path=/api"`, `orders-0.${fqdn('orders')} 5 A 10.0.0.1`])
  },
  { says: 'an endpoint\'s SRV', ask: [first, 'SRV'], answer: [`${first} 5 SRV 1 10 8080 orders-0.${fqdn('orders')}`], additional: [`orders-0.${fqdn('orders')} 5 A 10.0.0.1`] },
  { says: 'an endpoint\'s TXT: what has no key, is twice or too long is left out', ask: [first, 'TXT'], answer: [`${first} 5 TXT "version=v2" "zone=east" "path=/api"`] },
  { says: 'the other family', ask: [second, 'SRV'], answer: [`${second} 5 SRV 0 100 8081 fd00--2.${fqdn('orders')}`], additional: [`fd00--2.${fqdn('orders')} 5 AAAA fd00::2`] },
  { says: 'TXT with nothing to say is one empty string', ask: [second, 'TXT'], answer: [`${second} 5 TXT ""`] },
  { says: 'a service\'s SRV', ask: [service, 'SRV'], answer: [`${service} 5 SRV 0 100 80 ${fqdn('front')}`], additional: [`${fqdn('front')} 5 A 10.96.0.1`, `${fqdn('front')} 5 AAAA fd00:96::1`] },
  { says: 'a service\'s TXT', ask: [service, 'TXT'], answer: [`${service} 5 TXT ""`] },
  { says: 'an offer has no address', ask: [first, 'A'], ...nodata },
  { says: 'an offer of another type is no name', ask: [`orders-0_orders.${at('_https._tcp')}`, 'SRV'], ...nxdomain },
  { says: 'an endpoint that is not answered offers nothing', ask: [`10-0-0-3_orders.${at('_http._tcp')}`, 'SRV'], ...nxdomain },
  { says: 'a service without cluster IPs is no offer itself', ask: [`orders.${at('_http._tcp')}`, 'SRV'], ...nxdomain },
  { says: 'an endpoint of a service with cluster IPs neither', ask: [`orders-0_front.${at('_http._tcp')}`, 'SRV'], ...nxdomain },
  { says: 'an unknown service neither', ask: [`nobody.${at('_http._tcp')}`, 'SRV'], ...nxdomain },
  { says: 'below an offer there is nothing', ask: [`x.${first}`, 'SRV'], ...nxdomain },
  { says: 'a type of which the names are too long for DNS has nobody', ask: [at('_grpc._tcp', 'mall'), 'PTR'], ...nodata }
]

t.test('each question has its answer, over UDP and over TCP', async (t) => {
  await checkRows(t, await serve(t, shop()), rows, soa)
})

t.test('all who offer a type are in its answer, each with SRV, TXT and addresses as far as they fit', async (t) => {
  const server = await serve(t, shop())
  const { answers, additionals } = await (await TcpClient.open(t, server)).query(at('_http._tcp'), 'PTR')
  t.strictSame(sorted(text(answers)), ptr(at('_http._tcp'), first, second, service))
  t.strictSame(sorted(text(additionals)), sorted([
    `${first} 5 SRV 1 10 8080 orders-0.${fqdn('orders')}`, `${first} 5 TXT "version=v2" "zone=east" "path=/api"`, `orders-0.${fqdn('orders')} 5 A 10.0.0.1`,
    `${second} 5 SRV 0 100 8081 fd00--2.${fqdn('orders')}`, `${second} 5 TXT ""`, `fd00--2.${fqdn('orders')} 5 AAAA fd00::2`,
    `${service} 5 SRV 0 100 80 ${fqdn('front')}`, `${service} 5 TXT ""`, `${fqdn('front')} 5 A 10.96.0.1`, `${fqdn('front')} 5 AAAA fd00:96::1`
  ]))
  const small = await new UdpClient(t, server).query(at('_http._tcp'), 'PTR')
  t.equal(small.answers.length, 3)
  t.equal(small.flag_tc, false, 'left out additional records don\'t truncate')
})

t.test('an alias may lead to a type', async (t) => {
  const { answers } = await new UdpClient(t, await serve(t, shop())).query(fqdn('alias'), 'PTR')
  t.strictSame(sorted(text(answers)), sorted([`${fqdn('alias')} 5 CNAME ${at('_http._tcp')}`, ...ptr(at('_http._tcp'), first, second, service)]))
})

t.test('the whole of TXT is bounded, and metadata beyond is left out', async (t) => {
  const metadata = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`key-${index}`, 'x'.repeat(100)]))
  const world = new PlayedFeed().load().register('shop/a/1', { address: '10.0.0.1', hostname: 'h', ports: [port('http', 80)], metadata })
  const { answers } = await (await TcpClient.open(t, await serve(t, world))).query(`h_a.${at('_http._tcp')}`, 'TXT')
  const strings = answers[0]?.data as Buffer[]
  t.equal(strings.length, 9)
  t.ok(strings.reduce((sum, each) => sum + 1 + each.length, 0) <= 1_000)
})

t.test('names that DNS cannot carry are not offered', async (t) => {
  const [long, almost] = ['p'.repeat(63), 'q'.repeat(62)]
  const namespace = 'n'.repeat(63)
  const world = new PlayedFeed().load()
    .declare(`${namespace}/${'s'.repeat(63)}`, { clusterIPs: ['10.96.0.1'], ports: [long, almost].map((name) => ({ ...port(name, 80), targetPort: 80 })) })
  const name = 'z'.repeat(57)
  const client = new UdpClient(t, await serve(t, world, { zones: [name] }))
  const found = await client.query(`${types}.${namespace}.svc.${name}`, 'PTR')
  t.strictSame(found.answers.map(({ data }) => data), [`_${almost}._tcp.${namespace}.svc.${name}`])
  const { rcode, answers } = await client.query(`_${almost}._tcp.${namespace}.svc.${name}`, 'PTR')
  t.strictSame([rcode, answers.length], ['NOERROR', 0])
})

t.test('browsing follows the registry with the very next question', async (t) => {
  const world = new PlayedFeed().load()
  const client = new UdpClient(t, await serve(t, world))
  const ask = async (name: string): Promise<string> => {
    const { rcode, answers } = await client.query(name, 'PTR')
    return answers.length === 0 ? rcode : answers.map(({ data }) => String(data).replace(`.shop.svc.${zone}`, '')).sort().join()
  }
  const all = async (): Promise<string[]> => [await ask(at(types)), await ask(at('_http._tcp')), await ask(at('_tcp'))]
  t.strictSame(await all(), ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN'])
  world.register('shop/a/1', { address: '10.0.0.1', hostname: 'h', ports: [port('http', 80)] })
  t.strictSame(await all(), ['_http._tcp', 'h_a._http._tcp', 'NOERROR'])
  world.register('shop/b/1', { address: '10.0.0.2', hostname: 'h', ports: [port('http', 80), port('ftp', 21)] })
  t.strictSame(await all(), ['_ftp._tcp,_http._tcp', 'h_a._http._tcp,h_b._http._tcp', 'NOERROR'])
  world.suspect('shop/b/1').register('shop/b/2', { address: '10.0.0.3', ports: [] })
  t.strictSame(await all(), ['_http._tcp', 'h_a._http._tcp', 'NOERROR'])
  world.declare('shop/a', { clusterIPs: ['10.96.0.1'], ports: [{ ...port('http', 80), targetPort: 80 }] })
  t.strictSame(await all(), ['_http._tcp', 'a._http._tcp', 'NOERROR'])
  world.declare('shop/a', { clusterIPs: ['10.96.0.1'], ports: [{ ...port('web', 80), targetPort: 80 }] })
  t.strictSame(await all(), ['_web._tcp', 'NXDOMAIN', 'NOERROR'])
  world.withdraw('shop/a').deregister('shop/a/1').deregister('shop/b/1').deregister('shop/b/2')
  t.strictSame(await all(), ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN'])
  world.feed.load({ epoch: 'other', revision: 1, instances: [], objects: [], recent: [], lost: [] })
  world.register('shop/c/1', { address: '10.0.0.1', ports: [port('ftp', 80)] })
  t.strictSame(await all(), ['_ftp._tcp', 'NXDOMAIN', 'NOERROR'], 'of another view nothing is remembered')
})

t.test('more than a hundred are shown window by window, until each was seen', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 250; index++) world.register(`shop/s${index % 3}/${index}`, { address: `10.0.1.${index}`, hostname: `h${index}`, ports: [port('http', 80), port(`p${index}`, 81)] })
  for (let index = 0; index < 130; index++) world.register(`n${index}/s/a`, { address: '10.0.2.1', hostname: 'h', ports: [port('web', 80)] })
  const server = await serve(t, world)
  const client = await TcpClient.open(t, server)
  for (const [name, count] of [[at('_http._tcp'), 250], [at(types), 251], [`b._dns-sd._udp.${zone}`, 131], [`${types}.${zone}`, 381]] as const) {
    const seen = new Set<string>()
    for (let time = 0; time < 5; time++) {
      const { answers } = await client.query(name, 'PTR')
      t.equal(answers.length, 100)
      for (const { data } of answers) seen.add(String(data))
    }
    t.equal(seen.size, count, name)
  }
  t.equal(server.counters.cut, 20)
})

t.test('in a namespace too large for one look a type is never wrongly denied, and found in a few questions', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 12_000; index++) world.register(`shop/s${String(index).padStart(5, '0')}/a`, { address: '10.0.0.1', ports: index === 11_999 ? [port('rare', 80)] : [] })
  const client = new UdpClient(t, await serve(t, world))
  const ask = async (name: string): Promise<string> => {
    const { rcode, answers } = await client.query(at(name), 'PTR')
    return `${rcode} ${answers.length}`
  }
  t.strictSame([await ask('_rare._tcp'), await ask('_rare._tcp'), await ask('_rare._tcp')], ['NOERROR 0', 'NOERROR 0', 'NOERROR 1'])
  world.register('shop/s00000/a', { address: '10.0.0.1', ports: [port('new', 80)] })
  t.strictSame([await ask('_none._tcp'), await ask('_none._tcp')], ['NOERROR 0', 'NXDOMAIN 0'])
  t.equal(await ask('_new._tcp'), 'NOERROR 1')
})
