// What instances say of their load: each node knows it, whichever heard it, and nothing else notices.
import t from 'tap'
import { Loads } from '../../server/registry/leases/loads.ts'
import { RegistryError } from '../../server/errors.ts'
import type { LoadPage } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'
import { twoNodes } from '../support/two-nodes.ts'

const a = { namespace: 'shop', service: 'orders', id: 'a' }
const b = { ...a, id: 'b' }

t.test('what one node heard is known to the other when somebody asks, and goes with the instance', async (t) => {
  const { one, two, registries } = await twoNodes(t, 'sqlite')
  const body = { address: '192.0.2.1', ports: [{ port: 80 }] }
  await one.register(a, body)
  await one.register(b, body)
  const revision = registries[0].feed.revision
  await one.heartbeat([{ ...a, load: { cpu: { value: 1, capacity: 2 } } }, { ...b, load: { cpu: { value: 3 } } }])
  t.equal(two.load(a), undefined)
  await one.freshLoads() // what waits for company is handed over
  await two.freshLoads()
  t.match(two.load(a), { load: { cpu: { value: 1, capacity: 2 } } })
  t.same(one.load(a)?.load, two.load(a)?.load)
  t.equal(registries[0].feed.revision, revision, 'it is no change')
  t.same([registries[0].loads.size, registries[1].loads.size], [2, 0], 'metrics count what each node heard')
  t.equal([...registries[1].loads.entries()].length, 0)
  await one.deregister(a)
  await two.caughtUp()
  t.same([one.load(a), two.load(a)], [undefined, undefined])
  await one.register(b, { ...body, generation: 'second' })
  await two.caughtUp()
  t.equal(two.load(b), undefined, 'another life has said nothing yet')
})

interface Told {
  readonly kept: ReadonlyMap<string, string>[]
  readonly reads: string[]
}

function alone (pages: Partial<LoadPage>[] = [], failing = false): Told & { loads: Loads, clock: HandClock } {
  const clock = new HandClock()
  const kept: ReadonlyMap<string, string>[] = []
  const reads: string[] = []
  const away = (): never => { throw new RegistryError('REG_STORE_UNAVAILABLE', 'away') }
  const store = {
    keepLoads: async (loads: ReadonlyMap<string, string>) => { if (failing) away(); kept.push(loads) },
    readLoads: async (place: string): Promise<LoadPage> => {
      reads.push(place)
      if (failing) away()
      return { loads: [], place: String(reads.length), more: false, nowMs: clock.now(), ...pages.shift() }
    }
  }
  const catalog = { size: 1_000_000, entry: (_namespace: string, _service: string, id: string) => ({ lease: id, instance: { id } }) }
  // Of the feed only this is asked.
  const feed = { listen: () => () => undefined, catalog, storeHealth: { available: true } } as unknown as ConstructorParameters<typeof Loads>[0]['feed']
  return { loads: new Loads({ feed, store, clock }), clock, kept, reads }
}

t.test('words wait a second for company, and each life is told once, with its last', async (t) => {
  const { loads, clock, kept } = alone()
  for (let beat = 0; beat < 5; beat++) for (let id = 0; id < 1_500; id++) loads.set({ ...a, id: `i${id}` }, `i${id}`, { cpu: { value: beat } })
  t.equal(kept.length, 0)
  clock.advance(1_000)
  await loads.fresh()
  t.same(kept.map(({ size }) => size), [1_000, 500])
  t.equal(kept[1]?.get('i1499'), '{"cpu":{"value":4}}')
})

t.test('those who ask within three seconds share a reading, which goes on from where the last one ended', async (t) => {
  const { loads, clock, reads } = alone([{}, { more: true }])
  await Promise.all([loads.fresh(), loads.fresh()])
  await loads.fresh()
  t.same(reads, [''])
  clock.advance(3_000)
  await loads.fresh()
  t.same(reads, ['', '1', '2'])
})

t.test('the newest word wins, times are those of the store, and what no node wrote is left alone', async (t) => {
  const ahead = 3_600_000
  const { loads, clock } = alone()
  const nowMs = clock.now() + ahead
  const told = (lease: string, body: string, atMs = nowMs): LoadPage['loads'][number] => ({ lease, body, atMs })
  const page = { nowMs, loads: [
    told('a', '{"cpu":{"value":2}}'), told('b', '{"cpu":'), told('c', '{"cpu":{"value":"x"}}'), told('d', '[]'), told('e', '{"cpu":{"value":7}}', nowMs - 5_000)
  ] }
  const { loads: other, clock: otherClock } = alone([{ nowMs, loads: [] }, page])
  await other.fresh()
  t.equal(other.nowMs(), nowMs)
  other.set({ ...a, id: 'e' }, 'e', { cpu: { value: 8 } })
  otherClock.advance(3_000)
  await other.fresh()
  t.same(['a', 'b', 'c', 'd', 'e'].map((id) => other.get({ ...a, id })?.load.cpu?.value), [2, undefined, undefined, undefined, 8])
  t.equal(loads.get(a), undefined)
})

t.test('while the store is away words are forgotten, and nobody waits or fails', async (t) => {
  const { loads, clock } = alone([], true)
  loads.set(a, 'a', { cpu: { value: 1 } })
  clock.advance(1_000)
  t.equal(await loads.fresh(), false)
  await loads.freshSoon()
  await loads.close()
  t.match(loads.get(a), { load: { cpu: { value: 1 } } }, 'what was heard here is known here')
})
