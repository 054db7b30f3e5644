// Work in slices: others go on between them, and only one slice runs each time that the loop comes round.
import t from 'tap'
import { Slice, inSlices, sliceMs } from '../server/slice.ts'

function busy (ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}

function * steps (name: string, count: number, log: string[]): Generator<void, string> {
  for (let step = 0; step < count; step++) {
    busy(sliceMs + 1)
    log.push(name)
    yield
  }
  return name
}

t.test('the loop comes round between any two slices, however many work at once, and each gets its turn', async (t) => {
  const log: string[] = []
  const round = (): void => {
    log.push('|')
    if (log.filter((entry) => entry !== '|').length < 9) setImmediate(round)
  }
  setImmediate(round)
  const done = ['a', 'b', 'c'].map((name) => inSlices(steps(name, 3, log)))
  t.same(await Promise.all(done), ['a', 'b', 'c'])
  t.equal(log.slice(0, 3).join(''), 'abc', 'each begins at once')
  t.match(log.slice(3).join(''), /^\|?(a\|b\|c\|?){2}\|*$/)
})

t.test('an error in a slice rejects for those who wait for it, and the others go on', async (t) => {
  const log: string[] = []
  const failing = function * (): Generator<void, never> {
    busy(sliceMs + 1)
    yield
    throw new Error('no such luck')
  }
  const [one, other] = await Promise.allSettled([inSlices(failing()), inSlices(steps('a', 2, log))])
  t.match([one, other], [{ reason: { message: 'no such luck' } }, { value: 'a' }])
})

t.test('a slice is over after some milliseconds, and the next one is a whole one', async (t) => {
  const slice = new Slice()
  t.equal(slice.isOver(), false)
  busy(sliceMs + 1)
  t.equal(slice.isOver(), true)
  await slice.next()
  t.equal(slice.isOver(), false)
})
