// Symptom: a stranger's socket sent a heartbeat with `session` and without a generation for an instance of somebody else, then broke:
// the living instance turned suspect, and was removed two seconds later.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

const name = { namespace: 'shop', service: 'orders', id: 'a' }

t.test('the end of a stranger\'s socket takes nothing along', async (t) => {
  const { register, connect, registry, clock, send } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', generation: 'g1', lease: { ttlMs: 86_400_000 } })
  const stranger = await connect()
  stranger.send({ type: 'heartbeat', session: true, leases: [name] })
  t.match(await stranger.next(), { type: 'heartbeat', renewed: 1 })
  stranger.socket.terminate()
  while (registry.sessions.count > 0) await new Promise((resolve) => { setImmediate(resolve) })
  clock.advance(500)
  await registry.sweep()
  t.equal((await send('GET', pathOf('shop/orders/a'))).json().suspect, false)
})

t.test('nor does that of a socket whose instance another socket of the same process carries by now', async (t) => {
  const { register, connect, registry, clock, send } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', generation: 'g1', lease: { ttlMs: 86_400_000 } })
  const [first, second] = [await connect(), await connect()]
  for (const socket of [first, second]) { // within one millisecond of the store's clock
    socket.send({ type: 'heartbeat', session: true, leases: [{ ...name, generation: 'g1' }] })
    t.match(await socket.next(), { renewed: 1 })
  }
  first.socket.terminate()
  while (registry.sessions.count > 1) await new Promise((resolve) => { setImmediate(resolve) })
  clock.advance(500)
  await registry.sweep()
  t.equal((await send('GET', pathOf('shop/orders/a'))).json().suspect, false)
})
