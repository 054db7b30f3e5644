import t from 'tap'
import { longTextLength } from '../../server/http/server/limits.ts'
import { LongStreams } from '../../server/http/server/long-streams.ts'

const long = longTextLength + 1
const here = (): boolean => false

/** Work that ends when it is told. */
function work (): { readonly run: () => Promise<string>, readonly end: () => void, readonly began: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let began = false
  return {
    run: async () => {
      began = true
      await promise
      return 'done'
    },
    end: () => resolve(),
    began: () => began
  }
}

/** All that can go on has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

t.test('of each client one long stream is in work until it is written, and of all a few', async (t) => {
  const streams = new LongStreams({ most: 2 })
  const [a1, a2, b, c, short] = [work(), work(), work(), work(), work()]
  const ended = [streams.within('a', long, here, a1.run), streams.within('a', long, here, a2.run), streams.within('b', long, here, b.run), streams.within('c', long, here, c.run)]
  const other = streams.within('a', 10, here, short.run)
  await settled()
  t.same([a1, a2, b, c, short].map(({ began }) => began()), [true, false, true, false, true], 'a short one waits for nobody')
  t.equal(streams.waiting, 2)
  b.end()
  await settled()
  t.same([a2.began(), c.began()], [false, true], 'the place of b is for c: a has one')
  for (const { end } of [a1, a2, c, short]) end()
  t.same(await Promise.all([...ended, other]), ['done', 'done', 'done', 'done', 'done'])
  t.equal(streams.waiting, 0)
})

t.test('a stream whose client has gone while it waited is not begun, and one that throws gives its place back', async (t) => {
  const streams = new LongStreams({ most: 1 })
  const [first, second, third] = [work(), work(), work()]
  const failing = streams.within('a', long, here, async () => {
    await first.run()
    throw new Error('refused')
  })
  const gone = streams.within('a', long, () => true, second.run)
  const last = streams.within('a', long, here, third.run)
  first.end()
  await t.rejects(failing, { message: 'refused' })
  await t.rejects(gone, { code: 'REG_OVERLOADED' })
  t.notOk(second.began())
  third.end()
  t.equal(await last, 'done')
})

t.test('at the limit of what may wait the client that has most gives way, and a newcomer is served', async (t) => {
  const streams = new LongStreams({ most: 1, limit: long * 3 })
  const [first, second, third, other] = [work(), work(), work(), work()]
  const working = streams.within('a', long, here, first.run)
  const waiting = [streams.within('a', long, here, second.run), streams.within('a', long, here, third.run)]
  const newcomer = streams.within('b', long, here, other.run)
  const outcomes = await Promise.race([Promise.allSettled([waiting[0]]), Promise.allSettled([waiting[1]])])
  t.match(outcomes, [{ status: 'rejected', reason: { code: 'REG_OVERLOADED' } }])
  for (const { end } of [first, second, third, other]) end()
  t.equal(await working, 'done')
  t.equal(await newcomer, 'done')
  t.same((await Promise.allSettled(waiting)).map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})
