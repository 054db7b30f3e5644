// A slow Redis is not taken for a dead one, and a setting that is changed while it runs is noticed.
import t from 'tap'
import { Patience } from '../../server/store/redis/patience.ts'
import { joinRedis, life } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const timeouts = { connectMs: 1_000, commandMs: 1_000, blockMs: 400, settleMs: 2_000 }

t.test('the limits begin at the setting, and adapt within bounds', (t) => {
  const patience = new Patience(timeouts)
  t.same([patience.connectMs, patience.commandMs], [1_000, 1_000])
  patience.answered(1)
  t.equal(patience.commandMs, 1_000, 'quick answers shorten nothing')
  for (const [attempt, limit] of [[1, 2_000], [2, 4_000], [3, 8_000], [4, 10_000], [20, 10_000]] as const) {
    for (let made = 0; made < attempt; made++) patience.timedOut()
    t.ok(patience.connectMs >= limit, `after attempt ${attempt}`)
  }
  t.equal(patience.connectMs, 10_000)
  patience.answered(1_400)
  patience.connected()
  t.equal(patience.connectMs, 1_000)
  t.equal(patience.commandMs, 5_600, 'four times as long as an answer took')
  for (let quick = 0; quick < 60; quick++) patience.answered(2)
  t.equal(patience.commandMs, 1_000, 'what was slow once is forgotten')
  patience.answered(60_000)
  t.equal(patience.commandMs, 10_000)
  const generous = new Patience({ ...timeouts, commandMs: 30_000 })
  generous.answered(60_000)
  t.equal(generous.commandMs, 30_000, 'the setting itself is the bound where it is higher')
  t.end()
})

t.test('an eviction policy that is changed while all runs is noticed, and its end too', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  let nowMs = 1_000_000
  const { store, follower } = await joinRedis(t, server.url, { now: () => nowMs })
  await store.grant(life('shop/orders/a'))
  await server.admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  nowMs += 20_000
  await follower.when(() => follower.healths.at(-1)?.available === false)
  t.match(follower.healths.at(-1)?.reason, /maxmemory-policy allkeys-lru.*noeviction/)
  await server.admin.config('SET', 'maxmemory-policy', 'noeviction')
  await follower.when(() => follower.healths.at(-1)?.available === true)
  t.equal(follower.loads, 1)
  t.match(await store.grant(life('shop/orders/b')), { outcome: 'created' })
})

t.test('Redis keeps its log to its size', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store } = await joinRedis(t, server.url, { maxLogBytes: 1_000_000 })
  const text = 'x'.repeat(16_000)
  const noBrake = { ratio: 1, atLeast: 1_000_000, maxMs: 0 }
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 32 }, (_, index) => store.grant(life(`shop/orders/${index}`, { generation: 'g', body: `{"round":${round},"text":"${text}"}` }))))
    await store.expire({ limit: 1_000, gapMs: 60_000, holdMs: 0, graceMs: 200, maxTtlMs: 86_400_000, registryBrake: noBrake, serviceBrake: noBrake })
  }
  const entries = await server.admin.xlen('rollcall:{0}:log')
  t.ok(entries > 10 && entries < 100, `${entries} entries of 16 kB`)
})
