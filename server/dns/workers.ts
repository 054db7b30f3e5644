// Several threads that answer DNS on one port. Each has its own sockets, which share the port (SO_REUSEPORT), its own copy of the
// registry, and its own answers: they wait neither for each other nor for the main thread, where HTTP and the store are.
import { MessageChannel, type Transferable, Worker } from 'node:worker_threads'
import { type Guard, standaloneGuard } from '../guard.ts'
import { invalid } from '../errors.ts'
import type { NotifyTarget } from './transfer/peers.ts'
import { type Feed, FeedPublisher } from '../registry/core.ts'
import { type Clock, guardedClock, systemClock } from '../clock.ts'
import { type Certificate, type DnsCore, type DnsOptions, type DnsServer, DnsCounters, dnsCore, startDns, zonesOf } from './server.ts'
import type { DnsWorkerData, DnsWorkerMessage, DnsWorkerOrder, DnsWorkerSettings } from './worker.ts'
import { Notifier } from './transfer/notifier.ts'

export interface DnsWorkersOptions extends DnsWorkerSettings {
  /** How many threads, 0-64; 0 = the calling thread answers. */
  readonly workers: number
  readonly feed: Feed
  /** Who is told of changes of the zones, by this node once: from the calling thread. Default: nobody. */
  readonly notify?: readonly NotifyTarget[]
  readonly log?: NonNullable<DnsOptions['log']>
  readonly clock?: Clock
  /** Keeps errors that nobody expected from ending more than what they happened in; of the threads it counts what they tell. */
  readonly guard?: Guard
  /** Makes a thread; default: one that runs bin/dns-worker.js. */
  readonly spawn?: typeof spawnDnsWorker
}

export interface DnsWorkers extends DnsServer {
  /** Of all threads together, as they are now. */
  readonly counters: DnsCounters
  /** Resolves when every thread that lives answers from this revision or a later one, or this was closed. */
  whenTaken (revision: number): Promise<void>
}

/** More than most machines have cores; each costs a copy of the registry. */
const maxDnsWorkers = 64
/** Of a thread. As in the main one (--max-semi-space-size=16, three times that): V8's own choice grows with the memory of the host. */
const maxYoungGenerationSizeMb = 48
/** Between the death of a thread and the next one in its place, doubled with each death in a row: a fault must not become a busy loop. */
const minRestartMs = 100
const maxRestartMs = 30_000
/** A thread that lived so long did not die of its start. */
const soundMs = 60_000
/** A thread ends by itself within two seconds (`DnsServer.close`). One that hangs is ended. */
const closeMs = 3_000
/** A free port may be gone before the threads take it. */
const maxPortAttempts = 8

/**
 * Starts to answer. Resolves when all threads have bound or failed to: those that failed are started anew in a while.
 * @throws RegistryError REG_INVALID for a bad setting; the error of the system, or of a thread, if none can answer
 */
export async function startDnsWorkers (options: DnsWorkersOptions): Promise<DnsWorkers> {
  const { workers, feed, notify = [], log, guard = standaloneGuard, clock: given = systemClock, spawn = spawnDnsWorker, ...settings } = options
  const clock = guardedClock(given, guard, 'dns-timer')
  if (!Number.isInteger(workers) || workers < 0 || workers > maxDnsWorkers) {
    throw invalid([{ field: 'workers', value: workers, rule: `must be a whole number 0-${maxDnsWorkers}` }])
  }
  const tell: Tell = (address, counters) => {
    if (notify.length === 0) return undefined
    const zones = zonesOf(settings, address)
    const keys = settings.transfer?.keys ?? []
    return new Notifier({ source: feed, zones, targets: notify, keys, clock, guard, address, counters, ...(log === undefined ? {} : { log }) })
  }
  if (workers === 0) {
    const server = await startDns({ ...settings, source: feed, clock, guard, ...(log === undefined ? {} : { log }) })
    const notifier = tell(server.address, server.counters)
    const close = async (): Promise<void> => {
      await Promise.all([notifier?.close(), server.close()])
    }
    return { ...server, close, [Symbol.asyncDispose]: close, whenTaken: (revision) => new Promise((resolve) => feed.whenApplied(revision, resolve)) }
  }
  for (let attempt = 1; ; attempt++) {
    const place = await findPlace(settings, feed)
    const tls = settings.tls === undefined || place.tls === undefined ? undefined : { ...settings.tls, host: place.tls.address, port: place.tls.port }
    const pool = new Pool({ feed, workers, log, clock, guard, spawn, tell, settings: { ...settings, host: place.address, port: place.port, tls } })
    try {
      await pool.start()
      return pool
    } catch (error) {
      await pool.close()
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (settings.port !== 0 || !isTaken || attempt === maxPortAttempts) throw error
    }
  }
}

/**
 * Listens alone for a moment. That checks the settings, finds the port, and finds out whether somebody else is there: those who
 * share a port are not told of each other, and a second registry would silently get half of the questions.
 */
async function findPlace (settings: DnsWorkerSettings, source: DnsOptions['source']): Promise<Pick<DnsServer, 'address' | 'port' | 'tls'>> {
  await using server = await startDns({ ...settings, source })
  return { address: server.address, port: server.port, tls: server.tls }
}

/** @param transferList what of the data is moved, not copied */
export function spawnDnsWorker (workerData: DnsWorkerData, transferList: Transferable[], name: string): Worker {
  return new Worker(new URL('../../bin/dns-worker.js', import.meta.url), { workerData, transferList, name, resourceLimits: { maxYoungGenerationSizeMb } })
}

/** Begins to tell secondaries of changes, if there are any. @param address where DNS is answered */
type Tell = (address: string, counters: DnsCounters) => Notifier | undefined

interface PoolOptions {
  readonly workers: number
  readonly feed: Feed
  /** With the address and the port as they are. */
  settings: DnsWorkerSettings
  readonly log: DnsOptions['log']
  readonly clock: Clock
  readonly guard: Guard
  readonly spawn: typeof spawnDnsWorker
  readonly tell: Tell
}

class Pool implements DnsWorkers {
  readonly address: string
  readonly port: number
  readonly tls: DnsServer['tls']
  /** Of this thread: what comes over HTTP is in it. */
  readonly #core: DnsCore
  readonly #counters = new DnsCounters()
  readonly #publisher: FeedPublisher
  readonly #threads: readonly Thread[]
  readonly #tell: Tell
  readonly #options: PoolOptions
  #notifier: Notifier | undefined
  #closed: Promise<void> | undefined

  constructor (options: PoolOptions) {
    this.#options = options
    this.address = options.settings.host
    this.port = options.settings.port
    this.#tell = options.tell
    const { tls, ...settings } = options.settings
    this.tls = tls === undefined ? undefined : { address: tls.host, port: tls.port }
    const { feed: source, clock, guard, log } = options
    this.#core = dnsCore({ ...settings, source, clock, guard, counters: this.#counters, ...(log === undefined ? {} : { log }) }, this.address)
    const publisher = this.#publisher = new FeedPublisher(options.feed)
    this.#threads = Array.from({ length: options.workers }, (_, index) => new Thread(`dns-${index + 1}`, publisher, options))
  }

  /** @throws what the first thread failed with, if all did */
  async start (): Promise<void> {
    const starts = await Promise.allSettled(this.#threads.map((thread) => thread.start()))
    const [first] = starts
    if (first?.status === 'rejected' && starts.every(({ status }) => status === 'rejected')) throw first.reason
    this.#notifier = this.#tell(this.address, this.#counters)
  }

  get counters (): DnsCounters {
    return DnsCounters.sum([this.#counters, ...this.#threads.map(({ counters }) => counters)])
  }

  get desk (): DnsServer['desk'] {
    return this.#core.desk
  }

  renew (certificate: Certificate): void {
    const { settings } = this.#options
    if (settings.tls === undefined) return
    this.#options.settings = { ...settings, tls: { ...settings.tls, ...certificate } } // of threads that are started later
    for (const thread of this.#threads) thread.tell({ type: 'renew', certificate })
  }

  whenTaken (revision: number): Promise<void> {
    return this.#publisher.whenTaken(revision)
  }

  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #close (): Promise<void> {
    this.#publisher.close()
    await Promise.all([this.#notifier?.close(), ...this.#threads.map((thread) => thread.stop())])
    this.#core.close()
  }
}

/** A place in the pool: one thread after the other. */
class Thread {
  /** Of all threads that were in this place. */
  readonly counters = new DnsCounters()
  readonly #name: string
  readonly #publisher: FeedPublisher
  readonly #options: PoolOptions
  #worker: Worker | undefined
  #ended: Promise<unknown> | undefined
  #cancelRestart: (() => void) | undefined
  #deaths = 0
  #isStopping = false

  constructor (name: string, publisher: FeedPublisher, options: PoolOptions) {
    this.#name = name
    this.#publisher = publisher
    this.#options = options
  }

  /** Resolves when it answers. @throws what it died of before */
  async start (): Promise<void> {
    const { settings, log, clock, guard, spawn } = this.#options
    const startedMs = clock.now()
    const { port1: port, port2: feed } = new MessageChannel()
    let worker: Worker
    try {
      worker = this.#worker = spawn({ settings, counters: this.counters.memory, feed }, [feed], this.#name)
    } catch (error) { // no more threads, or settings that can't be sent
      port.close()
      this.#restart(error, 0)
      throw error
    }
    const link = this.#publisher.add((message) => port.postMessage(message))
    port.on('message', guard.around('dns-threads', () => link.taken()))
    return new Promise((resolve, reject) => {
      let failure: Error | undefined
      worker.on('message', guard.around('dns-threads', (message: DnsWorkerMessage) => {
        if (message.type === 'unexpected') guard.told(message.place, errorOf(message), message.leftOut)
        else if (message.type === 'unexpected-count') for (const [place, errors] of message.counts) guard.counted(place, errors)
        else if (message.type === 'log') log?.[message.level](message.message)
        else if (message.type === 'info') log?.info?.(message.facts, message.message)
        else resolve()
      }))
      worker.on('error', guard.around('dns-threads', (error) => { failure = error instanceof Error ? error : new Error(String(error)) }))
      this.#ended = new Promise<void>((ended) => worker.on('exit', guard.around('dns-threads', (code) => {
        failure ??= new Error(`exit code ${code}`)
        link.remove()
        port.close()
        this.#worker = undefined
        this.counters.connections = 0
        this.counters.waiting = 0
        reject(failure)
        ended()
        this.#restart(failure, clock.now() - startedMs)
      })))
    })
  }

  tell (order: DnsWorkerOrder): void {
    this.#worker?.postMessage(order)
  }

  async stop (): Promise<void> {
    this.#isStopping = true
    this.#cancelRestart?.()
    const worker = this.#worker
    if (worker === undefined) return
    this.tell({ type: 'end' })
    const cancel = this.#options.clock.after(closeMs, () => void worker.terminate()) // `ended` tells when
    await this.#ended
    cancel()
  }

  #restart (failure: unknown, livedMs: number): void {
    if (this.#isStopping) return
    const { log, clock } = this.#options
    if (livedMs >= soundMs) this.#deaths = 0
    const delayMs = Math.min(minRestartMs * 2 ** this.#deaths++, maxRestartMs)
    log?.error(`DNS: the thread ${this.#name} ended, and is started anew in ${delayMs} ms: ${failure instanceof Error ? failure.message : String(failure)}`)
    this.#cancelRestart = clock.after(delayMs, () => {
      this.start().catch(() => undefined) // its end is logged, and the next one follows
    })
  }
}

/** An error of a thread, with the place in the program that it had there. */
function errorOf ({ name, message, stack }: Extract<DnsWorkerMessage, { readonly type: 'unexpected' }>): Error {
  return Object.assign(new Error(message), { name, stack })
}
