// What the RFCs ask of a server beyond its records: flags, EDNS, sizes, TCP.
import t from 'tap'
import { DnsCounters } from '../../server/dns/counters.ts'
import { Responder } from '../../server/dns/responder.ts'
import { UdpListener } from '../../server/dns/listen/udp-listener.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { systemClock } from '../../server/clock.ts'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Message, TcpClient, UdpClient, codec, extendedError, framed, opt, question } from '../support/dns-client.ts'
import { Upstream, response } from '../support/upstream.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'
const rcode = (answer: Buffer): number => answer.readUInt8(3) & 15
/** Offsets of the two octets of flags. */
const flagsAt = 2

/** @param count endpoints of shop/web */
function world (count: number): PlayedFeed {
  const result = new PlayedFeed().load()
  for (let index = 0; index < count; index++) {
    result.register(`shop/web/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, ports: [{ name: 'http', port: 80 }] })
  }
  return result
}

/** Asks over UDP until something is so: each question is a turn of the server. */
async function until (client: UdpClient, isSo: () => boolean): Promise<void> {
  while (!isSo()) await client.query(web, 'A')
}

t.test('id, RD and opcode come back, and no flag that was not asked for', async (t) => {
  const client = new UdpClient(t, await serve(t, world(1)))
  const query = question(web, 'A', { id: 0xbeef })
  query.writeUInt16BE(0x0000, flagsAt)
  t.equal((await client.ask(query)).readUInt32BE(0), 0xbeef8400, 'QR and AA')
  query.writeUInt16BE(0x0170, flagsAt) // RD, Z, AD, CD
  t.equal((await client.ask(query)).readUInt32BE(0), 0xbeef8500, 'QR, AA and RD; Z, AD and CD are not ours to set')
  query.writeUInt16BE(0x0200, flagsAt)
  t.equal((await client.ask(query)).readUInt32BE(0), 0xbeef8400, 'TC in a query means nothing')
})

t.test('answers and datagrams that are no message get silence', async (t) => {
  const server = await serve(t, world(1))
  const client = new UdpClient(t, server)
  const answer = question(web, 'A')
  answer.writeUInt16BE(0x8100, flagsAt)
  for (const message of [answer, Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(11), question(web, 'A').subarray(0, 11)]) await client.send(message)
  t.equal((await client.ask(question(web, 'A', { id: 9 }))).readUInt16BE(0), 9, 'the only answer is the one to the question after them')
  t.strictSame([server.counters.dropped('short'), server.counters.dropped('response')], [4, 1])
})

t.test('a foreign opcode is not implemented, a foreign class refused', async (t) => {
  const client = new UdpClient(t, await serve(t, world(1)))
  for (const opcode of [1, 2, 4, 5, 15]) {
    const query = question(web, 'A', { edns: {} })
    query.writeUInt16BE(opcode << 11, flagsAt)
    const answer = await client.ask(query)
    t.equal(rcode(answer), 4, `opcode ${opcode}`)
    t.equal(answer.readUInt16BE(flagsAt) >> 11 & 15, opcode, 'the opcode comes back')
    t.equal(extendedError(codec.decode(answer))?.code, 21, 'with OPT, which says why')
  }
  for (const foreign of [0, 2, 4, 254, 255]) {
    const query = question(web, 'A')
    query.writeUInt16BE(foreign, query.length - 2)
    const answer = await client.ask(query)
    t.equal(rcode(answer), 5, `class ${foreign}`)
    t.ok(answer.includes(query.subarray(12)), 'the question comes back')
  }
})

t.test('the answer has OPT if the query had it, with our own size', async (t) => {
  const client = new UdpClient(t, await serve(t, world(1)))
  t.equal(opt(await client.query(web, 'A')), undefined)
  for (const [name, type, expected] of [[web, 'A', 'NOERROR'], [web, 'AAAA', 'NOERROR'], [`no.${web}`, 'A', 'NXDOMAIN'], ['example.com', 'A', 'REFUSED']] as const) {
    const message = await client.query(name, type, { edns: { size: 4096, dnssecOk: true } })
    t.equal(message.rcode, expected)
    t.equal(opt(message)?.udpPayloadSize, 1232)
    t.equal(opt(message)?.ednsVersion, 0)
    t.equal(opt(message)?.flag_do, true, 'DO is copied (RFC 3225)')
  }
  t.strictSame(extendedError(await client.query('example.com', 'A', { edns: {} })), { code: 20, text: 'not in a zone of this registry' })
  t.equal(extendedError(await client.query('cluster.local', 'AXFR', { edns: {} }))?.code, 18)
})

t.test('options of EDNS that are not known are neither echoed nor an error', async (t) => {
  const client = new UdpClient(t, await serve(t, world(1)))
  const options = [{ code: 10, data: Buffer.from('0102030405060708', 'hex') }, { code: 12, data: Buffer.alloc(300) }, { code: 65001, data: Buffer.from('x') }]
  const message = await client.query(web, 'A', { edns: { options } })
  t.equal(message.answers.length, 1)
  t.strictSame(opt(message)?.options, [])
})

t.test('who asks for the name of the node gets it, over TCP also how long an idle connection is kept, and nobody else does', async (t) => {
  const server = await serve(t, world(1), { node: 'node-a' })
  const options = [{ code: 3, data: Buffer.alloc(0) }, { code: 11, data: Buffer.alloc(0) }]
  const sent = (message: Message): unknown => opt(message)?.options?.map(({ code, data }) => `${code} ${data.toString('latin1')}`)
  t.strictSame(sent(await new UdpClient(t, server).query(web, 'A', { edns: { options } })), ['3 node-a'])
  const tcp = await TcpClient.open(t, server)
  t.strictSame(sent(await tcp.query(web, 'A', { edns: { options } })), ['3 node-a', '11 \0d']) // 100 tenths of a second
  t.strictSame(sent(await tcp.query(web, 'A', { edns: {} })), [])
})

t.test('over TCP the keepalive of a query must be empty, over UDP it is nothing', async (t) => {
  const server = await serve(t, world(1))
  const edns = { options: [{ code: 11, data: Buffer.from('0064', 'hex') }] }
  t.equal((await new UdpClient(t, server).query(web, 'A', { edns })).rcode, 'NOERROR')
  const tcp = await TcpClient.open(t, server)
  t.equal((await tcp.query(web, 'A', { edns })).rcode, 'FORMERR')
  t.equal((await tcp.query(web, 'A', { edns: {} })).rcode, 'NOERROR', 'the connection goes on')
})

t.test('at the limit of connections the client with most of them gives up the one that is idle for longest', async (t) => {
  const of = world(1)
  const server = await serve(t, of, { maxConnections: 3 })
  const flood = [await TcpClient.open(t, server), await TcpClient.open(t, server), await TcpClient.open(t, server)] as const
  for (const connection of flood.toReversed()) { // the last one is idle for longest
    await connection.query(web, 'A')
    of.clock.advance(10)
  }
  const newcomer = await TcpClient.open(t, server, '127.0.0.2')
  t.equal((await newcomer.query(web, 'A')).answers.length, 1)
  t.equal(await flood[2].receive(), undefined)
  t.equal(server.counters.dropped('too-many-connections'), 1)
  for (const connection of [flood[0], flood[1]]) t.equal((await connection.query(web, 'A')).answers.length, 1, 'the others go on')
  const another = await TcpClient.open(t, server)
  t.equal((await another.query(web, 'A')).answers.length, 1, 'of one client too the newest is served')
  t.equal(await flood[0].receive(), undefined)
  t.equal((await newcomer.query(web, 'A')).answers.length, 1)
  t.equal(server.counters.connections, 3)
})

t.test('connections that ask nothing go before those that do, and one with an answer to come goes last', async (t) => {
  const of = world(1)
  const upstream = await Upstream.open(t)
  const server = await serve(t, of, { maxConnections: 2, forward: { upstreams: [upstream], clients: ['127.0.0.0/8'] } })
  const waiting = await TcpClient.open(t, server)
  waiting.send(question('www.example.com', 'A'))
  await upstream.next()
  of.clock.advance(10)
  const idle = await TcpClient.open(t, server)
  of.clock.advance(10)
  await TcpClient.open(t, server, '127.0.0.2')
  t.equal(await idle.receive(), undefined)
  const query = upstream.queries[0]
  if (query !== undefined) query.send(response(query, { rcode: 3 }))
  t.equal(codec.decode(await waiting.receive() ?? Buffer.alloc(0)).rcode, 'NXDOMAIN')
})

t.test('another version of EDNS is BADVERS', async (t) => {
  const client = new UdpClient(t, await serve(t, world(1)))
  const message = await client.query(web, 'A', { edns: { version: 1 } })
  t.equal(opt(message)?.extendedRcode, 1)
  t.equal(message.flags & 15, 0)
  t.equal(opt(message)?.ednsVersion, 0)
  t.equal(message.answers.length, 0)
})

t.test('without EDNS an answer has at most 512 octets, and says that more is to be had', async (t) => {
  const server = await serve(t, world(60))
  const client = new UdpClient(t, server)
  const bytes = await client.ask(question(web, 'A'))
  const message = codec.decode(bytes)
  t.ok(bytes.length <= 512)
  t.equal(message.flag_tc, true)
  t.ok(message.answers.length >= 29, `as many as fit: ${message.answers.length}`)
  t.equal(server.counters.truncated, 1)
  const whole = await (await TcpClient.open(t, server)).query(web, 'A')
  t.equal(whole.flag_tc, false)
  t.equal(whole.answers.length, 60)
})

t.test('with EDNS it has what the client can take, and never more than 1232', async (t) => {
  const client = new UdpClient(t, await serve(t, world(100)))
  for (const [size, limit] of [[100, 512], [512, 512], [700, 700], [1232, 1232], [4096, 1232], [65535, 1232]] as const) {
    const bytes = await client.ask(question(web, 'A', { edns: { size } }))
    const message = codec.decode(bytes)
    t.ok(bytes.length <= limit && bytes.length > limit - 16, `${bytes.length} octets for a client that takes ${size}`)
    t.equal(message.flag_tc, true)
    t.equal(opt(message)?.udpPayloadSize, 1232, 'a truncated answer keeps OPT')
  }
})

t.test('glue that does not fit is left out, and nothing is said to be missing', async (t) => {
  const client = new UdpClient(t, await serve(t, world(6)))
  const message = await client.query(`_http._tcp.${web}`, 'SRV')
  t.equal(message.answers.length, 6)
  t.ok(message.additionals.length < 6, `${message.additionals.length} of 6 addresses fit`)
  t.equal(message.flag_tc, false)
  const more = await client.query(`_http._tcp.${web}`, 'SRV', { edns: {} })
  t.equal(more.additionals.length, 7, 'six addresses and OPT')
})

t.test('UDP and TCP share a port that was free', async (t) => {
  const server = await serve(t, world(1))
  t.ok(server.port > 0)
  t.equal(server.address, '127.0.0.1')
  t.equal((await (await TcpClient.open(t, server)).query(web, 'A')).answers.length, 1)
  t.equal((await new UdpClient(t, server).query(web, 'A')).answers.length, 1)
})

t.test('a server counts what it was asked and what it said', async (t) => {
  const server = await serve(t, world(1))
  const udp = new UdpClient(t, server)
  await udp.query(web, 'A')
  await udp.query(web, 'A')
  await udp.query(`no.${web}`, 'TYPE65280')
  await (await TcpClient.open(t, server)).query(web, 'SRV', { edns: { version: 9 } })
  t.strictSame([...server.counters.answers()], [
    { transport: 'udp', type: 'A', rcode: 'NOERROR', count: 2 },
    { transport: 'udp', type: 'other', rcode: 'NXDOMAIN', count: 1 },
    { transport: 'tcp', type: 'SRV', rcode: 'BADVERS', count: 1 }
  ])
  t.equal(server.counters.builds, 1, 'the answers of one service were made, once')
  t.equal(server.counters.latencies.reduce((sum, count) => sum + count, 0), 1, 'one in eight was timed')
  t.ok(server.counters.latencySum > 0)
})

t.test('a fault of our own is SERVFAIL, is told once, and the next question is answered', async (t) => {
  const errors: string[] = []
  const healthy = world(1).feed
  let isBroken = true
  const source = {
    loaded: true, revision: 1, staleSeconds: 0, epoch: 'test',
    get catalog () {
      if (isBroken) throw new Error('broken')
      return healthy.catalog
    }
  }
  const server = await serve(t, world(1), { source, log: { warn: () => undefined, error: (message) => errors.push(message) } })
  const client = new UdpClient(t, server)
  for (let index = 0; index < 3; index++) t.equal((await client.query(web, 'A', { edns: {} })).rcode, 'SERVFAIL')
  isBroken = false
  t.equal((await client.query(web, 'A')).answers.length, 1)
  t.equal(server.counters.failed, 3)
  t.equal(errors.length, 1)
  t.match(errors[0], /SERVFAIL.*broken/)
})

t.test('a datagram from port 0 is dropped, and an answer that cannot be sent harms nobody', async (t) => {
  const counters = new DnsCounters()
  const zones = [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] })]
  const responder = new Responder({ source: world(1).feed, zones, ttlSeconds: 5, node: 'test', version: '', clock: systemClock, random: Math.random, counters, failed: (error) => t.fail(String(error)) })
  const socket = createSocket('udp4')
  const listening = once(socket, 'listening')
  socket.bind(0, '127.0.0.1')
  await listening
  const listener = new UdpListener(socket, { address: '127.0.0.1', family: 4, port: 0, responder, counters, clock: systemClock, report: (message) => t.fail(message) })
  t.teardown(() => listener.close())
  socket.emit('message', question(web, 'A'), { address: '127.0.0.1', port: 0, family: 'IPv4', size: 0 })
  t.equal(counters.dropped('port-zero'), 1)
  socket.emit('message', question(web, 'A'), { address: '255.255.255.255', port: 53, family: 'IPv4', size: 0 })
  const client = new UdpClient(t, { port: listener.port, address: '127.0.0.1' })
  t.equal((await client.query(web, 'A')).answers.length, 1)
  t.equal((await client.query(web, 'A')).answers.length, 1, 'also in the turn after the failure')
})

t.test('over TCP questions are answered in the order of arrival, however the octets come', async (t) => {
  const server = await serve(t, world(100))
  const udp = new UdpClient(t, server)
  const client = await TcpClient.open(t, server)
  const names = [web, `_http._tcp.${web}`, `no.${web}`, 'example.com']
  const queries = Array.from({ length: 200 }, (_, id) => question(names[id % names.length] ?? web, id % 2 === 0 ? 'A' : 'SRV', { id }))
  client.send(...queries)
  for (let id = 0; id < 200; id++) t.equal((await client.receive())?.readUInt16BE(0), id)
  const octets = Buffer.concat(queries.slice(0, 3).map(framed))
  for (const octet of octets) {
    client.socket.write(Buffer.from([octet]))
    await udp.query(web, 'A') // the server has read the octet by then
  }
  for (let id = 0; id < 3; id++) t.equal((await client.receive())?.readUInt16BE(0), id)
})

t.test('very many small questions at once are answered in turns, in order, to the last', async (t) => {
  const server = await serve(t, world(1))
  const client = await TcpClient.open(t, server)
  client.send(...Array.from({ length: 2_000 }, (_, id) => question('example.com', 'A', { id })))
  client.socket.end()
  const ids: (number | undefined)[] = []
  for (let answer = await client.receive(); answer !== undefined; answer = await client.receive()) ids.push(answer.readUInt16BE(0))
  t.strictSame(ids, Array.from({ length: 2_000 }, (_, id) => id))
})

t.test('a client that closes its half still gets its answers', async (t) => {
  const client = await TcpClient.open(t, await serve(t, world(100)))
  client.send(...Array.from({ length: 100 }, (_, id) => question(`_http._tcp.${web}`, 'SRV', { id })))
  client.socket.end()
  for (let id = 0; id < 100; id++) t.equal((await client.receive())?.readUInt16BE(0), id)
  t.equal(await client.receive(), undefined, 'then the server closes its half')
})

t.test('an answer over TCP gets silence, the next question an answer', async (t) => {
  const client = await TcpClient.open(t, await serve(t, world(1)))
  const answer = question(web, 'A', { id: 1 })
  answer.writeUInt16BE(0x8100, flagsAt)
  client.send(answer, question(web, 'A', { id: 2 }))
  t.equal((await client.receive())?.readUInt16BE(0), 2)
})

t.test('a length that no query has ends the connection', async (t) => {
  const server = await serve(t, world(1))
  for (const length of ['0000', '000b', '1001', 'ffff']) {
    const client = await TcpClient.open(t, server)
    client.socket.write(Buffer.from(length, 'hex'))
    t.equal(await client.receive(), undefined, length)
  }
  t.equal(server.counters.dropped('bad-length'), 4)
  const before = await TcpClient.open(t, server)
  before.socket.write(Buffer.concat([framed(question(web, 'A', { id: 7 })), Buffer.from('0000', 'hex'), framed(question(web, 'A', { id: 8 }))]))
  t.equal((await before.receive())?.readUInt16BE(0), 7, 'what was asked before is answered')
  t.equal(await before.receive(), undefined, 'what comes behind is not')
  const junk = await TcpClient.open(t, server)
  junk.socket.write('GET / HTTP/1.1\r\n\r\n')
  t.equal(await junk.receive(), undefined, 'a web browser')
  t.equal((await (await TcpClient.open(t, server)).query(web, 'A')).answers.length, 1)
})

t.test('a connection without a question ends after three seconds, one that asked after ten', async (t) => {
  const of = world(1)
  const server = await serve(t, of)
  const udp = new UdpClient(t, server)
  const silent = await TcpClient.open(t, server)
  const asking = await TcpClient.open(t, server)
  await asking.query(web, 'A')
  await until(udp, () => server.counters.connections === 2)
  of.clock.advance(2_900)
  t.equal(server.counters.dropped('deadline'), 0)
  of.clock.advance(700)
  t.equal(await silent.receive(), undefined)
  t.equal(server.counters.dropped('deadline'), 1)
  of.clock.advance(6_000)
  await asking.query(web, 'A')
  of.clock.advance(9_000)
  t.equal((await asking.query(web, 'A')).answers.length, 1, 'each question begins the time anew')
  of.clock.advance(10_500)
  t.equal(await asking.receive(), undefined)
})

t.test('a question that trickles in does not hold the connection', async (t) => {
  const of = world(1)
  const server = await serve(t, of)
  const client = await TcpClient.open(t, server)
  await client.query(web, 'A')
  for (const octet of framed(question(web, 'A')).subarray(0, 22)) {
    client.socket.write(Buffer.from([octet]))
    of.clock.advance(500)
  }
  t.equal(await client.receive(), undefined)
  t.equal(server.counters.dropped('deadline'), 1)
})

t.test('a client that asks and does not read is not read from, and ends', async (t) => {
  const of = world(100)
  const server = await serve(t, of)
  const udp = new UdpClient(t, server)
  const client = await TcpClient.open(t, server)
  client.socket.pause()
  const asked = 20_000
  client.send(...Array.from({ length: asked }, (_, id) => question(`_http._tcp.${web}`, 'SRV', { id: id & 0xffff })))
  const answered = (): number => [...server.counters.answers()].find(({ transport }) => transport === 'tcp')?.count ?? 0
  let before = -1
  while (before !== answered() || before === 0) { // until it answers no more
    before = answered()
    for (let index = 0; index < 50; index++) await udp.query(web, 'A')
  }
  t.ok(before < asked / 2, `${before} of ${asked} answered before the server stopped reading`)
  await until(udp, () => {
    of.clock.advance(10_500)
    return server.counters.connections === 0
  })
  t.equal(server.counters.dropped('deadline'), 1)
})

t.test('close ends idle connections at once and frees the port', async (t) => {
  const of = world(1)
  const server = await serve(t, of)
  const client = await TcpClient.open(t, server)
  await client.query(web, 'A')
  await Promise.all([server.close(), server.close()])
  t.equal(await client.receive(), undefined)
  const again = await serve(t, of, { port: server.port })
  t.equal(again.port, server.port)
  t.equal((await new UdpClient(t, again).query(web, 'A')).answers.length, 1)
})

t.test('close waits for answers on their way, two seconds and no longer', async (t) => {
  const of = world(100)
  const server = await serve(t, of)
  const reading = await TcpClient.open(t, server)
  const deaf = await TcpClient.open(t, server)
  deaf.socket.pause()
  const udp = new UdpClient(t, server)
  await reading.query(web, 'A')
  deaf.send(...Array.from({ length: 20_000 }, () => question(`_http._tcp.${web}`, 'SRV')))
  let before = -1
  const answered = (): number => [...server.counters.answers()].reduce((sum, { transport, count }) => sum + (transport === 'tcp' ? count : 0), 0)
  while (before !== answered()) {
    before = answered()
    for (let index = 0; index < 50; index++) await udp.query(web, 'A')
  }
  const closing = server.close()
  t.equal(await reading.receive(), undefined)
  of.clock.advance(2_000)
  await closing
  t.ok(deaf.socket.isPaused(), 'the deaf one never read')
})

t.test('a question asked over TCP has the same answer as over UDP', async (t) => {
  const server = await serve(t, world(3))
  const udp = new UdpClient(t, server)
  const tcp = await TcpClient.open(t, server)
  const strip = ({ flags, answers, authorities }: Message): object => ({ flags, answers: answers.map(({ data }) => data).sort(), authorities })
  for (const [name, type] of [[web, 'A'], [web, 'AAAA'], [`no.${web}`, 'A'], ['cluster.local', 'SOA']] as const) {
    t.strictSame(strip(await tcp.query(name, type)), strip(await udp.query(name, type)))
  }
})
