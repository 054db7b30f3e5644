// What nodes put back into a Redis that restarted empty stands there as it stood before: records, index, deadlines, counts.
import t from 'tap'
import { joinRedis, life } from '../support/redis-nodes.ts'
import { noRedis, type RedisServer } from '../support/redis-server.ts'
import { startProxy, startServer } from '../support/redis-stand-in.ts'

const key = (name: string): string => `rollcall:{0}:${name}`

/** What the keys hold, without what differs by nature: revisions and times. */
async function heldBy ({ admin }: RedisServer): Promise<Record<string, unknown>> {
  const [instances, index, services, ttls, suspects, deadlines] = await Promise.all([
    admin.hgetall(key('inst')), admin.hgetall(key('idx')), admin.hgetall(key('svc')), admin.hgetall(key('ttls')), admin.scard(key('sus')),
    admin.zrange(key('exp'), '0', '-1')
  ])
  const records = Object.entries(instances).map(([lease, text]) => {
    const [name, generation, ttlMs, , , createdAt, , body] = text.split('\n')
    return [lease, name, generation, ttlMs, createdAt, body]
  })
  return { records: records.sort(), index, services, ttls, suspects, deadlines: deadlines.sort() }
}

t.test('an empty Redis is refilled by several nodes at once', { skip: noRedis }, async (t) => {
  const server = await startServer(t)
  const proxy = await startProxy(t, server.port)
  const nodes = await Promise.all([joinRedis(t, proxy.url), joinRedis(t, proxy.url)])
  const [one, other] = nodes
  const granted = await Promise.all(Array.from({ length: 450 }, (_none, index) => (
    one.store.grant(life(`shop/${index < 300 ? 'orders' : `carts-${index % 7}`}/${index}`, { ttlMs: index % 3 === 0 ? 30_000 : 90_000 }))
  )))
  await one.store.revoke(granted.slice(0, 20).map(({ lease }) => lease), 'tester')
  await one.store.grant(life('shop/orders/25')) // a new life: the one before must not come back
  await other.store.sync()
  const before = await heldBy(server)
  const loads = nodes.map(({ follower }) => follower.loads)
  await server.kill()
  await server.start() // without persistence
  await Promise.all(nodes.map(({ follower }, index) => follower.back((loads[index] ?? 0) + 1)))
  t.same(await heldBy(server), before)
  await Promise.all(nodes.map(({ store }) => store.sync()))
  for (const { follower } of nodes) {
    t.equal(follower.instances.size, 430)
    t.same(follower.faults, [])
  }
})
