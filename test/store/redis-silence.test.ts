// A Redis that says nothing is told before its connection is given up, and one that is slow or busy with something large is waited for.
import t from 'tap'
import { Patience, sizeMs } from '../../server/store/redis/patience.ts'
import { joinRedis, life } from '../support/redis-nodes.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const skip = noRedis
const timeouts = { connectMs: 1_000, commandMs: 1_000, blockMs: 400, settleMs: 2_000 }

t.test('the silence that is told follows what answers take, by their usual time and its spread', (t) => {
  const patience = new Patience(timeouts)
  t.equal(patience.silenceMs, 800, 'with the round of the reader 1.2 s')
  for (let quick = 0; quick < 10; quick++) patience.answered(2)
  patience.answered(600)
  t.ok(patience.silenceMs < 1_000, 'one slow answer is no slow Redis')
  for (let slow = 0; slow < 30; slow++) patience.answered(1_400)
  t.ok(patience.silenceMs > 1_400 && patience.silenceMs < 2_000, `${patience.silenceMs} ms where answers take 1.4 s`)
  for (let quick = 0; quick < 30; quick++) patience.answered(2)
  t.equal(patience.silenceMs, 800)
  for (let slow = 0; slow < 30; slow++) patience.answered(60_000)
  t.equal(patience.silenceMs, 10_000, 'within bounds')
  t.equal(new Patience({ ...timeouts, commandMs: 300 }).silenceMs, 300, 'the setting may be shorter')
  t.equal(new Patience({ ...timeouts, commandMs: 30_000 }).silenceMs, 800, 'a patient setting does not hide a silence')
  t.end()
})

t.test('a call may take longer the more it brings', (t) => {
  t.ok(sizeMs(['a', 1, 2]) < 1)
  const largest = Array.from({ length: 5_000 }, () => ['put', 'k', 'x'.repeat(1_000), 0, 'applied', '']).flat()
  t.ok(sizeMs(largest) > 5_000, 'the largest commit')
  t.ok(sizeMs(largest) < 30_000)
  t.end()
})

t.test('a silent Redis is told while its connection still stands, and that it speaks again', { skip }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url, { timeouts: { connectMs: 20_000, commandMs: 20_000, blockMs: 50, settleMs: 2_000 } })
  const { lease } = await store.grant(life('shop/orders/a'))
  server.signal('SIGSTOP')
  const late = store.grant(life('shop/orders/b'))
  await follower.when(() => follower.healths.at(-1)?.available === false)
  t.match(follower.healths.at(-1)?.reason, /^Redis has said nothing for \d+ ms$/)
  server.signal('SIGCONT')
  t.match(await late, { outcome: 'created' }, 'what waits in the connection is answered')
  await follower.when(() => follower.healths.at(-1)?.available === true)
  t.same(follower.healths.map(({ available }) => available), [true, false, true])
  t.equal(follower.loads, 1)
  t.same((await store.renew(new Map([[60_000, [lease]]]))).unknown, [])
})

t.test('the largest commit is waited for, and so is all that Redis does not do meanwhile', { skip }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store, follower } = await joinRedis(t, server.url, { timeouts: { connectMs: 800, commandMs: 800, blockMs: 50, settleMs: 4_000 } })
  const writes = Array.from({ length: 5_000 }, (_, index) => ({ type: 'put' as const, key: `service/shop/s${index}`, body: '{}', endsAtMs: 0, reason: 'declared' as const }))
  await server.admin.call('CLIENT', 'PAUSE', 2_500, 'ALL') // a Redis that needs 2.5 s for it
  const commit = store.commit(writes, 'tester')
  const beside = store.grant(life('shop/orders/a'))
  t.match(await commit, { outcome: 'committed' })
  t.match(await beside, { outcome: 'created' })
  t.equal(follower.objects.size, 5_000)
  t.ok(follower.healths.every(({ reason }) => reason === '' || /^Redis has said nothing/.test(reason)), 'the connection was kept')
})

t.test('a large answer over a slow line is waited for as long as it arrives', { skip }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const proxy = await RedisProxy.start(server.port)
  t.teardown(() => proxy.dispose())
  const quick = await joinRedis(t, server.url)
  const slow = await joinRedis(t, proxy.url, { timeouts: { connectMs: 800, commandMs: 800, blockMs: 50, settleMs: 4_000 } })
  const body = `{"text":"${'x'.repeat(16_000)}"}`
  proxy.drip(3_000)
  const granted = await Promise.all(Array.from({ length: 200 }, (_, index) => quick.store.grant(life(`shop/orders/${index}`, { body }))))
  await slow.follower.when(() => slow.follower.instances.size === granted.length)
  t.equal(slow.follower.loads, 1)
  t.ok(slow.follower.healths.every(({ reason }) => reason === '' || /^Redis has said nothing/.test(reason)), 'the connection was kept')
})

t.test('a change that comes between a quiet round and its check is followed, and nothing is read anew', { skip }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const writer = await joinRedis(t, server.url)
  const { follower } = await joinRedis(t, server.url, { timeouts: { connectMs: 20_000, commandMs: 20_000, blockMs: 1, settleMs: 2_000 } })
  for (let index = 0; index < 1_500; index++) await writer.store.grant(life(`shop/orders/${index}`))
  await follower.when(() => follower.instances.size === 1_500)
  t.equal(follower.loads, 1)
})
