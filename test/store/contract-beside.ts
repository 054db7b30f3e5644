// What is kept beside the records: loads of instances, notes, claims. None of it is a change.
import { maxNotes, maxNotesAtOnce, type Store } from '../../server/store/store.ts'
import type { Scenario } from './keyspace.ts'

async function loadsOf (store: Store, place = ''): Promise<Record<string, string>> {
  const { loads } = await store.readLoads(place)
  return Object.fromEntries(loads.map(({ lease, body }) => [lease, body]))
}

async function notesOf (store: Store, prefix: string): Promise<Record<string, string>> {
  const { notes } = await store.readNotes(prefix)
  return Object.fromEntries(notes.map(({ key, body }) => [key, body]))
}

export function besideContract (scenario: Scenario): void {
  scenario('the last load of each lease is kept, dated by the store, and is no change', async (t, world) => {
    const [a = '', b = ''] = await world.grantMany('shop/orders', 2)
    const { revision } = world.follower
    const from = await world.harness.now()
    await world.store.keepLoads(new Map([[a, '{"cpu":1}'], [b, 'caf\u00e9 \\ "2"'], ['nobody', '3']]))
    await world.store.keepLoads(new Map([[a, '{"cpu":4}']]))
    const page = await world.store.readLoads('')
    const until = await world.harness.now()
    t.same(await loadsOf(world.store), { [a]: '{"cpu":4}', [b]: 'caf\u00e9 \\ "2"' })
    t.ok(page.loads.every(({ atMs }) => atMs >= from && atMs <= until))
    t.ok(page.nowMs >= from && page.nowMs <= until)
    t.equal(page.more, false)
    await world.store.sync()
    t.equal(world.follower.revision, revision)
  })

  scenario('who reads goes on from a place: only what was said since comes again', async (t, world) => {
    const [a = '', b = '', c = ''] = await world.grantMany('shop/orders', 3)
    await world.store.keepLoads(new Map([[a, '1'], [b, '2'], [c, '3']]))
    const { place } = await world.store.readLoads('')
    t.same(await loadsOf(world.store, place), {})
    await world.store.keepLoads(new Map([[b, '4']]))
    t.same(await loadsOf(world.store, place), { [b]: '4' })
    t.same(await loadsOf(world.store, 'what no store gave'), { [a]: '1', [b]: '4', [c]: '3' })
  })

  scenario('a load goes with its lease: however it ends', async (t, world) => {
    const [a = '', b = ''] = await world.grantMany('shop/orders', 2)
    const c = await world.grant('shop/orders/c', { generation: 'one' })
    const d = await world.grant('shop/orders/d', { ttlMs: 4 * world.unitMs })
    await world.ready()
    await world.renew([d], 4 * world.unitMs)
    await world.store.keepLoads(new Map([[a, '1'], [b, '2'], [c, '3'], [d, '4']]))
    const { place } = await world.store.readLoads('')
    await world.store.revoke([a], 'tester')
    await world.grant('shop/orders/c', { generation: 'two' })
    await world.pass(12)
    t.same(await loadsOf(world.store), { [b]: '2' })
    t.same(await loadsOf(world.store, place), {})
  })

  scenario('many loads come in pages', async (t, world) => {
    const leases = await world.grantMany('shop/orders', 2_500)
    for (let from = 0; from < leases.length; from += 1_000) {
      await world.store.keepLoads(new Map(leases.slice(from, from + 1_000).map((lease) => [lease, lease])))
    }
    const seen: string[] = []
    for (let place = '', more = true; more;) {
      const page = await world.store.readLoads(place)
      seen.push(...page.loads.map(({ lease }) => lease))
      ;({ place, more } = page)
    }
    t.same(seen.toSorted(), leases.toSorted())
  })

  scenario('loads and notes that break a rule are refused, all of the call', async (t, world) => {
    const lease = await world.grant('shop/orders/a')
    await t.rejects(world.store.keepLoads(new Map([[lease, '1'], ['b', '']])), { code: 'REG_INVALID' })
    await t.rejects(world.store.keepLoads(new Map([[lease, '1\n2']])), { code: 'REG_INVALID' })
    await t.rejects(world.store.keepLoads(new Map([[lease, 'x'.repeat(4_097)]])), { code: 'REG_INVALID' })
    t.same(await loadsOf(world.store), {})
    for (const note of [{ key: '', body: '1', keepMs: 0 }, { key: 'a\nb', body: '1', keepMs: 0 }, { key: 'a', body: '1\n2', keepMs: 0 }, { key: 'a', body: '1', keepMs: -1 }, { key: 'a', body: '1', keepMs: 0.5 }]) {
      await t.rejects(world.store.writeNotes([{ key: 'x/a', body: '1', keepMs: 0 }, note]), { code: 'REG_INVALID' })
    }
    t.same(await notesOf(world.store, ''), {})
  })

  scenario('notes are kept, overwritten, removed, and read by the beginning of their keys', async (t, world) => {
    const { revision } = world.follower
    await world.store.writeNotes([{ key: 'x/a', body: '1', keepMs: 0 }, { key: 'x/b', body: 'two \u00fc', keepMs: 0 }, { key: 'y/*', body: '3', keepMs: 0 }])
    t.equal(await world.store.writeNotes([{ key: 'x/a', body: '4', keepMs: 0 }, { key: 'y/*', body: '', keepMs: 0 }, { key: 'y/none', body: '', keepMs: 0 }]), true)
    t.same(await notesOf(world.store, 'x/'), { 'x/a': '4', 'x/b': 'two \u00fc' })
    t.same(await notesOf(world.store, 'y/'), {})
    t.same(await notesOf(world.store, '*'), {}, 'a prefix is no pattern')
    await world.store.sync()
    t.equal(world.follower.revision, revision)
    await world.reopen()
    t.same(await notesOf(world.store, 'x/'), { 'x/a': '4', 'x/b': 'two \u00fc' }, 'they outlive the node')
  })

  scenario('a note ends when its time is over', async (t, world) => {
    await world.store.writeNotes([{ key: 'x/a', body: '1', keepMs: 3 * world.unitMs }, { key: 'x/b', body: '2', keepMs: 0 }])
    t.same(await notesOf(world.store, 'x/'), { 'x/a': '1', 'x/b': '2' })
    await world.pause(4)
    t.same(await notesOf(world.store, 'x/'), { 'x/b': '2' })
  })

  scenario('there is a limit to notes: those that have ended make room, others do not', async (t, world) => {
    const batch = (from: number, keepMs: number) => Array.from({ length: maxNotesAtOnce }, (_, index) => ({ key: `x/${from + index}`, body: '1', keepMs }))
    for (let from = 0; from < maxNotes; from += maxNotesAtOnce) await world.store.writeNotes(batch(from, from === 0 ? 1 : 0))
    await world.pause(1)
    await world.store.writeNotes(batch(maxNotes, 0))
    await t.rejects(world.store.writeNotes([{ key: 'x/more', body: '1', keepMs: 0 }]), { code: 'REG_LIMIT_REACHED' })
    t.equal(await world.store.writeNotes([{ key: `x/${maxNotes}`, body: '2', keepMs: 0 }]), true, 'what is there may be overwritten')
  })

  scenario('the holder of a claim may renew it, write under it, and give it up', async (t, world) => {
    const holder = { claim: 'decider', holder: 'one' }
    t.equal(await world.store.claim(holder, world.unitMs * 10), true)
    t.equal(await world.store.claim(holder, world.unitMs * 10), true)
    t.equal(await world.store.writeNotes([{ key: 'x/a', body: '1', keepMs: 0 }], holder), true)
    t.equal(await world.store.claim(holder, 0), true)
    await t.rejects(world.store.claim(holder, 600_001), { code: 'REG_INVALID' })
  })
}

export function besideNodesContract (scenario: Scenario): void {
  scenario('every node reads the loads and notes that others kept', async (t, world) => {
    const lease = await world.grant('shop/orders/a')
    const { store } = await world.join()
    await world.store.keepLoads(new Map([[lease, '1']]))
    await world.store.writeNotes([{ key: 'x/a', body: '1', keepMs: 0 }])
    t.same([await loadsOf(store), await notesOf(store, 'x/')], [{ [lease]: '1' }, { 'x/a': '1' }])
  })

  scenario('of two nodes one has a claim: until it gives it up, or its time is over', async (t, world) => {
    const { store: other } = await world.join()
    const [one, two] = ['one', 'two'].map((holder) => ({ claim: 'decider', holder }))
    if (one === undefined || two === undefined) throw new Error('two holders')
    const keepMs = 4 * world.unitMs
    t.same([await world.store.claim(one, keepMs), await other.claim(two, keepMs)], [true, false])
    t.equal(await other.writeNotes([{ key: 'x/a', body: '2', keepMs: 0 }], two), false)
    t.same(await notesOf(other, 'x/'), {})
    await world.store.claim(one, 0)
    t.equal(await other.claim(two, keepMs), true)
    t.equal(await world.store.claim(one, keepMs), false)
    await world.pause(5)
    t.equal(await other.writeNotes([{ key: 'x/a', body: '2', keepMs: 0 }], two), false, 'its time is over')
    t.equal(await world.store.claim(one, keepMs), true)
  })
}
