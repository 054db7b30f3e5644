// An upstream that folded the letters' case and took no TCP, or answered errors without the question, was of no use; one odd answer put
// it aside for all names; and the letters' case that was sent to it showed in answers.
import t from 'tap'
import { Upstreams } from '../../server/dns/forward/upstreams.ts'
import { tryMs } from '../../server/dns/forward/asker.ts'
import { addressed, answered, ask, open, shop, shown } from '../dns/forwarding.ts'
import { type Answer, type Query, Upstream, response, truncated } from '../support/upstream.ts'

/** The header of an answer, and nothing behind it. */
const headerAlone = (query: Query, rcode: number): Buffer => {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(query.id, 0)
  header.writeUInt16BE(0x8180 | rcode, 2)
  return header
}
const isShop = (query: Query): boolean => query.questions[0]?.name.toLowerCase() === shop.toLowerCase()
const folding: Answer = (query) => {
  const [question] = query.questions
  if (question === undefined || query.transport === 'tcp') {
    query.end()
    return undefined
  }
  const name = question.name.toLowerCase()
  return response({ ...query, questions: [{ ...question, name }] }, { answers: [{ name, type: 'A', ttl: 60, data: '192.0.2.7' }] })
}

t.test('an upstream that folds the case is asked over TCP, and with letters in lower case it needs none', async (t) => {
  const upstream = await Upstream.open(t, folding)
  t.match(await open(t, [upstream]).forwarder.resolve(ask()), { kind: 'unreachable' })
  const { forwarder } = open(t, [upstream], { mixesCase: false })
  t.strictSame(shown(answered(await forwarder.resolve(ask())).answers), [`${shop} 60 A 192.0.2.7`])
  t.equal(upstream.queries.at(-1)?.questions[0]?.name, shop.toLowerCase())
})

t.test('an error without the question is an answer, whichever it is', async (t) => {
  for (const rcode of [2, 5, 9]) {
    const odd = await Upstream.open(t, (query) => headerAlone(query, rcode))
    const next = await Upstream.open(t, addressed)
    const { forwarder, counts } = open(t, [odd, next])
    t.strictSame(shown(answered(await forwarder.resolve(ask())).answers), [`${shop} 60 A 192.0.2.7`], `${rcode}`)
    t.equal(counts.get('mismatch') ?? 0, 0)
    t.match(await open(t, [odd]).forwarder.resolve(ask()), { kind: 'answer', rcode }, 'and said where nobody knows better')
  }
  for (const rcode of [1, 4]) {
    const plain = await Upstream.open(t, (query) => (query.additionals.length > 0 ? headerAlone(query, rcode) : addressed(query)))
    t.match(await open(t, [plain]).forwarder.resolve(ask()), { kind: 'answer', rcode: 0 }, 'one that knows no EDNS')
  }
})

t.test('that there is nothing, or something, is not taken without the question', async (t) => {
  for (const rcode of [0, 3]) {
    const upstream = await Upstream.open(t, (query) => headerAlone(query, rcode))
    const { forwarder, clock, counts } = open(t, [upstream])
    const pending = forwarder.resolve(ask())
    await upstream.next()
    while ((counts.get('mismatch') ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(tryMs)
    t.match(await pending, { kind: 'bad-answer' })
  }
})

t.test('one odd answer does not put an upstream aside for other names', async (t) => {
  const cut: Answer = (query) => {
    if (!isShop(query)) return addressed(query)
    if (query.transport === 'udp') return response(query, { flags: truncated })
    query.end()
    return undefined
  }
  const other: Answer = (query) => (isShop(query) ? response({ ...query, id: query.id ^ 1 }) : addressed(query))
  for (const [says, odd] of [['it takes no TCP', cut], ['what comes is no answer', other]] as const) {
    const first = await Upstream.open(t, odd)
    const second = await Upstream.open(t, addressed)
    const { forwarder, clock, counts } = open(t, [first, second])
    const pending = forwarder.resolve(ask())
    await first.next()
    if (odd === other) {
      while ((counts.get('mismatch') ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
      clock.advance(tryMs)
    }
    t.match(await pending, { kind: 'answer' }, says)
    const asked = second.queries.length
    t.match(await forwarder.resolve(ask('fine.example')), { kind: 'answer' }, says)
    t.equal(second.queries.length, asked, `${says}: the first one is asked first again`)
  }
  const upstreams = new Upstreams([{ address: '192.0.2.1', port: 53 }], tryMs)
  t.equal(upstreams.order(0).length, 1)
})

t.test('the case of the letters that went out is in no name of an answer', async (t) => {
  const upstream = await Upstream.open(t, (query) => { // repeats them wherever it can, without compression
    const name = query.questions[0]?.name ?? ''
    const parent = name.slice(name.indexOf('.') + 1)
    return response(query, {
      answers: [{ name, type: 'CNAME', ttl: 60, data: `Edge.${parent}` }, { name: `Edge.${parent}`, type: 'A', ttl: 60, data: '192.0.2.7' }],
      authorities: [{ name: parent, type: 'NS', ttl: 60, data: `NS.${parent}` }],
      additionals: [{ name: `NS.${parent}`, type: 'A', ttl: 60, data: '192.0.2.8' }]
    })
  })
  for (let index = 0; index < 8; index++) { // a name of eight letters keeps its case by chance once in 256
    const { answers, authorities, additionals } = answered(await open(t, [upstream]).forwarder.resolve({ ...ask('WWW.shop.example'), dnssecOk: true }))
    t.strictSame(shown(answers), ['WWW.shop.example 60 CNAME Edge.shop.example', 'Edge.shop.example 60 A 192.0.2.7'])
    t.strictSame([shown(authorities), shown(additionals)], [['shop.example 60 NS NS.shop.example'], ['NS.shop.example 60 A 192.0.2.8']])
  }
})
