// A registry node as a process of its own, with little memory: its ready line, its memory, its end, what it counted.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { repository } from '../../support/processes.ts'
import { host } from './attack.ts'
import type { NodeLook } from './turn-watch.ts'

export interface NodeProcess {
  readonly http: number
  readonly dns: number
  /** Ports of other dialects that it was told to speak, by their names. */
  readonly dialects: ReadonlyMap<string, number>
  readonly pid: number
  /** The last lines that it wrote. */
  readonly lines: readonly string[]
  /** Set when it has ended. */
  readonly exit: { code?: number | string }
  /** Resident memory in MiB, now. */
  residentMib (): number
  /** Milliseconds so far that its main thread was ready to run and had no core: what a busy machine adds to every wait. */
  coreWaitMs (): number
  /** What it says of its loop and its memory since it was asked last. */
  look (): Promise<NodeLook>
  /** Frees what is garbage. */
  collect (): Promise<void>
  /** Of `/metrics`: errors that nobody expected, by place. */
  unexpected (): Promise<Readonly<Record<string, number>>>
  /** Asks it to end, and gives its exit code, or the signal. */
  stop (): Promise<number | string>
}

/** As `npm start` has it, but for the memory. */
const flags = ['--max-old-space-size=512', '--disable-sigusr1', '--max-semi-space-size=16', '--conditions=rollcall-source', `--import=${new URL('turn-watch.ts', import.meta.url).href}`]
const dialectNames = ['kubernetes', 'eureka', 'consul'] as const
const maxLines = 200
/** Of pino: error and fatal. What nobody expected is one. */
const isError = /^\{"level":[56]0/
const maxErrors = 100
const maxShown = 4_000
/** No start takes longer; one that does is told with what it said. */
const startMs = 240_000

/** Starts a node on free ports, or those. @throws if it ends before it is ready, with what it said */
export async function startProcess (args: readonly string[], ports: { readonly http?: number, readonly dns?: number } = {}): Promise<NodeProcess> {
  const where = ['--http', `${host}:${ports.http ?? 0}`, '--dns', `${host}:${ports.dns ?? 0}`]
  const child: ChildProcess = spawn(process.execPath, [...flags, 'bin/rollcall.js', 'serve', ...where, ...args], { cwd: repository, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const kill = (): void => { child.kill('SIGKILL') }
  process.once('exit', kill)
  const exit: { code?: number | string } = {}
  const ended = once(child, 'close').then(([code, signal]) => {
    process.off('exit', kill)
    exit.code = (code ?? signal) as number | string
    if (exit.code !== 0) console.error(`${new Date().toISOString()} the node ended with ${exit.code}:\n${lines.slice(-20).join('\n')}`)
    return exit.code
  })
  const lines: string[] = []
  let errors = 0
  const { promise: ready, resolve, reject } = Promise.withResolvers<Readonly<Record<string, string>>>()
  const late = AbortSignal.timeout(startMs)
  late.addEventListener('abort', () => { reject(new Error(`not ready after ${startMs} ms:\n${lines.join('\n')}`)) })
  void ended.then((code) => { reject(new Error(`the node ended with ${code} before it was ready:\n${lines.join('\n')}`)) })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      // What it says later must not push an error out.
      if (isError.test(line) && errors++ < maxErrors) console.error(`${new Date().toISOString()} the node said: ${line.slice(0, maxShown)}`)
      lines.push(line)
      if (lines.length > maxLines) lines.shift()
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line) as Record<string, string>) // its places are texts
    })
  }
  const places = await ready.catch((error: unknown) => {
    kill()
    throw error
  })
  const pid = child.pid ?? 0
  const http = Number(new URL(places.http ?? '').port)
  const dialects = new Map(dialectNames.flatMap((name) => (places[name] === undefined ? [] : [[name, Number(new URL(places[name]).port)]])))
  return {
    http,
    dns: Number(places.dns?.split(':')[1]),
    dialects,
    pid,
    lines,
    exit,
    residentMib: () => residentMib(pid),
    coreWaitMs: () => coreWaitMs(pid),
    look: async () => (await ask(child, ended, 'look')).look,
    collect: async () => { await ask(child, ended, 'collect') },
    unexpected: () => unexpected(http),
    stop: () => {
      child.kill('SIGTERM')
      return ended
    }
  }
}

/** @throws if it ends before it answers */
async function ask (child: ChildProcess, ended: Promise<unknown>, what: 'look' | 'collect'): Promise<{ readonly look: NodeLook }> {
  const answered = once(child, 'message')
  child.send(what)
  const [message] = await Promise.race([answered, ended.then(() => { throw new Error('the node has ended') })]) as [{ readonly look: NodeLook }]
  return message
}

function residentMib (pid: number): number {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024)
  } catch { // it has ended
    return 0
  }
}

/** The second number of it, in nanoseconds (proc(5), sched-stats). */
function coreWaitMs (pid: number): number {
  try {
    return Math.round(Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6)
  } catch {
    return 0
  }
}

async function unexpected (port: number): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text()
  const found = text.matchAll(/^rollcall_unexpected_errors_total\{(.*?)\} (\d+)$/gm)
  return Object.fromEntries([...found].map(([, labels = '', count]) => [labels, Number(count)]).filter(([, count]) => Number(count) > 0))
}
