// Names that are not ours, asked of others for those who may: over real sockets, before a real upstream.
import t from 'tap'
import { DnsCounters } from '../../server/dns/counters.ts'
import { type DnsOptions, type DnsServer, dnsCore } from '../../server/dns/server.ts'
import { totalMs } from '../../server/dns/forward/asker.ts'
import { maxInFlight } from '../../server/dns/forward/forwarder.ts'
import { closeGraceMs, maxDeferred } from '../../server/dns/listen/tcp-limits.ts'
import { type Message, TcpClient, UdpClient, codec, extendedError, question, text } from '../support/dns-client.ts'
import { type Answer, type Query, Upstream, response } from '../support/upstream.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const everybody = ['127.0.0.0/8', '::1/128']
const strangers = ['192.0.2.0/24'] // so that the loopback is none of them
const ours = 'orders.shop.svc.cluster.local'
const shop = 'www.Shop.example'
const soa = { name: 'example', type: 'SOA', ttl: 60, data: { mname: 'ns.example', rname: 'root.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 30 } }
const soaText = 'example 60 SOA ns.example root.example 1 2 3 4 30'
const addressed: Answer = (query) => response(query, { answers: [{ name: query.questions[0]?.name, type: 'A', ttl: 60, data: '192.0.2.7' }] })

const town = (): PlayedFeed => new PlayedFeed().load()
  .register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
  .declare('shop/far', { type: 'ExternalName', externalName: 'www.shop.example' })
  .declare('shop/hop', { type: 'ExternalName', externalName: 'far.shop.svc.cluster.local' })

interface Place {
  readonly upstream: Upstream
  readonly server: DnsServer
  readonly world: PlayedFeed
  readonly counters: DnsCounters
  readonly udp: UdpClient
}

type Test = Parameters<typeof serve>[0] & ConstructorParameters<typeof UdpClient>[0]

async function place (t: Test, answer: Answer | undefined, options: Partial<DnsOptions> = {}, clients = everybody): Promise<Place> {
  const upstream = await Upstream.open(t, answer)
  const world = town()
  const counters = new DnsCounters()
  const server = await serve(t, world, { counters, forward: { upstreams: [upstream], clients }, ...options })
  return { upstream, world, server, counters, udp: new UdpClient(t, server) }
}

/** What decides about an answer. */
const facts = (message: Message): object => ({
  rcode: message.rcode, aa: message.flag_aa, ra: message.flag_ra, tc: message.flag_tc,
  answers: text(message.answers), authorities: text(message.authorities), ede: extendedError(message)?.code
})

t.test('a name outside the zones is asked of the upstream, over UDP and over TCP, in the client\'s case of letters', async (t) => {
  const { server, udp, upstream } = await place(t, addressed)
  const wanted = { rcode: 'NOERROR', aa: false, ra: true, tc: false, answers: [`${shop} 60 A 192.0.2.7`], authorities: [], ede: undefined }
  t.strictSame(facts(await udp.query(shop, 'A')), wanted)
  t.strictSame(facts(await (await TcpClient.open(t, server)).query(shop, 'A')), wanted)
  t.equal(upstream.queries.length, 1, 'the second one is known')
})

t.test('an owner that is the question\'s name is a pointer, at once as from the cache', async (t) => {
  const { udp } = await place(t, addressed)
  const first = await udp.ask(question(shop, 'A'))
  const second = await udp.ask(question(shop, 'A'))
  t.equal(first.length, question(shop, 'A').length + 2 + 10 + 4)
  t.strictSame(first, second)
})

t.test('RA is said to those who may ask, with our own names too, and to nobody else', async (t) => {
  const friend = (await place(t, addressed)).udp
  const stranger = (await place(t, addressed, {}, strangers)).udp
  const alone = new UdpClient(t, await serve(t, town()))
  const said = async (client: UdpClient): Promise<boolean> => (await client.query(ours, 'A')).flag_ra
  t.strictSame([await said(friend), await said(stranger), await said(alone)], [true, false, false])
  t.strictSame([await said(friend), (await friend.query('nobody.cluster.local', 'A')).flag_ra], [true, true], 'with prepared answers, and with none')
})

t.test('strangers are refused, and so is who does not want recursion', async (t) => {
  const stranger = await place(t, addressed, {}, strangers)
  t.match(facts(await stranger.udp.query(shop, 'A', { edns: {} })), { rcode: 'REFUSED', ra: false, ede: 18, answers: [] })
  t.match(facts(await stranger.udp.query('far.shop.svc.cluster.local', 'A')), { rcode: 'NOERROR', answers: ['far.shop.svc.cluster.local 5 CNAME www.shop.example'] }, 'they follow an alias on their own')
  const friend = await place(t, addressed)
  const plain = question(shop, 'A', { edns: {} })
  plain.writeUInt16BE(0, 2)
  t.match(facts(codec.decode(await friend.udp.ask(plain))), { rcode: 'REFUSED', ra: true, ede: 20 })
  t.strictSame([stranger.upstream.queries, friend.upstream.queries], [[], []], 'nobody was asked')
})

t.test('a kept answer grows older, and TTL 0 is asked each time', async (t) => {
  const { udp, world, upstream } = await place(t, addressed)
  await udp.query(shop, 'A')
  world.clock.advance(25_500)
  t.strictSame(text((await udp.query(shop, 'A')).answers), [`${shop} 35 A 192.0.2.7`])
  upstream.answer = (query) => response(query, { answers: [{ name: query.questions[0]?.name, type: 'A', ttl: 0, data: '192.0.2.8' }] })
  t.strictSame(text((await udp.query('zero.example', 'A')).answers), ['zero.example 0 A 192.0.2.8'])
  await udp.query('zero.example', 'A')
  t.equal(upstream.queries.length, 3)
})

t.test('a silent upstream is SERVFAIL with the reason, when its time is over', async (t) => {
  const { udp, world, upstream } = await place(t, undefined)
  await udp.send(question(shop, 'A', { edns: {} }))
  await upstream.next()
  world.clock.advance(totalMs)
  t.match(facts(codec.decode(await udp.receive())), { rcode: 'SERVFAIL', ra: true, ede: 22, answers: [] })
})

t.test('an alias that leads outside is answered whole', async (t) => {
  const { udp, upstream } = await place(t, (query) => {
    const { name = '', type } = query.questions[0] ?? {}
    const data = { A: '192.0.2.7', AAAA: '2001:db8::7', SRV: { priority: 0, weight: 1, port: 80, target: 'a.shop.example' } }[type ?? '']
    return response(query, {
      answers: [{ name, type: 'CNAME', ttl: 50, data: 'Edge.example' }, { name: 'edge.example', type, ttl: 40, data }],
      additionals: [{ name: 'a.shop.example', type: 'A', ttl: 30, data: '192.0.2.9' }]
    })
  })
  for (const [type, data] of [['A', '192.0.2.7'], ['AAAA', '2001:db8::7'], ['SRV', '0 1 80 a.shop.example']] as const) {
    t.strictSame(facts(await udp.query('hop.shop.svc.cluster.local', type)), {
      rcode: 'NOERROR', aa: true, ra: true, tc: false, authorities: [], ede: undefined,
      answers: ['hop.shop.svc.cluster.local 5 CNAME far.shop.svc.cluster.local', 'far.shop.svc.cluster.local 5 CNAME www.shop.example', 'www.shop.example 50 CNAME Edge.example', `edge.example 40 ${type} ${data}`]
    }, type)
  }
  t.strictSame(upstream.queries.map(({ questions }) => questions[0]?.name.toLowerCase()), ['www.shop.example', 'www.shop.example', 'www.shop.example'])
  t.strictSame(text((await udp.query('hop.shop.svc.cluster.local', 'CNAME')).answers), ['hop.shop.svc.cluster.local 5 CNAME far.shop.svc.cluster.local'], 'the alias itself needs nobody')
  const message = await udp.ask(question('far.shop.svc.cluster.local', 'A'))
  t.equal(message.indexOf('\x03www'), message.lastIndexOf('\x03www'), 'the target stands there once, and its records point to it')
})

t.test('"there is none" behind an alias has the rcode and the SOA of the target', async (t) => {
  const alias = 'far.shop.svc.cluster.local 5 CNAME www.shop.example'
  for (const rcode of [0, 3]) {
    const { udp } = await place(t, (query) => response(query, { rcode, authorities: [soa] }))
    t.match(facts(await udp.query('far.shop.svc.cluster.local', 'A')), { rcode: rcode === 3 ? 'NXDOMAIN' : 'NOERROR', answers: [alias], authorities: [soaText] })
    t.match(facts(await udp.query(shop, 'A')), { rcode: rcode === 3 ? 'NXDOMAIN' : 'NOERROR', answers: [], authorities: [soaText] })
  }
  const { udp } = await place(t, (query) => response(query, { rcode: 3, answers: [{ name: query.questions[0]?.name, type: 'CNAME', ttl: 9, data: 'gone.example' }], authorities: [soa] }))
  t.match(facts(await udp.query(shop, 'A')), { rcode: 'NXDOMAIN', answers: [`${shop} 9 CNAME gone.example`], authorities: [/SOA/] }, 'behind an alias of theirs too')
})

t.test('an upstream that fails behind an alias is SERVFAIL, with the alias', async (t) => {
  const { udp } = await place(t, (query) => response(query, { rcode: 2 }))
  t.match(facts(await udp.query('far.shop.svc.cluster.local', 'A')), { rcode: 'SERVFAIL', answers: ['far.shop.svc.cluster.local 5 CNAME www.shop.example'] })
})

t.test('who asks for signatures gets the proofs of an answer, others do not', async (t) => {
  const proof = { name: 'example', type: 'NSEC', ttl: 60, data: { nextDomain: 'z.example', rrtypes: ['A'] } }
  const { udp } = await place(t, (query) => response(query, { answers: [{ name: query.questions[0]?.name, type: 'A', ttl: 60, data: '192.0.2.7' }], authorities: [proof] }))
  t.equal((await udp.query(shop, 'A')).authorities.length, 0)
  t.equal((await udp.query(shop, 'A', { edns: { dnssecOk: true } })).authorities.length, 1)
})

t.test('errors of the way to the upstream are not the client\'s', async (t) => {
  const { udp } = await place(t, (query) => response(query, { rcode: 7, additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, ednsVersion: 0, flags: 0, options: [] }] })) // BADCOOKIE
  t.match(facts(await udp.query(shop, 'A')), { rcode: 'SERVFAIL', answers: [] })
})

t.test('what is too big for UDP is cut with TC, and whole over TCP', async (t) => {
  const { udp, server } = await place(t, (query) => {
    if (query.transport === 'udp') return response(query, { flags: 0x0200 })
    return response(query, { answers: Array.from({ length: 90 }, (_, index) => ({ name: query.questions[0]?.name, type: 'A', ttl: 60, data: `192.0.2.${index}` })) })
  })
  const small = await udp.query(shop, 'A')
  t.equal(small.flag_tc, true)
  t.ok(small.answers.length > 10 && small.answers.length < 90)
  const whole = await (await TcpClient.open(t, server)).query(shop, 'A')
  t.strictSame([whole.flag_tc, whole.answers.length], [false, 90])
})

t.test('over TCP what is known is not held up by what is waited for', async (t) => {
  const waiting = new Map<string, Query>()
  const { server, upstream, world } = await place(t, (query) => {
    waiting.set(query.questions[0]?.name.toLowerCase() ?? '', query)
    return undefined
  })
  const client = await TcpClient.open(t, server)
  client.send(...Array.from({ length: maxDeferred - 1 }, (_, id) => question(`n${id}.example`, 'A', { id })), question(ours, 'A', { id: 999 }))
  t.equal(codec.decode(await client.receive() ?? Buffer.alloc(0)).id, 999, 'the last one is answered first')
  while (waiting.size < maxDeferred - 1) await upstream.next()
  for (const id of [7, 3, 50]) {
    const query = waiting.get(`n${id}.example`)
    query?.send(addressed(query) as Buffer)
    t.equal(codec.decode(await client.receive() ?? Buffer.alloc(0)).id, id, 'and the others as they come')
  }
  world.clock.advance(totalMs)
})

t.test('a connection has so many questions waiting, and is read on when one is answered', async (t) => {
  const waiting: Query[] = []
  const { server, upstream, world } = await place(t, (query) => {
    waiting.push(query)
    return undefined
  })
  const client = await TcpClient.open(t, server)
  client.send(...Array.from({ length: maxDeferred }, (_, id) => question(`n${id}.example`, 'A', { id })), question(ours, 'A', { id: 999 }))
  while (waiting.length < maxDeferred) await upstream.next()
  const [first] = waiting
  first?.send(addressed(first) as Buffer)
  const ids = [codec.decode(await client.receive() ?? Buffer.alloc(0)).id, codec.decode(await client.receive() ?? Buffer.alloc(0)).id]
  t.equal(ids[1], 999, 'only then is the known name looked at')
  world.clock.advance(totalMs)
})

t.test('over UDP a flood of slow names is told of, and stops nobody else', async (t) => {
  const slow: Answer = (query) => (query.questions[0]?.name.toLowerCase() === 'fast.example' ? addressed(query) : undefined)
  const { udp, server, counters, upstream, world } = await place(t, slow)
  const flood = new UdpClient(t, server)
  for (let id = 0; id < maxInFlight + 100; id++) {
    await flood.send(question(`n${id}.example`, 'A', { id, edns: {} }))
    if (id % 50 === 0) await udp.query(ours, 'A') // what was sent has been read
  }
  const told = await flood.receive()
  t.match(facts(codec.decode(told)), { rcode: 'SERVFAIL', ede: 0 })
  const other = new UdpClient(t, server, '127.0.0.2')
  t.strictSame(text((await other.query('fast.example', 'A')).answers), ['fast.example 60 A 192.0.2.7'])
  t.equal(counters.forwards('failed'), 101, 'the oldest gave way, each for one that came later')
  const last = `n${maxInFlight + 99}.example`
  while (!upstream.queries.some(({ questions }) => questions[0]?.name.toLowerCase() === last)) await upstream.next() // the flood's wait for later turns
  world.clock.advance(totalMs)
})

t.test('answers that arrive while it closes leave, and what does not come is given up', async (t) => {
  const { udp, server, world, upstream } = await place(t, undefined)
  const tcp = await TcpClient.open(t, server)
  await udp.send(question('a.example', 'A', { id: 1 }))
  const early = await upstream.next()
  tcp.send(question('b.example', 'A', { id: 2 }))
  await upstream.next()
  const closed = server.close()
  early.send(addressed(early) as Buffer)
  t.equal(codec.decode(await udp.receive()).id, 1)
  await new Promise((resolve) => setImmediate(resolve))
  world.clock.advance(closeGraceMs)
  await closed
  t.equal(await tcp.receive(), undefined)
})

t.test('addresses of ours are answered by us, others in our networks by the upstream', async (t) => {
  const { udp, upstream } = await place(t, (query) => response(query, { answers: [{ name: query.questions[0]?.name, type: 'PTR', ttl: 60, data: 'printer.example' }] }), { reverse: ['10.0.0.0/8'] })
  t.match(facts(await udp.query('1.0.0.10.in-addr.arpa', 'PTR')), { aa: true, answers: ['1.0.0.10.in-addr.arpa 5 PTR 10-0-0-1.orders.shop.svc.cluster.local'] })
  t.match(facts(await udp.query('1.0.0.10.in-addr.arpa', 'A')), { aa: true, rcode: 'NOERROR', answers: [] })
  t.match(facts(await udp.query('10.in-addr.arpa', 'SOA')), { aa: true })
  t.equal(upstream.queries.length, 0)
  t.match(facts(await udp.query('9.9.9.10.in-addr.arpa', 'PTR')), { aa: false, answers: ['9.9.9.10.in-addr.arpa 60 PTR printer.example'] })
  const stranger = await place(t, addressed, { reverse: ['10.0.0.0/8'] }, strangers)
  t.match(facts(await stranger.udp.query('9.9.9.10.in-addr.arpa', 'PTR')), { aa: true, rcode: 'NXDOMAIN' })
})

t.test('what becomes of questions is counted, and each answer once', async (t) => {
  const { udp, counters } = await place(t, addressed)
  await udp.query(shop, 'A')
  await udp.query(shop, 'A')
  t.strictSame([...counters.answers()].map(({ count }) => count), [2])
  t.strictSame([counters.forwards('miss'), counters.forwards('hit')], [1, 1])
})

t.test('the desk says that others are asked, and by whom they may be', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const core = dnsCore({ source: town().feed, clock: new HandClock(), reverse: ['10.0.0.0/8'], forward: { upstreams: [upstream], clients: ['10.0.0.0/8'] } }, ['127.0.0.1'])
  t.teardown(() => core.close())
  const ask = async (name: string, client: string): Promise<{ rcode: string, trace: string[] }> => {
    const { rcode, trace } = await core.desk.explain({ name, type: 'A', client, namespace: 'shop' })
    return { rcode, trace: trace.map(({ rule, message }) => `${rule}: ${message}`) }
  }
  t.match(await ask('www.example', '10.0.0.5'), { rcode: 'NOERROR', trace: [/^search path/, /^search path/, /^search path/, 'forward: the name is in no zone that is served here: an upstream of --dns-forward is asked', 'answer: 1 record'] })
  t.match(await ask('www.example.', '192.0.2.1'), { rcode: 'REFUSED', trace: ['forward: the name is in no zone that is served here, and 192.0.2.1 is not in --dns-forward-from: REFUSED, extended error 18', /^answer: REFUSED/] })
  t.match((await ask('far.shop.svc.cluster.local', '10.0.0.5')).trace.slice(-2), ['alias: its target is in no zone of ours: an upstream of --dns-forward is asked for it', 'answer: 2 records'])
  t.match((await ask('9.9.9.10.in-addr.arpa', '10.0.0.5')).trace.slice(-2), ['forward: such addresses may have names elsewhere: an upstream of --dns-forward is asked', 'answer: 1 record'])
})

t.test('nobody has names forwarded by the name of another client', async (t) => {
  const world = new PlayedFeed().load()
  const core = dnsCore({ source: world.feed, forward: { upstreams: [{ address: '127.0.0.1', port: 9 }], clients: ['10.0.0.0/8'] } }, ['127.0.0.1'])
  t.teardown(() => core.close())
  await t.rejects(core.desk.explain({ name: 'www.example.', type: 'A', client: '10.0.0.7', caller: '192.0.2.1' }), { code: 'REG_INVALID', errors: [{ field: 'client' }] })
  t.match(await core.desk.explain({ name: 'www.example.', type: 'A', client: '192.0.2.2', caller: '192.0.2.1' }), { rcode: 'REFUSED', extendedError: { code: 18 } })
})
