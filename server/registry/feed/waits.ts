// Requests that wait: for a revision to come, or for a service to change.
import type { Clock } from '../../clock.ts'
import { RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import type { ObjectKind } from '../../model/manifest/object-kinds.ts'
import type { Cursor } from './cursor.ts'
import type { Feed } from './feed.ts'
import { ObjectRevisions } from './object-revisions.ts'
import type { WatchHub } from './watch-hub.ts'

/** How many reads may wait for a revision at once: each is a waiting request. */
const maxRevisionWaiters = 10_000

export class Waits {
  readonly #feed: Feed
  readonly #watches: WatchHub
  readonly #clock: Clock
  readonly #guard: Guard
  readonly #objects: ObjectRevisions
  #waiters = 0

  constructor (feed: Feed, watches: WatchHub, clock: Clock, guard: Guard) {
    this.#guard = guard
    this.#feed = feed
    this.#objects = new ObjectRevisions(feed)
    this.#watches = watches
    this.#clock = clock
  }

  /**
   * Waits until this node has applied a revision.
   * @throws RegistryError REG_REVISION_TIMEOUT after `timeoutMs`, REG_CURSOR_INVALID if the cursor is of another epoch
   */
  async forRevision (cursor: Cursor, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const feed = this.#feed
    if (cursor.epoch !== undefined && feed.loaded && cursor.epoch !== feed.epoch) {
      throw new RegistryError('REG_CURSOR_INVALID', `the revision is of epoch ${cursor.epoch}, this registry is in epoch ${feed.epoch}`)
    }
    if (feed.loaded && feed.revision >= cursor.revision) return
    if (this.#waiters >= maxRevisionWaiters) throw new RegistryError('REG_OVERLOADED', 'too many requests wait for a revision', undefined, { retryAfterSeconds: 1 })
    this.#waiters++
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = feed.whenApplied(cursor.revision, resolve)
    const cancel = this.#clock.after(timeoutMs, () => reject(new RegistryError('REG_REVISION_TIMEOUT', `revision ${cursor.revision} did not arrive within ${timeoutMs} ms, this node is at ${feed.revision}`)))
    const aborted = this.#guard.around('request', () => reject(new RegistryError('REG_REVISION_TIMEOUT', 'the request was given up')))
    signal?.addEventListener('abort', aborted, { once: true })
    try {
      await promise
    } finally {
      this.#waiters--
      giveUp()
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /**
   * Resolves when the service changes after a revision, when time is up, or when the signal aborts. A node that has not reached the
   * revision waits for it first: what it has, and what it lacks, is older than what the caller knows.
   */
  async forChange (namespace: string, service: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const feed = this.#feed
    const { epoch } = feed
    const changed = (): boolean => {
      if (feed.epoch !== epoch) return true
      if (feed.revision < revision) return false
      const found = feed.catalog.service(namespace, service)
      return found === undefined || found.revision > revision
    }
    await this.#until(changed, revision, (look) => this.#watches.follow(namespace, service, look), timeoutMs, signal)
  }

  /** The same for objects of these kinds, any of them. */
  async forObjects (kinds: readonly ObjectKind[], revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const feed = this.#feed
    const { epoch } = feed
    const changed = (): boolean => feed.epoch !== epoch || (feed.revision >= revision && this.#objects.of(kinds) > revision)
    await this.#until(changed, revision, (look) => this.#objects.follow(look), timeoutMs, signal)
  }

  /** When objects of these kinds changed last. */
  objectsRevision (kinds: readonly ObjectKind[]): number {
    return this.#objects.of(kinds)
  }

  async #until (
    changed: () => boolean, revision: number, follow: (look: () => void) => () => void, timeoutMs: number, signal: AbortSignal | undefined
  ): Promise<void> {
    const feed = this.#feed
    if (changed() || signal?.aborted === true) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => { if (changed()) resolve() }
    const unfollow = follow(look)
    const giveUp = feed.revision < revision ? feed.whenApplied(revision, look) : undefined
    const cancel = this.#clock.after(timeoutMs, resolve)
    const aborted = this.#guard.around('request', () => resolve())
    signal?.addEventListener('abort', aborted, { once: true })
    await promise
    giveUp?.()
    cancel()
    signal?.removeEventListener('abort', aborted)
    unfollow()
  }
}
