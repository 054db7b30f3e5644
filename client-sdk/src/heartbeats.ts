// One beat for all registrations of a client: renewals travel together, at a third of the shortest lease. A beat that
// is late does not hold up the next one, and its answer counts all the same.
import { fullJitter } from './backoff.ts'
import { within, type Clock } from './clock.ts'
import { asError } from './errors.ts'
import { retryAfter } from './transport.ts'
import type { Heartbeat, HeartbeatAnswer, LeaseReference } from './wire.ts'

/** A lease that beats. Its methods never throw. */
export interface Beating {
  readonly reference: LeaseReference
  readonly ttlMs: number
  readonly session: boolean
  /** What goes along with a heartbeat beyond its name. */
  load (): Heartbeat['load']
  /**
   * `bound`: over the WebSocket, which is its session now. `sentAtMs`: when the heartbeat was sent that is stored now; undefined: it is
   * not stored yet.
   */
  renewed (bound: boolean, sentAtMs: number | undefined): void
  /** The WebSocket that was its session is gone. */
  unbound (): void
  unknown (): void
  superseded (): void
}

export interface HeartbeatsOptions {
  readonly clock: Clock
  readonly random: () => number
  /** By request. It ends by itself, later than a beat is waited for. */
  readonly post: (leases: readonly Heartbeat[], patienceMs: number) => Promise<HeartbeatAnswer>
  /** Over the WebSocket, which then is the lease's session; undefined while it is not open. */
  readonly overSocket: (leases: readonly Heartbeat[]) => Promise<HeartbeatAnswer> | undefined
  readonly isSocketOpen: () => boolean
  readonly failed: (error: Error) => void
  /** The answer was `stored: false`: the node has lost its store. */
  readonly unstored: () => void
}

/** Three tries within a lease: two may get lost. */
export const beatsPerTtl = 3
/** A process whose beats had the same distance as all others' would keep their herd together. */
const jitter = 0.1
/** Leases per call; more go in further calls, so that neither side stalls on one. */
const maxBatch = 1_000
/**
 * A node may be silent so long, or for the time between two beats, before the heartbeat is sent to another one as well.
 */
const minPatienceMs = 500
/**
 * Beats that are on their way at the same time. Each ends by itself; on a very slow network more of them would only
 * queue.
 */
const maxFlights = 4

interface Due {
  /** When it must have beaten. */
  at: number
  /** When it was granted: answers to heartbeats sent before that are ignored. */
  readonly sinceMs: number
}

export class Heartbeats {
  readonly #options: HeartbeatsOptions
  readonly #leases = new Map<Beating, Due>()
  #timer: { readonly at: number, readonly handle: unknown } | undefined
  #busy = false
  #flights = 0
  #failures = 0
  /** How long answers take lately. */
  #answerMs = 0
  /** The last answer was `stored: false`: the heartbeat should be sent to another node as soon as there is one. */
  #owing = false
  /** Something happened while a beat was on its way: the next one follows at once. */
  #again = false
  #closed = false

  constructor (options: HeartbeatsOptions) {
    this.#options = options
  }

  /** A lease that has just been granted: it beats along with the others from now on. */
  add (lease: Beating): void {
    if (this.#closed) return
    const interval = lease.ttlMs / beatsPerTtl
    const now = this.#options.clock.now()
    this.#leases.set(lease, { at: now + interval * (1 + jitter), sinceMs: now })
    // A random phase: processes that started together don't beat together.
    if (this.#timer === undefined || this.#timer.at > now + interval) this.#plan(now + interval * this.#options.random())
    if (!lease.session || !this.#options.isSocketOpen()) return
    this.#beatNow((each) => each === lease) // it is no session before the socket has carried it
  }

  delete (lease: Beating): void {
    this.#leases.delete(lease)
    if (this.#leases.size === 0) this.#cancel()
  }

  /** The socket is gone. */
  unbind (): void {
    for (const lease of this.#leases.keys()) lease.unbound()
  }

  /** The socket is open: sessions must be sent on it at once, or they turn suspect. */
  beatSessions (): void {
    this.#beatNow((lease) => lease.session)
  }

  /**
   * Another node is in use: heartbeats that the last one could not store, or did not answer, are sent to this one at
   * once.
   */
  moved (): void {
    if (this.#owing || this.#failures > 0) this.#beatNow(() => true)
  }

  close (): void {
    this.#closed = true
    this.#leases.clear()
    this.#cancel()
  }

  #beatNow (concerns: (lease: Beating) => boolean): void {
    this.#again = this.#busy
    if (this.#busy) return
    const leases = [...this.#leases.keys()].filter(concerns)
    for (const lease of leases) this.#hurry(lease)
    if (leases.length > 0) this.#plan(this.#options.clock.now())
  }

  #hurry (lease: Beating): void {
    const due = this.#leases.get(lease)
    if (due !== undefined) due.at = this.#options.clock.now()
  }

  #plan (at: number): void {
    if (this.#busy || this.#closed) return // the running beat plans the next one
    this.#cancel()
    const { clock } = this.#options
    this.#timer = { at, handle: clock.setTimeout(() => void this.#beat(), Math.max(0, at - clock.now()), true) }
  }

  #cancel (): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer.handle)
    this.#timer = undefined
  }

  /** Never rejects. */
  async #beat (): Promise<void> {
    const { clock, random } = this.#options
    this.#timer = undefined
    this.#busy = true
    const period = this.#period()
    const start = clock.now()
    const horizon = start + period // what would be due before the next beat goes along with this one
    const due = [...this.#leases].filter(([, { at }]) => at <= horizon).map(([lease]) => lease)
    // A beat that is later than the last ones were may be on a dead connection: another one sets out, on another
    // connection. Its own answer counts all the same.
    const patience = Math.min(period, Math.max(period / 2, this.#answerMs * 1.25))
    const flight = this.#flight(due, start, period)
    const outcome = this.#flights < maxFlights ? await within(clock, flight, patience) : await flight
    this.#busy = false
    if (this.#leases.size === 0) return
    if (this.#again) return this.#beatNow(() => true)
    if (outcome === undefined) {
      const next = start + period * (1 - jitter + 2 * jitter * random())
      return this.#plan(Math.max(clock.now(), Math.min(next, least(Array.from(this.#leases.values(), ({ at }) => at)))))
    }
    // Missed beats are not made up for: the next batch is the same size as this one.
    const asked = outcome === 'late' ? 0 : retryAfter(outcome)
    const pause = outcome === 'late' && this.#failures === 0 ? 0 : Math.min(period, fullJitter(this.#failures, random))
    this.#failures++
    this.#plan(clock.now() + Math.max(asked, pause))
  }

  /** Sends a beat, and settles it whenever it is answered. Gives the error if there is one. Never rejects. */
  async #flight (leases: readonly Beating[], start: number, period: number): Promise<Error | undefined> {
    this.#flights++
    try {
      const results = await Promise.allSettled([
        this.#send(leases.filter((lease) => lease.session), start, period, true),
        this.#send(leases.filter((lease) => !lease.session), start, period, false)
      ])
      const failure = results.find((result) => result.status === 'rejected')
      if (failure === undefined) {
        this.#failures = 0
        this.#answerMs = (this.#answerMs + this.#options.clock.now() - start) / 2
        return undefined
      }
      const error = asError(failure.reason)
      this.#options.failed(error)
      return error
    } finally {
      this.#flights--
    }
  }

  async #send (leases: readonly Beating[], start: number, period: number, session: boolean): Promise<void> {
    for (let first = 0; first < leases.length; first += maxBatch) {
      const batch = leases.slice(first, first + maxBatch)
      const beats = batch.map(beatOf)
      if (session && await this.#overSocket(batch, beats, start, period)) continue
      this.#settle(batch, await this.#options.post(beats, Math.max(minPatienceMs, period)), start, false)
    }
  }

  /** False if it was not answered in time, or not at all: a session may beat by request until the socket is back. */
  async #overSocket (
    batch: readonly Beating[], beats: readonly Heartbeat[], start: number, period: number
  ): Promise<boolean> {
    const answer = this.#options.overSocket(beats)
    if (answer === undefined) return false
    const settled = answer.then((value) => {
      this.#settle(batch, value, start, true)
      return true
    }, () => false)
    return await within(this.#options.clock, settled, period) === true
  }

  #settle (batch: readonly Beating[], answer: HeartbeatAnswer, start: number, bound: boolean): void {
    const unknown = new Set(answer.unknown.map(keyOf))
    const superseded = new Set(answer.superseded.map(keyOf))
    const forbidden = new Set((answer.forbidden ?? []).map(keyOf))
    const listed = (set: ReadonlySet<string>, { namespace, service, id, generation }: LeaseReference): boolean =>
      set.has(keyOf({ namespace, service, id, ...(generation === undefined ? {} : { generation }) })) || set.has(keyOf({ namespace, service, id }))
    for (const lease of batch) {
      const due = this.#leases.get(lease)
      // deregistered, or registered again, while the beat travelled
      if (due === undefined || due.sinceMs > start) continue
      if (listed(superseded, lease.reference)) {
        this.delete(lease)
        lease.superseded()
      } else if (listed(unknown, lease.reference) || listed(forbidden, lease.reference)) { // registering again, it is told why not
        this.delete(lease)
        lease.unknown()
      } else {
        due.at = Math.max(due.at, start + lease.ttlMs / beatsPerTtl * (1 + jitter))
        lease.renewed(bound, answer.stored ? start : undefined)
      }
    }
    // `stored: false` is a living lease too: the node hands it over when its store is back. But the other nodes don't
    // know of it.
    this.#owing = !answer.stored
    if (this.#owing) this.#options.unstored()
  }

  #period (): number {
    return least(Array.from(this.#leases.keys(), (lease) => lease.ttlMs)) / beatsPerTtl
  }
}

function beatOf (lease: Beating): Heartbeat {
  const load = lease.load()
  return load === undefined ? lease.reference : { ...lease.reference, load }
}

/** Not Math.min(...): a hundred thousand arguments would not fit the stack. */
function least (numbers: Iterable<number>): number {
  let result = Infinity
  for (const number of numbers) result = Math.min(result, number)
  return result
}

function keyOf ({ namespace, service, id, generation }: LeaseReference): string {
  return `${namespace}/${service}/${id}/${generation ?? ''}`
}
