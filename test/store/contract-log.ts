// The log as it can be read: from any place, in both directions, and with what went.
import type { Change, LogPlace } from '../../server/store/store.ts'
import type { Scenario } from './keyspace.ts'

const service = 'shop/orders'

/** What a log is compared by: an entry in short. */
function short (change: Change): string {
  switch (change.type) {
    case 'put': return `put ${change.record.key} ${change.record.body}`
    case 'put-object': return `put ${change.object.key} ${change.object.body}`
    case 'delete':
    case 'delete-object': return `${change.reason} ${change.key} ${change.last?.body}`
    case 'raise': return 'raise'
    default: return `${change.type} ${change.key}`
  }
}

export function logContract (scenario: Scenario, restarts: boolean): void {
  scenario('the log is read from behind any revision, and from before any, as far as it goes', async (t, world) => {
    const { store, follower } = world
    const start = follower.revision
    for (let round = 0; round < 25; round += 1) await store.grant(world.grantOf(`${service}/id${round % 5}`, { body: `{"weight":${round}}` }))
    const told = follower.history
    const numbers = async (from: LogPlace, limit: number): Promise<number[]> => (await store.readLog(from, limit)).map(({ revision }) => revision)
    t.same(await store.readLog({ after: start }, 1_000), told)
    const backwards = await store.readLog({ before: follower.revision + 1 }, 1_000)
    t.same(backwards.filter(({ revision }) => revision > start), told.toReversed())
    t.same(await numbers({ after: start + 3 }, 4), [4, 5, 6, 7].map((offset) => start + offset))
    t.same(await numbers({ before: start + 8 }, 3), [7, 6, 5].map((offset) => start + offset))
    t.same(await numbers({ after: follower.revision }, 10), [])
    t.same(await numbers({ before: 1 }, 10), [])
  })

  scenario('the entry of an end says what went', async (t, world) => {
    const { store, follower } = world
    const lease = await world.grant(`${service}/a`, { body: '{"weight":1}', generation: 'g', ttlMs: 77 * world.unitMs })
    const known = follower.instances.get(`${service}/a`)
    await store.commit([{ type: 'put', key: 'override/shop/orders/a', body: '{"weight":2}', endsAtMs: 0, reason: 'override' }], 'operator')
    await store.commit([{ type: 'put', key: 'override/shop/orders/a', body: '{"weight":3}', endsAtMs: 0, reason: 'override' }], 'operator')
    const object = follower.objects.get('override/shop/orders/a')
    const start = follower.revision
    await store.commit([{ type: 'delete', key: 'override/shop/orders/a', reason: 'override-removed' }], 'operator')
    await store.revoke([lease], 'operator')
    const [removed, revoked] = await store.readLog({ after: start }, 10)
    t.match(removed, { type: 'delete-object', last: object })
    t.match(revoked, { type: 'delete', lease, last: { ...known, shownRevision: Number } })
    t.same(follower.history.slice(-2), [removed, revoked], 'followers are told the same')

    const endsAtMs = await world.harness.now() + world.unitMs
    await store.commit([{ type: 'put', key: 'override/shop/orders/b', body: '{}', endsAtMs, reason: 'override' }], 'operator')
    await world.ready()
    await world.grant(`${service}/b`, { body: '{"weight":4}', ttlMs: world.unitMs })
    await world.pass(6)
    const ends = follower.history.filter(({ revision, type }) => revision > start + 2 && type.startsWith('delete'))
    t.same(ends.map(short), ['override-ended override/shop/orders/b {}', 'expired shop/orders/b {"weight":4}'])
    t.equal(ends[1]?.type === 'delete' && ends[1].last?.suspect, true)
  })

  if (!restarts) return
  scenario('the log is what it was after a restart', async (t, world) => {
    const leases = await world.grantMany(service, 10)
    await world.store.revoke(leases.slice(0, 3), 'operator')
    await world.store.commit([{ type: 'put', key: 'override/shop/orders/id7', body: '{"weight":2}', endsAtMs: 0, reason: 'override' }], 'operator')
    const { history, revision } = world.follower
    const first = history[0]?.revision ?? 0
    await world.reopen(true)
    await world.store.grant(world.grantOf(`${service}/new`))
    const read = await world.store.readLog({ after: first - 1 }, 1_000)
    t.same(read.filter((change) => change.revision <= revision), history)
    t.equal(short(read.at(-1) ?? { type: 'raise', revision: 0, atMs: 0, by: '' }).split(' ')[1], `${service}/new`)
  })
}
