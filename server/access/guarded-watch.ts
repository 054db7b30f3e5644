// A watch that shows what may be seen, also when that changes while it lasts: then it begins anew with a snapshot, or ends if nothing of its
// scope may be seen any more.
import type { AppliedChange, Delivery, EndpointsDelivery, ObjectsDelivery, Sight, Watch } from '../registry/core.ts'

export interface GuardedWatchOptions<Handed> {
  /** What is seen now; undefined = everything. @throws RegistryError if nothing of the scope is */
  readonly look: () => Sight | undefined
  /** Begins the watch of the core. */
  readonly open: (sight: Sight | undefined, isFirst: boolean) => Watch<Handed>
  readonly revision: () => number
  /** What was seen when it was followed before may have been something else: it begins with a reset. */
  readonly isAnother: boolean
  readonly wake: () => void
  /** Calls back after each change of what is permitted. Gives a function that ends it. */
  readonly onChange: (changed: () => void) => () => void
}

export class GuardedWatch<Handed extends Delivery | EndpointsDelivery | ObjectsDelivery> implements Watch<Handed> {
  readonly #options: GuardedWatchOptions<Handed>
  readonly #stop: () => void
  #watch: Watch<Handed>
  #seen: string | undefined
  #isDoubtful = false
  #isClosed = false
  #owesReset: boolean

  /** @throws RegistryError if nothing of the scope may be seen */
  constructor (options: GuardedWatchOptions<Handed>) {
    this.#options = options
    const sight = options.look()
    this.#seen = sight?.name
    this.#owesReset = options.isAnother
    this.#watch = options.open(sight, !options.isAnother)
    this.#stop = options.onChange(() => {
      this.#isDoubtful = true
      options.wake()
    })
  }

  /** @throws RegistryError when nothing of the scope may be seen any more */
  next (): Handed | undefined {
    if (this.#isClosed) return undefined
    if (this.#isDoubtful && this.#hasChanged()) this.#owesReset = true
    if (this.#owesReset) {
      this.#owesReset = false
      return { type: 'reset', revision: this.#options.revision(), reason: 'what you may see has changed' } as Handed // every kind of watch hands out resets
    }
    return this.#watch.next()
  }

  bookmark (): Handed | undefined {
    return this.#isClosed || this.#isDoubtful || this.#owesReset ? undefined : this.#watch.bookmark()
  }

  concerns (change: AppliedChange): boolean {
    return !this.#isClosed && this.#watch.concerns(change)
  }

  close (): void {
    this.#isClosed = true
    this.#stop()
    this.#watch.close()
  }

  /** Looks anew; if something else is seen now, the watch is another one. */
  #hasChanged (): boolean {
    const { look, open } = this.#options
    let sight: Sight | undefined
    try {
      sight = look()
    } catch (error) {
      this.close()
      throw error
    }
    this.#isDoubtful = false
    if (sight?.name === this.#seen) return false
    this.#seen = sight?.name
    this.#watch.close()
    this.#watch = open(sight, false)
    return true
  }
}
