// Names that choose among the endpoints of a service: by zone and by tags, one row a rule.
import fc from 'fast-check'
import t from 'tap'
import type { Registration } from '../../client-sdk/src/wire.ts'
import { EndpointAnswers, maxKeptTags } from '../../server/dns/answers/endpoint-answers.ts'
import { tagsOf } from '../../server/dns/answers/endpoint-index.ts'
import { recordNameOf } from '../../server/dns/names/record-name.ts'
import { maxTags } from '../../server/dns/names/selection-name.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { UdpClient, text } from '../support/dns-client.ts'
import { type Row, checkRows, nodata, nxdomain, sorted } from './table.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const web = `web.shop.svc.${zone}`
const front = `front.shop.svc.${zone}`

function world (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/web/a', { address: '10.0.0.1', hostname: 'web-0', zone: 'East-1', labels: { version: 'v1', canary: 'false', app: 'web' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/b', { address: '10.0.0.2', hostname: 'web-1', zone: 'east-1', labels: { version: 'v2', canary: 'true', app: 'web' }, ports: [{ name: 'http', port: 8081 }, { name: 'admin', port: 9000 }] })
    .register('shop/web/c', { address: 'fd00::3', hostname: 'web-2', zone: 'west-2', labels: { version: 'V2', app: 'web', 'team.example/tier': 'gold' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/d', { address: '10.0.0.4', hostname: 'web-1', labels: { app: 'web' }, ports: [{ name: 'http', port: 8080 }] })
    .register('shop/web/e', { address: '10.0.0.5', zone: 'north-3', labels: { version: 'v3', app: 'web' }, ports: [{ name: 'http', port: 8080 }], status: 'down' })
    .register('shop/asleep/a', { address: '10.0.9.1', zone: 'east-1', status: 'down' })
    .declare('shop/front', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], selector: { app: 'web' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] })
    .declare('shop/idle', { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], selector: { app: 'none' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }] })
    .declare('shop/outside', { type: 'ExternalName', externalName: `east-1.pin._zone.${web}` })
}

const soa = `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} 9 7200 1800 86400 5`
const a = (name: string, ...addresses: string[]): string[] => sorted(addresses.map((address) => `${name} 5 ${address.includes(':') ? 'AAAA' : 'A'} ${address}`))
const nameOf = (choice: string) => (type: string, ...answer: string[]): Pick<Row, 'ask' | 'answer'> => ({ ask: [`${choice}.${web}`, type], answer: a(`${choice}.${web}`, ...answer) })
const east = nameOf('east-1.pin._zone')
const nearWest = nameOf('west-2.prefer._zone')
const target = (host: string, port: number, weight = 100): string => `5 SRV 0 ${weight} ${port} ${host}.${web}`

const rows: readonly Row[] = [
  { says: 'pin has the endpoints of the zone, whatever the case of its name', ...east('A', '10.0.0.1', '10.0.0.2') },
  { says: 'pin has nothing of a family that nobody of the zone has', ...east('AAAA'), ...nodata },
  { says: 'pin to a zone without endpoints is no data', ...nameOf('nowhere.pin._zone')('A'), ...nodata },
  { says: 'pin to a zone whose endpoints are not answered is no data', ...nameOf('north-3.pin._zone')('A'), ...nodata },
  {
    says: 'SRV below pin has the ports of the zone\'s endpoints, and the whole sets of their targets\' addresses',
    ask: [`east-1.pin._zone.${web}`, 'SRV'],
    answer: [target('web-0', 8080), target('web-1', 8081), target('web-1', 9000)].map((data) => `east-1.pin._zone.${web} ${data}`),
    additional: [...a(`web-0.${web}`, '10.0.0.1'), ...a(`web-1.${web}`, '10.0.0.2', '10.0.0.4')]
  },
  {
    says: 'a port below pin is that port of the zone\'s endpoints',
    ask: [`_admin._tcp.east-1.pin._zone.${web}`, 'SRV'], answer: [`_admin._tcp.east-1.pin._zone.${web} ${target('web-1', 9000)}`],
    additional: a(`web-1.${web}`, '10.0.0.2', '10.0.0.4')
  },
  { says: 'a port that nobody in the zone has is no data', ask: [`_admin._tcp.west-2.pin._zone.${web}`, 'SRV'], ...nodata },
  { says: 'a port that nobody has is no name', ask: [`_grpc._tcp.east-1.pin._zone.${web}`, 'SRV'], ...nxdomain },
  { says: 'a port below pin has no address', ask: [`_admin._tcp.east-1.pin._zone.${web}`, 'A'], ...nodata },
  { says: 'ANY below pin is one HINFO', ask: [`east-1.pin._zone.${web}`, 'ANY'], answer: [`east-1.pin._zone.${web} 5 HINFO "RFC8482" ""`] },
  { says: 'ANY where nobody is is no data', ask: [`nowhere.pin._zone.${web}`, 'ANY'], ...nodata },
  { says: 'another type below pin is no data', ask: [`east-1.pin._zone.${web}`, 'TXT'], ...nodata },
  { says: 'HTTPS below pin is no data', ask: [`east-1.pin._zone.${web}`, 'TYPE65'], ...nodata },
  { says: 'prefer has the endpoints of the zone', ...nearWest('AAAA', 'fd00::3') },
  { says: 'prefer has what others have where the zone has none of the type', ...nearWest('A', '10.0.0.1', '10.0.0.2', '10.0.0.4') },
  { says: 'prefer has all where nobody is in the zone', ...nameOf('nowhere.prefer._zone')('A', '10.0.0.1', '10.0.0.2', '10.0.0.4') },
  {
    says: 'SRV below prefer has all where nobody in the zone has the port, with addresses',
    ask: [`_admin._tcp.west-2.prefer._zone.${web}`, 'SRV'], answer: [`_admin._tcp.west-2.prefer._zone.${web} ${target('web-1', 9000)}`],
    additional: a(`web-1.${web}`, '10.0.0.2', '10.0.0.4')
  },
  ...['_zone', 'pin._zone', 'prefer._zone', '_tag', '_version._tag', '_canary.v2._tag', '_tcp.v2._tag', '_tcp.east-1.pin._zone'].map((name): Row => (
    { says: `${name} is an empty non-terminal`, ask: [`${name}.${web}`, 'A'], ...nodata })),
  ...['east-1._zone', 'x.east-1.pin._zone', '_x._zone', '_x.pin._zone', '_http._tcp._tag', 'x._http._tcp.v2._tag', '_a._b.v2._tag', 'v2._tags'].map((name): Row => (
    { says: `${name} is no name`, ask: [`${name}.${web}`, 'A'], ...nxdomain })),
  ...['_zone', 'east-1.pin._zone', 'east-1.prefer._zone', '_tag', 'web._tag'].map((name): Row => (
    { says: `${name} of a service that answers nobody is no name`, ask: [`${name}.asleep.shop.svc.${zone}`, 'A'], ...nxdomain })),
  { says: 'a tag is a value of a label, in either case', ...nameOf('v2._tag')('A', '10.0.0.2') },
  { says: 'a tag is a value of a label, of each family', ...nameOf('V2._tag')('AAAA', 'fd00::3') },
  { says: 'a tag is a key of a label that is not false', ...nameOf('canary._tag')('A', '10.0.0.2') },
  { says: 'several tags must all be there', ...nameOf('canary.web._tag')('A', '10.0.0.2') },
  { says: 'several tags that nobody has together are no data', ...nameOf('canary.v1._tag')('A'), ...nodata },
  { says: 'a tag that nobody has is no data', ...nameOf('no-such-tag._tag')('A'), ...nodata },
  { says: 'VALUE._KEY is this label with this value', ...nameOf('v1._version._tag')('A', '10.0.0.1') },
  { says: 'VALUE._KEY of another key is no data', ...nameOf('v1._app._tag')('A'), ...nodata },
  { says: 'VALUE._KEY finds a label that is false', ...nameOf('false._canary._tag')('A', '10.0.0.1') },
  { says: 'tags and VALUE._KEY go together', ...nameOf('v2._version.canary._tag')('A', '10.0.0.2') },
  {
    says: 'SRV below tags has the ports of those endpoints',
    ask: [`v2._tag.${web}`, 'SRV'], answer: [target('web-2', 8080), target('web-1', 8081), target('web-1', 9000)].map((data) => `v2._tag.${web} ${data}`),
    additional: [...a(`web-1.${web}`, '10.0.0.2', '10.0.0.4'), ...a(`web-2.${web}`, 'fd00::3')]
  },
  {
    says: 'a port below tags',
    ask: [`_http._tcp.v1._version._tag.${web}`, 'SRV'], answer: [`_http._tcp.v1._version._tag.${web} ${target('web-0', 8080)}`], additional: a(`web-0.${web}`, '10.0.0.1')
  },
  { says: 'four tags may be given', ...nameOf('v2.canary.web.true._tag')('A', '10.0.0.2') },
  { says: 'five tags are no name', ask: [`v2.canary.web.true.app._tag.${web}`, 'A'], ...nxdomain },
  { says: 'four tags have no key below', ask: [`_x.v2.canary.web.true._tag.${web}`, 'A'], ...nxdomain },
  { says: 'a ClusterIP service has its endpoints below the choice', ask: [`east-1.pin._zone.${front}`, 'A'], answer: a(`east-1.pin._zone.${front}`, '10.0.0.1', '10.0.0.2') },
  {
    says: 'and SRV of them at their own ports',
    ask: [`_http._tcp.v1._tag.${front}`, 'SRV'], answer: [`_http._tcp.v1._tag.${front} 5 SRV 0 100 8080 web-0.${front}`], additional: a(`web-0.${front}`, '10.0.0.1')
  },
  { says: 'a ClusterIP service without endpoints has no data there', ask: [`east-1.prefer._zone.idle.shop.svc.${zone}`, 'A'], ...nodata },
  { says: 'below an alias there is no choice', ask: [`x.pin._zone.outside.shop.svc.${zone}`, 'A'], ...nxdomain },
  {
    says: 'an alias may lead to a choice', ask: [`outside.shop.svc.${zone}`, 'A'],
    answer: [`outside.shop.svc.${zone} 5 CNAME east-1.pin._zone.${web}`, ...a(`east-1.pin._zone.${web}`, '10.0.0.1', '10.0.0.2')]
  }
]

t.test('each choice has its answer, over UDP and over TCP', async (t) => {
  await checkRows(t, await serve(t, world()), rows, soa)
})

t.test('a choice follows the very next change', async (t) => {
  const of = world()
  const client = new UdpClient(t, await serve(t, of))
  const name = `west-2.pin._zone.${web}`
  t.strictSame((await client.query(name, 'A')).answers, [])
  of.register('shop/web/f', { address: '10.0.0.6', zone: 'west-2' })
  t.strictSame(text((await client.query(name, 'A')).answers), a(name, '10.0.0.6'))
  of.deregister('shop/web/f')
  t.strictSame((await client.query(name, 'A')).answers, [])
})

const labelKey = fc.constantFrom('version', 'canary', 'App', 'x_y', 'a.b')
const labelValue = fc.constantFrom('v1', 'V2', 'true', 'false', 'web', '1.2', '')
const registrations = fc.array(fc.record({
  zone: fc.constantFrom('east', 'West', 'n_1', undefined), labels: fc.dictionary(labelKey, labelValue), status: fc.constantFrom('up' as const, 'down' as const)
}), { minLength: 1, maxLength: 12 })

t.test('a choice is the part of the answered endpoints that its rule takes', async (t) => {
  const of = new PlayedFeed().load()
  const client = new UdpClient(t, await serve(t, of))
  const addresses = async (name: string): Promise<string[]> => (await client.query(name, 'A')).answers.map(({ data }) => data).sort()
  let round = 0
  await fc.assert(fc.asyncProperty(registrations, fc.constantFrom('east', 'west', 'n_1', 'south'), fc.array(fc.constantFrom('version', 'canary', 'app', 'v1', 'v2', 'true', 'false', 'web', 'no', 'x_y'), { minLength: 1, maxLength: maxTags }),
    async (made, zoneName, tags) => {
      const service = `s${round++}`
      const answered: { address: string, made: (typeof made)[number] }[] = []
      for (const [index, one] of made.entries()) {
        const address = `10.1.0.${index + 1}`
        const { zone: of_, ...rest } = one
        of.register(`prop/${service}/${index}`, { address, ...rest, ...(of_ === undefined ? {} : { zone: of_ }) } satisfies Registration)
        if (one.status === 'up') answered.push({ address, made: one })
      }
      const fqdn = `${service}.prop.svc.${zone}`
      const inZone = answered.filter((each) => each.made.zone?.toLowerCase() === zoneName).map(({ address }) => address)
      const has = (labels: Record<string, string>, tag: string): boolean =>
        Object.entries(labels).some(([key, value]) => (key.toLowerCase() === tag && value !== 'false') || value.toLowerCase() === tag)
      const tagged = answered.filter((each) => tags.every((tag) => has(each.made.labels, tag))).map(({ address }) => address)
      t.strictSame(await addresses(`${zoneName}.pin._zone.${fqdn}`), inZone.sort())
      t.strictSame(await addresses(`${zoneName}.prefer._zone.${fqdn}`), (inZone.length > 0 ? inZone : answered.map(({ address }) => address)).sort())
      t.strictSame(await addresses(`${tags.join('.')}._tag.${fqdn}`), tagged.sort())
    }), { numRuns: 60 })
})

t.test('tags of an endpoint are what a name can ask for', async (t) => {
  t.strictSame([...tagsOf({ version: 'V2', canary: 'false', 'a.b': 'x', empty: '', note: '1.2' })].sort(), ['empty', 'false', 'false._canary', 'note', 'v2', 'v2._version', 'version', 'x'])
})

t.test('invented choices are not kept, and found ones up to a limit', async (t) => {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, 'x']))
  const feed = new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', zone: 'east', labels }).feed
  const answers = new EndpointAnswers(feed.catalog.endpoints('shop', 'web')?.answered ?? [], { ttlSeconds: 5, maxRecords: 100 })
  t.equal(answers.inZone('nowhere'), undefined)
  t.equal(answers.tagged(['nobody']), undefined)
  t.equal(answers.inZone('east'), answers.inZone('east'), 'a zone is kept')
  const pairs = Array.from({ length: 59 }, (_, index) => [['k0', `k${index + 1}`], ['k1', `k${index}`]]).flat()
  for (const pair of pairs.slice(0, maxKeptTags)) t.equal(answers.tagged(pair), answers.tagged(pair), `${pair.join(' ')} is kept`)
  const further = pairs.at(-1) ?? []
  t.not(answers.tagged(further), answers.tagged(further), 'and one more is made anew')
  t.ok(answers.tagged(further), 'but answered')
})

t.test('where the service begins is where its name stands in the question', async (t) => {
  const served = new Zone(zone, { ttlSeconds: 5, addresses: [] })
  for (const choice of ['east-1.pin._zone', 'east-1.prefer._zone', 'v2.canary._tag', '_http._tcp.v2._version._tag', '_http._tcp.a.pin._zone']) {
    const name = recordNameOf(`${choice}.${web}`.split('.'), [served])
    t.match(name, { kind: 'selection', service: 'web', namespace: 'shop', serviceStart: 12 + choice.length + 1 }, choice)
  }
})
