import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { LeaseKeeper } from '../../server/registry/leases/lease-keeper.ts'
import type { Renewed, Store } from '../../server/store/store.ts'
import { HandClock } from '../support/hand-clock.ts'

interface Call {
  readonly batches: ReadonlyMap<number, readonly string[]>
  readonly answer: (renewed?: Partial<Renewed>) => void
  readonly fail: (error: Error) => void
}

/** A store of which only `renew` is asked; each call waits until the test settles it. */
function renewals (): { store: Store, calls: Call[] } {
  const calls: Call[] = []
  const store = {
    renew: (batches: ReadonlyMap<number, readonly string[]>) => new Promise<Renewed>((resolve, reject) => {
      calls.push({ batches, answer: (renewed = {}) => resolve({ unknown: [], deadlines: new Map([[1_000, 77]]), ...renewed }), fail: reject })
    })
  }
  return { store: store as unknown as Store, calls } // the keeper asks for nothing else
}

const lease = (name: string, ttlMs = 1_000): { lease: string, ttlMs: number } => ({ lease: name, ttlMs })

t.test('heartbeats of one moment become one call, by TTL, each lease once', async (t) => {
  const { store, calls } = renewals()
  const clock = new HandClock()
  const keeper = new LeaseKeeper(store, clock)
  const first = keeper.keep([lease('a'), lease('b', 2_000)])
  const second = keeper.keep([lease('a'), lease('c')])
  t.equal(calls.length, 0)
  clock.advance(10)
  t.same(calls.map((call) => [...call.batches]), [[[1_000, ['a', 'c']], [2_000, ['b']]]])
  calls[0]?.answer({ unknown: ['c'] })
  t.same([...(await first).unknown], [], 'each caller hears of its own leases')
  t.same([...(await second).unknown], ['c'])
  t.same((await first).deadlines.get(1_000), 77)
})

t.test('where leases are in this process no heartbeat waits for company', async (t) => {
  const { store, calls } = renewals()
  const keeper = new LeaseKeeper({ ...store, renewsAlone: true }, new HandClock())
  const kept = keeper.keep([lease('a'), lease('b', 2_000), lease('c')])
  void keeper.keep([lease('d')])
  t.same(calls.map((call) => [...call.batches]), [[[1_000, ['a', 'c']], [2_000, ['b']]], [[1_000, ['d']]]])
  calls[0]?.answer({ unknown: ['c'] })
  t.same([...(await kept).unknown], ['c'])
})

t.test('one call is in flight; what comes meanwhile waits for the next', async (t) => {
  const { store, calls } = renewals()
  const clock = new HandClock()
  const keeper = new LeaseKeeper(store, clock)
  const first = keeper.keep([lease('a')])
  clock.advance(10)
  const second = keeper.keep([lease('b')])
  clock.advance(10)
  t.equal(calls.length, 1)
  calls[0]?.answer()
  await first
  await setImmediate()
  t.equal(calls.length, 2)
  calls[1]?.answer()
  t.equal((await second).stored, true)
})

t.test('a full batch does not wait for the timer', async (t) => {
  const { store, calls } = renewals()
  const keeper = new LeaseKeeper(store, new HandClock())
  const asked = keeper.keep(Array.from({ length: 2_500 }, (_, index) => lease(`l${index}`)))
  t.equal(calls.length, 1)
  t.equal(calls[0]?.batches.get(1_000)?.length, 1_000)
  calls[0]?.answer({ unknown: ['l7'] })
  await setImmediate()
  calls[1]?.answer({ unknown: ['l1500'] })
  await setImmediate()
  keeper.close()
  calls[2]?.answer()
  t.same([...(await asked).unknown].toSorted(), ['l1500', 'l7'])
})

t.test('while the store is away heartbeats are remembered, the latest of each, and handed over when it is back', async (t) => {
  const { store, calls } = renewals()
  const clock = new HandClock()
  const keeper = new LeaseKeeper(store, clock)
  keeper.storeAvailable(false)
  t.equal((await keeper.keep([lease('a'), lease('b')])).stored, false)
  t.equal((await keeper.keep([lease('a', 2_000)])).stored, false)
  t.equal(keeper.rememberedCount, 2)
  t.equal((await keeper.keep([])).stored, false)
  t.equal(calls.length, 0)
  keeper.storeAvailable(true)
  clock.advance(10)
  t.same(calls.map((call) => [...call.batches]), [[[2_000, ['a']], [1_000, ['b']]]])
  calls[0]?.answer()
  await setImmediate()
  t.equal(keeper.rememberedCount, 0)
})

t.test('a renewal that the store did not take is answered as not stored, and kept', async (t) => {
  const { store, calls } = renewals()
  const clock = new HandClock()
  const keeper = new LeaseKeeper(store, clock)
  const asked = keeper.keep([lease('a')])
  clock.advance(10)
  calls[0]?.fail(new Error('gone'))
  t.same(await asked, { unknown: new Set(), deadlines: new Map(), stored: false })
  t.equal(keeper.rememberedCount, 1)
  const again = keeper.keep([lease('a')])
  clock.advance(10)
  calls[1]?.answer()
  t.equal((await again).stored, true)
  t.equal(keeper.rememberedCount, 0, 'a later heartbeat has done it')
})

t.test('too many waiting heartbeats are refused with a code', async (t) => {
  const { store } = renewals()
  const clock = new HandClock()
  const keeper = new LeaseKeeper(store, clock)
  const many = Array.from({ length: 500_000 }, (_, index) => lease(`l${index}`))
  void keeper.keep(many)
  void keeper.keep(many.map(({ lease: name }) => lease(`x${name}`)))
  await t.rejects(keeper.keep([...many, lease('z')]), { code: 'REG_OVERLOADED', retryAfterSeconds: 1 })
})
