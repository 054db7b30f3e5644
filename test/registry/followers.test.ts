// Answers to writes wait for those who follow a node, for a while.
import t from 'tap'
import { type Follower, Followers, maxWaitMs, waitBounds } from '../../server/registry/followers.ts'
import { HandClock } from '../support/hand-clock.ts'

class Thread implements Follower {
  revision = 0
  #waiters: { revision: number, done: () => void }[] = []

  hasTaken (revision: number): boolean {
    return this.revision >= revision
  }

  onTaken (revision: number, done: () => void): void {
    this.#waiters.push({ revision, done })
  }

  take (revision: number): void {
    this.revision = revision
    const { true: ready = [], false: waiting = [] } = Object.groupBy(this.#waiters, (waiter) => String(waiter.revision <= revision) as 'true' | 'false')
    this.#waiters = waiting
    for (const { done } of ready) done()
  }
}

function node (): { followers: Followers, position: { revision: number }, clock: HandClock, thread: Thread, time: { nowMs: number } } {
  const position = { revision: 7 }
  const clock = new HandClock()
  const time = { nowMs: 0 }
  const followers = new Followers(position, clock, () => time.nowMs)
  const thread = new Thread()
  followers.add(thread)
  return { followers, position, clock, thread, time }
}

/** Whether it is settled, after all that can happen at once. */
async function isOver (promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => { setImmediate(() => resolve(false)) })])
}

t.test('a write is answered when the thread has it, and the wait is measured', async (t) => {
  const { followers, thread, time } = node()
  const write = followers.shown(Promise.resolve('created'))
  t.equal(await isOver(write), false)
  thread.take(6)
  t.equal(await isOver(write), false, 'not by an older revision')
  time.nowMs = 0.8
  thread.take(7)
  t.equal(await write, 'created')
  t.equal(followers.waits[waitBounds.indexOf(0.001)], 1)
  t.equal(await followers.shown(Promise.resolve('again')), 'again', 'who need not wait does not')
  t.equal(followers.waits.reduce((sum, count) => sum + count, 0), 1)
})

t.test('a thread that does not keep up holds one write up for a while, and no others until it is there again', async (t) => {
  const { followers, position, clock, thread } = node()
  const first = followers.shown(Promise.resolve(1))
  t.equal(await isOver(first), false)
  clock.advance(maxWaitMs)
  t.equal(await first, 1)
  t.equal(await followers.shown(Promise.resolve(2)), 2)
  t.equal(followers.gaveUp, 2)
  thread.take(7)
  position.revision = 8
  const next = followers.shown(Promise.resolve(3))
  t.equal(await isOver(next), false, 'it is waited for again')
  thread.take(8)
  t.equal(await next, 3)
})

t.test('a write that failed does not wait', async (t) => {
  const { followers } = node()
  await t.rejects(followers.shown(Promise.reject(new Error('refused'))), { message: 'refused' })
})
