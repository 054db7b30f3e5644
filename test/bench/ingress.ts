// The ingress engine against nginx with one worker and against a bare node:http answer, on one core, the load on the other one; five
// thousand rules; a thousand endpoint changes a second under load; what an idle WebSocket costs. Rates are ratios of alternating short
// turns, and of processor time for each request, which what else the machine does disturbs least.
// `npm run bench -- ingress`; needs nginx and wrk (`sh test/setup.sh`), says so if one is missing.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cpuMs, median, residentBytes, type Row, takeSecondCore, temporaryDirectory } from './lib.ts'
import { freePort } from '../support/free-port.ts'

const rounds = 5
const turnSeconds = 2
/** Two descriptors of the ingress for each: many systems allow a process 20,000. */
const idleSockets = 9_500

interface Ports {
  readonly backend: number
  readonly nginx: number
}

export async function ingress (): Promise<Row[]> {
  const missing = ['nginx', 'wrk'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing.length > 0) {
    console.log(`  not measured: ${missing.join(' and ')} is missing, which test/setup.sh installs`)
    return []
  }
  takeSecondCore()
  await using directory = await temporaryDirectory()
  const ports = { backend: await freePort(), nginx: await freePort() }
  await using backend = nginx(directory.path, 'backend', `server { listen 127.0.0.1:${ports.backend}; location / { return 200 "hello from the backend"; } }`, '1')
  await using proxy = nginx(directory.path, 'proxy', proxyText(ports), '0')
  await Promise.all([answers(ports.backend), answers(ports.nginx)])
  void [backend, proxy]
  const rows: Row[] = []
  for (const measure of [rates, changes, sockets, stream]) {
    if (!measure.name.includes(process.env.BENCH_ONLY ?? '')) continue
    for (const row of await measure(ports)) {
      console.log(`  ${row.what}: ${row.measured}`)
      rows.push(row)
    }
  }
  return rows
}

function proxyText ({ backend, nginx: port }: Ports): string {
  return `upstream backend { server 127.0.0.1:${backend}; keepalive 256; keepalive_requests 1000000; }
    server { listen 127.0.0.1:${port}; location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    } }`
}

function nginx (directory: string, name: string, servers: string, core: string): AsyncDisposable & { readonly pid: number } {
  const file = join(directory, `${name}.conf`)
  // One process and no master: its processor time is that of the worker.
  writeFileSync(file, `daemon off; master_process off; pid ${directory}/${name}.pid; error_log ${directory}/${name}.log;
    events { worker_connections 4000; } http { access_log off; keepalive_requests 1000000; ${servers} }`)
  return ended(spawn('taskset', ['-c', core, 'nginx', '-c', file], { stdio: 'ignore' }))
}

function ended (child: ChildProcess): AsyncDisposable & { readonly pid: number } {
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    }
  }
}

async function answers (port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isThere = await fetch(`http://127.0.0.1:${port}/`).then(async (response) => (await response.text()).length > 0, () => false)
    if (isThere) return
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  throw new Error(`nobody answers at port ${port}`)
}

interface Served extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  /** Tells the process to do something, and waits for its answer. */
  readonly tell: (word: string) => Promise<string>
}

async function served (mode: string, backend: number): Promise<Served> {
  const child = spawn('taskset', ['-c', '0', process.execPath, '--max-semi-space-size=32', '--conditions=rollcall-source', 'test/bench/ingress-server.ts', mode, String(backend)],
    { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => String((await lines.next()).value)
  const port = Number(await next())
  return {
    ...ended(child), port,
    tell: async (word) => {
      child.stdin.write(`${word}\n`)
      return next()
    }
  }
}

interface Turn {
  readonly rate: number
  readonly failed: number
  /** Microseconds of processor time for a request. */
  readonly cpu: number
  readonly medianMs: number
}

async function turn (port: number, pid: number, connections = 32, seconds = turnSeconds): Promise<Turn> {
  const before = cpuMs(pid)
  const child = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => { text += part })
  await once(child, 'close')
  const count = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0)
  const [, value = '0', unit = 'ms'] = /50%\s+([\d.]+)(us|ms|s)/.exec(text) ?? []
  const failed = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0) + Array.from(/Socket errors: (.*)/.exec(text)?.[1]?.matchAll(/\d+/g) ?? []).reduce((sum, [each]) => sum + Number(each), 0)
  return { rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0), failed, cpu: 1_000 * (cpuMs(pid) - before) / Math.max(1, count), medianMs: Number(value) * { us: 0.001, ms: 1, s: 1_000 }[unit as 'us' | 'ms' | 's'] }
}

async function rates (ports: Ports): Promise<Row[]> {
  await using few = await served('few', ports.backend)
  await using many = await served('many', ports.backend)
  await using bare = await served('bare', ports.backend)
  await turn(few.port, few.pid) // warm
  await turn(many.port, many.pid)
  await turn(bare.port, bare.pid)
  const turns: Record<'few' | 'many' | 'bare' | 'nginx' | 'one' | 'direct', Turn[]> = { few: [], many: [], bare: [], nginx: [], one: [], direct: [] }
  for (let round = 0; round < rounds; round++) {
    turns.few.push(await turn(few.port, few.pid))
    turns.nginx.push(await turn(ports.nginx, few.pid))
    turns.bare.push(await turn(bare.port, bare.pid))
    turns.many.push(await turn(many.port, many.pid))
    turns.one.push(await turn(few.port, few.pid, 1, 1))
    turns.direct.push(await turn(ports.backend, few.pid, 1, 1))
  }
  const ratio = (one: readonly Turn[], other: readonly Turn[], of: (turn: Turn) => number): number =>
    median(one.map((each, round) => of(each) / of(other[round] ?? each)))
  const rate = (each: Turn): number => each.rate
  const failed = Object.values(turns).flat().reduce((sum, each) => sum + each.failed, 0)
  return [
    row('ingress against nginx with one worker, keep-alive', ratio(turns.few, turns.nginx, rate), 0.3, 'ratio of requests a second'),
    row('ingress against a bare node:http answer, keep-alive', ratio(turns.few, turns.bare, rate), 0.4, 'ratio of requests a second'),
    row('the same, by processor time for a request', 1 / ratio(turns.few, turns.bare, ({ cpu }) => cpu), 0.4, `${median(turns.few.map(({ cpu }) => cpu)).toFixed(0)} us each`),
    row('5,000 rules against one', 1 / ratio(turns.many, turns.few, ({ cpu }) => cpu), 0.9, 'ratio of processor time for a request'),
    {
      what: 'latency that the ingress adds at the median, one client', measured: `${(median(turns.one.map(({ medianMs }) => medianMs)) - median(turns.direct.map(({ medianMs }) => medianMs))).toFixed(3)} ms`,
      goal: '< 0.5 ms', met: median(turns.one.map(({ medianMs }) => medianMs)) - median(turns.direct.map(({ medianMs }) => medianMs)) < 0.5
    },
    { what: 'requests that failed meanwhile', measured: String(failed), goal: '0', met: failed === 0 }
  ]
}

function row (what: string, value: number, goal: number, note: string): Row {
  return { what, measured: `${value.toFixed(2)} (${note})`, goal: `>= ${goal}`, met: value >= goal }
}

/** A thousand changes a second: endpoints come and go, their weights change; two that answer are always there. */
async function changes ({ backend }: Ports): Promise<Row[]> {
  await using server = await served('few', backend)
  await turn(server.port, server.pid)
  const quiet = await turn(server.port, server.pid)
  await server.tell('change')
  const busy = await turn(server.port, server.pid, 32, 5)
  const done = Number(await server.tell('count'))
  return [
    { what: '1,000 endpoint changes a second under load: failed requests', measured: `${busy.failed} of ${Math.round(busy.rate * 5)}, over ${done} changes`, goal: '0', met: busy.failed === 0 && done > 4_000 },
    { what: 'rate while endpoints change, against none', measured: (busy.rate / quiet.rate).toFixed(2), goal: '>= 0.5', met: busy.rate / quiet.rate >= 0.5 }
  ]
}

/** Upgraded connections that say nothing: what each costs the process. The endpoint is in the same process of the load. */
async function sockets ({ backend }: Ports): Promise<Row[]> {
  await using server = await served('few', backend)
  await server.tell('echo')
  const open = async (count: number): Promise<Socket[]> => {
    const all: Socket[] = []
    while (all.length < count) {
      all.push(...await Promise.all(Array.from({ length: Math.min(100, count - all.length) }, async () => {
        const socket = connect({ port: server.port, host: '127.0.0.1' })
        socket.write('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        const [chunk] = await once(socket, 'data') as [Buffer]
        if (!chunk.toString().includes('101')) throw new Error(chunk.toString())
        return socket
      })))
    }
    return all
  }
  const first = await open(200) // what is made once
  await server.tell('collect')
  const before = residentBytes(server.pid)
  const all = await open(idleSockets)
  await server.tell('collect')
  const each = (residentBytes(server.pid) - before) / idleSockets / 1_024
  for (const socket of [...first, ...all]) socket.destroy()
  return [{ what: `${idleSockets} idle WebSockets, memory of each`, measured: `${each.toFixed(1)} KiB`, goal: '<= 12 KiB', met: each <= 12 }]
}

/** A gigabyte through the ingress: its process has what it needs after the first part, and grows no more. */
async function stream ({ backend }: Ports): Promise<Row[]> {
  const gigabyte = 2 ** 30
  const block = Buffer.alloc(262_144)
  const source = createServer((_request, response) => {
    let left = gigabyte
    const pour = (): void => {
      while (left > 0) {
        left -= block.length
        if (!response.write(block)) return void response.once('drain', pour)
      }
      response.end()
    }
    pour()
  })
  source.listen(0, '127.0.0.1')
  await once(source, 'listening')
  await using server = await served('few', backend)
  await server.tell(`source ${(source.address() as AddressInfo).port}`)
  let [first, most, octets] = [0, 0, 0]
  await new Promise<void>((resolve, reject) => {
    request({ port: server.port, host: '127.0.0.1' }, (response) => {
      response.on('data', (chunk: Buffer) => {
        const megabyte = Math.floor(octets / 2 ** 24)
        octets += chunk.length
        if (Math.floor(octets / 2 ** 24) === megabyte) return
        const now = residentBytes(server.pid)
        if (octets < gigabyte / 4) first = Math.max(first, now)
        else most = Math.max(most, now)
      })
      response.once('end', resolve).once('error', reject)
    }).once('error', reject).end()
  })
  source.closeAllConnections()
  source.close()
  const grown = (most - first) / 2 ** 20
  return [{ what: `a stream of ${octets / 2 ** 30} GiB: growth of the process after the first quarter`, measured: `${grown.toFixed(0)} MiB`, goal: '< 32 MiB', met: grown < 32 && octets === gigabyte }]
}
