// What instances said of their load in heartbeats: the newest word of each life. It is no change: no revision grows, no watcher wakes. What
// this node hears goes to the store in batches, and what other nodes heard is fetched from there when somebody asks.
import { loadFaults } from '../../../client-sdk/src/rules.ts'
import type { Instance, LoadValue } from '../../../client-sdk/src/wire.ts'
import type { Clock } from '../../clock.ts'
import { RegistryError, invalid } from '../../errors.ts'
import { type LoadPage, type Store, maxLoadText, maxLoadsAtOnce } from '../../store/store.ts'
import { Slice } from '../../slice.ts'
import type { Feed } from '../feed/feed.ts'
import type { InstanceName } from '../instance-name.ts'

export type Load = Readonly<Record<string, LoadValue>>

export interface KeptLoad {
  readonly load: Load
  /** When it was heard, on the store's clock: an old word says nothing. */
  readonly atMs: number
}

interface Kept extends KeptLoad {
  /** Where this node heard it; undefined = another node did. */
  readonly heardFrom: InstanceName | undefined
  /** As the store has it: what comes back like it need not be read. */
  readonly text: string | undefined
}

export interface LoadParts {
  readonly feed: Feed
  readonly store: Pick<Store, 'keepLoads' | 'readLoads'>
  readonly clock: Clock
}

/** How long words wait for company: a batch of a second is one call of the store, and nobody decides by them more often than that. */
const gatherMs = 1_000
/** Who asks for the loads of all gets those of so long ago, so that many who ask cost one reading. */
const freshMs = 3_000
/** Redis answers in a millisecond or two; a person who waits for a table does not notice more. */
const momentMs = 300
/** Loads of lives that are over, before those that others heard are read anew. */
const spare = 1_000

/** At most one for each registered life, and some. */
export class Loads {
  readonly #parts: LoadParts
  readonly #kept = new Map<string, Kept>()
  /** What the store has not heard, by lease. */
  #waiting = new Map<string, Load>()
  #cancel: (() => void) | undefined
  #sending: Promise<void> = Promise.resolve()
  #reading: Promise<boolean> | undefined
  #readAtMs = -Infinity
  #place = ''
  #heard = 0
  #aheadMs = 0

  constructor (parts: LoadParts) {
    this.#parts = parts
    parts.feed.listen({
      name: 'loads',
      changed: ({ kind, event, lease }) => { if (kind === 'instance' && event === 'delete') this.#forget(lease) },
      loaded: () => this.#prune()
    })
  }

  /** Instances that said something to this node. */
  get size (): number {
    return this.#heard
  }

  /** The store's clock, as far as it is known here. */
  nowMs (): number {
    return this.#parts.clock.now() + this.#aheadMs
  }

  set ({ namespace, service, id }: InstanceName, lease: string, load: Load): void {
    this.#keep(lease, { load, atMs: this.nowMs(), heardFrom: { namespace, service, id }, text: undefined })
    this.#waiting.set(lease, load)
    this.#cancel ??= this.#parts.clock.after(gatherMs, () => this.#flush())
  }

  /** The newest word of the life that is registered now. */
  get ({ namespace, service, id }: InstanceName): KeptLoad | undefined {
    const lease = this.#parts.feed.catalog.entry(namespace, service, id)?.lease
    return lease === undefined ? undefined : this.#kept.get(lease)
  }

  /** Every instance that said something to this node, in no particular order. */
  * entries (): Generator<readonly [Instance, KeptLoad]> {
    for (const [lease, kept] of this.#kept) {
      if (kept.heardFrom === undefined) continue
      const { namespace, service, id } = kept.heardFrom
      const entry = this.#parts.feed.catalog.entry(namespace, service, id)
      if (entry?.lease === lease) yield [entry.instance, kept]
    }
  }

  /**
   * Resolves when this node knows what all nodes heard, some seconds ago at most. False: the store is away, and what is here may be old.
   * @param maxAgeMs so old it may be, default 3 s
   */
  fresh (maxAgeMs = freshMs): Promise<boolean> {
    if (this.#parts.clock.now() - this.#readAtMs < maxAgeMs) return Promise.resolve(true)
    return this.#reading ??= this.#read().finally(() => { this.#reading = undefined })
  }

  /** The same for who shows them: it waits only for a moment, for a store that is slow stops no read. */
  async freshSoon (): Promise<void> {
    let cancel = (): void => undefined
    const moment = new Promise<void>((resolve) => { cancel = this.#parts.clock.after(momentMs, resolve) })
    await Promise.race([this.fresh(), moment])
    cancel()
  }

  /** Hands over what waits. */
  async close (): Promise<void> {
    if (this.#parts.feed.storeHealth.available) await this.#flush()
  }

  async #read (): Promise<boolean> {
    const { store, clock } = this.#parts
    try {
      await this.#flush()
      const slice = new Slice()
      for (let page: LoadPage | undefined; page === undefined || page.more;) {
        page = await store.readLoads(this.#place)
        this.#place = page.place
        this.#aheadMs = page.nowMs - clock.now()
        for (const { lease, atMs, body } of page.loads) {
          if (slice.isOver()) await slice.next()
          const known = this.#kept.get(lease)
          if (known !== undefined && known.atMs > atMs) continue
          if (known?.text === body) this.#keep(lease, { ...known, atMs })
          else {
            const load = readLoad(body)
            if (load !== undefined) this.#keep(lease, { load, atMs, heardFrom: undefined, text: body })
          }
        }
      }
      this.#readAtMs = clock.now()
      if (this.#kept.size > this.#parts.feed.catalog.size + spare) this.#prune()
      return true
    } catch (error) {
      if (error instanceof RegistryError) return false
      throw error
    }
  }

  /** One batch after the other; what cannot be handed over is forgotten: the next heartbeats say it again. */
  #flush (): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    const waiting = this.#waiting
    if (waiting.size > 0) {
      this.#waiting = new Map()
      this.#sending = this.#sending.catch(() => undefined).then(() => this.#send(waiting))
    }
    return this.#sending
  }

  /** Rejects only with what nobody foresaw. */
  async #send (waiting: ReadonlyMap<string, Load>): Promise<void> {
    let batch = new Map<string, string>()
    try {
      for (const [lease, load] of waiting) {
        const text = JSON.stringify(load)
        if (text.length <= maxLoadText) batch.set(lease, text)
        const kept = this.#kept.get(lease)
        if (kept?.load === load) this.#kept.set(lease, { ...kept, text })
        if (batch.size < maxLoadsAtOnce) continue
        await this.#parts.store.keepLoads(batch)
        batch = new Map()
      }
      if (batch.size > 0) await this.#parts.store.keepLoads(batch)
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error // the store's health says the rest
    }
  }

  #keep (lease: string, kept: Kept): void {
    this.#heard += Number(kept.heardFrom !== undefined) - Number(this.#kept.get(lease)?.heardFrom !== undefined)
    this.#kept.set(lease, kept)
  }

  #forget (lease: string): void {
    this.#heard -= Number(this.#kept.get(lease)?.heardFrom !== undefined)
    this.#kept.delete(lease)
    this.#waiting.delete(lease)
  }

  /** What others heard is read anew: of which lives it is, this node does not know. */
  #prune (): void {
    const { catalog } = this.#parts.feed
    for (const [lease, { heardFrom }] of this.#kept) {
      if (heardFrom === undefined || catalog.entry(heardFrom.namespace, heardFrom.service, heardFrom.id)?.lease !== lease) this.#forget(lease)
    }
    this.#place = ''
    this.#readAtMs = -Infinity
  }
}

/** @throws RegistryError REG_INVALID for too many, a bad name, or what is no number */
export function checkLoad (load: Load, field: string): void {
  const faults = loadFaults(load, field)
  if (faults.length > 0) throw invalid(faults)
}

/** undefined = no node wrote this. */
function readLoad (text: string): Load | undefined {
  try {
    const load: unknown = JSON.parse(text)
    return loadFaults(load).length === 0 ? load as Load : undefined // it has just been checked
  } catch {
    return undefined
  }
}
