// What manifests say about their answers: TTL, how many records, who stands in. And default TTLs.
import t from 'tap'
import { ttlAnnotation as ttl, maxRecordsAnnotation as max, fallbackAnnotation as fallback } from '../../server/model/service/dns-annotations.ts'
import type { ServiceSpec } from '../../server/model/service/types.ts'
import { TcpClient, UdpClient, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const fqdn = (service: string, namespace = 'shop'): string => `${service}.${namespace}.svc.${zone}`
const headless = (app: string, ...ports: NonNullable<ServiceSpec['ports']>): Partial<ServiceSpec> => ({ clusterIP: 'None', clusterIPs: ['None'], selector: { app }, ports })
const http = { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' } as const
const withIp = (clusterIP: string, app: string): Partial<ServiceSpec> => ({ clusterIP, clusterIPs: [clusterIP], selector: { app }, ports: [http] })

/** The TTLs in an answer. */
async function at (client: UdpClient, name: string, type = 'A'): Promise<number[]> {
  const { answers, additionals } = await client.query(name, type)
  return [...new Set([...answers, ...additionals].map((record) => record.ttl ?? -1))]
}

t.test('a service, or its namespace, says how long its answers may be kept', async (t) => {
  const of = new PlayedFeed().load()
    .register('shop/own/a', { address: '10.0.0.1', hostname: 'h', labels: { app: 'own' }, ports: [{ name: 'http', port: 80 }], lease: { ttlMs: 86_400_000 } })
    .declare('shop/front', withIp('10.96.0.1', 'own'), [], { [ttl]: '30s' })
    .declare('shop/anvil', headless('own', http), [], { [ttl]: '1m' })
    .declare('shop/plain', withIp('10.96.0.2', 'own'))
    .declare('shop/broken', withIp('10.96.0.3', 'own'), [], { [ttl]: 'soon' })
    .declare('shop/never', headless('own', http), [], { [ttl]: '0' })
    .declare('shop/outside', { type: 'ExternalName', externalName: 'partner.example' }, [], { [ttl]: '120' })
  const client = new UdpClient(t, await serve(t, of))
  t.strictSame(await at(client, fqdn('front')), [30])
  t.strictSame(await at(client, `_http._tcp.${fqdn('front')}`, 'SRV'), [30], 'SRV and the addresses that come along')
  t.strictSame(await at(client, `h.${fqdn('front')}`), [30], 'an endpoint of the service')
  t.strictSame(await at(client, fqdn('anvil')), [60])
  t.strictSame(await at(client, fqdn('anvil'), 'SRV'), [60])
  t.strictSame(await at(client, fqdn('plain')), [5], 'without a word the default')
  t.strictSame(await at(client, fqdn('broken')), [5], 'a value from before the rule counts as none')
  t.strictSame(await at(client, fqdn('never')), [0])
  t.strictSame(await at(client, fqdn('outside'), 'CNAME'), [120])
  of.declareNamespace('shop', { [ttl]: '15' })
  t.strictSame(await at(client, fqdn('plain')), [15], 'the namespace has a default')
  t.strictSame(await at(client, fqdn('own')), [15], 'for implicit services too')
  t.strictSame(await at(client, fqdn('front')), [30], 'which the service overrides')
  of.declareNamespace('shop', { [ttl]: '20' })
  t.strictSame(await at(client, fqdn('own')), [20], 'and a change of it is in the next answer')
  of.declare('shop/front', withIp('10.96.0.1', 'own'), [], { [ttl]: '40s' })
  t.strictSame(await at(client, fqdn('front')), [40])
  of.loseStore()
  t.strictSame([await at(client, fqdn('front')), await at(client, fqdn('anvil')), await at(client, fqdn('never'))], [[5], [5], [0]], 'while the store is away never more than 5 s')
})

t.test('no answer that is made of endpoints outlives the shortest lease among them', async (t) => {
  const of = new PlayedFeed().load()
    .register('shop/own/a', { address: '10.0.0.1', labels: { app: 'own' }, ports: [{ name: 'http', port: 80 }], lease: { ttlMs: 3_900 } })
    .register('shop/own/b', { address: '10.0.0.2', labels: { app: 'own' }, ports: [{ name: 'http', port: 80 }] })
    .declare('shop/anvil', headless('own', http), [], { [ttl]: '1h' })
    .declare('shop/zero', headless('own', http), [], { [ttl]: '0s' })
    .declare('shop/front', withIp('10.96.0.1', 'own'), [], { [ttl]: '1h' })
    .declare('shop/by-hand', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 80 }] }, [{
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: 'shop', name: 'by-hand-1', labels: { 'kubernetes.io/service-name': 'by-hand' } },
      addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.7'] }], ports: [{ name: 'http', protocol: 'TCP', port: 80 }]
    }], { [ttl]: '1h' })
  const client = new UdpClient(t, await serve(t, of))
  t.strictSame(await at(client, fqdn('own')), [3])
  t.strictSame(await at(client, fqdn('own'), 'SRV'), [3])
  t.strictSame(await at(client, fqdn('anvil')), [3])
  t.strictSame(await at(client, fqdn('zero')), [0])
  t.strictSame(await at(client, fqdn('front')), [3_600], 'cluster IPs have no lease')
  t.strictSame(await at(client, `10-0-0-1.${fqdn('front')}`), [3])
  t.strictSame(await at(client, fqdn('by-hand')), [3_600], 'nor have endpoints that were made by hand')
  of.register('shop/own/a', { address: '10.0.0.1', labels: { app: 'own' }, lease: { ttlMs: 1_000 } })
  t.strictSame(await at(client, fqdn('own')), [1])
  of.deregister('shop/own/a')
  t.strictSame([await at(client, fqdn('own')), await at(client, fqdn('anvil'))], [[5], [15]])
})

t.test('a service, or its namespace, says how many records of a set an answer shows', async (t) => {
  const of = new PlayedFeed().load()
  const count = 300
  for (let index = 0; index < count; index++) of.register(`shop/own/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, labels: { app: 'own' }, ports: [{ name: 'http', port: 80 }] })
  of.declare('shop/few', headless('own', http), [], { [max]: '7' }).declare('shop/many', headless('own', http), [], { [max]: '1000' }).declare('shop/one', headless('own', http), [], { [max]: '1' })
  const server = await serve(t, of)
  const client = await TcpClient.open(t, server)
  const shown = async (service: string, type = 'A'): Promise<number> => (await client.query(fqdn(service), type)).answers.length
  t.equal(await shown('few'), 7)
  t.equal(await shown('few', 'SRV'), 7)
  t.equal(await shown('one'), 1)
  t.equal(server.counters.cut, 3)
  t.equal(await shown('many'), count)
  t.equal(server.counters.cut, 3, 'a set that is shown whole is not cut')
  t.equal(await shown('own'), 100)
  t.equal(server.counters.cut, 4)
  const found = new Set<string>()
  for (let index = 0; index < Math.ceil(count / 6) + 1; index++) for (const { data } of (await client.query(fqdn('few'), 'A')).answers) found.add(data)
  t.equal(found.size, count, 'the window moves on over all of them')
  of.declareNamespace('shop', { [max]: '20' })
  t.strictSame([await shown('own'), await shown('few')], [20, 7], 'the namespace has a default, for implicit services too')
})

t.test('a large set of long names is cut to what an answer over TCP holds', async (t) => {
  const of = new PlayedFeed().load()
  const long = 'x'.repeat(57)
  for (let index = 0; index < 600; index++) of.register(`shop/${long}/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, hostname: `${long}-${index}`, ports: [{ name: 'http', port: 80 }] })
  of.declareNamespace('shop', { [max]: '1000' })
  const server = await serve(t, of)
  const message = await (await TcpClient.open(t, server)).query(fqdn(long), 'SRV')
  t.equal(message.flag_tc, false)
  t.ok(message.answers.length > 300 && message.answers.length < 600, `${message.answers.length} of 600`)
  t.equal(server.counters.cut, 1)
})

function shops (): PlayedFeed {
  return new PlayedFeed().load()
    .register('far/web/a', { address: '10.9.0.1', hostname: 'far-0', labels: { app: 'far' }, zone: 'west', ports: [{ name: 'http', port: 8080 }], lease: { ttlMs: 60_000 } })
    .register('far/web/b', { address: 'fd00::9', labels: { app: 'far' }, ports: [{ name: 'http', port: 8080 }], lease: { ttlMs: 60_000 } })
    .register('shop/sick/a', { address: '10.0.0.1', labels: { app: 'sick' }, hostname: 'sick-0', status: 'down' })
    .declare('far/gate', withIp('10.96.9.9', 'far'), [], { [ttl]: '1h' })
    .declare('shop/empty', withIp('10.96.9.8', 'nobody'))
    .declare('shop/out', { type: 'ExternalName', externalName: 'partner.example' })
    .declare('shop/headless', headless('sick', http), [], { [fallback]: 'sick, nowhere, out, empty, far/web, far/gate' })
    .declare('shop/front', withIp('10.96.0.1', 'sick'), [], { [fallback]: 'far/gate', [ttl]: '30' })
    .declare('shop/none', headless('sick', http), [], { [fallback]: 'sick' })
    .declare('shop/alone', withIp('10.96.0.2', 'sick'), [], { [fallback]: 'nowhere' })
    .declare('shop/ping', headless('sick', http), [], { [fallback]: 'pong' })
    .declare('shop/pong', headless('sick', http), [], { [fallback]: 'ping, far/web' })
}

const soa = `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} 12 7200 1800 86400 5`
const far = fqdn('web', 'far')
const gate = fqdn('gate', 'far')
const rows: readonly Row[] = [
  { says: 'the first fallback that has somebody answers, under the name that was asked for', ask: [fqdn('headless'), 'A'], answer: [`${fqdn('headless')} 5 A 10.9.0.1`] },
  { says: 'of both families', ask: [fqdn('headless'), 'AAAA'], answer: [`${fqdn('headless')} 5 AAAA fd00::9`] },
  {
    says: 'SRV leads to the names of the other service, and their addresses come along', ask: [`_http._tcp.${fqdn('headless')}`, 'SRV'],
    answer: [`_http._tcp.${fqdn('headless')} 5 SRV 0 100 8080 far-0.${far}`, `_http._tcp.${fqdn('headless')} 5 SRV 0 100 8080 fd00--9.${far}`],
    additional: [`far-0.${far} 5 A 10.9.0.1`, `fd00--9.${far} 5 AAAA fd00::9`]
  },
  { says: 'a port that the other does not have is no name', ask: [`_admin._tcp.${fqdn('headless')}`, 'SRV'], ...nxdomain },
  { says: 'hosts of the other are no hosts of this one', ask: [`far-0.${fqdn('headless')}`, 'A'], ...nxdomain },
  { says: 'a choice is among the endpoints of the other', ask: [`west.pin._zone.${fqdn('headless')}`, 'A'], answer: [`west.pin._zone.${fqdn('headless')} 5 A 10.9.0.1`] },
  { says: 'a service with cluster IPs gives these, and no longer than the asked one allows', ask: [fqdn('front'), 'A'], answer: [`${fqdn('front')} 30 A 10.96.9.9`] },
  {
    says: 'and its own name and port in SRV', ask: [fqdn('front'), 'SRV'], answer: [`${fqdn('front')} 30 SRV 0 100 80 ${gate}`], additional: [`${gate} 30 A 10.96.9.9`]
  },
  { says: 'if nobody has anybody a headless service is no name', ask: [fqdn('none'), 'A'], ...nxdomain },
  { says: 'and a ClusterIP service as ever', ask: [fqdn('alone'), 'A'], answer: [`${fqdn('alone')} 5 A 10.96.0.2`] },
  { says: 'fallbacks of a fallback are not asked', ask: [fqdn('ping'), 'A'], ...nxdomain },
  { says: 'a circle is none', ask: [fqdn('pong'), 'A'], answer: [`${fqdn('pong')} 5 A 10.9.0.1`] },
  { says: 'another type is no data', ask: [fqdn('headless'), 'TXT'], ...nodata }
]

t.test('a service of which nobody is answered is answered by its fallbacks', async (t) => {
  await checkRows(t, await serve(t, shops()), rows, soa)
})

t.test('a fallback follows the changes of both services', async (t) => {
  const of = shops()
  const client = new UdpClient(t, await serve(t, of))
  const answer = async (): Promise<string[]> => text((await client.query(fqdn('headless'), 'A')).answers)
  t.strictSame(await answer(), [`${fqdn('headless')} 5 A 10.9.0.1`])
  of.register('shop/sick/a', { address: '10.0.0.1', labels: { app: 'sick' }, hostname: 'sick-0', lease: { ttlMs: 60_000 } })
  t.strictSame(await answer(), [`${fqdn('headless')} 5 A 10.0.0.1`], 'it has somebody: it answers itself')
  of.deregister('shop/sick/a').deregister('far/web/a')
  t.strictSame(await answer(), [], 'the other has lost its IPv4 endpoint')
  of.deregister('far/web/b')
  t.equal((await client.query(fqdn('headless'), 'A')).rcode, 'NXDOMAIN')
})
