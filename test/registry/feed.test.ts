import t from 'tap'
import fc from 'fast-check'
import { bodyOf } from '../../server/model/instance/instance.ts'
import { parseSelector } from '../../server/model/instance/selector.ts'
import type { Catalog } from '../../server/registry/catalog/catalog.ts'
import { parseCursor } from '../../server/registry/feed/cursor.ts'
import { Feed } from '../../server/registry/feed/feed.ts'
import { maxQueuedChanges } from '../../server/registry/feed/subscription.ts'
import { WatchHub } from '../../server/registry/feed/watch-hub.ts'
import type { Change, InstanceRecord, Snapshot } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'
import { drain, short } from '../support/deliveries.ts'

interface Facts { labels?: Record<string, string>, suspect?: boolean, lease?: string, service?: string }

function record (id: string, revision: number, facts: Facts = {}): InstanceRecord {
  const { body } = bodyOf({ address: '10.0.0.1', labels: facts.labels ?? {} }, undefined)
  return {
    key: `shop/${facts.service ?? 'orders'}/${id}`, lease: facts.lease ?? `lease-${id}`, generation: 'g', ttlMs: 15_000, createdRevision: 1, revision, shownRevision: revision,
    createdAtMs: 1_000, updatedAtMs: 1_000, suspect: facts.suspect ?? false, body: JSON.stringify(body)
  }
}

const put = (revision: number, of: InstanceRecord, reason: 'registered' | 'updated' = 'registered'): Change => ({ revision, atMs: revision, by: 'test', type: 'put', reason, record: of })
const gone = (revision: number, id: string): Change => ({ revision, atMs: revision, by: 'test', type: 'delete', reason: 'deregistered', key: `shop/orders/${id}`, lease: `lease-${id}` })
const snapshot = (revision: number, instances: InstanceRecord[], more: Partial<Snapshot> = {}): Snapshot => ({ epoch: 'e', revision, instances, objects: [], recent: [], lost: [], ...more })
const ids = (catalog: Catalog): string[] => catalog.registered('shop', 'orders')?.instances.map((instance) => instance.id) ?? []

function feedAt (revision: number, instances: InstanceRecord[], more: Partial<Snapshot> = {}, ringLimit?: number): { feed: Feed, hub: WatchHub } {
  const feed = new Feed({ now: () => 5_000, ...(ringLimit === undefined ? {} : { ringLimit }) })
  const hub = new WatchHub(feed, new HandClock())
  feed.load(snapshot(revision, instances, more))
  return { feed, hub }
}

t.test('a watch begins with a snapshot and goes on with each change that concerns it, once and in order', async (t) => {
  const { feed, hub } = feedAt(10, [record('a', 3)])
  let woken = 0
  const watch = hub.subscribe({ namespace: 'shop', service: 'orders' }, undefined, () => woken++)
  const other = hub.subscribe({ namespace: 'shop', service: 'payments' }, undefined, () => undefined)
  t.same(drain(watch).map(short), ['snapshot a'])
  drain(other)
  feed.apply([put(11, record('b', 11)), put(12, record('c', 12, { service: 'payments' })), gone(13, 'a')])
  t.equal(woken, 2)
  const deliveries = drain(watch)
  t.same(deliveries.map(short), ['put b registered', 'delete a deregistered'])
  t.same(deliveries.map((delivery) => delivery.revision), [11, 13])
  t.same(drain(other).map(short), ['put c registered'])
  feed.apply([put(12, record('c', 12, { service: 'payments' })), gone(13, 'a')])
  t.same(drain(watch), [], 'a change that is known already is not told again')
  t.equal(watch.bookmark(), undefined)
  feed.apply([put(14, record('d', 14, { service: 'payments' }))])
  t.same(watch.bookmark(), { type: 'bookmark', revision: 14 })
  t.equal(watch.bookmark(), undefined)
  hub.unsubscribe(watch)
  hub.unsubscribe(watch)
  t.equal(hub.count, 1)
})

t.test('for a selector, an instance that leaves it is deleted and one that enters it is put', async (t) => {
  const { feed, hub } = feedAt(10, [record('a', 3, { labels: { v: '1' } }), record('b', 4)])
  const watch = hub.subscribe({ namespace: 'shop', selector: parseSelector('v=1') }, undefined, () => undefined)
  t.same(drain(watch).map(short), ['snapshot a'])
  feed.apply([
    put(11, record('a', 11, { labels: { v: '2' } }), 'updated'), put(12, record('b', 12, { labels: { v: '1' } }), 'updated'),
    put(13, record('c', 13)), gone(14, 'c'), gone(15, 'b')
  ])
  t.same(drain(watch).map(short), ['delete a updated', 'put b updated', 'delete b deregistered'])
})

t.test('a watch resumes where its cursor says, without a gap or a duplicate', async (t) => {
  const { feed, hub } = feedAt(10, [])
  feed.apply([put(11, record('a', 11)), put(12, record('b', 12)), gone(13, 'a')])
  const since = (text: string): string[] => drain(hub.subscribe({ namespace: 'shop' }, parseCursor(text, 'since'), () => undefined)).map(short)
  t.same(since('e.11'), ['put b registered', 'delete a deregistered'])
  t.same(since('e.13'), [])
  t.same(since('13'), [])
  t.same(since('e.10'), ['put a registered', 'put b registered', 'delete a deregistered'])
  t.same(since('e.9'), ['reset too old', 'snapshot b'])
  t.same(since('f.12'), ['reset another epoch', 'snapshot b'])
  t.same(since('e.14'), ['reset ahead of this node', 'snapshot b'])
})

t.test('a cursor is read or refused by its code', async (t) => {
  t.same(parseCursor('abc.12', 'since'), { epoch: 'abc', revision: 12 })
  for (const text of ['', 'abc', 'abc.', '.1', 'a.b.1', '-1', '1e3', 'abc.-1', ' 1', '1'.repeat(16), `${'x'.repeat(33)}.1`]) {
    t.throws(() => parseCursor(text, 'since'), { code: 'REG_CURSOR_INVALID', errors: [{ field: 'since' }] }, JSON.stringify(text))
  }
})

t.test('what the ring has forgotten is a reset', async (t) => {
  const { feed, hub } = feedAt(0, [], {}, 10)
  for (let revision = 1; revision <= 100; revision++) feed.apply([put(revision, record(`i${revision}`, revision))])
  t.equal(drain(hub.subscribe({}, parseCursor('e.90', 'since'), () => undefined)).length, 10)
  t.same(drain(hub.subscribe({}, parseCursor('e.89', 'since'), () => undefined)).map((delivery) => delivery.type), ['reset', 'snapshot'])
  t.same([...feed.history()].map((change) => change.revision), [100, 99, 98, 97, 96, 95, 94, 93, 92, 91])
})

t.test('a reader that takes nothing costs a bounded queue, and gets a reset and what is then', async (t) => {
  const { feed, hub } = feedAt(0, [])
  const slow = hub.subscribe({}, undefined, () => undefined)
  const quick = hub.subscribe({}, undefined, () => undefined)
  drain(slow)
  let taken = drain(quick).length
  for (let revision = 1; revision <= 2 * maxQueuedChanges; revision++) {
    feed.apply([put(revision, record('a', revision), 'updated')])
    taken += drain(quick).length
  }
  t.same(drain(slow).map(short), ['reset the reader is too slow', 'snapshot a'])
  t.equal(slow.delivered, 2 * maxQueuedChanges)
  t.equal(taken, 1 + 2 * maxQueuedChanges)
})

t.test('a new term brings live watchers the differences as ordinary changes, in growing order', async (t) => {
  const { feed, hub } = feedAt(10, [record('a', 3), record('b', 4), record('c', 5)])
  const watch = hub.subscribe({ namespace: 'shop' }, undefined, () => undefined)
  drain(watch)
  feed.apply([put(11, record('d', 11))])
  drain(watch)
  const lost = [{ after: 10, until: 1_000_011 }]
  feed.load(snapshot(1_000_012, [record('a', 3), record('b', 4, { suspect: true }), record('c', 1_000_012, { labels: { v: '2' } }), record('e', 9, { lease: 'new' })], { lost }))
  const deliveries = drain(watch)
  t.same(deliveries.map(short).toSorted(), ['delete d deregistered', 'put b suspect', 'put c updated', 'put e registered'])
  const revisions = deliveries.map((delivery) => delivery.revision)
  t.same(revisions, revisions.toSorted((a, b) => a - b))
  t.equal(new Set(revisions).size, revisions.length)
  t.ok(revisions.every((revision) => revision > 11 && revision < 1_000_011), 'their numbers are of the jump, which nobody uses')
  t.equal(feed.revision, 1_000_012)
  t.same(watch.bookmark(), { type: 'bookmark', revision: 1_000_012 })
  const since = (text: string): string[] => drain(hub.subscribe({ namespace: 'shop' }, parseCursor(text, 'since'), () => undefined)).map(short)
  t.same(since('e.11')[0], 'reset a lost range')
  t.same(since(`e.${revisions[0]}`)[0], 'reset a lost range')
  t.equal(since('e.10').length, 5, 'a cursor from before the loss gets everything in between')
  t.same(Array.from(feed.endsSince(11), (change) => ({ type: change.type, revision: change.revision })), [{ type: 'delete', revision: 11 }],
    'when it ended is not known: it was there at 11')
})

t.test('a load that is no new term resets every watcher, and so does another epoch', async (t) => {
  const { feed, hub } = feedAt(10, [record('a', 3)])
  const watch = hub.subscribe({ namespace: 'shop' }, undefined, () => undefined)
  drain(watch)
  feed.load(snapshot(500, [record('b', 400)]))
  t.same(drain(watch).map(short), ['reset the registry loaded its data anew', 'snapshot b'])
  feed.load(snapshot(900, [record('c', 800)], { epoch: 'f' }))
  t.same(drain(watch).map(short), ['reset the registry loaded its data anew', 'snapshot c'])
  t.equal(feed.epoch, 'f')
})

t.test('history from before the start serves events, and resumes only what it can tell whole', async (t) => {
  const recent = [gone(7, 'x'), put(8, record('a', 8)), put(9, record('b', 9), 'updated'), put(10, record('a', 10, { labels: { v: '1' } }), 'updated')]
  const { feed, hub } = feedAt(10, [record('a', 10, { labels: { v: '1' } }), record('b', 9)], { recent })
  t.same([...feed.history()].map((change) => `${change.revision} ${change.reason} ${change.target.id}`), ['10 updated a', '9 updated b', '8 registered a', '7 deregistered x'])
  t.same(Array.from(feed.endsSince(6), (change) => `${change.type} ${'lease' in change ? change.lease : ''}`), ['delete lease-x'],
    'an end is offered to a store that lost it, also when nothing else is known of it')
  const since = (text: string): string[] => drain(hub.subscribe({ namespace: 'shop' }, parseCursor(text, 'since'), () => undefined)).map(short)
  t.same(since('e.9'), ['put a updated'])
  t.same(since('e.8'), ['put b updated', 'put a updated'])
  t.same(since('e.6'), ['reset too old', 'snapshot a,b'], 'what x was is not known')
  const selected = (text: string): string[] => drain(hub.subscribe({ namespace: 'shop', selector: parseSelector('v!=2') }, parseCursor(text, 'since'), () => undefined)).map(short)
  t.same(selected('e.8'), ['put b updated', 'put a updated'])
  const other = drain(hub.subscribe({ namespace: 'shop', selector: parseSelector('v=2') }, parseCursor('e.8', 'since'), () => undefined)).map(short)
  t.same(other, ['reset too old', 'snapshot '], 'whether b was among them before revision 9 is not known')
})

t.test('before the first load nothing is handed out', async (t) => {
  const feed = new Feed({ now: () => 5_000 })
  const hub = new WatchHub(feed, new HandClock())
  const watch = hub.subscribe({}, undefined, () => undefined)
  t.same(drain(watch), [])
  t.equal(feed.loaded, false)
  t.ok(feed.staleSeconds > 0)
  feed.load(snapshot(3, [record('a', 3)]))
  t.same(drain(watch).map(short), ['snapshot a'])
})

t.test('any order of changes ends in the same view as the snapshot of their end, and every watcher sees it', async () => {
  const step = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), kind: fc.constantFrom('put', 'delete', 'suspect', 'trusted'), label: fc.constantFrom('1', '2') })
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { feed, hub } = feedAt(0, [])
    const selected = hub.subscribe({ selector: parseSelector('v=1') }, undefined, () => undefined)
    const seen = new Set<string>()
    drain(selected)
    const model = new Map<string, InstanceRecord>()
    steps.forEach(({ id, kind, label }, index) => {
      const revision = index + 1
      const known = model.get(id)
      if (kind === 'put') model.set(id, record(id, revision, { labels: { v: label } }))
      else if (known === undefined) return
      else if (kind === 'delete') model.delete(id)
      else model.set(id, { ...known, suspect: kind === 'suspect' })
      const now = model.get(id)
      feed.apply([kind === 'put' && now !== undefined ? put(revision, now)
        : kind === 'delete' ? gone(revision, id)
          : { revision, atMs: 1, by: 'test', type: kind === 'suspect' ? 'suspect' : 'trusted', reason: 'suspect', key: `shop/orders/${id}`, lease: `lease-${id}` }])
    })
    for (const delivery of drain(selected)) {
      if (delivery.type !== 'change' || delivery.kind !== 'instance') throw new Error(`unexpected ${delivery.type}`)
      if (delivery.event === 'put') seen.add(delivery.instance.id)
      else seen.delete(delivery.instance.id)
    }
    const whole = new Feed({ now: () => 5_000 })
    whole.load(snapshot(steps.length, [...model.values()]))
    const state = (of: Feed): string => JSON.stringify(of.catalog.registered('shop', 'orders')?.instances.map((instance) => [instance.id, instance.suspect, instance.labels]) ?? [])
    const wanted = [...model.values()].filter((one) => one.body.includes('"v":"1"')).length
    const { catalog } = feed
    return state(feed) === state(whole) && seen.size === wanted && catalog.size === model.size &&
      catalog.suspects === [...model.values()].filter((one) => one.suspect).length &&
      catalog.select('shop', parseSelector('v=2')).length === model.size - wanted && catalog.byAddress('10.0.0.1').length === model.size &&
      [...catalog.statusCounts.values()].reduce((sum, count) => sum + count, 0) === model.size && ids(catalog).length === model.size
  }))
})
