// Real processes: a registry as `npm start` runs it, and the programs that use it.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Closable {
  teardown (callback: () => unknown): void
}

export interface Program {
  readonly pid: number
  /** Lines that were printed so far. */
  readonly lines: readonly string[]
  /** The first line, printed already or still to come, that matches. */
  line (pattern: RegExp): Promise<string>
  /** How it ended: the exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>
  /** Sends a signal and waits for the end; gives the exit code, or the signal that ended it. */
  end (signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/** Starts a Node program. It is ended with the test. */
export function run (t: Closable, script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(process.execPath, ['--conditions=rollcall-source', script, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const lines: string[] = []
  const waiting = new Set<{ readonly pattern: RegExp, readonly found: (line: string) => void, readonly failed: (error: Error) => void }>()
  const exit = new Promise<number | NodeJS.Signals>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 0)))
  const take = (line: string): void => {
    lines.push(line)
    for (const waiter of waiting) {
      if (!waiter.pattern.test(line)) continue
      waiting.delete(waiter)
      waiter.found(line)
    }
  }
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take)
  void exit.then((how) => {
    for (const { pattern, failed } of waiting) failed(new Error(`${script} ended with ${how} before it printed ${String(pattern)}:\n${lines.join('\n')}`))
  })
  t.teardown(() => end(child, exit, 'SIGKILL'))
  return {
    pid: child.pid ?? 0,
    lines,
    exit,
    line: (pattern) => {
      const known = lines.find((line) => pattern.test(line))
      if (known !== undefined) return Promise.resolve(known)
      return new Promise((found, failed) => waiting.add({ pattern, found, failed }))
    },
    end: (signal) => end(child, exit, signal)
  }
}

async function end (child: ChildProcess, exit: Promise<number | NodeJS.Signals>, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
  child.kill(signal)
  return exit
}

export interface Node extends Program {
  readonly url: string
  readonly dnsHost: string
  readonly dnsPort: number
}

/** Starts a registry on free ports and waits until it is ready. */
export async function startNode (t: Closable, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Node> {
  const program = run(t, 'bin/rollcall.js', ['serve', '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', ...args], env)
  const ready = JSON.parse(await program.line(/"msg":"ready"/)) as { http: string, dns: string }
  const [dnsHost = '', dnsPort = ''] = ready.dns.split(':')
  return { ...program, url: ready.http, dnsHost, dnsPort: Number(dnsPort) }
}

export async function temporaryDirectory (t: Closable): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rollcall-e2e-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A request with a JSON body; gives status, headers and the parsed answer. */
export async function call (method: string, url: string, body?: unknown): Promise<{ status: number, headers: Headers, body: any }> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

export const instancePath = (id: string, service = 'orders', namespace = 'shop'): string => `/v1/namespaces/${namespace}/services/${service}/instances/${id}`
export const endpointsPath = (service = 'orders', namespace = 'shop'): string => `/v1/namespaces/${namespace}/services/${service}/endpoints`
