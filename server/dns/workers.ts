// Several threads that answer DNS on one port. Each has its own sockets, which share the port (SO_REUSEPORT), its own copy of the
// registry, and its own answers. How threads are started, supervised and fed is not DNS' own: threads/.
import { type Clock, guardedClock, systemClock } from '../clock.ts'
import { type Guard, standaloneGuard } from '../guard.ts'
import { invalid } from '../errors.ts'
import type { Spawn } from '../threads/supervised-thread.ts'
import { type MirroredFeed, ThreadPool, spawner } from '../threads/thread-pool.ts'
import type { NotifyTarget } from './transfer/peers.ts'
import { zonesOf } from './names/zones.ts'
import { type Certificate, type DnsCore, type DnsOptions, type DnsServer, type DnsThreadOrder, type DnsThreadSettings, type Place, DnsCounters, dnsCore, startDns } from './server.ts'
import type { FollowedSource } from './source.ts'
import { StandIn } from './stand-in.ts'
import { Notifier } from './transfer/notifier.ts'

export interface DnsWorkersOptions extends DnsThreadSettings {
  /** How many threads, 0-64; 0 = the calling thread answers. */
  readonly workers: number
  readonly feed: FollowedSource & MirroredFeed
  /** The secondaries that NOTIFY is sent to, once for the node: from the calling thread. Default: none. */
  readonly notify?: readonly NotifyTarget[]
  readonly log?: NonNullable<DnsOptions['log']>
  readonly clock?: Clock
  /** Limits an unexpected error to the callback in which it happened; it counts those that the threads report. */
  readonly guard?: Guard
  /** Makes a thread; default: one that runs bin/dns-worker.js. */
  readonly spawn?: Spawn<DnsThreadSettings>
}

export interface DnsWorkers extends DnsServer {
  /** Of all threads together, as they are now. */
  readonly counters: DnsCounters
  /** The threads, for who waits until they show something; undefined = the calling thread answers, from the view itself. */
  readonly follower: ThreadFollower | undefined
  /** How late the loops of the threads were, by their names (loop.ts). */
  readonly delays: ReadonlyMap<string, Float64Array>
  /** Resolves when all threads are at work, or failed and are started anew in a while. @throws what the first failed with, if all did */
  readonly started: Promise<void>
  /**
   * Resolves when every thread that lives answers from this revision or a later one, or this was closed. A hand-over of the port to a thread
   * is over by then: a question that comes in the moment in which a socket is closed is lost, and asked again by its client.
   */
  whenTaken (revision: number): Promise<void>
}

type ThreadFollower = Pick<ThreadPool<DnsThreadSettings, DnsThreadOrder>, 'hasTaken' | 'onTaken'>

/** More than most machines have cores; each costs a copy of the registry. */
const maxDnsWorkers = 64
/** A free port may be gone before the threads take it. */
const maxPortAttempts = 8

export const spawnDnsWorker = spawner<DnsThreadSettings>(new URL('../../bin/dns-worker.js', import.meta.url))

/**
 * Starts to answer. Resolves when all threads have bound or failed to: those that failed are started anew in a while.
 * @throws RegistryError REG_INVALID for a bad setting; the error of the system, or of a thread, if none can answer
 */
export async function startDnsWorkers (options: DnsWorkersOptions): Promise<DnsWorkers> {
  const dns = await beginDnsWorkers(options)
  try {
    await dns.started
    return dns
  } catch (error) {
    await dns.close()
    throw error
  }
}

/**
 * Begins to answer, from the calling thread until the others are at work. Resolves when it is bound.
 * @throws RegistryError REG_INVALID for a bad setting; the error of the system if it can't bind
 */
export async function beginDnsWorkers (options: DnsWorkersOptions): Promise<DnsWorkers> {
  const { workers, feed, notify = [], log, guard = standaloneGuard, clock: given = systemClock, spawn = spawnDnsWorker, ...settings } = options
  const clock = guardedClock(given, guard, 'dns-timer')
  if (!Number.isInteger(workers) || workers < 0 || workers > maxDnsWorkers) {
    throw invalid([{ field: 'workers', value: workers, rule: `must be a whole number 0-${maxDnsWorkers}` }])
  }
  const tell: Tell = (places, counters) => {
    if (notify.length === 0) return undefined
    const addresses = places.map(({ address }) => address)
    const zones = zonesOf(settings, addresses)
    const keys = settings.transfer?.keys ?? []
    return new Notifier({ source: feed, zones, targets: notify, keys, clock, guard, addresses, counters, ...(log === undefined ? {} : { log }) })
  }
  if (workers === 0) {
    const server = await startDns({ ...settings, source: feed, clock, guard, ...(log === undefined ? {} : { log }) })
    const notifier = tell(server.places, server.counters)
    const close = async (): Promise<void> => {
      await Promise.all([notifier?.close(), server.close()])
    }
    return {
      ...server, close, [Symbol.asyncDispose]: close, follower: undefined, delays: new Map(), started: Promise.resolve(),
      whenTaken: (revision) => new Promise((resolve) => feed.whenApplied(revision, resolve))
    }
  }
  for (let attempt = 1; ; attempt++) {
    const found = await findPlaces(settings, feed)
    const pool = new DnsPool({ feed, workers, log, clock, guard, spawn, tell, settings, ...found })
    try {
      await pool.begin()
      return pool
    } catch (error) {
      await pool.close()
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (settings.port !== 0 || !isTaken || attempt === maxPortAttempts) throw error
    }
  }
}

/**
 * Listens alone for a moment. That checks the settings, finds the port, and finds out whether another process has it:
 * those who share a port are not told of each other, and a second registry would silently get half of the questions.
 */
async function findPlaces (settings: DnsThreadSettings, source: DnsOptions['source']): Promise<Pick<DnsServer, 'places' | 'tlsPlaces'>> {
  await using server = await startDns({ ...settings, source })
  return { places: server.places, tlsPlaces: server.tlsPlaces }
}

/** Begins to tell secondaries of changes, if there are any. @param places where DNS is answered */
type Tell = (places: readonly Place[], counters: DnsCounters) => Notifier | undefined

interface DnsPoolOptions {
  readonly workers: number
  readonly feed: FollowedSource & MirroredFeed
  readonly settings: DnsThreadSettings
  /** Where the threads listen: addresses and ports as they are. */
  readonly places: readonly Place[]
  readonly tlsPlaces: readonly Place[]
  readonly log: DnsOptions['log']
  readonly clock: Clock
  readonly guard: Guard
  readonly spawn: Spawn<DnsThreadSettings>
  readonly tell: Tell
}

class DnsPool implements DnsWorkers {
  readonly places: readonly Place[]
  readonly tlsPlaces: readonly Place[]
  /** Of this thread: what comes over HTTP is in it. */
  readonly #core: DnsCore
  readonly #counters = new DnsCounters()
  readonly #ofThreads: readonly DnsCounters[]
  readonly #threads: ThreadPool<DnsThreadSettings, DnsThreadOrder>
  /** Of threads that are started from here on. */
  #settings: DnsThreadSettings
  readonly #tell: Tell
  /** Answers while no thread does. */
  readonly #standIn: StandIn
  started: Promise<void> = Promise.resolve()
  #notifier: Notifier | undefined
  #closed: Promise<void> | undefined

  constructor ({ settings: given, places, tlsPlaces, workers, tell, feed, clock, guard, log, spawn }: DnsPoolOptions) {
    this.places = places
    this.tlsPlaces = tlsPlaces
    this.#tell = tell
    const hosts = places.map(({ address }) => address)
    const tlsHosts = tlsPlaces.map(({ address }) => address)
    const tls = given.tls === undefined ? undefined : { ...given.tls, host: tlsHosts, port: tlsPlaces[0]?.port ?? given.tls.port }
    this.#settings = { ...given, host: hosts, port: this.port, tls }
    this.#core = dnsCore({ ...given, source: feed, clock, guard, counters: this.#counters, ...(log === undefined ? {} : { log }) }, hosts, tlsHosts)
    const ofThreads = this.#ofThreads = Array.from({ length: workers }, () => new DnsCounters())
    this.#standIn = new StandIn(() => startDns({
      ...this.#settings, reusePort: true, source: feed, clock, guard, counters: this.#counters, ...(log === undefined ? {} : { log })
    }))
    const failed = (error: unknown): void => log?.error(`DNS: the main thread cannot stand in for the others: ${error instanceof Error ? error.message : String(error)}`)
    const atWork = new Set<number>()
    this.#threads = new ThreadPool({
      room: 'DNS', name: 'dns', feed, settings: () => this.#settings, spawn, clock, guard, log,
      counters: ofThreads.map(({ memory }) => memory),
      working: (place) => {
        atWork.add(place)
        this.#standIn.end().catch(failed)
      },
      ended: (place) => {
        ofThreads[place]?.ended()
        if (atWork.delete(place) && atWork.size === 0) this.#standIn.begin().catch(failed)
      }
    })
  }

  /** Answers from this thread, and starts the others. @throws the error of the system if it can't bind */
  async begin (): Promise<void> {
    await this.#standIn.begin()
    this.started = this.#threads.start().then(async () => {
      await this.#standIn.settled
      if (this.#closed === undefined) this.#notifier = this.#tell(this.places, this.#counters)
    })
    this.started.catch(() => undefined) // those who wait for it get the error
  }

  get delays (): ReadonlyMap<string, Float64Array> {
    return this.#threads.delays
  }

  get follower (): ThreadFollower {
    return this.#threads
  }

  get address (): string {
    return this.places[0]?.address ?? ''
  }

  get port (): number {
    return this.places[0]?.port ?? 0
  }

  get tls (): Place | undefined {
    return this.tlsPlaces[0]
  }

  get counters (): DnsCounters {
    return DnsCounters.sum([this.#counters, ...this.#ofThreads])
  }

  get desk (): DnsServer['desk'] {
    return this.#core.desk
  }

  renew (certificate: Certificate): void {
    const { tls } = this.#settings
    if (tls === undefined) return
    this.#settings = { ...this.#settings, tls: { ...tls, ...certificate } }
    this.#threads.tell({ type: 'renew', certificate })
    this.#standIn.renew(certificate)
  }

  async whenTaken (revision: number): Promise<void> {
    await this.#threads.whenTaken(revision)
    await this.#standIn.settled
  }

  close (): Promise<void> {
    return this.#closed ??= this.#close()
  }

  [Symbol.asyncDispose] (): Promise<void> {
    return this.close()
  }

  async #close (): Promise<void> {
    await Promise.all([this.#notifier?.close(), this.#threads.close(), this.#standIn.close()])
    this.#core.close()
  }
}
