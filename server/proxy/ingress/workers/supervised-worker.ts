// One place of an ingress: a worker after the other, each started anew some time after the one before it died.
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../../clock.ts'
import type { Guard } from '../../../guard.ts'
import type { PlaceSocket } from './place-sockets.ts'
import type { ChangedNames, StateSource } from './state-changes.ts'
import { WorkerLink } from './worker-link.ts'
import { keptFigures, sumFigures } from './worker-figures.ts'
import type { WorkerFigures, WorkerSettings } from './worker-messages.ts'

/** Between the death of a worker and the next one, doubled with each death in a row: a fault must not become a busy loop. */
const restartMs = { least: 50, most: 30_000 }
/** A worker that lived so long did not die of its start. */
const soundMs = 60_000

export interface SupervisedWorkerOptions {
  readonly place: number
  readonly sockets: readonly PlaceSocket[]
  readonly settings: () => WorkerSettings
  readonly source: StateSource
  readonly clock: Clock
  readonly guard: Guard
  readonly log: { info (fields: object, message: string): void, warn (fields: object, message: string): void }
  readonly start: (place: number) => ChildProcess
  /** This place has a worker that listens. */
  readonly working: () => void
  /** This place has none. */
  readonly gone: () => void
}

export class SupervisedWorker {
  readonly #options: SupervisedWorkerOptions
  #link: WorkerLink | undefined
  /** Those that end, with what they have open. */
  readonly #leaving = new Set<WorkerLink>()
  /** So long they may take. */
  #graceMs = 0
  /** What those have counted that are no more. */
  #past: WorkerFigures | undefined
  #deaths = 0
  #restarts = 0
  #isStopping = false
  #cancelRestart: (() => void) | undefined

  constructor (options: SupervisedWorkerOptions) {
    this.#options = options
  }

  get pid (): number | undefined {
    return this.#link?.pid
  }

  get isWorking (): boolean {
    return this.#link?.isWorking ?? false
  }

  get restarts (): number {
    return this.#restarts
  }

  /** Resolves when the first worker listens, or has failed; then it is started anew. */
  start (): Promise<void> {
    return new Promise((resolve) => this.#begin(resolve))
  }

  changed (names: ChangedNames): void {
    for (const link of this.#links()) link.changed(names)
  }

  async whenTaken (): Promise<void> {
    await this.#link?.whenTaken()
  }

  lend (socket: PlaceSocket): void {
    this.#link?.lend(socket)
  }

  takeBack (id: string): void {
    this.#link?.takeBack(id)
  }

  async figures (withinMs: number): Promise<readonly WorkerFigures[]> {
    const told = await Promise.all(this.#links().map((link) => link.figures(withinMs)))
    return [this.#past, ...told].filter((figures) => figures !== undefined)
  }

  /** The next worker listens before this one accepts no more. Resolves when it listens, or has failed. */
  async replace (graceMs: number): Promise<void> {
    if (this.#link === undefined || this.#isStopping) return
    this.#leaving.add(this.#link)
    this.#graceMs = graceMs
    await new Promise<void>((resolve) => this.#begin(resolve))
  }

  /** Ends it, and starts none anew. */
  async stop (graceMs: number): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart?.()
    await Promise.all(this.#links().map((link) => link.end(graceMs)))
  }

  #links (): readonly WorkerLink[] {
    return [...this.#link === undefined ? [] : [this.#link], ...this.#leaving]
  }

  #begin (settled: () => void): void {
    const { place, sockets, settings, source, clock, guard, start, working } = this.#options
    const beganAtMs = clock.now()
    const link: WorkerLink = this.#link = new WorkerLink({
      start: () => start(place), settings, sockets, source, clock, guard,
      working: () => {
        for (const before of this.#leaving) void before.end(this.#graceMs) // its end is told by itself
        working()
        settled()
      },
      gone: (how) => {
        this.#forget(link)
        settled()
        if (this.#leaving.delete(link) || this.#link !== link) return
        this.#link = undefined
        if (!this.#isStopping) this.#restart(how, clock.now() - beganAtMs)
      }
    })
  }

  #forget ({ last }: WorkerLink): void {
    if (last === undefined) return
    const kept = keptFigures(last)
    this.#past = this.#past === undefined ? kept : sumFigures([this.#past, kept])
  }

  #restart (how: string, livedMs: number): void {
    const { place, clock, log, gone } = this.#options
    if (livedMs >= soundMs) this.#deaths = 0
    const delayMs = Math.min(restartMs.least * 2 ** this.#deaths++, restartMs.most)
    this.#restarts++
    log.warn({ worker: place + 1, how }, `the ingress worker ${place + 1} ended (${how}): it is started anew in ${delayMs} ms`)
    this.#cancelRestart = clock.after(delayMs, () => this.#begin(() => undefined))
    gone()
  }
}
