// Two sessions on two nodes renewed one lease within one millisecond: both had the same deadline, so that the end of the older session
// turned an instance suspect that the younger one had. The store now says who was the last.
import t from 'tap'
import { joinRedis, life } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

t.test('of two sessions that renewed a lease in one millisecond only the end of the last one counts', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store: one, follower } = await joinRedis(t, server.url)
  const { store: other } = await joinRedis(t, server.url)
  const ttlMs = 60_000
  const { lease } = await one.grant(life('shop/orders/a', { ttlMs }))
  const renewed = await Promise.all(Array.from({ length: 200 }, (_, turn) => (turn % 2 === 0 ? one : other).renew(new Map([[ttlMs, [lease]]]))))
  const deadlines = renewed.map((each) => each.deadlines.get(ttlMs) ?? 0)
  t.ok(new Set(deadlines.map(Math.floor)).size < deadlines.length, 'several came within a millisecond')
  t.equal(new Set(deadlines).size, deadlines.length, 'no two have the same deadline')

  const last = Number(await server.admin.zscore('rollcall:{0}:exp', lease))
  const lose = (deadlineMs: number): Promise<number> => one.lose([{ lease, deadlineMs }], ttlMs)
  for (const deadlineMs of deadlines) if (deadlineMs !== last && await lose(deadlineMs) !== 0) t.fail('a session ended that had the lease no more')
  t.equal(follower.instances.get('shop/orders/a')?.suspect, false)
  t.ok(deadlines.includes(last))
  t.equal(await lose(last), 1, 'the last one has it')
})
