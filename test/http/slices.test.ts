import t from 'tap'
import { longTextLength, maxLongTasks } from '../../server/http/server/limits.ts'
import { Slices } from '../../server/http/server/slices.ts'

interface World {
  readonly slices: Slices
  /** Adds a text whose steps take a millisecond each. */
  readonly add: (client: string, name: string, size: number, steps: number) => Promise<string>
  /** Runs so many slices. */
  readonly go: (slices?: number) => Promise<void>
  /** Who worked, in order; the same one after itself once. */
  readonly log: string[]
}

function world (limit?: number): World {
  let nowMs = 0
  const due: (() => void)[] = []
  const log: string[] = []
  const slices = new Slices({ now: () => nowMs, defer: (callback) => due.push(callback), ...(limit === undefined ? {} : { limit }) })
  return {
    slices,
    log,
    add: (client, name, size, steps) => slices.run(client, size, function * () {
      for (let step = 0; step < steps; step++) {
        nowMs++
        if (log.at(-1) !== name) log.push(name)
        yield
      }
      return name
    }),
    go: async (slices = Infinity) => {
      for (let count = 0; count < slices && due.length > 0; count++) {
        for (const callback of due.splice(0)) callback()
        await Promise.resolve()
      }
    }
  }
}

const long = longTextLength + 1

t.test('a short text does not wait for the long ones, not even for those of its own client', async (t) => {
  const { add, go, log } = world()
  const longs = Array.from({ length: 40 }, (_none, index) => add('A', `long ${index}`, long, 1_000))
  await go(3)
  const own = add('A', 'short', 100, 3)
  const other = add('B', 'other', 100, 3)
  await go(2)
  t.equal(await own, 'short')
  t.equal(await other, 'other')
  t.strictSame(log.slice(0, 3).sort(), ['long 0', 'other', 'short'])
  await go()
  t.equal((await Promise.all(longs)).length, 40)
})

t.test('of each client one long text is in work, and of all only a few; of a client the shortest begins first', async (t) => {
  const { add, go, log } = world()
  const all = [add('A', 'a longest', long + 9, 20), add('A', 'a', long + 2, 20), add('A', 'a shorter', long + 1, 20)]
  for (let client = 1; client <= maxLongTasks; client++) all.push(add(`C${client}`, `c${client}`, long, 20))
  await go(maxLongTasks * 2)
  t.notOk(log.includes(`c${maxLongTasks}`))
  t.notOk(log.includes('a'))
  await go()
  await Promise.all(all)
  t.ok(log.lastIndexOf('a longest') < log.indexOf('a shorter') && log.lastIndexOf('a shorter') < log.indexOf('a'))
})

t.test('two clients have half of the time each', async (t) => {
  const { add, go, log } = world()
  const all = [add('A', 'a', long, 100), add('B', 'b', long, 100)]
  await go()
  await Promise.all(all)
  t.ok(log.length > 30, 'they take turns')
})

t.test('a slice that throws ends itself and no other', async (t) => {
  const { slices, add, go } = world()
  const broken = slices.run('A', long, function * () {
    throw new Error('broken')
  })
  const next = add('A', 'next', long, 2)
  await Promise.all([t.rejects(broken, { message: 'broken' }), go()])
  t.equal(await next, 'next')
})

t.test('at the limit of waiting work the client that has most gives way, and a new one is served', async (t) => {
  const { add, go } = world(10 * long)
  const outcomes = Array.from({ length: 12 }, (_none, index) => add('A', String(index), long, 2).catch((error: unknown) => (error as { code: string }).code))
  const newcomer = add('B', 'newcomer', long, 2)
  await go()
  t.equal(await newcomer, 'newcomer')
  t.equal((await Promise.all(outcomes)).filter((outcome) => outcome === 'REG_OVERLOADED').length, 3)
})
