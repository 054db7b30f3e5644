// How long what an upstream said is kept, and what it is good for afterwards.
import t from 'tap'
import { maxNegativeLifeMs, maxStaleMs, staleRetryMs } from '../../server/dns/forward/forward-cache.ts'
import type { ForwarderOptions } from '../../server/dns/forward/forwarder.ts'
import { rcodes, recordTypes } from '../../server/dns/wire/wire.ts'
import { address, addressed, answered, ask, open, shown, withCode } from './forwarding.ts'
import { Upstream, response } from '../support/upstream.ts'

const soa = { name: 'shop.example', type: 'SOA', ttl: 600, data: { mname: 'ns.shop.example', rname: 'x.shop.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 30 } }

t.test('an answer is kept as long as its shortest TTL says, and its TTLs go down', async (t) => {
  const upstream = await Upstream.open(t, (query) => response(query, { answers: [address, { ...address, ttl: 20, data: '192.0.2.8' }] }))
  const { forwarder, clock } = open(t, [upstream])
  t.equal(forwarder.lookup(ask()), undefined)
  await forwarder.resolve(ask())
  clock.advance(5_900)
  const known = forwarder.lookup(ask('WWW.shop.example'))
  t.match(known, { kind: 'answer', cached: true })
  t.same(known?.kind === 'answer' && shown(known.answers), ['WWW.shop.example 55 A 192.0.2.7', 'WWW.shop.example 15 A 192.0.2.8'])
  clock.advance(14_100)
  t.equal(forwarder.lookup(ask()), undefined)
  await forwarder.resolve(ask())
  t.equal(upstream.queries.length, 2)
})

t.test('a clock that is set back keeps nothing alive', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder, clock } = open(t, [upstream])
  await forwarder.resolve(ask())
  clock.advance(-1)
  t.equal(forwarder.lookup(ask()), undefined)
})

t.test('what says 0 is not kept, and nothing is kept longer than an hour', async (t) => {
  const upstream = await Upstream.open(t, (query) => {
    const name = query.questions[0]?.name ?? ''
    return response(query, { answers: [{ ...address, name, ttl: name.startsWith('0') ? 0 : 604_800 }] })
  })
  const { forwarder, clock } = open(t, [upstream])
  await forwarder.resolve(ask('0.example'))
  t.equal(forwarder.lookup(ask('0.example')), undefined)
  await forwarder.resolve(ask('7.example'))
  clock.advance(3_599_000)
  t.match(forwarder.lookup(ask('7.example')), { answers: [{ ttl: 601_201 }] })
  clock.advance(1_000)
  t.equal(forwarder.lookup(ask('7.example')), undefined)
})

t.test('"there is none" is kept as long as the SOA says, five minutes at most, and not at all without one', async (t) => {
  for (const rcode of [rcodes.NOERROR, rcodes.NXDOMAIN]) {
    for (const [minimum, ttl, keptMs] of [[30, 600, 30_000], [600, 30, 30_000], [86_400, 86_400, maxNegativeLifeMs], [0, 600, 0]] as const) {
      const upstream = await Upstream.open(t, (query) => response(query, { rcode, authorities: [{ ...soa, ttl, data: { ...soa.data, minimum } }] }))
      const { forwarder, clock } = open(t, [upstream])
      t.match(await forwarder.resolve(ask()), { kind: 'answer', rcode, answers: [], authorities: [{ type: recordTypes.SOA }], cached: false })
      clock.advance(Math.max(0, keptMs - 1))
      t.equal(forwarder.lookup(ask()) !== undefined, keptMs > 0)
      clock.advance(1)
      t.equal(forwarder.lookup(ask()), undefined)
    }
    const upstream = await Upstream.open(t, withCode(rcode))
    const { forwarder } = open(t, [upstream])
    await forwarder.resolve(ask())
    t.equal(forwarder.lookup(ask()), undefined)
  }
})

t.test('while no upstream answers the last answer is given for a day, and says that it is stale', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const { forwarder, clock } = open(t, [upstream])
  await forwarder.resolve(ask())
  clock.advance(3_600_000)
  upstream.answer = withCode(2)
  const stale = answered(await forwarder.resolve(ask()))
  t.same(shown(stale.answers), ['www.Shop.example 30 A 192.0.2.7'])
  t.match(stale, { rcode: rcodes.NOERROR, cached: true, reason: { code: 3 } })
  clock.advance(staleRetryMs - 1)
  t.match(forwarder.lookup(ask()), { reason: { code: 3 } }, 'without asking again for half a minute')
  clock.advance(1)
  t.equal(forwarder.lookup(ask()), undefined)
  upstream.answer = addressed
  t.same(answered(await forwarder.resolve(ask())).reason, undefined)
  upstream.answer = withCode(2)
  clock.advance(60_000 + maxStaleMs)
  t.equal(answered(await forwarder.resolve(ask())).rcode, rcodes.SERVFAIL)
})

t.test('a name that did not exist is stale too', async (t) => {
  const upstream = await Upstream.open(t, (query) => response(query, { rcode: 3, authorities: [soa] }))
  const { forwarder, clock } = open(t, [upstream])
  await forwarder.resolve(ask())
  clock.advance(60_000)
  upstream.answer = withCode(5)
  t.match(await forwarder.resolve(ask()), { kind: 'answer', rcode: rcodes.NXDOMAIN, reason: { code: 19 } })
})

t.test('the cache forgets what was not asked for longest', async (t) => {
  const upstream = await Upstream.open(t, addressed)
  const limits: Partial<ForwarderOptions>[] = [{ maxCacheEntries: 2 }, { maxCacheBytes: 1_600 }]
  for (const limit of limits) {
    const { forwarder } = open(t, [upstream], limit)
    await forwarder.resolve(ask('a.example'))
    await forwarder.resolve(ask('b.example'))
    forwarder.lookup(ask('a.example'))
    await forwarder.resolve(ask('c.example'))
    t.same(['a', 'b', 'c'].map((name) => forwarder.lookup(ask(`${name}.example`)) !== undefined), [true, false, true])
  }
  const { forwarder } = open(t, [upstream], { maxCacheBytes: 500 })
  await forwarder.resolve(ask('a.example'))
  t.equal(forwarder.lookup(ask('a.example')), undefined, 'what is larger than the whole is not kept')
})
