// The program of one autoscaler: run when another number is desired, once at the start, and again while the number that
// is counted is another one. It follows what is desired now, not how that came to be: what happened while nobody looked
// needs no notice.
import type { Clock } from '../../clock.ts'
import type { CommandResult } from './command-run.ts'

/** What the registry says of one autoscaler. */
export interface Desired {
  readonly desired: number
  /** Instances that are counted. */
  readonly current: number
  /** '' = none was made since. */
  readonly decision: string
  readonly reason: string
  /** `Kind/name` of what is scaled. */
  readonly target: string
}

/** A run that can be ended. */
export interface Run {
  readonly ended: Promise<CommandResult>
  stop (why: string): void
}

export interface ScaledCommandOptions {
  readonly clock: Clock
  /** The first pause before it is run again, doubled each time. */
  readonly repeatMs: number
  readonly start: (wanted: Desired) => Run
  readonly ended: (wanted: Desired, result: CommandResult) => void
}

/** The longest pause: whoever mends what was wrong does not wait longer. */
const maxRepeatMs = 600_000

export class ScaledCommand {
  readonly #options: ScaledCommandOptions
  /** undefined = not known, or nothing is decided. */
  #wanted: Desired | undefined
  /** The number that the last run was for. */
  #ranFor: number | undefined
  #run: Run | undefined
  #pauseMs: number
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor (options: ScaledCommandOptions) {
    this.#options = options
    this.#pauseMs = options.repeatMs
  }

  get isRunning (): boolean {
    return this.#run !== undefined
  }

  get wanted (): Desired | undefined {
    return this.#wanted
  }

  /** What is true now. */
  tell (wanted: Desired): void {
    this.#wanted = wanted
    this.#check()
  }

  /**
   * Nothing is known: the registry is away, the autoscaler is gone, or nothing is decided. What runs goes on; nothing
   * is begun.
   */
  forget (): void {
    this.#wanted = undefined
    this.#letGo()
  }

  /** Ends what runs. Resolves when it has ended. */
  async stop (): Promise<void> {
    this.#isStopped = true
    this.#letGo()
    this.#run?.stop('ended: the agent ends')
    await this.#run?.ended
  }

  #check (): void {
    const wanted = this.#wanted
    if (this.#isStopped || this.#run !== undefined || wanted === undefined) return
    if (wanted.desired !== this.#ranFor) {
      this.#pauseMs = this.#options.repeatMs
      this.#begin(wanted)
    } else if (wanted.desired === wanted.current) {
      this.#pauseMs = this.#options.repeatMs
      this.#letGo()
    } else if (this.#cancel === undefined) {
      this.#cancel = this.#options.clock.after(this.#pauseMs, () => {
        this.#cancel = undefined
        this.#pauseMs = Math.min(this.#pauseMs * 2, maxRepeatMs)
        if (this.#wanted !== undefined && this.#run === undefined) this.#begin(this.#wanted)
      })
    }
  }

  #begin (wanted: Desired): void {
    this.#letGo()
    this.#ranFor = wanted.desired
    const run = this.#run = this.#options.start(wanted)
    void run.ended.then((result) => {
      this.#run = undefined
      this.#options.ended(wanted, result)
      this.#check()
    })
  }

  #letGo (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
