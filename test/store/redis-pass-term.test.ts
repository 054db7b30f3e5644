// A new term that lost nothing that a node has seen: the node goes on in the log, and reads nothing anew.
import t from 'tap'
import { joinRedis, life, persist, policy } from '../support/redis-nodes.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const config = ['appendonly yes', 'appendfsync always']

t.test('after a restart of Redis with all its data nothing is read anew, and all nodes show it alike', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start({ config })
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url)
  const lives = await Promise.all(['a', 'b', 'c'].map((id) => store.grant(life(`shop/orders/${id}`))))
  await store.revoke([lives[2]?.lease ?? ''], 'tester')
  const before = follower.revision
  await server.kill()
  await server.start()
  await follower.back(2)
  t.same([follower.loads, follower.terms], [1, 1])
  const [range] = follower.lost
  t.equal(range?.after, before, 'a cursor from beyond what was written would be of no history')
  await persist(() => store.grant(life('shop/orders/d')))
  t.same((await store.renew(new Map([[60_000, [lives[0]?.lease ?? '']]]))).unknown, [])
  const { follower: fresh } = await joinRedis(t, server.url)
  await store.sync()
  t.same([...follower.instances.keys()].sort(), [...fresh.instances.keys()].sort())
  t.ok(follower.revision >= fresh.revision)
  t.equal(follower.floors.instances, range?.until)
  for (const [key, { shownRevision }] of fresh.instances) {
    t.equal(follower.instances.get(key)?.shownRevision, Math.max(shownRevision, fresh.floors.instances), key)
  }
  await server.kill()
  await server.start()
  await follower.back(3)
  await persist(() => store.expire(policy()))
  t.same(follower.faults, [])
})

t.test('a node that was behind when the term began first hears what was written before', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start({ config })
  t.teardown(() => server.dispose())
  const line = await RedisProxy.start(server.port)
  t.teardown(() => line.dispose())
  const { store } = await joinRedis(t, server.url)
  const { follower: behind } = await joinRedis(t, line.url)
  await store.grant(life('shop/orders/a'))
  await behind.until(({ type }) => type === 'put')
  line.point(undefined)
  line.cut()
  await behind.when(() => behind.healths.at(-1)?.available === false)
  await store.grant(life('shop/orders/b'))
  await server.kill()
  await server.start()
  await persist(() => store.grant(life('shop/orders/c')))
  line.point(server.port)
  await behind.until((change) => change.type === 'put' && change.record.key === 'shop/orders/c')
  t.same([behind.loads, behind.terms], [1, 1])
  t.same([...behind.instances.keys()].sort(), ['shop/orders/a', 'shop/orders/b', 'shop/orders/c'])
  t.same(behind.faults, [])
})

t.test('a node that has seen what Redis lost puts it back, and reads everything', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start({ config: ['save 3600 1'] })
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url)
  await store.grant(life('shop/orders/kept'))
  await server.admin.save()
  await store.grant(life('shop/orders/lost'))
  await server.kill()
  await server.start()
  await follower.back(2)
  t.same([follower.loads, follower.terms], [2, 0])
  t.same([...follower.instances.keys()].sort(), ['shop/orders/kept', 'shop/orders/lost'])
  t.same(follower.faults, [])
})
