// Response rate limiting: what a victim of forged addresses is sent, and who is never limited.
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { ClientAddress } from '../../server/dns/protect/client-address.ts'
import type { Client } from '../../server/dns/protect/client.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { RateLimiter, kindOf } from '../../server/dns/protect/rate-limit.ts'
import type { Forwarded } from '../../server/dns/forward/forwarder.ts'
import type { Recursion } from '../../server/dns/forward/recursion.ts'
import { Responder, type ResponderOptions } from '../../server/dns/responder.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { type Message, type QuestionOptions, TcpClient, UdpClient, codec, opt, question } from '../support/dns-client.ts'
import { PlayedFeed, responderOf, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
const clientCookie = Buffer.from('2464c4abcf10c957', 'hex')

function world (): PlayedFeed {
  return new PlayedFeed().load()
    .register('shop/web/a', { address: '10.1.0.1', ports: [{ name: 'http', port: 80 }] })
    .keep(cookieSecretKey, JSON.stringify({ keys: ['e5e973e5a6b2a43f48e7dc849e37bfcf'] }))
}

/** A server's brain without sockets, so that a test may ask from every address. */
function asked (of: PlayedFeed, perSecond: number): { ask: (address: string, name?: string, options?: QuestionOptions & { type?: string, transport?: Client['transport'] }) => Message | undefined, counters: DnsCounters } {
  const counters = new DnsCounters()
  const options: ResponderOptions = {
    source: of.feed, zones: [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] })], ttlSeconds: 5, node: 'node-a', version: '', clock: of.clock, random: () => 0, counters,
    limiter: new RateLimiter(perSecond, () => 0.5), failed: (error) => { throw error }
  }
  const responder = new Responder(options)
  const writer = new MessageWriter(1_232)
  const ask: ReturnType<typeof asked>['ask'] = (address, name = web, { type = 'A', transport = 'udp', ...rest } = {}) => {
    const length = responder.respond(question(name, type, rest), { transport, address }, writer)
    return typeof length === 'number' && length > 0 ? codec.decode(Buffer.from(writer.bytes.subarray(0, length))) : undefined
  }
  return { ask, counters }
}

/** What became of a question: `whole`, `tc`, or `silence`. */
function fate (message: Message | undefined): string {
  return message === undefined ? 'silence' : message.flag_tc && message.answers.length === 0 && message.authorities.length === 0 ? 'tc' : 'whole'
}

const repeat = <Value> (count: number, make: () => Value): Value[] => Array.from({ length: count }, make)

t.test('over the limit every second answer is empty with TC, the others are silence, and time mends it', (t) => {
  const of = world()
  const { ask, counters } = asked(of, 10)
  t.strictSame(repeat(10, () => fate(ask('192.0.2.1'))), repeat(10, () => 'whole'))
  t.strictSame(repeat(6, () => fate(ask('192.0.2.1'))), ['tc', 'silence', 'tc', 'silence', 'tc', 'silence'])
  of.clock.advance(100)
  t.strictSame(repeat(3, () => fate(ask('192.0.2.1'))), ['whole', 'tc', 'silence'], 'a tenth of a second is one answer')
  of.clock.advance(60_000)
  t.equal(repeat(20, () => fate(ask('192.0.2.1'))).filter((what) => what === 'whole').length, 10, 'a long rest is worth one second')
  t.strictSame([counters.limitedSlipped, counters.limitedDropped, counters.limitedBadCookie], [3 + 1 + 5, 3 + 1 + 5, 0])
  t.equal([...counters.answers()].reduce((sum, { count }) => sum + count, 0), 10 + 1 + 10 + 9, 'silence is no answer')
  t.equal(counters.truncated, 9)
  t.end()
})

t.test('an address shares with its network, and with no other', (t) => {
  const { ask } = asked(world(), 1)
  const isWhole = (address: string): boolean => fate(ask(address)) === 'whole'
  t.strictSame(['192.0.2.1', '192.0.2.200', '::ffff:192.0.2.9', '192.0.3.1', '198.51.100.1'].map(isWhole), [true, false, false, true, true])
  t.strictSame(['2001:db8:0:100::1', '2001:db8:0:1ff::1', '2001:db8:0:200::1'].map(isWhole), [true, false, true], 'a /56')
  t.end()
})

t.test('a name, the names that a zone has not, and errors are limited apart', (t) => {
  const of = world().register('shop/api/a', { address: '10.1.0.2' })
  const { ask } = asked(of, 2)
  const fates = (...names: string[]): string[] => names.map((name) => fate(ask('192.0.2.1', name)))
  t.strictSame(fates(web, 'WEB.shop.svc.cluster.LOCAL', web), ['whole', 'whole', 'tc'], 'a name in either case')
  t.equal(fate(ask('192.0.2.1', web, { type: 'AAAA' })), 'silence', 'and of every type')
  t.strictSame(fates('api.shop.svc.cluster.local'), ['whole'])
  t.strictSame(fates('a.shop.svc.cluster.local', 'b.shop.svc.cluster.local', 'c.shop.svc.cluster.local'), ['whole', 'whole', 'tc'], 'random names are one kind')
  t.strictSame(fates('example.com', 'example.org', 'example.net'), ['whole', 'whole', 'tc'], 'errors are')
  t.strictSame(fates('api.shop.svc.cluster.local'), ['whole'])
  t.end()
})

t.test('who brings a cookie back is never limited; who has only its own half is sent one', (t) => {
  const { ask, counters } = asked(world(), 1)
  const withCookie = (data: Buffer): Message | undefined => ask('192.0.2.1', web, { edns: { options: [{ code: 10, data }] } })
  const cookie = opt(withCookie(clientCookie) ?? t.fail('no answer') as never)?.options?.[0]?.data ?? Buffer.alloc(0)
  t.strictSame(repeat(100, () => withCookie(cookie)?.answers.length), repeat(100, () => 1))
  const over = repeat(4, () => withCookie(clientCookie))
  t.strictSame(over.map((message) => (message === undefined ? 'silence' : (opt(message)?.extendedRcode ?? 0) << 4 | message.flags & 15)), [23, 'silence', 23, 'silence'])
  t.strictSame([over[0]?.flag_tc, over[0]?.answers.length, opt(over[0] as Message)?.options?.[0]?.data], [false, 0, cookie], 'BADCOOKIE with a good one')
  t.strictSame([counters.limitedBadCookie, counters.limitedDropped, counters.limitedSlipped], [2, 2, 0])
  t.equal(fate(ask('192.0.2.2')), 'tc', 'who has none is limited still')
  t.end()
})

t.test('loopback, TCP, TLS and HTTPS are never limited', (t) => {
  const { ask, counters } = asked(world(), 1)
  for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1']) t.strictSame(repeat(5, () => fate(ask(address))), repeat(5, () => 'whole'), address)
  for (const transport of ['tcp', 'tls', 'https'] as const) t.strictSame(repeat(5, () => fate(ask('192.0.2.1', web, { transport }))), repeat(5, () => 'whole'), transport)
  t.equal(counters.limitedDropped + counters.limitedSlipped, 0)
  t.end()
})

t.test('a flood from everywhere takes no memory, and limited clients stay limited', (t) => {
  const limiter = new RateLimiter(5, () => 0.25)
  const address = new ClientAddress()
  const kind = kindOf(Buffer.from(web), 0, web.length)
  const passed = { victim: 0, others: 0 }
  const others = 200_000 // three for each slot
  for (let index = 0; index < others; index++) {
    const nowMs = 1_000 + Math.floor(index / 100) // two seconds
    if (limiter.check(address.read(`${index >> 16 & 255}.${index >> 8 & 255}.${index & 255}.1`), kind, nowMs) === 'pass') passed.others++
    if (index % 10 === 0 && limiter.check(address.read('192.0.2.1'), kind, nowMs) === 'pass') passed.victim++
  }
  t.equal(passed.others, others, 'a client that asks once is answered')
  t.ok(passed.victim < 100, `${passed.victim} of ${others / 10} reached the victim`)
  t.end()
})

t.test('the clock of the limit may go round or back', (t) => {
  const limiter = new RateLimiter(1, () => 0)
  const address = new ClientAddress().read('192.0.2.1')
  t.equal(limiter.check(address, 1, 2 ** 32 - 500), 'pass')
  t.equal(limiter.check(address, 1, 2 ** 32 - 1), 'slip')
  t.equal(limiter.check(address, 1, 2 ** 32 + 501), 'pass')
  t.equal(limiter.check(address, 1, 2 ** 32), 'drop', 'a step back brings nothing')
  t.equal(limiter.check(address, 1, 2 ** 32 + 1_000), 'pass')
  t.end()
})

const outside = Object.values(networkInterfaces()).flat().find((found) => found !== undefined && !found.internal && found.family === 'IPv4')

t.test('a server limits over its sockets', { skip: outside === undefined ? 'this machine has no address but loopback' : false }, async (t) => {
  const server = await serve(t, world(), { host: outside?.address ?? '', rateLimit: 3 })
  const udp = new UdpClient(t, server)
  for (let index = 0; index < 3; index++) t.equal(fate(await udp.query(web, 'A')), 'whole')
  t.equal(fate(await udp.query(web, 'A')), 'tc')
  t.equal((await (await TcpClient.open(t, server)).query(web, 'A')).answers.length, 1, 'and over TCP it is all there')
})

t.test('an answer that others were asked for is limited once, when it leaves', async (t) => {
  const of = world()
  const counters = new DnsCounters()
  const forwarded: Forwarded = { kind: 'answer', rcode: 0, answers: [], authorities: [], additionals: [], cached: false }
  const recursion = {
    permits: () => true, lookup: () => undefined, resolve: () => Promise.resolve(forwarded)
  } as unknown as Recursion // what the responder asks of it, without a network
  const responder = responderOf(of, { recursion, counters, limiter: new RateLimiter(1, () => 0) })
  const fates: string[][] = []
  for (let index = 0; index < 3; index++) {
    const response = responder.respond(question('www.example.com', 'A'), { transport: 'udp', address: '192.0.2.1' }, new MessageWriter(512))
    const messages: Message[] = []
    for await (const message of typeof response === 'number' ? t.fail('it has to wait') as never : response) messages.push(codec.decode(message))
    fates.push(messages.map(fate))
  }
  t.strictSame(fates, [['whole'], ['tc'], []])
  t.strictSame([counters.limitedSlipped, counters.limitedDropped], [1, 1])
})
