// One place in a pool: one thread after the other, each started anew some time after the one before it died.
import { MessageChannel, type Transferable, type Worker } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import type { Guard } from '../guard.ts'
import type { FeedPublisher } from '../registry/core.ts'
import { toldOf } from './thread-guard.ts'
import type { ThreadData, ThreadLog, ThreadMessage, ThreadOrder } from './thread-messages.ts'

/** Between the death of a thread and the next one in its place, doubled with each death in a row: a fault must not become a busy loop. */
const minRestartMs = 100
const maxRestartMs = 30_000
/** A thread that lived so long did not die of its start. */
const soundMs = 60_000
/** A thread that has not ended so long after it was asked to is terminated. */
export const closeMs = 3_000

/** Makes a thread. @param transferList what of the data is moved, not copied */
export type Spawn<Settings> = (data: ThreadData<Settings>, transferList: Transferable[], name: string) => Worker

export interface SupervisedThreadOptions<Settings> {
  /** Whose thread it is, as a log line begins: `DNS`. */
  readonly room: string
  readonly name: string
  /** Asked for at each start. */
  readonly settings: () => Settings
  readonly counters: SharedArrayBuffer
  readonly delays: SharedArrayBuffer
  readonly publisher: FeedPublisher
  readonly spawn: Spawn<Settings>
  readonly clock: Clock
  readonly guard: Guard
  /** Of the guard: `dns-threads`. */
  readonly place: string
  readonly log: ThreadLog | undefined
  /** A thread in this place is at work. */
  readonly working?: (() => void) | undefined
  /** A thread in this place is gone: what it had open is closed. */
  readonly ended?: (() => void) | undefined
}

export class SupervisedThread<Settings, Order = never> {
  readonly #options: SupervisedThreadOptions<Settings>
  #worker: Worker | undefined
  #ended: Promise<void> | undefined
  #cancelRestart: (() => void) | undefined
  #deaths = 0
  #isStopping = false

  constructor (options: SupervisedThreadOptions<Settings>) {
    this.#options = options
  }

  /** Resolves when it is at work. @throws what it died of before; it is started anew all the same */
  async start (): Promise<void> {
    const { settings, counters, delays, publisher, clock, guard, place, spawn, name } = this.#options
    const startedMs = clock.now()
    const { port1: port, port2: feed } = new MessageChannel()
    let worker: Worker
    try {
      worker = this.#worker = spawn({ settings: settings(), counters, delays, feed, isLater: publisher.isLoaded }, [feed], name)
    } catch (error) { // no more threads, or settings that can't be sent
      port.close()
      this.#restart(error, 0)
      throw error
    }
    const link = publisher.add((message) => port.postMessage(message))
    port.on('message', guard.around(place, (isWell: boolean) => {
      if (!isWell) link.failed()
      link.taken()
    }))
    return new Promise((resolve, reject) => {
      let failure: Error | undefined
      worker.on('message', guard.around(place, (message: ThreadMessage) => this.#told(message, resolve)))
      worker.on('error', guard.around(place, (error) => { failure = error instanceof Error ? error : new Error(String(error)) }))
      this.#ended = new Promise((ended) => worker.on('exit', guard.around(place, (code) => {
        failure ??= new Error(`exit code ${code}`)
        link.remove()
        port.close()
        this.#worker = undefined
        this.#options.ended?.()
        reject(failure)
        ended()
        this.#restart(failure, clock.now() - startedMs)
      })))
    })
  }

  /** Passes on what its work understands. A thread that is not there gets it with its settings when it starts. */
  tell (order: Order): void {
    this.#post({ type: 'order', order })
  }

  /** Ends it, and starts none anew. Resolves when it is gone. */
  async stop (): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart?.()
    const worker = this.#worker
    if (worker === undefined) return
    this.#post({ type: 'end' })
    const cancel = this.#options.clock.after(closeMs, () => void worker.terminate()) // `ended` tells when
    await this.#ended
    cancel()
  }

  #post (order: ThreadOrder<Order>): void {
    this.#worker?.postMessage(order)
  }

  #told (message: ThreadMessage, working: () => void): void {
    const { log, guard } = this.#options
    if (message.type === 'unexpected' || message.type === 'unexpected-count') toldOf(guard, message)
    else if (message.type === 'log') log?.[message.level](message.message)
    else if (message.type === 'info') log?.info?.(message.facts, message.message)
    else {
      this.#options.working?.()
      working()
    }
  }

  #restart (failure: unknown, livedMs: number): void {
    if (this.#isStopping) return
    const { log, clock, room, name } = this.#options
    if (livedMs >= soundMs) this.#deaths = 0
    const delayMs = Math.min(minRestartMs * 2 ** this.#deaths++, maxRestartMs)
    const reason = failure instanceof Error ? failure.message : String(failure)
    log?.error(`${room}: the thread ${name} ended, and is started anew in ${delayMs} ms: ${reason}`)
    this.#cancelRestart = clock.after(delayMs, () => {
      this.start().catch(() => undefined) // its end is logged, and the next one follows
    })
  }
}
