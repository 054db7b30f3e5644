// The program of a supervised thread: it keeps a mirror of the registry's feed, does its work before it, and ends when it is told to.
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { FeedMirror, type MirrorMessage } from '../registry/mirror/feed-mirror.ts'
import type { ThreadData, ThreadLog, ThreadMessage } from './thread-messages.ts'

/** What the work of a thread is begun with. */
export interface ThreadTask<Settings> {
  readonly settings: Settings
  readonly counters: SharedArrayBuffer
  /** Not loaded before the first copy has come. */
  readonly source: FeedMirror
  readonly log: Required<ThreadLog>
}

/**
 * Runs until the parent says that it is over; then the work is closed and the thread ends by itself.
 * @param start resolves when the thread is at work; what it throws ends the thread, and the supervisor is told
 */
export async function runThread<Settings> (start: (task: ThreadTask<Settings>) => Promise<{ close (): Promise<void> }>): Promise<void> {
  if (parentPort === null) throw new Error('this is the program of a thread: a ThreadPool starts it')
  const parent = parentPort
  const { settings, counters, feed } = workerData as ThreadData<Settings> // the pool made it
  const tell = (message: ThreadMessage): void => parent.postMessage(message)
  const source = new FeedMirror({ now: () => Date.now(), taken: () => feed.postMessage(null) })
  feed.on('message', (message: MirrorMessage) => source.receive(message))
  const work = await start({
    settings,
    counters,
    source,
    log: {
      warn: (message) => tell({ type: 'log', level: 'warn', message }),
      error: (message) => tell({ type: 'log', level: 'error', message }),
      info: (facts, message) => tell({ type: 'info', facts, message })
    }
  })
  tell({ type: 'working' })
  await once(parent, 'message')
  await work.close()
  feed.close() // nothing is open any more, and the thread ends
}
