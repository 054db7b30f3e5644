// What time does: suspicion, removal, holds and brakes. Nothing here asserts how long something took: the changes carry the
// times of the store's own clock, and those are compared.
import type { Test } from 'tap'
import type { Change, ExpiryPolicy } from '../../server/store/store.ts'
import type { RecordingFollower } from '../support/recording-follower.ts'
import type { Scenario, Keyspace } from './keyspace.ts'

const service = 'shop/orders'
const key = 'shop/orders/id0'
const life = ['put registered', 'suspect suspect', 'delete expired']

export function expiryContract (scenario: Scenario): void {
  scenario('a lease that nobody renews turns suspect at its deadline and is removed a grace later, by one change each', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 3, { ttlMs: 2 * world.unitMs })
    await world.grant('shop/orders/living')
    const swept = await world.pass(7)
    t.match(swept, { suspected: 3, expired: 3, kept: 0, holdMs: 0, protectedSinceMs: 0, protectedServices: [] })
    t.same([...world.follower.instances.keys()], ['shop/orders/living'])
    for (let index = 0; index < 3; index += 1) t.same(world.follower.storyOf(`${service}/id${index}`), life)
    const [granted, suspect, removed] = changesOf(world.follower, key)
    t.ok(suspect.atMs >= granted.atMs + 2 * world.unitMs, 'not before the TTL is over')
    t.ok(removed.atMs >= suspect.atMs + 2 * world.unitMs, 'not before the grace is over')
    t.same([suspect.by, removed.by], ['registry', 'registry'])
    t.match(await world.pass(3), { suspected: 0, expired: 0 })
  })

  scenario('the change of an expiry can be awaited', async (t, world) => {
    await world.ready()
    const lease = await world.grant(key, { ttlMs: world.unitMs })
    const gone = world.follower.until((change) => change.type === 'delete' && change.lease === lease)
    await world.pass(5)
    t.match(await gone, { type: 'delete', reason: 'expired', key, lease })
  })

  scenario('a heartbeat moves the deadline', async (t, world) => {
    await world.ready()
    const [renewed = '', silent = ''] = await world.grantMany(service, 2, { ttlMs: 2 * world.unitMs })
    const { deadlines } = await world.renew([renewed], 6 * world.unitMs)
    t.match(await world.pass(12), { suspected: 2, expired: 2 })
    const [, suspect] = changesOf(world.follower, key)
    t.ok(suspect.atMs >= ([...deadlines.values()][0] ?? 0), 'the renewed one lived to its new deadline')
    t.same((await world.renew([renewed, silent])).unknown, [renewed, silent])
  })

  scenario('a heartbeat with a shorter TTL brings the deadline nearer', async (t, world) => {
    await world.ready()
    const lease = await world.grant(key)
    await world.pass(1)
    await world.renew([lease], world.unitMs)
    t.match(await world.pass(5), { suspected: 1, expired: 1 })
  })

  scenario('a suspect that is renewed in its grace is not removed', async (t, world) => {
    await world.ready()
    const lease = await world.grant(key, { ttlMs: world.unitMs })
    const patient = world.policy({ graceMs: 50 * world.unitMs })
    t.match(await world.pass(3, patient), { suspected: 1, expired: 0 })
    await world.renew([lease])
    t.match(await world.pass(6), { suspected: 0, expired: 0, kept: 0 })
    t.same(world.follower.storyOf(key), ['put registered', 'suspect suspect', 'trusted renewed'])
  })

  scenario('a broken session ends after its own grace', async (t, world) => {
    await world.ready()
    const lease = await world.grant(key)
    const { deadlines } = await world.renew([lease])
    await world.store.lose([{ lease, deadlineMs: [...deadlines.values()][0] ?? 0 }], 2 * world.unitMs)
    t.match(await world.pass(5, world.policy({ graceMs: 500 * world.unitMs })), { suspected: 0, expired: 1 })
    const [, suspect, removed] = changesOf(world.follower, key)
    t.ok(removed.atMs >= suspect.atMs + 2 * world.unitMs)
    t.same(world.follower.storyOf(key), life)
  })

  scenario('an instance that was removed registers as a new one', async (t, world) => {
    await world.ready()
    const first = await world.store.grant(world.grantOf(key, { generation: 'g', ttlMs: world.unitMs }))
    await world.pass(6)
    const second = await world.store.grant(world.grantOf(key, { generation: 'g' }))
    t.equal(second.outcome, 'created')
    t.not(second.lease, first.lease)
    t.equal(second.revision, first.revision + 3)
  })

  scenario('after a pause between sweeps nothing ends until the owners had time to renew', async (t, world) => {
    await world.ready()
    const [living = '', dead = ''] = await world.grantMany(service, 2, { ttlMs: 2 * world.unitMs })
    const policy = world.policy({ gapMs: 4 * world.unitMs, holdMs: 4 * world.unitMs })
    await world.pause(6)
    const resumedAtMs = await world.harness.now()
    const sweep = await world.store.expire(policy)
    t.match(sweep, { suspected: 0, expired: 0, kept: 0 })
    t.ok(sweep.holdMs > 0 && sweep.holdMs <= 4 * world.unitMs)
    await world.renew([living])
    t.match(await world.pass(9, policy), { suspected: 1, expired: 1, holdMs: 0 })
    t.same([...world.follower.instances.values()].map(({ lease }) => lease), [living])
    const [, suspect] = changesOf(world.follower, `${service}/id1`)
    t.ok(suspect.atMs >= resumedAtMs + 2 * world.unitMs, 'not before every owner had a TTL to renew in')
    t.same((await world.renew([dead])).unknown, [dead])
  })

  scenario('a hold lasts for the longest TTL in use, not for the longest hold', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 2, { ttlMs: 2 * world.unitMs })
    const policy = world.policy({ gapMs: 4 * world.unitMs, holdMs: 400 * world.unitMs })
    await world.pause(6)
    const { holdMs } = await world.store.expire(policy)
    t.ok(holdMs > 0 && holdMs <= Math.max(1_000, 2 * world.unitMs), `${holdMs} ms`) // a store may round up to seconds
    const end = Math.ceil(holdMs / world.unitMs)
    t.match(await world.pass(end + 1, policy), { suspected: 2, holdMs: 0 })
  })

  scenario('a deadline that lies too far away is pulled in', async (t, world) => {
    await world.ready()
    await world.grant(key, { ttlMs: 50_000 * world.unitMs })
    const policy = world.policy({ maxTtlMs: 2 * world.unitMs })
    t.match(await world.pass(7, policy), { suspected: 1, expired: 1 })
  })

  scenario('one sweep looks at no more leases than its limit, and says that there are more', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 25, { ttlMs: world.unitMs })
    const policy = world.policy({ limit: 10, graceMs: 500 * world.unitMs })
    await world.pause(2)
    const sizes: number[] = []
    let more = true
    while (more && sizes.length < 10) {
      const sweep = await world.store.expire(policy)
      sizes.push(sweep.suspected)
      more = sweep.more
    }
    t.equal(sizes.reduce((sum, size) => sum + size, 0), 25)
    t.ok(sizes.every((size) => size <= 10), sizes.join(' '))
    t.equal(more, false)
  })

  scenario('the registry brake holds removal back, never suspicion, and ends when the owners return', async (t, world) => {
    await world.ready()
    const leases = await world.grantMany(service, 10, { ttlMs: world.unitMs })
    await world.grantMany('shop/carts', 10)
    const policy = world.policy({ registryBrake: { ratio: 0.3, atLeast: 5, maxMs: 5_000 * world.unitMs } })
    const braked = await world.pass(6, policy)
    t.match(braked, { suspected: 10, expired: 0 })
    t.ok(braked.kept >= 10 && braked.protectedSinceMs > 0)
    t.equal(suspectsOf(world.follower), 10)
    await world.renew(leases.slice(0, 8))
    const released = await world.pass(5, policy)
    t.match(released, { suspected: 0, expired: 2, protectedSinceMs: 0 })
    t.equal(world.follower.instances.size, 18)
  })

  scenario('the registry brake ends by itself when its time is over', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 10, { ttlMs: world.unitMs })
    const maxMs = 6 * world.unitMs
    const swept = await world.pass(16, world.policy({ registryBrake: { ratio: 0.3, atLeast: 5, maxMs } }))
    t.match(swept, { suspected: 10, expired: 10, protectedSinceMs: 0 })
    t.ok(swept.kept >= 10)
    const [, suspect, removed] = changesOf(world.follower, key)
    t.ok(removed.atMs >= suspect.atMs + maxMs, 'it was kept as long as the brake may hold')
  })

  scenario('few suspects, or a small part of all, are no reason for a brake', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 4, { ttlMs: world.unitMs })
    await world.grantMany('shop/carts', 6, { ttlMs: world.unitMs })
    await world.grantMany('shop/living', 15)
    const brake = { ratio: 0.4, atLeast: 5, maxMs: 5_000 * world.unitMs }
    t.match(await world.pass(6, world.policy({ registryBrake: brake, serviceBrake: { ...brake, atLeast: 7 } })), { suspected: 10, expired: 10, kept: 0 })
  })

  scenario('the brake of a service holds that service only', async (t, world) => {
    await world.ready()
    const leases = await world.grantMany(service, 6, { ttlMs: world.unitMs })
    await world.grantMany('shop/carts', 2, { ttlMs: world.unitMs })
    await world.grantMany('shop/other', 9)
    const policy = world.policy({ serviceBrake: { ratio: 0.5, atLeast: 3, maxMs: 5_000 * world.unitMs } })
    const braked = await world.pass(6, policy)
    t.match(braked, { suspected: 8, expired: 2, protectedSinceMs: 0, protectedServices: [service] })
    t.ok(braked.kept >= 6)
    await recovered(t, world, policy, leases)
  })

  scenario('the brake of a service ends by itself when its time is over', async (t, world) => {
    await world.ready()
    await world.grantMany(service, 6, { ttlMs: world.unitMs })
    const maxMs = 6 * world.unitMs
    const swept = await world.pass(16, world.policy({ serviceBrake: { ratio: 0.5, atLeast: 3, maxMs } }))
    t.match(swept, { suspected: 6, expired: 6, protectedServices: [] })
    const [, suspect, removed] = changesOf(world.follower, key)
    t.ok(removed.atMs >= suspect.atMs + maxMs, 'it was kept as long as the brake may hold')
  })

  scenario('a brake that has ended begins anew when it is needed again', async (t, world) => {
    await world.ready()
    const leases = await world.grantMany(service, 6, { ttlMs: world.unitMs })
    const maxMs = 8 * world.unitMs
    const policy = world.policy({ serviceBrake: { ratio: 0.5, atLeast: 3, maxMs } })
    t.match(await world.pass(6, policy), { suspected: 6, expired: 0, protectedServices: [service] })
    await world.renew(leases, 2 * world.unitMs)
    t.match(await world.pass(20, policy), { suspected: 6, expired: 6, protectedServices: [] })
    const suspicions = world.follower.history.filter((change) => change.type === 'suspect' && change.key === key)
    const [, , removed] = changesOf(world.follower, key)
    t.equal(suspicions.length, 2)
    t.ok(removed.atMs >= (suspicions[1]?.atMs ?? 0) + maxMs, 'the second one had its full time')
  })
}

/** The owners return: the brake is off at the next sweep, although no lease is due. */
async function recovered (t: Test, world: Keyspace, policy: ExpiryPolicy, leases: readonly string[]): Promise<void> {
  await world.renew(leases)
  const sweep = await world.store.expire(policy)
  t.match(sweep, { suspected: 0, expired: 0, kept: 0 })
  t.equal(sweep.protectedServices.size, 0)
  t.equal(suspectsOf(world.follower), 0)
}

function suspectsOf (follower: RecordingFollower): number {
  return [...follower.instances.values()].filter(({ suspect }) => suspect).length
}

/** The put, the suspicion and the removal of an instance that lived once. */
function changesOf (follower: RecordingFollower, wanted: string): [Change, Change, Change] {
  const of = (type: Change['type']): Change => {
    const found = follower.history.find((change) => change.type === type && 'key' in change && change.key === wanted
      || change.type === 'put' && type === 'put' && change.record.key === wanted)
    if (found === undefined) throw new Error(`${wanted} has no ${type}`)
    return found
  }
  return [of('put'), of('suspect'), of('delete')]
}
