// Symptom: a proxy was reloaded, seven of eight sessions broke and were back within 100 ms, and all of them were shown as suspect, told to
// every watcher and out of DNS meanwhile.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('sessions that break together and are back within the blip change nothing', async (t) => {
  const { register, connect, registry, clock } = await build(t)
  const ids = Array.from({ length: 8 }, (_, index) => `i${index}`)
  for (const id of ids) await register(`shop/orders/${id}`, { address: '10.0.0.1', generation: 'g1', lease: { ttlMs: 86_400_000 } })
  const session = async (id: string) => {
    const socket = await connect()
    socket.send({ type: 'heartbeat', session: true, leases: [{ namespace: 'shop', service: 'orders', id, generation: 'g1' }] })
    await socket.next()
    return socket
  }
  const sockets = await Promise.all(ids.map(session))
  const changes: string[] = []
  registry.feed.listen({ changed: ({ reason, target }) => changes.push(`${target.id} ${reason}`) })
  for (const { socket } of sockets.slice(1)) socket.terminate()
  while (registry.sessions.count > 1) await new Promise((resolve) => { setImmediate(resolve) })
  clock.advance(100)
  await Promise.all(ids.slice(1).map(session))
  clock.advance(400)
  await registry.sweep()
  await registry.store.sync()
  t.same(changes, [])
  t.equal(registry.catalog.endpoints('shop', 'orders')?.answered.length, 8)
})
