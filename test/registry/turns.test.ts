import t from 'tap'
import { patienceMs } from '../../server/registry/commands/certain.ts'
import { Turns } from '../../server/registry/commands/turns.ts'
import { NodeStore } from '../../server/registry/node-store.ts'
import type { Store } from '../../server/store/store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'

t.test('what changes one thing takes turns, also behind a failure; other things do not wait', async (t) => {
  const turns = new Turns({ now: () => 0 })
  const gate = Promise.withResolvers<void>()
  const done: string[] = []
  const work = (name: string) => async (): Promise<void> => { done.push(name) }
  const first = turns.take('a', async () => { await gate.promise; done.push('a1'); throw new Error('a1 failed') })
  const second = turns.take('a', work('a2'))
  await turns.take('b', work('b1'))
  t.same(done, ['b1'])
  gate.resolve()
  await t.rejects(first, { message: 'a1 failed' })
  await second
  t.same(done, ['b1', 'a1', 'a2'])
})

t.test('who waited too long, or finds too many before it, is told to come back', async (t) => {
  let nowMs = 0
  const turns = new Turns({ now: () => nowMs })
  const gate = Promise.withResolvers<void>()
  const first = turns.take('a', () => gate.promise)
  const waiting = Array.from({ length: 999 }, () => turns.take('a', async () => undefined))
  await t.rejects(turns.take('a', async () => undefined), { code: 'REG_OVERLOADED', message: /1000 changes of a wait/ })
  nowMs = patienceMs + 1
  gate.resolve()
  await first
  const ends = await Promise.allSettled(waiting)
  t.ok(ends.every((end) => end.status === 'rejected'))
  t.match(ends[0], { reason: { code: 'REG_OVERLOADED', message: /took too long/ } })
  await turns.take('a', async () => undefined)
})

t.test('those who sync while one is under way share the next one, which begins after they came', async (t) => {
  const begun: PromiseWithResolvers<void>[] = []
  const store: Store = createSqliteStore({ directory: ':memory:', now: () => 0, holdMs: 0 })
  store.sync = () => {
    const round = Promise.withResolvers<void>()
    begun.push(round)
    return round.promise
  }
  const shared = new NodeStore(store)
  const first = shared.sync()
  const later = [shared.sync(), shared.sync(), shared.sync()]
  t.equal(begun.length, 1)
  begun[0]?.resolve()
  await first
  while (begun.length < 2) await Promise.resolve()
  begun[1]?.reject(new Error('away'))
  for (const each of later) await t.rejects(each, { message: 'away' })
  t.equal(begun.length, 2)
  const again = shared.sync()
  begun[2]?.resolve()
  await again
})
