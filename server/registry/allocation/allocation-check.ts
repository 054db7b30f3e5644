// Checks whether services and claims fit together: after each load, and every few minutes. It logs what it finds, and
// counts it for the metrics; it adds a claim that is missing, and frees one that no service uses, as the repair loop of
// Kubernetes does. No service is changed.
import { heldBy } from '../../model/service/needs.ts'
import type { ObjectWrite, Store } from '../../store/store.ts'
import type { Allocator } from './allocator.ts'
import { claimKey, type ClaimTarget, heldTarget, holderName } from './claims.ts'
import { type Finding, type FindingKind, repair, type Usage } from './repair.ts'
import type { Feed } from '../feed/feed.ts'
import type { Clock } from '../../clock.ts'

/** As often as Kubernetes. Nothing is checked if nothing has changed. */
const intervalMs = 180_000
/** After a load: what a crash or a restored store left is repaired soon. */
const firstMs = 10_000
/** Nodes that start together must not check together for ever. */
const jitter = 0.2
/**
 * A check may run between two changes of one commit, and then sees a fault that is not there. A fault that two checks
 * see, minutes apart, is real. A load is one revision, and its faults are real at once.
 */
const believedAfter = 2
/** As in Kubernetes: a slow node may just be writing the service of the claim. */
const freedAfter = 3
/** Findings that one check logs; the metrics count all. */
const maxTold = 20
/** Repairs of one look: far below what one commit may hold. */
const maxRepairs = 500

interface Known {
  readonly finding: Finding
  /** Looks in a row that saw it. */
  readonly seen: number
  readonly isBelieved: boolean
}

export interface CheckOptions {
  readonly store: Store
  readonly feed: Feed
  readonly allocator: Allocator
  readonly clock: Clock
  readonly random: () => number
  readonly warn: (message: string) => void
  /** Told at each round, whether or not there was something to look at. */
  readonly ticked?: () => void
}

export class AllocationCheck {
  readonly #options: CheckOptions
  #known: ReadonlyMap<string, Known> = new Map()
  #isDirty = false
  #isClosed = false
  #cancel: (() => void) | undefined

  constructor (options: CheckOptions) {
    this.#options = options
  }

  /** How many findings there are now, by kind. */
  counts (): Readonly<Record<FindingKind, number>> {
    const counts = { NotAllocated: 0, AlreadyAllocated: 0, OutOfRange: 0, Unused: 0 }
    for (const { finding, isBelieved } of this.#known.values()) if (isBelieved) counts[finding.kind] += 1
    return counts
  }

  /** The catalog and the allocator are those of another snapshot. */
  loaded (): void {
    this.#look(true)
    this.#schedule(firstMs)
  }

  /** A service or a claim came, changed or went. */
  changed (): void {
    this.#isDirty = true
  }

  close (): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #schedule (ms: number): void {
    this.#cancel?.()
    const { clock, random } = this.#options
    if (!this.#isClosed) this.#cancel = clock.after(ms * (1 + jitter * (2 * random() - 1)), () => this.#round())
  }

  async #round (): Promise<void> {
    const { store, feed, warn, ticked } = this.#options
    try {
      ticked?.()
      if (feed.storeHealth.available && (this.#isDirty || this.#known.size > 0)) {
        await store.sync()
        this.#look(false)
        await this.#repair()
      }
    } catch (error) {
      if (!this.#isClosed) warn(`the allocation was not checked: ${String(error)}`) // the next round does
    }
    this.#schedule(intervalMs)
  }

  #look (isSnapshot: boolean): void {
    const { allocator, warn } = this.#options
    this.#isDirty = false
    const outside = (target: ClaimTarget): string | undefined => (allocator.inRange(target) ? undefined : allocator.placeOf(target))
    const known = new Map<string, Known>()
    const told: string[] = []
    for (const finding of repair(this.#usages(), allocator.claims(), outside, 'recovered')) {
      const name = `${finding.kind} ${claimKey(finding.target)} ${holderName(finding.holder)}`
      const before = this.#known.get(name)
      const seen = (before?.seen ?? 0) + 1
      const isBelieved = isSnapshot || before?.isBelieved === true || seen >= believedAfter
      if (isBelieved && before?.isBelieved !== true) told.push(finding.text)
      known.set(name, { finding, seen, isBelieved })
    }
    this.#known = known
    for (const text of told.slice(0, maxTold)) warn(text)
    if (told.length > maxTold) warn(`and ${told.length - maxTold} more values that do not fit what is allocated`)
  }

  * #usages (): Generator<Usage> {
    const { catalog } = this.#options.feed
    for (const namespace of catalog.namespaces()) {
      for (const { name, manifest } of catalog.declaredServices(namespace)) {
        const holder = { namespace, service: name }
        for (const held of heldBy(manifest)) yield { holder, target: heldTarget(held) }
      }
    }
  }

  async #repair (): Promise<void> {
    let writes = [...this.#known.values()].flatMap(({ finding, seen, isBelieved }): ObjectWrite[] => {
      const isDue = finding.kind === 'Unused' ? seen >= freedAfter : isBelieved
      return isDue && finding.write !== undefined ? [finding.write] : []
    }).slice(0, maxRepairs)
    if (writes.length === 0) return
    const committed = await this.#options.store.commit(writes, 'registry')
    if (committed.outcome === 'committed') return
    // Another writer was faster, perhaps the same repair on another node; the next check sees.
    writes = writes.filter((_, index) => !committed.failed.includes(index))
    if (writes.length > 0) await this.#options.store.commit(writes, 'registry')
  }
}
