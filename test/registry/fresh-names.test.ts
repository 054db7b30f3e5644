// Names that never come again: what a node holds follows what is registered, and not what was registered once.
import t from 'tap'
import { BrowseIndex, NamespaceTypes } from '../../server/dns/browse/browse-index.ts'
import { ChangeRing, type AppliedChange } from '../../server/registry/feed/change-ring.ts'
import { NetworkCounts } from '../../server/registry/catalog/address-order.ts'
import { world } from '../support/world.ts'

const names = 1_000
const alive = 10

t.test('after a thousand namespaces, services and instances that came and went a node holds the ten that are there', async (t) => {
  const { registry, access, register, beat, clock } = await world(t, { ringLimit: 100 })
  const session = registry.sessions.begin('10.0.0.1')
  const place = (n: number) => ({ namespace: `space-${n}`, service: `service-${n}`, id: `instance-${n}` })
  for (let n = 0; n < names; n++) {
    const { namespace, service, id } = place(n)
    const generation = `g-${n}`
    await register(`${namespace}/${service}/${id}`, {
      address: `10.${n >> 8}.${n & 255}.1`, ports: [{ name: `port-${n}`, port: 80 }], labels: { [`label-${n}`]: `value-${n}` }, metadata: { commit: `${n}` }, generation
    })
    await beat([{ ...place(n), generation, load: { cpu: { value: n } } }], session)
    if (n < alive) continue
    const gone = place(n - alive)
    await access.deregister(gone, `g-${n - alive}`)
  }
  const { catalog } = registry
  t.equal(catalog.size, alive)
  t.equal(catalog.namespaces().length, alive)
  t.equal([...catalog.statusCounts.values()].reduce((sum, count) => sum + count, 0), alive)
  t.equal(registry.sessions.boundCount, alive, 'the session that stayed holds no lease of those who went')
  t.equal(registry.loads.size, alive)
  t.equal([...registry.feed.history()].length, 100)
  t.notOk(catalog.addresses.hasWithin('40a0000'), 'nor is there a network of theirs')
  session.broken()
  clock.advance(10_000)
  t.equal(registry.sessions.boundCount, 0)
})

t.test('a session holds one lease of an instance that is replaced again and again, and none that another process took', async (t) => {
  const { registry, register, beat } = await world(t)
  const session = registry.sessions.begin('10.0.0.1')
  for (let n = 0; n < 100; n++) {
    await register('a', { address: '10.0.0.1', generation: `g-${n}` })
    await beat([{ namespace: 'shop', service: 'orders', id: 'a', generation: `g-${n}` }], session)
  }
  t.equal(registry.sessions.boundCount, 1)
  await register('a', { address: '10.0.0.2', generation: 'of-another-process' })
  t.equal(registry.sessions.boundCount, 0)
})

t.test('types of DNS-SD are forgotten with the last service that offers them', async (t) => {
  const { registry, access, register } = await world(t)
  const types = new NamespaceTypes('shop', new BrowseIndex(() => true).offersOf)
  for (let n = 0; n < 200; n++) {
    await register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: `port-${n}`, port: 80 }], generation: 'g' })
    t.ok(types.refresh(registry.catalog, registry.feed.revision, { left: 1_000 }))
    t.ok(types.typeCount <= 1, `${types.typeCount} types`)
  }
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'a' }, 'g')
  types.refresh(registry.catalog, registry.feed.revision, { left: 1_000 })
  t.equal(types.typeCount, 0)
})

t.test('networks are counted while something is in them', async (t) => {
  const counts = new NetworkCounts()
  for (let n = 0; n < 5_000; n++) counts.add(`${n % 200 + 1}.${n & 255}.${n >> 8}.7`)
  t.ok(counts.has(1, 200) && counts.has(2, 256) && counts.size > 5_000)
  for (let n = 0; n < 5_000; n++) counts.remove(`${n % 200 + 1}.${n & 255}.${n >> 8}.7`)
  t.equal(counts.size, 0)
})

t.test('the ring of changes has as many places as it may have, however often it went round', async (t) => {
  const change = (revision: number): AppliedChange => ({
    revision, atMs: 0, by: '', reason: 'updated', event: 'put', kind: 'instance', target: { namespace: '', service: '', id: '' }, instance: undefined,
    previous: undefined, lease: '', createdRevision: 0, touched: []
  })
  for (const entries of [1, 7, 1_000, 1_024, 3_000]) {
    const ring = new ChangeRing({ entries, bytes: Number.MAX_SAFE_INTEGER })
    for (let revision = 1; revision <= 10_000; revision++) {
      ring.push(change(revision))
      if (revision % 997 !== 0) continue
      const kept = Math.min(entries, revision)
      t.equal(ring.size, kept)
      t.equal(ring.start, revision - kept)
      t.same(ring.since(revision - 3).map((each) => each.revision), [revision - 2, revision - 1, revision].slice(-Math.min(3, kept)))
      t.same(ring.since(ring.start, 2).map((each) => each.revision), [ring.start + 1, ring.start + 2].slice(0, kept))
      t.same([...ring.backwards()].map((each) => each.revision), Array.from({ length: kept }, (_, index) => revision - index))
    }
    t.equal(ring.bytes, Math.min(entries, 10_000) * 400)
  }
})
