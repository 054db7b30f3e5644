// The clients of `big`, each a thread: one asks DNS, one changes instances, one reads the endpoints.
import { createSocket } from 'node:dgram'
import { setTimeout } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { addressOf } from './filled.ts'

export type Task =
  | { readonly kind: 'ask', readonly address: string, readonly perSecond: number, readonly seconds: number }
  | { readonly kind: 'change', readonly url: string, readonly instances: number, readonly perSecond: number, readonly seconds: number }
  | { readonly kind: 'read', readonly url: string, readonly seconds: number }

export interface Asked {
  readonly asked: number
  /** Milliseconds until each answer, without the first ones. */
  readonly waits: readonly number[]
}

/** Milliseconds in which each client, and what it asks, gets quick: they are not counted. */
const warmUpMs = 1_000

export const path = '/v1/namespaces/shop/services/orders'

export function body (index: number, weight: number): string {
  return JSON.stringify({
    address: addressOf(index), ports: [{ name: 'http', port: 8080 }], labels: { app: 'orders', version: `v${index % 3}` },
    zone: `zone-${index % 3}`, generation: `generation-${index}`, weight, lease: { ttlMs: 3_600_000 }
  })
}

function run (task: Task): Promise<Asked> {
  const from = performance.now() + warmUpMs
  const until = from + task.seconds * 1_000
  switch (task.kind) {
    case 'ask': return ask(task.address, task.perSecond, from, until)
    case 'change': return change(task.url, task.instances, task.perSecond, from, until)
    case 'read': return read(task.url, from, until)
  }
}

/** Questions for the addresses of the service, evenly in time, whether or not the ones before were answered. */
async function ask (address: string, perSecond: number, from: number, until: number): Promise<Asked> {
  const [host = '', port = ''] = address.split(':')
  const socket = createSocket('udp4')
  const sent = new Map<number, number>()
  const waits: number[] = []
  socket.on('message', (message) => {
    const at = sent.get(message.readUInt16BE(0))
    if (at !== undefined && at >= from) waits.push(performance.now() - at)
    sent.delete(message.readUInt16BE(0))
  })
  const labels = ['orders', 'shop', 'svc', 'cluster', 'local'].flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  const question = Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])])
  let [id, asked] = [0, 0]
  await paced(perSecond, until, () => {
    const message = Buffer.from(question)
    message.writeUInt16BE(id, 0)
    const now = performance.now()
    sent.set(id, now)
    id = (id + 1) & 0xffff
    if (now >= from) asked++
    socket.send(message, Number(port), host)
  })
  await setTimeout(2_000) // what is still on its way
  socket.close()
  return { asked, waits }
}

async function change (url: string, instances: number, perSecond: number, from: number, until: number): Promise<Asked> {
  const waits: number[] = []
  const open = new Set<Promise<void>>()
  let count = 0
  await paced(perSecond, until, () => {
    const index = (count * 7_919) % instances
    const began = performance.now()
    const put = fetch(`${url}${path}/instances/instance-${index}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: body(index, 100 + ++count % 50) })
      .then(async (response) => {
        await response.arrayBuffer()
        if (began >= from) waits.push(performance.now() - began)
        open.delete(put)
      })
    open.add(put)
  })
  await Promise.all(open)
  return { asked: count, waits }
}

async function read (url: string, from: number, until: number): Promise<Asked> {
  const waits: number[] = []
  while (performance.now() < until) {
    const began = performance.now()
    await fetch(`${url}${path}/endpoints`, { headers: { 'accept-encoding': 'identity' } }).then((response) => response.arrayBuffer())
    if (began >= from) waits.push(performance.now() - began)
    await setTimeout(100)
  }
  return { asked: waits.length, waits }
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

if (!isMainThread) parentPort?.postMessage(await run(workerData as Task))
