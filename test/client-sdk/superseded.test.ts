// Two lives of one id: the later one stays while it lives, and the earlier one comes back when it has ended.
import t from 'tap'
import type { Fetch } from '../../client-sdk/src/index.ts'
import { beats, setting, typesOf } from './helpers.ts'

const orders = { service: 'orders', id: 'o-1', port: 8080 }

t.test('when the newer life has deregistered, the older one registers again, so that a rollback works', async (t) => {
  const { registry, clock, rollcall, events, another } = setting(t)
  const first = await rollcall.register(orders)
  const second = await another().register({ ...orders, port: 9090 })
  await clock.advance(60_000)
  t.equal(first.state, 'superseded')
  t.match(registry.instances, [{ generation: second.generation }], 'while the newer one stands it stays away')
  await second.deregister()
  await clock.advance(10_000)
  t.equal(first.state, 'registered')
  t.match(registry.instances, [{ generation: first.generation, ports: [{ port: 8080 }] }])
  t.strictSame(typesOf(events), ['registered', 'superseded', 'registered'])
  const before = beats(registry).length
  await clock.advance(20_000)
  t.ok(beats(registry).length > before)
})

t.test('also when it expired, and not while it is only suspect', async (t) => {
  const { registry, clock, rollcall, another } = setting(t)
  const first = await rollcall.register(orders)
  const client = another({ fetch: failing(registry.fetch) })
  const second = await client.register(orders)
  await clock.advance(10_000)
  registry.suspect(second.reference)
  await clock.advance(60_000)
  t.equal(first.state, 'superseded')
  registry.expire(second.reference)
  await clock.advance(10_000)
  t.equal(first.state, 'registered')
})

/** Registers, and then is never heard of again. */
function failing (fetch: Fetch): Fetch {
  return async (url, init) => {
    if (init.method !== 'PUT') throw new TypeError('fetch failed')
    return fetch(url, init)
  }
}

t.test('of many that wait for their turn one comes back, and the others wait on', async (t) => {
  const { registry, clock, another } = setting(t)
  const lives = []
  let seed = 0
  for (let n = 0; n < 6; n++) lives.push(await another({
    random: () => (seed += 0.07) % 1
  }).register({ ...orders, port: 1_000 + n }))
  await clock.advance(20_000)
  t.strictSame(
    lives.map(({ state }) => state),
    ['superseded', 'superseded', 'superseded', 'superseded', 'superseded', 'registered']
  )
  await lives[5]?.deregister()
  await clock.advance(30_000)
  t.equal(lives.filter(({ state }) => state === 'registered').length, 1)
  t.match(registry.instances, [{ generation: lives.find(({ state }) => state === 'registered')?.generation }])
  const puts = registry.requests.filter(({ method }) => method === 'PUT').length
  await clock.advance(60_000)
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, puts, 'no fight')
})

t.test('one that was too late for its turn takes nothing away', async (t) => {
  const { registry, clock, rollcall, another } = setting(t)
  let steal = false
  const slow = another({
    fetch: async (url, init) => {
      if (steal && init.method === 'PUT') registry.register('shop', 'orders', 'o-1', { generation: 'the-newest' })
      return registry.fetch(url, init)
    }
  })
  const first = await slow.register(orders)
  const second = await rollcall.register(orders)
  await clock.advance(10_000)
  steal = true
  await second.deregister()
  await clock.advance(10_000)
  t.match(registry.instances, [{ generation: 'the-newest' }])
  t.equal(first.state, 'superseded')
})

t.test('with onSuperseded: stop it never comes back, and asks nothing', async (t) => {
  const { registry, clock, rollcall, another } = setting(t)
  const first = await rollcall.register({ ...orders, onSuperseded: 'stop' })
  const second = await another().register(orders)
  await clock.advance(20_000)
  await second.deregister()
  const { length } = registry.requests
  await clock.advance(120_000)
  t.equal(first.state, 'superseded')
  t.equal(registry.requests.length, length)
})

t.test('one that waits is ended by deregister and by close, and removes nobody', async (t) => {
  const { registry, clock, rollcall, another, events } = setting(t)
  const first = await rollcall.register({ ...orders, session: true })
  await clock.advance(1)
  const second = await another().register(orders)
  await clock.advance(20_000)
  t.equal(registry.sockets, 0, 'it needs no session while it waits')
  await first.deregister()
  t.equal(first.state, 'deregistered')
  t.match(registry.instances, [{ generation: second.generation }])
  await second.deregister()
  await clock.advance(60_000)
  t.strictSame(registry.instances, [])
  t.strictSame(typesOf(events), ['registered', 'session', 'superseded'])
})
