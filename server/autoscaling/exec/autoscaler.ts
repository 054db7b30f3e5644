// The agent that carries decisions out on a machine: asks the registry what is desired of each autoscaler in its file,
// and runs the programs. The registry being away changes nothing: what runs goes on, and nothing is begun on old news.
import type { Clock } from '../../clock.ts'
import { CommandRun, type CommandResult } from './command-run.ts'
import type { CommandsFile, ScaleCommand } from './commands-file.ts'
import { type Desired, ScaledCommand } from './scaled-command.ts'
import type { Guard } from '../../guard.ts'

/** What the registry says of an autoscaler: a number, or why there is none. */
export type Told =
  | { readonly kind: 'desired', readonly desired: Desired }
  | { readonly kind: 'none' | 'away', readonly why: string }

export type Environment = Readonly<Record<string, string | undefined>>

type StartedRun = Pick<CommandRun, 'ended' | 'stop'>

export interface AutoscalerOptions {
  readonly file: CommandsFile
  /** Asks the registry. Never rejects. */
  readonly ask: (namespace: string, name: string, signal: AbortSignal) => Promise<Told>
  /** Of the programs, without what is told of the decision. */
  readonly environment: Environment
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
  /** Called in each interval: gives the file if it has changed. */
  readonly readAgain?: () => CommandsFile | undefined
  /** Starts a program; default: a process. */
  readonly start?: (command: ScaleCommand, environment: Environment, line: (text: string) => void) => StartedRun
}

/** What the metrics and `/healthz` show of one autoscaler. */
export interface CommandStatus {
  readonly namespace: string
  readonly name: string
  readonly desired: number | undefined
  readonly current: number | undefined
  readonly isRunning: boolean
  readonly runs: number
  readonly failures: number
  readonly lastRunMs: number | undefined
  /** Why the last run failed; undefined = it did not. */
  readonly fault: string | undefined
  /** Since the registry has said a number last. */
  readonly heardMsAgo: number | undefined
}

interface Entry {
  command: ScaleCommand
  scaled: ScaledCommand
  runs: number
  failures: number
  lastRunMs: number | undefined
  fault: string | undefined
  heardAtMs: number | undefined
  /** What was logged last of the registry's answers. */
  told: string
}

export class Autoscaler {
  readonly #options: AutoscalerOptions
  readonly #entries = new Map<string, Entry>()
  readonly #ending = new AbortController()
  #intervalMs: number
  #cancel: (() => void) | undefined
  #round: Promise<void> = Promise.resolve()
  /** Of the newest file. */
  #wanted: ReadonlyMap<string, ScaleCommand> = new Map()
  /** Programs that end because the file says something else now: the next of the same autoscaler begins after them. */
  readonly #leaving = new Map<string, Promise<void>>()

  constructor (options: AutoscalerOptions) {
    this.#options = options
    this.#intervalMs = options.file.intervalMs
    this.#take(options.file)
  }

  /** Begins to ask. */
  start (): void {
    this.#round = this.#ask()
  }

  get status (): readonly CommandStatus[] {
    const nowMs = this.#options.clock.now()
    return Array.from(this.#entries.values(), ({ command, scaled, runs, failures, lastRunMs, fault, heardAtMs }) => ({
      namespace: command.namespace, name: command.name, isRunning: scaled.isRunning,
      desired: scaled.wanted?.desired, current: scaled.wanted?.current, runs, failures, lastRunMs, fault,
      heardMsAgo: heardAtMs === undefined ? undefined : nowMs - heardAtMs
    }))
  }

  /** Ends what runs; copies that were started stay. Never rejects. */
  async stop (): Promise<void> {
    this.#ending.abort()
    this.#cancel?.()
    await this.#round
    await Promise.all([...Array.from(this.#entries.values(), ({ scaled }) => scaled.stop()), ...this.#leaving.values()])
  }

  #take ({ intervalMs, commands }: CommandsFile): void {
    this.#intervalMs = intervalMs
    this.#wanted = new Map(commands.map((command) => [`${command.namespace}/${command.name}`, command]))
    for (const [key, { scaled, command }] of [...this.#entries]) {
      if (isSame(command, this.#wanted.get(key))) continue
      this.#entries.delete(key)
      this.#leaving.set(key, scaled.stop().finally(() => {
        this.#leaving.delete(key)
        this.#addNew()
      }))
    }
    this.#addNew()
  }

  #addNew (): void {
    for (const [key, command] of this.#wanted) {
      if (!this.#entries.has(key) && !this.#leaving.has(key)) this.#entries.set(key, this.#entry(command))
    }
  }

  #entry (command: ScaleCommand): Entry {
    const { clock, guard } = this.#options
    const entry: Entry = {
      command, runs: 0, failures: 0, lastRunMs: undefined, fault: undefined, heardAtMs: undefined, told: '',
      scaled: new ScaledCommand({
        clock, repeatMs: command.repeatMs,
        start: (wanted) => this.#start(command, wanted),
        ended: (wanted, result) => void guard.attempt('autoscaler-command', () => this.#ended(entry, wanted, result))
      })
    }
    return entry
  }

  #start (command: ScaleCommand, wanted: Desired): StartedRun {
    const { log, environment, clock, guard, start } = this.#options
    const { namespace, name, run, directory, timeLimitMs } = command
    const { desired, current, decision, reason, target } = wanted
    const about = nameOf(command)
    log.info({ ...about, desired, current, decision, program: run[0] },
      `${desired} wanted, ${current} counted: the program is run`)
    const variables = {
      ...environment, ...command.environment,
      ROLLCALL_DESIRED: String(desired), ROLLCALL_CURRENT: String(current), ROLLCALL_HPA: name,
      ROLLCALL_NAMESPACE: namespace, ROLLCALL_TARGET: target, ROLLCALL_DECISION: decision, ROLLCALL_REASON: reason
    }
    const line = (text: string): void => log.info({ ...about, output: true }, text)
    return start?.(command, variables, line) ??
      new CommandRun({ run, environment: variables, directory, timeLimitMs, clock, guard, line })
  }

  #ended (entry: Entry, wanted: Desired, { code, problem, leftOut, tookMs }: CommandResult): void {
    const { log } = this.#options
    const lost = leftOut === 0 ? {} : { linesLeftOut: leftOut }
    const about = { ...nameOf(entry.command), desired: wanted.desired, code, tookMs, ...lost }
    entry.runs++
    entry.lastRunMs = tookMs
    entry.fault = problem
    if (problem === undefined) return log.info(about, 'the program ended well')
    entry.failures++
    log.warn(about, `the program failed: ${problem}`)
  }

  /** Never rejects. */
  async #ask (): Promise<void> {
    const { clock, guard, ask, readAgain } = this.#options
    guard.attempt('autoscaler-file', () => {
      const file = readAgain?.()
      if (file !== undefined) this.#take(file)
    })
    await Promise.all(Array.from(this.#entries.values(), async (entry) => {
      const { namespace, name } = entry.command
      this.#tell(entry, await ask(namespace, name, this.#ending.signal))
    }))
    if (this.#ending.signal.aborted) return
    this.#cancel = clock.after(this.#intervalMs, () => { this.#round = this.#ask() })
  }

  #tell (entry: Entry, told: Told): void {
    if (this.#ending.signal.aborted) return
    const { clock, log } = this.#options
    if (told.kind === 'desired') {
      entry.heardAtMs = clock.now()
      if (entry.told !== '') log.info(nameOf(entry.command), 'the registry says a number again')
      entry.told = ''
      return entry.scaled.tell(told.desired)
    }
    entry.scaled.forget()
    if (entry.told === told.why) return
    entry.told = told.why
    log.warn(nameOf(entry.command), `nothing is done for it: ${told.why}`)
  }
}

/** For the log. */
function nameOf ({ namespace, name }: ScaleCommand): { readonly autoscaler: string } {
  return { autoscaler: `${namespace}/${name}` }
}

function isSame (one: ScaleCommand, other: ScaleCommand | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
