// Objects: declared, without a lease, written under expectations, some with an end.
import type { ObjectWrite } from '../../server/store/store.ts'
import { keyOf } from '../support/recording-follower.ts'
import type { Scenario } from './keyspace.ts'

const key = 'override/shop/orders/a'

function put (body: string, rest: { key?: string, endsAtMs?: number, expected?: number } = {}): ObjectWrite {
  return { type: 'put', key, endsAtMs: 0, reason: 'override', ...rest, body }
}

export function commitContract (scenario: Scenario): void {
  scenario('an object is put and deleted by one change each', async (t, { store, follower }) => {
    const revision = follower.revision + 1
    t.same(await store.commit([put('{"weight":0}')], 'operator'), { outcome: 'committed', revisions: [revision] })
    t.match(follower.objects.get(key), { key, body: '{"weight":0}', endsAtMs: 0, createdRevision: revision, revision })
    t.same(await store.commit([{ type: 'delete', key, reason: 'override-removed' }], 'operator'), { outcome: 'committed', revisions: [revision + 1] })
    t.equal(follower.objects.size, 0)
    t.match(follower.history, [
      { type: 'put-object', reason: 'override', by: 'operator' }, { type: 'delete-object', reason: 'override-removed', by: 'operator', key }
    ])
  })

  scenario('the same object is no change, another body or end is', async (t, { store, follower }) => {
    const first = await store.commit([put('{"weight":0}')], 'operator')
    const revision = first.outcome === 'committed' ? first.revisions[0] ?? 0 : 0
    t.same(await store.commit([put('{"weight":0}')], 'someone'), { outcome: 'committed', revisions: [0] })
    t.same(await store.commit([put('{"weight":1}')], 'operator'), { outcome: 'committed', revisions: [revision + 1] })
    const endsAtMs = 9_000_000_000_000
    t.same(await store.commit([put('{"weight":1}', { endsAtMs })], 'operator'), { outcome: 'committed', revisions: [revision + 2] })
    t.match(follower.objects.get(key), { createdRevision: revision, revision: revision + 2, endsAtMs })
  })

  scenario('deleting what is not there is no change', async (t, { store, follower }) => {
    t.same(await store.commit([{ type: 'delete', key, reason: 'override-removed' }], 'operator'), { outcome: 'committed', revisions: [0] })
    t.equal(follower.history.length, 0)
  })

  scenario('an expectation of 0 means that the object must not exist', async (t, { store }) => {
    t.match(await store.commit([put('1', { expected: 0 })], 'operator'), { outcome: 'committed' })
    t.same(await store.commit([put('2', { expected: 0 })], 'operator'), { outcome: 'conflict', failed: [0] })
    await store.commit([{ type: 'delete', key, reason: 'override-removed' }], 'operator')
    t.match(await store.commit([put('3', { expected: 0 })], 'operator'), { outcome: 'committed' })
  })

  scenario('another expectation is the revision that the object must have', async (t, { store, follower }) => {
    t.same(await store.commit([put('1', { expected: 7 })], 'operator'), { outcome: 'conflict', failed: [0] })
    await store.commit([put('1')], 'operator')
    const expected = follower.objects.get(key)?.revision ?? 0
    t.match(await store.commit([put('2', { expected })], 'operator'), { outcome: 'committed' })
    t.same(await store.commit([put('3', { expected })], 'operator'), { outcome: 'conflict', failed: [0] })
    const removal: ObjectWrite = { type: 'delete', key, reason: 'override-removed', expected }
    t.same(await store.commit([removal], 'operator'), { outcome: 'conflict', failed: [0] })
    t.match(await store.commit([{ ...removal, expected: expected + 1 }], 'operator'), { outcome: 'committed' })
  })

  scenario('several objects are written all or none, and the conflict names which', async (t, { store, follower }) => {
    await store.commit([put('1', { key: 'override/shop/b' })], 'operator')
    const before = follower.revision
    const conflict = await store.commit([
      put('1', { key: 'override/shop/a' }), put('2', { key: 'override/shop/b', expected: 0 }), put('1', { key: 'override/shop/c', expected: 99 })
    ], 'operator')
    t.same(conflict, { outcome: 'conflict', failed: [1, 2] })
    t.same([follower.revision, follower.objects.size], [before, 1])
    const written = await store.commit([
      put('1', { key: 'override/shop/a', expected: 0 }), put('1', { key: 'override/shop/b' }), put('1', { key: 'override/shop/c' }),
      { type: 'delete', key: 'override/shop/b', reason: 'override-removed' }
    ], 'operator')
    t.same(written, { outcome: 'committed', revisions: [before + 1, 0, before + 2, before + 3] })
    t.same(follower.history.slice(-3).map(keyOf), ['override/shop/a', 'override/shop/c', 'override/shop/b'])
  })

  scenario('of several writers that expect the same, one wins', async (t, { store }) => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) => store.commit([put(`{"weight":${index}}`, { expected: 0 })], 'operator')))
    t.equal(outcomes.filter(({ outcome }) => outcome === 'committed').length, 1)
  })

  scenario('an object goes at its end by one change, and not before', async (t, world) => {
    await world.ready()
    const now = await world.harness.now()
    const endsAtMs = now + 3 * world.unitMs
    await world.store.commit([
      put('1', { endsAtMs }), put('1', { key: 'override/shop/later', endsAtMs: now + 50_000 * world.unitMs }), put('1', { key: 'override/shop/never' })
    ], 'operator')
    const ended = world.follower.until((change) => change.type === 'delete-object')
    await world.pass(5)
    const change = await ended
    t.match(change, { type: 'delete-object', reason: 'override-ended', by: 'registry', key })
    t.ok(change.atMs >= endsAtMs)
    t.same([...world.follower.objects.keys()].sort(), ['override/shop/later', 'override/shop/never'])
    await world.pass(2)
    t.equal(world.follower.history.filter(({ type }) => type === 'delete-object').length, 1)
  })

  scenario('an object whose end was moved or taken away stays', async (t, world) => {
    await world.ready()
    const endsAtMs = await world.harness.now() + 3 * world.unitMs
    const moved = 'override/shop/moved'
    await world.store.commit([put('1', { endsAtMs }), put('1', { key: moved, endsAtMs })], 'operator')
    await world.store.commit([put('1'), put('1', { key: moved, endsAtMs: endsAtMs + 50_000 * world.unitMs })], 'operator')
    await world.pass(5)
    t.same([...world.follower.objects.keys()].sort(), [key, moved].sort())
  })

  scenario('objects outlive the instances that they speak of', async (t, world) => {
    const lease = await world.grant('shop/orders/a')
    await world.store.commit([put('1')], 'operator')
    await world.store.revoke([lease], 'operator')
    t.equal(world.follower.objects.has(key), true)
  })
}
