// Questions that are passed on, over real sockets to a resolver of the test; only the clock is the test's.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import t from 'tap'
import { Asker, totalMs, tryMs } from '../../server/dns/forward/asker.ts'
import { failureLifeMs } from '../../server/dns/forward/forward-cache.ts'
import { rcodes, recordTypes } from '../../server/dns/wire/wire.ts'
import { address, addressed, answered, ask, open, shop, shown, withCode } from './forwarding.ts'
import { type Answer, type Query, Upstream, closedPort, response, truncated } from '../support/upstream.ts'
import { HandClock } from '../support/hand-clock.ts'

t.test('a question is asked over UDP with a random case of letters, and answered in the client\'s', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder } = open(t, [upstream], { random: (octets) => Buffer.alloc(octets, 0xff) })
  const question = ask()
  const forwarded = answered(await forwarder.resolve(question))
  t.equal(forwarded.rcode, rcodes.NOERROR)
  t.equal(forwarded.cached, false)
  t.same(shown(forwarded.answers), ['www.Shop.example 60 A 192.0.2.7'])
  t.equal(forwarded.answers[0]?.name, question.name, 'the very name of the question: its owner can be a pointer')
  const [query] = upstream.queries
  t.equal(query?.questions[0]?.name, 'WWW.SHOP.EXAMPLE')
  t.match(query, { transport: 'udp', flag_rd: true, flag_cd: false, flag_ad: false, opcode: 'QUERY' })
  t.match(query?.additionals, [{ type: 'OPT', udpPayloadSize: 1232, flag_do: false }])
})

t.test('DO and CD are passed on, and are other questions', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder } = open(t, [upstream])
  for (const flags of [{}, { dnssecOk: true }, { checkingDisabled: true }]) await forwarder.resolve({ ...ask(), ...flags })
  t.same(upstream.queries.map(({ additionals, flag_cd: cd }) => [additionals[0]?.flag_do, cd]), [[false, false], [true, false], [false, true]])
})

t.test('ports and ids differ from query to query', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder } = open(t, [upstream])
  for (let index = 0; index < 20; index++) await forwarder.resolve(ask(`a${index}.example`))
  t.ok(new Set(upstream.queries.map(({ peer }) => peer.port)).size > 10)
  t.ok(new Set(upstream.queries.map(({ id }) => id)).size > 10)
})

t.test('of the answer section what follows from the question is kept, aliases first', async (t) => {
  const upstream = await Upstream.open(t, (query) => response(query, {
    answers: [
      { name: 'c.other.example', type: 'A', ttl: 9, data: '192.0.2.3' }, { name: 'bank.example', type: 'A', ttl: 9, data: '192.0.2.66' },
      { name: 'B.example', type: 'CNAME', ttl: 8, data: 'C.other.example' }, { name: shop, type: 'CNAME', ttl: 7, data: 'b.example' },
      { name: 'c.other.example', type: 'TXT', ttl: 9, data: 'not asked for' }, { name: 'c.other.example', type: 'A', ttl: 9, data: '192.0.2.4' }
    ],
    authorities: [{ name: 'other.example', type: 'NS', ttl: 9, data: 'ns.other.example' }],
    additionals: [{ name: 'ns.other.example', type: 'A', ttl: 9, data: '192.0.2.53' }, { type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] }]
  }))
  const { forwarder } = open(t, [upstream])
  const { answers, authorities, additionals } = answered(await forwarder.resolve(ask()))
  t.same(shown(answers), [
    'www.Shop.example 7 CNAME b.example', 'B.example 8 CNAME C.other.example', 'c.other.example 9 A 192.0.2.3', 'c.other.example 9 A 192.0.2.4'
  ])
  t.same(shown(authorities), ['other.example 9 NS ns.other.example'])
  t.same(shown(additionals), ['ns.other.example 9 A 192.0.2.53'])
})

t.test('a chain that turns back on itself ends, each alias once', async (t) => {
  const upstream = await Upstream.open(t, (query) => response(query, {
    answers: [{ name: shop, type: 'CNAME', ttl: 7, data: 'b.example' }, { name: 'b.example', type: 'CNAME', ttl: 7, data: shop }]
  }))
  const { forwarder } = open(t, [upstream])
  t.equal(answered(await forwarder.resolve(ask())).answers.length, 2)
})

t.test('a truncated answer is asked for over TCP, and may come in pieces', async (t) => {
  const many = Array.from({ length: 900 }, (_, index) => ({ ...address, data: `192.0.${index >> 8}.${index & 255}` }))
  const upstream = await Upstream.open(t, (query) => {
    if (query.transport === 'udp') return response(query, { flags: truncated, answers: [address] })
    const message = response(query, { answers: many })
    const octets = Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])
    query.send(octets.subarray(0, 1))
    setImmediate(() => {
      query.send(octets.subarray(1, 700))
      setImmediate(() => query.send(octets.subarray(700)))
    })
    return undefined
  })
  const { forwarder, counts } = open(t, [upstream])
  t.equal(answered(await forwarder.resolve(ask())).answers.length, 900)
  t.same(upstream.queries.map(({ transport }) => transport), ['udp', 'tcp'])
  t.equal(counts.get('asked-over-tcp'), 1)
})

t.test('over TCP a length that is none, a wrong id and a hang-up are failures', async (t) => {
  const hangUp = (query: Query): undefined => {
    query.send(Buffer.from('ffff0000', 'hex'))
    query.end()
  }
  const table: readonly (readonly [Answer, object])[] = [
    [(query) => { query.send(Buffer.from('000babcdef', 'hex')); return undefined }, { kind: 'bad-answer', reason: { code: 23 } }],
    [(query) => response({ ...query, id: query.id ^ 1 }), { kind: 'bad-answer' }],
    [hangUp, { kind: 'unreachable', reason: { code: 22 } }]
  ]
  for (const [overTcp, failure] of table) {
    const upstream = await Upstream.open(t, (query) => query.transport === 'udp' ? response(query, { flags: truncated }) : overTcp(query))
    t.match(await open(t, [upstream]).forwarder.resolve(ask()), failure)
  }
})

t.test('what is not the answer to the question is passed over: another id, question, kind or sender', async (t) => {
  const stranger = createSocket('udp4')
  t.teardown(() => stranger.close())
  const upstream = await Upstream.open(t)
  const { forwarder, counts } = open(t, [upstream])
  const pending = forwarder.resolve(ask())
  const query = await upstream.next()
  const lie = { answers: [{ ...address, data: '192.0.2.66' }] }
  await new Promise((resolve) => stranger.send(response(query, lie), query.peer.port, query.peer.address, resolve))
  const [question] = query.questions
  for (const wrong of [
    response({ ...query, id: query.id ^ 1 }, lie), response({ ...query, questions: [{ ...question, name: 'ww2.shop.example', type: 'A', class: 'IN' }] }, lie),
    response({ ...query, questions: [{ name: shop, class: 'IN', ...question, type: 'TXT' }] }, lie), response({ ...query, questions: [] }, lie),
    query.bytes, Buffer.alloc(0), Buffer.alloc(11), query.bytes.subarray(0, 12)
  ]) query.send(wrong)
  query.send(response(query, { answers: [address] }))
  t.same(shown(answered(await pending).answers), ['www.Shop.example 60 A 192.0.2.7'])
  t.equal(counts.get('mismatch'), 8, 'the stranger was not even heard')
})

t.test('the wrong case of letters, or very many wrong answers, lead to TCP', async (t) => {
  const folding = await Upstream.open(t, (query) => response({ ...query, questions: [{ name: shop.toLowerCase(), type: 'A', class: 'IN' }] }, { answers: [address] }))
  const forged = await Upstream.open(t, (query) => {
    return query.transport === 'tcp' ? addressed(query) : Array.from({ length: 32 }, (_, index) => response({ ...query, id: query.id ^ (index + 1) }, { answers: [address] }))
  })
  for (const upstream of [folding, forged]) {
    const { forwarder } = open(t, [upstream], { random: (octets) => Buffer.alloc(octets, 0xff) })
    t.same(shown(answered(await forwarder.resolve(ask())).answers), ['www.Shop.example 60 A 192.0.2.7'])
    t.same(upstream.queries.map(({ transport }) => transport), ['udp', 'tcp'])
  }
})

t.test('an upstream that knows no EDNS is asked without', async (t) => {
  const refusals: Answer[] = [withCode(1), withCode(4), (query) => response({ ...query, questions: [] }, { rcode: 1 })]
  for (const refuse of refusals) {
    const upstream = await Upstream.open(t, (query) => query.additionals.length > 0 ? refuse(query) : addressed(query))
    t.equal(answered(await open(t, [upstream]).forwarder.resolve(ask())).answers.length, 1)
    t.equal(upstream.queries.length, 2)
  }
})

t.test('the upper bits of the rcode are those of OPT', async (t) => {
  const upstream = await Upstream.open(t, (query) => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, flags: 0, options: [] }
    return response(query, { rcode: 7, additionals: [opt] })
  })
  t.equal(answered(await open(t, [upstream]).forwarder.resolve(ask())).rcode, 23) // BADCOOKIE
})

t.test('a silent upstream is passed over in time, put aside, and found again by one question', async (t) => {
  const first = await Upstream.open(t)
  const second = await Upstream.open(t, addressed)
  const { forwarder, clock } = open(t, [first, second])
  const pending = forwarder.resolve(ask('a.example'))
  await first.next()
  clock.advance(tryMs)
  t.equal(answered(await pending).rcode, rcodes.NOERROR)
  await forwarder.resolve(ask('b.example'))
  t.equal(first.queries.length, 1, 'aside: the next question goes to the second at once')
  clock.advance(1_000)
  const probing = forwarder.resolve(ask('c.example'))
  await first.next()
  await forwarder.resolve(ask('d.example'))
  t.equal(first.queries.length, 2, 'while one question waits for it, the others do not')
  clock.advance(tryMs)
  await probing
  first.answer = addressed
  clock.advance(1_000)
  await forwarder.resolve(ask('e.example'))
  t.equal(first.queries.length, 2, 'the second time it is aside for longer')
  clock.advance(1_000)
  await forwarder.resolve(ask('f.example'))
  await forwarder.resolve(ask('g.example'))
  t.equal(first.queries.length, 4, 'it is back')
})

t.test('questions that fail together count as one failure', async (t) => {
  const first = await Upstream.open(t)
  const second = await Upstream.open(t, addressed)
  const { forwarder, clock } = open(t, [first, second])
  const pending = ['a', 'b', 'c'].map((name) => forwarder.resolve(ask(`${name}.example`)))
  for (let index = 0; index < pending.length; index++) await first.next()
  clock.advance(tryMs)
  await Promise.all(pending)
  first.answer = addressed
  clock.advance(1_000)
  await forwarder.resolve(ask('d.example'))
  t.equal(first.queries.length, 4)
})

t.test('a lost datagram is sent again', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder, clock } = open(t, [upstream])
  const pending = forwarder.resolve(ask())
  await upstream.next()
  upstream.answer = addressed
  clock.advance(tryMs)
  t.equal(answered(await pending).answers.length, 1)
})

t.test('when all are silent the failure comes before a stub gives up, with the reason', async (t) => {
  const upstreams = await Promise.all([Upstream.open(t), Upstream.open(t)])
  const { forwarder, clock } = open(t, upstreams)
  const startedAtMs = clock.now()
  const pending = forwarder.resolve(ask())
  for (const [index, ms] of [[0, tryMs], [1, tryMs], [0, totalMs - 2 * tryMs]] as const) {
    await upstreams[index]?.next()
    clock.advance(ms)
  }
  t.match(await pending, { kind: 'timeout', reason: { code: 22, text: Buffer.from('no upstream answered in time') } })
  t.ok(clock.now() - startedAtMs < 5_000)
  t.match(await forwarder.resolve(ask()), { kind: 'timeout' }, 'remembered for a moment')
  t.equal(upstreams[0].queries.length + upstreams[1].queries.length, 3)
})

t.test('where nobody listens the next one is asked, and with no other it is a failure', async (t) => {
  const nobody = { address: '127.0.0.1', port: await closedPort() }
  const upstream = await Upstream.open(t, addressed)
  t.equal(answered(await open(t, [nobody, upstream]).forwarder.resolve(ask())).answers.length, 1)
  t.match(await open(t, [nobody]).forwarder.resolve(ask()), { kind: 'unreachable', reason: { code: 22 } })
})

t.test('SERVFAIL and REFUSED of one are not the last word; of all, the last one is', async (t) => {
  const failing = await Upstream.open(t, withCode(2))
  const refusing = await Upstream.open(t, withCode(5))
  const knowing = await Upstream.open(t, addressed)
  t.equal(answered(await open(t, [failing, refusing, knowing]).forwarder.resolve(ask())).rcode, rcodes.NOERROR)
  const { forwarder, clock } = open(t, [failing, refusing])
  t.equal(answered(await forwarder.resolve(ask())).rcode, rcodes.REFUSED)
  t.match(await forwarder.resolve(ask()), { kind: 'answer', rcode: rcodes.REFUSED, cached: true }, 'remembered for a moment')
  const asked = refusing.queries.length
  clock.advance(failureLifeMs)
  await forwarder.resolve(ask())
  t.equal(refusing.queries.length, asked + 1, 'and no longer')
})

t.test('a referral and an answer to something else are no answers', async (t) => {
  const referring = await Upstream.open(t, (query) => response(query, { authorities: [{ name: 'example', type: 'NS', ttl: 9, data: 'ns.example' }] }))
  const straying = await Upstream.open(t, (query) => response(query, { answers: [{ ...address, name: 'bank.example' }] }))
  for (const upstream of [referring, straying]) t.match(await open(t, [upstream]).forwarder.resolve(ask()), { kind: 'bad-answer' })
})

t.test('the same question under way is asked once, and each client gets its own spelling', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder, counts } = open(t, [upstream])
  const spellings = ['www.shop.example', 'WWW.shop.EXAMPLE', 'www.Shop.example']
  const pending = spellings.map((name) => forwarder.resolve(ask(name)))
  const query = await upstream.next()
  query.send(response(query, { answers: [address] }))
  const answers = await Promise.all(pending)
  t.same(answers.map((forwarded) => shown(answered(forwarded).answers)[0]), spellings.map((name) => `${name} 60 A 192.0.2.7`))
  t.equal(upstream.queries.length, 1)
  t.equal(counts.get('coalesced'), 2)
})

t.test('at the limit of questions under way the client with most of them gives up its oldest', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder, counts } = open(t, [upstream], { maxInFlight: 3 })
  const flood = ['a.example', 'b.example', 'c.example'].map((name) => forwarder.resolve(ask(name), 'flood'))
  const newcomer = forwarder.resolve(ask('n.example'), 'newcomer')
  t.match(await flood[0], { kind: 'too-many', reason: { code: 0 } })
  flood.push(forwarder.resolve(ask('d.example'), 'flood'))
  t.match(await flood[1], { kind: 'too-many' }, 'also where it is its own newest that comes')
  t.equal(counts.get('failed'), 2)
  const asked = new Map<string, Query>()
  while (!['c.example', 'd.example', 'n.example'].every((name) => asked.has(name))) {
    const query = await upstream.next()
    asked.set(query.questions[0]?.name.toLowerCase() ?? '', query)
  }
  for (const query of asked.values()) query.send(response(query, { rcode: 3 }))
  for (const answer of [newcomer, flood[2], flood[3]]) t.match(await answer, { kind: 'answer', rcode: 3 })
})

t.test('what others wait for too is not the flood\'s to lose', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder } = open(t, [upstream], { maxInFlight: 3 })
  const flood = ['a.example', 'b.example', 'c.example'].map((name) => forwarder.resolve(ask(name), 'flood'))
  const other = forwarder.resolve(ask('a.example'), 'other')
  void forwarder.resolve(ask('d.example'), 'third')
  t.match(await flood[1], { kind: 'too-many' })
  let query = await upstream.next()
  while (query.questions[0]?.name.toLowerCase() !== 'a.example') query = await upstream.next()
  query.send(response(query, { rcode: 3 }))
  for (const answer of [other, flood[0]]) t.match(await answer, { kind: 'answer', rcode: 3 })
})

t.test('at the limit of those who wait the client with most of them gives up its oldest', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder } = open(t, [upstream], { maxWaiting: 3 })
  const flood = [1, 2, 3].map(() => forwarder.resolve(ask('a.example'), 'flood'))
  const newcomer = forwarder.resolve(ask('a.example'), 'newcomer')
  t.match(await flood[0], { kind: 'too-many' })
  const query = await upstream.next()
  query.send(response(query, { rcode: 3 }))
  for (const answer of [newcomer, flood[1], flood[2]]) t.match(await answer, { kind: 'answer', rcode: 3 })
  t.equal(upstream.queries.length, 1)
})

t.test('zone transfers and the like are refused, and nobody is asked', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder } = open(t, [upstream])
  for (const type of [0, recordTypes.OPT, 249, 250, recordTypes.IXFR, recordTypes.AXFR]) {
    t.match(await forwarder.resolve(ask(shop, type)), { kind: 'answer', rcode: rcodes.REFUSED, reason: { code: 21 } })
  }
  t.equal(upstream.queries.length, 0)
  t.equal(answered(await forwarder.resolve(ask(shop, recordTypes.ANY))).answers.length, 1)
})

t.test('closing ends what is under way, over UDP and over TCP, and what is asked afterwards', async (t) => {
  const upstream = await Upstream.open(t)
  const { forwarder } = open(t, [upstream])
  const overUdp = forwarder.resolve(ask('a.example'))
  await upstream.next()
  const overTcp = forwarder.resolve(ask('b.example'))
  const query = await upstream.next()
  query.send(response(query, { flags: truncated }))
  t.equal((await upstream.next()).transport, 'tcp')
  const justBegun = forwarder.resolve(ask('c.example'))
  forwarder.close()
  forwarder.close()
  for (const forwarded of await Promise.all([overUdp, overTcp, justBegun, forwarder.resolve(ask('d.example'))])) t.match(forwarded, { kind: 'closed' })
  const asker = new Asker({ upstreams: [upstream], clock: new HandClock(), random: randomBytes, count: () => undefined, isOurs: () => false, mixesCase: true })
  asker.close()
  t.same(await asker.ask({ ...ask(), dnssecOk: false, checkingDisabled: false }, new Set()), { kind: 'closed' })
})
