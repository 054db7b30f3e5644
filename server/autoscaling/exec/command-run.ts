// One run of a program: in a process group of its own, without a shell, with a limit of time and of what it prints.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'

export interface CommandRunOptions {
  readonly run: readonly [string, ...string[]]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory?: string | undefined
  readonly timeLimitMs: number
  readonly clock: Clock
  readonly guard: Guard
  /** Called with each line that it prints. */
  readonly line: (text: string) => void
}

export interface CommandResult {
  /** undefined = it could not be started, or was ended by a signal. */
  readonly code: number | undefined
  /** Why it did not do what it should; undefined = it ended with 0. */
  readonly problem: string | undefined
  /** Lines that were not told: there were too many. */
  readonly leftOut: number
  readonly tookMs: number
}

/** From SIGTERM to SIGKILL. */
const graceMs = 5_000
/** Lines of one run that are told, and characters of each. */
const maxLines = 100
const maxLineLength = 500
/** What it has printed arrives within this time of its end; what it left behind may hold its output for ever. */
const lastWordsMs = 1_000

export class CommandRun {
  /** Never rejects. */
  readonly ended: Promise<CommandResult>
  readonly #options: CommandRunOptions
  #child: ChildProcess | undefined
  #endedBy: string | undefined
  #killLater: (() => void) | undefined
  #lines = 0

  constructor (options: CommandRunOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<CommandResult>()
    this.ended = promise
    this.#start(resolve)
  }

  /** Ends it, and what it has started in its group: SIGTERM, and SIGKILL some seconds later. */
  stop (why: string): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = why
    this.#signal('SIGTERM')
    this.#killLater = this.#options.clock.after(graceMs, () => this.#signal('SIGKILL'))
  }

  #start (resolve: (result: CommandResult) => void): void {
    const { run: [program, ...args], environment, directory, timeLimitMs, clock, guard } = this.#options
    const beganAtMs = clock.now()
    let isOver = false
    const over = (code: number | undefined, problem: string | undefined): void => {
      if (isOver) return
      isOver = true
      resolve({ code, problem, leftOut: Math.max(0, this.#lines - maxLines), tookMs: clock.now() - beganAtMs })
    }
    let child: ChildProcess
    try {
      child = this.#child = spawn(program, args, {
        env: environment, stdio: ['ignore', 'pipe', 'pipe'], ...(directory === undefined ? {} : { cwd: directory }),
        detached: true // a group of its own: SIGTERM reaches whatever it has started
      })
    } catch (error) {
      return over(undefined, messageOf(error)) // some errors are thrown, most come as an event
    }
    const letGo = clock.after(timeLimitMs, () => this.stop(`ended after its time limit of ${timeLimitMs / 1_000} s`))
    const outputs = [child.stdout, child.stderr].filter((stream) => stream !== null)
    const read = Promise.all(outputs.map((stream) => this.#read(stream)))
    child.once('error', guard.around('autoscaler-command', (error: Error) => {
      letGo()
      over(undefined, messageOf(error))
    }))
    child.once('exit', guard.around('autoscaler-command', (code: number | null, signal: NodeJS.Signals | null) => {
      letGo()
      this.#killLater?.()
      if (this.#endedBy !== undefined) this.#signal('SIGKILL') // what it has left behind in its group
      const problem = this.#endedBy ?? problemOf(code, signal)
      const end = (): void => {
        for (const stream of outputs) stream.destroy()
        over(code ?? undefined, problem)
      }
      const stopWaiting = clock.after(lastWordsMs, end)
      void read.then(() => {
        stopWaiting()
        end()
      })
    }))
  }

  /** Resolves when there is no more. */
  #read (stream: Readable): Promise<void> {
    const { guard, line } = this.#options
    const { promise, resolve } = Promise.withResolvers<void>()
    // A line that never ends is cut: readline would keep all of it.
    let pending = ''
    const tell = (text: string): void => {
      if (this.#lines++ < maxLines) line(text.length > maxLineLength ? `${text.slice(0, maxLineLength)}...` : text)
    }
    stream.setEncoding('utf8')
    stream.on('data', guard.around('autoscaler-command', (chunk: string) => {
      const texts = (pending + chunk).split('\n')
      pending = (texts.pop() ?? '').slice(0, maxLineLength + 1)
      for (const text of texts) tell(text)
    }))
    stream.once('close', guard.around('autoscaler-command', () => {
      if (pending !== '') tell(pending)
      resolve()
    }))
    stream.on('error', guard.around('autoscaler-command', () => undefined)) // `close` follows
    return promise
  }

  #signal (signal: 'SIGTERM' | 'SIGKILL'): void {
    const pid = this.#child?.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // its group is empty
    }
  }
}

function problemOf (code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal !== null) return `ended by ${signal}`
  return code === 0 ? undefined : `exit code ${code ?? 'none'}`
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
