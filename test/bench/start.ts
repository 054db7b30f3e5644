// How long a start takes: of a command, of an empty server for the first time and again, and of servers on stores that are full. Each on
// one core, the processes one after the other; CPU time stands beside the clock, since another load on the machine moves the clock only.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fillDirectory, fillRedis } from './filled.ts'
import { type Program, type Row, median, residentBytes, startRedis, startRegistry, temporaryDirectory, thousands } from './lib.ts'

/** ROLLCALL_BENCH_INSTANCES=100000,1000000 is the whole run, of a quarter of an hour. */
const sizes = (process.env['ROLLCALL_BENCH_INSTANCES'] ?? '100000').split(',').map(Number)
const commandRuns = 7
const goals = { commandMs: 200, firstMs: 2_500, emptyMs: 1_200, bytesEach: 900 }
const goalMs = (instances: number): number => instances <= 100_000 ? 2_500 : 10_000 * instances / 1_000_000

export async function start (): Promise<Row[]> {
  await using cache = await temporaryDirectory()
  process.env['XDG_CACHE_HOME'] = cache.path // of this process and all that it starts
  const first = await emptyStart()
  const again = await emptyStart()
  const rows: Row[] = [
    row('an empty server is ready, started for the first time', first.ms, first.cpuMs, goals.firstMs),
    row('an empty server is ready, started again', again.ms, again.cpuMs, goals.emptyMs),
    await command()
  ]
  for (const instances of sizes) {
    await using directory = await temporaryDirectory()
    await fillDirectory(directory.path, instances)
    rows.push(...await full('SQLite', instances, again.bytes, () => startRegistry({ directory: directory.path }, '0')))
    await using redis = await startRedis([])
    await fillRedis(redis.url, instances)
    rows.push(...await full('Redis', instances, again.bytes, () => startRegistry({ redis: redis.url }, '0')))
  }
  return rows
}

interface Measured {
  readonly ms: number
  readonly cpuMs: number
  readonly bytes: number
}

async function emptyStart (): Promise<Measured> {
  await using directory = await temporaryDirectory()
  await using node = await startRegistry({ directory: directory.path }, '0')
  return await measured(node) // before the node is ended
}

async function full (store: string, instances: number, emptyBytes: number, startNode: () => Promise<Program>): Promise<Row[]> {
  await using node = await startNode()
  const { ms, cpuMs, bytes } = await measured(node)
  const each = (bytes - emptyBytes) / instances
  return [
    row(`a server with ${thousands(instances)} instances on ${store} is ready`, ms, cpuMs, goalMs(instances)),
    {
      what: `memory of ${thousands(instances)} instances loaded from ${store}, DNS in the main thread`,
      measured: `${thousands(each)} octets each`, goal: `at most ${goals.bytesEach}`, met: each <= goals.bytesEach
    }
  ]
}

/** Memory is looked at when V8 has given back what the start needed: when two looks in a row see no less. */
async function measured ({ pid, readyAfterMs }: Program): Promise<Measured> {
  const cpuMs = cpuMsOf(pid)
  let bytes = residentBytes(pid)
  for (let lower = 0; lower < 2; lower++) {
    await new Promise((resolve) => { setTimeout(resolve, 8_000) })
    const now = residentBytes(pid)
    if (now < bytes) lower = -1
    bytes = Math.min(bytes, now)
  }
  return { ms: readyAfterMs, cpuMs, bytes }
}

/** User and system time of a process: fields 14 and 15 of its stat, in hundredths of a second (proc_pid_stat(5)). */
function cpuMsOf (pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function command (): Promise<Row> {
  await using directory = await temporaryDirectory()
  await using node = await startRegistry({ directory: join(directory.path, 'data') }, '0')
  const times: number[] = []
  for (let run = 0; run < commandRuns; run++) {
    const began = performance.now()
    const child = spawn('taskset', ['-c', '0', process.execPath, 'bin/rollcall.js', 'get', 'services', '--address', node.url], { stdio: 'ignore' })
    await once(child, 'exit')
    times.push(performance.now() - began)
  }
  const ms = median(times)
  return { what: '`rollcall get services`, from start to end', measured: `${ms.toFixed(0)} ms at the median`, goal: `at most ${goals.commandMs} ms`, met: ms <= goals.commandMs }
}

function row (what: string, ms: number, cpuMs: number, goal: number): Row {
  return { what, measured: `${(ms / 1_000).toFixed(2)} s (${(cpuMs / 1_000).toFixed(2)} s of CPU)`, goal: `at most ${(goal / 1_000).toFixed(1)} s`, met: ms <= goal }
}
