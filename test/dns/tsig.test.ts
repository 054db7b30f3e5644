// Signed messages: vectors made by dig 9.18, every error with the form of its answer, and dig's own check of what is signed here.
import fc from 'fast-check'
import t from 'tap'
import { checkQuery, notAuth, signQuery, TsigKeys } from '../../server/dns/transfer/tsig.ts'
import { findTsig } from '../../server/dns/transfer/tsig-record.ts'
import { tsigAlgorithms } from '../../server/dns/transfer/peers.ts'
import { question } from '../support/dns-client.ts'
import { dig, digRecords, noDig, key, openListener, rule } from './transfer-listener.ts'
import { PlayedFeed } from '../support/played-feed.ts'

const secret = Buffer.alloc(32, 7).toString('base64')
const otherSecret = Buffer.alloc(32, 8).toString('base64')

// dig @... +qid=4711 cluster.local SOA -y ALGORITHM:edge.key:SECRET, as it arrived.
const header = '12670120000100000000000207636c7573746572056c6f63616c000006000100002904d00000000000000465646765036b65790000fa00ff00000000'
const signedAtMs = 0x6b01b004 * 1_000
const vectors = {
  'hmac-sha1': '002f09686d61632d736861310000006b01b003012c0014e32e6cc3746b2b4ddc2d63e18618ce48bc4a25d2126700000000',
  'hmac-sha224': '00390b686d61632d7368613232340000006b01b004012c001ca1fde77ebbd2ef39322274b68f9987a17ebdaf5209f016b2b4338553126700000000',
  'hmac-sha256': '003d0b686d61632d7368613235360000006b01b004012c0020e73385067d104b97ab0d684a9345e6fc3671a4f654cefe48fb9cdf6b946ee24e126700000000',
  'hmac-sha384': '004d0b686d61632d7368613338340000006b01b004012c0030b5c6783e043972db094ef8f133b73336a194b15b7f99b0f954a4ac405dd06589c8d41e0f5f38c82c8ddeec06ec557140126700000000',
  'hmac-sha512': '005d0b686d61632d7368613531320000006b01b004012c0040f07fc3769b34dad2c82c471f72199c265dbdb3938b95c64eec8c50ce7f32e0f04cad3a83f2ff647251bc7aa1f24de42e5491b9108b782b2c1d92a717a913c465126700000000'
} as const
const truncatedToHalf = '003d0b686d61632d7368613531320000006b01b004012c0020f07fc3769b34dad2c82c471f72199c265dbdb3938b95c64eec8c50ce7f32e0f0126700000000'
const truncatedToTen = '00270b686d61632d7368613235360000006b01b004012c000ae73385067d104b97ab0d126700000000'

const vector = (tail: string): Buffer => Buffer.from(header + tail, 'hex')
const keysOf = (algorithm: string, of = secret): TsigKeys => new TsigKeys([key(`Edge.Key.=${algorithm}:${of}`)])
const at = (ms = signedAtMs) => (): number => ms
const answerTo = (query: Buffer): Buffer => {
  const answer = Buffer.from(query.subarray(0, 31)) // header and question
  answer.writeUInt16BE(0x8400, 2)
  answer.writeUInt16BE(0, 10)
  return answer
}

t.test('a query that dig signed is good, with every algorithm', async (t) => {
  for (const algorithm of tsigAlgorithms) {
    t.match(checkQuery(vector(vectors[algorithm]), keysOf(algorithm), at()), { rcode: 0, key: 'edge.key' }, algorithm)
  }
})

t.test('a query without TSIG is not signed', async (t) => {
  t.equal(checkQuery(question('cluster.local', 'SOA'), keysOf('hmac-sha256'), at()), undefined)
  t.equal(checkQuery(Buffer.alloc(3), keysOf('hmac-sha256'), at()), undefined)
})

t.test('an id that somebody on the way changed does not matter', async (t) => {
  const query = vector(vectors['hmac-sha256'])
  query.writeUInt16BE(1, 0)
  t.match(checkQuery(query, keysOf('hmac-sha256'), at()), { rcode: 0 })
})

t.test('the owner may be compressed, and in capitals', async (t) => {
  const bare = question('edge.key', 'SOA')
  const signed = signQuery(bare, key(`edge.key=${secret}`), at()).message
  const ownerStart = bare.length
  const compressed = Buffer.concat([signed.subarray(0, ownerStart), Buffer.from([0xc0, 12]), signed.subarray(ownerStart + 10)])
  t.match(checkQuery(compressed, keysOf('hmac-sha256'), at()), { rcode: 0 })
  const capitals = Buffer.from(signed)
  capitals.write('EDGE', ownerStart + 1, 'latin1')
  t.match(checkQuery(capitals, keysOf('hmac-sha256'), at()), { rcode: 0 })
})

const faults: [says: string, query: Buffer, keys: TsigKeys, ms: number, rcode: number, tsigError?: number, isSigned?: boolean][] = [
  ['a key that is not known is BADKEY, unsigned', vector(vectors['hmac-sha256']), new TsigKeys([]), signedAtMs, notAuth, 17, false],
  ['another algorithm is another key', vector(vectors['hmac-sha256']), keysOf('hmac-sha512'), signedAtMs, notAuth, 17, false],
  ['another secret is BADSIG, unsigned', vector(vectors['hmac-sha256']), keysOf('hmac-sha256', otherSecret), signedAtMs, notAuth, 16, false],
  ['a clock that is too far ahead is BADTIME, signed', vector(vectors['hmac-sha256']), keysOf('hmac-sha256'), signedAtMs - 301_000, notAuth, 18, true],
  ['a clock that is too far behind too', vector(vectors['hmac-sha256']), keysOf('hmac-sha256'), signedAtMs + 301_000, notAuth, 18, true],
  ['another secret is BADSIG whatever the time', vector(vectors['hmac-sha256']), keysOf('hmac-sha256', otherSecret), 0, notAuth, 16, false],
  ['a good MAC that is cut to half is BADTRUNC, signed', vector(truncatedToHalf), keysOf('hmac-sha512'), signedAtMs, notAuth, 22, true],
  ['a bad one is BADSIG', vector(truncatedToHalf), keysOf('hmac-sha512', otherSecret), signedAtMs, notAuth, 16, false],
  ['one of less than half is malformed', vector(truncatedToTen), keysOf('hmac-sha256'), signedAtMs, 1],
  ['one that is longer than the hash is malformed', vector(vectors['hmac-sha512'].replace('005d', '005e').replace('012c0040', '012c0041ff')), keysOf('hmac-sha512'), signedAtMs, 1]
]

t.test('each fault has its code, and its answer says the TSIG error in the form that can be checked', async (t) => {
  for (const [says, query, keys, ms, rcode, error, isSigned] of faults) {
    const checked = checkQuery(query, keys, at(ms))
    t.equal(checked?.rcode, rcode, says)
    if (checked === undefined || error === undefined) continue
    const answer = checked.sign(answerTo(query))
    t.equal(answer.length, answerTo(query).length + checked.bytes, `${says}: as long as it said`)
    const record = findTsig(answer)
    if (record === undefined || record === 'malformed') { t.fail(says); continue }
    t.match({ error: record.error, isSigned: record.mac.length > 0, originalId: record.originalId }, { error, isSigned, originalId: 4711 }, says)
    t.equal(checked.key, undefined, `${says}: and counts as nobody`)
    if (error === 18) t.strictSame([record.signedAt, record.other.readUIntBE(0, 6)], [signedAtMs / 1_000, ms / 1_000], `${says}: with both clocks`)
  }
})

t.test('within five minutes either way a clock is good', async (t) => {
  for (const ms of [-300_000, 300_000]) t.match(checkQuery(vector(vectors['hmac-sha256']), keysOf('hmac-sha256'), at(signedAtMs + ms)), { rcode: 0 })
})

t.test('a TSIG record that is not the last one, twice, or out of its form is malformed', async (t) => {
  const good = vector(vectors['hmac-sha256'])
  const recordStart = 42
  const record = good.subarray(recordStart)
  const withCounts = (message: Buffer, section: 6 | 8 | 10, by: number): Buffer => {
    const changed = Buffer.from(message)
    changed.writeUInt16BE(changed.readUInt16BE(section) + by, section)
    return changed
  }
  const opt = good.subarray(31, recordStart)
  const table: [string, Buffer][] = [
    ['OPT behind it', Buffer.concat([good.subarray(0, 31), record, opt])],
    ['two of them', withCounts(Buffer.concat([good, record]), 10, 1)],
    ['in the authority section', withCounts(withCounts(Buffer.concat([good.subarray(0, 31), record]), 10, -2), 8, 1)],
    ['octets behind it', Buffer.concat([good, Buffer.from([0])])],
    ['another class', Buffer.concat([good.subarray(0, recordStart + 13), Buffer.from([1]), good.subarray(recordStart + 14)])],
    ['a TTL', Buffer.concat([good.subarray(0, recordStart + 17), Buffer.from([1]), good.subarray(recordStart + 18)])]
  ]
  for (const [says, message] of table) t.match(checkQuery(message, keysOf('hmac-sha256'), at()), { rcode: 1, key: undefined }, says)
})

t.test('a query with any bit changed is never good, and any octets are read without an error', async (t) => {
  const good = vector(vectors['hmac-sha256'])
  const keys = keysOf('hmac-sha256')
  for (let bit = 16; bit < good.length * 8; bit++) { // the id of the header is not signed; the original one is
    const changed = Buffer.from(good)
    const octet = changed.readUInt8(bit >> 3)
    changed[bit >> 3] = octet ^ (1 << (bit & 7))
    const isLetterCase = (bit & 7) === 5 && octet >= 0x41 && ((bit >> 3) > 42) && ((bit >> 3) < 75) // names of key and algorithm
    if (!isLetterCase && checkQuery(changed, keys, at())?.rcode === 0) t.fail(`bit ${bit}`)
  }
  t.doesNotThrow(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (octets, from) => {
    const message = Buffer.concat([good.subarray(0, from), octets])
    return from >= good.length || checkQuery(message, keys, at())?.rcode !== 0
  }), { numRuns: 2_000 }))
})

t.test('what is signed here is taken by the other side, and its answer here', async (t) => {
  for (const algorithm of tsigAlgorithms) {
    const own = key(`edge.key=${algorithm}:${secret}`)
    const asked = signQuery(question('cluster.local', 'SOA'), own, at())
    const checked = checkQuery(asked.message, new TsigKeys([own]), at())
    const answer = checked?.sign(answerTo(asked.message)) ?? Buffer.alloc(0)
    t.ok(asked.accepts(answer), algorithm)
    const changed = Buffer.from(answer)
    changed[3] = 5
    t.notOk(asked.accepts(changed), 'not with another code')
    t.notOk(asked.accepts(answerTo(asked.message)), 'not unsigned')
    const stranger = checkQuery(asked.message, new TsigKeys([key(`edge.key=${algorithm}:${otherSecret}`)]), at())
    t.notOk(asked.accepts(stranger?.sign(answerTo(asked.message)) ?? Buffer.alloc(0)), 'not an error that is not signed')
    const again = signQuery(question('cluster.local', 'SOA', { id: 7 }), own, at())
    t.notOk(again.accepts(answer), 'not the answer to something else')
  }
})

const large = (): PlayedFeed => {
  const world = new PlayedFeed().load()
  for (let index = 0; index < 1_500; index++) world.register(`shop/web-${index % 20}/${index}`, { address: `10.1.${index >> 8}.${index & 255}`, ports: [{ name: 'http', port: 80 }] })
  return world
}

t.test('dig checks each of many signed messages, with every algorithm', { skip: noDig }, async (t) => {
  const world = large()
  for (const algorithm of tsigAlgorithms) {
    const listener = await openListener(t, world, { keys: [key(`edge=${algorithm}:${secret}`)], allowed: [rule('key:edge')] })
    const output = await dig(listener, 'cluster.local', 'AXFR', '-y', `${algorithm}:edge:${secret}`)
    t.match(output, /XFR size: \d+ records \(messages (?:[5-9]|\d\d),/, algorithm)
    t.equal(output.match(/ TSIG hmac-\S+ .* NOERROR 0/g)?.length, Number(/\(messages (\d+)/.exec(output)?.[1]), 'all are signed')
    t.notOk(/warning|could not|couldn't|failed/i.test(output), 'without a complaint')
  }
})

t.test('dig shows the TSIG error of a wrong signature', { skip: noDig }, async (t) => {
  const keys = [key(`edge=${secret}`)]
  const listener = await openListener(t, large(), { keys, allowed: [rule('127.0.0.1')] })
  t.match(await dig(listener, 'cluster.local', 'AXFR', '-y', `hmac-sha256:edge:${otherSecret}`), /300 0 \d+ BADSIG 0[^]*Transfer failed/)
  t.match(await dig(listener, 'cluster.local', 'AXFR', '-y', `hmac-sha256:nobody:${secret}`), /300 0 \d+ BADKEY 0[^]*Transfer failed/)
  t.match(await dig(listener, 'cluster.local', 'AXFR', '-y', `hmac-sha256-128:edge:${secret}`), /300 32 \S+ \d+ BADTRUNC 0[^]*Transfer failed/)
  const late = await openListener(t, large(), { keys, allowed: [rule('127.0.0.1')], clock: { now: () => Date.now() + 3_600_000 } })
  t.match(await dig(late, 'cluster.local', 'AXFR', '-y', `hmac-sha256:edge:${secret}`), /BADTIME 6[^]*Transfer failed/)
  t.ok((await digRecords(listener, 'cluster.local', 'AXFR')).length > 1_500, 'unsigned it may, by its address')
})
