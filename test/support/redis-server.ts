// A real redis-server on a free port, in a directory of its own, that tests may kill, freeze and start again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { lacking } from './programs.ts'

/** Why tests on Redis do not run here; false if they do. For the `skip` of a test. */
export const noRedis = lacking('redis-server')

/** A server that is not up within this is not coming. */
const startLimitMs = 30_000
/** How much of what it says an error shows. */
const maxToldLines = 50

/** Servers of this process: none outlives it, however its tests end. */
const running = new Set<ChildProcess>()
process.on('exit', () => { for (const child of running) child.kill('SIGKILL') })

export interface RedisServerOptions {
  /** Lines of redis.conf, as in `['appendonly yes']`. */
  readonly config?: readonly string[]
  readonly password?: string
  /** Makes it a Sentinel that watches the master `main` on this port. */
  readonly sentinelOf?: number
  /** Makes it a node of a Redis Cluster. */
  readonly cluster?: boolean
}

export class RedisServer {
  readonly port: number
  /** Where nodes of its Cluster reach it; 0 if it is in none. By default Redis takes the port plus 10,000, which may be past 65,535. */
  readonly busPort: number
  readonly directory: string
  readonly #config: readonly string[]
  readonly #password: string | undefined
  readonly #sentinelOf: number | undefined
  #process: ChildProcess | undefined
  #admin: Redis | undefined

  private constructor (port: number, busPort: number, { config = [], password, sentinelOf }: RedisServerOptions) {
    this.port = port
    this.busPort = busPort
    this.directory = mkdtempSync(join(tmpdir(), 'rollcall-redis-'))
    this.#config = config
    this.#password = password
    this.#sentinelOf = sentinelOf
  }

  static async start (options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options.cluster === true ? await freePort() : 0, options)
    await server.start()
    return server
  }

  get url (): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** For the test's own commands. */
  get admin (): Redis {
    if (this.#admin === undefined) throw new Error('the server does not run')
    return this.#admin
  }

  /** Starts it, again in the same directory and on the same port; resolves when it answers. */
  async start (): Promise<void> {
    const child = spawn('redis-server', this.#sentinelOf === undefined ? this.#arguments() : this.#sentinelArguments(this.#sentinelOf), { stdio: ['ignore', 'pipe', 'ignore'] })
    this.#process = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    await ready(child)
    this.#admin = this.#client()
    await this.#admin.connect()
  }

  /** Ends it by a signal; resolves when the process is gone. */
  async kill (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#admin?.disconnect()
    this.#admin = undefined
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  /** SIGSTOP or SIGCONT. */
  signal (signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  async dispose (): Promise<void> {
    this.#process?.kill('SIGCONT')
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Redis' own clock. */
  async now (): Promise<number> {
    const [seconds, microseconds] = await this.admin.time()
    return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)
  }

  #arguments (): string[] {
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory, '--save', '', '--daemonize', 'no', '--loglevel', 'notice', '--repl-diskless-sync-delay', '0']
    const lines = this.#config.flatMap((line) => {
      const [name = '', ...values] = line.split(' ')
      return [`--${name}`, ...values] // as many arguments as the directive has
    })
    const cluster = this.busPort === 0 ? [] : ['--cluster-enabled', 'yes', '--cluster-port', String(this.busPort)]
    return [...settings, ...cluster, ...lines, ...this.#password === undefined ? [] : ['--requirepass', this.#password]]
  }

  /** A Sentinel rewrites its configuration, so it needs a file. */
  #sentinelArguments (master: number): string[] {
    const file = join(this.directory, 'sentinel.conf')
    writeFileSync(file, [
      `port ${this.port}`, 'bind 127.0.0.1', `dir ${this.directory}`, `sentinel monitor main 127.0.0.1 ${master} 1`,
      'sentinel down-after-milliseconds main 400', 'sentinel failover-timeout main 5000', ...this.#config, ''
    ].join('\n'))
    return [file, '--sentinel']
  }

  #client (): Redis {
    const client = new Redis({
      host: '127.0.0.1', port: this.port, lazyConnect: true, retryStrategy: null, enableReadyCheck: false, disableClientInfo: true,
      ...(this.#password === undefined ? {} : { password: this.#password })
    })
    client.on('error', () => {}) // the command that failed tells
    return client
  }
}

/** Resolves when a server says that it takes connections, or a Sentinel that it watches its master. @throws if it ends instead, or says nothing in time */
async function ready (child: ChildProcess & { readonly stdout: Readable }): Promise<void> {
  const told: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (told.length < maxToldLines) told.push(line)
    if (/Ready to accept connections|\+monitor master/.test(line)) resolve()
  })
  child.once('exit', (code, signal) => reject(new Error(`redis-server ended with ${code ?? signal}:\n${told.join('\n')}`)))
  child.once('error', reject)
  AbortSignal.timeout(startLimitMs).addEventListener('abort', () => reject(new Error(`redis-server is not ready after ${startLimitMs} ms:\n${told.join('\n')}`)))
  await promise
}
