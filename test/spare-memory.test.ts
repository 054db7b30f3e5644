// What malloc keeps after a burst is given back, when there is much of it.
import t from 'tap'
import type { Clock } from '../server/clock.ts'
import { giveBackSpareMemory } from '../server/spare-memory.ts'

const mebibyte = 1024 ** 2

/** A clock of one timer, called by hand. */
function hand () {
  const timers: (() => void | Promise<void>)[] = []
  const clock: Clock = {
    now: () => 0,
    after: (_ms, callback) => {
      timers.push(callback)
      return () => { timers.splice(timers.indexOf(callback), 1) }
    }
  }
  return { clock, timers, tick: () => void timers.shift()?.() }
}

t.test('after a burst once, and again after the next one', async (t) => {
  const { clock, timers, tick } = hand()
  let [resident, given] = [200 * mebibyte, 0]
  const end = giveBackSpareMemory({
    clock, resident: () => resident,
    giveBack: (done) => {
      given++
      resident -= 50 * mebibyte
      done()
    }
  })
  const after = (mib: number): number => {
    resident = mib * mebibyte
    tick()
    return given
  }
  t.equal(after(220), 0, 'little is not worth it')
  t.equal(after(400), 1)
  t.equal(after(360), 1, 'what the registry needs by now is no spare memory')
  t.equal(after(300), 1)
  t.equal(after(340), 2, 'more than the least since then')
  t.equal(timers.length, 1)
  end()
  t.equal(timers.length, 0)
})

t.test('nothing is looked at where nothing can be given back, nor while it is under way', async (t) => {
  const { clock, timers, tick } = hand()
  let resident = 0
  let finish = (): void => undefined
  const end = giveBackSpareMemory({ clock, resident: () => resident, giveBack: (done) => { finish = done } })
  resident = 100 * mebibyte
  tick()
  t.equal(timers.length, 0)
  end()
  finish()
  t.equal(timers.length, 0, 'and no more after the end')
})

t.test('the call of the C library comes back', async (t) => {
  const { clock, timers, tick } = hand()
  let resident = 0
  const looked = Promise.withResolvers<void>()
  const end = giveBackSpareMemory({
    clock: { now: () => 0, after: (ms, callback) => {
      if (resident > 0) looked.resolve()
      return clock.after(ms, callback)
    } },
    resident: () => resident
  })
  t.teardown(end)
  if (timers.length > 0) { // there is such a call here
    resident = 100 * mebibyte
    tick()
    await looked.promise
  }
  t.ok(timers.length <= 1)
})
