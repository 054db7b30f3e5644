// Three masters and no replica: the store finds the one that owns its slot, and follows the slot when it moves.
import t, { type Test } from 'tap'
import { joinRedis, life, persist } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

/** The slots of each master. */
const ranges = [[0, 5_460], [5_461, 10_922], [10_923, 16_383]] as const

async function startCluster (t: Test): Promise<RedisServer[]> {
  const servers = await Promise.all(ranges.map(async () => {
    const server = await RedisServer.start({ cluster: true, config: ['cluster-node-timeout 1500'] })
    t.teardown(() => server.dispose())
    return server
  }))
  const [first] = servers
  for (const [index, server] of servers.entries()) {
    const [from, to] = ranges[index] ?? [0, 0]
    await server.admin.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
    if (first !== undefined && server !== first) await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', server.port, server.busPort)
  }
  for (const { admin } of servers) {
    await until(async () => {
      const info = String(await admin.call('CLUSTER', 'INFO'))
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
    })
  }
  return servers
}

t.test('in a Cluster every verb works, all keys are in one slot, and the slot may move', { skip: noRedis }, async (t) => {
  const servers = await startCluster(t)
  const url = `redis+cluster://127.0.0.1:1,127.0.0.1:${servers[0]?.port}`
  const a = await joinRedis(t, url)
  const b = await joinRedis(t, url)
  const { lease } = await a.store.grant(life('shop/orders/a{b}'))
  await b.store.sync()
  t.equal(b.follower.instances.get('shop/orders/a{b}')?.lease, lease)
  t.same((await b.store.renew(new Map([[60_000, [lease]]]))).unknown, [])
  await b.store.commit([{ type: 'put', key: 'override/shop/{x}', body: '{}', endsAtMs: 0, reason: 'override' }], 'operator')
  const owners = await Promise.all(servers.map(async ({ admin }) => (await admin.keys('*')).length))
  t.equal(owners.filter((keys) => keys > 0).length, 1, 'one master holds everything')

  // The slot is given to another master, as a resharding does at its end; its data do not come along.
  const slot = Number(await servers[0]?.admin.call('CLUSTER', 'KEYSLOT', 'rollcall:{0}:meta'))
  const heir = servers[owners.findIndex((keys) => keys === 0)]
  const id = String(await heir?.admin.call('CLUSTER', 'MYID'))
  const owner = servers[owners.findIndex((keys) => keys > 0)]
  await heir?.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', id)
  await heir?.admin.call('CLUSTER', 'BUMPEPOCH')
  await owner?.admin.flushall()
  await owner?.admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', id)
  const moved = await persist(() => a.store.grant(life('shop/orders/c')))
  await persist(() => b.store.sync())
  for (const { follower } of [a, b]) {
    t.equal(follower.instances.get('shop/orders/a{b}')?.lease, lease)
    t.equal(follower.instances.get('shop/orders/c')?.lease, moved.lease)
    t.same([...follower.objects.keys()], ['override/shop/{x}'])
  }
  t.ok((await heir?.admin.keys('rollcall:*') ?? []).length > 0)
})

async function until (isMet: () => Promise<boolean>): Promise<void> {
  while (!await isMet()) { /* asks again */ }
}
