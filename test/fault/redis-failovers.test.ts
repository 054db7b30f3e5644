// One lossy failover after the other, with writes in every window: no acknowledged write is lost, no dead instance comes back, no node differs.
// The writes of the last window are the last ones of all: nothing that goes wrong there is written over.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { contentOf } from '../support/recording-follower.ts'
import { joinRedis, life, persist } from '../support/redis-nodes.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const failovers = 12
const nodeCount = 3
const keysPerNode = 20
/** So many that most keys are written more than once. */
const lastWindow = 180

/** A generator of its own, so that a failure can be repeated. */
function seeded (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

t.test('lossy failovers lose no acknowledged write, bring no dead instance back and leave no node behind', { skip: noRedis }, async (t) => {
  const seed = Date.now() >>> 0
  t.comment(`seed ${seed}`)
  const random = seeded(seed)
  const servers = [await RedisServer.start(), await RedisServer.start()] as const
  for (const server of servers) t.teardown(() => server.dispose())
  let [master, spare]: [RedisServer, RedisServer] = [servers[0], servers[1]]
  const nodes = await Promise.all(Array.from({ length: nodeCount }, async () => {
    const proxy = await RedisProxy.start(master.port)
    t.teardown(() => proxy.dispose())
    return { proxy, ...await joinRedis(t, proxy.url) }
  }))

  /** What each key must be: `lease body`, or nothing. Each key has one writer, so the last acknowledged write decides. */
  const expected = new Map<string, string>()
  let acknowledged = 0
  let over = false
  const writers = nodes.flatMap(({ store }, node) => Array.from({ length: keysPerNode }, async (_, index) => {
    const key = `shop/orders/${node}-${index}`
    let held: { lease: string, generation: string } | undefined
    for (let round = 0; !over; round++) {
      const dice = random()
      if (held !== undefined && dice < 0.3) {
        const { lease } = held
        await persist(() => store.revoke([lease], 'writer'))
        held = undefined
        expected.delete(key)
      } else {
        const body = `{"weight":${round}}`
        const wanted = held !== undefined && dice < 0.7 ? life(key, { generation: held.generation, body }) : life(key, { body })
        const { lease, generation } = await persist(() => store.grant(wanted))
        held = { lease, generation }
        expected.set(key, `${lease} ${body}`)
      }
      acknowledged++
      for (let turns = random() * 20; turns > 0; turns--) await setImmediate() // writers that do not go in step
    }
  }))

  for (let failover = 0; failover < failovers; failover++) {
    // Every third time the next failover comes while the nodes still recover from the last.
    const hurried = failover % 3 === 2
    await spare.admin.replicaof('127.0.0.1', master.port)
    while (!(await spare.admin.info('replication')).includes('master_link_status:up')) { /* asks again */ }
    await spare.admin.replicaof('NO', 'ONE')
    // The spare is deaf now: what is acknowledged from here on, it never had.
    const before = acknowledged
    const isLast = failover === failovers - 1
    while (isLast ? acknowledged < before + lastWindow : !hurried && acknowledged < before + 30) await setImmediate()
    over = isLast
    const loads = nodes.map(({ follower }) => follower.loads)
    for (const { proxy } of nodes) proxy.point(spare.port)
    await master.kill()
    const dead = master
    ;[master, spare] = [spare, dead]
    await spare.start()
    if (failover % 3 !== 1) await Promise.all(nodes.map(({ follower }, node) => follower.back((loads[node] ?? 0) + 1)))
  }
  await Promise.all(writers)
  await Promise.all(nodes.map(({ store }) => persist(() => store.sync())))

  const [first] = nodes
  if (first === undefined) throw new Error('there are nodes')
  for (const { follower } of nodes) {
    const found = new Map([...follower.instances.values()].map(({ key, lease, body }) => [key, `${lease} ${body}`]))
    const wrong = [...new Set([...expected.keys(), ...found.keys()])]
      .filter((key) => expected.get(key) !== found.get(key))
      .map((key) => `${key}: acknowledged ${expected.get(key) ?? 'nothing'}, found ${found.get(key) ?? 'nothing'}`)
    t.same(wrong, [])
    t.same(contentOf(follower), contentOf(first.follower))
  }
  const told = first.follower.history.map(({ revision }) => revision)
  t.equal(new Set(told).size, told.length, 'no revision was used twice')
  t.comment(`${acknowledged} acknowledged writes`)
})
