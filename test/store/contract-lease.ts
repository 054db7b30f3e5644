// Grant, revise, revoke, renew, lose: every outcome of each.
import type { Change } from '../../server/store/store.ts'
import type { Scenario } from './keyspace.ts'

const key = 'shop/orders/a'

export function leaseContract (scenario: Scenario): void {
  scenario('a new store is empty, has an epoch and is available', async (t, { follower }) => {
    t.match(follower.epoch, /^[^.\s]+$/)
    t.equal(follower.loads, 1)
    t.same([follower.instances.size, follower.objects.size, follower.recent.length], [0, 0, 0])
    t.match(follower.healths.at(-1), { available: true, reason: '' })
  })

  scenario('a registration is one put with the revision that it was answered with', async (t, world) => {
    const before = world.follower.revision
    const from = await world.harness.now()
    const grant = world.grantOf(key, { generation: 'g1', ttlMs: 15_000, body: '{"address":"192.0.2.7"}', by: 'orders-1' })
    const granted = await world.store.grant(grant)
    const until = await world.harness.now()
    t.same(granted, { outcome: 'created', lease: grant.lease, generation: 'g1', revision: before + 1 })
    const record = world.follower.instances.get(key)
    t.match(record, { key, lease: grant.lease, generation: 'g1', ttlMs: 15_000, suspect: false, body: '{"address":"192.0.2.7"}' })
    t.same([record?.revision, record?.createdRevision], [granted.revision, granted.revision])
    t.ok(record !== undefined && record.createdAtMs >= from && record.createdAtMs <= until, 'it is dated by the clock of the store')
    t.equal(record?.updatedAtMs, record?.createdAtMs)
    t.match(world.follower.history, [{ type: 'put', reason: 'registered', by: 'orders-1', atMs: record?.createdAtMs }])
  })

  scenario('a registration that is called new, and is not, is what the store says', async (t, world) => {
    const first = await world.store.grant(world.grantOf(key, { generation: 'g1', isNew: true }))
    t.match(first, { outcome: 'created', generation: 'g1' })
    const again = await world.store.grant(world.grantOf(key, { generation: 'g1', isNew: true }))
    t.same(again, { ...first, outcome: 'unchanged' })
    const updated = await world.store.grant(world.grantOf(key, { generation: 'g1', isNew: true, body: '{"address":"192.0.2.2"}' }))
    t.match(updated, { outcome: 'updated', lease: first.lease })
    const replaced = await world.store.grant(world.grantOf(key, { generation: 'g2', isNew: true }))
    t.match(replaced, { outcome: 'replaced', generation: 'g2' })
    t.same(world.follower.storyOf(key), ['put registered', 'put updated', 'put replaced'])
    t.same(await world.store.renew(new Map([[15_000, [first.lease]]])).then(({ unknown }) => unknown), [first.lease])
  })

  scenario('the same generation with the same content is no change', async (t, world) => {
    const first = await world.store.grant(world.grantOf(key, { generation: 'g1' }))
    const second = await world.store.grant(world.grantOf(key, { generation: 'g1' }))
    t.same(second, { outcome: 'unchanged', lease: first.lease, generation: 'g1', revision: first.revision })
    t.equal(world.follower.history.length, 1)
  })

  scenario('the same generation with other content, body or TTL, is an update of the same lease', async (t, world) => {
    const first = await world.store.grant(world.grantOf(key, { generation: 'g1', ttlMs: 20_000 }))
    const body = await world.store.grant(world.grantOf(key, { generation: 'g1', ttlMs: 20_000, body: '{"address":"192.0.2.2"}' }))
    const ttl = await world.store.grant(world.grantOf(key, { generation: 'g1', ttlMs: 30_000, body: '{"address":"192.0.2.2"}' }))
    t.same(body, { outcome: 'updated', lease: first.lease, generation: 'g1', revision: first.revision + 1 })
    t.same(ttl, { outcome: 'updated', lease: first.lease, generation: 'g1', revision: first.revision + 2 })
    t.match(world.follower.instances.get(key), { ttlMs: 30_000, createdRevision: first.revision, revision: first.revision + 2 })
    t.same(world.follower.storyOf(key), ['put registered', 'put updated', 'put updated'])
  })

  scenario('another generation replaces a life by one put, and the old lease is unknown then', async (t, world) => {
    const first = await world.store.grant(world.grantOf(key, { generation: 'g1' }))
    const grant = world.grantOf(key, { generation: 'g2' })
    const second = await world.store.grant(grant)
    t.same(second, { outcome: 'replaced', lease: grant.lease, generation: 'g2', revision: first.revision + 1 })
    t.match(world.follower.instances.get(key), { lease: grant.lease, generation: 'g2', createdRevision: second.revision })
    t.same(world.follower.storyOf(key), ['put registered', 'put replaced'])
    t.same((await world.renew([first.lease, second.lease])).unknown, [first.lease])
    t.same(await world.store.revoke([first.lease], 'tester'), [0])
    t.same(await world.store.revise({ lease: first.lease, expected: first.revision, body: '{}', reason: 'updated', by: 'tester' }), { outcome: 'unknown' })
  })

  scenario('without a generation the registered life is kept, and a new one begins where there is none', async (t, world) => {
    const first = await world.store.grant(world.grantOf(key, { newGeneration: 'fresh' }))
    t.match(first, { outcome: 'created', generation: 'fresh' })
    const again = await world.store.grant(world.grantOf(key, { newGeneration: 'other' }))
    t.match(again, { outcome: 'unchanged', generation: 'fresh', lease: first.lease })
    const changed = await world.store.grant(world.grantOf(key, { newGeneration: 'other', body: '{"address":"192.0.2.9"}' }))
    t.match(changed, { outcome: 'updated', generation: 'fresh', lease: first.lease })
    await world.store.revoke([first.lease], 'tester')
    t.match(await world.store.grant(world.grantOf(key, { newGeneration: 'third' })), { outcome: 'created', generation: 'third' })
  })

  scenario('what is stored comes back as it was, whatever characters it has', async (t, world) => {
    const body = JSON.stringify({ text: '\u0000 \u2028 \\ "quoted" {0} [1] \u00fc \u{1f680} %s $1 -- ; \t' })
    const odd = "shop/orders/{a}:b'c\"d\\e|f$g%h"
    await world.grant(odd, { generation: "it's {g}", body, by: 'caf\u00e9 "one"' })
    await world.store.commit([{ type: 'put', key: 'override/shop/orders/{a}', body, endsAtMs: 0, reason: 'override' }], 'tester')
    t.match(world.follower.instances.get(odd), { generation: "it's {g}", body })
    t.match(world.follower.objects.get('override/shop/orders/{a}'), { body })
    t.equal(world.follower.history[0]?.by, 'caf\u00e9 "one"')
  })

  scenario('a revision of a body needs the revision that it was made from', async (t, world) => {
    const { lease, revision } = await world.store.grant(world.grantOf(key))
    const revise = (expected: number, body: string) => world.store.revise({ lease, expected, body, reason: 'updated', by: 'operator' })
    t.same(await revise(revision, '{"weight":1}'), { outcome: 'updated', revision: revision + 1 })
    t.same(await revise(revision, '{"weight":2}'), { outcome: 'conflict' })
    t.same(await revise(revision + 1, '{"weight":2}'), { outcome: 'updated', revision: revision + 2 })
    t.same(await world.store.revise({ lease: 'nobody', expected: 1, body: '{}', reason: 'updated', by: 'operator' }), { outcome: 'unknown' })
    t.match(world.follower.instances.get(key), { body: '{"weight":2}', lease, createdRevision: revision, revision: revision + 2 })
    t.match(world.follower.history.at(-1), { type: 'put', reason: 'updated', by: 'operator' })
  })

  scenario('a revision with the same body is no change', async (t, world) => {
    const { lease, revision } = await world.store.grant(world.grantOf(key, { body: '{"weight":1}' }))
    const revised = await world.store.revise({ lease, expected: revision, body: '{"weight":1}', reason: 'updated', by: 'operator' })
    t.same(revised, { outcome: 'updated', revision })
    t.equal(world.follower.history.length, 1)
  })

  scenario('two revisions from the same state: one wins', async (t, world) => {
    const { lease, revision } = await world.store.grant(world.grantOf(key))
    const outcomes = await Promise.all(['{"weight":1}', '{"weight":2}'].map((body) =>
      world.store.revise({ lease, expected: revision, body, reason: 'updated', by: 'operator' })))
    t.same(outcomes.map(({ outcome }) => outcome).sort(), ['conflict', 'updated'])
  })

  scenario('a deregistration gives one revision for each lease, and 0 for an unknown one', async (t, world) => {
    const [a = '', b = '', c = ''] = await world.grantMany('shop/orders', 3)
    const before = world.follower.revision
    t.same(await world.store.revoke([a, 'nobody', c, a], 'operator'), [before + 1, 0, before + 2, 0])
    t.same([...world.follower.instances.values()].map(({ lease }) => lease), [b])
    t.match(world.follower.history.slice(-2), [
      { type: 'delete', reason: 'deregistered', by: 'operator', key: 'shop/orders/id0', lease: a },
      { type: 'delete', reason: 'deregistered', by: 'operator', key: 'shop/orders/id2', lease: c }
    ])
    t.same((await world.renew([a, b, c])).unknown, [a, c])
  })

  scenario('a heartbeat is never a change, and names the unknown leases', async (t, world) => {
    const [a = '', b = ''] = await world.grantMany('shop/orders', 2)
    const before = world.follower.revision
    const { unknown } = await world.store.renew(new Map([[15_000, [a, 'nobody']], [30_000, ['gone', b]]]))
    await world.store.sync()
    t.same([...unknown].sort(), ['gone', 'nobody'])
    t.equal(world.follower.revision, before)
    t.equal(world.follower.history.length, 2)
  })

  scenario('a renewal gives the deadline of each TTL on the clock of the store', async (t, world) => {
    const [a = '', b = ''] = await world.grantMany('shop/orders', 2)
    const from = await world.harness.now()
    const { deadlines } = await world.store.renew(new Map([[15_000, [a]], [30_000, [b]]]))
    const until = await world.harness.now()
    t.same([...deadlines.keys()].sort(), [15_000, 30_000])
    for (const [ttlMs, deadlineMs] of deadlines) t.ok(deadlineMs >= from + ttlMs && Math.floor(deadlineMs) <= until + ttlMs, `${deadlineMs} is now + ${ttlMs}`)
  })

  scenario('thousands of leases are renewed and ended by one call', async (t, world) => {
    const leases = await world.grantMany('shop/orders', 3_000)
    const many = [...leases, ...Array.from({ length: 7_000 }, (_, index) => `unknown${index}`)]
    t.equal((await world.renew(many)).unknown.length, 7_000)
    t.equal(world.follower.history.length, 3_000)
    const revisions = await world.store.revoke(leases, 'operator')
    t.equal(new Set(revisions).size, 3_000)
    t.equal(world.follower.instances.size, 0)
  })

  scenario('a broken session turns its leases suspect at once, each by one change', async (t, world) => {
    const leases = await world.grantMany('shop/orders', 2)
    const { deadlines } = await world.renew(leases)
    const [deadlineMs = 0] = deadlines.values()
    const lost = leases.map((lease) => ({ lease, deadlineMs }))
    t.equal(await world.store.lose([...lost, { lease: 'nobody', deadlineMs }], 2 * world.unitMs), 2)
    t.equal(await world.store.lose(lost, 2 * world.unitMs), 0)
    t.same([...world.follower.instances.values()].map(({ suspect }) => suspect), [true, true])
    t.match(world.follower.history.slice(2), [{ type: 'suspect', reason: 'suspect' }, { type: 'suspect', reason: 'suspect' }])
  })

  scenario('a broken session leaves a lease alone that was renewed since', async (t, world) => {
    const lease = await world.grant(key)
    const { deadlines } = await world.renew([lease], 100 * world.unitMs)
    const [deadlineMs = 0] = deadlines.values()
    await world.renew([lease], 200 * world.unitMs)
    t.equal(await world.store.lose([{ lease, deadlineMs }], world.unitMs), 0)
    t.equal(world.follower.instances.get(key)?.suspect, false)
  })

  scenario('a suspect is trusted again by its next heartbeat, by one change', async (t, world) => {
    const lease = await lostLease(world)
    t.same((await world.renew([lease])).unknown, [])
    await world.renew([lease])
    t.same(world.follower.storyOf(key), ['put registered', 'suspect suspect', 'trusted renewed'])
    t.equal(world.follower.instances.get(key)?.suspect, false)
  })

  scenario('a suspect that registers again with the same content is trusted again', async (t, world) => {
    const lease = await lostLease(world)
    const revision = world.follower.revision + 1
    t.match(await world.store.grant(world.grantOf(key)), { outcome: 'unchanged', lease, revision })
    t.same(world.follower.storyOf(key), ['put registered', 'suspect suspect', 'trusted renewed'])
  })

  scenario('a suspect that registers again with other content is trusted by the put', async (t, world) => {
    const lease = await lostLease(world)
    t.match(await world.store.grant(world.grantOf(key, { body: '{"address":"192.0.2.5"}' })), { outcome: 'updated', lease })
    t.equal(world.follower.instances.get(key)?.suspect, false)
    t.same(world.follower.storyOf(key), ['put registered', 'suspect suspect', 'put updated'])
    await world.renew([lease])
    t.equal(world.follower.history.length, 3)
  })

  scenario('a suspect that is replaced or deregistered leaves nothing behind', async (t, world) => {
    const lease = await lostLease(world)
    await world.grant(key, { generation: 'next' })
    t.equal(world.follower.instances.get(key)?.suspect, false)
    t.same((await world.renew([lease])).unknown, [lease])
    const other = await lostLease(world, 'shop/orders/b')
    t.not((await world.store.revoke([other], 'operator'))[0], 0)
    await world.grant('shop/orders/b')
    t.equal(world.follower.instances.get('shop/orders/b')?.suspect, false)
  })

  scenario('an operator who revises a suspect does not vouch for it', async (t, world) => {
    const lease = await lostLease(world)
    const expected = world.follower.instances.get(key)?.revision ?? 0
    await world.store.revise({ lease, expected, body: '{"weight":0}', reason: 'updated', by: 'operator' })
    t.match(world.follower.instances.get(key), { suspect: true, body: '{"weight":0}' })
    await world.renew([lease])
    t.equal(world.follower.instances.get(key)?.suspect, false)
  })

  scenario('every write is applied by the follower before it is answered', async (t, world) => {
    const { store, follower } = world
    const granted = await store.grant(world.grantOf(key))
    t.equal(follower.revision, granted.revision)
    const revised = await store.revise({ lease: granted.lease, expected: granted.revision, body: '{"weight":3}', reason: 'updated', by: 'operator' })
    t.match(revised, { revision: follower.revision })
    const { deadlines } = await world.renew([granted.lease])
    await store.lose([{ lease: granted.lease, deadlineMs: [...deadlines.values()][0] ?? 0 }], world.unitMs)
    t.equal(follower.instances.get(key)?.suspect, true)
    await world.renew([granted.lease])
    t.equal(follower.instances.get(key)?.suspect, false)
    const [revision] = await store.revoke([granted.lease], 'operator')
    t.equal(follower.revision, revision)
    t.equal(follower.instances.has(key), false)
  })

  scenario('eight writers at once each read what they wrote, and no revision is missing or used twice', async (t, world) => {
    const answered: number[] = []
    const rounds = 25
    const writer = async (name: string): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const own = `shop/orders/${name}-${round % 5}`
        const { revision, lease } = await world.store.grant(world.grantOf(own, { body: JSON.stringify({ weight: round }) }))
        t.ok(world.follower.revision >= revision && world.follower.instances.get(own)?.lease === lease, 'what was written is there')
        answered.push(revision)
        if (round % 5 === 4) answered.push(...await world.store.revoke([lease], name))
      }
    }
    await Promise.all(Array.from({ length: 8 }, (_, index) => writer(`writer${index}`)))
    t.equal(new Set(answered).size, answered.length, 'no revision was answered twice')
    t.same([...answered].sort((a, b) => a - b), world.follower.history.map(({ revision }) => revision), 'each change was answered once')
  })

  scenario('many registrations of one instance at once leave one life', async (t, world) => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) => world.store.grant(world.grantOf(key, { generation: `g${index}` }))))
    t.same(outcomes.map(({ outcome }) => outcome).sort(), ['created', ...Array.from({ length: 7 }, () => 'replaced')])
    const living = world.follower.instances.get(key)?.lease ?? ''
    t.same((await world.renew([living])).unknown, [])
    t.equal((await world.renew(outcomes.map(({ lease }) => lease))).unknown.length, 7)
  })

  scenario('a loaded log holds the changes as they were told', async (t, world) => {
    const lease = await lostLease(world)
    await world.renew([lease])
    await world.store.revoke([lease], 'operator')
    await world.grant('shop/orders/b')
    await world.store.commit([{ type: 'put', key: 'override/shop/o', body: '{}', endsAtMs: 0, reason: 'override' }], 'operator')
    await world.store.commit([{ type: 'delete', key: 'override/shop/o', reason: 'override-removed' }], 'operator')
    const told: readonly Change[] = world.follower.history.slice()
    const { follower } = await world.reopen()
    t.same(follower.recent.filter(({ type }) => type !== 'raise').slice(-told.length), told)
  })

  scenario('a closed store refuses to write, and may be closed again', async (t, world) => {
    const { store } = world
    const pending = store.grant(world.grantOf(key))
    await Promise.all([pending, store.close()])
    await store.close()
    await t.rejects(store.grant(world.grantOf(key)), { code: 'REG_STORE_UNAVAILABLE' })
    await t.rejects(store.renew(new Map()), { code: 'REG_STORE_UNAVAILABLE' })
    await t.rejects(store.sync(), { code: 'REG_STORE_UNAVAILABLE' })
    t.equal(world.follower.instances.size, 1, 'what was under way has been finished')
  })
}

/** Registers `key` with a long TTL and loses its session. */
async function lostLease (world: Parameters<Parameters<Scenario>[1]>[1], lost = key): Promise<string> {
  const lease = await world.grant(lost)
  const { deadlines } = await world.renew([lease])
  await world.store.lose([{ lease, deadlineMs: [...deadlines.values()][0] ?? 0 }], 5_000 * world.unitMs)
  return lease
}
