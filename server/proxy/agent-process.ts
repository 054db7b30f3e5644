// The agent of this machine as a child of the registry's process (`rollcall serve --proxy`): started when the registry is ready,
// started again when it ends, and ended with it. It is of the same process group, and its log goes to the same place.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Guard } from '../guard.ts'

/** From one start to the next, doubled each time. */
const retryMs = { first: 1_000, most: 30_000 }
/** Who lived so long did not fail at its start: the next wait is the first again. */
const settledMs = 60_000
/** So long it may take to end. */
const endMs = 2_000

export interface AgentProcessOptions {
  /** Of the program, from the script on: `['rollcall.js', 'proxy', ...]`. */
  readonly args: readonly string[]
  /** Of Node itself. */
  readonly execArgv?: readonly string[]
  /** What it shows its registry; undefined = nothing. It is not on its command line. */
  readonly token?: string | undefined
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { warn (fields: object, message: string): void }
  /** Default: a child process whose end this process's end is, too. */
  readonly start?: (args: readonly string[]) => ChildProcess
}

export class AgentProcess {
  readonly #options: AgentProcessOptions
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #isStopped = false
  #retryMs = retryMs.first
  #waiting: (() => void) | undefined

  constructor (options: AgentProcessOptions) {
    this.#options = options
    this.#begin()
  }

  get pid (): number | undefined {
    return this.#child?.pid
  }

  /** Ends it in order, or at last by force. What the kernel carries goes on. Never rejects; may be called twice. */
  async stop (): Promise<void> {
    this.#isStopped = true
    this.#waiting?.()
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGTERM')
    const letGo = this.#options.clock.after(endMs, () => void child.kill('SIGKILL'))
    await this.#ended
    letGo()
  }

  #begin (): void {
    const { args, clock, guard, log } = this.#options
    this.#waiting = undefined
    const beganAt = clock.now()
    const child = this.#child = (this.#options.start ?? this.#start)(args)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    let isOver = false
    const over = (how: string): void => {
      if (isOver) return
      isOver = true
      this.#child = undefined
      resolve()
      if (this.#isStopped) return
      if (clock.now() - beganAt >= settledMs) this.#retryMs = retryMs.first
      log.warn({ how }, `the agent of this machine (--proxy) ended (${how}): it is started again in ${this.#retryMs / 1_000} s`)
      this.#waiting = clock.after(this.#retryMs, () => this.#begin())
      this.#retryMs = Math.min(this.#retryMs * 2, retryMs.most)
    }
    child.once('error', guard.around('proxy-agent', (error: Error) => over(error.message)))
    child.once('exit', guard.around('proxy-agent', (code: number | null, signal: NodeJS.Signals | null) => over(signal ?? `exit code ${code ?? 'none'}`)))
  }

  /** The channel tells the agent when this process is no more, however that ended: it ends too. */
  readonly #start = (args: readonly string[]): ChildProcess =>
    spawn(process.execPath, [...this.#options.execArgv ?? process.execArgv, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...withoutZones(), ...(this.#options.token === undefined ? {} : { ROLLCALL_TOKEN: this.#options.token }) } })
}

/** What the agent is told: where its registry is, and what they must agree on. */
export function agentArgs (url: string, { registry, store, log }: AgentSurroundings, script = process.argv[1] ?? ''): readonly string[] {
  return [
    script, 'proxy', '--address', ownUrl(url), '--service-cidr', registry.allocation.serviceCidrs.map(({ text }) => text).join(','),
    '--state', store.kind === 'sqlite' ? join(store.directory, 'proxy-state') : 'off', '--log-level', agentLevels.has(log.level) ? log.level : 'info'
  ]
}

/** Of the settings of the node. */
interface AgentSurroundings {
  readonly registry: { readonly allocation: { readonly serviceCidrs: readonly { readonly text: string }[] } }
  readonly store: { readonly kind: 'sqlite', readonly directory: string } | { readonly kind: 'redis' }
  readonly log: { readonly level: string }
}

const agentLevels = new Set(['error', 'warn', 'info', 'debug'])

/** A registry that listens on all addresses is asked at loopback. */
function ownUrl (text: string): string {
  const url = new URL(text)
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  else if (url.hostname === '[::]') url.hostname = '[::1]'
  return url.origin
}

/** The zone of DNS (`ROLLCALL_ZONE` of a registry) is not the zone of this machine. */
function withoutZones (): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'ROLLCALL_ZONE'))
}
