// How long a DNS question, and a small GET, wait at most while one large request is answered: nothing may hold the loop. With DNS in the
// main thread, and in its own. `npm run bench -- stalls [--instances=1000000]`; BENCH_ONLY (a part of a row's name) for a brief look.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { WebSocket } from 'ws'
import { question } from '../support/dns-client.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { type Filling, fillDirectory, fillRedis } from './filled.ts'
import { type Program, type Row, load, startRedis, startRegistry, temporaryDirectory, thousands } from './lib.ts'
import type { Longest } from './prober.ts'

const perService = 100
const applied = 2_000
const beaten = 5_000
/** A request that takes longer is told as one that did not end. */
const limitMs = 120_000
const only = process.env.BENCH_ONLY ?? ''
/** Milliseconds that a DNS question may wait. */
const goalMs = (instances: number): number => instances > 100_000 ? 50 : 20

interface Request {
  readonly what: string
  readonly act: (node: Program) => Promise<unknown>
}

export async function stalls (): Promise<Row[]> {
  const flag = process.argv.find((argument) => argument.startsWith('--instances='))
  const instances = Number(flag?.slice('--instances='.length) ?? 100_000)
  await using directory = await temporaryDirectory()
  await fillDirectory(directory.path, instances, filling)
  const rows: Row[] = []
  for (const [workers, where] of [['0', 'the main thread'], ['1', 'a thread of its own']] as const) {
    await using node = await startRegistry({ directory: directory.path }, workers === '0' ? '0' : '0-1', ['--dns-workers', workers, '--dns-transfer-to', '127.0.0.1'])
    const asked = requests(instances).filter(({ what }) => what.includes(only))
    if (asked.length > 0) rows.push(...await measured(node, asked, where, goalMs(instances)))
  }
  if (reloadName.includes(only)) rows.push(...await reload(instances))
  return rows.map((row) => ({ ...row, what: `${thousands(instances)} instances: ${row.what}` }))
}

async function measured (node: Program, asked: readonly Request[], where: string, goal: number): Promise<Row[]> {
  const prober = new Prober(node)
  const rows: Row[] = []
  try {
    await prober.longest(() => passed(1_000)) // what is slow the first time
    rows.push(rowOf(`nothing else, DNS in ${where}`, await prober.longest(() => passed(2_000)), Infinity))
    for (const { what, act } of asked) {
      const row = await Promise.race([
        prober.longest(() => act(node)).then((longest) => rowOf(`${what}, DNS in ${where}`, longest, goal)),
        passed(limitMs, { what: `${what}, DNS in ${where}`, measured: `no end within ${limitMs / 1_000} s`, goal: 'an end', met: false }, { ref: false })
      ])
      console.log(`  ${row.what}: ${row.measured}`)
      rows.push(row)
    }
  } finally {
    await prober.close()
  }
  return rows
}

const reloadName = 'reload of all from Redis'

/** The line to Redis breaks, and the log is trimmed beyond what the node has seen meanwhile: it reads everything anew. */
async function reload (instances: number): Promise<Row[]> {
  await using redis = await startRedis([])
  await fillRedis(redis.url, instances, filling)
  const port = Number(new URL(redis.url).port)
  const proxy = await RedisProxy.start(port)
  try {
    const flags = ['--dns-workers', '0', '--log-size', '1MiB']
    await using node = await startRegistry({ redis: proxy.url }, '0', flags)
    await using other = await startRegistry({ redis: redis.url }, '0-1', flags)
    const act = async (): Promise<void> => {
      proxy.point(undefined)
      proxy.cut()
      const request = (n: number): { path: string, body: string } => ({ path: `/v1/namespaces/shop/services/new/instances/n-${n}`, body: JSON.stringify({ address: '10.9.9.9', metadata: { text: 'x'.repeat(500) } }) })
      await load({ url: other.url, connections: 8, method: 'PUT', amount: 4_000, request })
      const cursor = (await fetch(`${other.url}/v1/namespaces`)).headers.get('rollcall-revision') ?? ''
      proxy.point(port)
      for (;;) {
        const response = await fetch(`${node.url}/v1/namespaces?minRevision=${cursor}`)
        await response.arrayBuffer()
        if (response.ok) return
      }
    }
    return await measured(node, [{ what: reloadName, act }], 'the main thread', goalMs(instances))
  } finally {
    await proxy.dispose()
  }
}

function rowOf (what: string, { dns, get }: Longest, goal: number): Row {
  const isGoal = goal !== Infinity
  return { what, measured: `DNS ${dns.toFixed(1)} ms, GET ${get.toFixed(1)} ms`, goal: isGoal ? `DNS at most ${goal} ms` : 'to compare with', met: dns <= goal }
}

function requests (instances: number): Request[] {
  const third = { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name: 'third' }, spec: { selector: { version: 'v1' }, ports: [{ port: 80, targetPort: 8080 }] } }
  const fetched = (what: string, path: string, init: RequestInit = {}): Request => ({ what, act: ({ url }) => drained(`${url}${path}`, init) })
  const json = (method: string, body: unknown): RequestInit => ({ method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return [
    fetched('Prometheus targets', '/v1/prometheus/targets'),
    fetched('list by !canary', '/v1/instances?selector=!canary&limit=100'),
    fetched('list by version!=v7', '/v1/instances?selector=version!%3Dv7&limit=100'),
    fetched('list by version=v1', '/v1/instances?selector=version%3Dv1&limit=100'),
    fetched('list by a selector that nothing fits', '/v1/instances?selector=version%3Dv1,!version2,version%20notin%20(v1)&limit=100'),
    fetched('services, the first page', '/v1/services?limit=1000'),
    fetched('services by version=v1', '/v1/services?selector=version%3Dv1&limit=1000'),
    fetched('openapi.json', '/openapi.json'),
    fetched('overview', '/v1/overview'),
    fetched('metrics', '/metrics'),
    fetched(`heartbeats of ${thousands(beaten)}`, '/v1/heartbeats', json('POST', { leases: Array.from({ length: Math.min(beaten, instances) }, (_, n) => leaseOf(n)) })),
    fetched('PUT of a service that selects a third', '/v1/namespaces/shop/services/third', json('PUT', third)),
    fetched('its endpoints', '/v1/namespaces/shop/services/third/endpoints'),
    { what: 'first snapshot of a watch', act: snapshot },
    { what: 'transfer of the zone', act: transfer },
    fetched('backup', '/v1/backup', { method: 'POST' }),
    fetched(`apply of ${thousands(applied)} services`, '/v1/apply', { method: 'POST', body: manifests(), headers: { 'content-type': 'application/yaml' } })
  ]
}

const serviceOf = (n: number): string => `web-${Math.floor(n / perService)}`

const filling: Filling = {
  key: (n) => `shop/${serviceOf(n)}/i-${n}`,
  generation: () => '1',
  body: (n) => ({ labels: { version: `v${n % 3 + 1}`, ...(n % 1_000 === 0 ? { canary: 'true' } : {}) } })
}

function leaseOf (n: number): object {
  return { namespace: 'shop', service: serviceOf(n), id: `i-${n}`, generation: '1' }
}

function manifests (): string {
  return Array.from({ length: applied }, (_, n) => [
    'apiVersion: v1', 'kind: Service', 'metadata:', `  name: applied-${n}`, '  namespace: others', 'spec:', '  selector:', `    app: a-${n}`, '  ports:', '  - port: 80'
  ].join('\n')).join('\n---\n')
}

async function drained (url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  for await (const chunk of response.body ?? []) void chunk
}

async function snapshot ({ url }: Program): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`)
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'subscribe', id: 1, namespace: 'shop' }))
  for await (const [data] of on(socket)) {
    const text = String(data)
    if (text.startsWith('{"type":"snapshot"') && !text.slice(0, 200).includes('"more":true')) break
  }
  socket.terminate()
}

/** The messages of a socket, one after the other. */
async function * on (socket: WebSocket): AsyncGenerator<[data: unknown]> {
  const waiting: unknown[] = []
  let wake: (() => void) | undefined
  let isClosed = false
  socket.on('close', () => {
    isClosed = true
    wake?.()
  })
  socket.on('message', (data) => {
    waiting.push(data)
    wake?.()
  })
  for (;;) {
    while (waiting.length > 0) yield [waiting.shift()]
    if (isClosed) throw new Error('the watch was closed before its snapshot was whole')
    await new Promise<void>((resolve) => { wake = resolve })
  }
}

async function transfer ({ dns }: Program): Promise<void> {
  const [host = '', port = ''] = dns.split(':')
  const dig = spawn('dig', ['+tcp', '+noall', '+time=60', `@${host}`, '-p', port, 'cluster.local', 'AXFR'], { stdio: 'ignore' })
  const [code] = await once(dig, 'exit')
  if (code !== 0) throw new Error(`dig ended with ${String(code)}`)
}

class Prober {
  readonly #worker: Worker

  constructor ({ dns, url }: Program) {
    const workerData = { dns, question: question('web-0.shop.svc.cluster.local', 'A'), url: `${url}/v1/namespaces/shop/services/web-1/endpoints` }
    this.#worker = new Worker(new URL('./prober.ts', import.meta.url), { workerData })
  }

  /** The longest waits while something is done. */
  async longest (act: () => Promise<unknown>): Promise<Longest> {
    await this.#look()
    await act()
    return this.#look()
  }

  async close (): Promise<void> {
    await this.#worker.terminate()
  }

  async #look (): Promise<Longest> {
    const told = once(this.#worker, 'message')
    this.#worker.postMessage('look')
    const [longest] = await told as [Longest]
    return longest
  }
}
