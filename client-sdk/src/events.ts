// What the SDK tells about its work with the nodes of the registry; registration.ts has what it tells of registrations. Nothing of it
// ever throws; a program that wants to know passes `onEvent`.

export type NodeEvent =
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
   * The registry sends a smaller revision than before, in the same epoch. It is accepted; some of what was sent
   * before may be gone.
   */
  | {
    readonly type: 'regressed', readonly namespace?: string, readonly service?: string, readonly from: string,
    readonly to: string
  }
  | { readonly type: 'error', readonly error: Error }

export type Emit = (event: NodeEvent) => void

/** Tells a person, once for each kind of trouble. */
export type Warn = (message: string) => void

/** What the SDK says about is bounded, too. */
const maxWarnings = 100

/** A `Warn` that says each sentence once, and never throws. Default: standard error; null: warnings are dropped. */
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

/** A hook whose errors do no harm: they are dropped, since there is nowhere left to report them. */
export function safeEmit<Event> (hook: ((event: Event) => unknown) | undefined): (event: Event) => void {
  return (event) => {
    try {
      const result = hook?.(event)
      if (result instanceof Promise) result.catch(() => {})
    } catch {}
  }
}
