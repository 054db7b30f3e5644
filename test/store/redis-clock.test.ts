// A clock of Redis that steps back. It cannot be moved here, so everything that it has written is moved ahead instead, which is the same.
import t from 'tap'
import { joinRedis, life, policy } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const hourMs = 3_600_000
const keys = { meta: 'rollcall:{0}:meta', exp: 'rollcall:{0}:exp', prot: 'rollcall:{0}:prot' }

t.test('after a step back of Redis\' clock no deadline lies further ahead than its own TTL', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url)
  const rules = policy({ gapMs: 3_000, holdMs: 60_000, graceMs: 300 })
  await store.expire(rules)
  const dead = await Promise.all(Array.from({ length: 1_500 }, (_, index) => store.grant(life(`shop/orders/${index}`, { ttlMs: 200 }))))
  const long = await store.grant(life('shop/orders/long', { ttlMs: 2 * hourMs }))
  const doubtful = await store.grant(life('shop/orders/doubtful', { ttlMs: 60_000 }))
  const { deadlines } = await store.renew(new Map([[60_000, [doubtful.lease]]]))
  t.equal(await store.lose([{ lease: doubtful.lease, deadlineMs: deadlines.get(60_000) ?? 0 }], 60_000), 1)

  const { admin } = server
  for (const field of ['tick', 'began']) await admin.hincrby(keys.meta, field, hourMs)
  for (const { lease } of [...dead, long, doubtful]) await admin.zincrby(keys.exp, hourMs, lease)
  const steppedAtMs = await server.now()
  t.match(await store.expire(rules), { suspected: 0, expired: 0, holdMs: 60_000 }, 'a lease of two hours is the longest: the longest hold')
  while (await admin.hget(keys.meta, 'pull') !== '') await store.expire(rules)
  const nowMs = await server.now()
  const ahead = async (lease: string): Promise<number> => Number(await admin.zscore(keys.exp, lease)) - nowMs
  for (const { lease } of dead) if (await ahead(lease) > 201) t.fail('a deadline is still ahead of its TTL')
  t.ok(await ahead(doubtful.lease) <= 301, 'a suspect has its grace')
  t.ok(await ahead(long.lease) > hourMs && await ahead(long.lease) <= 2 * hourMs + 1, 'a long lease stays long')

  const released = policy({ gapMs: 3_000, holdMs: 0, graceMs: 300 })
  await follower.until(({ type }) => type === 'suspect')
  while (follower.instances.size > 1) await store.expire(released)
  t.same([...follower.instances.keys()], ['shop/orders/long'])
  const last = follower.history.at(-1)
  t.ok((last?.atMs ?? 0) < steppedAtMs + hourMs, 'not an hour later')
  t.same(follower.faults, [])
})

t.test('a hold after a new term begins with the first sweep, and is as long as the longest TTL', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start({ config: ['appendonly yes', 'appendfsync always'] })
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url)
  await store.grant(life('shop/orders/a', { ttlMs: 2_000 }))
  await store.grant(life('shop/orders/b', { ttlMs: 1_500 }))
  await server.kill()
  await server.start()
  await follower.back(2)
  const { holdMs } = await store.expire(policy())
  t.ok(holdMs > 1_900 && holdMs <= 2_000, `${holdMs} ms`)
  const b = follower.instances.get('shop/orders/b')
  await store.revoke([follower.instances.get('shop/orders/a')?.lease ?? ''], 'tester')
  t.ok(b !== undefined)
  t.equal(await server.admin.hlen('rollcall:{0}:ttls'), 1, 'both round up to two seconds, and one is left')
})
