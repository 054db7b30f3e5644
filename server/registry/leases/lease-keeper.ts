// Renewals, coalesced where the store is another process: many heartbeats become one call of it, and none is lost while the store is away.
import { RegistryError } from '../../errors.ts'
import type { Renewed, Store } from '../../store/store.ts'
import type { Clock } from '../../clock.ts'

/** How long a heartbeat waits for company. A lease is at least a second long. */
const gatherMs = 10
/** A batch this large holds the store for about two milliseconds. */
const batchLimit = 1_000
/** Heartbeats that wait for a slow store; beyond it the caller is told to come back (each is some hundred octets). */
const queueLimit = 1_000_000

export interface KeptLease {
  readonly lease: string
  readonly ttlMs: number
}

export interface KeepResult {
  readonly unknown: ReadonlySet<string>
  /** Empty while the store is away. */
  readonly deadlines: ReadonlyMap<number, number>
  readonly stored: boolean
}

interface Batch {
  readonly leases: Map<string, number>
  readonly result: Promise<KeepResult>
  readonly settle: (result: KeepResult | PromiseLike<KeepResult>) => void
}

export class LeaseKeeper {
  readonly #store: Store
  readonly #clock: Clock
  #gathering: Batch | undefined
  #cancelTimer: (() => void) | undefined
  #queue: Batch[] = []
  #queued = 0
  #sending = false
  /** Latest heartbeat of each lease that the store has not heard, bounded by the number of leases. */
  #remembered = new Map<string, number>()
  #away = false

  constructor (store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** @throws RegistryError REG_OVERLOADED when too many wait already */
  async keep (leases: readonly KeptLease[]): Promise<KeepResult> {
    if (leases.length === 0) return { unknown: new Set(), deadlines: new Map(), stored: !this.#away }
    if (this.#away) {
      this.#remember(leases)
      return notStored
    }
    if (this.#queued + leases.length > queueLimit) {
      throw new RegistryError('REG_OVERLOADED', `${this.#queued} heartbeats wait for the store already`, undefined, { retryAfterSeconds: 1 })
    }
    if (this.#store.renewsAlone === true) return this.#renew(leases)
    const results: Promise<KeepResult>[] = []
    for (const { lease, ttlMs } of leases) {
      const batch = this.#gathering ??= this.#newBatch()
      if (!batch.leases.has(lease)) this.#queued++
      batch.leases.set(lease, ttlMs)
      if (results.at(-1) !== batch.result) results.push(batch.result)
      if (batch.leases.size >= batchLimit) this.#flush()
    }
    return merge(await Promise.all(results), leases)
  }

  /** The store is away or back. What was remembered meanwhile is handed over before anything else. */
  storeAvailable (available: boolean): void {
    if (available === !this.#away) return
    this.#away = !available
    if (!available || this.#remembered.size === 0) return
    const leases = Array.from(this.#remembered, ([lease, ttlMs]) => ({ lease, ttlMs }))
    this.#remembered = new Map()
    void this.keep(leases).catch(() => this.#remember(leases)) // too many at once: the next return of the store tries again
  }

  get rememberedCount (): number {
    return this.#remembered.size
  }

  close (): void {
    this.#flush()
  }

  #newBatch (): Batch {
    const { promise, resolve } = Promise.withResolvers<KeepResult>()
    this.#cancelTimer = this.#clock.after(gatherMs, () => this.#flush())
    return { leases: new Map(), result: promise, settle: resolve }
  }

  #flush (): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#gathering !== undefined) this.#queue.push(this.#gathering)
    this.#gathering = undefined
    void this.#send()
  }

  /** One call in flight: while the store works, the next batch grows. */
  async #send (): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      this.#queued -= batch.leases.size
      batch.settle(this.#renew(Array.from(batch.leases, ([lease, ttlMs]) => ({ lease, ttlMs }))))
      await batch.result.catch(() => undefined) // its callers get the error
    }
    this.#sending = false
  }

  async #renew (leases: readonly KeptLease[]): Promise<KeepResult> {
    const byTtl = new Map<number, string[]>()
    for (const { lease, ttlMs } of leases) {
      const group = byTtl.get(ttlMs)
      if (group === undefined) byTtl.set(ttlMs, [lease])
      else group.push(lease)
    }
    let renewed: Renewed
    try {
      renewed = await this.#store.renew(byTtl)
    } catch {
      // The store's health says what is wrong; the heartbeat is kept and written when the store is back.
      this.#remember(leases)
      return notStored
    }
    if (this.#remembered.size > 0) for (const { lease } of leases) this.#remembered.delete(lease)
    return { unknown: new Set(renewed.unknown), deadlines: renewed.deadlines, stored: true }
  }

  #remember (leases: readonly KeptLease[]): void {
    for (const { lease, ttlMs } of leases) this.#remembered.set(lease, ttlMs)
  }
}

const notStored: KeepResult = { unknown: new Set(), deadlines: new Map(), stored: false }

function merge (results: readonly KeepResult[], leases: readonly KeptLease[]): KeepResult {
  const [only] = results
  if (results.length === 1 && only !== undefined && only.unknown.size === 0) return only
  const mine = new Set<string>()
  for (const { lease } of leases) if (results.some((result) => result.unknown.has(lease))) mine.add(lease)
  // A lease's deadline is at least the earliest of its batches; a session compares for equality and then only errs towards mercy.
  const deadlines = new Map<number, number>()
  for (const result of results) for (const [ttlMs, deadlineMs] of result.deadlines) deadlines.set(ttlMs, deadlineMs)
  return { unknown: mine, deadlines, stored: results.every((result) => result.stored) }
}
