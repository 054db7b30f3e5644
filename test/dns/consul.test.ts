// Consul's names, as tables of question and answer.
import t from 'tap'
import { zonesOf } from '../../server/dns/names/zones.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'
import { type Row, checkRows, nodata, nxdomain } from './table.ts'

const consul = { domain: 'consul', datacenter: 'dc1', namespace: 'default' }
const web = 'web.service.consul'

/** Revision 8. */
function played (): PlayedFeed {
  return new PlayedFeed().load()
    .register('default/web/a', { address: '10.0.0.1', ports: [{ port: 8080 }], weight: 100, labels: { v1: '', zone: 'east' } })
    .register('default/web/b', { address: '10.0.0.2', ports: [{ port: 8081 }, { name: 'admin', port: 9000 }], weight: 300, labels: { v2: '', Blue: '' }, node: 'host-b.example' })
    .register('default/web/c', { address: 'fd00::3', ports: [{ port: 8080 }], labels: { v1: '' } })
    .register('default/web/d', { address: '10.0.0.4', ports: [{ port: 8080 }], labels: { v1: '' }, status: 'down' })
    .register('default/down/a', { address: '10.0.0.5', ports: [{ port: 80 }], status: 'down' })
    .register('default/leaving/a', { address: '10.0.0.8', ports: [{ port: 80 }], status: 'draining' })
    .register('default/bare/a', { address: '10.0.0.6' })
    .register('shop/orders/a', { address: '10.0.0.7', ports: [{ port: 80 }] })
}

const a1 = '0a000001.addr.dc1.consul'
const a2 = '0a000002.addr.dc1.consul'
const a3 = 'fd000000000000000000000000000003.addr.dc1.consul'

const rows: readonly Row[] = [
  { says: 'a service has one A per answered instance', ask: [web, 'A'], answer: [`${web} 5 A 10.0.0.1`, `${web} 5 A 10.0.0.2`] },
  { says: 'and AAAA', ask: [web, 'AAAA'], answer: [`${web} 5 AAAA fd00::3`] },
  {
    says: 'SRV has the one port of each, its weight, and the address of its target', ask: [web, 'SRV'],
    answer: [`${web} 5 SRV 0 100 8080 ${a1}`, `${web} 5 SRV 0 100 8080 ${a3}`, `${web} 5 SRV 0 300 8081 ${a2}`],
    additional: [`${a1} 5 A 10.0.0.1`, `${a2} 5 A 10.0.0.2`, `${a3} 5 AAAA fd00::3`]
  },
  { says: 'the datacenter may be named', ask: ['web.service.dc1.consul', 'AAAA'], answer: ['web.service.dc1.consul 5 AAAA fd00::3'] },
  { says: 'in its newer form too', ask: ['web.service.dc1.dc.consul', 'AAAA'], answer: ['web.service.dc1.dc.consul 5 AAAA fd00::3'] },
  { says: 'letters in any case', ask: ['WEB.Service.CONSUL', 'AAAA'], answer: ['WEB.Service.CONSUL 5 AAAA fd00::3'] },
  { says: 'another datacenter is nowhere', ask: ['web.service.dc2.consul', 'A'], ...nxdomain },
  { says: 'nor in its newer form', ask: ['web.service.dc2.dc.consul', 'A'], ...nxdomain },
  { says: 'a tag chooses', ask: [`v2.${web}`, 'A'], answer: [`v2.${web} 5 A 10.0.0.2`] },
  { says: 'a tag in any case', ask: [`blue.${web}`, 'A'], answer: [`blue.${web} 5 A 10.0.0.2`] },
  { says: 'a tag that nobody has is no name', ask: [`v3.${web}`, 'A'], ...nxdomain },
  { says: 'nor one that only a dead one has the address family of', ask: [`v2.${web}`, 'AAAA'], ...nodata },
  { says: 'RFC 2782 with a tag', ask: ['_web._v2.service.consul', 'SRV'], answer: [`_web._v2.service.consul 5 SRV 0 300 8081 ${a2}`], additional: [`${a2} 5 A 10.0.0.2`] },
  {
    says: 'RFC 2782 with a transport, which is no tag', ask: ['_web._tcp.service.dc1.consul', 'SRV'],
    answer: [`_web._tcp.service.dc1.consul 5 SRV 0 100 8080 ${a1}`, `_web._tcp.service.dc1.consul 5 SRV 0 100 8080 ${a3}`, `_web._tcp.service.dc1.consul 5 SRV 0 300 8081 ${a2}`],
    additional: [`${a1} 5 A 10.0.0.1`, `${a2} 5 A 10.0.0.2`, `${a3} 5 AAAA fd00::3`]
  },
  { says: 'a tag before it is too much', ask: [`x.v2.${web}`, 'A'], ...nxdomain },
  { says: 'a service of which nobody is answered is no name', ask: ['down.service.consul', 'A'], ...nxdomain },
  { says: 'nor one of which all drain', ask: ['leaving.service.consul', 'A'], ...nxdomain },
  { says: 'nor one that is not there', ask: ['none.service.consul', 'A'], ...nxdomain },
  { says: 'one without a port has no SRV', ask: ['bare.service.consul', 'SRV'], ...nodata },
  { says: 'other types are no data', ask: [web, 'TXT'], ...nodata },
  { says: 'another namespace is named', ask: ['orders.service.shop.ns.dc1.dc.consul', 'A'], answer: ['orders.service.shop.ns.dc1.dc.consul 5 A 10.0.0.7'] },
  { says: 'it is not in the default one', ask: ['orders.service.consul', 'A'], ...nxdomain },
  { says: 'the target of SRV has its address', ask: [a2, 'A'], answer: [`${a2} 5 A 10.0.0.2`] },
  { says: 'of IPv6 too', ask: [a3, 'AAAA'], answer: [`${a3} 5 AAAA fd00::3`] },
  { says: 'and no other', ask: [a3, 'A'], ...nodata },
  { says: 'digits that are no address', ask: ['0a00000.addr.dc1.consul', 'A'], ...nxdomain },
  { says: 'a node by its name', ask: ['host-b.example.node.consul', 'A'], answer: ['host-b.example.node.consul 5 A 10.0.0.2'] },
  { says: 'a node by its address', ask: ['10.0.0.1.node.dc1.consul', 'A'], answer: ['10.0.0.1.node.dc1.consul 5 A 10.0.0.1'] },
  { says: 'a node has its meta as text', ask: ['host-b.example.node.consul', 'TXT'], answer: ['host-b.example.node.consul 5 TXT "consul-network-segment="'] },
  { says: 'a node that is not there', ask: ['10.9.9.9.node.consul', 'A'], ...nxdomain },
  { says: 'nor one with a name', ask: ['nobody.node.consul', 'A'], ...nxdomain },
  ...['service.consul', 'node.consul', 'addr.consul', 'dc1.consul', 'service.dc1.consul', 'dc.consul', '_v2.service.consul', 'ns.consul'].map((name): Row => ({ says: `${name} has names below`, ask: [name, 'A'], ...nodata })),
  { says: 'anything else is no name', ask: ['odd.consul', 'A'], ...nxdomain },
  { says: 'what the others have there is none here', ask: ['web.default.svc.consul', 'A'], ...nxdomain },
  { says: 'the machine stands behind the names of services', ask: ['2.0.0.10.in-addr.arpa', 'PTR'], answer: ['2.0.0.10.in-addr.arpa 5 PTR 10-0-0-2.web.default.svc.cluster.local', '2.0.0.10.in-addr.arpa 5 PTR host-b.example.node.dc1.consul'] }
]

t.test('Consul\'s names', async (t) => {
  const dns = await serve(t, played(), { consul, reverse: ['10.0.0.0/24'] })
  await checkRows(t, dns, rows, 'consul 5 SOA ns.dns.cluster.local hostmaster.cluster.local 8 7200 1800 86400 5')
})

t.test('the domain is refused where it hides other names', async (t) => {
  for (const domain of ['cluster.local', 'svc.cluster.local', '10.in-addr.arpa']) t.throws(() => zonesOf({ consul: { ...consul, domain } }, []), { code: 'REG_INVALID' }, domain)
  t.equal(zonesOf({ consul: { ...consul, domain: 'consul.cluster.local' } }, []).length, 2)
})
