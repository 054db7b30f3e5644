// Load balancers that were stored without an address get one by themselves when there is one: after a load (a start, perhaps with
// another pool), when an address is freed, when one of them comes from a node that has no pool, and when the store is back.
//
// No storm can come of it. Many reasons are one attempt; an attempt that finds no address writes nothing, and so starts
// no further attempt. Several nodes may try at once: the store lets one of them win, and the others find nothing left
// to do.
import { wholeSeconds } from '../../model/instant.ts'
import { allocationPlan } from '../../model/service/needs.ts'
import type { Service } from '../../model/service/types.ts'
import type { Store } from '../../store/store.ts'
import { registryActor } from '../actor.ts'
import { commitAllocated } from './allocated-commit.ts'
import type { Allocator } from './allocator.ts'
import { claimTarget, type Holder, holderName } from './claims.ts'
import { type ApplyPlan, planWaiting } from '../services/apply-plan.ts'
import { ApplyView } from '../services/apply-view.ts'
import { atOnce } from '../in-slices.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { Feed } from '../feed/feed.ts'
import type { Clock } from '../../clock.ts'

/** What happens within it is one reason; a person who looks a second later sees the address. */
const coalesceMs = 100
/** Nodes that heard of it together must not all meet in the store. */
const spread = 0.5
/** Services in one plan and one commit: a few milliseconds, then others have their turn. */
const batchSize = 200

export interface WaitingOptions {
  readonly store: Store
  readonly feed: Feed
  readonly allocator: Allocator
  readonly clock: Clock
  readonly random: () => number
  readonly warn: (message: string) => void
}

export class WaitingBalancers {
  readonly #options: WaitingOptions
  /** Who waits longest is first. */
  readonly #waiting = new Map<string, Holder>()
  #cancel: (() => void) | undefined
  #isTrying = false
  #again = false
  #isClosed = false

  constructor (options: WaitingOptions) {
    this.#options = options
  }

  /** How many services wait. */
  get size (): number {
    return this.#waiting.size
  }

  /** The catalog is another one. */
  loaded (): void {
    const { catalog } = this.#options.feed
    this.#waiting.clear()
    const found = catalog.namespaces().flatMap((namespace) => Array.from(catalog.declaredServices(namespace), ({ manifest }) => manifest)).filter(isWaiting)
    const since = ({ metadata }: Service): string => metadata.creationTimestamp ?? ''
    for (const { metadata } of found.sort((a, b) => (since(a) < since(b) ? -1 : 1))) this.#add({ namespace: metadata.namespace, service: metadata.name })
    this.nudge()
  }

  changed ({ kind, event, service, target, object }: AppliedChange): void {
    if (kind === 'service') {
      const holder = { namespace: target.namespace, service: target.service }
      if (event === 'delete' || service === undefined || !isWaiting(service.manifest)) this.#waiting.delete(holderName(holder))
      else {
        this.#add(holder)
        this.nudge()
      }
    } else if (kind === 'claim' && object !== undefined && 'deletedKey' in object && claimTarget(object.deletedKey)?.kind === 'lb') this.nudge()
  }

  /** There may be something to give: tries soon. */
  nudge (): void {
    if (this.#isClosed || this.#waiting.size === 0) return
    if (this.#isTrying) this.#again = true
    else {
      const { clock, random } = this.#options
      this.#cancel ??= clock.after(coalesceMs * (1 + spread * random()), () => this.#try())
    }
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #add (holder: Holder): void {
    this.#waiting.set(holderName(holder), holder)
  }

  async #try (): Promise<void> {
    const { feed, warn } = this.#options
    this.#cancel = undefined
    if (!feed.storeHealth.available) return // its return is another reason to try
    this.#isTrying = true
    try {
      await this.#round([...this.#waiting.values()])
    } catch (error) {
      // The service goes on waiting; the next reason, at the latest the check of the allocation, tries again.
      if (!this.#isClosed) warn(`load balancers that wait for an address were not given one: ${String(error)}`)
    } finally {
      this.#isTrying = false
      if (this.#again) {
        this.#again = false
        this.nudge()
      }
    }
  }

  async #round (holders: readonly Holder[]): Promise<void> {
    const { store, allocator, clock, feed } = this.#options
    for (let first = 0; first < holders.length; first += batchSize) {
      if (first > 0) await new Promise<void>((resolve) => { clock.after(0, resolve) })
      if (this.#isClosed) return
      const batch = holders.slice(first, first + batchSize)
      const propose = (attempt: number): ApplyPlan & { readonly result: undefined } => {
        const manifests = batch.flatMap(({ namespace, service }) => feed.catalog.declared(namespace, service)?.manifest ?? []).filter(isWaiting)
        const view = new ApplyView(manifests, feed.catalog, wholeSeconds(clock.now()))
        return { ...atOnce(planWaiting(manifests, view, allocator, attempt)), result: undefined }
      }
      if (propose(0).writes.length > 0) await commitAllocated({ store, clock, allocator, by: registryActor.name, propose })
    }
  }
}

/** True if it has no address of a family for which it could have one. */
function isWaiting (service: Service): boolean {
  return service.spec.type === 'LoadBalancer' && allocationPlan(service, service).needs.some(({ kind }) => kind === 'loadBalancer')
}
