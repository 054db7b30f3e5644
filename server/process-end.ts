// How the process ends: by a signal in order and with 0, by an uncaught error with 1, and in any case in time.
import type { LogOutput } from './log/log-output.ts'

/** npm passes Ctrl-C on to a process that has it from the terminal already: a second signal this soon is the same one. */
const echoMs = 1_000
const endingSignals = ['SIGTERM', 'SIGINT'] as const
/** So long the last lines of the log may take. A reader that has stalled does not get them. */
const flushMs = 200
/**
 * Requests of libuv's threads that a process can't leave behind: its exit waits for them, however long they hang. And ports to threads that
 * still start: an exit that ends these meanwhile aborts now and then (SIGABRT in the place of 0).
 */
const hangingRequests = /ReqWrap$|^FSReq|^MessagePort$/

export interface EndHandlers {
  /** Told of the first signal that asks to end. Resolves when everything has ended. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>
  /** Told of a signal that asks to read the settings again. */
  readonly reload: () => void
  /**
   * An uncaught error. True: it ended one callback, and the node goes on (docs/decisions/0012-unexpected-errors.md).
   * False: there is nothing to go on with. Never throws.
   */
  readonly survived: (error: unknown) => boolean
  /** The last word before an error ends the process. Never throws. */
  readonly failed: (error: unknown) => Promise<void>
  readonly output: Pick<LogOutput, 'flush'>
}

/** Handles the signals of this process from now on. */
export function handleEnd ({ end, reload, survived, failed, output }: EndHandlers): void {
  let firstAtMs: number | undefined
  for (const signal of endingSignals) {
    process.on(signal, () => {
      const nowMs = performance.now()
      if (firstAtMs === undefined) {
        firstAtMs = nowMs
        void end(signal).catch(failed).finally(() => endProcess(0, output))
      } else if (nowMs - firstAtMs > echoMs) {
        void endProcess(0, output) // the operator does not want to wait; acknowledged writes are stored
      }
    })
  }
  process.on('SIGHUP', reload)
  let hasFailed = false
  const fail = (error: unknown): void => {
    if (survived(error) || hasFailed) return
    hasFailed = true
    void failed(error).finally(() => endProcess(1, output))
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
}

/** Ends the process, after the log's last lines. */
export async function endProcess (code: number, output: Pick<LogOutput, 'flush'>): Promise<never> {
  await output.flush(flushMs)
  // A look-up of a name without an answer, a write to a disk that is gone: process.exit() would wait for them. To
  // become another program waits for nothing.
  if (process.platform !== 'win32' && process.getActiveResourcesInfo().some((name) => hangingRequests.test(name))) {
    try {
      process.removeAllListeners('warning') // that the call is experimental
      process.execve?.(process.execPath, [process.execPath, '-e', `process.exitCode = ${code}`], {})
    } catch {
      // then it is the other way
    }
  }
  process.exit(code)
}
