// DNS by dnsperf: against what Node can do at most, against BIND and against the server of dns2, quiet and with changes; by threads;
// and the memory of its answers.
import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { promisify, styleText } from 'node:util'
import { question } from '../support/dns-client.ts'
import { type Program, type Row, load, median, start, startRegistry, temporaryDirectory, thousands } from './lib.ts'

const names = 10_000
const changesPerSecond = 500
const rounds = 5
const seconds = 4
const run = promisify(execFile)

const host = (index: number): string => `web-${index}.shop.svc.cluster.local`
const address = (index: number, turn = 0): string => `10.${turn & 255}.${index >> 8}.${index & 255}`

export async function dns (): Promise<Row[]> {
  await using directory = await temporaryDirectory()
  const questions = join(directory.path, 'questions')
  await writeFile(questions, Array.from({ length: names }, (_, index) => `${host(index)} A\n`).join(''))
  return [...await oneCore(directory.path, questions), ...await twoCores(directory.path, questions), await memory()]
}

async function oneCore (directory: string, questions: string): Promise<Row[]> {
  const bare: number[] = []
  const quiet: number[] = []
  const changing: number[] = []
  let ages: number[] = []
  const single: number[] = []
  await using floor = await start('test/bench/bare-udp.ts', ['76'], '0')
  await using ordinary = await startRegistry({ directory: join(directory, 'ordinary') }, '0', ['--dns-workers', '0', '--dns-batch', 'off'])
  await registerAll(ordinary)
  await using registry = await startRegistry({ directory: join(directory, 'one') }, '0', ['--dns-workers', '0'])
  await registerAll(registry)
  for (let round = 0; round < rounds; round++) {
    bare.push(await rate(floor, questions))
    quiet.push(await rate(registry, questions))
    single.push(await rate(ordinary, questions))
    await using changes = change(registry)
    changing.push(await rate(registry, questions))
    ages = ages.concat(await changes.ages())
  }
  ages.sort((a, b) => a - b)
  const p99 = ages[Math.floor(0.99 * (ages.length - 1))] ?? Number.NaN
  const ratio = median(quiet) / median(bare)
  const busyRatio = median(changing) / median(quiet)
  const bind = await bindRate(directory, questions)
  const knot = await knotRate(directory, questions)
  await using other = await start('test/bench/dns2-server.ts', [], '0')
  const dns2 = await rate(other, questions)
  return [
    { what: `A of ${thousands(names)} names on one core, against a bare Node UDP responder`, measured: `${ratio.toFixed(2)} (${thousands(median(quiet))}/s to ${thousands(median(bare))}/s)`, goal: 'at least 1.9', met: ratio >= 1.9 },
    { what: 'the same one datagram by one call (--dns-batch off)', measured: `${(median(single) / median(bare)).toFixed(2)} (${thousands(median(single))}/s)`, goal: 'shown', met: true },
    { what: 'the same against Knot with one worker', measured: `${(median(quiet) / knot).toFixed(2)} (Knot ${thousands(knot)}/s)`, goal: 'at least 0.95', met: median(quiet) / knot >= 0.95 },
    { what: 'the same against BIND 9 with one thread', measured: `${(median(quiet) / bind).toFixed(2)} (BIND ${thousands(bind)}/s)`, goal: 'shown', met: true },
    { what: 'the same against the server of dns2', measured: `${(median(quiet) / dns2).toFixed(2)} (dns2 ${thousands(dns2)}/s)`, goal: 'shown', met: true },
    { what: `the same with ${changesPerSecond} changes a second, against quiet`, measured: `${busyRatio.toFixed(2)} (${thousands(median(changing))}/s)`, goal: 'at least 0.85', met: busyRatio >= 0.85 },
    { what: `from sending a change to its answer, ${ages.length} changes`, measured: `${p99.toFixed(1)} ms at the 99th percentile`, goal: 'at most 100 ms', met: p99 <= 100 }
  ]
}

/**
 * One and two threads, both cores for all. The load needs nearly as much of the cores as the answers: what two threads answer in a second
 * is bounded by that, so what each second of the server's own time answers is shown too.
 */
async function twoCores (directory: string, questions: string): Promise<Row[]> {
  const rates = new Map<number, { readonly perSecond: number[], readonly perCpuSecond: number[], readonly cores: number[] }>()
  for (const workers of [1, 2]) {
    const seen = { perSecond: [] as number[], perCpuSecond: [] as number[], cores: [] as number[] }
    rates.set(workers, seen)
    await using registry = await startRegistry({ directory: join(directory, `workers-${workers}`) }, '0-1', ['--dns-workers', String(workers)])
    await registerAll(registry)
    for (let round = 0; round < rounds; round++) {
      const perSecond = await rate(registry, questions, '0-1', (cpuSeconds) => { seen.cores.push(cpuSeconds / seconds) })
      seen.perSecond.push(perSecond)
      seen.perCpuSecond.push(perSecond / (seen.cores.at(-1) ?? Number.NaN))
    }
  }
  const of = (workers: number, what: 'perSecond' | 'perCpuSecond' | 'cores'): number => median(rates.get(workers)?.[what] ?? [])
  const measured = of(2, 'perSecond') / of(1, 'perSecond')
  const scaled = 2 * of(2, 'perCpuSecond') / of(1, 'perCpuSecond')
  return [
    {
      what: 'two DNS workers against one, the load on the same two cores', goal: 'at least 1.6', met: measured >= 1.6,
      measured: `${measured.toFixed(2)} (${thousands(of(1, 'perSecond'))}/s with ${of(1, 'cores').toFixed(2)} cores to ${thousands(of(2, 'perSecond'))}/s with ${of(2, 'cores').toFixed(2)})`
    },
    { what: 'the same by what a second of a core answers, if each had a core of its own', measured: scaled.toFixed(2), goal: 'at least 1.6', met: scaled >= 1.6 }
  ]
}

async function registerAll ({ url }: Program): Promise<void> {
  await load({
    url, connections: 32, method: 'PUT', amount: names,
    request: (n) => ({ path: `/v1/namespaces/shop/services/web-${n % names}/instances/a`, body: registration(address(n % names)) })
  })
}

/** Of all threads of a process, its own and the system's for it, in hundredths (Linux: USER_HZ). */
function cpuSeconds (pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Questions answered in a second, the median of what dnsperf saw; every one must be NOERROR. */
async function rate (program: Pick<Program, 'dns' | 'pid'>, questions: string, cores: '1' | '0-1' = '1', used?: (cpuSeconds: number) => void): Promise<number> {
  const { dns, pid } = program
  const port = dns.slice(dns.lastIndexOf(':') + 1)
  const dnsperf = async (duration: number): Promise<string> =>
    (await run('taskset', ['-c', cores, 'dnsperf', '-s', '127.0.0.1', '-p', port, '-d', questions, '-l', String(duration), '-c', '16', '-q', '200'])).stdout
  await dnsperf(1) // compiles, and makes the answers
  const before = cpuSeconds(pid)
  const text = await dnsperf(seconds)
  used?.(cpuSeconds(pid) - before)
  const codes = /Response codes:\s+(.*)/.exec(text)?.[1] ?? ''
  if (!/^NOERROR \d+ \(100\.00%\)$/.test(codes)) throw new Error(`dnsperf saw ${codes}`)
  return Number(/Queries per second:\s+([\d.]+)/.exec(text)?.[1])
}

/** Changes addresses, one after the other at a steady pace, and asks DNS for each of some of them until it says so. */
function change ({ url, dns }: Program): AsyncDisposable & { ages (): Promise<number[]> } {
  const stop = new AbortController()
  const ages: number[] = []
  const sender = new Sender(url)
  const socket = createSocket('udp4')
  const waiting = new Map<number, (answer: Buffer) => void>()
  socket.on('message', (answer) => waiting.get(answer.readUInt16BE(0))?.(answer))
  const port = Number(dns.slice(dns.lastIndexOf(':') + 1))
  const ask = async (index: number, id: number): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    waiting.set(id, resolve)
    const again = setInterval(() => socket.send(question(host(index), 'A', { id }), port, '127.0.0.1'), 1_000) // a datagram may be lost
    socket.send(question(host(index), 'A', { id }), port, '127.0.0.1')
    const answer = await promise
    clearInterval(again)
    waiting.delete(id)
    return answer.subarray(-4).join('.')
  }
  const one = async (turn: number): Promise<void> => {
    const index = (turn * 7_919) % names
    const wanted = address(index, 1 + turn % 200)
    const began = performance.now()
    await sender.put(`/v1/namespaces/shop/services/web-${index}/instances/a`, registration(wanted))
    if (turn % 10 !== 0) return
    while (await ask(index, turn & 0xffff) !== wanted) if (stop.signal.aborted) return
    ages.push(performance.now() - began)
  }
  let turn = 0
  const running = new Set<Promise<void>>()
  const began = performance.now()
  const timer = setInterval(() => {
    for (const due = (performance.now() - began) * changesPerSecond / 1_000; turn < due && running.size < 256; turn++) {
      const work = one(turn).finally(() => running.delete(work))
      running.add(work)
    }
  }, 2)
  return {
    async ages () {
      clearInterval(timer)
      await Promise.all(running)
      const reached = turn / ((performance.now() - began) / 1_000)
      if (reached < 0.95 * changesPerSecond) console.log(styleText('yellow', `only ${reached.toFixed(0)} changes a second were made`))
      return ages
    },
    async [Symbol.asyncDispose] () {
      clearInterval(timer)
      stop.abort()
      await Promise.allSettled(running)
      sender.close()
      socket.close()
    }
  }
}

function registration (at: string): string {
  return JSON.stringify({ address: at, ports: [{ name: 'http', port: 80 }], lease: { ttlMs: 3_600_000 } })
}

/** Sends requests over one connection, one behind the other, for next to nothing: the load has one core for all. */
class Sender {
  readonly #socket: Socket
  readonly #waiting: { readonly resolve: () => void, readonly reject: (error: Error) => void }[] = []

  constructor (url: string) {
    const { hostname, port } = new URL(url)
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      // Answers are small, and each comes in one piece.
      for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        const first = this.#waiting.shift()
        if (status === '200') first?.resolve()
        else first?.reject(new Error(`a change was answered ${status}`))
      }
    })
  }

  put (path: string, body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(`PUT ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
  }

  close (): void {
    this.#socket.destroy()
    for (const { reject } of this.#waiting) reject(new Error('the connection was closed'))
  }
}

async function freePort (): Promise<number> {
  const probe = createSocket('udp4')
  probe.bind(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return port
}

async function writeZone (directory: string): Promise<string> {
  const zone = join(directory, 'zone')
  await writeFile(zone, `$TTL 5\n@ SOA ns.dns hostmaster 1 7200 1800 86400 5\n@ NS ns.dns\nns.dns A 127.0.0.1\n${
    Array.from({ length: names }, (_, index) => `web-${index}.shop.svc A ${address(index)}\n`).join('')}`)
  return zone
}

async function bindRate (directory: string, questions: string): Promise<number> {
  const [port, zone] = [await freePort(), await writeZone(directory)]
  const config = join(directory, 'named.conf')
  await writeFile(config, `options { directory "${directory}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; minimal-responses yes; };
    controls { }; zone "cluster.local" { type primary; file "${zone}"; };\n`)
  return rateOf(port, ['named', '-g', '-n', '1', '-c', config], 'running', questions)
}

async function knotRate (directory: string, questions: string): Promise<number> {
  const [port, zone] = [await freePort(), await writeZone(directory)]
  const config = join(directory, 'knot.conf')
  await writeFile(config, [
    'server:', `  listen: 127.0.0.1@${port}`, '  udp-workers: 1', '  tcp-workers: 1', '  background-workers: 1', `  rundir: "${directory}"`,
    'log:', '  - target: stderr', '    any: info', 'database:', `  storage: "${directory}/knot"`,
    'zone:', '  - domain: cluster.local', `    file: "${zone}"`, '    zonefile-sync: -1', ''
  ].join('\n'))
  return rateOf(port, ['knotd', '-c', config], 'server started', questions)
}

/** The rate of another server on the first core. @param says what it writes when it is ready */
async function rateOf (port: number, command: readonly string[], says: string, questions: string): Promise<number> {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const server = spawn('taskset', ['-c', '0', ...command], { stdio: ['ignore', 'ignore', 'pipe'], env })
  try {
    for await (const chunk of server.stderr) if (String(chunk).includes(says)) break
    server.stderr.resume()
    return await rate({ dns: `127.0.0.1:${port}`, pid: server.pid ?? 0 }, questions)
  } finally {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }
}

/** What the answers of a name take beside the catalog, in a process that does nothing else: this one frees what others left behind. */
async function memory (): Promise<Row> {
  const { stdout } = await run(process.execPath, ['--expose-gc', '--conditions=rollcall-source', 'test/bench/dns-memory.ts', String(names)])
  const each = Number(stdout)
  return { what: `memory of the answers of ${thousands(names)} names, beyond the catalog`, measured: `${thousands(each)} octets a name`, goal: 'at most 400', met: each <= 400 }
}
