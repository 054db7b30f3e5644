// One of two nodes lost its Redis: SDKs that knew both stayed on it, since "stored: false is a living lease too", and
// went missing at the other.
import t from 'tap'
import { cluster } from '../client-sdk/cluster.ts'

t.test('heartbeats that a node could not store go to the other node before the lease is over', async (t) => {
  const { client, clock, befall, asked } = cluster(t, ['a', 'b'])
  await client().register({ service: 'orders', id: 'o-1', ttlMs: 15_000 })
  await clock.advance(20_000)
  befall('a', 'stale')
  asked.length = 0
  await clock.advance(15_000 / 3 * 1.2)
  t.ok(asked.includes('b /v1/heartbeats'), 'within one heartbeat interval')
})
