// Hostile questions to a server that asks others, and hostile answers from those: always alive, every question is answered in the end.
import t from 'tap'
import { Upstream, response } from '../support/upstream.ts'
import { serve } from '../support/played-feed.ts'
import { Datagrams } from './datagrams.ts'
import { mutant } from './mutants.ts'
import { Random, fuzzSeed, seedHint } from './random.ts'
import { seeds } from './seeds.ts'
import { served, shop } from './shop.ts'
import { noFaults } from './window.ts'

const mutants = 10_000
/** One step of the clock while questions wait. An attempt ends after some of them, and a few attempts are all. */
const stepMs = 500
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test(`${mutants} mutated messages while others are silent or send mutated answers: each is answered as it has to be`, async (t) => {
  const seed = fuzzSeed()
  const random = new Random(seed)
  const upstream = await Upstream.open(t, (query) => {
    const name = query.questions[0]?.name
    const records = [
      { type: 'CNAME', name, ttl: 5, data: 'big.shop.svc.cluster.local' }, { type: 'A', name, ttl: 0, data: '192.0.2.7' }, { type: 'AAAA', name, ttl: 60, data: '2001:db8::7' },
      { type: 'SRV', name, ttl: 60, data: { priority: 1, weight: 2, port: 3, target: 'a.b.c' } }, { type: 'TXT', name, ttl: 60, data: ['x'] },
      { type: 'MX', name, ttl: 60, data: { preference: 1, exchange: 'mail.example' } }, { type: 'NS', name, ttl: 60, data: 'ns.example' }
    ]
    const good = response(query, { rcode: random.one([0, 0, 0, 2, 3]), answers: records.slice(random.below(4), random.below(8)) })
    switch (random.below(4)) {
      case 0: return undefined
      case 1: return good
      default: {
        const bad = mutant([good], random)
        query.bytes.copy(bad, 0, 0, Math.min(2, bad.length)) // its id, else nobody reads it
        return bad
      }
    }
  })
  const world = shop()
  const forward = { upstreams: [{ address: upstream.address, port: upstream.port }], clients: ['127.0.0.0/8'] }
  const server = await serve(t, world, { ...served, forward })
  const datagrams = await Datagrams.open(t, server)
  const faults = noFaults()
  for (let sent = 0; sent < mutants;) {
    const window = await datagrams.exchange(faults, () => mutant(seeds, random), mutants - sent, { asksOthers: true }, async () => {
      await turn()
      world.clock.advance(stepMs)
      await turn()
    })
    sent += window.sent
  }
  t.strictSame(faults, noFaults(), seedHint(seed))
  t.equal(server.counters.failed, 0, 'none of them met a fault of ours')
  t.ok(upstream.queries.length > mutants / 100, `others were asked ${upstream.queries.length} times`)
})
