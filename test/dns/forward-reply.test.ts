// What an upstream may send, as bytes: names are spelled out, and no message is too odd, too long or too deep.
import fc from 'fast-check'
import t from 'tap'
import { followChain } from '../../server/dns/forward/answer-chain.ts'
import { type ForwardRecord, type Reply, maxRecords, readReply } from '../../server/dns/forward/reply-reader.ts'
import { nameBytes, recordTypes } from '../../server/dns/wire/wire.ts'
import { codec } from '../support/dns-client.ts'

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')
const name = nameBytes(['www', 'shop', 'example']) // at 12; shop at 16, example at 21
const count = (records: number): string => records.toString(16).padStart(4, '0')

/** A message to the question `www.shop.example A`; its records begin at 34. */
function message (records: string, { answers = 1, authorities = 0, additionals = 0, flags = '8180' } = {}): Buffer {
  return Buffer.concat([hex(`abcd ${flags} 0001 ${count(answers)} ${count(authorities)} ${count(additionals)}`), name, hex(`0001 0001 ${records}`)])
}

/** A record with the owner of the question. */
function record (type: number, rdata: string, owner = 'c00c'): string {
  return `${owner} ${count(type)} 0001 0000003c ${count(hex(rdata).length)} ${rdata}`
}

const wire = (dotted: string): string => nameBytes(dotted === '' ? [] : dotted.split('.')).toString('hex')

t.test('compressed names come out whole, in every type that may have them', async (t) => {
  const mail = '046d61696c c010' // mail.shop.example
  const whole = wire('mail.shop.example')
  const table: readonly (readonly [says: string, type: number, sent: string, read: string])[] = [
    ['A', 1, 'c0000207', 'c0000207'], ['AAAA', 28, '20010db8000000000000000000000001', '20010db8000000000000000000000001'],
    ['TXT that looks like a pointer', 16, '03c00cc0', '03c00cc0'], ['unknown', 65_280, 'c00c', 'c00c'], ['unknown and empty', 65_280, '', ''],
    ['SVCB, which may have none', 64, '0001c00c', '0001c00c'],
    ...([['NS', 2], ['MD', 3], ['MF', 4], ['CNAME', 5], ['MB', 7], ['MG', 8], ['MR', 9], ['PTR', 12], ['DNAME', 39]] as const).map(([says, type]) => [says, type, mail, whole] as const),
    ...([['MX', 15], ['AFSDB', 18], ['RT', 21], ['KX', 36]] as const).map(([says, type]) => [says, type, `000a ${mail}`, `000a ${whole}`] as const),
    ['MINFO', 14, `${mail} c015`, `${whole} ${wire('example')}`], ['RP', 17, `00 ${mail}`, `00 ${whole}`], ['PX', 26, `000a ${mail} 00`, `000a ${whole} 00`],
    ['SOA', 6, `c015 ${mail} ${'00000001'.repeat(5)}`, `${wire('example')} ${whole} ${'00000001'.repeat(5)}`],
    ['SRV', 33, `0001 0002 0050 ${mail}`, `0001 0002 0050 ${whole}`],
    ['NAPTR', 35, `0001 0002 0153 00 0461626364 ${mail}`, `0001 0002 0153 00 0461626364 ${whole}`],
    ['SIG', 24, `${'00'.repeat(18)} ${mail} abcdef`, `${'00'.repeat(18)} ${whole} abcdef`], ['NXT', 30, `${mail} 4000`, `${whole} 4000`]
  ]
  for (const [says, type, sent, read] of table) {
    const reply = readReply(message(record(type, sent)), name)
    t.equal(reply?.answers[0]?.rdata.toString('hex'), hex(read).toString('hex'), says)
    t.equal(reply?.answers[0]?.name, name)
  }
})

t.test('records of no use to a client are left out, wherever they are', async (t) => {
  const opt = '00 0029 04d0 01000000 0000'
  const tsig = '00 00fa 00ff 00000000 0000'
  const chaos = 'c00c 0010 0003 0000003c 0002 0161'
  const a = record(1, 'c0000207')
  const reply = readReply(message([a, chaos, a, tsig, opt, tsig, a].join(''), { answers: 2, authorities: 2, additionals: 3, flags: '8183' }), name)
  t.same([reply?.rcode, reply?.answers.length, reply?.authorities.length, reply?.additionals.length], [0x13, 1, 1, 1])
})

t.test('a TTL with the highest bit is 0, and what follows the records does not matter', async (t) => {
  t.equal(readReply(message('c00c 0001 0001 80000001 0004 c0000207 deadbeef'), name)?.answers[0]?.ttl, 0)
  t.equal(readReply(message('c00c 0001 0001 7fffffff 0004 c0000207'), name)?.answers[0]?.ttl, 0x7fff_ffff)
})

t.test('the question\'s mixed letters are in no name of the answer', async (t) => {
  const mixed = message(record(5, '0161 c010'))
  mixed.write('SHOP', 17)
  t.equal(readReply(mixed, name)?.answers[0]?.rdata.toString('hex'), wire('a.shop.example'))
})

t.test('DNAME and its signature come before the alias that it makes, and no other one does', async (t) => {
  const signature = (covered: number, owner: string): string => record(46, `${count(covered)} 0801`, owner)
  const sent = [
    record(5, wire('www.shop.test')), record(39, wire('test'), 'c015'), signature(39, 'c015'), signature(1, 'c015'), record(39, wire('evil'), wire('other')),
    record(1, 'c0000207', wire('www.shop.test')), signature(1, wire('www.shop.test')), record(39, wire('x'), wire('www.shop.test'))
  ]
  const { answers = [] } = readReply(message(sent.join(''), { answers: sent.length }), name) ?? {}
  const kept = followChain(answers, { name, type: recordTypes.A }, () => false)
  t.same(kept.answers.map((one) => answers.indexOf(one)), [1, 2, 0, 5, 6])
})

const long = `3f${'61'.repeat(63)}`
const malformed: readonly (readonly [says: string, message: Buffer])[] = [
  ['nothing', Buffer.alloc(0)], ['half a header', message('').subarray(0, 7)],
  ['a question that is cut', message('').subarray(0, 20)],
  ['a record that is promised and not there', message('')],
  ['65,535 records that are not there', message('', { answers: 65_535, authorities: 65_535, additionals: 65_535 })],
  ['one record too few', message(record(1, 'c0000207'), { answers: 2 })],
  ['more records than the limit', message(record(1, 'c0000207').repeat(maxRecords + 2), { answers: maxRecords + 2 })],
  ['an owner that points to itself', message(record(1, 'c0000207', 'c022'))],
  ['an owner that points forward, to a name', message(record(16, wire('a.example'), 'c02e'))],
  ['an owner that points into the header, to a root', message(record(1, 'c0000207', 'c004'))],
  ['an owner that points behind the end', message(record(1, 'c0000207', 'ffff'))],
  ['an owner whose pointer leads back to its labels', message(record(1, 'c0000207', '0161 c022'))],
  ['two names that point to each other', message(record(5, 'c030') + record(1, 'c0000207', 'c02e'), { answers: 2 })],
  ['a pointer that is cut', message('c0')], ['an owner that is cut', message('0561')], ['a label of type 01', message(record(1, 'c0000207', '4161'))],
  ['a label of type 10', message(record(1, 'c0000207', '8161'))],
  ['a name of 256 octets', message(record(1, 'c0000207', `${long.repeat(3)} 3e${'61'.repeat(62)} 00`))],
  ['a name made too long by a pointer', message(record(1, 'c0000207', `${long.repeat(3)} 2d${'61'.repeat(45)} c00c`))],
  ['a record without its length', message('c00c 0001 0001 0000003c 00')], ['data that is cut', message('c00c 0001 0001 0000003c 0004 c00002')],
  ['data that lies about its length', message('c00c 0010 0001 0000003c ffff 0161')],
  ['an address of three octets', message(record(1, 'c00002'))], ['an address of five', message(record(1, 'c000020700'))], ['an IPv6 address of four', message(record(28, 'c0000207'))],
  ['CNAME of nothing', message(record(5, ''))], ['CNAME with something behind', message(record(5, 'c00c00'))], ['CNAME that runs into the next record', message(`${record(5, '0461')}6162${record(1, 'c0000207')}`)],
  ['MX without a name', message(record(15, '000a'))], ['MX cut in its preference', message(record(15, '00'))],
  ['SOA without its numbers', message(record(6, 'c00cc00c'))], ['SOA with one number more', message(record(6, `c00cc00c ${'00000001'.repeat(6)}`))],
  ['SRV of three octets', message(record(33, '000000'))], ['NAPTR whose string is longer than its data', message(record(35, '00010002 ff61'))],
  ['SIG without a name', message(record(24, '00'.repeat(18)))],
  ['OPT among the answers', message('00 0029 04d0 00000000 0000')], ['OPT with an owner', message('c00c 0029 04d0 00000000 0000', { answers: 0, additionals: 1 })],
  ['two OPTs', message('00 0029 04d0 00000000 0000'.repeat(2), { answers: 0, additionals: 2 })]
]

t.test('what is malformed in any part is no answer', async (t) => {
  for (const [says, bytes] of malformed) t.equal(readReply(bytes, name), undefined, says)
})

t.test('names that point as deep as can be are read once each, or not at all', async (t) => {
  const chain = (pointers: number): Buffer => {
    const first = 34 + 12 // in the data of the first record
    const data = Array.from({ length: pointers }, (_, index) => count(0xc000 | (index === 0 ? 12 : first + 2 * (index - 1)))).join('')
    return message(record(65_280, data) + record(1, 'c0000207', count(0xc000 | (first + 2 * (pointers - 1)))).repeat(maxRecords - 1), { answers: maxRecords })
  }
  t.equal(readReply(chain(126), name)?.answers.length, maxRecords)
  t.equal(readReply(chain(127), name), undefined)
  t.equal(readReply(chain(8_000), name), undefined)
})

t.test('what dns-packet writes is read as it was meant', async (t) => {
  const label = fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'abcXYZ019-_') })
  const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
  const ttl = fc.nat(0x7fff_ffff)
  const written = fc.oneof(
    fc.record({ name: host, ttl, type: fc.constant('A'), data: fc.ipV4() }),
    fc.record({ name: host, ttl, type: fc.constantFrom('CNAME', 'NS', 'PTR', 'DNAME'), data: host }),
    fc.record({ name: host, ttl, type: fc.constant('MX'), data: fc.record({ preference: fc.nat(65_535), exchange: host }) }),
    fc.record({ name: host, ttl, type: fc.constant('SRV'), data: fc.record({ priority: fc.nat(65_535), weight: fc.nat(65_535), port: fc.nat(65_535), target: host }) }),
    fc.record({ name: host, ttl, type: fc.constant('TXT'), data: fc.string({ maxLength: 200 }) })
  )
  const sections = fc.record({ answers: fc.array(written), authorities: fc.array(written), additionals: fc.array(written) })
  const same = fc.property(sections, (records) => {
    const questions = [{ name: 'www.shop.example', type: 'A' }]
    const bytes = codec.encode({ type: 'response', id: 7, flags: 0x0180, questions, ...records })
    const reply = readReply(Buffer.from(bytes), name)
    if (reply === undefined) return false
    const all = [...reply.answers, ...reply.authorities, ...reply.additionals]
    const again = Buffer.concat(all.flatMap((record) => [record.name, hex(`${count(record.type)} 0001 ${record.ttl.toString(16).padStart(8, '0')} ${count(record.rdata.length)}`), record.rdata]))
    return again.equals(bytes.subarray(34))
  })
  t.doesNotThrow(() => { fc.assert(same, { numRuns: 500 }) })
})

/** A name that stands alone: labels to the root, nothing behind, no pointer. */
function isWhole (bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length && (bytes[at] ?? 0) > 0 && (bytes[at] ?? 0) < 64) at += 1 + (bytes[at] ?? 0)
  return at === bytes.length - 1 && bytes.length <= 255
}

function isSound ({ rcode, answers, authorities, additionals }: Reply): boolean {
  const sound = ({ name: owner, type, ttl, rdata }: ForwardRecord): boolean =>
    isWhole(owner) && type < 65_536 && ttl <= 0x7fff_ffff && (type !== recordTypes.CNAME || isWhole(rdata)) && rdata.length <= 65_535
  const records = [...answers, ...authorities, ...additionals]
  return rcode < 4_096 && records.length <= maxRecords + 1 && records.every(sound)
}

t.test('no octets make the reader throw, or give a record that is not whole', async (t) => {
  const records = [
    record(1, 'c0000207'), record(5, '0161c010'), record(6, `c015c00c${'00000001'.repeat(5)}`), record(33, '0001000200500161c010'),
    record(35, '00010002 0153 00 0461626364 c00c'), record(15, '000ac03e'), '00 0029 04d0 00000000 0000'
  ]
  const seed = message(records.join(''), { answers: 5, authorities: 1, additionals: 1 })
  t.equal(readReply(Buffer.from(seed), name)?.answers.length, 5, 'the seed is sound')
  const edit = fc.tuple(fc.nat(seed.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x3f, 0x40, 0xc0, 0xff)))
  const mutated = fc.tuple(fc.array(edit, { maxLength: 6 }), fc.integer({ min: 0, max: seed.length })).map(([edits, length]) => {
    const bytes = Buffer.from(seed)
    for (const [at, octet] of edits) bytes[at] = octet
    return length < 12 || edits.length % 3 === 0 ? bytes.subarray(0, length) : bytes
  })
  const anything = fc.uint8Array({ maxLength: 600 }).map((octets) => Buffer.from(octets))
  let read = 0
  const survives = (bytes: Buffer): boolean => {
    const reply = readReply(bytes, name)
    if (reply === undefined) return true
    read++
    return isSound(reply) && followChain(reply.answers, { name, type: recordTypes.A }, () => false).answers.length <= reply.answers.length
  }
  t.doesNotThrow(() => {
    fc.assert(fc.property(mutated, survives), { numRuns: 20_000 })
    fc.assert(fc.property(anything, survives), { numRuns: 2_000 })
  })
  t.ok(read > 500, `${read} were read as replies`)
})
