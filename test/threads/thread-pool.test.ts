// Supervised threads before mirrors of a feed, whatever their work is: real threads, a clock of the test.
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { closeMs } from '../../server/threads/supervised-thread.ts'
import { ThreadPool, spawner } from '../../server/threads/thread-pool.ts'
import { PlayedFeed } from '../support/played-feed.ts'
import type { CountingSettings } from './counting-thread.ts'

const program = new URL('./counting-thread.ts', import.meta.url)

class Place {
  readonly world = new PlayedFeed()
  readonly workers: Worker[] = []
  readonly names: string[] = []
  readonly errors: string[] = []
  readonly infos: string[] = []
  readonly gone: number[] = []
  readonly counters = [0, 1].map(() => new SharedArrayBuffer(16))
  readonly pool: ThreadPool<CountingSettings>
  #told: (() => void) | undefined

  constructor (t: { teardown (end: () => unknown): void }, settings: CountingSettings = {}) {
    const spawn = spawner<CountingSettings>(program)
    this.pool = new ThreadPool({
      room: 'Counting', name: 'count', feed: this.world.feed, settings: () => settings, guard: standaloneGuard, counters: this.counters, clock: this.world.clock,
      ended: (place) => { this.gone.push(place) },
      log: { warn: () => undefined, error: (message) => this.#noted(this.errors, message), info: (_facts, message) => this.#noted(this.infos, message) },
      spawn: (data, transfer, name) => {
        const worker = spawn(data, transfer, name)
        this.workers.push(worker)
        this.names.push(name)
        return worker
      }
    })
    t.teardown(() => this.pool.close())
  }

  #noted (list: string[], message: string): void {
    list.push(message)
    this.#told?.()
  }

  /** Resolves when so many errors were logged. */
  async until (list: readonly string[], count: number): Promise<void> {
    while (list.length < count) await new Promise<void>((resolve) => { this.#told = resolve })
  }

  count (place: number, index: number): number {
    return new Float64Array(this.counters[place] ?? new SharedArrayBuffer(16))[index] ?? NaN
  }
}

t.test('each thread follows the feed, counts in memory of its own, and is closed with its work', async (t) => {
  const place = new Place(t)
  await place.pool.start()
  t.strictSame(place.names, ['count-1', 'count-2'])
  place.world.load().register('shop/web/a', { address: '10.0.0.1', ports: [] })
  await place.pool.whenTaken(1)
  await place.pool.close()
  t.strictSame([place.count(0, 0), place.count(1, 0), place.count(0, 1), place.count(1, 1)], [1, 1, 1, 1])
  t.strictSame([place.errors, place.gone.sort()], [[], [0, 1]])
  await place.pool.close()
})

t.test('a thread that dies is started anew after a while, longer each time, and counts on', async (t) => {
  const place = new Place(t)
  await place.pool.start()
  for (const [death, waitMs] of [[1, 100], [2, 200], [3, 400]] as const) {
    const worker = place.workers.at(death === 1 ? 0 : -1)
    await worker?.terminate()
    await place.until(place.errors, death)
    t.match(place.errors.at(-1), `Counting: the thread count-1 ended, and is started anew in ${waitMs} ms`)
    place.world.clock.advance(waitMs - 1)
    t.equal(place.workers.length, 1 + death, 'not before its time')
    place.world.clock.advance(1)
    t.equal(place.workers.length, 2 + death)
    await place.until(place.infos, 2 + death)
  }
  t.strictSame([place.count(0, 0), place.count(1, 0)], [4, 1])
})

t.test('if none can start the pool says why, and goes on trying until it is closed', async (t) => {
  const place = new Place(t, { fails: true })
  await t.rejects(place.pool.start(), { message: 'it fails at its start' })
  await place.until(place.errors, 2)
  place.world.clock.advance(100)
  t.equal(place.workers.length, 4)
  await place.until(place.errors, 4)
  await place.pool.close()
  place.world.clock.advance(60_000)
  t.equal(place.workers.length, 4, 'closed is closed')
})

t.test('a thread that does not end when it should is terminated', async (t) => {
  const place = new Place(t, { hangs: true })
  await place.pool.start()
  const exits = place.workers.map((worker) => once(worker, 'exit'))
  const closed = place.pool.close()
  place.world.clock.advance(closeMs)
  await Promise.all([closed, ...exits])
  t.strictSame(place.gone.sort(), [0, 1])
})
