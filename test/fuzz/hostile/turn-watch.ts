// Loaded by a node that is attacked, before all else and in each of its threads (`--import`): measures how long a turn of its loop takes, in
// time of a core. On a machine that others use that is the node's own part of what everybody waits for. The parent asks by a message.
import '../../../bin/keep-tick.js'
import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loop, type Work } from '../../../server/loop.ts'

/** What a node says of itself when it is asked: the longest of since it was asked last. */
export interface NodeLook {
  /** Milliseconds of a core that one turn of the loop took at most: of the main thread, and of the others. */
  readonly turnMs: number
  readonly otherTurnMs: number
  /** What ran longest in the main thread without a break, each with its milliseconds. */
  readonly longest: readonly string[]
  /** In MiB, now: resident; of the main thread's heap, what its objects need, what V8 has for it; of the process, outside of heaps. */
  readonly rss: number
  readonly heapUsed: number
  readonly heapTotal: number
  readonly external: number
  /** The same of the thread that answers DNS. */
  readonly otherHeapUsed: number
  readonly otherHeapTotal: number
}

/** Of two runs of a timer of a millisecond, what was between them is a turn, and at most a millisecond more. */
const tickMs = 1
const shared = 'turns of a node that is attacked'
const mebibyte = 1024 * 1024
/** Of what the threads share: turns of the main one and of the others; whether garbage is to go; heap of the others. */
const slots = 5
/** How often a thread says what its heap is. */
const heapLookTicks = 200

function coreMs (): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

function named (work: Work): string {
  return typeof work === 'string' ? work : `${work.method ?? ''} ${work.url?.split('?', 1)[0] ?? ''}`
}

const isMain = threadId === 0
if (isMain) setEnvironmentData(shared, new Float64Array(new SharedArrayBuffer(8 * slots)))
const turns = getEnvironmentData(shared) as unknown as Float64Array // set just above, or by the main thread
const longest = new Map<string, number>()
let [turnBegan, workBegan] = [coreMs(), coreMs()]
let current: Work = ''
let ticks = 0

function began (next: Work): void {
  const now = coreMs()
  const ms = now - workBegan
  if (ms > 2) longest.set(named(current), Math.max(ms, longest.get(named(current)) ?? 0))
  if (longest.size > 1_000) longest.clear()
  workBegan = now
  current = next
}

const begins = loop.begins.bind(loop)
loop.begins = (work): void => {
  began(work)
  begins(work)
}
setInterval(() => {
  began('')
  const place = isMain ? 0 : 1
  if (!isMain && ++ticks % heapLookTicks === 0) {
    if (turns[2] === 1) {
      turns[2] = 0
      void collect()
    }
    const { heapUsed, heapTotal } = process.memoryUsage()
    turns[3] = heapUsed
    turns[4] = heapTotal
  }
  turns[place] = Math.max(turns[place] ?? 0, workBegan - turnBegan)
  turnBegan = workBegan
}, tickMs).unref()

/** What nobody has any more goes: twice, for what the first time ended. */
async function collect (): Promise<void> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let turn = 0; turn < 2; turn++) {
    gc()
    await new Promise((resolve) => { setTimeout(resolve, 500) }) // eslint-disable-line no-restricted-syntax -- the other threads do so too
  }
}

if (isMain) {
  process.on('message', (message) => {
    if (message === 'collect') turns[2] = 1
    if (message === 'collect') void collect().then(() => process.send?.({ collected: true }))
    if (message !== 'look') return
    const mib = (bytes: number): number => Math.round(bytes / mebibyte)
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
    const look: NodeLook = {
      turnMs: turns[0] ?? 0, otherTurnMs: turns[1] ?? 0,
      longest: [...longest].sort(([, a], [, b]) => b - a).slice(0, 6).map(([name, ms]) => `${name} ${Math.round(ms)}`),
      rss: mib(rss), heapUsed: mib(heapUsed), heapTotal: mib(heapTotal), external: mib(external),
      otherHeapUsed: mib(turns[3] ?? 0), otherHeapTotal: mib(turns[4] ?? 0)
    }
    turns.fill(0, 0, 2)
    longest.clear()
    process.send?.({ look })
  })
  process.channel?.unref()
}
