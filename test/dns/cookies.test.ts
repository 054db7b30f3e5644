// DNS cookies (RFC 7873, RFC 9018): the hash, what makes a cookie good, and the secret that all nodes share.
import t from 'tap'
import type { Client } from '../../server/dns/protect/client.ts'
import { ClientAddress } from '../../server/dns/protect/client-address.ts'
import { ServerCookies } from '../../server/dns/protect/cookies.ts'
import { QueryReader } from '../../server/dns/wire/query-reader.ts'
import { SipHash } from '../../server/dns/protect/siphash.ts'
import { CookieSecret, type CookieSecretOptions, cookieKeys, cookieSecretKey } from '../../server/dns/protect/cookie-secret.ts'
import { type Message, TcpClient, UdpClient, codec, opt, question } from '../support/dns-client.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
const cookieCode = 10
const clientPart = '2464c4abcf10c957'
const secretText = (...keys: string[]): string => JSON.stringify({ keys })
const firstKey = 'e5e973e5a6b2a43f48e7dc849e37bfcf'
const secondKey = '445536bcd2513298075a5d379663c962'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

function world (): PlayedFeed {
  return new PlayedFeed().load().register('shop/web/a', { address: '10.1.0.1', ports: [{ name: 'http', port: 80 }] })
}

function withCookie (data: string, name = web): Buffer {
  return question(name, 'A', { edns: { options: [{ code: cookieCode, data: hex(data) }] } })
}

function cookieOf (message: Message): string | undefined {
  return opt(message)?.options?.find(({ code }) => code === cookieCode)?.data.toString('hex')
}

t.test('SipHash-2-4 gives the reference values', (t) => {
  const hash = new SipHash(hex('000102030405060708090a0b0c0d0e0f'))
  const input = Buffer.from(Array.from({ length: 64 }, (_, index) => index))
  const rows: readonly (readonly [length: number, hash: string])[] = [
    [0, '310e0edd47db6f72'], [1, 'fd67dc93c539f874'], [2, '5a4fa9d909806c0d'], [8, '6224939a79f5f593'], [15, 'e545be4961ca29a1'], [20, '98eea21af25cd6be']
  ]
  for (const [length, expected] of rows) {
    hash.hash(input, length)
    const octets = Buffer.alloc(8)
    octets.writeInt32LE(hash.low, 0)
    octets.writeInt32LE(hash.high, 4)
    t.equal(octets.toString('hex'), expected, `${length} octets`)
  }
  t.throws(() => new SipHash(Buffer.alloc(15)), RangeError)
  t.end()
})

type Vector = readonly [says: string, keys: readonly string[], address: string, seconds: number, cookie: string, state: string, answer: string]
/** RFC 9018, appendix A: who asks with what, when, and what comes back. */
const vectors: readonly Vector[] = [
  ['A.1 a new client', [firstKey], '198.51.100.100', 1_559_731_985, clientPart, 'client', `${clientPart}010000005cf79f111f8130c3eee29480`],
  ['A.2 the same a little later', [firstKey], '198.51.100.100', 1_559_734_385, `${clientPart}010000005cf79f111f8130c3eee29480`, 'valid', `${clientPart}010000005cf7a871d4a564a1442aca77`],
  ['A.3 another one whose reserved octets are set', [firstKey], '203.0.113.203', 1_559_734_700, 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5', 'invalid',
    'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e'], // two hours old
  ['A.3 and when it was young', [firstKey], '203.0.113.203', 1_559_727_985, 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5', 'valid',
    'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5'],
  ['A.4 IPv6 and a secret that was rolled over', [secondKey, 'dd3bdf9344b678b185a6f5cb60fca715'], '2001:db8:220:1:59de:d0f4:8769:82b8', 1_559_741_961,
    '22681ab97d52c298010000005cf7c57926556bd0934c72f8', 'valid', '22681ab97d52c298010000005cf7c609a6bb79d16625507a']
]

t.test('the examples of RFC 9018 come out octet by octet', (t) => {
  for (const [says, keys, address, seconds, cookie, state, answer] of vectors) {
    const source = { catalog: { object: () => ({ body: secretText(...keys) }) } }
    const cookies = new ServerCookies({ source, nowMs: () => seconds * 1_000 })
    const query = new QueryReader()
    query.read(withCookie(cookie))
    t.equal(cookies.read(query, { transport: 'udp', address }), state, says)
    t.equal(cookies.bytes.toString('hex'), answer)
  }
  t.end()
})

t.test('a cookie is good for an hour, for its client, with its secret, and renewed after half an hour', (t) => {
  const nowSeconds = 1_700_000_000
  const body = { keys: [firstKey] }
  let object = { body: JSON.stringify(body) }
  const clock = { seconds: nowSeconds }
  const cookies = new ServerCookies({ source: { catalog: { object: () => object } }, nowMs: () => clock.seconds * 1_000 })
  const query = new QueryReader()
  const read = (cookie: string, client: Partial<Client> = {}): string => {
    query.read(withCookie(cookie))
    return cookies.read(query, { transport: 'udp', address: '192.0.2.7', ...client })
  }
  t.equal(read(clientPart), 'client')
  const given = cookies.bytes.toString('hex')
  t.equal(read(given), 'valid')
  t.equal(read(given, { address: '::ffff:192.0.2.7' }), 'valid', 'IPv4 on an IPv6 socket is the same client')
  t.equal(read(given, { address: '192.0.2.8' }), 'invalid', 'another client')
  for (const octet of [0, 8, 12, 16, 23]) {
    const forged = hex(given)
    forged.writeUInt8(forged.readUInt8(octet) ^ 1, octet)
    t.equal(read(forged.toString('hex')), 'invalid', `octet ${octet} is another`)
  }
  t.equal(read(given.slice(0, 32)), 'invalid', 'half of it')
  t.equal(read(`${given}00`), 'invalid', 'an octet too many')
  for (const [age, state, isKept] of [[-301, 'invalid', false], [-300, 'valid', true], [1_800, 'valid', true], [1_801, 'valid', false], [3_600, 'valid', false], [3_601, 'invalid', false]] as const) {
    clock.seconds = nowSeconds + age
    t.equal(read(given), state, `${age} s old`)
    t.equal(cookies.bytes.toString('hex') === given, isKept, isKept ? 'given back' : 'another one is given')
    const fresh = cookies.bytes.toString('hex')
    t.equal(read(fresh), 'valid', 'which is good')
  }
  clock.seconds = nowSeconds + 1
  object = { body: secretText(secondKey, firstKey) }
  t.equal(read(given), 'valid', 'made with the secret before')
  t.not(cookies.bytes.toString('hex'), given, 'and replaced')
  object = { body: secretText(secondKey) }
  t.equal(read(given), 'invalid', 'the secret is forgotten')
  object = { body: secretText('not a key') }
  t.equal(read(given), 'none', 'there is none')
  t.end()
})

t.test('addresses are read as sockets give them', (t) => {
  const address = new ClientAddress()
  const rows: readonly (readonly [text: string, octets: string, isLoopback?: boolean])[] = [
    ['10.0.0.7', '0a000007'], ['255.255.255.255', 'ffffffff'], ['127.0.0.1', '7f000001', true], ['127.9.9.9', '7f090909', true], ['::1', `${'00'.repeat(15)}01`, true],
    ['::', '00'.repeat(16)], ['::ffff:10.0.0.7', '0a000007'], ['::ffff:127.0.0.1', '7f000001', true], ['fe80::1%eth0', `fe80${'00'.repeat(13)}01`],
    ['2001:db8:220:1:59de:d0f4:8769:82b8', '20010db80220000159ded0f4876982b8'], ['fd00::', `fd00${'00'.repeat(14)}`], ['64:ff9b::192.0.2.1', `0064ff9b${'00'.repeat(8)}c0000201`],
    ['', ''], ['localhost', ''], ['1.2.3', ''], ['1.2.3.4.5', ''], ['256.1.1.1', ''], ['1:2:3', ''], ['1:2:3:4:5:6:7:8:9', ''], ['12345::', ''], ['1::1.2.3', ''], ['g::', '']
  ]
  for (const [text, octets, isLoopback = false] of rows) {
    address.read(text)
    t.equal(address.bytes.toString('hex', 0, address.length), octets, text)
    t.equal(address.isLoopback, isLoopback)
  }
  t.end()
})

t.test('every answer to a query with a cookie carries one, over UDP and TCP alike', async (t) => {
  const of = world().keep(cookieSecretKey, secretText(firstKey))
  const server = await serve(t, of)
  const client = new UdpClient(t, server)
  const ask = async (message: Buffer): Promise<Message> => codec.decode(await client.ask(message))
  const first = cookieOf(await ask(withCookie(clientPart))) ?? ''
  t.equal(first.slice(0, 16), clientPart)
  t.equal(first.length, 48)
  for (const name of [web, `no.${web}`, 'example.com', 'cluster.local']) t.equal(cookieOf(await ask(withCookie(first, name))), first, `${name}: the same while it is young`)
  t.equal(cookieOf(await ask(withCookie(`${clientPart}${'00'.repeat(16)}`))), first, 'a wrong one is answered all the same, with a good one')
  t.equal(cookieOf(await ask(question(web, 'A', { edns: {} }))), undefined, 'who sends none gets none')
  const tcp = await TcpClient.open(t, server)
  tcp.send(withCookie(clientPart))
  t.equal(cookieOf(codec.decode(await tcp.receive() ?? Buffer.alloc(0))), first)
  const badVersion = question(web, 'A', { edns: { version: 1, options: [{ code: cookieCode, data: hex(clientPart) }] } })
  t.equal(cookieOf(await ask(badVersion)), first, 'BADVERS too')
})

/** A header and OPT with a cookie, without a question. */
function cookieAlone (cookie: string): Buffer {
  const data = hex(cookie)
  const option = Buffer.concat([hex('000a'), Buffer.from([0, data.length]), data])
  return Buffer.concat([hex('abcd 0100 0000 0000 0000 0001  00 0029 04d0 00000000'), Buffer.from([0, option.length]), option])
}

t.test('a query without a question asks for a cookie', async (t) => {
  const of = world()
  const client = new UdpClient(t, await serve(t, of))
  const ask = async (cookie: string): Promise<Message> => codec.decode(await client.ask(cookieAlone(cookie)))
  t.equal((await ask(clientPart)).rcode, 'FORMERR', 'without a secret there are no cookies')
  of.keep(cookieSecretKey, secretText(firstKey))
  const message = await ask(clientPart)
  const cookie = cookieOf(message) ?? ''
  t.equal(message.rcode, 'NOERROR')
  t.strictSame([message.questions.length, message.answers.length, message.authorities.length], [0, 0, 0])
  t.equal((await ask(cookie)).rcode, 'NOERROR')
  const refused = await ask(`${cookie.slice(0, -2)}00`)
  t.strictSame([opt(refused)?.extendedRcode, refused.flags & 15, cookieOf(refused)], [1, 7, cookie], 'a wrong one is BADCOOKIE (23), with a good one')
})

t.test('before there is a secret nothing is said of cookies, and nothing echoed', async (t) => {
  const client = new UdpClient(t, await serve(t, world()))
  const message = codec.decode(await client.ask(withCookie(clientPart)))
  t.equal(message.answers.length, 1)
  t.strictSame(opt(message)?.options, [])
})

/** The core as a node has it, with a world behind it. */
function coreOf (of: PlayedFeed): CookieSecretOptions['core'] & { writes: string[], isAway: boolean } {
  const core = {
    writes: [] as string[],
    isAway: false,
    secret: (name: string) => of.feed.catalog.object(`secret/${name}`),
    async keepSecret (name: string, body: string, expected: number): Promise<boolean> {
      if (core.isAway) throw new Error('the store is away')
      if ((core.secret(name)?.revision ?? 0) !== expected) return false
      core.writes.push(name)
      of.keep(`secret/${name}`, body)
      return true
    }
  }
  return core
}

const dayMs = 86_400_000

t.test('one node makes the secret, all use it, and it is rolled over after two weeks', async (t) => {
  const of = world()
  const core = coreOf(of)
  let made = 0
  const random = (octets: number): Buffer => Buffer.alloc(octets, ++made)
  const options = { core, position: of.feed, clock: of.clock, random, warn: (message: string) => t.fail(message) }
  const nodes = [new CookieSecret(options), new CookieSecret(options)]
  t.teardown(() => nodes.forEach((node) => node.close()))
  await Promise.all(nodes.map((node) => node.start()))
  const keys = (): string[] => cookieKeys(of.feed.catalog.object(cookieSecretKey)?.body ?? secretText()).map((key) => key.toString('hex'))
  t.equal(core.writes.length, 1, 'the second found one')
  t.strictSame(keys(), ['01'.repeat(16)])
  const turn = async (ms: number): Promise<void> => {
    of.clock.advance(ms)
    for (let count = 0; count < 5; count++) await Promise.resolve()
  }
  await turn(14 * dayMs - 20_000)
  t.equal(core.writes.length, 1)
  await turn(10_000)
  t.equal(core.writes.length, 1)
  await turn(10_000)
  t.equal(core.writes.length, 2, 'one of them rolled it over')
  t.equal(keys()[1], '01'.repeat(16), 'the one before is kept')
  const [second] = keys()
  await turn(15 * dayMs)
  await turn(10_000)
  t.strictSame([keys().length, keys()[1]], [2, second], 'and then forgotten')
})

t.test('a store that is away costs cookies and nothing else, and is said once', async (t) => {
  const of = world()
  const core = coreOf(of)
  core.isAway = true
  const warnings: string[] = []
  const warn = (message: string): void => { warnings.push(message) }
  const secret = new CookieSecret({ core, position: of.feed, clock: of.clock, random: (octets) => Buffer.alloc(octets, 7), warn })
  t.teardown(() => secret.close())
  await secret.start()
  const turn = async (): Promise<void> => {
    of.clock.advance(10_000)
    for (let count = 0; count < 5; count++) await Promise.resolve()
  }
  await turn()
  await turn()
  t.equal(warnings.length, 1)
  t.match(warnings[0], /trying again: the store is away/)
  t.notMatch(warnings[0], '0707')
  core.isAway = false
  await turn()
  t.equal(core.writes.length, 1)
  secret.close()
  of.clock.advance(30 * dayMs)
  t.equal(core.writes.length, 1, 'closed: no more')
})

t.test('the secret wakes no watcher and makes no namespace', (t) => {
  const of = world()
  const seen: unknown[] = []
  of.feed.listen({ changed: ({ kind, target, instance, service }) => seen.push({ kind, target, instance, service }) })
  of.keep(cookieSecretKey, secretText(firstKey))
  t.strictSame(seen, [{ kind: 'secret', target: { namespace: '', service: '', id: '' }, instance: undefined, service: undefined }])
  t.strictSame(of.feed.catalog.namespaces(), ['shop'])
  t.end()
})

t.test('a hand-moved clock moves cookies too', async (t) => {
  const of = world().keep(cookieSecretKey, secretText(firstKey))
  t.ok(of.clock instanceof HandClock)
  const client = new UdpClient(t, await serve(t, of))
  const given = cookieOf(codec.decode(await client.ask(withCookie(clientPart)))) ?? ''
  of.clock.advance(31 * 60_000)
  const renewed = cookieOf(codec.decode(await client.ask(withCookie(given)))) ?? ''
  t.not(renewed, given)
  t.equal(cookieOf(codec.decode(await client.ask(withCookie(renewed)))), renewed)
})
