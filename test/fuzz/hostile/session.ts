// One node under attack, beside honest clients: started, attacked, calmed, looked at, stopped.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RedisServer } from '../../support/redis-server.ts'
import { host, namespaces } from './attack.ts'
import type { AttackOptions, AttackReport } from './attackers.ts'
import type { HonestOptions, HonestReport } from './honest.ts'
import { type NodeProcess, startProcess } from './node-process.ts'
import { after } from './pace.ts'
import { quickZone, slowZone } from './resolver.ts'
import type { NodeLook } from './turn-watch.ts'

export interface SessionOptions {
  readonly store: 'sqlite' | 'redis'
  readonly redis: RedisServer | undefined
  /** Where names outside our zones are asked of. */
  readonly resolver: number
  readonly seed: number
  readonly clients: number
  readonly lanes: number
  readonly size: number
  readonly only: string | undefined
  /** Pauses of clients and attackers, on average. */
  readonly pauseMs: number
  /** How many actions of each client and attacks of each lane; undefined = until `end`. */
  readonly count: number | undefined
  readonly end: AbortSignal
  /** Given to the node to come back to what it needs at rest. */
  readonly calmMs: number
}

export interface SessionReport {
  readonly store: 'sqlite' | 'redis'
  readonly honest: HonestReport
  readonly attacks: AttackReport
  readonly memoryMib: { readonly start: number, readonly peak: number, readonly end: number }
  /** What the node said of its loop and its heap: before, of the time of the attacks, and of the calm after it; undefined = it ended. */
  readonly looks: { readonly [When in 'before' | 'attacked' | 'calm' | 'collected']: NodeLook | undefined }
  /** How long the node waited for a core, in all and at most within half a second: this machine, not the node. */
  readonly coreWaitMs: { readonly sum: number, readonly most: number }
  /** The node's end before it was asked to end; undefined = it lived. */
  readonly exit: number | string | undefined
  /** How it ended when asked. */
  readonly stopped: number | string
  readonly unexpected: Readonly<Record<string, number>>
  /** The node's last lines, where something is wrong. */
  readonly lines: readonly string[]
}

const memoryLookMs = 500
const dialects = ['kubernetes', 'eureka', 'consul'] as const

class Helper<Options, Report> {
  readonly #child: ChildProcess
  readonly #report = Promise.withResolvers<Report>()
  readonly #ready = Promise.withResolvers<void>()

  constructor (file: string, options: Options) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [], { execArgv: ['--conditions=rollcall-source'], serialization: 'advanced' })
    const kill = (): void => { this.#child.kill('SIGKILL') }
    process.once('exit', kill)
    this.#child.on('message', (message: { readonly ready?: true, readonly report?: Report }) => {
      if (message.ready === true) this.#ready.resolve()
      if (message.report !== undefined) this.#report.resolve(message.report)
    })
    this.#child.once('exit', (code, signal) => {
      process.off('exit', kill)
      const error = new Error(`${file} ended with ${code ?? signal}`)
      this.#ready.reject(error)
      this.#report.reject(error)
    })
    this.#ready.promise.catch(() => undefined)
    this.#report.promise.catch(() => undefined)
    this.#child.send({ start: options })
  }

  get ready (): Promise<void> {
    return this.#ready.promise
  }

  /** Resolves when it has done what it was given, or was told to end. */
  get report (): Promise<Report> {
    return this.#report.promise
  }

  end (): void {
    if (this.#child.connected) this.#child.send({ end: true })
  }
}

export async function session (options: SessionOptions): Promise<SessionReport> {
  const { store, redis, resolver, seed, clients, lanes, size, only, pauseMs, count, end, calmMs } = options
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-hostile-'))
  const prefix = 'hostile'
  const where = redis === undefined ? ['--data', directory] : ['--redis', redis.url, '--redis-prefix', prefix]
  const spoken = dialects.flatMap((name) => [`--${name}`, `${host}:0`])
  const node = await startProcess([...where, '--dns-forward', `${host}:${resolver}`, '--dns-transfer-to', '127.0.0.0/8', ...spoken])
  const limits = count === undefined ? {} : { count }
  try {
    const honest = new Helper<HonestOptions, HonestReport>('honest.ts', {
      target: { http: node.http, dns: node.dns, quickZone }, seed, clients, pauseMs, ...limits
    })
    await honest.ready
    const memory = { start: node.residentMib(), peak: 0, end: 0 }
    const before = await node.look()
    const wait = { sum: 0, most: 0 }
    const waited = node.coreWaitMs()
    const look = setInterval(() => {
      memory.peak = Math.max(memory.peak, node.residentMib())
      const sum = Math.max(wait.sum, node.coreWaitMs() - waited)
      wait.most = Math.max(wait.most, sum - wait.sum)
      wait.sum = sum
    }, memoryLookMs)
    const [kubernetes = 0, eureka = 0, consul = 0] = dialects.map((name) => node.dialects.get(name))
    const ports = { http: node.http, dns: node.dns, kubernetes, eureka, consul }
    const target = { ...ports, slowZone, ...redis === undefined ? { directory } : { redis: { port: redis.port, prefix } } }
    const attackers = new Helper<AttackOptions, AttackReport>('attackers.ts', {
      target, seed, lanes, size, pauseMs: pauseMs / 10, ...limits, ...only === undefined ? {} : { only }
    })
    const tellEnd = (): void => attackers.end()
    end.addEventListener('abort', tellEnd, { once: true })
    if (end.aborted) tellEnd()
    const attacks = await attackers.report
    honest.end()
    const told = await honest.report
    clearInterval(look)
    const attacked = await node.look().catch(() => undefined)
    if (node.exit.code === undefined) await calm(node, calmMs)
    const calmed = await node.look().catch(() => undefined)
    memory.peak = Math.max(memory.peak, node.residentMib())
    memory.end = node.residentMib()
    await node.collect().catch(() => undefined)
    const collected = await node.look().catch(() => undefined)
    const { code: exit } = node.exit
    const unexpected = exit === undefined ? await node.unexpected() : {}
    const stopped = await node.stop()
    const isWell = exit === undefined && stopped === 0 && Object.keys(unexpected).length === 0
    const looks = { before, attacked, calm: calmed, collected }
    return { store, honest: told, attacks, memoryMib: memory, looks, coreWaitMs: wait, exit, stopped, unexpected, lines: isWell ? [] : [...node.lines] }
  } finally {
    if (node.exit.code === undefined) await node.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Takes away what attackers stored, and waits: what is left is what the node keeps. */
async function calm ({ http }: NodeProcess, ms: number): Promise<void> {
  for (const namespace of namespaces) {
    const answer = await fetch(`http://${host}:${http}/v1/instances?namespace=${namespace}&limit=1000`)
    const { items = [] } = await answer.json() as { readonly items?: readonly { readonly service: string, readonly id: string }[] }
    for (const { service, id } of items) {
      await fetch(`http://${host}:${http}/v1/namespaces/${namespace}/services/${service}/instances/${encodeURIComponent(id)}`, { method: 'DELETE' })
    }
  }
  await after(ms)
}
