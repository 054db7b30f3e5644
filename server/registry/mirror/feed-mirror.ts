// The view of a feed in another thread: fed by messages of a publisher, it answers the questions of DNS as the feed does.
//
//   messages = *( [health] copy *[health / changes] )
//   copy     = changes(begins) *changes            the first with `state` ends it
//
// A copy is built aside and taken into use when it is whole: until the first one the mirror is not loaded, and later it answers from
// what it had.
import type { StoreHealth } from '../../store/store.ts'
import { type Guard, standaloneGuard } from '../../guard.ts'
import { staleSeconds } from '../feed/feed.ts'
import { MirroredCatalog } from './mirrored-catalog.ts'
import type { ChangesMessage, MirrorMessage } from './mirror-messages.ts'

export interface FeedMirrorOptions {
  /** Of the same clock as the feed's. */
  readonly now: () => number
  /** Called after each message, so that the publisher sends more. @param isWell false = it could not be taken in, and a copy is wanted */
  readonly taken: (isWell: boolean) => void
  /** Default: one that writes to stderr. */
  readonly guard?: Guard
}

export class FeedMirror {
  readonly #options: FeedMirrorOptions
  #catalog = new MirroredCatalog()
  readonly #touchedListeners = new Set<(namespace: string, service: string | undefined) => void>()
  #aside: MirroredCatalog | undefined
  #epoch = ''
  #revision = 0
  #health: StoreHealth
  #loaded: PromiseWithResolvers<void> | undefined
  /** While what came since the last `state` is of several revisions. */
  #settled: PromiseWithResolvers<void> | undefined

  constructor (options: FeedMirrorOptions) {
    this.#options = options
    this.#health = { available: false, reason: 'not opened yet', sinceMs: options.now() }
  }

  /** Another object after each copy. */
  get catalog (): MirroredCatalog {
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

  /** Resolves when the first copy is whole. */
  whenLoaded (): Promise<void> {
    if (this.loaded) return Promise.resolve()
    return (this.#loaded ??= Promise.withResolvers()).promise
  }

  /** Resolves when everything in the view is of its revision; undefined = it is. */
  get settled (): Promise<void> | undefined {
    return this.#settled?.promise
  }

  /** Tells of each service that a step concerns, before it is taken in; undefined = of all of the namespace. */
  onTouched (tell: (namespace: string, service: string | undefined) => void): () => void {
    this.#touchedListeners.add(tell)
    return () => this.#touchedListeners.delete(tell)
  }

  readonly #touched = (namespace: string, service: string | undefined): void => {
    for (const tell of this.#touchedListeners) tell(namespace, service)
  }

  receive (message: MirrorMessage): void {
    let isWell = true
    try {
      if (message.type === 'health') this.#health = message.health
      else isWell = this.#take(message)
    } finally {
      this.#options.taken(isWell) // else nothing more would be sent
    }
  }

  #take ({ begins, steps, namespaces, state }: ChangesMessage): boolean {
    if (begins) this.#aside = new MirroredCatalog()
    const catalog = this.#aside ?? this.#catalog
    const touched = this.#aside === undefined ? this.#touched : undefined // what is built aside is another catalog when it is taken into use
    let isWell = true
    for (const step of steps) {
      try {
        catalog.take(step, touched)
      } catch (error) {
        (this.#options.guard ?? standaloneGuard).failed('mirror', error)
        isWell = this.#aside !== undefined // what fails in a copy would fail in the next one
      }
    }
    catalog.tidy(namespaces)
    if (state === undefined) {
      if (this.#aside === undefined) this.#settled ??= Promise.withResolvers()
      return isWell
    }
    catalog.raise(state.floor)
    this.#catalog = catalog
    this.#aside = undefined
    this.#epoch = state.epoch
    this.#revision = state.revision
    this.#loaded?.resolve()
    this.#settled?.resolve()
    this.#settled = undefined
    return isWell
  }
}
