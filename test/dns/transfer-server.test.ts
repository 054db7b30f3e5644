// Transfers and signatures as a whole server has them: over its own sockets, from its threads, and counted.
import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import t from 'tap'
import { startDnsWorkers } from '../../server/dns/workers.ts'
import { RateLimiter } from '../../server/dns/protect/rate-limit.ts'
import type { Response, Transport } from '../../server/dns/protect/client.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { observedTransfer } from '../../server/dns/transfer/observed-transfer.ts'
import { ZoneTransfers } from '../../server/dns/transfer/transfer.ts'
import { signQuery } from '../../server/dns/transfer/tsig.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import { recordTypes } from '../../server/dns/wire/wire.ts'
import { TcpClient, UdpClient, codec, extendedError, question, text } from '../support/dns-client.ts'
import { key, rule, zoneNamed } from './transfer-listener.ts'
import { PlayedFeed, responderOf, serve } from '../support/played-feed.ts'

const zone = 'cluster.local'
const web = `web.shop.svc.${zone}`
const edge = key(`edge=${Buffer.alloc(32, 7).toString('base64')}`)
const stranger = key(`stranger=${Buffer.alloc(32, 8).toString('base64')}`)
const transfer = { keys: [edge], transferTo: [rule('127.0.0.1+key:edge')] }
const small = (): PlayedFeed => new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
const content = (serial: number): string[] => [
  `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} ${serial} 7200 1800 86400 5`, `${zone} 5 NS ns.dns.${zone}`, `ns.dns.${zone} 5 A 127.0.0.1`,
  `dns-version.${zone} 5 TXT "1.1.0"`, `${web} 5 A 10.0.0.1`, `10-0-0-1.${web} 5 A 10.0.0.1`,
  `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} ${serial} 7200 1800 86400 5`
]
const rcodesOf = (counters: DnsCounters): string[] => Array.from(counters.answers(), ({ transport, type, rcode, count }) => `${transport} ${type} ${rcode} ${count}`)
const records = (message: Buffer): string[] => text(codec.decode(message).answers.filter(({ type }) => type !== 'TSIG'))

async function askSigned (client: TcpClient, name: string, type: string, of = edge, nowMs = Date.now): Promise<{ message: Buffer, isGood: boolean }> {
  const signed = signQuery(question(name, type, { edns: {} }), of, nowMs)
  client.send(signed.message)
  const message = await client.receive() ?? Buffer.alloc(12)
  return { message, isGood: signed.accepts(message) }
}

t.test('who is on the list gets zones over TCP, reverse zones too, and others are refused', async (t) => {
  const world = small()
  const server = await serve(t, world, { transfer, reverse: ['10.0.0.0/8'], clock: { ...world.clock, now: Date.now, after: () => () => undefined } })
  const client = await TcpClient.open(t, server)
  const { message, isGood } = await askSigned(client, zone, 'AXFR')
  t.strictSame([isGood, records(message)], [true, content(1)])
  t.match(records((await askSigned(client, '10.in-addr.arpa', 'AXFR')).message), [/SOA/, /NS/, `1.0.0.10.in-addr.arpa 5 PTR 10-0-0-1.${web}`, /SOA/])
  const refused = await client.query(zone, 'AXFR', { edns: {} })
  t.match({ rcode: refused.rcode, error: extendedError(refused) }, { rcode: 'REFUSED', error: { code: 18 } })
  const datagram = await new UdpClient(t, server).query(zone, 'AXFR', { edns: {} })
  t.match({ rcode: datagram.rcode, error: extendedError(datagram) }, { rcode: 'REFUSED', error: { code: 18 } })
  t.equal((await client.query(web, 'A')).answers.length, 1, 'the connection goes on')
  t.match(server.counters, { transfersFull: 2, transfersRefused: 2, transferRecords: 11 })
  t.strictSame(rcodesOf(server.counters), ['udp AXFR REFUSED 1', 'tcp A NOERROR 1', 'tcp AXFR NOERROR 2', 'tcp AXFR REFUSED 1'])
})

t.test('every answer to a signed question is signed, or says what is wrong with the signature', async (t) => {
  const world = small()
  const server = await serve(t, world, { transfer, clock: { ...world.clock, now: Date.now, after: () => () => undefined } })
  const client = await TcpClient.open(t, server)
  for (const [name, type, rcode] of [[web, 'A', 0], [`no.${web}`, 'A', 3], ['example.com', 'A', 5], [zone, 'SOA', 0]] as const) {
    const { message, isGood } = await askSigned(client, name, type)
    t.strictSame([isGood, message.readUInt16BE(2) & 15], [true, rcode], `${name} ${type}`)
  }
  for (const [says, of, nowMs] of [['a key that nobody knows', stranger, Date.now], ['a clock that is wrong', edge, () => Date.now() - 3_600_000]] as const) {
    const { message } = await askSigned(client, web, 'A', of, nowMs)
    t.strictSame([message.readUInt16BE(2) & 15, records(message)], [9, []], says)
  }
  t.ok(rcodesOf(server.counters).includes('tcp A NOTAUTH 2'))
  const keyless = await TcpClient.open(t, await serve(t, small()))
  t.equal((await askSigned(keyless, web, 'A')).message.readUInt16BE(2) & 15, 9, 'where there are no keys every key is unknown')
})

t.test('over UDP a signed answer fits what the client takes, with its signature', async (t) => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 40; index++) world.register(`shop/web/${index}`, { address: `10.0.0.${index}`, ports: [] })
  const server = await serve(t, world, { transfer, clock: { ...world.clock, now: Date.now, after: () => () => undefined } })
  const client = new UdpClient(t, server)
  for (const [edns, limit] of [[undefined, 512], [{ size: 700 }, 700]] as const) {
    const signed = signQuery(question(web, 'A', edns === undefined ? {} : { edns }), edge, Date.now)
    const answer = await client.ask(signed.message)
    t.ok(signed.accepts(answer))
    t.ok(answer.length <= limit && answer.length > limit - 16, `${answer.length} of ${limit}`)
    t.equal(codec.decode(answer).flag_tc, true)
  }
})

t.test('who signs is not held back, and who only pretends to is', (t) => {
  const world = small()
  const counters = new DnsCounters()
  const transfers = new ZoneTransfers({ source: world.feed, zones: [zoneNamed(zone)], ttlSeconds: 5, keys: [edge], allowed: [], clock: world.clock })
  const responder = responderOf(world, { transfers, counters, limiter: new RateLimiter(1, () => 0.9) })
  const ask = (of = edge): unknown => responder.respond(signQuery(question(web, 'A'), of, () => world.clock.now()).message, { transport: 'udp', address: '192.0.2.7' }, new MessageWriter(1_232))
  for (let index = 0; index < 10; index++) t.ok(Number(ask()) > 0)
  for (let index = 0; index < 10; index++) ask(stranger)
  t.ok(counters.limitedDropped + counters.limitedSlipped >= 8)
  t.end()
})

t.test('a zone goes over TCP and TLS, and over nothing else', async (t) => {
  const world = small()
  const allowed = [rule('192.0.2.7')]
  const transfers = new ZoneTransfers({ source: world.feed, zones: [zoneNamed(zone)], ttlSeconds: 5, keys: [], allowed, clock: world.clock })
  const responder = responderOf(world, { transfers })
  const writer = new MessageWriter(65_535)
  const ask = (transport: Transport): Response => responder.respond(question(zone, 'AXFR', { edns: {} }), { transport, address: '192.0.2.7' }, writer)
  for (const transport of ['tcp', 'tls'] as const) {
    const messages: Buffer[] = []
    for await (const message of ask(transport) as AsyncIterable<Buffer>) messages.push(message)
    t.strictSame(messages.map(records), [content(1)], transport)
  }
  for (const transport of ['udp', 'https'] as const) {
    const length = ask(transport)
    const message = codec.decode(writer.bytes.subarray(0, Number(length)))
    t.match({ rcode: message.rcode, error: extendedError(message) }, { rcode: 'REFUSED', error: { code: 21, text: /over TCP/ } }, transport)
  }
})

t.test('a transfer that fails on its way is told and counted, and fails for who reads it too', async (t) => {
  const counters = new DnsCounters()
  const faults: unknown[] = []
  const messages = async function * (): AsyncGenerator<Buffer> {
    yield Buffer.alloc(12)
    throw new Error('broken')
  }
  const transferred = observedTransfer(messages(), { transport: 'tcp', type: recordTypes.AXFR, facts: undefined }, { counters, failed: (error) => faults.push(error) })
  t.match(await transferred.next(), { done: false })
  await t.rejects(transferred.next(), { message: 'broken' })
  t.match([faults, counters.failed, rcodesOf(counters)], [[{ message: 'broken' }], 1, ['tcp AXFR NOERROR 1']])
})

t.test('a transfer is one line of the query log, when it ends', async (t) => {
  const world = small()
  const lines: object[] = []
  const log = { warn: () => undefined, error: () => undefined, info: (facts: object) => lines.push(facts) }
  const server = await serve(t, world, { transfer: { keys: [], transferTo: [rule('127.0.0.1')] }, queryLogRatio: 1, log })
  const client = await TcpClient.open(t, server)
  client.send(question(zone, 'AXFR'))
  const { length } = await client.receive() ?? []
  await client.query(web, 'A')
  t.match(lines, [{ client: '127.0.0.1', transport: 'tcp', name: `${zone}.`, type: 'AXFR', rcode: 'NOERROR', octets: length, truncated: false, stale: false }, { type: 'A' }])
})

for (const workers of [0, 2]) {
  t.test(`with ${workers} threads zones are transferred, and secondaries are told once of a change`, async (t) => {
    const world = small()
    const secondary = createSocket('udp4')
    secondary.bind(0, '127.0.0.1')
    await once(secondary, 'listening')
    t.teardown(() => { secondary.close() })
    const notify = [{ address: '127.0.0.1', port: secondary.address().port }]
    const dns = await startDnsWorkers({ workers, feed: world.feed, host: '127.0.0.1', port: 0, transfer, notify })
    t.teardown(() => dns.close())
    await dns.whenTaken(1)
    const [told] = await once(secondary, 'message') as [Buffer]
    t.strictSame(text(codec.decode(told).answers).map((record) => record.split(' ')[5]), ['1'])
    for (let index = 0; index < 4; index++) {
      const { message, isGood } = await askSigned(await TcpClient.open(t, dns), zone, 'AXFR')
      t.strictSame([isGood, records(message)], [true, content(1)])
    }
    t.match(dns.counters, { transfersFull: 4 })
    t.ok(dns.counters.notifySent >= 1)
  })
}
