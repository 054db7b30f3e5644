// The shelves of all kinds behind one listener of the feed, and one clock that settles what changed.
import type { Clock } from '../../clock.ts'
import type { Feed } from '../../registry/core.ts'
import type { Guard } from '../../guard.ts'
import { type Kind, qualifiedName } from '../kinds.ts'
import { Shelf } from './shelf.ts'
import type { Source } from './source.ts'

/** A burst of changes is told once, and a watcher is up to date within a blink. */
const settleMs = 20
/** After a settling that took long, so many times as long is waited: a service of ten thousand must not fill the time. */
const restTimes = 4
const maxRestMs = 500

export interface ShelvesOptions {
  readonly feed: Feed
  readonly clock: Clock
  readonly guard: Guard
  /** By the qualified names of the kinds. */
  readonly sources: ReadonlyMap<string, Source>
  /** Watches of a kind have something to look at. */
  readonly told: (shelf: Shelf) => void
}

export class Shelves {
  readonly #options: ShelvesOptions
  readonly #shelves = new Map<string, Shelf>()
  readonly #stop: () => void
  #cancel: (() => void) | undefined
  #restMs = settleMs

  constructor (options: ShelvesOptions) {
    this.#options = options
    const { feed, sources } = options
    for (const [name, source] of sources) {
      const shelf: Shelf = new Shelf({ source, revision: () => feed.revision, told: () => options.told(shelf) })
      this.#shelves.set(name, shelf)
    }
    this.#stop = feed.listen({
      name: 'kubernetes',
      changed: (change) => {
        for (const shelf of this.#shelves.values()) shelf.changed(change)
        this.#wait()
      },
      reset: () => { for (const shelf of this.#shelves.values()) shelf.reset() }
    })
  }

  /** undefined = of this kind nothing is kept. */
  of (kind: Pick<Kind, 'group' | 'resource'>): Shelf | undefined {
    return this.#shelves.get(qualifiedName(kind))
  }

  /** How many objects are kept, by the qualified name of the kind; those that nobody asked for are left out. */
  * sizes (): Generator<readonly [string, Shelf]> {
    for (const [name, shelf] of this.#shelves) if (shelf.isBegun) yield [name, shelf]
  }

  close (): void {
    this.#stop()
    this.#cancel?.()
  }

  #wait (): void {
    if (this.#cancel !== undefined || ![...this.#shelves.values()].some(({ isUnsettled }) => isUnsettled)) return
    this.#cancel = this.#options.clock.after(this.#restMs, () => this.#settle())
  }

  async #settle (): Promise<void> {
    const begun = performance.now()
    try {
      for (const shelf of this.#shelves.values()) if (shelf.isUnsettled) await shelf.settle()
    } finally {
      this.#restMs = Math.min(maxRestMs, Math.max(settleMs, (performance.now() - begun) * restTimes))
      this.#cancel = undefined
      this.#wait()
    }
  }
}
