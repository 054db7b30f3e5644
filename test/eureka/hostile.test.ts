// Whatever is sent, Eureka's listener answers as Eureka does: no error of ours, nothing that nobody expected, nothing stored in half.
import fc from 'fast-check'
import t from 'tap'
import { instance, eurekaWorld } from './eureka-world.ts'

const segment = fc.oneof(
  fc.constantFrom(
    'eureka', 'v1', 'v2', 'apps', 'ORDERS', 'delta', 'status', 'metadata', 'instances', 'vips', 'svips', 'namespaces', 'serverinfo', 'statusoverrides',
    'lastn', 'peerreplication', 'batch', 'a', '..', '%2F', '%00', '%ff', '주문', '%EC%A3%BC', '__proto__', 'constructor', ''
  ),
  fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text.isWellFormed() ? text : ''))
)
const query = fc.oneof(
  fc.constantFrom(
    '', '?', '?status=UP', '?status=x&lastDirtyTimestamp=1e9', '?value=UP', '?value=OUT_OF_SERVICE', '?value=DOWN', '?a=1', '?__proto__=x', '?eureka/port=1',
    '?lastDirtyTimestamp=99999999999999999999', '?regions=a,b', '?%ff=%ff'
  ),
  fc.string({ maxLength: 20 }).map((text) => `?${encodeURIComponent(text.isWellFormed() ? text : '')}`)
)
const headers = fc.record({
  accept: fc.constantFrom('application/json', 'application/xml', '*/*', ';;;', ''), 'accept-encoding': fc.constantFrom('gzip', 'gzip;q=x', '*;q=0', ''),
  'content-type': fc.constantFrom('application/json', 'application/xml', 'application/x-www-form-urlencoded', 'text/plain; charset=utf-16', 'x', ''), 'x-rollcall-namespace': fc.constantFrom('default', 'No', '../..', '__proto__')
}, { requiredKeys: [] })

/** Values that a field is not meant to have. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null, true, 0, -1, 1.5, 1e300, '', ' ', '0', 'UP', '주문/%', '\u0000', [], {}, [[]], { $: 1 }, { '@enabled': {} }, { name: [] }, { '@class': 1 }, '<x>&y;'
  ),
  fc.string({ maxLength: 300 }), fc.jsonValue({ maxDepth: 2 })
)
const names = [
  ...Object.keys(instance()), 'overriddenStatus', 'overriddenstatus', 'leaseInfo', 'metadata', 'lastDirtyTimestamp', 'countryId', 'sid', '__proto__', 'toString'
]
const fields = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 10 })), odd, { maxKeys: 6 })
const body = fc.oneof(
  fc.constant(undefined), fields.map((changes) => JSON.stringify({ instance: { ...instance(), ...changes } })),
  fc.jsonValue().map((value) => JSON.stringify({ instance: value })), fc.string({ maxLength: 200 }),
  fc.array(fc.constantFrom(
    '<instance>', '</instance>', '<hostName>', '</hostName>', '<metadata>', '</metadata>', '<!DOCTYPE x>', '<![CDATA[', ']]>', '&lt;', '&#0;', '&x;', 'x',
    '<a b="c"/>', '<!--', '-->'
  ), { maxLength: 20 }).map((parts) => parts.join(''))
)

t.test('any request is answered as Eureka answers', { timeout: 120_000 }, async (t) => {
  const world = await eurekaWorld(t)
  await world.put({ instanceId: 'a' })
  const methods = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH')
  // Most of what is quite at random is nowhere: half of them are of an application.
  const paths = fc.oneof(fc.array(segment, { maxLength: 7 }), fc.array(segment, { maxLength: 4 }).map((rest) => ['eureka', 'apps', ...rest]))
  await fc.assert(fc.asyncProperty(methods, paths, query, headers, body, async (method, segments, asked, given, sent) => {
    const answer = await world.ask(method, `//${segments.join('/')}${asked}`, sent, given)
    if (answer.status >= 500) throw new Error(`${method} ${segments.join('/')} ${answer.status}`)
    if (answer.status >= 400 && answer.body !== '' && (answer.status !== 400 || method !== 'POST')) throw new Error(`${answer.status} has the body ${answer.body}`)
    if (/REG_|urn:rollcall|problem\+json/.test(answer.body) || String(answer.headers['content-type']).includes('problem')) throw new Error(answer.body)
  }), { numRuns: 1_500 })
  t.strictSame(world.warnings.filter((line) => line.includes('unexpected')), [])
})

t.test('a registration is stored whole or not at all, and what was stored is shown in both forms', { timeout: 120_000 }, async (t) => {
  const world = await eurekaWorld(t)
  await fc.assert(fc.asyncProperty(fields, async (changes) => {
    const before = world.registry.feed.revision
    const { status } = await world.ask('POST', '/apps/ORDERS', JSON.stringify({ instance: { ...instance(), ...changes } }), { 'content-type': 'application/json' })
    if (status !== 204 && world.registry.feed.revision !== before) throw new Error(`${status}, and something is stored`)
    const list = (await world.get('/apps')).json.applications
    const xml = (await world.ask('GET', '/apps')).body
    const total = list.application.reduce((sum: number, app: any) => sum + app.instance.length, 0)
    if ((xml.match(/<instance>/g) ?? []).length !== total) throw new Error('both forms must show the same')
    if (world.registry.catalog.aside.size > 0) throw new Error('nothing may be set aside')
  }), { numRuns: 400 })
  t.strictSame(world.warnings.filter((line) => line.includes('unexpected')), [])
})
