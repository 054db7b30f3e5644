// A whole zone and single questions are one truth: what is in the one is what the other answers, in both directions.
import fc from 'fast-check'
import t from 'tap'
import { type ContentSet, soaRecord, zoneParts, zoneRecords } from '../../server/dns/transfer/zone-content.ts'
import { ZoneVersions, TooManyRecords, difference, recordsOf } from '../../server/dns/transfer/zone-versions.ts'
import { ReverseZone } from '../../server/dns/names/reverse-zone.ts'
import type { Zone } from '../../server/dns/names/zone.ts'
import { codec, framed, question, TcpClient, text } from '../support/dns-client.ts'
import { zonesOf } from '../../server/dns/names/zones.ts'
import { endpointSet } from '../../server/model/instance/endpoints.ts'
import { fallbackAnnotation, maxRecordsAnnotation } from '../../server/model/service/dns-annotations.ts'
import { pointerAnnotation } from '../../server/model/service/pointer-policy.ts'
import { hostnames, namespaces, play, services, step } from './steps.ts'
import { ttlSeconds, zoneNamed } from './transfer-listener.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

/** Records as a zone file has them, by name and type. */
function bySet (records: readonly string[]): Map<string, string[]> {
  const sets = new Map<string, string[]>()
  for (const record of records) {
    const [name = '', , type = ''] = record.split(' ')
    const key = `${name} ${type}`
    sets.set(key, [...sets.get(key) ?? [], record].sort())
  }
  return sets
}

function decoded (records: Iterable<Buffer>): string[] {
  return Array.from(records, (record) => {
    const head = Buffer.alloc(12)
    head.writeUInt16BE(0x8400, 2)
    head.writeUInt16BE(1, 6)
    return text(codec.decode(Buffer.concat([head, record])).answers)[0] ?? ''
  })
}

function contentOf (zone: Zone, zones: readonly Zone[], world: PlayedFeed): string[] {
  const soa = soaRecord(zone, world.feed, { ttlSeconds, zones })
  return decoded([...soa === undefined ? [] : [soa], ...zoneRecords(zone, world.feed, { ttlSeconds, zones })])
}

/** Every name that any steps could create, and the ones in between. */
function candidates (zone: string): string[] {
  const hosts = [...hostnames, '10-0-0-1', '10-0-0-2', 'fd00--0', 'fd00--2', 'no']
  const below = ['', ...hosts.map((host) => `${host}.`), ...['_http._tcp', '_http._udp', '_dns._udp', '_dns._tcp', '_tcp', '_udp'].map((port) => `${port}.`)]
  return [
    zone, `dns.${zone}`, `ns.dns.${zone}`, `dns-version.${zone}`, `svc.${zone}`, `no.${zone}`,
    ...namespaces.flatMap((namespace) => [`${namespace}.svc.${zone}`, ...services.flatMap((service) => below.map((front) => `${front}${service}.${namespace}.svc.${zone}`))])
  ]
}

/** The names of the addresses that any steps could have given, of others, and the ones in the middle. */
const reverseNames = [
  ...['1.0.0.10', '2.0.0.10', '3.0.0.10', '9.0.96.10', '0.0.10', '10'].map((labels) => `${labels}.in-addr.arpa`),
  ...['fd00'.padEnd(32, '0'), `${'fd00'.padEnd(31, '0')}2`, `${'fd000096'.padEnd(31, '0')}9`, 'fd00', 'fd'].map((digits) => `${[...digits].reverse().join('.')}.ip6.arpa`)
]

/** As dns-packet calls them. It has no names for SVCB (64) and HTTPS (65). */
const types = ['SOA', 'NS', 'TXT', 'A', 'AAAA', 'SRV', 'CNAME', 'PTR', 'UNKNOWN_64', 'UNKNOWN_65'] as const

async function checkZone (client: TcpClient, names: readonly string[], content: readonly string[]): Promise<string[]> {
  const sets = bySet(content)
  const asked = names.flatMap((name) => types.map((type) => ({ name, type })))
  const known = new Set(asked.map(({ name, type }) => `${name} ${type}`))
  const faults = [...sets.keys()].filter((key) => !known.has(key)).map((key) => `is in the zone, and nobody would ask for it: ${key}`)
  client.socket.write(Buffer.concat(asked.map(({ name, type }) => framed(question(name, type.replace('UNKNOWN_', 'TYPE'))))))
  for (const { name, type } of asked) {
    const message = await client.receive()
    if (message === undefined) throw new Error('the connection ended')
    const own = text(codec.decode(message).answers).filter((record) => record.startsWith(`${name} `)).sort()
    const wanted = sets.get(`${name} ${type}`) ?? sets.get(`${name} CNAME`) ?? []
    if (own.join('\n') !== wanted.join('\n')) faults.push(`${name} ${type}: answered ${own.join(', ')}; in the zone ${wanted.join(', ')}`)
  }
  return faults
}

t.test('whatever happens, every set of the zone is what its question answers, and whatever is answered is in the zone', async (t) => {
  const names = ['cluster.local', 'corp.example']
  const networks = ['10.0.0.0/8', 'fd00::/8', '10.96.0.9/32', 'fd00::2/128']
  const options = { zones: names, reverse: networks.slice(0, 2) }
  const ofAddresses = { zones: names, reverse: networks.slice(2) } // zones of one address each
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const world = play(new PlayedFeed().load(), steps)
    const ends: (() => Promise<void> | void)[] = []
    const scope = { teardown: (end: () => Promise<void> | void) => { ends.unshift(end) } }
    try {
      const faults: string[] = []
      for (const { zones: texts, reverse } of [options, ofAddresses]) {
        const client = await TcpClient.open(scope, await serve(scope, world, { zones: texts, reverse }))
        const zones = zonesOf({ zones: texts, reverse }, ['127.0.0.1'])
        for (const zone of zones) {
          const asked = zone instanceof ReverseZone ? reverseNames.filter((name) => name.endsWith(zone.name)) : candidates(zone.name)
          faults.push(...await checkZone(client, asked, contentOf(zone, zones, world)))
        }
      }
      if (faults.length > 0) throw new Error(faults.join('\n'))
    } finally {
      for (const end of ends) await end()
    }
  }), { numRuns: 50 })
  t.pass('for every run')
})

const front = 'web.shop.svc.cluster.local'

t.test('a zone has its records in one order, without turning', async (t) => {
  const world = new PlayedFeed().load()
    .register('shop/web/b', { address: '10.0.0.2', ports: [{ name: 'http', port: 80 }], weight: 0 })
    .register('shop/web/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
  const zone = zoneNamed('cluster.local')
  const first = contentOf(zone, [zone], world)
  t.strictSame(first, [
    'cluster.local 5 SOA ns.dns.cluster.local hostmaster.cluster.local 2 7200 1800 86400 5',
    'cluster.local 5 NS ns.dns.cluster.local',
    'ns.dns.cluster.local 5 A 127.0.0.1',
    'dns-version.cluster.local 5 TXT "1.1.0"',
    `${front} 5 A 10.0.0.1`, `${front} 5 A 10.0.0.2`,
    `${front} 5 SRV 0 100 80 10-0-0-1.${front}`, `${front} 5 SRV 0 0 80 10-0-0-2.${front}`,
    ...[65, 64].map((type) => `${front} 5 UNKNOWN_${type} 0001000001000908687474702f312e31000300020050000400080a0000010a000002`),
    `_http._tcp.${front} 5 SRV 0 100 80 10-0-0-1.${front}`, `_http._tcp.${front} 5 SRV 0 0 80 10-0-0-2.${front}`,
    `10-0-0-1.${front} 5 A 10.0.0.1`, `10-0-0-2.${front} 5 A 10.0.0.2`
  ])
  t.strictSame(contentOf(zone, [zone], world), first)
})

t.test('a set of more than a hundred records is cut to the same hundred, and counted', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 101; index++) world.register(`shop/web/${String(index).padStart(3, '0')}`, { address: `10.0.0.${index}`, hostname: 'all', ports: [] })
  const zone = zoneNamed('cluster.local')
  const sets = [...zoneParts(zone, world.feed, { ttlSeconds, zones: [zone] })].flatMap((part): ContentSet[] => [...part?.sets() ?? []])
  t.strictSame(sets.filter(({ isCut }) => isCut).map(({ records }) => records.length), [100, 100], 'the service and the hostname')
  const version = await new ZoneVersions(world.feed, { ttlSeconds, zones: [zone] }).current(zone)
  t.equal(version.cutSets, 2)
  const found = decoded([...version.blocks.values()].flatMap((block) => [...recordsOf(block)]))
  t.ok(found.includes(`${front} 5 A 10.0.0.99`))
  t.notOk(found.includes(`${front} 5 A 10.0.0.100`))
})

t.test('a service that shows fewer records than others has as many in a zone, always the same', async (t) => {
  const world = new PlayedFeed().load().declareNamespace('shop', { [maxRecordsAnnotation]: '2' }).declareNamespace('lab', { [maxRecordsAnnotation]: '1000' })
  for (let index = 1; index <= 3; index++) world.register(`shop/web/${index}`, { address: `10.0.0.${index}`, ports: [] })
  for (let index = 0; index < 101; index++) world.register(`lab/web/${String(index).padStart(3, '0')}`, { address: `10.0.0.${index}`, ports: [] })
  const zone = zoneNamed('cluster.local')
  const content = contentOf(zone, [zone], world)
  t.strictSame(content.filter((record) => record.startsWith('web.shop')), [`${front} 5 A 10.0.0.1`, `${front} 5 A 10.0.0.2`])
  t.equal(content.filter((record) => record.startsWith('web.lab')).length, 100, 'more than a hundred nobody would take')
  t.equal((await new ZoneVersions(world.feed, { ttlSeconds, zones: [zone] }).current(zone)).cutSets, 2)
})

t.test('a service with nobody is in a zone with whom it falls back to, and a change of that one changes it', async (t) => {
  const world = new PlayedFeed().load()
    .declare('shop/web', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'web' }, ports: [] }, [], { [fallbackAnnotation]: 'lab/first, lab/second' })
    .register('lab/second/a', { address: '10.0.0.1', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] })
  const zone = zoneNamed('cluster.local')
  const versions = new ZoneVersions(world.feed, { ttlSeconds, zones: [zone] })
  const take = async (): Promise<string[]> => decoded(recordsOf((await versions.current(zone)).blocks.get('shop/web') ?? { bytes: Buffer.alloc(0), count: 0, cutSets: 0 }))
  const second = '5 SRV 0 100 53 10-0-0-1.second.lab.svc.cluster.local'
  t.strictSame(await take(), [`${front} 5 A 10.0.0.1`, `${front} ${second}`, `_dns._udp.${front} ${second}`])
  world.register('lab/first/a', { address: '10.0.0.2', ports: [] })
  t.strictSame(await take(), [`${front} 5 A 10.0.0.2`])
  world.register('shop/other/a', { address: '10.0.0.3', ports: [], labels: { app: 'web' } })
  t.strictSame(await take(), [`${front} 5 A 10.0.0.3`, `10-0-0-3.${front} 5 A 10.0.0.3`])
})

t.test('a reverse zone has its addresses in order, each with all of its names', async (t) => {
  const world = new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.10', ports: [] })
    .register('shop/web/b', { address: '10.0.0.9', hostname: 'b', ports: [] })
    .register('lab/web/a', { address: '10.0.0.9', ports: [] })
    .register('lab/far/a', { address: '10.9.0.1', ports: [] })
    .register('lab/out/a', { address: '192.0.2.1', ports: [] })
    .register('lab/gone/a', { address: '10.0.0.1', ports: [], status: 'down' })
    .declare('shop/front', { clusterIP: '10.0.0.200', clusterIPs: ['10.0.0.200'], ports: [] })
  const zones = zonesOf({ reverse: ['10.0.0.0/8'] }, ['127.0.0.1'])
  const [, zone] = zones
  if (zone === undefined) return
  const pointer = (labels: string, host: string): string => `${labels}.10.in-addr.arpa 5 PTR ${host}.svc.cluster.local`
  const first = [pointer('9.0.0', 'b.web.shop'), pointer('9.0.0', '10-0-0-9.web.lab'), pointer('10.0.0', '10-0-0-10.web.shop')]
  const rest = [pointer('200.0.0', 'front.shop'), pointer('1.0.9', '10-9-0-1.far.lab')]
  t.strictSame(contentOf(zone, zones, world), [
    '10.in-addr.arpa 5 SOA ns.dns.cluster.local hostmaster.cluster.local 7 7200 1800 86400 5', '10.in-addr.arpa 5 NS ns.dns.cluster.local', ...first, ...rest
  ])
  const versions = new ZoneVersions(world.feed, { ttlSeconds, zones })
  const before = await versions.current(zone)
  world.register('lab/far/a', { address: '10.9.0.2', ports: [] })
  const after = await versions.current(zone)
  t.strictSame([...after.blocks.keys()], ['', '40a0000', '40a0900'])
  t.equal(after.blocks.get('40a0000'), before.blocks.get('40a0000'), 'addresses of whom nothing changed are not made again')
  t.strictSame(await difference(before, after).then((found) => [found?.deleted, found?.added].map((records) => decoded(records ?? []))),
    [[pointer('1.0.9', '10-9-0-1.far.lab')], [pointer('2.0.9', '10-9-0-2.far.lab')]])
})

t.test('a reverse zone is as it was when it was taken, whatever changes while it is made', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 2_000; index++) world.register(`shop/web-${index % 100}/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, ports: [] })
  const zones = zonesOf({ reverse: ['10.0.0.0/8'] }, ['127.0.0.1'])
  const [, zone] = zones
  if (zone === undefined) return
  const taking = new ZoneVersions(world.feed, { ttlSeconds, zones }).current(zone)
  world.deregister('shop/web-99/1999').register('shop/web-99/new', { address: '10.1.7.255', ports: [] })
  const version = await taking
  t.strictSame([version.serial, version.count], [2_000, 2_001])
  const last = version.blocks.get('40a0107')
  t.strictSame(decoded(last === undefined ? [] : recordsOf(last)).at(-1), '207.7.1.10.in-addr.arpa 5 PTR 10-1-7-207.web-99.shop.svc.cluster.local')
})

t.test('of an address that thousands share a zone has a hundred names, and counts the set as cut', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 5_000; index++) world.register(`shop/web-${index % 50}/${String(index).padStart(4, '0')}`, { address: '10.0.0.1', hostname: `h-${index}`, ports: [] })
  const zones = zonesOf({ reverse: ['10.0.0.0/8'] }, ['127.0.0.1'])
  const [, zone] = zones
  if (zone === undefined) return
  t.match(await new ZoneVersions(world.feed, { ttlSeconds, zones }).current(zone), { count: 101, cutSets: 1 })
})

t.test('what is below another zone of this server is delegated to it, once', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] }).register('lab/web/a', { address: '10.0.0.2', ports: [] })
  const [parent, child, grandchild] = ['cluster.local', 'shop.svc.cluster.local', 'x.shop.svc.cluster.local'].map(zoneNamed)
  if (parent === undefined || child === undefined || grandchild === undefined) return
  const content = contentOf(parent, [grandchild, child, parent], world).filter((record) => !record.includes('SOA'))
  t.strictSame(content.filter((record) => record.includes('shop')), ['shop.svc.cluster.local 5 NS ns.dns.shop.svc.cluster.local', 'ns.dns.shop.svc.cluster.local 5 A 127.0.0.1'])
  t.ok(content.includes('web.lab.svc.cluster.local 5 A 10.0.0.2'))
  t.ok(contentOf(child, [grandchild, child, parent], world).includes('web.shop.svc.shop.svc.cluster.local 5 A 10.0.0.1'))
})

t.test('a zone is as it was when it was taken, whatever changes while it is made', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 1_200; index++) world.register(`shop/web-${index}/a`, { address: '10.0.0.1', ports: [] })
  world.declare('shop/zz', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'zz' }, ports: [] }).register('shop/pods/a', { address: '10.0.0.1', ports: [], labels: { app: 'zz' } })
  const zone = zoneNamed('cluster.local')
  const versions = new ZoneVersions(world.feed, { ttlSeconds, zones: [zone] })
  const taking = versions.current(zone)
  world.register('shop/web-1199/b', { address: '10.0.0.9', ports: [] }).register('shop/pods/b', { address: '10.0.0.9', ports: [], labels: { app: 'zz' } }).withdraw('shop/zz')
  const version = await taking
  const found = decoded([...version.blocks.values()].flatMap((block) => [...recordsOf(block)]))
  t.equal(version.serial, 1_202)
  t.ok(found.includes('zz.shop.svc.cluster.local 5 A 10.0.0.1'))
  t.notOk(found.some((record) => record.endsWith('10.0.0.9')))
  t.not(await versions.current(zone), version, 'the next one is another')
})

t.test('a part is made anew when either of what it is made from is another', async (t) => {
  const world = new PlayedFeed().load().declare('shop/web', { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], ports: [] })
  const declared = world.feed.catalog.declared('shop', 'web')
  if (declared === undefined) return
  let { manifest, endpoints } = declared
  let revision = 1
  const catalog = {
    namespaces: () => ['shop'], services: () => ['web'], hasNamespace: () => true, endpoints: () => undefined, declared: () => ({ manifest, endpoints }),
    service: () => undefined, namespaceAnnotations: () => undefined, addresses: world.feed.catalog.addresses, object: () => undefined
  }
  const source = { loaded: true, staleSeconds: 0, epoch: 'e', catalog, get revision () { return revision } }
  const zone = zoneNamed('cluster.local')
  const versions = new ZoneVersions(source, { ttlSeconds, zones: [zone] })
  const take = async (): Promise<string> => {
    revision++
    return decoded([...(await versions.current(zone)).blocks].flatMap(([key, block]) => (key === '' ? [] : [...recordsOf(block)]))).join()
  }
  t.equal(await take(), `${front} 5 A 10.96.0.1`)
  manifest = { ...manifest, spec: { ...manifest.spec, clusterIPs: ['10.96.0.2'] } }
  t.equal(await take(), `${front} 5 A 10.96.0.2`)
  const ready = { ready: true, serving: true, terminating: false }
  endpoints = endpointSet('shop', 'web', 2, [{ id: 'a', address: '10.0.0.1', ports: [], labels: {}, metadata: {}, weight: 100, priority: 0, status: 'up', suspect: false, conditions: ready }])
  t.equal(await take(), `${front} 5 A 10.96.0.2,10-0-0-1.${front} 5 A 10.0.0.1`)

  const reverse = zonesOf({ reverse: ['10.0.0.0/16'] }, ['127.0.0.1']).at(-1)
  if (reverse === undefined) return
  const counts: number[] = []
  for (const policy of ['primary', 'none']) {
    revision++
    manifest = { ...manifest, metadata: { ...manifest.metadata, annotations: { [pointerAnnotation]: policy } } }
    counts.push((await versions.current(reverse)).count)
  }
  t.strictSame(counts, [2, 1], 'the name server, and the name of the endpoint while there is one')
})

t.test('versions share what did not change, are limited, and are of one epoch', async (t) => {
  const world = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] }).register('shop/db/a', { address: '10.0.0.1', ports: [] })
  const zone = zoneNamed('cluster.local')
  const options = { ttlSeconds, zones: [zone] }
  const versions = new ZoneVersions(world.feed, options)
  const [first, same] = await Promise.all([versions.current(zone), versions.current(zone)])
  t.equal(first, same, 'two that ask at once get one')
  world.register('shop/db/b', { address: '10.0.0.2', ports: [] })
  const second = await versions.current(zone)
  t.equal(second.blocks.get('shop/web'), first.blocks.get('shop/web'))
  t.not(second.blocks.get('shop/db'), first.blocks.get('shop/db'))
  t.equal(versions.held(zone, 2), first)
  for (let index = 0; index < 7; index++) {
    world.register('shop/db/b', { address: `10.0.1.${index}`, ports: [] })
    await versions.current(zone)
  }
  t.equal(versions.held(zone, 2), undefined, 'of nine the oldest is forgotten')
  t.equal(versions.held(zone, 3), second)
  const narrow = new ZoneVersions(world.feed, options, { zoneRecords: 100, heldRecords: first.count + 6 })
  const before = await narrow.current(zone)
  world.register('shop/db/b', { address: '10.0.2.1', ports: [] })
  await narrow.current(zone)
  t.equal(narrow.held(zone, before.serial), undefined, 'more records than are held')
  await t.rejects(new ZoneVersions(world.feed, options, { zoneRecords: 3, heldRecords: 0 }).current(zone), new TooManyRecords())
  const { revision } = world.feed
  world.feed.load({ epoch: 'another', revision, instances: [], objects: [], recent: [], lost: [] })
  t.equal(versions.held(zone, revision), undefined, 'the same number in another epoch is another revision')
  t.equal((await versions.current(zone)).count, 3)
})
