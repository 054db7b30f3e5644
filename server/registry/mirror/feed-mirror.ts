// The view of a feed in another thread: fed by messages of a publisher, it answers the questions that a feed answers.
//
//   messages = *( [health] copy *[health / changes] )
//   copy     = changes(begins) *changes            the first with `state` ends it
//
// A copy is built aside and taken into use when it is whole: until the first one the mirror is not loaded, and later it answers from
// what it had.
import type { Change, StoreHealth } from '../../store/store.ts'
import { type Guard, standaloneGuard } from '../../guard.ts'
import { Catalog } from '../catalog/catalog.ts'
import { mendedCatalog } from '../catalog/mended.ts'
import { staleSeconds } from '../feed/feed.ts'

export type MirrorMessage = HealthMessage | ChangesMessage

interface HealthMessage {
  readonly type: 'health'
  readonly health: StoreHealth
}

interface ChangesMessage {
  readonly type: 'changes'
  /** They are the first of a new copy. */
  readonly begins: boolean
  /** In order. Those of a copy may say what is known already, and then say it again. */
  readonly changes: readonly Change[]
  /** What the view is after them; undefined = the copy is not whole yet. */
  readonly state: MirrorState | undefined
}

export interface MirrorState {
  readonly epoch: string
  readonly revision: number
  /** The revision that everything derived is shown at least at. */
  readonly floor: number
}

export interface FeedMirrorOptions {
  /** Of the same clock as the feed's. */
  readonly now: () => number
  /** Called after each message, so that the publisher sends more. */
  readonly taken: () => void
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
}

export class FeedMirror {
  readonly #options: FeedMirrorOptions
  #catalog = new Catalog()
  #aside: Catalog | undefined
  #epoch = ''
  #revision = 0
  #health: StoreHealth

  constructor (options: FeedMirrorOptions) {
    this.#options = options
    this.#health = { available: false, reason: 'not opened yet', sinceMs: options.now() }
  }

  /** Another object after each copy. */
  get catalog (): Catalog {
    return this.#catalog
  }

  get loaded (): boolean {
    return this.#epoch !== ''
  }

  get epoch (): string {
    return this.#epoch
  }

  get revision (): number {
    return this.#revision
  }

  /** Whole seconds since the view may be stale, 0 while the store is there. */
  get staleSeconds (): number {
    return staleSeconds(this.#health, this.#options.now())
  }

  receive (message: MirrorMessage): void {
    try {
      if (message.type === 'health') this.#health = message.health
      else this.#take(message)
    } finally {
      this.#options.taken() // else nothing more would be sent
    }
  }

  #take ({ begins, changes, state }: ChangesMessage): void {
    if (begins) this.#aside = new Catalog()
    let catalog = this.#aside ?? this.#catalog
    for (const change of changes) catalog = this.#applied(catalog, change)
    if (this.#aside !== undefined) this.#aside = catalog
    else this.#catalog = catalog
    if (state === undefined) return
    catalog.raise(state.floor)
    this.#catalog = catalog
    this.#aside = undefined
    this.#epoch = state.epoch
    this.#revision = state.revision
  }

  #applied (catalog: Catalog, change: Change): Catalog {
    try {
      catalog.apply(change)
      return catalog
    } catch (error) {
      const failed = (fault: unknown): void => (this.#options.guard ?? standaloneGuard).failed('dns-mirror', fault)
      failed(error)
      return change.type === 'raise' ? catalog : mendedCatalog(catalog, change, error, failed)
    }
  }
}
