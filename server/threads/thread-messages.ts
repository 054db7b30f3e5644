// What a supervised thread is given, and what it tells.
import type { MessagePort } from 'node:worker_threads'

export interface ThreadData<Settings> {
  /** Whatever can be sent to a thread. The rest is made in it. */
  readonly settings: Settings
  /** Where it counts, in memory that it shares with those who show the numbers. */
  readonly counters: SharedArrayBuffer
  /** Brings `MirrorMessage`s, and takes a `null` for each one that the thread took in. */
  readonly feed: MessagePort
}

/** What a thread is told: to end, or what its work understands. */
export type ThreadOrder<Order> = { readonly type: 'end' } | { readonly type: 'order', readonly order: Order }

/** What it tells: once that it is at work, what is to be logged, and errors that nobody expected, which its guard has caught. */
export type ThreadMessage =
  | { readonly type: 'working' }
  | { readonly type: 'log', readonly level: 'warn' | 'error', readonly message: string }
  | { readonly type: 'unexpected', readonly place: string, readonly name: string, readonly message: string, readonly stack: string, readonly leftOut: number }
  | { readonly type: 'unexpected-count', readonly counts: readonly (readonly [place: string, errors: number])[] }
  | { readonly type: 'info', readonly facts: object, readonly message: string }

export interface ThreadLog {
  warn (message: string): void
  error (message: string): void
  info? (facts: object, message: string): void
}
