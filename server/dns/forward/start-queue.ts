// Questions to upstreams begin here, a few in one turn of the loop: each opens a socket, which takes as long as tens of answers of our own.
// What does not fit waits for the next turn, one of each client after the other, so that a flood of names holds up neither our zones nor others.
import type { Guard } from '../../guard.ts'

/** At most so long in one turn, or one start. */
const turnMs = 1

interface Startable {
  /** Whose share it is. */
  readonly owner: string
  readonly start: () => void
}

export class StartQueue<Item extends Startable> {
  readonly #waiting = new Map<string, Set<Item>>()
  readonly #guard: Guard
  readonly #now: () => number
  #spentMs = 0
  #isTurnMarked = false

  /** @param now measures what a start takes, in ms */
  constructor (guard: Guard, now: () => number = () => performance.now()) {
    this.#guard = guard
    this.#now = now
  }

  /** How many wait. */
  get size (): number {
    let size = 0
    for (const items of this.#waiting.values()) size += items.size
    return size
  }

  /** Starts it now if this turn has room, else in a later one. */
  add (item: Item): void {
    if (this.#waiting.size === 0 && this.#spentMs < turnMs) return this.#start(item)
    const items = this.#waiting.get(item.owner)
    if (items === undefined) this.#waiting.set(item.owner, new Set([item]))
    else items.add(item)
    this.#markTurn()
  }

  /** It is not wanted any more, or another's from now on. @param owner whose it was when it was added */
  remove (item: Item, owner: string): boolean {
    const items = this.#waiting.get(owner)
    if (items?.delete(item) !== true) return false
    if (items.size === 0) this.#waiting.delete(owner)
    return true
  }

  #start (item: Item): void {
    this.#markTurn()
    const startedAtMs = this.#now()
    try {
      item.start()
    } catch (error) {
      this.#guard.failed('dns-forward', error)
    }
    this.#spentMs += this.#now() - startedAtMs
  }

  /** A turn of the loop reads what has arrived before it comes here again. */
  #markTurn (): void {
    if (this.#isTurnMarked) return
    this.#isTurnMarked = true
    setImmediate(this.#guard.around('dns-forward', () => {
      this.#isTurnMarked = false
      this.#spentMs = 0
      while (this.#spentMs < turnMs) {
        const [entry] = this.#waiting
        if (entry === undefined) return
        const [owner, items] = entry
        this.#waiting.delete(owner)
        const [item] = items
        if (item === undefined) continue
        items.delete(item)
        if (items.size > 0) this.#waiting.set(owner, items) // behind the other clients
        this.#start(item)
      }
    }))
  }
}
