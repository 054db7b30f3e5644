// A registry that tells a smaller revision than before, in the same epoch: the client believes it, and emits `regressed`.
import t from 'tap'
import { setting } from './helpers.ts'

const port = { ports: [{ port: 80 }] }

t.test('a list takes an older revision from a read, and says so', async (t) => {
  const { registry, clock, another, events } = setting(t)
  let number = 0
  const rollcall = another({
    WebSocket: null,
    onEvent: (event) => events.push(event),
    fetch: async (url, init) => {
      const response = await registry.fetch(url, init)
      const text = await response.text()
      return {
        ...response,
        text: async () => (number === 0 ? text : text.replace(/"revision":"e1\.\d+"/, `"revision":"e1.${number}"`))
      }
    }
  })
  registry.register('shop', 'orders', 'o-1', port)
  registry.register('shop', 'orders', 'o-2', port)
  registry.register('shop', 'orders', 'o-3', port)
  t.equal((await rollcall.resolveAll('orders')).length, 3)
  number = 1
  registry.deregister({ namespace: 'shop', service: 'orders', id: 'o-3' })
  await clock.advance(1_000)
  t.strictSame((await rollcall.resolveAll('orders')).map(({ id }) => id), ['o-1', 'o-2'])
  t.match(
    events.filter(({ type }) => type === 'regressed')[0],
    { namespace: 'shop', service: 'orders', from: 'e1.3', to: 'e1.1' }
  )
})

t.test('a watch and a list take a snapshot of an older revision, and say so', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  registry.register('shop', 'orders', 'o-1', port)
  registry.register('shop', 'orders', 'o-2', port)
  const watch = rollcall.watch({ service: 'orders' })
  await watch.next()
  await rollcall.resolve('orders')
  await clock.settle()
  for (const id of [1, 2]) {
    registry.broadcast({ type: 'reset', id, revision: 'e1.1', reason: 'ahead of this node' })
    registry.broadcast({ type: 'snapshot', id, revision: 'e1.1', instances: registry.instances.slice(0, 1) })
  }
  await clock.settle()
  t.match(
    [(await watch.next()).value, (await watch.next()).value],
    [{ type: 'reset' }, { type: 'snapshot', revision: 'e1.1', instances: [{ id: 'o-1' }] }]
  )
  t.equal((await rollcall.resolveAll('orders')).length, 1)
  t.strictSame(events.filter(({ type }) => type === 'regressed').length, 2)
  t.match(events.at(-1), { type: 'regressed', service: 'orders', from: 'e1.2', to: 'e1.1' })
})

t.test('another epoch is no smaller revision', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  registry.register('shop', 'orders', 'o-1', port)
  registry.register('shop', 'orders', 'o-2', port)
  const watch = rollcall.watch({ service: 'orders' })
  await watch.next()
  registry.restart()
  await clock.advance(1_000)
  t.match([(await watch.next()).value, (await watch.next()).value], [{ type: 'reset' }, { type: 'snapshot' }])
  t.strictSame(events, [])
})
