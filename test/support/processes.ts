// Real processes: a registry as `npm start` runs it, and the programs that use it. A test talks to them by the lines that they print.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Closable } from './closable.ts'

export const repository = fileURLToPath(new URL('../..', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Child {
  readonly process: ChildProcess
  /** Lines of stdout so far. */
  readonly lines: readonly string[]
  /** What it wrote to stderr so far. */
  readonly errors: () => string
  /** The first line of stdout, printed already or still to come, that matches; rejects if the process ends before. */
  readonly line: (pattern: RegExp) => Promise<string>
  /** Resolves when so many lines match; rejects if the process ends before. */
  readonly lineCount: (pattern: RegExp, count: number) => Promise<void>
  readonly ended: Promise<Ended>
}

export interface Program {
  readonly pid: number
  /** Lines of both streams so far. */
  readonly lines: readonly string[]
  /** The first line of either stream, printed already or still to come, that matches; rejects if the process ends before. */
  line (pattern: RegExp): Promise<string>
  /** How it ended: the exit code, or the signal that ended it. */
  readonly exit: Promise<number | NodeJS.Signals>
  /** Sends a signal and waits for the end; gives the exit code, or the signal that ended it. */
  end (signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/** Lines as they are printed, and those that wait for one. */
class Lines {
  readonly all: string[] = []
  readonly #looks = new Set<() => void>()

  add (line: string): void {
    this.all.push(line)
    for (const look of this.#looks) look()
  }

  /** Resolves when so many lines match, with the last of them. @param ended why no more will come, once that is so */
  async until (pattern: RegExp, count: number, ended: Promise<Error>): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const look = (): void => {
      const found = this.all.filter((line) => pattern.test(line))[count - 1]
      if (found !== undefined) resolve(found)
    }
    this.#looks.add(look)
    look()
    void ended.then(reject)
    return promise.finally(() => this.#looks.delete(look))
  }
}

/** @param before of the command line: `ip netns exec NAME`, which becomes the program that it runs */
function start (args: readonly string[], environment: Readonly<Record<string, string>>, cwd: string, before: readonly string[] = []) {
  const [program = '', ...rest] = [...before, process.execPath, '--conditions=rollcall-source', ...args]
  const child = spawn(program, rest, {
    cwd, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe']
  })
  const [out, both] = [new Lines(), new Lines()]
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  createInterface({ input: child.stdout }).on('line', (line) => {
    out.add(line)
    both.add(line)
  })
  createInterface({ input: child.stderr }).on('line', (line) => both.add(line))
  // "close" comes when the streams have been read to their end.
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }))
  const tooEarly = ended.then(({ code, signal }) => new Error(`${args[0]} ended with ${code ?? signal} before it printed that:\n${both.all.join('\n')}`))
  return { child, out, both, errors: () => errors, ended, tooEarly }
}

/** Starts a Node program, such as `['server/main.ts', 'serve']`, that the test itself ends. */
export function runChild (
  args: readonly string[], environment: Readonly<Record<string, string>> = {}, cwd = repository, before: readonly string[] = []
): Child {
  const { child, out, errors, ended, tooEarly } = start(args, environment, cwd, before)
  return {
    process: child,
    lines: out.all,
    errors,
    line: (pattern) => out.until(pattern, 1, tooEarly),
    lineCount: async (pattern, count) => void await out.until(pattern, count, tooEarly),
    ended
  }
}

/** Starts a Node program. It is ended with the test. */
export function run (t: Closable, script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Program {
  const { child, both, ended, tooEarly } = start([script, ...args], env, repository)
  const exit = ended.then(({ code, signal }) => code ?? signal ?? 0)
  const end: Program['end'] = (signal) => {
    child.kill(signal)
    return exit
  }
  t.teardown(() => end('SIGKILL'))
  return { pid: child.pid ?? 0, lines: both.all, exit, line: (pattern) => both.until(pattern, 1, tooEarly), end }
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

/** A request with a JSON body; gives status, headers and the parsed answer. */
export async function call (method: string, url: string, body?: unknown): Promise<{ status: number, headers: Headers, body: any }> {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

export const instancePath = (id: string, service = 'orders', namespace = 'shop'): string => `/v1/namespaces/${namespace}/services/${service}/instances/${id}`
export const endpointsPath = (service = 'orders', namespace = 'shop'): string => `/v1/namespaces/${namespace}/services/${service}/endpoints`
