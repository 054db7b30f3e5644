// The grammar of names, by properties: what is composed is read back, in either case, and nothing else is a name.
import fc from 'fast-check'
import t from 'tap'
import { type RecordName, readRecordName } from '../../server/dns/names/record-name.ts'
import { QueryReader } from '../../server/dns/wire/query-reader.ts'
import { Zone } from '../../server/dns/names/zone.ts'

const options = { ttlSeconds: 5, addresses: [] }
const zone = new Zone('cluster.local', options)
const below = new Zone('east.cluster.local', options)
const zones = [below, zone]

function queryOf (labels: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from('000100000001000000000000', 'hex'), ...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0, 0, 1, 0, 1])])
}

const reader = new QueryReader()
function read (labels: readonly (string | Buffer)[]): RecordName | 'malformed' {
  const outcome = reader.read(queryOf(labels.map((label) => (typeof label === 'string' ? Buffer.from(label, 'latin1') : label))))
  return outcome === 0 ? readRecordName(reader, zones) : 'malformed'
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const label = fc.string({ unit: fc.constantFrom(...letters, '-'), minLength: 1, maxLength: 30 })
const kind = (name: ReturnType<typeof read>): string => (name === 'malformed' ? name : name.kind)

/** Upper case at random places. */
const anyCase = (text: string): fc.Arbitrary<string> => fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length })
  .map((flips) => [...text].map((letter, index) => (flips[index] === true ? letter.toUpperCase() : letter)).join(''))

t.test('each legal shape is read back into its parts, whatever the case', async (t) => {
  const shapes: readonly [string, fc.Arbitrary<{ labels: string[], expected: object }>][] = [
    ['namespace', label.map((namespace) => ({ labels: [namespace, 'svc'], expected: { kind: 'namespace', namespace } }))],
    ['service', fc.tuple(label, label).map(([service, namespace]) => ({ labels: [service, namespace, 'svc'], expected: { kind: 'service', service, namespace } }))],
    ['endpoint', fc.tuple(label, label, label).map(([hostname, service, namespace]) => ({ labels: [hostname, service, namespace, 'svc'], expected: { kind: 'endpoint', hostname, service, namespace } }))],
    ['protocol', fc.tuple(fc.constantFrom('TCP', 'UDP', 'SCTP'), label, label).map(([protocol, service, namespace]) => ({
      labels: [`_${protocol.toLowerCase()}`, service, namespace, 'svc'], expected: { kind: 'protocol', protocol, service, namespace }
    }))],
    ['port', fc.tuple(label, fc.constantFrom('TCP', 'UDP', 'SCTP'), label, label).map(([port, protocol, service, namespace]) => ({
      labels: [`_${port}`, `_${protocol.toLowerCase()}`, service, namespace, 'svc'], expected: { kind: 'port', port, protocol, service, namespace }
    }))]
  ]
  for (const [name, shape] of shapes) {
    fc.assert(fc.property(shape.chain(({ labels, expected }) => fc.tuple(fc.tuple(...[...labels, 'cluster', 'local'].map(anyCase)), fc.constant(expected))), ([labels, expected]) => {
      const found = read(labels)
      return found !== 'malformed' && JSON.stringify(Object.entries({ ...found, zone: undefined }).sort()) === JSON.stringify(Object.entries({ ...expected, zone: undefined }).sort())
    }))
    t.pass(name)
  }
})

t.test('names of the zone itself have one meaning each', async (t) => {
  for (const [name, expected] of [
    ['', 'apex'], ['dns-version', 'version'], ['dns', 'name-servers'], ['ns.dns', 'name-server'], ['svc', 'services'],
    ['x.dns-version', 'unknown'], ['x.dns', 'unknown'], ['x.ns.dns', 'unknown'], ['pod', 'pods'], ['y.pod', 'pod-namespace'], ['x.y.pod', 'unknown'],
    ['10-0-0-7.y.pod', 'pod'], ['fd00--7.y.pod', 'pod'], ['010-0-0-7.y.pod', 'unknown'], ['10-0-0-256.y.pod', 'unknown'], ['--ffff-a00-7.y.pod', 'unknown'], ['x.10-0-0-7.y.pod', 'unknown'],
    ['_udp', 'browse-part'], ['_dns-sd._udp', 'browse-part'], ['b._dns-sd._udp', 'domains'], ['lb._dns-sd._udp', 'domains'], ['_services._dns-sd._udp', 'types'],
    ['r._dns-sd._udp', 'unknown'], ['x.b._dns-sd._udp', 'unknown'], ['_x._udp', 'unknown'], ['_tcp', 'unknown'],
    ['_tcp.x.svc', 'type-protocol'], ['_sctp.x.svc', 'unknown'], ['_dns-sd._udp.x.svc', 'browse-part'], ['_services._dns-sd._udp.x.svc', 'types'], ['b._dns-sd._udp.x.svc', 'unknown'],
    ['_dns-sd._tcp.x.svc', 'type'], ['_http._tcp.x.svc', 'type'], ['http._tcp.x.svc', 'unknown'], ['a_b._http._tcp.x.svc', 'offer'], ['y.a_b._http._tcp.x.svc', 'unknown'],
    ['_x.a.b.svc', 'unknown'], ['x._tcp.a.b.svc', 'unknown'], ['_x._tcp.a.b.svc', 'port'], ['_._tcp.a.b.svc', 'port'], ['_y._x._tcp.a.b.svc', 'unknown'], ['a.b.c.d.svc', 'unknown']
  ] as const) {
    t.equal(kind(read([...name.split('.').filter(Boolean), 'cluster', 'local'])), expected, `${name}.cluster.local`)
  }
})

t.test('a name is outside exactly if it does not end with the labels of a zone', async (t) => {
  fc.assert(fc.property(fc.array(label, { maxLength: 6 }), (labels) => {
    const isInside = labels.slice(-2).join('.') === 'cluster.local'
    return (kind(read(labels)) === 'outside') === !isInside
  }))
  t.equal(kind(read(['clusterlocal'])), 'outside')
  t.equal(kind(read(['cluster.local'])), 'outside', 'one label with a dot is not two labels')
  t.equal(kind(read([])), 'outside', 'the root')
  const nested = read(['a', 'svc', 'east', 'cluster', 'local'])
  t.equal(typeof nested === 'object' && 'zone' in nested && nested.zone, below, 'the longest zone wins')
})

t.test('a label with any other octet is unknown', async (t) => {
  const isPlain = (octet: number): boolean => /[A-Za-z0-9_-]/.test(String.fromCharCode(octet))
  for (let octet = 0; octet < 256; octet++) {
    t.equal(kind(read([Buffer.from([0x61, octet, 0x62]), 'shop', 'svc', 'cluster', 'local'])), isPlain(octet) ? 'service' : 'unknown', `octet ${octet}`)
  }
})

t.test('any octets at all are read without an exception', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    const message = Buffer.concat([Buffer.from('00010000000100000000000', 'hex'), octets])
    if (reader.read(message) === 0) readRecordName(reader, zones)
    return reader.questionLength <= 259 && 12 + reader.questionLength <= Math.max(12, message.length)
  }), { numRuns: 2_000 })
  fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 10 }), (labels) => {
    const length = labels.reduce((sum, { length }) => sum + 1 + length, 1)
    return (kind(read(labels.map((octets) => Buffer.from(octets)))) === 'malformed') === (length > 255)
  }), { numRuns: 2_000 })
  t.pass()
})
