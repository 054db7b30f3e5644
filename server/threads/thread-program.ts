// The program of a supervised thread: it keeps a mirror of the registry's feed, works with it, and ends when it is
// asked to.
import { parentPort, threadName, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import { heldText, watchLoop } from '../loop-watch.ts'
import { FeedMirror, type MirrorMessage } from '../registry/core.ts'
import { threadGuard } from './thread-guard.ts'
import type { ThreadData, ThreadLog, ThreadMessage, ThreadOrder } from './thread-messages.ts'

/** What the work of a thread is begun with. */
export interface ThreadTask<Settings> {
  readonly settings: Settings
  readonly counters: SharedArrayBuffer
  /** Not loaded before the first copy has come. */
  readonly source: FeedMirror
  /** Tells the parent's guard what it caught. */
  readonly guard: Guard
  readonly log: Required<ThreadLog>
}

export interface ThreadWork<Order> {
  /** Handles messages for the work. */
  take? (order: Order): void
  close (): Promise<void>
}

/**
 * Runs until the parent says that it is over; then the work is closed and the thread ends by itself.
 * @param name of its places in log and metrics: `NAME-mirror`, `NAME-thread`
 * @param start resolves when the thread is at work; an error ends the thread, and the supervisor gets it
 */
export async function runThread<Settings, Order = never> (
  name: string, start: (task: ThreadTask<Settings>) => Promise<ThreadWork<Order>>
): Promise<void> {
  if (parentPort === null) throw new Error('this is the program of a thread: a ThreadPool starts it')
  const parent = parentPort
  const { settings, counters, delays, feed, isLater } = workerData as ThreadData<Settings> // the pool made it
  const tell = (message: ThreadMessage): void => parent.postMessage(message)
  const guard = threadGuard(tell, systemClock)
  const source = new FeedMirror({ now: () => Date.now(), taken: (isWell) => feed.postMessage(isWell), guard })
  feed.on('message', guard.around(`${name}-mirror`, (message: MirrorMessage) => source.receive(message)))
  if (isLater) await source.whenLoaded() // others answer meanwhile, and better than one who knows nothing
  const work = await start({
    settings,
    counters,
    source,
    guard,
    log: {
      warn: (message) => tell({ type: 'log', level: 'warn', message }),
      error: (message) => tell({ type: 'log', level: 'error', message }),
      info: (facts, message) => tell({ type: 'info', facts, message })
    }
  })
  tell({ type: 'working' })
  // Loading its program held it, which is nobody's fault.
  const unwatch = watchLoop({
    counts: new Float64Array(delays), guard, held: (held) => tell({ type: 'info', facts: held, message: heldText(`the thread ${threadName}`, held) })
  })
  const place = `${name}-thread`
  // An error outside all guards must not end the thread. An error of the start ends it: the parent logs it and begins
  // anew.
  process.on('uncaughtException', guard.around(place, (error) => guard.failed(place, error)))
  await new Promise<void>((end) => {
    const take = guard.around(place, (order: ThreadOrder<Order>): void => {
      if (order.type === 'order') return work.take?.(order.order)
      parent.off('message', take) // a listener keeps the thread
      end()
    })
    parent.on('message', take)
  })
  await work.close()
  unwatch()
  feed.close() // nothing is open any more, and the thread ends
}
