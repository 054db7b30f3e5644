// One beat for all registrations of a client: renewals travel together, one batch at a time.
import { fullJitter } from './backoff.ts'
import type { Clock } from './clock.ts'
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
  /** `bound`: over the WebSocket, which is its session now. */
  renewed (bound: boolean): void
  unknown (): void
  superseded (): void
}

export interface HeartbeatsOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly post: (leases: readonly Heartbeat[], timeoutMs: number) => Promise<HeartbeatAnswer>
  /** Over the WebSocket, which then is the lease's session; undefined while it is not open. */
  readonly overSocket: (leases: readonly Heartbeat[], timeoutMs: number) => Promise<HeartbeatAnswer> | undefined
  readonly isSocketOpen: () => boolean
  readonly failed: (error: Error) => void
}

/** Three tries within a lease: two may get lost. */
export const beatsPerTtl = 3
/** A process whose beats had the same distance as all others' would keep their herd together. */
const jitter = 0.1
/** Leases per call; more go in further calls, so that neither side stalls on one. */
const maxBatch = 1_000

export class Heartbeats {
  readonly #options: HeartbeatsOptions
  /** Each lease and when it must have beaten. */
  readonly #leases = new Map<Beating, number>()
  #timer: { readonly at: number, readonly handle: unknown } | undefined
  #busy = false
  #failures = 0
  #closed = false

  constructor (options: HeartbeatsOptions) {
    this.#options = options
  }

  /** A lease that has just been granted: it beats along with the others from now on. */
  add (lease: Beating): void {
    if (this.#closed) return
    const interval = lease.ttlMs / beatsPerTtl
    const now = this.#options.clock.now()
    this.#leases.set(lease, now + interval * (1 + jitter))
    // A random phase: processes that started together don't beat together.
    if (this.#timer === undefined || this.#timer.at > now + interval) this.#plan(now + interval * this.#options.random())
    if (!lease.session || !this.#options.isSocketOpen()) return
    this.#leases.set(lease, now) // it is no session before the socket has carried it
    this.#plan(now)
  }

  delete (lease: Beating): void {
    this.#leases.delete(lease)
    if (this.#leases.size === 0) this.#cancel()
  }

  /** The socket is open: sessions must be told to it at once, or they turn suspect. */
  beatSessions (): void {
    const now = this.#options.clock.now()
    let any = false
    for (const lease of this.#leases.keys()) {
      if (!lease.session) continue
      this.#leases.set(lease, now)
      any = true
    }
    if (any) this.#plan(now)
  }

  close (): void {
    this.#closed = true
    this.#leases.clear()
    this.#cancel()
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
    const horizon = clock.now() + period // what would be due before the next beat goes along with this one
    const due = [...this.#leases].filter(([, at]) => at <= horizon).map(([lease]) => lease)
    let pause = period * (1 - jitter + 2 * jitter * random())
    try {
      await this.#send(due.filter((lease) => lease.session), period, true)
      await this.#send(due.filter((lease) => !lease.session), period, false)
      this.#failures = 0
    } catch (error) {
      // Missed beats are not made up for: the next batch is the same size as this one.
      pause = Math.max(retryAfter(error), Math.min(period, fullJitter(this.#failures++, random)))
      this.#options.failed(asError(error))
    }
    this.#busy = false
    if (this.#leases.size === 0) return
    const next = clock.now() + pause
    this.#plan(this.#failures > 0 ? next : Math.min(next, least(this.#leases.values())))
  }

  async #send (leases: readonly Beating[], timeoutMs: number, session: boolean): Promise<void> {
    for (let start = 0; start < leases.length; start += maxBatch) {
      const batch = leases.slice(start, start + maxBatch)
      const { answer, bound } = await this.#answer(batch.map(beatOf), timeoutMs, session)
      this.#settle(batch, answer, bound)
    }
  }

  async #answer (beats: readonly Heartbeat[], timeoutMs: number, session: boolean): Promise<{ answer: HeartbeatAnswer, bound: boolean }> {
    if (session) {
      try {
        const answer = await this.#options.overSocket(beats, timeoutMs)
        if (answer !== undefined) return { answer, bound: true }
      } catch {} // the socket broke: a session may beat by request until it is back
    }
    return { answer: await this.#options.post(beats, timeoutMs), bound: false }
  }

  /** `stored: false` is a living lease too: the node hands it over when the store is back. */
  #settle (batch: readonly Beating[], answer: HeartbeatAnswer, bound: boolean): void {
    const unknown = new Set(answer.unknown.map(keyOf))
    const superseded = new Set(answer.superseded.map(keyOf))
    const listed = (set: ReadonlySet<string>, { namespace, service, id, generation }: LeaseReference): boolean =>
      set.has(keyOf({ namespace, service, id, ...(generation === undefined ? {} : { generation }) })) || set.has(keyOf({ namespace, service, id }))
    const now = this.#options.clock.now()
    for (const lease of batch) {
      if (!this.#leases.has(lease)) continue // deregistered while the beat travelled
      if (listed(superseded, lease.reference)) {
        this.delete(lease)
        lease.superseded()
      } else if (listed(unknown, lease.reference)) {
        this.delete(lease)
        lease.unknown()
      } else {
        this.#leases.set(lease, now + lease.ttlMs / beatsPerTtl * (1 + jitter))
        lease.renewed(bound)
      }
    }
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
