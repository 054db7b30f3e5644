// What the benchmarks share: processes, load, medians, a table. Loopback only, bounded in time, ends what it started.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import autocannon from 'autocannon'
import { RedisServer } from '../support/redis-server.ts'

export interface Program extends AsyncDisposable {
  readonly url: string
  /** `host:port` of DNS; empty if it has none. */
  readonly dns: string
  readonly pid: number
  /** What stands in its ready line beside. */
  readonly ready: { readonly https?: string, readonly eureka?: string, readonly consul?: string, readonly kubernetes?: string }
  /** Milliseconds from the start of the process to its ready line. */
  readonly readyAfterMs: number
}

/** Puts this process, which makes the load, on the second core: what is measured always finds the first one free. */
export function takeSecondCore (): void {
  spawnSync('taskset', ['-cp', '1', String(process.pid)])
}

/** Gives this process, and what it starts from now on, all cores. */
export function takeAllCores (): void {
  spawnSync('taskset', ['-cp', `0-${cpus().length - 1}`, String(process.pid)])
}

/** Starts a Node program that prints a JSON line with `msg: "ready"` and its address in `http`. It may use both cores, as at a user's, or only the first. */
export async function start (script: string, args: readonly string[], cores: '0' | '0-1' = '0-1'): Promise<Program> {
  const began = performance.now()
  const child = spawn('taskset', ['-c', cores, process.execPath, '--max-semi-space-size=16', '--conditions=rollcall-source', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { promise, resolve, reject } = Promise.withResolvers<{ http: string, dns?: string, https?: string, eureka?: string, consul?: string }>()
  child.once('error', reject)
  child.once('exit', (code) => reject(new Error(`${script} ended with ${code} before it was ready`)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"msg":"ready"')) resolve(JSON.parse(line) as { http: string, dns?: string, https?: string })
  })
  const ready = await promise
  const { http: url, dns = '' } = ready
  if (child.pid === undefined) throw new Error(`${script} has no process id`)
  return { url, dns, pid: child.pid, ready, readyAfterMs: performance.now() - began, [Symbol.asyncDispose]: () => stop(child) }
}

async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

/** A registry on a store: a directory for the embedded one, a `redis://` address for the other. */
export function startRegistry (store: { readonly directory: string } | { readonly redis: string }, cores: '0' | '0-1' = '0-1', flags: readonly string[] = []): Promise<Program> {
  const where = 'redis' in store ? ['--redis', store.redis] : ['--data', store.directory]
  return start('bin/rollcall.js', ['serve', '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', ...where, ...flags], cores)
}

export async function temporaryDirectory (): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'rollcall-bench-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A Redis of our own, on the second core with the load. */
export async function startRedis (config: readonly string[]): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = await RedisServer.start({ config })
  return { url: server.url, [Symbol.asyncDispose]: () => server.dispose() }
}

/** Resident memory of a process in octets. */
export function residentBytes (pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0) * 1_024
}

/** Time that a process has worked, its own and the system's for it, in milliseconds: in steps of a hundredth of a second. */
export function cpuMs (pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10 // utime and stime (proc(5)), of 100 a second
}

export interface Load {
  readonly url: string
  readonly connections: number
  readonly method?: 'GET' | 'PUT' | 'POST'
  /** Ends after so many requests, or after `seconds`. */
  readonly amount?: number
  readonly seconds?: number
  /** Path and body of the n-th request. */
  readonly request?: (n: number) => { readonly path: string, readonly body?: string }
}

/** Requests per second, all of them answered with 2xx. */
export async function load (options: Load): Promise<number> {
  let next = 0
  const began = performance.now()
  let last = began
  const { promise, resolve, reject } = Promise.withResolvers<autocannon.Result>()
  const run = autocannon({
    url: options.url,
    connections: options.connections,
    ...(options.amount === undefined ? { duration: options.seconds ?? 5 } : { amount: options.amount }),
    requests: [{
      method: options.method ?? 'GET',
      ...(options.request === undefined ? {} : {
        setupRequest: (request: object) => {
          const { path, body } = options.request?.(next++) ?? { path: '/' }
          return { ...request, path, ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }) }
        }
      })
    }]
  }, (error: unknown, result) => {
    if (error instanceof Error) reject(error)
    else resolve(result)
  })
  // It looks at the clock once a second; the rate of a fixed amount needs the time of the last answer.
  run.on('response', () => { last = performance.now() })
  const result = await promise
  const elapsedSeconds = (last - began) / 1_000
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${failed} of ${result.requests.total} requests to ${options.url} failed`)
  return options.amount === undefined ? result.requests.average : options.amount / elapsedSeconds
}

export function median (values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

export interface Row {
  readonly what: string
  readonly measured: string
  readonly goal: string
  readonly met: boolean
}

export function printTable (rows: readonly Row[]): void {
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.versions.node}`
  console.log(`\nMachine: ${machine}\n`)
  console.log('| what | measured | goal | met |\n|---|---|---|---|')
  for (const row of rows) console.log(`| ${row.what} | ${row.measured} | ${row.goal} | ${row.met ? 'yes' : '**no**'} |`)
}

export const thousands = (value: number): string => Math.round(value).toLocaleString('en')
