// What a clock that steps does to leases: nothing that lives may end, nothing that is dead may stay.
import t from 'tap'
import { openSqliteHarness } from './sqlite-harness.ts'
import { Keyspace } from './keyspace.ts'

const hourMs = 3_600_000

for (const stepMs of [hourMs, -hourMs, -10_000]) {
  t.test(`a clock that steps by ${stepMs / 1_000} s ends nothing that lives, and the dead go soon after`, async (t) => {
    const harness = openSqliteHarness()
    const world = new Keyspace(harness)
    t.teardown(async () => {
      await world.closeNodes()
      await harness.dispose()
    })
    await world.join()
    await world.pass(15)
    const ttlMs = 3_000
    const [living = ''] = await world.grantMany('shop/orders', 3, { ttlMs })
    const policy = world.policy({ maxTtlMs: 15_000, gapMs: 3_000, holdMs: 3_000, graceMs: 2_000 })
    await world.pass(1, policy)
    harness.step(stepMs)
    const first = await world.store.expire(policy)
    t.match(first, { suspected: 0, expired: 0, holdMs: 3_000 })
    let expired = 0
    for (let second = 0; second < 25; second += 1) {
      expired += (await world.pass(1, policy)).expired
      await world.renew([living], ttlMs)
    }
    t.equal(expired, 2)
    t.same([...world.follower.instances.values()].map(({ lease }) => lease), [living])
    t.same(world.follower.storyOf('shop/orders/id0'), ['put registered'])
  })
}

t.test('the hold after a start is the largest TTL in use, and no longer than its limit', async (t) => {
  for (const [ttlMs, holdMs] of [[8_000, 8_000], [90_000, 60_000]] as const) {
    const harness = openSqliteHarness()
    const world = new Keyspace(harness)
    await world.join()
    t.match(await world.store.expire(world.policy()), { holdMs: 0 }, 'an empty store has nothing to wait for')
    await world.grant('shop/orders/a', { ttlMs })
    await world.grant('shop/orders/b', { ttlMs: 1_000 })
    await world.reopen()
    t.match(await world.store.expire(world.policy({ holdMs: hourMs })), { holdMs })
    await world.closeNodes()
    await harness.dispose()
  }
})

t.test('after a start every lease has its full TTL, whatever was left of it, and however short the hold is', async (t) => {
  const harness = openSqliteHarness()
  const world = new Keyspace(harness)
  await world.join()
  await world.grant('shop/orders/a', { ttlMs: 10_000 })
  await world.pass(9)
  await world.closeNodes()
  harness.step(hourMs)
  await world.join()
  const policy = world.policy({ holdMs: 2_000 })
  t.match(await world.store.expire(policy), { holdMs: 2_000 }, 'the policy of the sweep is the longest hold')
  t.match(await world.pass(9.75, policy), { suspected: 0 })
  t.match(await world.pass(0.25, policy), { suspected: 1 })
  await world.closeNodes()
  await harness.dispose()
})

t.test('after a step back no deadline lies further ahead than its own TTL, nor that of a suspect further than the grace', async (t) => {
  const harness = openSqliteHarness()
  const world = new Keyspace(harness)
  t.teardown(async () => {
    await world.closeNodes()
    await harness.dispose()
  })
  await world.join()
  const policy = world.policy({ maxTtlMs: 24 * hourMs, holdMs: 60_000, graceMs: 4_000 })
  await world.pass(1, policy)
  const dead = await world.grant('shop/orders/dead', { ttlMs: 3_000 })
  const doubtful = await world.grant('shop/orders/doubtful', { ttlMs: 3_000 })
  const { deadlines } = await world.renew([dead, doubtful], 3_000)
  await world.store.lose([{ lease: doubtful, deadlineMs: deadlines.get(3_000) ?? 0 }], 4_000)
  harness.step(-hourMs)
  t.match(await world.store.expire(policy), { suspected: 0, expired: 0, holdMs: 3_000 }, 'the longest TTL in use')
  t.match(await world.pass(3, policy), { suspected: 1, expired: 0 }, 'the dead one at its own TTL')
  t.match(await world.pass(1, policy), { expired: 1 }, 'the suspect when its grace is over')
  t.match(await world.pass(3, policy), { expired: 1 })
  t.equal(world.follower.instances.size, 0)
})

t.test('a brake that began before a step back holds no longer than it may', async (t) => {
  const harness = openSqliteHarness()
  const world = new Keyspace(harness)
  t.teardown(async () => {
    await world.closeNodes()
    await harness.dispose()
  })
  await world.join()
  await world.pass(1)
  await world.grantMany('shop/orders', 6, { ttlMs: 2_000 })
  const policy = world.policy({ serviceBrake: { ratio: 0.5, atLeast: 3, maxMs: 8_000 }, gapMs: 3_000 })
  t.match(await world.pass(5, policy), { suspected: 6, expired: 0, protectedServices: ['shop/orders'] })
  harness.step(-hourMs)
  t.match(await world.pass(16, policy), { expired: 6, protectedServices: [] })
})

t.test('a suspect has its whole grace after a start, whatever its TTL is', async (t) => {
  for (const ttlMs of [1_000, 24 * hourMs]) {
    const harness = openSqliteHarness()
    const world = new Keyspace(harness)
    await world.join()
    await world.pass(1)
    const lease = await world.grant('shop/orders/a', { ttlMs })
    const { deadlines } = await world.renew([lease], ttlMs)
    await world.store.lose([{ lease, deadlineMs: deadlines.get(ttlMs) ?? 0 }], 600_000)
    await world.reopen()
    const policy = world.policy({ graceMs: 12_000, holdMs: 2_000, maxTtlMs: 24 * hourMs })
    t.match(await world.pass(11.75, policy), { suspected: 0, expired: 0 }, 'a living one has time to come back')
    t.match(await world.pass(1, policy), { expired: 1 }, 'and a dead one is not listed for its TTL')
    await world.closeNodes()
    await harness.dispose()
  }
})
