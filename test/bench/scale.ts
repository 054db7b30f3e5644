// A hundred thousand instances in a thousand services: memory, load from either store, and the way from a registration
// to a watcher, which must not grow with the registry.
import { setTimeout } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { ServerFrame } from '../../client-sdk/src/wire.ts'
import { type Program, type Row, load, median, residentBytes, startRedis, startRegistry, temporaryDirectory, thousands } from './lib.ts'

const instances = 100_000
const services = 1_000
const small = 1_000
const samples = 300
const quietMs = 15_000

export async function scale (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  const rows = await onStore('SQLite', () => startRegistry({ directory: directory.path }))
  await using redis = await startRedis([])
  return [...rows, ...await onStore('Redis', () => startRegistry({ redis: redis.url }))]
}

async function onStore (store: string, startNode: () => Promise<Program>): Promise<Row[]> {
  const first = await startNode()
  const emptyBytes = await settledBytes(first.pid)
  await fill(first, 0, small)
  const atSmall = await registerToWatch(first)
  await fill(first, small, instances)
  const atLarge = await registerToWatch(first)
  const grownBytes = await settledBytes(first.pid) - emptyBytes
  await first[Symbol.asyncDispose]()
  await using again = await startNode()
  const loadedBytes = await settledBytes(again.pid) - emptyBytes
  const worst = Math.max(grownBytes, loadedBytes) / instances
  const ratio = atLarge / atSmall
  return [
    {
      what: `memory of ${thousands(instances)} instances in ${thousands(services)} services on ${store}, above the empty server`,
      measured: `${thousands(grownBytes / instances)} octets each after registering them, ${thousands(loadedBytes / instances)} after a restart`,
      goal: 'at most 2,048 each',
      met: worst <= 2_048
    },
    {
      what: `start with ${thousands(instances)} instances from ${store}, the process included`,
      measured: `${(again.readyAfterMs / 1_000).toFixed(2)} s`,
      goal: 'at most 5 s',
      met: again.readyAfterMs <= 5_000
    },
    {
      what: `registration to watcher on ${store}, at ${thousands(instances)} against ${thousands(small)} instances`,
      measured: `${ratio.toFixed(2)} times (${atSmall.toFixed(2)} ms -> ${atLarge.toFixed(2)} ms at the median)`,
      goal: 'does not grow: at most 1.5 times',
      met: ratio <= 1.5
    }
  ]
}

/** Resident memory once the process is quiet: V8 gives back what loading needed some seconds after the last request. */
async function settledBytes (pid: number): Promise<number> {
  await setTimeout(quietMs)
  return residentBytes(pid)
}

async function fill (node: Program, from: number, to: number): Promise<void> {
  await load({
    url: node.url,
    connections: 32,
    method: 'PUT',
    amount: to - from,
    request: (n) => {
      const index = from + n
      return {
        path: `/v1/namespaces/shop/services/service-${index % services}/instances/instance-${index}`,
        body: JSON.stringify({
          address: `10.${index >> 16 & 255}.${index >> 8 & 255}.${index & 255}`,
          ports: [{ name: 'http', port: 8080 }],
          labels: { app: `app-${index % services}`, version: `v${index % 3}` },
          zone: `zone-${index % 3}`,
          generation: `generation-${index}`,
          lease: { ttlMs: 3_600_000 }
        })
      }
    }
  })
}

/** Median time from sending a registration to the frame of its change at a watcher of the service, milliseconds. */
async function registerToWatch (node: Program): Promise<number> {
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v1/watch`)
  let arrived: (id: string) => void = () => undefined
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ServerFrame
    if (frame.type === 'snapshot') begin()
    if (frame.type === 'change' && frame.kind === 'instance') arrived(frame.instance.id)
  })
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, namespace: 'shop', service: 'probe' })))
  await begun
  const times: number[] = []
  for (let n = 0; n < samples; n++) {
    const id = `probe-${n % 10}`
    const seen = new Promise<void>((resolve) => { arrived = (which) => { if (which === id) resolve() } })
    const began = performance.now()
    const answered = fetch(`${node.url}/v1/namespaces/shop/services/probe/instances/${id}`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ address: '10.9.9.9', generation: `g${n}`, lease: { ttlMs: 3_600_000 } })
    })
    await seen
    times.push(performance.now() - began)
    await (await answered).text()
  }
  socket.close()
  return median(times)
}
