// Nodes on one Redis that a test puts through faults: stores with quick timeouts, and followers whose loads and health can be awaited.
import type { Test } from 'tap'
import { createRedisStore, type RedisStoreOptions } from '../../server/store/redis/redis-store.ts'
import type { ExpiryPolicy, Grant, PassedTerm, Snapshot, Store, StoreHealth } from '../../server/store/store.ts'
import { RecordingFollower } from './recording-follower.ts'

/** Faults are noticed in a fraction of a second, and a busy machine does not count as one. */
const timeouts = { connectMs: 800, commandMs: 800, blockMs: 50, settleMs: 4_000 }

export class WatchedFollower extends RecordingFollower {
  /** As the last load gave it. */
  lost: Snapshot['lost'] = []
  readonly #waiting = new Set<{ readonly isMet: () => boolean, readonly resolve: () => void }>()

  override load (snapshot: Snapshot): void {
    super.load(snapshot)
    this.lost = snapshot.lost
    this.#check()
  }

  override passTerm (term: PassedTerm): void {
    super.passTerm(term)
    this.lost = term.lost
    this.#check()
  }

  override apply (changes: Parameters<RecordingFollower['apply']>[0]): void {
    super.apply(changes)
    this.#check()
  }

  override health (health: StoreHealth): void {
    super.health(health)
    this.#check()
  }

  /** Resolves when the condition holds; it is checked after each call of the store. */
  when (isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve()
    return new Promise((resolve) => { this.#waiting.add({ isMet, resolve }) })
  }

  /** Resolves when the store is back after at least so many loads, a new term that was passed without one included. */
  async back (loads: number): Promise<void> {
    await this.when(() => this.loads + this.terms >= loads && this.healths.at(-1)?.available === true)
  }

  #check (): void {
    for (const waiting of this.#waiting) {
      if (!waiting.isMet()) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }
}

export interface RedisNode {
  readonly store: Store
  readonly follower: WatchedFollower
}

/** A node that is closed with its test. */
export async function joinRedis (t: Test, url: string, options: Partial<RedisStoreOptions> = {}, follower = new WatchedFollower()): Promise<RedisNode> {
  const store = createRedisStore({ url, timeouts, ...options })
  t.teardown(() => store.close())
  await store.open(follower)
  return { store, follower }
}

let lives = 0

/** A registration of a new life of `key` that lives for a minute, unless told otherwise. */
export function life (key: string, overrides: Partial<Grant> = {}): Grant {
  lives += 1
  return { key, lease: `lease${lives}`, generation: `life${lives}`, newGeneration: '', ttlMs: 60_000, body: '{"weight":1}', by: 'tester', ...overrides }
}

const noBrake = { ratio: 1, atLeast: 1_000_000, maxMs: 0 }

export function policy (overrides: Partial<ExpiryPolicy> = {}): ExpiryPolicy {
  return { limit: 1_000, gapMs: 60_000, holdMs: 60_000, graceMs: 200, maxTtlMs: 86_400_000, registryBrake: noBrake, serviceBrake: noBrake, ...overrides }
}

/** Repeats a write until the store takes it, as an SDK does. */
export async function persist<Result> (write: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      const { code } = error as { code?: string } // the caller's assertions see what is none of these
      if (code !== 'REG_STORE_UNAVAILABLE' && code !== 'REG_OUTCOME_UNKNOWN') throw error
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
}
