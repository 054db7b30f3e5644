// What the SDK tells about its work in the background. Nothing there ever throws; whoever wants to know passes `onEvent`.
import type { Registration } from './registration.ts'

export type RollcallEvent =
  /** `again`: the registry had forgotten the lease. */
  | { readonly type: 'registered', readonly registration: Registration, readonly again: boolean }
  /** The WebSocket is its lease from now on: also after each time that it was broken. */
  | { readonly type: 'session', readonly registration: Registration }
  /**
   * Another process registered the same id: this one has stopped its heartbeats, and with `onSuperseded: 'wait'` waits
   * for its turn.
   */
  | { readonly type: 'superseded', readonly registration: Registration }
  /** The registry took what it was given and has something to say about it. */
  | { readonly type: 'warning', readonly message: string, readonly registration?: Registration }
  | { readonly type: 'deregistered', readonly registration: Registration }
  /** No address answers. Heartbeats and watches go on trying, resolve answers from the last known lists. */
  | { readonly type: 'unreachable', readonly error: Error }
  | { readonly type: 'reachable', readonly address: string }
  | { readonly type: 'failover', readonly from: string, readonly to: string, readonly error: Error }
  /** Back at its own node, so that the clients spread evenly again. */
  | { readonly type: 'returned', readonly from: string, readonly to: string }
  /** The node in use has lost its store: its answers are of before. The client looks for another one. */
  | { readonly type: 'stale', readonly address: string }
  /** The node in use has its store again. */
  | { readonly type: 'current', readonly address: string }
  /**
   * The registry tells a smaller revision than before, in the same epoch. What it tells is taken; some of what was told
   * before may be gone.
   */
  | {
    readonly type: 'regressed', readonly namespace?: string, readonly service?: string, readonly from: string,
    readonly to: string
  }
  | { readonly type: 'error', readonly error: Error }

export type Emit = (event: RollcallEvent) => void

/** Tells a person, once for each kind of trouble. */
export type Warn = (message: string) => void

/** What the SDK says about is bounded, too. */
const maxWarnings = 100

/** A `Warn` that says each sentence once, and never throws. Default: standard error; null: nobody is told. */
export function warnOnce (warn: ((message: string) => unknown) | null | undefined): Warn {
  const said = new Set<string>()
  const { console } = globalThis as { console?: { error (text: string): void } }
  const say = warn === undefined ? (message: string) => console?.error(message) : warn
  return (message) => {
    if (said.has(message) || said.size >= maxWarnings) return
    said.add(message)
    try {
      const result: unknown = say?.(`rollcall: ${message}`)
      if (result instanceof Promise) result.catch(() => {})
    } catch {}
  }
}

/** A hook that cannot hurt: what it throws, or rejects with, is dropped, since there is nobody left to tell. */
export function safeEmit (hook: ((event: RollcallEvent) => unknown) | undefined): Emit {
  return (event) => {
    try {
      const result = hook?.(event)
      if (result instanceof Promise) result.catch(() => {})
    } catch {}
  }
}
