// One worker process, as the agent sees it: its orders, what it has been told, what it counts.
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import type { PlaceSocket } from './place-sockets.ts'
import { type ChangedNames, type StateSource, Untold } from './state-changes.ts'
import type { WorkerFigures, WorkerOrder, WorkerSettings, WorkerWord } from './worker-messages.ts'

/** Its figures are asked for this often: they are what is left of it when it dies. */
const askMs = 5_000
/** A worker that does not answer for so long hangs. Far more than the longest pause of a machine that is busy. */
const hungMs = 30_000
/** Beyond its grace. */
const overMs = 5_000

export interface WorkerLinkOptions {
  readonly start: () => ChildProcess
  readonly settings: () => WorkerSettings
  readonly sockets: readonly PlaceSocket[]
  readonly source: StateSource
  readonly clock: Clock
  readonly guard: Guard
  /** It listens, and has the state. */
  readonly working: () => void
  /** It is no more. @param how completes "it ended" */
  readonly gone: (how: string) => void
}

export class WorkerLink {
  readonly #options: WorkerLinkOptions
  readonly #child: ChildProcess | undefined
  readonly #ended = Promise.withResolvers<void>()
  readonly #lent = new Map<string, PlaceSocket>()
  #untold = new Untold()
  /** It was told something, and has not said yet that it has taken that. */
  #isTelling = false
  #hasWhole = false
  #unheard: number
  readonly #takers: (() => void)[] = []
  readonly #beganAtMs: number
  readonly #asks = new Map<number, (figures: WorkerFigures | undefined) => void>()
  #lastAsk = 0
  #isWorking = false
  #isGone = false
  #isEnding = false
  #cancelLook: (() => void) | undefined
  #why: string | undefined
  /** What it has counted, as it said last. */
  last: WorkerFigures | undefined

  constructor (options: WorkerLinkOptions) {
    this.#options = options
    const { guard, clock } = options
    this.#unheard = options.sockets.length
    this.#beganAtMs = clock.now()
    try {
      this.#child = options.start()
      this.#child.on('error', guard.around('ingress-worker', (error: Error) => this.#over(error.message)))
      this.#child.on('exit', guard.around('ingress-worker', (code: number | null, signal: NodeJS.Signals | null) => this.#over(this.#why ?? signal ?? `exit code ${code ?? 'none'}`)))
      this.#child.on('message', guard.around('ingress-worker', (word) => this.#heard(word as WorkerWord)))
    } catch (error) { // no more processes
      this.#child = undefined
      clock.after(0, () => this.#over(error instanceof Error ? error.message : String(error)))
    }
    this.#look()
  }

  get pid (): number | undefined {
    return this.#isGone ? undefined : this.#child?.pid
  }

  get isWorking (): boolean {
    return this.#isWorking && !this.#isGone && !this.#isEnding
  }

  /** Resolves when the process is no more. */
  get ended (): Promise<void> {
    return this.#ended.promise
  }

  changed (names: ChangedNames): void {
    if (!this.#hasWhole) return // it gets all when it has started
    this.#untold.add(names)
    this.#tell()
  }

  /** Resolves when it has taken what has changed so far, or is no more. */
  whenTaken (): Promise<void> {
    // With nothing to take, or nobody to take it.
    if (this.#isGone || (!this.#isTelling && this.#untold.isEmpty && this.#hasWhole)) return Promise.resolve()
    return new Promise((resolve) => { this.#takers.push(resolve) })
  }

  /** Listens to a socket of another place, too. */
  lend (socket: PlaceSocket): void {
    this.#lent.set(socket.id, socket)
    this.#send({ type: 'listen', id: socket.id, scheme: socket.scheme }, socket.handle)
  }

  takeBack (id: string): void {
    if (this.#lent.delete(id)) this.#send({ type: 'leave', id })
  }

  /** Asks what it counts. @returns what it said last, if it does not answer in time */
  async figures (withinMs: number): Promise<WorkerFigures | undefined> {
    return await this.#ask(withinMs) ?? this.last
  }

  #ask (withinMs: number): Promise<WorkerFigures | undefined> {
    if (this.#isGone || !this.#isWorking) return Promise.resolve(undefined)
    const id = ++this.#lastAsk
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(withinMs, () => {
        this.#asks.delete(id)
        resolve(undefined)
      })
      this.#asks.set(id, (figures) => {
        cancel()
        resolve(figures)
      })
      this.#send({ type: 'figures', id })
    })
  }

  /** Ends it after its last connection, or the grace; in the end by force. */
  async end (graceMs: number): Promise<void> {
    if (this.#isGone) return
    if (!this.#isEnding) {
      this.#isEnding = true
      this.#send({ type: 'end', graceMs })
    }
    const cancel = this.#options.clock.after(graceMs + overMs, () => this.kill('did not end in time'))
    await this.#ended.promise
    cancel()
  }

  kill (why: string): void {
    this.#why = why
    this.#child?.kill('SIGKILL')
  }

  #heard (word: WorkerWord): void {
    switch (word.type) {
      case 'started':
        this.#send({ type: 'begin', settings: this.#options.settings() })
        this.#isTelling = this.#hasWhole = true
        this.#send({ type: 'state', changes: this.#options.source.whole() })
        for (const { id, scheme, handle } of this.#options.sockets) this.#send({ type: 'listen', id, scheme }, handle)
        return
      case 'taken':
        this.#isTelling = false
        return this.#tell()
      case 'listening':
        if (this.#options.sockets.some(({ id }) => id === word.id) && --this.#unheard === 0) {
          this.#isWorking = true
          this.#options.working()
        }
        return
      case 'figures':
        this.last = word.figures
        this.#asks.get(word.id)?.(word.figures)
        this.#asks.delete(word.id)
    }
  }

  #tell (): void {
    if (this.#isTelling) return
    if (this.#untold.isEmpty) {
      for (const taken of this.#takers.splice(0)) taken()
      return
    }
    const names = this.#untold
    this.#untold = new Untold()
    this.#isTelling = true
    this.#send({ type: 'state', changes: this.#options.source.changes(names) })
  }

  /** Asks now and then, and ends what hangs. */
  #look (): void {
    const { clock } = this.#options
    this.#cancelLook = clock.after(askMs, async () => {
      const isWell = this.#isWorking ? await this.#ask(hungMs) !== undefined : clock.now() - this.#beganAtMs < 2 * hungMs
      if (this.#isGone || this.#isEnding) return
      if (!isWell) return this.kill(`it did not answer for ${hungMs / 1_000} s`)
      this.#look()
    })
  }

  #send (order: WorkerOrder, handle?: object): void {
    if (this.#isGone || this.#child?.connected !== true) return
    this.#child.send(order, handle as never, { keepOpen: true }, () => undefined) // its end is told by itself
  }

  #over (how: string): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#isWorking = false
    this.#cancelLook?.()
    for (const taken of this.#takers.splice(0)) taken()
    for (const answer of this.#asks.values()) answer(undefined)
    this.#asks.clear()
    this.#ended.resolve()
    this.#options.gone(how)
  }
}
