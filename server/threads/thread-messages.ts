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

/** Once that it is at work, and what is to be logged. Any message from its parent means that it ends. */
export type ThreadMessage =
  | { readonly type: 'working' }
  | { readonly type: 'log', readonly level: 'warn' | 'error', readonly message: string }
  | { readonly type: 'info', readonly facts: object, readonly message: string }

export interface ThreadLog {
  warn (message: string): void
  error (message: string): void
  info? (facts: object, message: string): void
}
