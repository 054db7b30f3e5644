// A thread that answers DNS: the same server as in the main thread, before a mirror of its feed. bin/dns-worker.js loads it.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../clock.ts'
import { Guard } from '../guard.ts'
import { FeedMirror, type MirrorMessage } from '../registry/core.ts'
import { DnsCounters } from './counters.ts'
import { type Certificate, type DnsOptions, startDns } from './server.ts'

/** The settings of a DNS server that can be sent to a thread. The rest is made in it. */
export type DnsWorkerSettings = Omit<DnsOptions, 'source' | 'counters' | 'log' | 'random' | 'clock' | 'guard' | 'reusePort'>

export interface DnsWorkerData {
  readonly settings: DnsWorkerSettings
  /** Where it counts: `DnsCounters.memory`. */
  readonly counters: SharedArrayBuffer
  /** Brings `MirrorMessage`s, and takes a `null` for each that was taken in. */
  readonly feed: MessagePort
}

/** What the thread is told. */
export type DnsWorkerOrder = { readonly type: 'end' } | { readonly type: 'renew', readonly certificate: Certificate }

/** What the thread tells: once that it answers, and what is to be logged. */
export type DnsWorkerMessage =
  | { readonly type: 'listening' }
  | { readonly type: 'log', readonly level: 'warn' | 'error', readonly message: string }
  | { readonly type: 'unexpected', readonly place: string, readonly name: string, readonly message: string, readonly stack: string, readonly leftOut: number }
  | { readonly type: 'unexpected-count', readonly counts: readonly (readonly [place: string, errors: number])[] }
  | { readonly type: 'info', readonly facts: object, readonly message: string }

if (parentPort === null) throw new Error('this is the program of a thread: see dns-workers.ts')
const parent = parentPort
const { settings, counters, feed } = workerData as DnsWorkerData // dns-workers.ts made it
const tell = (message: DnsWorkerMessage): void => parent.postMessage(message)

/** Told once in this time: an error that each question meets must not become as many messages. */
const countMs = 1_000
const counts = new Map<string, number>()
const guard = new Guard({
  count: (place, errors) => {
    if (counts.size === 0) {
      systemClock.after(countMs, () => {
        tell({ type: 'unexpected-count', counts: [...counts] })
        counts.clear()
      })
    }
    counts.set(place, (counts.get(place) ?? 0) + errors)
  },
  log: (error, place, leftOut) => {
    const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error))
    tell({ type: 'unexpected', place, name, message, stack, leftOut })
  }
})

const mirror = new FeedMirror({ now: () => Date.now(), taken: () => feed.postMessage(null), guard })
feed.on('message', guard.around('dns-mirror', (message: MirrorMessage) => mirror.receive(message)))
const server = await startDns({
  ...settings,
  reusePort: true,
  source: mirror,
  guard,
  counters: new DnsCounters(counters),
  log: {
    warn: (message) => tell({ type: 'log', level: 'warn', message }),
    error: (message) => tell({ type: 'log', level: 'error', message }),
    info: (facts, message) => tell({ type: 'info', facts, message })
  }
})
tell({ type: 'listening' })
// What nobody guarded must not take the thread with it. An error of the start ends it: the parent tells of it and begins anew.
process.on('uncaughtException', guard.around('dns-thread', (error) => guard.failed('dns-thread', error)))
await new Promise<void>((end) => {
  const take = guard.around('dns-thread', (order: DnsWorkerOrder): void => {
    if (order.type === 'renew') return server.renew(order.certificate)
    parent.off('message', take) // a listener keeps the thread
    end()
  })
  parent.on('message', take)
})
await server.close()
feed.close() // nothing is open any more, and the thread ends
