// One large service: what a change of it costs those who ask meanwhile. A node on one core, DNS in its main thread; 1,000 questions a second
// for the service, 100 and 500 changes a second of its instances, and somebody who reads its endpoints over and over.
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { WebSocket } from 'ws'
import type { Asked, Task } from './big-clients.ts'
import { body, path } from './big-clients.ts'
import { type Filling, fillDirectory } from './filled.ts'
import { type Row, median, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** `--sizes=100,10000` for a brief look. A service takes 50,000 registrations; more than that come from a backup. */
const sizes = (process.argv.find((argument) => argument.startsWith('--sizes='))?.slice('--sizes='.length) ?? '100,1000,10000,100000').split(',').map(Number)
const rates = [100, 500]
const questionsPerSecond = 1_000
const seconds = 10

interface Result {
  readonly instances: number
  readonly changesPerSecond: number
  readonly answeredShare: number
  readonly dnsMeanMs: number
  readonly dnsWorstMs: number
  readonly putMedianMs: number
  readonly putWorstMs: number
  readonly getP99Ms: number
  /** Of a frame that tells one change. */
  readonly frameBytes: number
}

export async function big (): Promise<Row[]> {
  const results: Result[] = []
  for (const instances of sizes) {
    for (const rate of rates) {
      const result = await measure(instances, rate)
      results.push(result)
      console.log(`  ${instances} instances, ${rate} changes/s: ${JSON.stringify(result)}`)
    }
  }
  const at = (instances: number, rate: number): Result | undefined => results.find((each) => each.instances === instances && each.changesPerSecond === rate)
  const [large, small] = [at(10_000, 500), at(100, 500)]
  const growth = (large?.putMedianMs ?? Infinity) / (small?.putMedianMs ?? 1)
  return [
    ...results.map((each): Row => ({
      what: `one service of ${thousands(each.instances)}, ${each.changesPerSecond} changes/s, ${thousands(questionsPerSecond)} DNS questions/s`,
      measured: `DNS ${(100 * each.answeredShare).toFixed(1)} % answered, mean ${each.dnsMeanMs.toFixed(2)} ms, longest ${each.dnsWorstMs.toFixed(1)} ms; ` +
        `PUT median ${each.putMedianMs.toFixed(2)} ms, slowest ${each.putWorstMs.toFixed(1)} ms; GET endpoints p99 ${each.getP99Ms.toFixed(1)} ms; frame ${each.frameBytes} octets`,
      goal: each.instances === 10_000 ? 'all, mean 1 ms, longest 20 ms; PUT 50 ms; GET 20 ms; frame under 1,000' : '',
      met: each.instances !== 10_000 || isMet(each)
    })),
    {
      what: 'a change at 10,000 against one at 100 instances, PUT at the median',
      measured: `${growth.toFixed(2)} times`,
      goal: 'at most 1.5 times',
      met: growth <= 1.5
    }
  ]
}

function isMet ({ answeredShare, dnsMeanMs, dnsWorstMs, putWorstMs, getP99Ms, frameBytes }: Result): boolean {
  return answeredShare === 1 && dnsMeanMs <= 1 && dnsWorstMs <= 20 && putWorstMs <= 50 && getP99Ms < 20 && frameBytes < 1_000
}

const filling: Filling = {
  key: (n) => `shop/orders/instance-${n}`,
  generation: (n) => `generation-${n}`,
  body: (n) => ({ labels: { app: 'orders', version: `v${n % 3}` }, zone: `zone-${n % 3}` })
}

async function measure (instances: number, changesPerSecond: number): Promise<Result> {
  await using directory = await temporaryDirectory()
  await fillDirectory(directory.path, instances, filling)
  await using node = await startRegistry({ directory: directory.path }, '0', ['--dns-workers', '0'])
  const frames: number[] = []
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/watch`)
  socket.on('error', () => undefined) // a watch that is gone has no frames, and the row says so
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, view: 'endpoints', namespace: 'shop' })))
  socket.on('message', (bytes: Buffer) => { if (bytes.includes('"event":"difference"') || bytes.includes('"event":"put"')) frames.push(bytes.length) })
  await fetch(`${node.url}${path}/endpoints`).then((response) => response.arrayBuffer())
  await fetch(`${node.url}${path}/instances/instance-1`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: body(1, 7) })
  await setTimeout(1_000) // the one change has been told, and the process is quiet
  const frameBytes = frames.at(-1) ?? Infinity
  const [questions, { waits: puts }, { waits: gets }] = await Promise.all([
    client({ kind: 'ask', address: node.dns, perSecond: questionsPerSecond, seconds }),
    client({ kind: 'change', url: node.url, instances, perSecond: changesPerSecond, seconds }),
    client({ kind: 'read', url: node.url, seconds })
  ])
  socket.terminate()
  return {
    instances, changesPerSecond, frameBytes,
    answeredShare: questions.waits.length / questions.asked,
    dnsMeanMs: questions.waits.reduce((sum, wait) => sum + wait, 0) / questions.waits.length,
    dnsWorstMs: questions.waits.reduce((most, wait) => Math.max(most, wait), 0),
    putMedianMs: median(puts),
    putWorstMs: puts.reduce((most, wait) => Math.max(most, wait), 0),
    getP99Ms: gets.toSorted((a, b) => a - b)[Math.floor(gets.length * 0.99)] ?? Infinity
  }
}

/** Each client is a thread of its own: it sees what the node does, and not what the others do. */
async function client (task: Task): Promise<Asked> {
  const worker = new Worker(new URL('./big-clients.ts', import.meta.url), { workerData: task })
  try {
    const [asked] = await once(worker, 'message') as [Asked]
    return asked
  } finally {
    await worker.terminate()
  }
}
