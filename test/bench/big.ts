// One large service: what a change of it costs those who ask meanwhile. A node on one core, DNS in its main thread; 1,000 questions a second
// for the service, 100 and 500 changes a second of its instances, and somebody who reads its endpoints over and over.
import { createSocket } from 'node:dgram'
import { setTimeout } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { type Filling, addressOf, fillDirectory } from './filled.ts'
import { type Row, median, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** `--sizes=100,10000` for a brief look. A service takes 50,000 registrations; more than that come from a backup. */
const sizes = (process.argv.find((argument) => argument.startsWith('--sizes='))?.slice('--sizes='.length) ?? '100,1000,10000,100000').split(',').map(Number)
const rates = [100, 500]
const questionsPerSecond = 1_000
const seconds = 10
const path = '/v1/namespaces/shop/services/orders'

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

function body (index: number, weight: number): string {
  return JSON.stringify({
    address: addressOf(index), ports: [{ name: 'http', port: 8080 }], labels: { app: 'orders', version: `v${index % 3}` },
    zone: `zone-${index % 3}`, generation: `generation-${index}`, weight, lease: { ttlMs: 3_600_000 }
  })
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
  const until = performance.now() + seconds * 1_000
  const [questions, puts, gets] = await Promise.all([ask(node.dns, until), change(node.url, instances, changesPerSecond, until), read(node.url, until)])
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

/** Questions for the addresses of the service, evenly in time, whether or not the ones before were answered. */
async function ask (address: string, until: number): Promise<{ readonly asked: number, readonly waits: readonly number[] }> {
  const [host = '', port = ''] = address.split(':')
  const socket = createSocket('udp4')
  const sent = new Map<number, number>()
  const waits: number[] = []
  socket.on('message', (message) => {
    const at = sent.get(message.readUInt16BE(0))
    if (at !== undefined) waits.push(performance.now() - at)
    sent.delete(message.readUInt16BE(0))
  })
  const labels = ['orders', 'shop', 'svc', 'cluster', 'local'].flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  const question = Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])])
  let asked = 0
  await paced(questionsPerSecond, until, () => {
    const message = Buffer.from(question)
    message.writeUInt16BE(asked & 0xffff, 0)
    sent.set(asked++ & 0xffff, performance.now())
    socket.send(message, Number(port), host)
  })
  await setTimeout(2_000) // what is still on its way
  socket.close()
  return { asked, waits }
}

async function change (url: string, instances: number, perSecond: number, until: number): Promise<readonly number[]> {
  const waits: number[] = []
  const open = new Set<Promise<void>>()
  let count = 0
  await paced(perSecond, until, () => {
    const index = (count * 7_919) % instances
    const began = performance.now()
    const put = fetch(`${url}${path}/instances/instance-${index}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: body(index, 100 + ++count % 50) })
      .then(async (response) => {
        await response.arrayBuffer()
        waits.push(performance.now() - began)
        open.delete(put)
      })
    open.add(put)
  })
  await Promise.all(open)
  return waits
}

async function read (url: string, until: number): Promise<readonly number[]> {
  const waits: number[] = []
  while (performance.now() < until) {
    const began = performance.now()
    await fetch(`${url}${path}/endpoints`).then((response) => response.arrayBuffer())
    waits.push(performance.now() - began)
    await setTimeout(100)
  }
  return waits
}

/** Calls so often, catching up after what came between. */
async function paced (perSecond: number, until: number, call: () => void): Promise<void> {
  const began = performance.now()
  for (let done = 0; performance.now() < until;) {
    const due = Math.floor((performance.now() - began) * perSecond / 1_000)
    for (; done < due; done++) call()
    await setTimeout(1)
  }
}
