// A frozen node (SIGSTOP) was noticed by its watchers after 25 s only, and their lists were stale for as long.
import t from 'tap'
import { cluster } from '../client-sdk/cluster.ts'

t.test('a list is not stale for more than two seconds when its node freezes', async (t) => {
  const { registry, client, clock, befall } = cluster(t, ['a', 'b'])
  registry.register('shop', 'orders', 'o-1', { ports: [{ port: 1 }] })
  const rollcall = client()
  await rollcall.resolve('orders')
  await clock.advance(10_400)
  befall('a', 'frozen')
  registry.deregister({ namespace: 'shop', service: 'orders', id: 'o-1' })
  await clock.advance(2_000)
  t.strictSame(await rollcall.resolveAll('orders'), [])
})
