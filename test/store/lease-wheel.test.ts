import fc from 'fast-check'
import t from 'tap'
import { LeaseWheel } from '../../server/store/sqlite/lease-wheel.ts'

/** Of the leases whose own TTL does not matter. */
const ttlMs = 15_000
const startMs = 1_767_225_600_123
const minute = 60_000
const noLimit = 1_000_000

function dueNames (wheel: LeaseWheel, nowMs: number, limit = noLimit): string[] {
  return wheel.due(nowMs, limit).slots.map((slot) => wheel.nameOf(slot)).sort()
}

function renew (wheel: LeaseWheel, lease: string, deadlineMs: number): void {
  wheel.setDeadline(wheel.find(lease) ?? -1, deadlineMs)
}

t.test('a lease is due at its deadline and not a millisecond before', async (t) => {
  const wheel = new LeaseWheel(startMs)
  wheel.add('a', 'n/s', ttlMs, startMs + 1_000)
  t.same(dueNames(wheel, startMs + 999), [])
  t.same(dueNames(wheel, startMs + 1_000), ['a'])
})

t.test('a due lease stays due until its deadline moves or it is removed', async (t) => {
  const wheel = new LeaseWheel(startMs)
  wheel.add('a', 'n/s', ttlMs, startMs)
  wheel.add('b', 'n/s', ttlMs, startMs)
  t.same(dueNames(wheel, startMs + 5), ['a', 'b'])
  t.same(dueNames(wheel, startMs + 60_000), ['a', 'b'])
  renew(wheel, 'a', startMs + 70_000)
  wheel.remove(wheel.find('b') ?? -1)
  t.same(dueNames(wheel, startMs + 69_999), [])
  t.same(dueNames(wheel, startMs + 70_000), ['a'])
})

t.test('a renewed lease is not due at its old deadline', async (t) => {
  const wheel = new LeaseWheel(startMs)
  wheel.add('a', 'n/s', ttlMs, startMs + 15_000)
  for (let elapsedMs = 5_000; elapsedMs <= 600_000; elapsedMs += 5_000) {
    t.same(dueNames(wheel, startMs + elapsedMs), [])
    renew(wheel, 'a', startMs + elapsedMs + 15_000)
  }
  t.same(dueNames(wheel, startMs + 615_000), ['a'])
})

t.test('a lease of a day is due after a day, through all turns of the ring', async (t) => {
  const wheel = new LeaseWheel(startMs)
  const dayMs = 24 * 60 * minute
  wheel.add('a', 'n/s', ttlMs, startMs + dayMs)
  for (let elapsedMs = 0; elapsedMs < dayMs; elapsedMs += minute) t.same(dueNames(wheel, startMs + elapsedMs), [])
  t.same(dueNames(wheel, startMs + dayMs), ['a'])
})

t.test('nothing is missed when no sweep came for longer than a turn', async (t) => {
  const wheel = new LeaseWheel(startMs)
  for (let index = 0; index < 100; index += 1) wheel.add(`lease${index}`, 'n/s', ttlMs, startMs + index * minute)
  t.equal(dueNames(wheel, startMs + 1_000 * minute).length, 100)
})

t.test('nothing is missed when the clock goes back', async (t) => {
  const wheel = new LeaseWheel(startMs)
  wheel.add('a', 'n/s', ttlMs, startMs + 10_000)
  t.same(dueNames(wheel, startMs + 5_000), [])
  t.same(dueNames(wheel, startMs - 60 * minute), [])
  wheel.clamp(startMs - 60 * minute + 2_000)
  t.same(dueNames(wheel, startMs - 60 * minute + 1_999), [])
  t.same(dueNames(wheel, startMs - 60 * minute + 2_000), ['a'])
})

t.test('a limit leaves the rest for the next call', async (t) => {
  const wheel = new LeaseWheel(startMs)
  for (let index = 0; index < 25; index += 1) wheel.add(`lease${index}`, 'n/s', ttlMs, startMs + index * 40)
  const seen = new Set<string>()
  for (let more = true; more;) {
    const due = wheel.due(startMs + 10_000, 10)
    t.ok(due.slots.length <= 10)
    for (const slot of due.slots) {
      seen.add(wheel.nameOf(slot))
      wheel.remove(slot)
    }
    more = due.more
  }
  t.equal(seen.size, 25)
  t.equal(wheel.size, 0)
})

t.test('suspects are counted for each service and for all', async (t) => {
  const wheel = new LeaseWheel(startMs)
  const a = wheel.add('a', 'n/s', ttlMs, startMs)
  wheel.add('b', 'n/s', ttlMs, startMs, true)
  wheel.add('c', 'n/t', ttlMs, startMs)
  wheel.setSuspect(a, true)
  wheel.setSuspect(a, true)
  t.equal(wheel.suspects, 2)
  t.match([...wheel.sickServices], [{ name: 'n/s', total: 2, suspects: 2 }])
  wheel.setSuspect(a, false)
  wheel.remove(wheel.find('b') ?? -1)
  t.equal(wheel.suspects, 0)
  t.equal(wheel.sickServices.size, 0)
  t.match(wheel.serviceOf(a), { name: 'n/s', total: 1, suspects: 0 })
})

t.test('a service stays among the sick until its brake ends', async (t) => {
  const wheel = new LeaseWheel(startMs)
  const slot = wheel.add('a', 'n/s', ttlMs, startMs, true)
  const service = wheel.serviceOf(slot)
  service.protectedSinceMs = startMs
  wheel.setSuspect(slot, false)
  t.same([...wheel.sickServices], [service])
  wheel.release(service)
  t.equal(service.protectedSinceMs, 0)
  t.equal(wheel.sickServices.size, 0)
})

t.test('slots are used again', async (t) => {
  const wheel = new LeaseWheel(startMs)
  const slots = new Set<number>()
  for (let round = 0; round < 10_000; round += 1) {
    const slot = wheel.add(`lease${round}`, 'n/s', ttlMs, startMs + 86_400_000)
    slots.add(slot)
    wheel.remove(slot)
  }
  t.same([...slots], [0])
})

t.test('it gives what a plain map of deadlines gives, whatever happens', async (t) => {
  const lease = fc.integer({ min: 0, max: 15 }).map((index) => `lease${index}`)
  const span = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 40 * minute }))
  const step = fc.oneof(
    fc.record({ type: fc.constant('set' as const), lease, ttlMs: span }),
    fc.record({ type: fc.constant('remove' as const), lease }),
    fc.record({ type: fc.constant('pass' as const), ms: span }),
    fc.record({ type: fc.constant('back' as const), ms: fc.integer({ min: 0, max: 5_000 }) })
  )
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const wheel = new LeaseWheel(startMs)
    const plain = new Map<string, number>()
    let nowMs = startMs
    for (const each of steps) {
      if (each.type === 'set') {
        const slot = wheel.find(each.lease)
        if (slot === undefined) wheel.add(each.lease, 'n/s', each.ttlMs, nowMs + each.ttlMs)
        else wheel.setDeadline(slot, nowMs + each.ttlMs)
        plain.set(each.lease, nowMs + each.ttlMs)
      } else if (each.type === 'remove') {
        const slot = wheel.find(each.lease)
        if ((slot !== undefined) !== plain.delete(each.lease)) throw new Error(`${each.lease} is in one of them only`)
        if (slot !== undefined) wheel.remove(slot)
      } else {
        nowMs += each.type === 'pass' ? each.ms : -each.ms
        const expected = [...plain].filter(([, deadlineMs]) => deadlineMs <= nowMs).map(([name]) => name).sort()
        const found = dueNames(wheel, nowMs)
        if (found.join() !== expected.join()) throw new Error(`due are ${found.join()}, expected ${expected.join()}`)
      }
      if (wheel.size !== plain.size) throw new Error(`size ${wheel.size}, expected ${plain.size}`)
    }
  }), { numRuns: 500 })
  t.pass('no counterexample')
})
