// The program of a worker's process: orders come over the channel to the agent, and with its end this ends.
import { guardedClock, systemClock } from '../../../clock.ts'
import { loggingGuard } from '../../../guard.ts'
import { type Sink, standardOutput } from '../../../log/log-output.ts'
import { openNodeLog } from '../../../log/node-log.ts'
import type { AccessRecord } from '../ports.ts'
import { IngressWorker } from './worker.ts'
import type { WorkerOrder, WorkerWord } from './worker-messages.ts'

/** An agent that is gone has no use for long goodbyes: whoever took its place has other workers. */
const orphanGraceMs = 5_000
/** The log's last lines. */
const flushMs = 200
/** POSIX: so much is written to a pipe in one piece (PIPE_BUF). Several processes write to this one. */
const pieceBytes = 4_096

if (process.send === undefined) throw new Error('this is the program of a worker: rollcall proxy --ingress starts it')
const tell = (word: WorkerWord): void => void process.send?.(word, undefined, {}, () => undefined) // a channel that has ended is told of by itself
const { log, output } = openNodeLog({ level: 'info', node: process.env['ROLLCALL_INGRESS_NODE'] ?? '' }, wholeLines(standardOutput()))
const named = log.child({ worker: Number(process.env['ROLLCALL_INGRESS_PLACE'] ?? 0) })
const guard = loggingGuard(named, () => undefined)
let worker: IngressWorker | undefined
let isEnding = false

/** Writes whole lines, as many as fit into a piece: those of other processes must not get into them. */
function wholeLines (sink: Sink): Sink {
  return (bytes, done) => {
    const end = bytes.length <= pieceBytes ? bytes.length : bytes.lastIndexOf('\n', pieceBytes - 1) + 1
    sink(end === 0 ? bytes : bytes.subarray(0, end), done)
  }
}

/** Resolves when it is gone, or nobody hears it any more. */
function lastWord (word: WorkerWord): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve()
    process.send(word, undefined, {}, () => resolve())
  })
}

async function end (graceMs: number): Promise<void> {
  if (isEnding) return
  isEnding = true
  await worker?.end(graceMs)
  if (worker !== undefined) await lastWord({ type: 'figures', id: 0, figures: worker.figures })
  await output.flush(flushMs)
  process.exit(0)
}

process.on('message', guard.around('ingress-worker', async (order: WorkerOrder, socket: unknown) => {
  if (order.type === 'begin') {
    const { settings } = order
    log.level = settings.logLevel
    const clock = guardedClock(systemClock, guard, 'ingress-timer')
    worker = new IngressWorker({ settings, clock, guard, log: named, writeAccess: (record: AccessRecord) => output.write(`${JSON.stringify({ access: record })}\n`), tell })
    return
  }
  if (order.type === 'end') return await end(order.graceMs)
  await worker?.take(order, socket as object | undefined)
}))
process.on('disconnect', guard.around('ingress-worker', () => end(orphanGraceMs)))
// One request must not take the connections of all others along.
process.on('uncaughtException', guard.around('ingress-uncaught', (error: Error) => guard.failed('ingress-uncaught', error)))
process.on('unhandledRejection', guard.around('ingress-uncaught', (error: unknown) => guard.failed('ingress-uncaught', error)))
// Those of a terminal and of a service manager go to the whole group: the agent says when.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined)
tell({ type: 'started' })
