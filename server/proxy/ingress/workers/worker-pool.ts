// The worker processes of an ingress. Each place has a bound socket for each address, of one port by SO_REUSEPORT, which belongs to this
// process: when a worker dies, its sockets are lent to another one until the next is in its place, so that nobody is refused.
import { fork, type ChildProcess } from 'node:child_process'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import { SupervisedWorker } from './supervised-worker.ts'
import type { ChangedNames, StateSource } from './state-changes.ts'
import type { PlaceSocket } from './place-sockets.ts'
import type { WorkerFigures, WorkerSettings } from './worker-messages.ts'

export interface WorkerPoolOptions {
  /** For each place its sockets. */
  readonly sockets: readonly (readonly PlaceSocket[])[]
  readonly settings: (place: number) => WorkerSettings
  readonly source: StateSource
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
  /** Default: a process. */
  readonly start?: (place: number) => ChildProcess
}

/** What a scrape waits for a worker that is busy. */
const figuresMs = 1_000

export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #workers: readonly SupervisedWorker[]
  /** Which place answers for which while that has no worker. */
  readonly #lent = new Map<number, number>()

  constructor (options: WorkerPoolOptions) {
    this.#options = options
    const { sockets, settings, source, clock, guard, log } = options
    this.#workers = sockets.map((own, place) => new SupervisedWorker({
      place, sockets: own, settings: () => settings(place), source, clock, guard, log, start: options.start ?? startWorker,
      working: () => this.#cameBack(place), gone: () => this.#gone(place)
    }))
  }

  get pids (): readonly number[] {
    return this.#workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  /** How many answer. */
  get working (): number {
    return this.#workers.filter(({ isWorking }) => isWorking).length
  }

  /** How often one was started anew. */
  get restarts (): number {
    return this.#workers.reduce((sum, { restarts }) => sum + restarts, 0)
  }

  /** Resolves when all listen. */
  async start (): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.start()))
  }

  /** The state has changed: each worker is told when it has taken the one before. */
  changed (names: ChangedNames): void {
    for (const worker of this.#workers) worker.changed(names)
  }

  /** Resolves when each worker that lives has taken what has changed so far. */
  async whenTaken (): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.whenTaken()))
  }

  /** What all workers have counted, those that are no more included. Of one that does not answer in time: what it said last. */
  async figures (): Promise<readonly WorkerFigures[]> {
    return (await Promise.all(this.#workers.map((worker) => worker.figures(figuresMs)))).flat()
  }

  /** Each worker accepts no more, and ends with its last connection or after the grace. */
  async end (graceMs: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMs)))
    for (const { close } of this.#options.sockets.flat()) close()
  }

  /** Replaces all workers, one after the other: the next listens before the one before ends. */
  async replace (graceMs: number): Promise<void> {
    for (const worker of this.#workers) await worker.replace(graceMs)
  }

  #gone (place: number): void {
    const helper = this.#workers.findIndex(({ isWorking }, other) => other !== place && isWorking)
    if (helper === -1) return // its connections wait for the next one
    this.#lent.set(place, helper)
    for (const socket of this.#options.sockets[place] ?? []) this.#workers[helper]?.lend(socket)
    // What the one that died had listened to for others is without anybody too.
    for (const [other, by] of this.#lent) if (by === place) this.#gone(other)
  }

  #cameBack (place: number): void {
    const helper = this.#lent.get(place)
    this.#lent.delete(place)
    if (helper !== undefined) for (const { id } of this.#options.sockets[place] ?? []) this.#workers[helper]?.takeBack(id)
  }
}

function startWorker (place: number): ChildProcess {
  const young = process.execArgv.some((text) => text.startsWith('--max-semi-space-size')) ? [] : ['--max-semi-space-size=16']
  return fork(new URL('../../../../bin/ingress-worker.js', import.meta.url), {
    serialization: 'advanced', execArgv: [...process.execArgv, ...young], stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ROLLCALL_INGRESS_PLACE: String(place + 1) }
  })
}
