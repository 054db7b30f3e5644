// SIGTERM, SIGINT and SIGHUP: registrations leave first, then the process ends as it would have without us.

interface ProcessLike {
  readonly pid: number
  on (name: string, listener: (...args: unknown[]) => void): unknown
  off (name: string, listener: (...args: unknown[]) => void): unknown
  listenerCount (name: string): number
  kill (pid: number, name: string): unknown
  exit (code: number): never
}

/** Says goodbye and never rejects. `drain`: there is time for it. */
export type Farewell = (drain: boolean) => Promise<void>

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
type SignalName = keyof typeof signalNumbers

const farewells = new Set<Farewell>()
let ending = false

const listeners = {
  SIGHUP: () => {
    // A program that listens to it means "read your settings again" (daemon(7)): it goes on, and stays registered.
    const process = processLike()
    if (process !== undefined && process.listenerCount('SIGHUP') > 1 + politeListeners(process)) return
    void onSignal('SIGHUP')
  },
  SIGINT: () => void onSignal('SIGINT'),
  SIGTERM: () => void onSignal('SIGTERM'),
  // The process has nothing left to do: what is still registered would only wait for its lease to run out.
  beforeExit: () => { for (const farewell of farewells) void farewell(false) }
}

/** Calls `farewell` before the process ends. Gives the function that takes it back. No-op where there are no processes. */
export function beforeEnd (farewell: Farewell): () => void {
  const process = processLike()
  if (process === undefined) return () => {}
  if (farewells.size === 0) for (const [name, listener] of Object.entries(listeners)) process.on(name, listener)
  farewells.add(farewell)
  return () => {
    if (farewells.delete(farewell) && farewells.size === 0) detach(process)
  }
}

async function onSignal (name: SignalName): Promise<void> {
  const process = processLike()
  if (process === undefined) return
  if (!ending) {
    ending = true
    await Promise.all([...farewells].map((farewell) => farewell(true)))
  }
  // A second signal comes here at once: the operator does not want to wait.
  ending = false
  farewells.clear()
  detach(process)
  if (process.listenerCount(name) > politeListeners(process)) return // the program has its own way to end
  try {
    process.kill(process.pid, name)
  } catch {
    process.exit(128 + signalNumbers[name]) // Deno without the permission to send signals
  }
}

/**
 * Listeners of the library `signal-exit`, which many programs have without knowing: like us it ends the process only if
 * there is no other listener, so each would wait for the other. It counts its copies where every version of it can see them.
 */
function politeListeners (process: object): number {
  const current = (globalThis as Record<symbol, unknown>)[Symbol.for('signal-exit emitter')] // version 4
  const older = (process as { __signal_exit_emitter__?: unknown }).__signal_exit_emitter__ // versions 2 and 3
  return [current, older].reduce<number>((sum, emitter) => {
    const isCounted = typeof emitter === 'object' && emitter !== null && 'count' in emitter && typeof emitter.count === 'number'
    return isCounted ? sum + (emitter.count as number) : sum // just seen to be one
  }, 0)
}

function detach (process: ProcessLike): void {
  for (const [name, listener] of Object.entries(listeners)) process.off(name, listener)
}

/** Signals don't reach a worker thread, and its process may end without asking it. */
export function isWorkerThread (): boolean {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => { isMainThread?: boolean } | undefined }
  }
  try {
    return process?.getBuiltinModule?.('node:worker_threads')?.isMainThread === false
  } catch {
    return false // a runtime that knows the function, but not the module
  }
}

function processLike (): ProcessLike | undefined {
  const { process } = globalThis as { process?: Partial<ProcessLike> } // absent in browsers, a part of it in edge runtimes
  return typeof process?.on === 'function' && typeof process.kill === 'function' && typeof process.listenerCount === 'function'
    ? process as ProcessLike // what is used of it has just been seen, or is as old as these
    : undefined
}
