// Several threads that do the same work, each before its own mirror of the registry's feed: they wait neither for each other nor for
// the main thread, where HTTP and the store are. A thread that dies is logged and started anew.
import { Worker } from 'node:worker_threads'
import { type Clock, guardedClock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import { delaySlots } from '../loop.ts'
import { type Feed, FeedPublisher } from '../registry/core.ts'
import { type Spawn, SupervisedThread } from './supervised-thread.ts'
import type { ThreadLog } from './thread-messages.ts'

/** What the threads have mirrors of. */
export type MirroredFeed = Feed

/** Of a thread. As in the main one (--max-semi-space-size=16, three times that): V8's own choice grows with the memory of the host. */
const maxYoungGenerationSizeMb = 48

export interface ThreadPoolOptions<Settings> {
  /** Whose threads they are, as a log line begins: `DNS`. */
  readonly room: string
  /** Threads are called `NAME-1`, `NAME-2` and so on. */
  readonly name: string
  readonly feed: MirroredFeed
  /** Any value that can be sent to a thread; the same for all. Asked for at each start. */
  readonly settings: () => Settings
  /** For each thread the memory that it counts in. Its successors go on in it. */
  readonly counters: readonly SharedArrayBuffer[]
  readonly spawn: Spawn<Settings>
  readonly clock: Clock
  /** Limits an unexpected error to the callback in which it happened; it counts those that the threads report. */
  readonly guard: Guard
  readonly log?: ThreadLog | undefined
  /** Told when a thread is at work, with its place. */
  readonly working?: (place: number) => void
  /** Told when a thread is gone, with its place. */
  readonly ended?: (place: number) => void
}

/** @typeParam Order what the threads' work understands beside ending */
export class ThreadPool<Settings, Order = never> {
  readonly #publisher: FeedPublisher
  readonly #threads: readonly SupervisedThread<Settings, Order>[]
  /** How late the loop of each thread was, by its name (loop.ts). */
  readonly delays: ReadonlyMap<string, Float64Array>

  constructor ({ feed, counters, name, working, ended, log, clock, guard, ...options }: ThreadPoolOptions<Settings>) {
    const publisher = this.#publisher = new FeedPublisher(feed)
    const common = { ...options, clock: guardedClock(clock, guard, `${name}-threads`), guard, place: `${name}-threads`, publisher, log }
    const delays = this.delays = new Map(counters.map((_, place) => [`${name}-${place + 1}`, new Float64Array(new SharedArrayBuffer(8 * delaySlots))]))
    this.#threads = Array.from(delays, ([thread, { buffer }], place) => new SupervisedThread({
      ...common, name: thread, counters: counters[place] as SharedArrayBuffer, delays: buffer, working: () => working?.(place), ended: () => ended?.(place)
    }))
  }

  /** Resolves when each thread is at work, or has failed and waits for its next start. @throws what the first failed with, if all did */
  async start (): Promise<void> {
    const starts = await Promise.allSettled(this.#threads.map((thread) => thread.start()))
    const [first] = starts
    if (first?.status === 'rejected' && starts.every(({ status }) => status === 'rejected')) throw first.reason
  }

  /** Tells all threads. Those that are started later know it by their settings. */
  tell (order: Order): void {
    for (const thread of this.#threads) thread.tell(order)
  }

  /** Whether every thread that works does so with this revision or a later one. */
  hasTaken (revision: number): boolean {
    return this.#publisher.hasTaken(revision)
  }

  /** Calls back once `hasTaken` is true. Gives a function that gives up waiting. */
  onTaken (revision: number, done: () => void): () => void {
    return this.#publisher.onTaken(revision, done)
  }

  /** Resolves when every thread that lives works with this revision or a later one, or the pool was closed. */
  whenTaken (revision: number): Promise<void> {
    return this.#publisher.whenTaken(revision)
  }

  /** Tells all to end, and ends those that do not within three seconds. */
  async close (): Promise<void> {
    this.#publisher.close()
    await Promise.all(this.#threads.map((thread) => thread.stop()))
  }
}

/** Spawns threads that run a program. @param program a JavaScript file: what the launcher set up for TypeScript holds for its thread only */
export function spawner<Settings> (program: URL): Spawn<Settings> {
  return (workerData, transferList, name) =>
    new Worker(program, { workerData, transferList, name, resourceLimits: { maxYoungGenerationSizeMb } })
}
