// Zones out: AXFR and IXFR as dig and a client of ours take them, and who gets none.
import fc from 'fast-check'
import t from 'tap'
import { zonesOf } from '../../server/dns/names/zones.ts'
import { serialOfQuery } from '../../server/dns/transfer/transfer-messages.ts'
import { TransferAccess } from '../../server/dns/transfer/transfer-access.ts'
import { maxTransfers, ZoneTransfers, type ZoneTransferOptions } from '../../server/dns/transfer/transfer.ts'
import { isNewerOrSame } from '../../server/dns/transfer/zone-versions.ts'
import { QueryReader } from '../../server/dns/wire/query-reader.ts'
import { codec, extendedError, type Message, opt, question, text } from '../support/dns-client.ts'
import { play, step } from './steps.ts'
import { dig, digRecords, noDig, key, messagesOf, openListener, rule, ttlSeconds, zoneNamed } from './transfer-listener.ts'
import { PlayedFeed } from '../support/played-feed.ts'

const zone = 'cluster.local'
const secret = Buffer.alloc(32, 7).toString('base64')
const soa = (serial: number): string => `${zone} 5 SOA ns.dns.${zone} hostmaster.${zone} ${serial} 7200 1800 86400 5`
const own = [`${zone} 5 NS ns.dns.${zone}`, `ns.dns.${zone} 5 A 127.0.0.1`, `dns-version.${zone} 5 TXT "1.1.0"`]
const web = `web.shop.svc.${zone}`

function small (): PlayedFeed {
  return new PlayedFeed().load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
}

function transfersOf (world: PlayedFeed, options: Partial<ZoneTransferOptions> = {}): ZoneTransfers {
  return new ZoneTransfers({
    source: world.feed, zones: [zoneNamed(zone)], ttlSeconds, keys: [], allowed: [rule('192.0.2.0/24')], clock: world.clock, failed: (error) => { throw error }, ...options
  })
}

const axfr = (name = zone, edns?: { readonly dnssecOk?: boolean }): Buffer => question(name, 'AXFR', edns === undefined ? {} : { edns })

function ixfr (serial: number, name = zone): Buffer {
  const data = { mname: '.', rname: '.', serial, refresh: 0, retry: 0, expire: 0, minimum: 0 }
  return codec.encode({ type: 'query', id: 0x1234, questions: [{ name, type: 'IXFR' }], authorities: [{ type: 'SOA', name, ttl: 0, data }] })
}

async function take (transfers: ZoneTransfers, query: Buffer, address = '192.0.2.7'): Promise<Message[]> {
  const messages: Message[] = []
  for await (const message of messagesOf(transfers, query, address)) messages.push(codec.decode(message))
  return messages
}

const recordsIn = (messages: readonly Message[]): string[] => messages.flatMap(({ answers }) => text(answers))

t.test('AXFR is the zone between two SOAs', async (t) => {
  const [message, ...more] = await take(transfersOf(small()), axfr())
  t.strictSame(more, [])
  t.match(message, { id: 0x1234, rcode: 'NOERROR', flag_qr: true, flag_aa: true, flag_tc: false, flag_rd: true, flag_ra: false, questions: [{ name: zone, type: 'AXFR' }], authorities: [], additionals: [] })
  t.strictSame(text(message?.answers ?? []), [soa(1), ...own, `${web} 5 A 10.0.0.1`, `10-0-0-1.${web} 5 A 10.0.0.1`, soa(1)])
})

t.test('the question comes back as it was written, OPT only to who has it', async (t) => {
  const [message] = await take(transfersOf(small()), axfr('Cluster.LOCAL', { dnssecOk: true }))
  t.strictSame(message?.questions, [{ name: 'Cluster.LOCAL', type: 'AXFR', class: 'IN' }])
  t.match(message === undefined ? undefined : opt(message), { udpPayloadSize: 1232, flag_do: true, ednsVersion: 0 })
  t.equal(text(message?.answers ?? [])[0], soa(1), 'the zone is in its own case')
})

function large (): PlayedFeed {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 2_000; index++) world.register(`shop/web-${index % 40}/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, ports: [{ name: 'http', port: 80 }] })
  return world
}

t.test('a large zone is several full messages; the question and OPT are in the first', async (t) => {
  const transfers = transfersOf(large())
  const sizes: number[] = []
  const messages: Message[] = []
  for await (const bytes of messagesOf(transfers, axfr(zone, {}), '192.0.2.7')) {
    sizes.push(bytes.length)
    messages.push(codec.decode(bytes))
  }
  t.ok(messages.length > 10)
  t.ok(sizes.every((size, index) => size <= 16_383 && (size > 16_200 || index === sizes.length - 1)), sizes.join())
  t.ok(messages.every(({ id, flag_aa: aa, rcode }) => id === 0x1234 && aa && rcode === 'NOERROR'))
  t.strictSame(messages.map(({ questions }) => questions.length), messages.map((_, index) => (index === 0 ? 1 : 0)))
  t.strictSame(messages.map((message) => opt(message) !== undefined), messages.map((_, index) => index === 0))
  const records = recordsIn(messages)
  t.equal(records.length, 2 + 3 + 2_000 * 4 + 40 * 2, 'A and SRV of each at two names, HTTPS and SVCB of each service')
  t.equal(new Set(records).size, records.length - 1, 'none twice but the SOA')
  t.strictSame([records[0], records.at(-1)], [soa(2_000), soa(2_000)])
  t.match(transfers.counters, { transfersFull: 1, transferRecords: records.length, transfersRefused: 0, transferCutSets: 0 })
})

t.test('IXFR is what changed since a version that was sent before', async (t) => {
  const world = small()
  const transfers = transfersOf(world)
  await take(transfers, axfr())
  world.register('shop/web/b', { address: '10.0.0.2', ports: [] }).deregister('shop/web/a').register('lab/db/a', { address: 'fd00::1', ports: [] })
  t.strictSame(recordsIn(await take(transfers, ixfr(1))), [
    soa(4), soa(1), `${web} 5 A 10.0.0.1`, `10-0-0-1.${web} 5 A 10.0.0.1`,
    soa(4), `${web} 5 A 10.0.0.2`, `10-0-0-2.${web} 5 A 10.0.0.2`, `db.lab.svc.${zone} 5 AAAA fd00::1`, `fd00--1.db.lab.svc.${zone} 5 AAAA fd00::1`, soa(4)
  ])
  t.match(transfers.counters, { transfersFull: 1, transfersDifference: 1 })
})

t.test('a change that no record shows is a difference of the serial alone', async (t) => {
  const world = small()
  const transfers = transfersOf(world)
  await take(transfers, axfr())
  world.register('shop/web/a', { address: '10.0.0.1', ports: [], metadata: { note: 'changed' } })
  t.strictSame(recordsIn(await take(transfers, ixfr(1))), [soa(2), soa(1), soa(2), soa(2)])
})

t.test('IXFR of who has the newest version, or a newer one of another node, is the SOA alone', async (t) => {
  const transfers = transfersOf(small())
  for (const serial of [1, 2, 2 ** 31]) t.strictSame(recordsIn(await take(transfers, ixfr(serial))), [soa(1)], String(serial))
  t.match(transfers.counters, { transfersCurrent: 3, transfersFull: 0 })
})

t.test('IXFR from a version that is not held is the whole zone, and so is one where more changed than stayed', async (t) => {
  const world = small()
  const transfers = transfersOf(world)
  t.equal(recordsIn(await take(transfers, ixfr(0))).length, 7)
  for (let index = 0; index < 10; index++) world.register(`shop/web/${index}`, { address: `10.0.1.${index}`, ports: [] })
  await take(transfers, axfr())
  for (let index = 0; index < 10; index++) world.register(`shop/web/${index}`, { address: `10.0.2.${index}`, ports: [] })
  const records = recordsIn(await take(transfers, ixfr(11)))
  t.strictSame([records[0], records[1], records.at(-1)], [soa(21), own[0], soa(21)])
  t.match(transfers.counters, { transfersFull: 3, transfersDifference: 0 })
})

t.test('serials are compared on their circle', async (t) => {
  const [last, half] = [2 ** 32 - 1, 2 ** 31]
  const table = [[1, 1, true], [2, 1, true], [1, 2, false], [0, last, true], [last, 0, false], [half - 1, 0, true], [0, half - 1, false]] as const
  for (const [serial, other, wanted] of table) t.equal(isNewerOrSame(serial, other), wanted, `${serial} ${other}`)
})

t.test('whatever happens between, a secondary that takes differences has the zones', async (t) => {
  const zones = zonesOf({ reverse: ['10.0.0.0/8', 'fd00::/8'] }, ['127.0.0.1'])
  await fc.assert(fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 }), async (rounds) => {
    const world = new PlayedFeed().load()
    const transfers = transfersOf(world, { zones })
    const copies = new Map<string, readonly string[]>()
    for (const { name } of zones) copies.set(name, recordsIn(await take(transfers, axfr(name))).slice(0, -1))
    for (const steps of rounds) {
      play(world, steps)
      // A server of its own has made nothing before.
      const anew = transfersOf(world, { zones })
      for (const { name } of zones) {
        const copy = takeDifferences(copies.get(name) ?? [], recordsIn(await take(transfers, ixfr(Number(copies.get(name)?.[0]?.split(' ')[5]), name))))
        copies.set(name, copy)
        const whole = recordsIn(await take(anew, axfr(name))).slice(0, -1)
        if (copy.toSorted().join('\n') !== whole.toSorted().join('\n')) throw new Error(`${copy.join('\n')}\nis not\n${whole.join('\n')}`)
      }
    }
  }), { numRuns: 60 })
  t.pass('for every run')
})

/** What a secondary makes of an answer to IXFR, the SOA first. @throws if it deletes what is not there */
function takeDifferences (copy: readonly string[], answer: readonly string[]): readonly string[] {
  const [has, ...records] = copy
  const [next = '', second] = answer
  if (answer.length === 1 && next === has) return copy
  if (second !== has) return answer.slice(0, -1)
  const middle = answer.indexOf(next, 2)
  const deleted = answer.slice(2, middle)
  if (!deleted.every((record) => records.includes(record))) throw new Error(`deletes what is not there: ${deleted.join('; ')} of ${records.join('; ')}`)
  return [next, ...records.filter((record) => !deleted.includes(record)), ...answer.slice(middle + 1, -1)]
}

t.test('who is not on the list is refused, and told why', async (t) => {
  const keys = [key(`edge=${secret}`)]
  const table: [says: string, options: Partial<ZoneTransferOptions>, query: Buffer, address: string, rcode: string, code?: number][] = [
    ['nobody is on an empty list', { allowed: [] }, axfr(zone, {}), '127.0.0.1', 'REFUSED', 18],
    ['another network', {}, axfr(zone, {}), '198.51.100.7', 'REFUSED', 18],
    ['the right address without the key', { allowed: [rule('192.0.2.0/24+key:edge')], keys }, axfr(zone, {}), '192.0.2.7', 'REFUSED', 18],
    ['a client without the key', { allowed: [rule('key:edge')], keys }, axfr(zone, {}), '192.0.2.7', 'REFUSED', 18],
    ['a name that is no zone', {}, axfr(web, {}), '192.0.2.7', 'NOTAUTH', 20],
    ['a name outside', {}, axfr('example.com', {}), '192.0.2.7', 'NOTAUTH', 20],
    ['IXFR without an SOA', {}, question(zone, 'IXFR'), '192.0.2.7', 'FORMERR']
  ]
  for (const [says, options, query, address, rcode, code] of table) {
    const transfers = transfersOf(small(), options)
    const [message, ...more] = await take(transfers, query, address)
    const found = message === undefined ? undefined : extendedError(message)?.code
    t.match({ rcode: message?.rcode, more, answers: message?.answers, code: found }, { rcode, more: [], answers: [], code }, says)
    t.match(transfers.counters, { transfersRefused: 1, transfersFull: 0 }, says)
  }
  const [early] = await take(transfersOf(new PlayedFeed()), axfr(zone, {}))
  t.equal(early?.rcode, 'SERVFAIL', 'before the first load')
  t.match(early === undefined ? undefined : extendedError(early), { code: 14 })
})

t.test('an address, a network, a key, and both at once', async (t) => {
  const table: [rules: string[], address: string, key: string | undefined, wanted: boolean][] = [
    [[], '127.0.0.1', undefined, false],
    [['key:edge', '0.0.0.0/0'], '', 'edge', false],
    [['192.0.2.7'], '192.0.2.7', undefined, true],
    [['192.0.2.7'], '192.0.2.8', undefined, false],
    [['192.0.2.7'], '::ffff:192.0.2.7', undefined, true],
    [['192.0.2.7'], '192.0.2.7', 'edge', true],
    [['0.0.0.0/0'], '2001:db8::1', undefined, false],
    [['2001:db8::/32'], '2001:db8::1', undefined, true],
    [['2001:db8::/32'], 'fe80::1%lo', undefined, false],
    [['key:edge'], '192.0.2.7', undefined, false],
    [['key:edge'], '192.0.2.7', 'edge', true],
    [['key:edge'], '192.0.2.7', 'other', false],
    [['192.0.2.0/24+key:edge'], '192.0.2.7', 'edge', true],
    [['192.0.2.0/24+key:edge'], '192.0.2.7', undefined, false],
    [['192.0.2.0/24+key:edge'], '192.0.3.7', 'edge', false],
    [['192.0.2.0/24+key:edge', '192.0.3.7'], '192.0.3.7', undefined, true]
  ]
  for (const [rules, address, signer, wanted] of table) t.equal(new TransferAccess(rules.map(rule)).allows(address, signer), wanted, `${rules.join()} ${address} ${signer}`)
})

t.test('over UDP there is no zone: AXFR is refused, IXFR gets the SOA to come by TCP', async (t) => {
  const transfers = transfersOf(small())
  const refused = codec.decode(transfers.datagram(axfr(zone, {}), '192.0.2.7'))
  t.match({ rcode: refused.rcode, error: extendedError(refused) }, { rcode: 'REFUSED', error: { code: 21, text: 'a zone is transferred over TCP only' } })
  t.match(codec.decode(transfers.datagram(axfr(zone, {}), '198.51.100.7')), { rcode: 'REFUSED' })
  const alone = codec.decode(transfers.datagram(ixfr(0), '192.0.2.7'))
  t.strictSame([alone.rcode, alone.flag_aa, text(alone.answers)], ['NOERROR', true, [soa(1)]])
  t.match(codec.decode(transfers.datagram(ixfr(0), '198.51.100.7')), { rcode: 'REFUSED', answers: [] })
})

t.test('so many at a time, and a place is free again when one ends, or is given up', async (t) => {
  const transfers = transfersOf(large())
  const open = Array.from({ length: maxTransfers }, () => messagesOf(transfers, axfr(), '192.0.2.7'))
  for (const stream of open) await stream.next()
  t.equal(transfers.running, maxTransfers)
  const [message] = await take(transfers, axfr(zone, {}))
  t.match({ rcode: message?.rcode, error: message === undefined ? undefined : extendedError(message) }, { rcode: 'SERVFAIL', error: { code: 0, text: /too many/ } })
  t.equal(recordsIn(await take(transfers, ixfr(2_000))).length, 1, 'the SOA alone needs no place')
  await open[0]?.return()
  t.equal(transfers.running, maxTransfers - 1)
  t.ok((await take(transfers, axfr())).length > 1)
  for (const stream of open) await stream.return()
  t.equal(transfers.running, 0)
})

t.test('a fault of ours before the first message is SERVFAIL, and is told', async (t) => {
  const world = small()
  const faults: unknown[] = []
  const source = { loaded: true, revision: 1, staleSeconds: 0, epoch: 'e', catalog: { ...world.feed.catalog, namespaces: () => { throw new Error('broken') } } } as unknown as ZoneTransferOptions['source']
  const transfers = transfersOf(world, { source, failed: (error) => faults.push(error) })
  t.strictSame((await take(transfers, axfr())).map(({ rcode }) => rcode), ['SERVFAIL'])
  t.match(faults, [{ message: 'broken' }])
  t.equal(transfers.running, 0)
})

t.test('the serial of a query is read within its bounds, whatever it holds', async (t) => {
  const reader = new QueryReader()
  const good = ixfr(0xfedcba98)
  reader.read(good)
  t.equal(serialOfQuery(reader), 0xfedcba98)
  const transfers = transfersOf(small())
  t.doesNotThrow(() => fc.assert(fc.property(fc.nat(good.length - 13), fc.uint8Array({ maxLength: 60 }), fc.boolean(), (from, octets, isCut) => {
    const message = Buffer.concat([good.subarray(0, 12 + from), octets, isCut ? Buffer.alloc(0) : good.subarray(12 + from + octets.length)])
    return transfers.datagram(message, '192.0.2.7').length >= 12
  }), { numRuns: 2_000 }))
})

t.test('dig takes whole zones and differences, and checks the signatures', { skip: noDig }, async (t) => {
  const world = small()
  const listener = await openListener(t, world, { keys: [key(`edge=hmac-sha512:${secret}`)], allowed: [rule('127.0.0.1+key:edge')] })
  const signed = ['-y', `hmac-sha512:edge:${secret}`]
  const line = (record: string): string => {
    const [name, ttl, type, ...data] = record.split(' ')
    return [`${name}.`, ttl, 'IN', type, ...data.map((word) => (/[a-z]\.?local$/.test(word) ? `${word}.` : word))].join(' ')
  }
  t.strictSame((await digRecords(listener, zone, 'AXFR', ...signed)).filter((record) => !record.includes('TSIG')),
    [soa(1), ...own, `${web} 5 A 10.0.0.1`, `10-0-0-1.${web} 5 A 10.0.0.1`, soa(1)].map(line))
  world.register('shop/web/b', { address: '10.0.0.2', ports: [] })
  t.strictSame((await digRecords(listener, zone, 'IXFR=1', ...signed)).filter((record) => !record.includes('TSIG')),
    [soa(2), soa(1), soa(2), `${web} 5 A 10.0.0.2`, `10-0-0-2.${web} 5 A 10.0.0.2`, soa(2)].map(line))
  t.strictSame((await digRecords(listener, zone, 'IXFR=2', ...signed)).filter((record) => !record.includes('TSIG')), [line(soa(2))])
  t.match(await dig(listener, zone, 'AXFR'), 'Transfer failed')
  t.strictSame(listener.failures, [])
})

t.test('dig finds no fault with a large zone', { skip: noDig }, async (t) => {
  const listener = await openListener(t, large())
  const output = await dig(listener, zone, 'AXFR')
  t.match(output, /XFR size: 8085 records/)
  t.notOk(/warning|failed|malformed|extra/i.test(output))
})
