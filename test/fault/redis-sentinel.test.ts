// A master that Sentinel replaces: the store finds the new one by itself and loses nothing.
import t from 'tap'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { joinRedis, life, persist, WatchedFollower } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

t.test('after a failover by Sentinel the store goes on with the promoted replica', { skip: noRedis }, async (t) => {
  const master = await RedisServer.start()
  t.teardown(() => master.dispose())
  const replica = await RedisServer.start({ config: [`replicaof 127.0.0.1 ${master.port}`] })
  t.teardown(() => replica.dispose())
  await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'))
  const sentinel = await RedisServer.start({ sentinelOf: master.port })
  t.teardown(() => sentinel.dispose())
  // It learns of replicas from the master's INFO.
  await until(async () => String(await sentinel.admin.call('SENTINEL', 'masters')).includes('num-slaves,1'))

  const { store, follower } = await joinRedis(t, `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/main`)
  const { lease, revision } = await store.grant(life('shop/orders/a'))
  await master.kill()
  await follower.back(2)
  const later = await persist(() => store.grant(life('shop/orders/b')))
  t.ok(later.revision > revision + 1_000_000)
  t.equal(follower.instances.get('shop/orders/a')?.lease, lease)
  t.same(await sentinel.admin.call('SENTINEL', 'get-master-addr-by-name', 'main'), ['127.0.0.1', String(replica.port)])
})

t.test('a Sentinel that knows no such master is waited for, and says so', { skip: noRedis }, async (t) => {
  const master = await RedisServer.start()
  t.teardown(() => master.dispose())
  const sentinel = await RedisServer.start({ sentinelOf: master.port })
  t.teardown(() => sentinel.dispose())
  const store = createRedisStore({ url: `redis+sentinel://127.0.0.1:${sentinel.port}/other` })
  const follower = new WatchedFollower()
  const opening = store.open(follower)
  await follower.when(() => follower.healths.length === 1)
  t.match(follower.healths[0], { available: false, reason: /knows no master "other"/ })
  await Promise.all([t.rejects(opening, { code: 'REG_STORE_UNAVAILABLE' }), store.close()])
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) { /* asks again */ }
}
