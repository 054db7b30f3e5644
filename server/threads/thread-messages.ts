// What a supervised thread is given, and what it tells.
import type { MessagePort } from 'node:worker_threads'

export interface ThreadData<Settings> {
  /** Any value that can be sent to a thread. The rest is created in it. */
  readonly settings: Settings
  /** Where it counts, in memory that it shares with those who show the numbers. */
  readonly counters: SharedArrayBuffer
  /** Brings `MirrorMessage`s, and takes for each one whether the thread took it in. */
  readonly feed: MessagePort
  /** Where the delays of its loop are counted (loop.ts). */
  readonly delays: SharedArrayBuffer
  /** The registry is loaded: its work shall begin with a copy of it. */
  readonly isLater: boolean
}

/** Messages to a thread: to end, or a message for its work. */
export type ThreadOrder<Order> = { readonly type: 'end' } | { readonly type: 'order', readonly order: Order }

/** Messages of a thread: once that it works, lines for the log, and unexpected errors that its guard has caught. */
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
