// What declared services answer, one row a rule; the numbers are those of the Kubernetes DNS specification's rules.
import t from 'tap'
import type { EndpointSlice } from '../../server/model/service/types.ts'
import { TcpClient, UdpClient, extendedError, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain, sorted } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const fqdn = (service: string, namespace = 'shop'): string => `${service}.${namespace}.svc.${zone}`

const http = { name: 'http', protocol: 'TCP', port: 80, targetPort: 'web' } as const
const byHand: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: 'shop', name: 'by-hand-1', labels: { 'kubernetes.io/service-name': 'by-hand' } }, addressType: 'IPv4',
  endpoints: [{ addresses: ['192.0.2.7'], hostname: 'old-db' }, { addresses: ['192.0.2.8'] }], ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }]
}

function world (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/pods/a', { address: '10.1.0.1', hostname: 'pod-0', labels: { app: 'web' }, ports: [{ name: 'web', port: 8080 }] })
    .register('shop/pods/b', { address: '10.1.0.2', labels: { app: 'web' }, ports: [{ name: 'web', port: 8081 }] })
    .register('shop/pods/c', { address: '10.1.0.3', hostname: 'pod-2', labels: { app: 'web' }, ports: [{ name: 'web', port: 8080 }], status: 'down' })
    .register('shop/pods/d', { address: 'fd00:1::4', hostname: 'pod-4', labels: { app: 'six' }, ports: [{ name: 'web', port: 8080 }] })
    .declare('shop/front', { clusterIP: '10.96.7.11', clusterIPs: ['10.96.7.11'], ipFamilies: ['IPv4'], selector: { app: 'web' }, ports: [http, { name: 'metrics', protocol: 'UDP', port: 9000, targetPort: 9000 }] })
    .declare('shop/six', { clusterIP: 'fd00:10:96::a1', clusterIPs: ['fd00:10:96::a1'], ipFamilies: ['IPv6'], selector: { app: 'six' }, ports: [http] })
    .declare('shop/dual', { clusterIP: '10.96.7.13', clusterIPs: ['10.96.7.13', 'fd00:10:96::a3'], ipFamilies: ['IPv4', 'IPv6'], selector: { app: 'none' }, ports: [http] })
    .declare('shop/plum', { clusterIP: '10.96.7.14', clusterIPs: ['10.96.7.14'], selector: { app: 'web' }, ports: [{ protocol: 'TCP', port: 7000, targetPort: 7000 }] })
    .declare('shop/both', { clusterIP: '10.96.7.15', clusterIPs: ['10.96.7.15'], ports: [{ name: 'dns', protocol: 'UDP', port: 53, targetPort: 53 }, { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 53 }] })
    .declare('shop/gate', { type: 'NodePort', clusterIP: '10.96.7.16', clusterIPs: ['10.96.7.16'], ports: [{ ...http, nodePort: 30_200 }], externalIPs: ['198.51.100.7'] })
    .declare('harbor/lighthouse', { type: 'LoadBalancer', clusterIP: '10.96.11.5', clusterIPs: ['10.96.11.5'], loadBalancerIP: '203.0.113.9', ports: [http] })
    .declare('shop/anvil', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'web' }, ports: [{ name: 'peer', protocol: 'TCP', port: 7946, targetPort: 'web' }] })
    .declare('shop/open', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'web' }, publishNotReadyAddresses: true, ports: [http] })
    .declare('shop/empty', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'none' }, ports: [http] })
    .declare('shop/by-hand', { clusterIP: '10.96.7.17', clusterIPs: ['10.96.7.17'], ports: [{ name: 'sql', protocol: 'TCP', port: 5432, targetPort: 5432 }] }, [byHand])
    .declare('harbor/ledger', { type: 'ExternalName', externalName: 'payments.partner.example' })
    .declare('harbor/dotted', { type: 'ExternalName', externalName: 'Payments.Partner.example.' })
    .declare('harbor/front', { type: 'ExternalName', externalName: fqdn('front') })
    .declare('harbor/two', { type: 'ExternalName', externalName: fqdn('front', 'harbor') })
    .declare('harbor/dual', { type: 'ExternalName', externalName: `${fqdn('dual')}.` })
    .declare('harbor/pod', { type: 'ExternalName', externalName: `pod-0.${fqdn('anvil')}` })
    .declare('harbor/implicit', { type: 'ExternalName', externalName: fqdn('pods') })
    .declare('harbor/ghost', { type: 'ExternalName', externalName: fqdn('ghost') })
    .declare('harbor/ghost-two', { type: 'ExternalName', externalName: fqdn('ghost', 'harbor') })
    .declare('harbor/nothing', { type: 'ExternalName', externalName: fqdn('empty') })
    .declare('harbor/middle', { type: 'ExternalName', externalName: `svc.${zone}` })
    .declare('harbor/apex', { type: 'ExternalName', externalName: zone })
    .declare('harbor/version', { type: 'ExternalName', externalName: `dns-version.${zone}` })
    .declare('harbor/ns', { type: 'ExternalName', externalName: `ns.dns.${zone}` })
    .declare('harbor/self', { type: 'ExternalName', externalName: fqdn('self', 'harbor') })
    .declare('harbor/ping', { type: 'ExternalName', externalName: fqdn('pong', 'harbor') })
    .declare('harbor/pong', { type: 'ExternalName', externalName: fqdn('ping', 'harbor') })
    .declare('harbor/long', { type: 'ExternalName', externalName: `${'x'.repeat(64)}.example` })
    .declare('lone/idle', { clusterIP: '10.96.7.18', clusterIPs: ['10.96.7.18'], selector: { app: 'none' } })
}

const addresses = (name: string, ...found: readonly string[]): string[] => found.map((address) => `${name} 5 ${address.includes(':') ? 'AAAA' : 'A'} ${address}`)
const alias = (from: string, to: string): string => `${from} 5 CNAME ${to}`
const harbor = (service: string): string => fqdn(service, 'harbor')

const rows: readonly Row[] = [
  { says: '2: a ClusterIP service has its IPv4 cluster IP', ask: [fqdn('front'), 'A'], answer: addresses(fqdn('front'), '10.96.7.11') },
  { says: '2: and no data of the other family', ask: [fqdn('front'), 'AAAA'], ...nodata },
  { says: '2: without any endpoint too', ask: [fqdn('idle', 'lone'), 'A'], answer: addresses(fqdn('idle', 'lone'), '10.96.7.18') },
  { says: '2: and without any endpoint the other family is no data', ask: [fqdn('idle', 'lone'), 'AAAA'], ...nodata },
  { says: 'a namespace of which there are declared services only is an empty non-terminal', ask: [`lone.svc.${zone}`, 'A'], ...nodata },
  { says: '3: a ClusterIP service has its IPv6 cluster IP', ask: [fqdn('six'), 'AAAA'], answer: addresses(fqdn('six'), 'fd00:10:96::a1') },
  { says: '3: and no data of the other family', ask: [fqdn('six'), 'A'], ...nodata },
  {
    says: '4, 11: a named port has one SRV with the service\'s port and name, and the cluster IP comes along',
    ask: [`_http._tcp.${fqdn('front')}`, 'SRV'], answer: [`_http._tcp.${fqdn('front')} 5 SRV 0 100 80 ${fqdn('front')}`], additional: addresses(fqdn('front'), '10.96.7.11')
  },
  { says: '4: of its protocol', ask: [`_metrics._udp.${fqdn('front')}`, 'SRV'], answer: [`_metrics._udp.${fqdn('front')} 5 SRV 0 100 9000 ${fqdn('front')}`], additional: addresses(fqdn('front'), '10.96.7.11') },
  { says: '4: a port under another protocol is no name', ask: [`_metrics._tcp.${fqdn('front')}`, 'SRV'], ...nxdomain },
  { says: '4: the port of the instances is no name', ask: [`_web._tcp.${fqdn('front')}`, 'SRV'], ...nxdomain },
  { says: '4: without any endpoint too', ask: [`_http._tcp.${fqdn('dual')}`, 'SRV'], answer: [`_http._tcp.${fqdn('dual')} 5 SRV 0 100 80 ${fqdn('dual')}`], additional: addresses(fqdn('dual'), '10.96.7.13', 'fd00:10:96::a3') },
  { says: '4: an SRV name has no address', ask: [`_http._tcp.${fqdn('front')}`, 'A'], ...nodata },
  { says: '4: a protocol with a named port below is an empty non-terminal', ask: [`_tcp.${fqdn('front')}`, 'A'], ...nodata },
  { says: '4: a protocol without one is no name', ask: [`_sctp.${fqdn('front')}`, 'A'], ...nxdomain },
  { says: '6: a port without a name has no SRV name', ask: [`_tcp.${fqdn('plum')}`, 'SRV'], ...nxdomain },
  { says: '6: but an address', ask: [fqdn('plum'), 'A'], answer: addresses(fqdn('plum'), '10.96.7.14') },
  { says: 'SRV at the bare name has a port without name', ask: [fqdn('plum'), 'SRV'], answer: [`${fqdn('plum')} 5 SRV 0 100 7000 ${fqdn('plum')}`], additional: addresses(fqdn('plum'), '10.96.7.14') },
  {
    says: 'SRV at the bare name has every port', ask: [fqdn('front'), 'SRV'],
    answer: [`${fqdn('front')} 5 SRV 0 100 80 ${fqdn('front')}`, `${fqdn('front')} 5 SRV 0 100 9000 ${fqdn('front')}`], additional: addresses(fqdn('front'), '10.96.7.11')
  },
  { says: 'a number that two protocols have is one SRV at the bare name', ask: [fqdn('both'), 'SRV'], answer: [`${fqdn('both')} 5 SRV 0 100 53 ${fqdn('both')}`], additional: addresses(fqdn('both'), '10.96.7.15') },
  { says: 'SRV of a service without ports is no data', ask: [fqdn('idle', 'lone'), 'SRV'], ...nodata },
  { says: 'a hostname below a ClusterIP service leads to its endpoint', ask: [`pod-0.${fqdn('front')}`, 'A'], answer: addresses(`pod-0.${fqdn('front')}`, '10.1.0.1') },
  { says: 'so does a dashed address', ask: [`10-1-0-2.${fqdn('front')}`, 'A'], answer: addresses(`10-1-0-2.${fqdn('front')}`, '10.1.0.2') },
  { says: 'the other family of a hostname is no data', ask: [`pod-0.${fqdn('front')}`, 'AAAA'], ...nodata },
  { says: 'the hostname of an endpoint that is not ready is no name', ask: [`pod-2.${fqdn('front')}`, 'A'], ...nxdomain },
  { says: 'a hostname of another family\'s endpoint is no name', ask: [`pod-4.${fqdn('front')}`, 'AAAA'], ...nxdomain },
  { says: 'ANY at a ClusterIP service is one HINFO', ask: [fqdn('front'), 'ANY'], answer: [`${fqdn('front')} 5 HINFO "RFC8482" ""`] },
  { says: 'CNAME at a ClusterIP service is no data', ask: [fqdn('front'), 'CNAME'], ...nodata },
  { says: 'a service without selector has its cluster IP', ask: [fqdn('by-hand'), 'A'], answer: addresses(fqdn('by-hand'), '10.96.7.17') },
  { says: 'and the hostnames of its hand-made endpoints', ask: [`old-db.${fqdn('by-hand')}`, 'A'], answer: addresses(`old-db.${fqdn('by-hand')}`, '192.0.2.7') },
  { says: 'and their dashed addresses', ask: [`192-0-2-8.${fqdn('by-hand')}`, 'A'], answer: addresses(`192-0-2-8.${fqdn('by-hand')}`, '192.0.2.8') },
  { says: '15: a dual-stack service has an A', ask: [fqdn('dual'), 'A'], answer: addresses(fqdn('dual'), '10.96.7.13') },
  { says: '15: and an AAAA', ask: [fqdn('dual'), 'AAAA'], answer: addresses(fqdn('dual'), 'fd00:10:96::a3') },
  { says: '15: and one SRV, with glue of both families', ask: [fqdn('dual'), 'SRV'], answer: [`${fqdn('dual')} 5 SRV 0 100 80 ${fqdn('dual')}`], additional: addresses(fqdn('dual'), '10.96.7.13', 'fd00:10:96::a3') },
  { says: '16: a NodePort service has its cluster IP, not the external one', ask: [fqdn('gate'), 'A'], answer: addresses(fqdn('gate'), '10.96.7.16') },
  { says: '16: its SRV has the service\'s port, not the node\'s', ask: [fqdn('gate'), 'SRV'], answer: [`${fqdn('gate')} 5 SRV 0 100 80 ${fqdn('gate')}`], additional: addresses(fqdn('gate'), '10.96.7.16') },
  { says: '16: a LoadBalancer service has its cluster IP, not the external one', ask: [harbor('lighthouse'), 'A'], answer: addresses(harbor('lighthouse'), '10.96.11.5') },

  { says: '7: a headless service has its ready endpoints', ask: [fqdn('anvil'), 'A'], answer: addresses(fqdn('anvil'), '10.1.0.1', '10.1.0.2') },
  { says: '7: the other family is no data', ask: [fqdn('anvil'), 'AAAA'], ...nodata },
  { says: '7: without an endpoint it is no name', ask: [fqdn('empty'), 'A'], ...nxdomain },
  { says: '7: nor is anything below', ask: [`_http._tcp.${fqdn('empty')}`, 'SRV'], ...nxdomain },
  { says: '8: a hostname below it leads to its endpoint', ask: [`pod-0.${fqdn('anvil')}`, 'A'], answer: addresses(`pod-0.${fqdn('anvil')}`, '10.1.0.1') },
  {
    says: '9, 11: SRV has the port\'s name from the service and its number from each endpoint', ask: [`_peer._tcp.${fqdn('anvil')}`, 'SRV'],
    answer: [`_peer._tcp.${fqdn('anvil')} 5 SRV 0 100 8080 pod-0.${fqdn('anvil')}`, `_peer._tcp.${fqdn('anvil')} 5 SRV 0 100 8081 10-1-0-2.${fqdn('anvil')}`],
    additional: [...addresses(`10-1-0-2.${fqdn('anvil')}`, '10.1.0.2'), ...addresses(`pod-0.${fqdn('anvil')}`, '10.1.0.1')]
  },
  { says: '9: the name that the instances use is no name', ask: [`_web._tcp.${fqdn('anvil')}`, 'SRV'], ...nxdomain },
  { says: '13: an endpoint that is not ready has no name', ask: [`pod-2.${fqdn('anvil')}`, 'A'], ...nxdomain },
  { says: '14: a service that publishes what is not ready has all', ask: [fqdn('open'), 'A'], answer: addresses(fqdn('open'), '10.1.0.1', '10.1.0.2', '10.1.0.3') },
  { says: '14: and the names of all', ask: [`pod-2.${fqdn('open')}`, 'A'], answer: addresses(`pod-2.${fqdn('open')}`, '10.1.0.3') },

  { says: '12: an ExternalName service is an alias', ask: [harbor('ledger'), 'A'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: in either family', ask: [harbor('ledger'), 'AAAA'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: when asked for', ask: [harbor('ledger'), 'CNAME'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: for SRV', ask: [harbor('ledger'), 'SRV'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: for every other type', ask: [harbor('ledger'), 'TXT'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: for unknown types', ask: [harbor('ledger'), 'TYPE65280'], answer: [alias(harbor('ledger'), 'payments.partner.example')] },
  { says: '12: and for ANY, since an alias has no other records beside it', ask: [harbor('front'), 'ANY'], answer: [alias(harbor('front'), fqdn('front'))] },
  { says: '12: a trailing dot and capitals change nothing', ask: [harbor('dotted'), 'A'], answer: [alias(harbor('dotted'), 'payments.partner.example')] },
  { says: '12: nothing is below an alias', ask: [`_http._tcp.${harbor('front')}`, 'SRV'], ...nxdomain },
  { says: '12: no hostname either', ask: [`pod-0.${harbor('front')}`, 'A'], ...nxdomain },
  { says: 'an alias in the zone is followed to cluster IPs', ask: [harbor('front'), 'A'], answer: [alias(harbor('front'), fqdn('front')), ...addresses(fqdn('front'), '10.96.7.11')] },
  { says: 'through another alias', ask: [harbor('two'), 'A'], answer: [alias(harbor('two'), harbor('front')), alias(harbor('front'), fqdn('front')), ...addresses(fqdn('front'), '10.96.7.11')] },
  { says: 'in IPv6', ask: [harbor('dual'), 'AAAA'], answer: [alias(harbor('dual'), fqdn('dual')), ...addresses(fqdn('dual'), 'fd00:10:96::a3')] },
  { says: 'to an endpoint', ask: [harbor('pod'), 'A'], answer: [alias(harbor('pod'), `pod-0.${fqdn('anvil')}`), ...addresses(`pod-0.${fqdn('anvil')}`, '10.1.0.1')] },
  { says: 'to an implicit service', ask: [harbor('implicit'), 'A'], answer: [alias(harbor('implicit'), fqdn('pods')), ...addresses(fqdn('pods'), '10.1.0.1', '10.1.0.2')] },
  { says: 'for SRV, without glue', ask: [harbor('dual'), 'SRV'], answer: [alias(harbor('dual'), fqdn('dual')), `${fqdn('dual')} 5 SRV 0 100 80 ${fqdn('dual')}`] },
  {
    says: 'for SRV of endpoints, without glue', ask: [harbor('implicit'), 'SRV'],
    answer: [alias(harbor('implicit'), fqdn('pods')), `${fqdn('pods')} 5 SRV 0 100 8080 pod-0.${fqdn('pods')}`, `${fqdn('pods')} 5 SRV 0 100 8080 pod-4.${fqdn('pods')}`, `${fqdn('pods')} 5 SRV 0 100 8081 10-1-0-2.${fqdn('pods')}`]
  },
  { says: 'but not when the alias itself is asked for', ask: [harbor('two'), 'CNAME'], answer: [alias(harbor('two'), harbor('front'))] },
  { says: 'no data at the target is said as such (RFC 2308 2.2)', ask: [harbor('front'), 'AAAA'], answer: [alias(harbor('front'), fqdn('front'))], ...nodata },
  { says: 'in other types too', ask: [harbor('front'), 'TXT'], answer: [alias(harbor('front'), fqdn('front'))], ...nodata },
  { says: 'RFC 6604: no name at the target is NXDOMAIN', ask: [harbor('ghost'), 'A'], answer: [alias(harbor('ghost'), fqdn('ghost'))], ...nxdomain },
  { says: 'RFC 6604: at the end of a chain', ask: [harbor('ghost-two'), 'A'], answer: [alias(harbor('ghost-two'), harbor('ghost')), alias(harbor('ghost'), fqdn('ghost'))], ...nxdomain },
  { says: 'RFC 6604: a headless service without endpoints too', ask: [harbor('nothing'), 'A'], answer: [alias(harbor('nothing'), fqdn('empty'))], ...nxdomain },
  { says: 'RFC 6604: the alias itself is there', ask: [harbor('ghost'), 'CNAME'], answer: [alias(harbor('ghost'), fqdn('ghost'))] },
  { says: 'an empty non-terminal as target is no data', ask: [harbor('middle'), 'A'], answer: [alias(harbor('middle'), `svc.${zone}`)], ...nodata },
  { says: 'the apex as target is no data', ask: [harbor('apex'), 'A'], answer: [alias(harbor('apex'), zone)], ...nodata },
  { says: 'and its own records are left to a second question', ask: [harbor('apex'), 'SOA'], answer: [alias(harbor('apex'), zone)] },
  { says: 'like its name server', ask: [harbor('apex'), 'NS'], answer: [alias(harbor('apex'), zone)] },
  { says: 'the specification\'s version can be a target', ask: [harbor('version'), 'TXT'], answer: [alias(harbor('version'), `dns-version.${zone}`), `dns-version.${zone} 5 TXT "1.1.0"`] },
  { says: 'so can the name server', ask: [harbor('ns'), 'A'], answer: [alias(harbor('ns'), `ns.dns.${zone}`), `ns.dns.${zone} 5 A 127.0.0.1`] },
  { says: 'an alias of itself ends at once', ask: [harbor('self'), 'A'], answer: [alias(harbor('self'), harbor('self'))] },
  { says: 'a loop ends with each alias once', ask: [harbor('ping'), 'A'], answer: [alias(harbor('ping'), harbor('pong')), alias(harbor('pong'), harbor('ping'))] },
  { says: 'from either side', ask: [harbor('pong'), 'AAAA'], answer: [alias(harbor('pong'), harbor('ping')), alias(harbor('ping'), harbor('pong'))] },
  { says: 'an external name that DNS cannot carry is no data', ask: [harbor('long'), 'A'], ...nodata }
]

t.test('each question about a declared service has its answer, over UDP and over TCP', async (t) => {
  const of = world()
  await checkRows(t, await serve(t, of), rows, `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} ${of.feed.revision} 7200 1800 86400 5`)
})

t.test('a chain is followed for eight aliases, the client goes on from there', async (t) => {
  const of = new PlayedFeed().load().register('shop/end/a', { address: '10.0.0.1' })
  const long = (index: number): string => (index === 9 ? fqdn('end') : fqdn(`alias-${index}`))
  for (let index = 0; index < 9; index++) of.declare(`shop/alias-${index}`, { type: 'ExternalName', externalName: long(index + 1) })
  const client = await TcpClient.open(t, await serve(t, of))
  const whole = Array.from({ length: 8 }, (_, index) => alias(long(index + 1), long(index + 2)))
  t.strictSame(text((await client.query(long(1), 'A')).answers), [...whole, ...addresses(fqdn('end'), '10.0.0.1')])
  const open = await client.query(long(0), 'A')
  t.strictSame(text(open.answers), [alias(long(0), long(1)), ...whole.slice(0, 7)])
  t.strictSame([open.rcode, open.authorities], ['NOERROR', []])
})

t.test('a chain that does not fit is cut between records and says so', async (t) => {
  const of = new PlayedFeed().load().register('shop/end/a', { address: '10.0.0.1' })
  const name = (index: number): string => (index === 8 ? fqdn('end') : fqdn(`${'x'.repeat(60)}-${index}`, 'y'.repeat(63)))
  for (let index = 0; index < 8; index++) of.declare(`${'y'.repeat(63)}/${'x'.repeat(60)}-${index}`, { type: 'ExternalName', externalName: name(index + 1) })
  const server = await serve(t, of)
  const cut = await new UdpClient(t, server).query(name(0), 'A')
  t.strictSame([cut.flag_tc, text(cut.answers)], [true, [alias(name(0), name(1)), alias(name(1), name(2))]])
  const whole = await (await TcpClient.open(t, server)).query(name(0), 'A')
  t.strictSame([whole.flag_tc, whole.answers.length, text(whole.answers).at(-1)], [false, 9, `${fqdn('end')} 5 A 10.0.0.1`])
})

t.test('an alias leads from one zone of ours into another, whose SOA says that there is nothing', async (t) => {
  const of = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1' })
    .declare('shop/east', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.internal' })
    .declare('shop/lost', { type: 'ExternalName', externalName: 'lost.web.shop.svc.cluster.internal' })
    .declare('shop/deep', { type: 'ExternalName', externalName: 'a.b.c.d.e.f.cluster.internal' })
  const client = new UdpClient(t, await serve(t, of, { zones: ['cluster.local', 'Cluster.Internal'] }))
  t.strictSame(text((await client.query(fqdn('east'), 'A')).answers), [alias(fqdn('east'), 'web.shop.svc.cluster.internal'), 'web.shop.svc.cluster.internal 5 A 10.0.0.1'])
  for (const name of [fqdn('lost'), fqdn('deep')]) {
    const lost = await client.query(name, 'A')
    t.strictSame([lost.rcode, lost.authorities[0]?.name, lost.authorities[0]?.data.mname], ['NXDOMAIN', 'cluster.internal', 'ns.dns.cluster.internal'])
  }
})

t.test('the question\'s letters come back in the first owner, and all records of a target have one', async (t) => {
  const client = new UdpClient(t, await serve(t, world()))
  const asked = 'IMPLICIT.Harbor.svc.Cluster.LOCAL'
  const { answers, questions } = await client.query(asked, 'A')
  t.equal(questions[0]?.name, asked)
  t.strictSame(answers.map(({ name }) => name), [asked, fqdn('pods'), fqdn('pods')])
  t.strictSame(sorted(text((await client.query('_HTTP._Tcp.FRONT.shop.svc.cluster.local', 'SRV')).additionals)), addresses('FRONT.shop.svc.cluster.local', '10.96.7.11'), 'glue is owned by the name as it was asked')
})

t.test('declared services are followed with the very next question', async (t) => {
  const of = new PlayedFeed().load()
  const client = new UdpClient(t, await serve(t, of))
  const ask = async (name: string, type = 'A'): Promise<readonly string[] | string> => {
    const { rcode, answers } = await client.query(name, type)
    return rcode === 'NOERROR' ? answers.map(({ data }) => String(data)) : rcode
  }
  const web = fqdn('web')
  const selector = { app: 'web' }
  t.equal(await ask(web), 'NXDOMAIN')
  of.declare('shop/web', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], selector, ports: [http] })
  t.strictSame(await ask(web), ['10.96.0.9'])
  t.equal(await ask(`web-0.${web}`), 'NXDOMAIN')
  of.register('shop/web/a', { address: '10.0.0.1', hostname: 'web-0', labels: selector })
  t.strictSame(await ask(web), ['10.96.0.9'], 'an instance under the service\'s own name changes nothing at its name')
  t.strictSame(await ask(`web-0.${web}`), ['10.0.0.1'], 'but it has one below')
  of.declare('shop/web', { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], selector, ports: [{ ...http, name: 'https' }] })
  t.strictSame(await ask(web), ['10.96.0.10'], 'another cluster IP')
  t.equal(await ask(`_http._tcp.${web}`, 'SRV'), 'NXDOMAIN', 'a port that went')
  t.equal((await client.query(`_https._tcp.${web}`, 'SRV')).answers.length, 1, 'a port that came')
  of.declare('shop/alias', { type: 'ExternalName', externalName: web })
  t.strictSame(await ask(fqdn('alias')), [web, '10.96.0.10'])
  of.withdraw('shop/web')
  t.strictSame(await ask(web), ['10.0.0.1'], 'the implicit service comes to light')
  t.strictSame(await ask(fqdn('alias')), [web, '10.0.0.1'], 'behind an alias too')
  of.declare('shop/web', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'other' }, ports: [http] })
  t.equal(await ask(web), 'NXDOMAIN', 'a headless service hides the implicit one')
  of.register('shop/other/b', { address: '10.0.0.2', labels: { app: 'other' } })
  t.strictSame(await ask(web), ['10.0.0.2'])
  of.declare('shop/web', { type: 'ExternalName', externalName: 'web.example' })
  t.strictSame(await ask(web), ['web.example'])
  of.declare('shop/web', { type: 'ExternalName', externalName: 'www.example' })
  t.strictSame(await ask(web), ['www.example'])
  of.withdraw('shop/web').deregister('shop/web/a')
  t.equal(await ask(web), 'NXDOMAIN')
  t.equal(await ask(fqdn('alias')), 'NXDOMAIN', 'at the end of the alias too')
})

t.test('while the store is away declared services are answered for a short time, with the reason', async (t) => {
  const of = world()
  const client = new UdpClient(t, await serve(t, of, { ttlSeconds: 600 }))
  t.strictSame(text((await client.query(harbor('front'), 'A')).answers), [`${harbor('front')} 600 CNAME ${fqdn('front')}`, `${fqdn('front')} 600 A 10.96.7.11`])
  of.loseStore()
  const stale = await client.query(harbor('front'), 'A', { edns: {} })
  t.strictSame([text(stale.answers), extendedError(stale)?.code], [[alias(harbor('front'), fqdn('front')), ...addresses(fqdn('front'), '10.96.7.11')], 3])
  t.equal(extendedError(await client.query(harbor('ghost'), 'A', { edns: {} }))?.code, 19)
})
