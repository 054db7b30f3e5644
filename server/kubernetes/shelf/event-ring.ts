// The newest events of one kind, in the order of their revisions. All watches of the kind read from it, each at its own
// place: none has a queue, and one that falls behind the oldest event begins anew.
import type { ShelfEvent } from './entry.ts'

/** Of one kind. An event holds what two states of an object were made of, of which most is the catalog's own. */
export const maxEvents = 10_000
/** So many are dropped at once: one by one each would move all others. */
const droppedAtOnce = 1_000

export class EventRing {
  #events: ShelfEvent[] = []
  /** Place of the first one. */
  #first = 0
  #start = 0
  #oldest = 0
  readonly #most: number

  constructor (most = maxEvents) {
    this.#most = most
  }

  /** Forgets all; every later event is remembered. */
  restart (revision: number): void {
    this.#first = this.end
    this.#events = []
    this.#start = this.#oldest = revision
  }

  /**
   * Puts in what was before everything that is here.
   * @param revision nobody misses anything who has everything up to it
   * @returns false: there is no room
   */
  prepend (events: readonly ShelfEvent[], revision: number): boolean {
    if (this.#events.length + events.length > this.#most) return false
    this.#events = [...events, ...this.#events]
    this.#first -= events.length
    this.#oldest = revision
    return true
  }

  push (event: ShelfEvent): void {
    this.#events.push(event)
    if (this.#events.length < this.#most + droppedAtOnce) return
    const dropped = this.#events.splice(0, droppedAtOnce)
    this.#first += dropped.length
    this.#oldest = dropped.at(-1)?.revision ?? this.#oldest
    this.#start = Math.max(this.#start, this.#oldest)
  }

  /** Every event after this revision is here, and says what was before it. */
  get start (): number {
    return this.#start
  }

  /** Who has everything up to this revision may go on; what lies between it and `start` says less. */
  get oldest (): number {
    return this.#oldest
  }

  /** Oldest first. */
  get events (): readonly ShelfEvent[] {
    return this.#events
  }

  /** The place of the next event. */
  get end (): number {
    return this.#first + this.#events.length
  }

  get size (): number {
    return this.#events.length
  }

  /** The event of a place; undefined = it is not here yet. `isLost`: not any more. */
  at (place: number): ShelfEvent | undefined {
    return this.#events[place - this.#first]
  }

  isLost (place: number): boolean {
    return place < this.#first
  }

  /**
   * Where one goes on who has seen everything up to a revision; undefined = too much is forgotten. Several objects may
   * have changed at that revision, and of those he may have seen the first only: the others are told again.
   */
  after (revision: number): number | undefined {
    if (revision < this.#oldest) return undefined
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.revision ?? Infinity) < revision) low = middle + 1
      else high = middle
    }
    if (this.#events[low]?.revision === revision) low += 1
    return this.#first + low
  }

  /** Those after a revision, oldest first. */
  since (revision: number): readonly ShelfEvent[] {
    let from = this.#events.length
    while (from > 0 && (this.#events[from - 1]?.revision ?? 0) > revision) from -= 1
    return this.#events.slice(from)
  }
}
