// What changed lately in one namespace: of each instance the last change, in their order. A delta is made of it.
import type { ActionType } from '../form/action.ts'
import type { App } from './app.ts'
import type { Row } from './row.ts'

export interface RecentChange {
  readonly app: App
  readonly row: Row
  readonly action: ActionType
  readonly atMs: number
}

/**
 * As long as Eureka keeps them, and twice over: clients ask every 30 s, and one that was away for five minutes still finds all that it
 * missed. No client says when it asked last.
 */
export const keptMs = 6 * 60_000
/** Beyond it the oldest go: whoever needed them finds by the hash that something is missing, and asks for everything. */
export const maxKept = 20_000

export class Recent {
  readonly #changes = new Map<string, RecentChange>()

  /** @param key of the instance within the namespace */
  add (key: string, change: RecentChange): void {
    this.#changes.delete(key) // it goes to the end
    this.#changes.set(key, change)
    if (this.#changes.size <= maxKept) return
    const oldest = this.#changes.keys().next()
    if (oldest.done !== true) this.#changes.delete(oldest.value)
  }

  /** Those that are not too old, the oldest first. */
  at (nowMs: number): readonly RecentChange[] {
    this.forget(nowMs)
    return [...this.#changes.values()]
  }

  /** Forgets those that are too old. @returns how many are left */
  forget (nowMs: number): number {
    for (const [key, { atMs }] of this.#changes) {
      if (atMs > nowMs - keptMs) break
      this.#changes.delete(key)
    }
    return this.#changes.size
  }
}
