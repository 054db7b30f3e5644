// Symptom: node A took a drain, node B (a moment behind) then took it back and answered 200 "unchanged", and the store kept the drain; a
// long poll with A's revision was 404 at B at once, on which an SDK emptied its list; 40 merge patches of 40 labels gave 34 times 409.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'
import { noRedis } from '../support/redis-server.ts'
import { twoNodes } from '../support/two-nodes.ts'

t.test('a drain that is undone through a node that lags is undone in the store', { skip: noRedis }, async (t) => {
  const nodes = await twoNodes(t, 'redis')
  const { one, two, registries: [first] } = nodes
  const id = { namespace: 'shop', service: 'orders', id: 'a' }
  for (let round = 0; round < 20; round++) {
    await one.register(id, { address: '10.0.0.1', status: 'up', generation: `g${round}` })
    await two.register(id, { address: '10.0.0.1', status: 'up', generation: `g${round}` })
    nodes.hold()
    await one.patch(id, { status: 'draining' })
    t.equal((await two.patch(id, { status: 'up' }, `g${round}`)).status, 'up')
    await first.store.sync()
    t.equal(one.instance(id).status, 'up')
  }
})

t.test('forty merge patches of forty labels are forty labels', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => send('PATCH', pathOf('shop/orders/a'), { labels: { [`k${index}`]: 'x' } })))
  t.same([...new Set(answers.map(({ statusCode }) => statusCode))], [200])
  t.equal(Object.keys((await send('GET', pathOf('shop/orders/a'))).json().labels).length, 40)
})

const url = '/v1/namespaces/shop/services/orders/endpoints'
const untilWaiting = async (count: () => number): Promise<void> => {
  while (count() === 0) await new Promise((resolve) => { setImmediate(resolve) })
}

t.test('a long poll after a revision that this node has not heard of waits for it, before it says "not found"', async (t) => {
  const { send, register, registry } = await build(t)
  const poll = send('GET', `${url}?after=1&wait=60s`)
  await untilWaiting(() => registry.watches.count)
  await register('shop/orders/a')
  await register('shop/orders/b', { address: '10.0.0.2' })
  t.match((await poll).json(), { endpoints: [{ id: 'a' }, { id: 'b' }] })
})

t.test('and says that it waited in vain when the revision does not come', async (t) => {
  const { send, registry, clock } = await build(t)
  const poll = send('GET', `${url}?after=${registry.position.epoch}.7&wait=2s`)
  await untilWaiting(() => registry.watches.count)
  clock.advance(2_000)
  t.match((await poll).json(), { status: 504, code: 'REG_REVISION_TIMEOUT', detail: /cannot say whether the service is there/ })
})

t.test('so do other reads of a revision', async (t) => {
  const { send, register, registry } = await build(t)
  const seen = send('GET', '/v1/revisions/1')
  const events = send('GET', '/v1/events?cursor=2')
  await register('shop/orders/a')
  t.match((await seen).json(), { revision: 1 })
  await register('shop/orders/b', { address: '10.0.0.2' })
  t.match((await events).json(), { items: [{ id: 'a' }] })
  t.equal(registry.position.revision, 2)
})
