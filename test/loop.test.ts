// What held the event loop, and for how long: by a clock of the test.
import t from 'tap'
import { Loop, delayBounds, delaySlots } from '../server/loop.ts'

function watched (): { loop: Loop, counts: Float64Array, time: { nowMs: number } } {
  const time = { nowMs: 0 }
  const loop = new Loop(() => time.nowMs)
  loop.watched()
  return { loop, counts: new Float64Array(delaySlots), time }
}

t.test('who ran longest since the loop came round last is named, with the path of a request and without its query', async (t) => {
  const { loop, counts, time } = watched()
  loop.begins('store')
  time.nowMs = 20
  loop.begins({ method: 'GET', url: '/v1/instances?token=secret' })
  time.nowMs = 190
  loop.begins('dns-udp')
  time.nowMs = 200
  t.same(loop.tick(counts), { by: 'GET /v1/instances', ms: 190, leftOut: 0 })
  time.nowMs = 210
  t.equal(loop.tick(counts), undefined, 'what was told is over')
  t.same([...counts.subarray(0, delayBounds.length + 1)], delayBounds.map((bound) => Number(bound === 0.001 || bound === 0.25)).concat(0))
  t.equal(counts[delaySlots - 1], 0.19)
})

t.test('work that holds it again and again is logged once in a while, with how often', async (t) => {
  const { loop, counts, time } = watched()
  const held = (): unknown => {
    loop.begins('apply')
    time.nowMs += 150
    return loop.tick(counts)
  }
  t.same(held(), { by: 'apply', ms: 140, leftOut: 0 })
  t.same([held(), held()], [undefined, undefined])
  time.nowMs += 10_000
  t.same(loop.tick(counts), { by: 'unknown work', ms: 9_990, leftOut: 2 }, 'who stood still altogether cannot say why')
})

t.test('nothing is measured before the watch begins, and after it ends', async (t) => {
  const time = { nowMs: 0 }
  const loop = new Loop(() => time.nowMs)
  loop.begins('early')
  t.equal(loop.label, '')
  loop.watched()
  loop.begins('now')
  t.equal(loop.label, 'now')
  loop.ends()
  loop.begins('late')
  t.equal(loop.label, '')
})
