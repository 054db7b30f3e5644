// Records of the store that cannot be read, for operators: logged once by key, listed, removed on request. Until then
// their leases are kept, so that operators can look at them: no owner renews them.
import type { Clock } from '../clock.ts'
import { RegistryError, invalid } from '../errors.ts'
import { maxTtlMs } from '../model/limits.ts'
import type { Store } from '../store/store.ts'
import type { Actor } from './actor.ts'
import type { SetAsideRecord } from './catalog/set-aside.ts'
import { type Decision, certain, outdated } from './commands/certain.ts'
import type { Feed } from './feed/feed.ts'

/** Keys in the log for one load or one batch of changes; the list has them all. */
const maxTold = 20
/** Soon after a load, which itself may still be on its way. */
const firstMs = 100
/** Keys of entries of the log: history, not state. */
const logPrefix = 'log/'
/** Far within the lease that they are given. */
const keepMs = maxTtlMs / 4
/** After a failure of the store. */
const retryMs = 5_000
/** What the store takes in one group. */
const maxRenewals = 10_000

export interface UnreadableOptions {
  readonly store: Store
  readonly feed: Feed
  readonly clock: Clock
  readonly warn: (message: string) => void
}

export class Unreadable {
  readonly #options: UnreadableOptions
  #cancel: (() => void) | undefined
  #isClosed = false

  constructor (options: UnreadableOptions) {
    this.#options = options
    options.feed.listen({
      name: 'unreadable',
      setAside: (records) => {
        this.#tell(records)
        this.#schedule(firstMs)
      }
    })
  }

  get count (): number {
    return this.#options.feed.catalog.aside.size
  }

  /** By key. */
  list (): readonly SetAsideRecord[] {
    return [...this.#options.feed.catalog.aside.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** @throws RegistryError REG_RECORD_NOT_FOUND */
  get (key: string): SetAsideRecord {
    const found = this.#options.feed.catalog.aside.get(key)
    if (found === undefined) throw new RegistryError('REG_RECORD_NOT_FOUND', `no record ${JSON.stringify(key)} is set aside`)
    return found
  }

  /**
   * Removes the record from the store.
   * @throws RegistryError REG_RECORD_NOT_FOUND; REG_INVALID for an entry of the log; REG_CONFLICT if it was written
   *   meanwhile; what the store throws
   */
  async remove (actor: Actor, key: string): Promise<void> {
    const { store } = this.#options
    if (key.startsWith(logPrefix)) {
      this.get(key)
      throw invalid([{ field: 'key', value: key, rule: 'must not be an entry of the log: those go by themselves as the log grows' }])
    }
    await certain(this.#options, (): Decision<undefined> => {
      const { lease, revision } = this.get(key)
      return {
        says: true, // it may have been written anew, and be well
        write: async () => {
          if (lease !== undefined) {
            const [removed = 0] = await store.revoke([lease], actor.name)
            return removed === 0 ? outdated : undefined
          }
          const committed = await store.commit([{ type: 'delete', key, reason: 'removed', expected: revision }], actor.name)
          return committed.outcome === 'conflict' ? outdated : undefined
        }
      }
    })
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #tell (records: readonly Pick<SetAsideRecord, 'key' | 'reason'>[]): void {
    const { warn } = this.#options
    for (const { key, reason } of records.slice(0, maxTold)) warn(`a record of the store is set aside, and is in no answer: ${JSON.stringify(key)}: ${reason}`)
    if (records.length > maxTold) warn(`and ${records.length - maxTold} more records of the store are set aside: GET /v1/unreadable has them all`)
  }

  #schedule (ms: number): void {
    this.#cancel?.()
    if (!this.#isClosed) this.#cancel = this.#options.clock.after(ms, () => this.#keep())
  }

  async #keep (): Promise<void> {
    const { store, feed } = this.#options
    const leases = [...feed.catalog.aside.values()].flatMap(({ lease }) => lease ?? [])
    if (leases.length === 0) return // the next record that is set aside starts it again
    try {
      for (let from = 0; from < leases.length; from += maxRenewals) await store.renew(new Map([[maxTtlMs, leases.slice(from, from + maxRenewals)]]))
      this.#schedule(keepMs)
    } catch {
      this.#schedule(retryMs) // the store's health says what is wrong
    }
  }
}
