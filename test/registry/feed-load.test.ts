// A large keyspace is loaded in slices: meanwhile the view of before answers and others have their turn.
import t from 'tap'
import { ChangeRing, type AppliedChange } from '../../server/registry/feed/change-ring.ts'
import { Feed } from '../../server/registry/feed/feed.ts'
import type { InstanceRecord, ObjectRecord, Snapshot } from '../../server/store/store.ts'
import { apply, service, stream } from '../support/declared.ts'
import { world } from '../support/world.ts'

const nowMs = 1_800_000_000_000

function instance (id: string, revision = 1, body: object = {}): InstanceRecord {
  return {
    key: `shop/orders/${id}`, lease: `lease-${id}`, generation: 'g', ttlMs: 15_000, createdRevision: 1, revision, shownRevision: revision, createdAtMs: nowMs,
    updatedAtMs: nowMs, suspect: false,
    body: JSON.stringify({ address: '10.0.0.1', ports: [], labels: {}, metadata: {}, weight: 100, priority: 0, status: 'up', ...body })
  }
}

function object (key: string, value: object, revision = 1): ObjectRecord {
  return { key, createdRevision: 1, revision, createdAtMs: nowMs, updatedAtMs: nowMs, endsAtMs: 0, body: JSON.stringify(value) }
}

function snapshot (revision: number, instances: Iterable<InstanceRecord>, more: Partial<Snapshot> = {}): Snapshot {
  return { epoch: 'e', revision, instances, objects: [], recent: [], lost: [], ...more }
}

t.test('while a large keyspace is loaded, the old view answers and timers run', async (t) => {
  const feed = new Feed({ now: () => nowMs })
  await feed.load(snapshot(1, [instance('old')]))
  let rounds = 0
  let isLoading = true
  const count = (): void => {
    if (!isLoading) return
    rounds++
    t.equal(feed.catalog.size, 1)
    t.equal(feed.revision, 1)
    setImmediate(count)
  }
  setImmediate(count)
  const loading = feed.load(snapshot(30_000, Array.from({ length: 30_000 }, (_, index) => instance(`i${index}`))))
  t.ok(loading instanceof Promise)
  await loading
  isLoading = false
  t.equal(feed.catalog.size, 30_000)
  t.equal(feed.revision, 30_000)
  t.ok(rounds > 3, `${rounds} rounds of the event loop`)
})

t.test('after a new term watchers are told of what differs, hand-made endpoints too, and of nothing else', async (t) => {
  const { registry } = await world(t)
  await apply(registry, stream(...['made', 'other'].map((name) => service(name, 'clusterIP: None, ports: [{ name: http, port: 80 }]'))))
  const services = [...registry.feed.heldObjects()].map((each) => ({ ...each, createdRevision: 1, revision: 1 }))
  const slice = (name: string, address: string, owner = 'made') => object(`endpointslice/shop/${name}`, {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4', ports: [], endpoints: [{ addresses: [address] }]
  })
  const feed = new Feed({ now: () => nowMs })
  const base = [...services, slice('same', '192.0.2.1')]
  await feed.load(snapshot(10, [instance('kept'), instance('gone'), instance('changed')], { objects: [...base, slice('a', '192.0.2.2'), slice('b', '192.0.2.3'), slice('moves', '192.0.2.4')] }))
  const told: string[] = []
  const revisions: number[] = []
  feed.listen({
    changed: ({ event, kind, target, touched, revision }) => {
      told.push(`${event} ${kind} ${target.service} ${target.id} ${touched.join(' ')}`.trim())
      revisions.push(revision)
    },
    reset: () => told.push('reset')
  })
  await feed.load(snapshot(1_000_011, [instance('kept'), instance('changed', 1, { weight: 7 }), instance('new')], {
    objects: [...base, slice('a', '192.0.2.9'), slice('moves', '192.0.2.4', 'other')], lost: [{ after: 10, until: 1_000_010 }], floors: { derived: 1_000_010, instances: 1_000_010 }
  }))
  t.same(told.sort(), [
    'delete endpoints made', 'delete instance orders gone', 'put endpoints made', 'put endpoints other  made', 'put instance orders changed', 'put instance orders new'
  ])
  t.ok(revisions.every((revision, index) => revision > (revisions[index - 1] ?? 10) && revision < 1_000_010))
  t.equal(feed.catalog.service('shop', 'made')?.revision, 1_000_010)
  t.equal(feed.catalog.entry('shop', 'orders', 'kept')?.instance.revision, 1_000_010)
})

t.test('history is bounded in octets as well as in number', async (t) => {
  const change = (revision: number, text: string): AppliedChange => ({
    revision, atMs: 0, by: '', reason: 'updated', event: 'put', kind: 'claim', target: { namespace: '', service: '', id: '' }, instance: undefined, previous: undefined,
    lease: '', createdRevision: 0, touched: [], object: { ...object('a/b/c', {}), body: text }
  })
  const ring = new ChangeRing({ entries: 1_000, bytes: 1_000_000 })
  for (let revision = 1; revision <= 5_000; revision++) ring.push(change(revision, 'x'.repeat(16_000)))
  t.ok(ring.bytes <= 1_000_000 && ring.bytes > 900_000, `${ring.bytes} octets`)
  t.equal(ring.since(0).at(-1)?.revision, 5_000)
  t.equal(ring.since(0)[0]?.revision, ring.start + 1, 'what is left has no hole')
  for (let revision = 5_001; revision <= 9_000; revision++) ring.push(change(revision, ''))
  t.equal(ring.since(0).length, 1_000)
  t.equal(ring.start, 8_000)
  t.equal([...ring.backwards()].length, 1_000)
  ring.push(change(9_001, 'x'.repeat(2_000_000)))
  t.equal(ring.since(0).length, 0, 'one that is larger than all is not remembered')
  t.equal(ring.start, 9_001)
  ring.restart(3)
  t.equal(ring.bytes, 0)
})

t.test('a term that lost nothing shows everything at its first revision, tells nobody of a change, and voids what was never written', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('made', 'clusterIP: None, selector: { app: a }, ports: [{ port: 80 }]'))
  const objects = [...registry.feed.heldObjects()].map((each) => ({ ...each, createdRevision: 1, revision: 1 }))
  const feed = new Feed({ now: () => nowMs })
  await feed.load(snapshot(10, [instance('a', 3, { labels: { app: 'a' } }), instance('b', 9)], { objects }))
  const told: string[] = []
  feed.listen({ changed: ({ event }) => told.push(event), reset: () => told.push('reset'), loaded: () => told.push('loaded'), applied: () => told.push('applied') })
  await feed.passTerm({ revision: 1_000_010, lost: [{ after: 10, until: 1_000_010 }] })
  t.same(told, ['applied'])
  t.equal(feed.revision, 1_000_010)
  for (const name of ['orders', 'made']) {
    const found = feed.catalog.service('shop', name)
    t.equal(found?.revision, 1_000_010)
    for (const each of found?.instances ?? []) t.equal(each.revision, 1_000_010)
  }
  t.equal(feed.catalog.service('shop', 'made')?.instances.length, 1)
  t.equal(feed.resume({ epoch: 'e', revision: 11 }), 'a lost range')
  t.same(feed.resume({ epoch: 'e', revision: 10 }), { changes: [] })
})

t.test('what a load finds as it was is not read anew; what another hand wrote under the same revision is', async (t) => {
  const feed = new Feed({ now: () => nowMs })
  await feed.load(snapshot(10, [instance('kept'), instance('other'), instance('broken')]))
  const { labels } = feed.catalog.entry('shop', 'orders', 'kept')?.instance ?? {}
  const broken = { ...instance('broken'), body: '{' }
  await feed.load(snapshot(20, [instance('kept'), instance('other', 1, { weight: 7 }), broken], { epoch: 'f' }))
  t.equal(feed.catalog.entry('shop', 'orders', 'kept')?.instance.labels, labels, 'the same object')
  t.equal(feed.catalog.entry('shop', 'orders', 'other')?.instance.weight, 7)
  t.equal(feed.catalog.entry('shop', 'orders', 'broken'), undefined)
  t.same([...feed.catalog.aside.values()].map(({ key }) => key), ['instance/shop/orders/broken'])
})
