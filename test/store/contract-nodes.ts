// What outlives a process, and what several processes on one keyspace promise each other.
import { contentOf } from '../support/recording-follower.ts'
import type { Scenario } from './keyspace.ts'

const service = 'shop/orders'

export function restartContract (scenario: Scenario): void {
  scenario('a restart keeps all that was acknowledged, the epoch, and goes on counting', async (t, world) => {
    const leases = await world.grantMany(service, 20)
    await world.store.revoke(leases.slice(0, 5), 'operator')
    await world.store.commit([{ type: 'put', key: 'override/shop/orders/id7', body: '{}', endsAtMs: 0, reason: 'override' }], 'operator')
    const known = contentOf(world.follower)
    const { epoch, revision } = world.follower
    const { follower, store } = await world.reopen(true)
    t.same(contentOf(follower), known)
    t.equal(follower.epoch, epoch)
    t.ok(follower.revision >= revision)
    t.same((await world.renew(leases)).unknown, leases.slice(0, 5))
    const granted = await store.grant(world.grantOf('shop/orders/new'))
    t.ok(granted.revision > revision)
  })

  scenario('after a restart every lease has its full TTL again, and nothing ends during the hold', async (t, world) => {
    const ttlMs = 4 * world.unitMs
    const [living = ''] = await world.grantMany(service, 2, { ttlMs })
    await world.pass(3)
    await world.closeNodes()
    await world.pause(30)
    await world.reopen(true)
    const first = await world.store.expire(world.policy())
    t.match(first, { suspected: 0, expired: 0 })
    t.ok(first.holdMs > 0)
    t.same((await world.renew([living])).unknown, [])
    t.match(await world.pass(12), { suspected: 1, expired: 1, holdMs: 0 })
    t.same([...world.follower.instances.values()].map(({ lease }) => lease), [living])
  })

  scenario('a suspect stays suspect through a restart until it is renewed', async (t, world) => {
    const [a = '', b = ''] = await world.grantMany(service, 2)
    const { deadlines } = await world.renew([a, b])
    const deadlineMs = [...deadlines.values()][0] ?? 0
    await world.store.lose([{ lease: a, deadlineMs }, { lease: b, deadlineMs }], 500 * world.unitMs)
    await world.reopen(true)
    t.same([...world.follower.instances.values()].map(({ suspect }) => suspect), [true, true])
    await world.renew([a])
    t.equal(world.follower.instances.get(`${service}/id0`)?.suspect, false)
    t.equal(world.follower.instances.get(`${service}/id1`)?.suspect, true)
  })
}

export function nodesContract (scenario: Scenario): void {
  scenario('every node sees the changes of all nodes in the same order', async (t, world) => {
    const other = await world.join()
    const write = async (name: string, store: typeof other.store): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        const { lease } = await store.grant(world.grantOf(`${service}/${name}-${round % 3}`, { body: `{"weight":${round}}` }))
        if (round % 4 === 3) await store.revoke([lease], name)
      }
    }
    await Promise.all([write('a', world.store), write('b', other.store), write('c', world.store), write('d', other.store)])
    await Promise.all([world.store.sync(), other.store.sync()])
    t.same(other.follower.history, world.follower.history)
    t.same(contentOf(other.follower), contentOf(world.follower))
  })

  scenario('after a sync a node has what another one committed before', async (t, world) => {
    const other = await world.join()
    for (let round = 0; round < 10; round += 1) {
      const { revision } = await world.store.grant(world.grantOf(`${service}/id${round}`))
      await other.store.sync()
      t.ok(other.follower.revision >= revision)
    }
  })

  scenario('a lease that was renewed through another node is not lost with a session', async (t, world) => {
    const other = await world.join()
    const lease = await world.grant(`${service}/id0`)
    const { deadlines } = await world.renew([lease], 100 * world.unitMs)
    const deadlineMs = [...deadlines.values()][0] ?? 0
    t.same((await other.store.renew(new Map([[200 * world.unitMs, [lease]]]))).unknown, [])
    t.equal(await world.store.lose([{ lease, deadlineMs }], world.unitMs), 0)
  })

  scenario('nodes that sweep at the same time end each lease once', async (t, world) => {
    const other = await world.join()
    await world.ready()
    await world.grantMany(service, 200, { ttlMs: world.unitMs })
    const policy = world.policy({ limit: 30, graceMs: world.unitMs })
    const sums = { suspected: 0, expired: 0 }
    await world.harness.advance(8 * world.unitMs, async () => {
      const sweeps = await Promise.all([world.store, other.store, world.store, other.store].map((store) => store.expire(policy)))
      for (const { suspected, expired } of sweeps) {
        sums.suspected += suspected
        sums.expired += expired
      }
    })
    t.same(sums, { suspected: 200, expired: 200 })
    await other.store.sync()
    t.same([world.follower.instances.size, other.follower.instances.size], [0, 0])
    t.same(world.follower.storyOf(`${service}/id0`), ['put registered', 'suspect suspect', 'delete expired'])
  })

  scenario('a node that closes leaves the others at work', async (t, world) => {
    const other = await world.join()
    await other.store.grant(world.grantOf(`${service}/id0`))
    await other.store.close()
    await world.store.sync()
    t.equal(world.follower.instances.size, 1)
    t.match(await world.store.grant(world.grantOf(`${service}/id1`)), { outcome: 'created' })
  })
}
