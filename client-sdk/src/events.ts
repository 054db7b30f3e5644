// What the SDK tells about its work in the background. Nothing there ever throws; whoever wants to know passes `onEvent`.
import type { Registration } from './registration.ts'

export type RollcallEvent =
  /** `again`: the registry had forgotten the lease. */
  | { readonly type: 'registered', readonly registration: Registration, readonly again: boolean }
  /** The WebSocket is its lease from now on: also after each time that it was broken. */
  | { readonly type: 'session', readonly registration: Registration }
  /** Another process registered the same id: this one has stopped its heartbeats. */
  | { readonly type: 'superseded', readonly registration: Registration }
  | { readonly type: 'deregistered', readonly registration: Registration }
  /** No address answers. Heartbeats and watches go on trying, resolve answers from the last known lists. */
  | { readonly type: 'unreachable', readonly error: Error }
  | { readonly type: 'reachable', readonly address: string }
  | { readonly type: 'failover', readonly from: string, readonly to: string, readonly error: Error }
  | { readonly type: 'error', readonly error: Error }

export type Emit = (event: RollcallEvent) => void

/** A hook that cannot hurt: what it throws, or rejects with, is dropped, since there is nobody left to tell. */
export function safeEmit (hook: ((event: RollcallEvent) => unknown) | undefined): Emit {
  return (event) => {
    try {
      const result = hook?.(event)
      if (result instanceof Promise) result.catch(() => {})
    } catch {}
  }
}
