import t from 'tap'
import { lameDuck, type Work } from '../server/lame-duck.ts'
import { HandClock } from './support/hand-clock.ts'

/** Runs it with what the listeners say at each look, and gives how long it took. */
async function took (graceMs: number, work: (atMs: number) => Work): Promise<[ms: number, ranOut: boolean]> {
  const clock = new HandClock()
  const start = clock.now()
  let result: { ranOut: boolean } | undefined
  void lameDuck({ graceMs, clock, work: () => work(clock.now() - start) }).then((is) => { result = is })
  while (result === undefined) {
    await Promise.resolve()
    if (clock.waiting > 0) clock.advance(50)
  }
  return [clock.now() - start, result.ranOut]
}

t.test('alone it is over after half a second, or with the grace if that is less', async (t) => {
  t.same(await took(3_000, () => ({ asked: 7, isBusy: false })), [500, false])
  t.same(await took(100, () => ({ asked: 7, isBusy: false })), [100, false])
  t.same(await took(0, () => ({ asked: 7, isBusy: false })), [0, false])
})

t.test('it lasts while clients still ask, and no longer than the grace', async (t) => {
  t.same(await took(3_000, (atMs) => ({ asked: Math.min(Math.floor(atMs / 400), 3), isBusy: false })), [1_700, false])
  t.same(await took(3_000, (atMs) => ({ asked: Math.floor(atMs / 400), isBusy: false })), [3_000, false])
})

t.test('it waits for work, and says if the grace was too short for it', async (t) => {
  t.same(await took(3_000, (atMs) => ({ asked: 0, isBusy: atMs < 1_000 })), [1_450, false])
  t.same(await took(3_000, () => ({ asked: 0, isBusy: true })), [3_000, true])
})
