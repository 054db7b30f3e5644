// Which reverse zones a network comes to.
import t from 'tap'
import { defaultInstanceCidrs, readInstanceCidrs, reversePrefixes } from '../../server/dns/names/reverse-networks.ts'
import { ReverseZone } from '../../server/dns/names/reverse-zone.ts'
import { Zone } from '../../server/dns/names/zone.ts'

const options = { ttlSeconds: 5, addresses: [] }
const target = new Zone('cluster.local', options)
const zonesOf = (...networks: readonly string[]): string[] =>
  reversePrefixes(readInstanceCidrs(networks)).map((prefix) => new ReverseZone(prefix, target, options).name)

t.test('a network is the zones that it needs', async (t) => {
  for (const [networks, zones] of [
    [['10.0.0.0/8'], ['10.in-addr.arpa']],
    [['192.168.0.0/16'], ['168.192.in-addr.arpa']],
    [['10.96.0.0/14'], ['96.10.in-addr.arpa', '97.10.in-addr.arpa', '98.10.in-addr.arpa', '99.10.in-addr.arpa']],
    [['192.0.2.0/31'], ['0.2.0.192.in-addr.arpa', '1.2.0.192.in-addr.arpa']],
    [['192.0.2.7/32'], ['7.2.0.192.in-addr.arpa']],
    [['0.0.0.0/0'], ['in-addr.arpa']],
    [['fd00::/8'], ['d.f.ip6.arpa']],
    [['fd00:10:96::/47'], ['6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa', '7.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa']],
    [['::/0'], ['ip6.arpa']],
    [['::1/128'], [`1.${'0.'.repeat(31)}ip6.arpa`]]
  ] as const) t.strictSame(zonesOf(...networks), zones, networks.join())
})

t.test('a network that stands twice or within another one is one zone', async (t) => {
  t.strictSame(zonesOf('10.96.0.0/12', '10.0.0.0/8', '10.0.0.0/8', '192.0.2.0/24'), ['10.in-addr.arpa', '2.0.192.in-addr.arpa'])
  t.equal(zonesOf(...defaultInstanceCidrs, '10.96.0.0/12').length, 21)
})

t.test('too many zones, and a text that is no network, are refused', async (t) => {
  t.equal(zonesOf('20.0.0.0/9', '30.0.0.0/9').length, 256)
  t.throws(() => zonesOf('20.0.0.0/9', '30.0.0.0/9', '40.0.0.0/8'), { code: 'REG_INVALID', errors: [{ field: 'instance-cidr', rule: /256 reverse zones, and these need 257/ }] })
  t.throws(() => zonesOf('10.0.0.0'), { code: 'REG_INVALID', errors: [{ value: '10.0.0.0' }] })
})
