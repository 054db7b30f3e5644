// All watches of a node: one clock for them all, and one place that wakes those of a kind when its shelf has told something.
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { sliceMs } from '../../slice.ts'
import type { Shelf } from '../shelf/shelf.ts'

export const tickMs = 1_000
/** Watches that are ticked in one go. */
const ticksAtOnce = 250

/** One watch, as all of them see it. */
export interface Watcher {
  readonly shelf: Shelf
  /** Tells what is due, as far as the client takes it. */
  pump (): void
  /** Called every `tickMs`. */
  tick (): void
  /** Ends as an answer ends. */
  end (): void
  /** Ends at once. */
  cut (): void
}

export class WatchStreams {
  readonly #guard: Guard
  readonly #clock: Clock
  readonly #members = new Map<Shelf, Set<Watcher>>()
  readonly #woken = new Set<Watcher>()
  #isFlushing = false
  #cancelTick: () => void
  #isClosed = false
  size = 0

  constructor (clock: Clock, guard: Guard) {
    this.#guard = guard
    this.#clock = clock
    this.#cancelTick = clock.after(tickMs, () => this.#tick())
  }

  add (stream: Watcher): void {
    const members = this.#members.get(stream.shelf)
    if (members === undefined) this.#members.set(stream.shelf, new Set([stream]))
    else members.add(stream)
    this.size += 1
    if (this.#isClosed) stream.end()
    else this.wake(stream)
  }

  delete (stream: Watcher): void {
    const members = this.#members.get(stream.shelf)
    if (members?.delete(stream) !== true) return
    this.size -= 1
    this.#woken.delete(stream)
    if (members.size === 0) this.#members.delete(stream.shelf)
  }

  /** How many watch a kind. */
  of (shelf: Shelf): number {
    return this.#members.get(shelf)?.size ?? 0
  }

  told (shelf: Shelf): void {
    for (const stream of this.#members.get(shelf) ?? []) this.wake(stream)
  }

  wake (stream: Watcher): void {
    this.#woken.add(stream)
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(this.#guard.around('watch', () => this.#flush()))
  }

  /** The node is going: clients look for another one. */
  close (): void {
    this.#isClosed = true
    this.#cancelTick()
    for (const members of this.#members.values()) for (const stream of [...members]) this.#do(stream, () => stream.end())
  }

  #flush (): void {
    this.#isFlushing = false
    const until = performance.now() + sliceMs
    for (const stream of this.#woken) {
      this.#woken.delete(stream)
      this.#do(stream, () => stream.pump())
      if (performance.now() < until) continue
      for (const next of this.#woken) return this.wake(next)
    }
  }

  #tick (): void {
    if (this.#isClosed) return
    this.#cancelTick = this.#clock.after(tickMs, () => this.#tick())
    this.#tickSome([...this.#members.values()].flatMap((members) => [...members]).values())
  }

  #tickSome (waiting: Iterator<Watcher, undefined>): void {
    for (let n = 0; n < ticksAtOnce; n++) {
      const next = waiting.next()
      if (next.done === true) return
      this.#do(next.value, () => next.value.tick())
    }
    setImmediate(this.#guard.around('watch', () => this.#tickSome(waiting)))
  }

  /** One that fails ends; the others go on. */
  #do (stream: Watcher, act: () => void): void {
    if (!this.#guard.attempt('watch', act)) this.#guard.attempt('watch', () => stream.cut())
  }
}
