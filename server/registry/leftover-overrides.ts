// Overrides of instances that are not registered. They survive a re-registration; one whose instance does not come back
// ends after a while, so that no later instance of the same id is drained out of nowhere, and the limit of overrides is
// not reached by forgotten ones.
import type { ListedOverride } from '../../client-sdk/src/wire.ts'
import type { Clock } from '../clock.ts'
import type { ObjectWrite, Store } from '../store/store.ts'
import type { AppliedChange } from './feed/change-ring.ts'
import type { Feed } from './feed/feed.ts'
import { overrideKey, overrideOf, overriddenKey } from './overrides.ts'

/** A day: a machine that is repaired overnight comes back as it was. */
export const defaultOverrideKeepMs = 86_400_000
/** Looking costs nothing while there are none. After a failure too. */
const intervalMs = 60_000
/** Ended in one commit, of which each is a change. */
const batch = 100
const author = 'registry'

export interface LeftoverOptions {
  readonly store: Pick<Store, 'commit' | 'sync'>
  readonly feed: Feed
  readonly clock: Clock
  readonly keepMs: number
  readonly log: { info (message: string): void, warn (message: string): void }
}

export class LeftoverOverrides {
  readonly #options: LeftoverOptions
  /** Object -> since when its instance is not registered. */
  readonly #absent = new Map<string, number>()
  /** The catalog is another one: what is absent must be looked for. */
  #isStale = true
  #cancel: (() => void) | undefined
  readonly #unlisten: () => void

  constructor (options: LeftoverOptions) {
    this.#options = options
    this.#unlisten = options.feed.listen({
      loaded: () => { this.#isStale = true },
      changed: (change) => this.#changed(change)
    })
  }

  start (): void {
    this.#cancel = this.#options.clock.after(intervalMs, () => void this.#round())
  }

  close (): void {
    this.#cancel?.()
    this.#unlisten()
  }

  /** How many there are now. */
  get size (): number {
    return this.#known().size
  }

  /** All overrides, ordered by namespace, service and id. */
  list (): ListedOverride[] {
    const absent = this.#known()
    const listed: ListedOverride[] = []
    for (const object of this.#options.feed.heldObjects()) {
      const target = overriddenKey(object.key)
      if (target === undefined) continue
      const sinceMs = absent.get(object.key)
      const absence = sinceMs === undefined ? { registered: true } : { registered: false, absentSince: new Date(sinceMs).toISOString() }
      listed.push({ ...target, ...absence, override: overrideOf(object) })
    }
    return listed.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.service, b.service) || compare(a.id, b.id))
  }

  /** Ends those whose time is over. @throws what the store throws */
  async look (): Promise<number> {
    const { store, feed, clock, keepMs, log } = this.#options
    const isDue = (sinceMs: number): boolean => clock.now() - sinceMs >= keepMs
    if (![...this.#known().values()].some(isDue)) return 0
    await store.sync() // another node may have registered one of them just now
    const due = [...this.#known()].filter(([, sinceMs]) => isDue(sinceMs)).slice(0, batch).map(([key]) => feed.catalog.object(key))
    const writes = due.filter((object) => object !== undefined)
      .map(({ key, revision }): ObjectWrite => ({ type: 'delete', key, reason: 'override-ended', expected: revision }))
    if (writes.length === 0) return 0
    const { outcome } = await store.commit(writes, author)
    if (outcome === 'conflict') return 0 // another writer changed one of them: the next round looks again
    const some = `${writes.slice(0, 3).map(({ key }) => key).join(', ')}${writes.length > 3 ? ', ...' : ''}`
    log.info(`${writes.length} overrides ended: their instances were not registered for ${Math.round(keepMs / 60_000)} minutes (${some})`)
    return writes.length
  }

  async #round (): Promise<void> {
    try {
      if (this.#options.feed.loaded) while (await this.look() === batch);
    } catch (error) {
      this.#options.log.warn(`overrides of instances that are gone could not be ended, trying again: ${error instanceof Error ? error.message : String(error)}`)
    }
    this.start()
  }

  #changed ({ kind, target, event, instance, object, atMs }: AppliedChange): void {
    if (this.#isStale || kind !== 'instance') return
    const key = overrideKey(target.namespace, target.service, target.id)
    const { catalog } = this.#options.feed
    if (catalog.object(key) === undefined || (event === 'put' && instance !== undefined)) this.#absent.delete(key)
    else if (event === 'delete' || object !== undefined) this.#absent.set(key, this.#absent.get(key) ?? atMs)
  }

  #known (): ReadonlyMap<string, number> {
    if (this.#isStale && this.#options.feed.loaded) this.#find()
    return this.#absent
  }

  /** After a load: since when they are absent stands in the history, as far as it is remembered. */
  #find (): void {
    const { feed, clock } = this.#options
    this.#isStale = false
    this.#absent.clear()
    const wanted = new Map<string, number>()
    for (const { key, updatedAtMs } of feed.heldObjects()) {
      const target = overriddenKey(key)
      if (target !== undefined && feed.catalog.entry(target.namespace, target.service, target.id) === undefined) wanted.set(key, updatedAtMs)
    }
    if (wanted.size === 0) return
    let oldestMs = clock.now()
    for (const { kind, event, target, atMs } of feed.history()) {
      oldestMs = atMs
      if (kind !== 'instance' || event !== 'delete') continue
      const key = overrideKey(target.namespace, target.service, target.id)
      if (wanted.delete(key)) this.#absent.set(key, atMs)
    }
    // Not in the history: they went before it begins.
    for (const [key, updatedAtMs] of wanted) this.#absent.set(key, Math.max(updatedAtMs, oldestMs))
  }
}

function compare (a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
