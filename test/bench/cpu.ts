// CPU time of the server for each request, against the smallest Fastify route that takes and gives the same bytes: a rate says how quick the
// client is, too. Both sides in short turns, and the median of the pairs; before that both have stood idle for seconds, as servers do, and
// have collected their garbage.
import { execFile } from 'node:child_process'
import { setTimeout as passed } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Program, type Row, cpuMs, median, start, startRedis, startRegistry, temporaryDirectory } from './lib.ts'

const run = promisify(execFile)
/** BENCH_PAIRS and BENCH_ONLY (a part of the name) are for a brief look. */
const pairs = Number(process.env.BENCH_PAIRS ?? 7)
const only = process.env.BENCH_ONLY ?? ''
const seconds = 1
const connections = 16
const idleMs = 5_000
const script = new URL('requests.lua', import.meta.url).pathname

interface Kind {
  readonly what: string
  readonly goal: number
  readonly method: 'GET' | 'PUT' | 'POST'
  /** `%d` is another number in each request, `%s` another one in each thousand: a service has 50,000 instances at most. */
  readonly path: string
  readonly bare: string
  readonly body?: string
  readonly headers?: readonly string[]
}

const registration = JSON.stringify({ address: '10.1.2.3', ports: [{ name: 'http', port: 8080 }], labels: { app: 'web', version: 'v1' }, generation: 'g', lease: { ttlMs: 600_000 } })
const service = '/v1/namespaces/shop/services/orders'
let count = 0

export async function cpu (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  await using sqlite = await startRegistry({ directory: directory.path }, '0')
  await using redis = await startRedis(['appendonly yes', 'appendfsync everysec'])
  await using shared = await startRegistry({ redis: redis.url }, '0')
  const bytes = await fill(sqlite)
  await fill(shared)
  await using bare = await start('test/bench/bare-server.ts', [bytes], '0')
  const etag = (await fetch(`${sqlite.url}${service}/endpoints`)).headers.get('etag') ?? ''
  const endpoints = { method: 'GET', path: `${service}/endpoints` } as const
  const put = { method: 'PUT', path: `/v1/namespaces/load/services/web-%s/instances/r%d`, body: registration, bare: '/bare' } as const
  const leases = JSON.stringify({ leases: Array.from({ length: 5 }, (_, n) => ({ namespace: 'shop', service: 'orders', id: `orders-${n}` })) })
  const kinds: readonly (Kind & { readonly on: Program })[] = [
    { on: sqlite, what: `GET endpoints of five instances (${bytes.length} octets)`, goal: 0.95, ...endpoints, bare: '/bare' },
    { on: sqlite, what: 'the same, 304', goal: 0.95, ...endpoints, bare: '/known', headers: ['If-None-Match', etag] },
    { on: sqlite, what: 'PUT of a new instance, SQLite', goal: 0.35, ...put },
    { on: shared, what: 'PUT of a new instance, Redis', goal: 0.3, ...put },
    { on: sqlite, what: 'PUT of a heartbeat', goal: 0.6, method: 'PUT', path: `${service}/instances/orders-1/heartbeat`, bare: '/bare', body: '{}' },
    { on: sqlite, what: 'POST of five heartbeats', goal: 0.6, method: 'POST', path: '/v1/heartbeats', bare: '/bare', body: leases }
  ]
  const rows: Row[] = []
  for (const { on, ...kind } of kinds.filter(({ what }) => what.includes(only))) rows.push(await compared(on, bare, kind))
  return rows
}

/** Five instances of a service. Gives its endpoints as they are answered. */
async function fill ({ url }: Program): Promise<string> {
  for (let n = 0; n < 5; n++) {
    await fetch(`${url}${service}/instances/orders-${n}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address: `10.0.0.${n + 1}`, ports: [{ name: 'http', port: 8080 }], labels: { version: 'v1' }, zone: 'a', lease: { ttlMs: 600_000 } })
    })
  }
  return (await fetch(`${url}${service}/endpoints`)).text()
}

async function compared (registry: Program, bare: Program, { what, goal, bare: barePath, ...kind }: Kind): Promise<Row> {
  const ours = (): Promise<number> => perRequest(registry, kind)
  const theirs = (): Promise<number> => perRequest(bare, { ...kind, path: barePath })
  await ours()
  await theirs()
  await passed(idleMs)
  const measured: { readonly ours: number, readonly theirs: number }[] = []
  for (let pair = 0; pair < pairs; pair++) measured.push({ ours: await ours(), theirs: await theirs() })
  const ratio = median(measured.map((pair) => pair.theirs / pair.ours))
  const us = (side: 'ours' | 'theirs'): string => median(measured.map((pair) => pair[side])).toFixed(1)
  return { what, measured: `${ratio.toFixed(2)} of a bare Fastify route (${us('ours')} us of CPU against ${us('theirs')})`, goal: `at least ${goal}`, met: ratio >= goal }
}

/** Microseconds of CPU. */
async function perRequest ({ url, pid }: Program, { method, path, body = '-', headers = [] }: Omit<Kind, 'what' | 'goal' | 'bare'>): Promise<number> {
  count += 1_000_000 // no turn asks for an instance that another one has registered
  const before = cpuMs(pid)
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url, '--', method, path, body, String(count), ...headers])
  const worked = cpuMs(pid) - before
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  if (/Non-2xx or 3xx responses|Socket errors/.test(stdout) || !(requests > 0)) throw new Error(`wrk on ${path}: ${stdout}`)
  return worked * 1_000 / requests
}
