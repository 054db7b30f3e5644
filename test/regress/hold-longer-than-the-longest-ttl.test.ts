// TTL 2 s, the node stood still for 4 s: the dead were answered for 60 s, the longest hold, since nobody asked how long the owners need.
import t from 'tap'
import { openSqliteHarness } from '../store/sqlite-harness.ts'
import { Keyspace } from '../store/keyspace.ts'

t.test('after a pause the dead are suspect when the longest TTL is over', async (t) => {
  const harness = openSqliteHarness()
  const world = new Keyspace(harness)
  t.teardown(async () => {
    await world.closeNodes()
    await harness.dispose()
  })
  await world.join()
  await world.pass(1)
  const [living = ''] = await world.grantMany('shop/orders', 2, { ttlMs: 2_000 })
  const policy = world.policy({ gapMs: 3_000, holdMs: 60_000 })
  harness.step(4_000)
  t.match(await world.store.expire(policy), { suspected: 0, holdMs: 2_000 })
  await world.renew([living], 2_000)
  t.match(await world.pass(1.75, policy), { suspected: 0 })
  await world.renew([living], 2_000)
  t.match(await world.pass(0.25, policy), { suspected: 1, holdMs: 0 })
  t.equal(world.follower.instances.get('shop/orders/id0')?.suspect, false)
})
