// The log of a node: pino makes the lines, an output that never waits writes them.
import { pino, type Logger } from 'pino'
import { systemClock } from '../clock.ts'
import { LogOutput, standardOutput, type Sink } from './log-output.ts'

export type { Logger } from 'pino'

export interface NodeLog {
  readonly log: Logger
  readonly output: LogOutput
}

const warnLevel = 40

/** Makes the log. @param sink default: standard output */
export function openNodeLog ({ level, node }: { readonly level: string, readonly node: string }, sink: Sink = standardOutput()): NodeLog {
  const base = { pid: process.pid, node }
  const output = new LogOutput({
    sink,
    now: () => systemClock.now(),
    after: (ms, callback) => systemClock.after(ms, callback),
    notice: ({ lines, reason, sinceMs }) => `${JSON.stringify({
      level: warnLevel, time: Date.now(), ...base, lostLines: lines, reason, since: new Date(sinceMs).toISOString(),
      msg: `the log can be written again: ${lines} lines were lost (${reason})`
    })}\n`
  })
  return { log: pino({ level, base }, output), output }
}
