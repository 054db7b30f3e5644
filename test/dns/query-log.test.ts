// The query log: what a line says, that it is a sample, and that no flood fills a disk.
import t from 'tap'
import { type QueryLine, QueryLog, maxLinesPerSecond } from '../../server/dns/query-log.ts'
import { RateLimiter } from '../../server/dns/protect/rate-limit.ts'
import type { DnsOptions } from '../../server/dns/server.ts'
import { DnsCounters } from '../../server/dns/counters.ts'
import { MessageWriter } from '../../server/dns/wire/message-writer.ts'
import { Responder } from '../../server/dns/responder.ts'
import { Zone } from '../../server/dns/names/zone.ts'
import { TcpClient, UdpClient, question } from '../support/dns-client.ts'
import { HandClock } from '../support/hand-clock.ts'
import { PlayedFeed, serve } from '../support/played-feed.ts'

const web = 'web.shop.svc.cluster.local'

function world (count = 1): PlayedFeed {
  const result = new PlayedFeed().load()
  for (let index = 0; index < count; index++) result.register(`shop/web/${index}`, { address: `10.1.0.${index}`, ports: [{ name: 'http', port: 80 }] })
  return result
}

const fail = (what: number | string): never => { throw new Error(`${what} is not expected`) }

const logTo = (lines: QueryLine[]): NonNullable<DnsOptions['log']> => ({
  warn: fail, error: fail, info: (facts, message) => { lines.push(message === 'dns query' ? facts as QueryLine : fail(message)) }
})

t.test('a line says who asked what by which way, and what came of it', async (t) => {
  const of = world(60)
  const lines: QueryLine[] = []
  const server = await serve(t, of, { queryLogRatio: 1, log: logTo(lines) })
  const udp = new UdpClient(t, server)
  const last = (): Omit<QueryLine, 'microseconds'> => {
    const { microseconds, ...line } = lines.at(-1) ?? t.fail('no line') as never
    t.ok(Number.isSafeInteger(microseconds) && microseconds >= 0)
    return line
  }
  const octets = (await udp.ask(question(web, 'A'))).length
  const about = { client: '127.0.0.1', transport: 'udp', stale: false }
  t.strictSame(last(), { ...about, name: `${web}.`, type: 'A', rcode: 'NOERROR', octets, truncated: true })
  await udp.query('No.Such.example', 'TYPE65280')
  t.strictSame(last(), { ...about, name: 'No.Such.example.', type: 'TYPE65280', rcode: 'REFUSED', octets: 33, truncated: false })
  await (await TcpClient.open(t, server)).query(`no.${web}`, 'SRV')
  t.match(last(), { transport: 'tcp', rcode: 'NXDOMAIN', type: 'SRV' })
  of.loseStore()
  await udp.query(web, 'AAAA')
  t.match(last(), { rcode: 'NOERROR', stale: true, truncated: false })
  const before = lines.length
  await udp.send(Buffer.alloc(3))
  await udp.query(web, 'A')
  t.equal(lines.length, before + 1, 'what is no query has no line')
})

t.test('a name in the log is as a zone file has it, whatever octets it is made of', async (t) => {
  const lines: QueryLine[] = []
  const client = new UdpClient(t, await serve(t, world(), { queryLogRatio: 1, log: logTo(lines) }))
  const ask = async (name: string): Promise<string | undefined> => {
    await client.ask(Buffer.from(`abcd01000001000000000000${name}00010001`, 'hex'))
    return lines.at(-1)?.name
  }
  t.equal(await ask('00'), '.')
  t.equal(await ask('03612e6200'), 'a\\.b.')
  t.equal(await ask('061b5b326d5c2200'), '\\027[2m\\\\".')
  t.equal(await ask('040a0d00ff00'), '\\010\\013\\000\\255.')
  t.equal((await ask(`${'3f'.padEnd(128, '00')}`.repeat(3) + '3d'.padEnd(124, '00') + '00'))?.length, (3 * 63 + 61) * 4 + 4, 'the longest')
  t.equal(await ask('0361'), '', 'none that was read')
})

t.test('a part is logged by chance, and at most a thousand lines a second', (t) => {
  const clock = new HandClock()
  let turn = 0
  const leftOut: number[] = []
  const sampled = (log: QueryLog, count: number): number => Array.from({ length: count }, () => log.sample()).filter(Boolean).length
  const options = { write: () => undefined, leftOut: (count: number) => leftOut.push(count), clock, random: () => (turn++ % 100) / 100 }
  t.equal(sampled(new QueryLog({ ...options, ratio: 0.25 }), 400), 100)
  const log = new QueryLog({ ...options, ratio: 1 })
  t.equal(sampled(log, 5_000), maxLinesPerSecond)
  t.strictSame(leftOut, [])
  clock.advance(1_000)
  t.strictSame(leftOut, [4_000], 'how many were left out is said')
  t.equal(sampled(log, 10), 10)
  clock.advance(5_000)
  t.strictSame(leftOut, [4_000], 'and not again')
  t.end()
})

t.test('what the rate limit holds back has a line too', (t) => {
  const of = world()
  const lines: QueryLine[] = []
  const counters = new DnsCounters()
  const responder = new Responder({
    source: of.feed, zones: [new Zone('cluster.local', { ttlSeconds: 5, addresses: [] })], ttlSeconds: 5, node: '', version: '', clock: of.clock, random: () => 0, counters,
    limiter: new RateLimiter(1, () => 0), failed: (error) => { throw error },
    queryLog: new QueryLog({ ratio: 1, clock: of.clock, random: () => 0, write: (line) => lines.push(line), leftOut: fail })
  })
  for (let index = 0; index < 3; index++) responder.respond(question(web, 'A'), { transport: 'udp', address: '192.0.2.1' }, new MessageWriter(512))
  t.match(lines.map(({ octets, truncated, rcode }) => ({ octets: octets > 0, truncated, rcode })), [
    { octets: true, truncated: false, rcode: 'NOERROR' }, { octets: true, truncated: true, rcode: 'NOERROR' }, { octets: false, truncated: false, rcode: undefined }
  ])
  t.end()
})
