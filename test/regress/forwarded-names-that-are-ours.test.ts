// An upstream that answered `x CNAME orders.shop.svc.cluster.local` decided what our own name is: a forged address passed with its TTL,
// also below an ExternalName, a denied alias made a living name vanish, glue for our names and an SOA of our zone were passed on, and
// a chain that led into our zone ended there.
import t from 'tap'
import { type Message, UdpClient, extendedError, text } from '../support/dns-client.ts'
import { type Answer, type Records, Upstream, response } from '../support/upstream.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const ours = 'orders.shop.svc.cluster.local'
const forged = { name: ours, type: 'A', ttl: 600, data: '192.0.2.66' }
const soaOf = (name: string): object =>
  ({ name, type: 'SOA', ttl: 60, data: { mname: `ns.${name}`, rname: `root.${name}`, serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 30 } })
const alias = (name: string, data: string): object => ({ name, type: 'CNAME', ttl: 50, data })
const ourSoa = /^cluster\.local 5 SOA ns\.dns\.cluster\.local hostmaster\.cluster\.local \d+ 7200 1800 86400 5$/

type Test = Parameters<typeof serve>[0] & ConstructorParameters<typeof UdpClient>[0]

/** @param answers by the name that is asked for, in lower case */
async function place (t: Test, answers: Readonly<Record<string, Records>>): Promise<{ udp: UdpClient, world: PlayedFeed, asked: () => string[] }> {
  const answer: Answer = (query) => response(query, answers[query.questions[0]?.name.toLowerCase() ?? ''] ?? { rcode: 3, authorities: [soaOf('example')] })
  const upstream = await Upstream.open(t, answer)
  const world = new PlayedFeed().load()
    .register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
    .declare('shop/far', { type: 'ExternalName', externalName: 'x.example' })
  const server = await serve(t, world, { forward: { upstreams: [upstream], clients: ['127.0.0.0/8'] }, zones: ['cluster.local', 'corp.test'], reverse: ['10.0.0.0/8'] })
  return { udp: new UdpClient(t, server), world, asked: () => upstream.queries.map(({ questions }) => questions[0]?.name.toLowerCase() ?? '') }
}

const shown = ({ rcode, flag_aa: aa, answers, additionals }: Message): object => ({ rcode, aa, answers: text(answers), additionals: text(additionals) })

t.test('a chain of an upstream goes on from our own data, whatever it says there', async (t) => {
  const aliases = [alias('x.example', 'y.example'), alias('y.example', 'Orders.shop.svc.Cluster.local')]
  for (const [says, records] of [
    ['the alias alone', { answers: aliases }],
    ['with a forged address', { answers: [...aliases, forged] }],
    ['denied', { rcode: 3, answers: aliases, authorities: [soaOf('local')] }],
    ['denied by the SOA of our zone', { rcode: 3, answers: aliases, authorities: [soaOf('cluster.local')] }],
    ['failed', { rcode: 2, answers: aliases }],
    ['refused', { rcode: 5, answers: aliases }],
    ['with glue of ours', { answers: aliases, additionals: [forged] }]
  ] as const) {
    const { udp, asked } = await place(t, { 'x.example': records })
    const chain = ['x.example 50 CNAME y.example', 'y.example 50 CNAME Orders.shop.svc.Cluster.local', 'Orders.shop.svc.Cluster.local 5 A 10.0.0.1']
    const wanted = { rcode: 'NOERROR', aa: false, answers: chain, additionals: [] }
    for (const turn of ['asked', 'kept']) t.strictSame(shown(await udp.query('x.example', 'A')), wanted, `${says}, ${turn}`)
    t.equal(asked().length, 1, says)
    t.strictSame(shown(await udp.query('far.shop.svc.cluster.local', 'A')), {
      ...wanted, aa: true, answers: ['far.shop.svc.cluster.local 5 CNAME x.example', ...chain]
    }, `${says}, below an ExternalName`)
  }
})

t.test('the end of the chain is ours to say: no such type, no such name, a port, another zone of ours', async (t) => {
  const to = (target: string): Records => ({ answers: [alias('x.example', target), { ...forged, name: target }] })
  const nodata = (await place(t, { 'x.example': to(ours) })).udp
  const none = await nodata.query('x.example', 'AAAA')
  t.match([none.rcode, text(none.answers), text(none.authorities)], ['NOERROR', [`x.example 50 CNAME ${ours}`], [ourSoa]])
  const missing = await (await place(t, { 'x.example': to('nobody.shop.svc.cluster.local') })).udp.query('x.example', 'A')
  t.match([missing.rcode, text(missing.answers), text(missing.authorities)], ['NXDOMAIN', ['x.example 50 CNAME nobody.shop.svc.cluster.local'], [ourSoa]])
  const port = await (await place(t, { 'x.example': to('_http._tcp.orders.shop.svc.cluster.local') })).udp.query('x.example', 'SRV')
  t.match(text(port.answers).at(-1), `_http._tcp.orders.shop.svc.cluster.local 5 SRV 0 100 80 10-0-0-1.${ours}`)
  const zone = await (await place(t, { 'x.example': to('orders.shop.svc.corp.test') })).udp.query('x.example', 'A')
  t.equal(text(zone.answers).at(-1), 'orders.shop.svc.corp.test 5 A 10.0.0.1')
  const apex = await (await place(t, { 'x.example': to('cluster.local') })).udp.query('x.example', 'A')
  t.match([apex.rcode, text(apex.answers), text(apex.authorities)], ['NOERROR', ['x.example 50 CNAME cluster.local'], [ourSoa]])
})

t.test('a change of ours is in the next answer, though the upstream\'s part is kept', async (t) => {
  const { udp, world, asked } = await place(t, { 'x.example': { answers: [alias('x.example', ours)] } })
  await udp.query('x.example', 'A')
  world.register('shop/orders/a', { address: '10.0.0.9', ports: [] })
  world.clock.advance(20_500)
  t.strictSame(text((await udp.query('x.example', 'A')).answers), [`x.example 30 CNAME ${ours}`, `${ours} 5 A 10.0.0.9`])
  t.equal(asked().length, 1)
})

t.test('a chain that goes out, comes back and goes out again is followed to its end', async (t) => {
  const { udp, asked } = await place(t, {
    'x.example': { answers: [{ ...alias('x.example', 'back.shop.svc.cluster.local'), ttl: 0 }] },
    'z.example': { answers: [{ name: 'z.example', type: 'A', ttl: 0, data: '192.0.2.7' }] }
  }).then((all) => {
    all.world.declare('shop/back', { type: 'ExternalName', externalName: 'z.example' })
    return all
  })
  t.strictSame(shown(await udp.query('far.shop.svc.cluster.local', 'A')), {
    rcode: 'NOERROR', aa: true, additionals: [], answers: [
      'far.shop.svc.cluster.local 5 CNAME x.example', 'x.example 0 CNAME back.shop.svc.cluster.local',
      'back.shop.svc.cluster.local 5 CNAME z.example', 'z.example 0 A 192.0.2.7'
    ]
  })
  t.strictSame(asked(), ['x.example', 'z.example'], 'each is asked once, though nothing may be kept')
})

t.test('a chain between an upstream and us that turns in a circle ends', async (t) => {
  const { udp } = await place(t, { 'x.example': { answers: [alias('x.example', 'far.shop.svc.cluster.local')] } })
  for (const name of ['x.example', 'far.shop.svc.cluster.local']) {
    const answer = await udp.query(name, 'A')
    t.strictSame([answer.rcode, text(answer.answers).length], ['NOERROR', 2], name)
  }
})

t.test('glue and SOA of our zones are not passed on with an answer that is the upstream\'s own', async (t) => {
  const mine = { name: 'mail.example', type: 'A', ttl: 60, data: '192.0.2.8' }
  const { udp } = await place(t, {
    'x.example': {
      answers: [{ name: 'x.example', type: 'MX', ttl: 60, data: { preference: 1, exchange: ours } }],
      additionals: [forged, mine, { ...forged, name: 'cluster.local' }, { ...forged, name: 'x.corp.test' }, { ...forged, name: '1.0.0.10.in-addr.arpa' }]
    },
    'none.example': { rcode: 3, authorities: [soaOf('cluster.local'), soaOf('10.in-addr.arpa')] },
    'forged.example': { answers: [forged] }
  })
  const mail = await udp.query('x.example', 'MX')
  t.strictSame(text(mail.additionals), ['mail.example 60 A 192.0.2.8'])
  const none = await udp.query('none.example', 'A')
  t.strictSame([none.rcode, text(none.authorities)], ['NXDOMAIN', []])
  t.match(extendedError(await udp.query('forged.example', 'A', { edns: {} })), { code: 23 }, 'an answer to another question is none')
})

t.test('of a reverse name our own comes first, and the upstream is asked for those that we have not', async (t) => {
  const { udp, asked } = await place(t, {
    'x.example': { answers: [alias('x.example', '1.0.0.10.in-addr.arpa'), { name: '1.0.0.10.in-addr.arpa', type: 'PTR', ttl: 60, data: 'evil.example' }] },
    'y.example': { answers: [alias('y.example', '9.0.0.10.in-addr.arpa'), { name: '9.0.0.10.in-addr.arpa', type: 'PTR', ttl: 60, data: 'evil.example' }] },
    '9.0.0.10.in-addr.arpa': { answers: [{ name: '9.0.0.10.in-addr.arpa', type: 'PTR', ttl: 60, data: 'printer.example' }], authorities: [] }
  })
  t.strictSame(text((await udp.query('x.example', 'PTR')).answers).at(-1), `1.0.0.10.in-addr.arpa 5 PTR 10-0-0-1.${ours}`)
  t.strictSame(text((await udp.query('y.example', 'PTR')).answers), ['y.example 60 CNAME 9.0.0.10.in-addr.arpa'.replace('60', '50'), '9.0.0.10.in-addr.arpa 60 PTR printer.example'])
  t.strictSame(text((await udp.query('9.0.0.10.in-addr.arpa', 'PTR')).answers), ['9.0.0.10.in-addr.arpa 60 PTR printer.example'])
  t.strictSame(asked(), ['x.example', 'y.example', '9.0.0.10.in-addr.arpa'])
})
