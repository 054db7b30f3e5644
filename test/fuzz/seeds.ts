// Good questions of every kind that programs ask, to make bad ones of.
import { question } from '../support/dns-client.ts'
import { malformed } from '../dns/malformed.ts'
import { type Edns, type Query, labelsOf, nameOctets, queryOctets, record, u16 } from './octets.ts'

/** Names in every position that there is below a zone, those that exist and those that do not, and names of others. */
export const names: readonly string[] = [
  ...['cluster.local', 'cluster.internal'].flatMap((zone) => [
    zone, `svc.${zone}`, `dns.${zone}`, `ns.dns.${zone}`, `dns-version.${zone}`, `pod.${zone}`, `shop.svc.${zone}`, `nobody.svc.${zone}`,
    `big.shop.svc.${zone}`, `_http._tcp.big.shop.svc.${zone}`, `_tcp.big.shop.svc.${zone}`, `big-7.big.shop.svc.${zone}`, `10-8-0-3.big.shop.svc.${zone}`,
    `small-0.shop.svc.${zone}`, `_http._tcp.small-1.shop.svc.${zone}`, `_peer._udp.small-2.shop.svc.${zone}`, `10-9-3-0.small-3.shop.svc.${zone}`,
    `front-0.mall.svc.${zone}`, `_http._tcp.front-1.mall.svc.${zone}`, `dual-0.mall.svc.${zone}`, `empty.mall.svc.${zone}`, `asleep.shop.svc.${zone}`,
    `alias-0.harbor.svc.${zone}`, `alias-5.harbor.svc.${zone}`, `alias-9.harbor.svc.${zone}`, `self.harbor.svc.${zone}`, `ping.harbor.svc.${zone}`,
    `out.harbor.svc.${zone}`, `failing.mall.svc.${zone}`, `few.mall.svc.${zone}`, `all.mall.svc.${zone}`, `_http._tcp.all.mall.svc.${zone}`, `ghost.harbor.svc.${zone}`, `_services._dns-sd._udp.${zone}`, `_http._tcp.shop.svc.${zone}`, `_http._tcp.${zone}`,
    `a.pin._zone.big.shop.svc.${zone}`, `b.prefer._zone.big.shop.svc.${zone}`, `v1.canary._tag.big.shop.svc.${zone}`, `10-8-0-3.shop.pod.${zone}`,
    `lb._dns-sd._udp.${zone}`, `x.y.z.a.b.c.d.big.shop.svc.${zone}`, `*.shop.svc.${zone}`
  ]),
  '3.0.8.10.in-addr.arpa', '0.3.9.10.in-addr.arpa', '8.10.in-addr.arpa', '0.0.96.10.in-addr.arpa', 'in-addr.arpa', '8.e.f.ip6.arpa',
  `${'0.'.repeat(30)}d.f.ip6.arpa`, '.', 'local', 'example.com', 'www.shop.example', 'version.bind', 'id.server', 'localhost'
]

/** Every type that a server may think about, and some that it has never heard of. */
export const types: readonly number[] = [
  1, 2, 5, 6, 12, 13, 15, 16, 28, 29, 33, 35, 39, 41, 43, 46, 48, 64, 65, 99, 128, 249, 250, 251, 252, 253, 254, 255, 256, 0, 65_280, 65_535
]

export const cookie = Buffer.from('0102030405060708', 'hex')

export const ednsKinds: readonly Edns[] = [
  { size: 1_232 },
  { size: 512, flags: 0x8000 },
  { size: 0 },
  { size: 65_535, flags: 0xffff },
  { size: 4_096, version: 1 },
  { size: 700, extendedRcode: 0x80 },
  { size: 1_232, options: [{ code: 10, data: cookie }] },
  { size: 1_232, options: [{ code: 10, data: Buffer.concat([cookie, Buffer.from('01000000000000000000000000000000', 'hex')]) }] },
  { size: 1_400, options: [{ code: 3, data: Buffer.alloc(0) }, { code: 11, data: Buffer.alloc(0) }, { code: 12, data: Buffer.alloc(128) }] },
  { size: 1_232, options: [{ code: 8, data: Buffer.from('0001180a0800', 'hex') }, { code: 9, data: Buffer.alloc(0) }, { code: 15, data: u16(3) }] },
  { size: 1_232, options: [{ code: 65_001, data: Buffer.alloc(40, 0x61) }, { code: 11, data: u16(100) }, { code: 14, data: u16(20_326) }] }
]

const soa = (serial: number): Buffer => Buffer.concat([nameOctets(labelsOf('ns.dns.cluster.local')), nameOctets(labelsOf('hostmaster.cluster.local')), u16(serial >>> 16, serial, 0, 7_200, 0, 1_800, 1, 20_864, 0, 5)])
const owner = nameOctets(labelsOf('cluster.local'))
const questionPointer = u16(0xc00c)

/** RFC 8945 4.2: the key's name, algorithm, time(6), fudge, MAC, the id, error, other. */
function tsig (mac: Buffer, key = 'edge', algorithm = 'hmac-sha256'): Buffer {
  const data = [nameOctets(labelsOf(algorithm)), u16(0, 0x6955, 0xb900, 300, mac.length), mac, u16(0, 0, 0)]
  return record(nameOctets(labelsOf(key)), 250, 255, 0, Buffer.concat(data))
}

const local = labelsOf('cluster.local')
/** What a secondary, a primary, an updater and the makers of odd messages send. */
const special: readonly Query[] = [
  { labels: local, type: 252, additionals: [tsig(Buffer.alloc(32, 7))] },
  { labels: local, type: 252, edns: { size: 1_232 }, additionals: [tsig(Buffer.alloc(16), 'edge', 'hmac-md5.sig-alg.reg.int')] },
  { labels: labelsOf('big.shop.svc.cluster.local'), type: 1, additionals: [tsig(Buffer.alloc(0))] },
  { labels: local, type: 1, additionals: [record(tsig(cookie).subarray(0, 6), 250, 255, 0, Buffer.alloc(3))] },
  ...[0, 1, 7, 0xffff_ffff].map((serial) => ({ labels: local, type: 251, authorities: [record(questionPointer, 6, 1, 5, soa(serial))] })),
  { labels: local, type: 251, authorities: [record(owner, 6, 1, 5, soa(3))], additionals: [tsig(Buffer.alloc(32, 1))] },
  { labels: local, type: 251, authorities: [record(owner, 1, 1, 5, soa(3))] },
  { labels: local, type: 251, authorities: [record(owner, 6, 1, 5, Buffer.alloc(7))] },
  { labels: local, type: 6, flags: 0x2400, answers: [record(owner, 6, 1, 5, soa(9))] }, // NOTIFY
  { labels: local, type: 6, flags: 0x2400 },
  { labels: local, type: 6, flags: 0x2800, authorities: [record(questionPointer, 1, 1, 5, Buffer.from([10, 0, 0, 1]))] }, // UPDATE
  { labels: local, type: 6, flags: 0x1000 }, // STATUS
  { labels: local, type: 6, flags: 0x3000, edns: { size: 1_232 } }, // DSO (RFC 8490)
  { labels: local, type: 1, flags: 0x7900 },
  { labels: local, type: 1, flags: 0x07ff },
  { labels: labelsOf('version.bind'), type: 16, class: 3 },
  { labels: labelsOf('id.server'), type: 16, class: 3, edns: { size: 1_232 } },
  { labels: labelsOf('big.shop.svc.cluster.local'), type: 1, class: 255 },
  { labels: labelsOf('big.shop.svc.cluster.local'), type: 1, class: 254 },
  { labels: [Buffer.from('big.shop'), ...labelsOf('svc.cluster.local')], type: 1 },
  { labels: [Buffer.from([0, 0x2e, 0xc0, 0x0c, 0xff]), ...labelsOf('shop.svc.cluster.local')], type: 1 },
  { labels: [...Array.from({ length: 120 }, () => Buffer.from('a')), ...local], type: 1 },
  { labels: [...Array.from({ length: 3 }, () => Buffer.alloc(63, 0x61)), ...local], type: 28 },
  { labels: [Buffer.alloc(64, 0x61), ...local], type: 28 },
  { labels: local, type: 6, edns: { size: 1_232 }, additionals: [record(Buffer.alloc(1), 41, 4_096, 0, Buffer.alloc(0))] }, // two OPTs
  { labels: local, type: 6, edns: { size: 1_232 }, additionals: [record(Buffer.alloc(1), 16, 1, 0, Buffer.from('0161', 'hex'))] },
  { labels: [], type: 1, counts: [0, 0, 0, 1], edns: { size: 1_232, options: [{ code: 10, data: cookie }] } }
]

export const seeds: readonly Buffer[] = [
  ...malformed.map(([, message]) => message.subarray(0, 1_500)),
  ...names.flatMap((name, index) => [1, 28, 33, types[index % types.length] ?? 0].map((type, offset) =>
    queryOctets({ labels: labelsOf(name), type, edns: offset % 2 === 0 ? undefined : ednsKinds[(index + offset) % ednsKinds.length] }))),
  ...types.map((type) => queryOctets({ labels: labelsOf('big.shop.svc.cluster.local'), type, edns: { size: 1_232 } })),
  ...ednsKinds.flatMap((edns) => [1, 33].map((type) => queryOctets({ labels: labelsOf('big.shop.svc.cluster.local'), type, edns }))),
  ...special.map(queryOctets),
  ...['A', 'AAAA', 'SRV', 'ANY', 'SOA', 'NS', 'TXT', 'AXFR'].flatMap((type) => ['big.shop.svc.cluster.local', 'cluster.local'].flatMap((name) =>
    [question(name, type), question(name, type, { edns: { size: 4_096, options: [{ code: 10, data: cookie }] } })])), // by dns-packet
  Buffer.from('GET / HTTP/1.1\r\nHost: registry\r\n\r\n'), Buffer.alloc(0), Buffer.alloc(12), Buffer.alloc(512, 0xff)
]
