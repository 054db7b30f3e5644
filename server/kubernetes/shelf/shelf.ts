// All objects of one kind, at one revision, and the events that led there. It follows the feed: a change names the
// units that it may concern, and these are made anew a little later, once for many changes, in slices, in the order of
// their last changes. So the revision of an event is that of the last change of its unit, and a watch that has an event
// has everything before it.
//
// It begins when its kind is asked for first; a kind that nobody asks for costs nothing.
import type { AppliedChange, Feed } from '../../registry/core.ts'
import { Slice } from '../../slice.ts'
import { type Entry, type Made, withRevision } from './entry.ts'
import { EventRing } from './event-ring.ts'
import { changesBetween, pastEvents } from './past-events.ts'
import type { Source } from './source.ts'

export interface ShelfOptions {
  readonly source: Source
  /** The revision that the view stands at. */
  readonly revision: () => number
  /** Something was told: watches are woken. */
  readonly told: () => void
  readonly ring?: EventRing
}

const none: readonly Entry[] = []
/** Units that are made in one go when a list asks for the newest state. */
const settledAtOnce = 200

export class Shelf {
  readonly ring: EventRing
  readonly #options: ShelfOptions
  /** Entries by namespace and name. */
  readonly #spaces = new Map<string, Map<string, Entry>>()
  /** Names in order, by namespace; made when it is listed. */
  readonly #sorted = new Map<string, readonly string[]>()
  #units = new Map<string, readonly Entry[]>()
  /** Units that changed and are not made anew yet, in the order of their last changes. */
  #changed = new Map<string, number>()
  #begun = false
  #filling: Promise<void> | undefined
  #reaching: Promise<void> | undefined
  /** From here, and from before, there is no way on. */
  #unreachable = -1
  #life = 0

  constructor (options: ShelfOptions) {
    this.#options = options
    this.ring = options.ring ?? new EventRing()
  }

  get isBegun (): boolean {
    return this.#begun
  }

  get size (): number {
    return this.#units.size
  }

  /** Everything up to this revision is in it and told. */
  get revision (): number {
    const next = this.#changed.values().next()
    return next.done === true ? this.#options.revision() : next.value - 1
  }

  changed (change: AppliedChange): void {
    if (!this.#begun) return
    for (const unit of this.#options.source.unitsOf(change)) {
      this.#changed.delete(unit) // the order is that of the last changes
      this.#changed.set(unit, change.revision)
    }
  }

  get isUnsettled (): boolean {
    return this.#begun && this.#changed.size > 0
  }

  /** The whole view is another one: what was told is void, and who asks next begins anew. */
  reset (): void {
    this.#life += 1
    this.#begun = false
    this.#filling = undefined
    this.#unreachable = -1
    this.#spaces.clear()
    this.#sorted.clear()
    this.#units = new Map()
    this.#changed = new Map()
    this.ring.restart(this.#options.revision())
    this.#options.told()
  }

  /**
   * Resolves when it has been filled, and everything that changed is made anew: then it is at the revision of the view.
   */
  async current (): Promise<void> {
    do {
      if (!this.#begun) this.#filling = this.#fill()
      await this.#filling
      if (this.#changed.size > settledAtOnce) await this.settle()
    } while (!this.#begun)
    for (const [unit, revision] of this.#changed) this.#make(unit, revision)
    this.#options.told()
  }

  /** Makes anew what changed, in slices; what changes meanwhile is for the next time. */
  async settle (): Promise<void> {
    const life = this.#life
    const slice = new Slice()
    let left = this.#changed.size
    for (const [unit, revision] of this.#changed) {
      this.#make(unit, revision)
      if (--left <= 0) break
      if (!slice.isOver()) continue
      await slice.next()
      if (life !== this.#life) return
    }
    this.#options.told()
  }

  async #fill (): Promise<void> {
    const life = this.#life
    this.#begun = true // changes from here on are noted
    this.ring.restart(this.#options.revision())
    const units = await this.#options.source.all()
    if (life !== this.#life) return
    const slice = new Slice()
    for (const unit of units) {
      if (!this.#changed.has(unit)) {
        this.#put(unit, this.#options.source.make(unit).map((made) => entryOf(made, made.atLeast ?? this.ring.start)))
      }
      if (!slice.isOver()) continue
      await slice.next()
      if (life !== this.#life) return
    }
    // What changed while it was filled was never told otherwise: it is part of the beginning.
    for (const [unit, revision] of this.#changed) {
      this.#put(unit, this.#options.source.make(unit).map((made) => entryOf(made, revision)))
    }
    this.#changed.clear()
    this.ring.restart(this.#options.revision())
  }

  /**
   * Reaches back to a revision of before it began, as far as the store's log tells what changed since: one who comes
   * from there goes on, as if it had been there. Where the log does not tell, the ring is as it was.
   */
  async reach (revision: number, resume: Feed['resume']): Promise<void> {
    while (this.#begun && revision < this.ring.oldest && revision > this.#unreachable) {
      const other = this.#reaching
      if (other !== undefined) {
        await other
        continue
      }
      const reaching = this.#reaching = this.#reach(revision, resume).finally(() => { this.#reaching = undefined })
      await reaching
    }
  }

  async #reach (revision: number, resume: Feed['resume']): Promise<void> {
    const life = this.#life
    const unreachable = await this.#reached(life, revision, resume)
    // A thousand watches come back at once: the log is read for the first of them.
    if (life === this.#life) this.#unreachable = Math.max(this.#unreachable, unreachable)
  }

  /** Gives the revision from which, and from before which, there is no way on. */
  async #reached (life: number, revision: number, resume: Feed['resume']): Promise<number> {
    const { source } = this.#options
    const { oldest } = this.ring
    if (source.gone === undefined) return oldest - 1
    const changes = await changesBetween(resume, revision, oldest)
    if (changes === undefined || life !== this.#life || oldest !== this.ring.oldest) return revision
    const { events, from } = await pastEvents({
      source, changes, after: revision, events: this.ring.events, entriesOf: (unit) => this.#units.get(unit) ?? none,
      isSettled: (unit) => !this.#changed.has(unit)
    })
    if (life !== this.#life || oldest !== this.ring.oldest) return revision
    if (from >= oldest) return oldest - 1
    return this.ring.prepend(events, from) && from === revision ? -1 : Math.max(revision, from - 1)
  }

  // What is there -----------------------------------------------------------------------------------------------------

  get (namespace: string, name: string): Entry | undefined {
    return this.#spaces.get(namespace)?.get(name)
  }

  /** Ordered by namespace and name. */
  * list (only: string | undefined, after?: { readonly namespace: string, readonly name: string }): Generator<Entry> {
    const spaces = only === undefined ? [...this.#spaces.keys()].sort() : [only]
    for (const namespace of spaces) {
      if (after !== undefined && namespace < after.namespace) continue
      const space = this.#spaces.get(namespace)
      if (space === undefined) continue
      const names = this.#names(namespace, space)
      for (let at = namespace === after?.namespace ? behind(names, after.name) : 0; at < names.length; at++) {
        const entry = space.get(names[at] ?? '')
        if (entry !== undefined) yield entry
      }
    }
  }

  #names (namespace: string, space: ReadonlyMap<string, Entry>): readonly string[] {
    let names = this.#sorted.get(namespace)
    if (names === undefined) this.#sorted.set(namespace, names = [...space.keys()].sort())
    return names
  }

  // What changes ------------------------------------------------------------------------------------------------------

  #make (unit: string, revision: number): void {
    this.#changed.delete(unit)
    const before = this.#units.get(unit) ?? []
    const after: Entry[] = []
    const gone = new Map(before.map((entry) => [keyOf(entry), entry]))
    const events: { readonly entry: Entry, readonly previous: Entry | undefined }[] = []
    for (const made of this.#options.source.make(unit)) {
      const key = keyOf(made)
      const previous = gone.get(key)
      if (previous !== undefined && previous.uid === made.uid && previous.mark === made.mark) {
        gone.delete(key)
        after.push(previous)
        continue
      }
      const entry = entryOf(made, revision)
      after.push(entry)
      if (previous?.uid === made.uid) gone.delete(key)
      events.push({ entry, previous: previous?.uid === made.uid ? previous : undefined })
    }
    // First what went: another object may have its name.
    for (const entry of gone.values()) {
      const end = { ...entry, revision, object: () => withRevision(entry, revision) }
      this.ring.push({ revision, type: 'DELETED', entry: end, previous: entry, unit })
    }
    for (const { entry, previous } of events) {
      this.ring.push({ revision, type: previous === undefined ? 'ADDED' : 'MODIFIED', entry, previous, unit })
    }
    this.#replace(unit, before, after)
  }

  #put (unit: string, entries: readonly Entry[]): void {
    this.#replace(unit, this.#units.get(unit) ?? [], entries)
  }

  #replace (unit: string, before: readonly Entry[], after: readonly Entry[]): void {
    for (const { namespace, name } of before) {
      const space = this.#spaces.get(namespace)
      if (space?.delete(name) !== true || after.some((entry) => entry.namespace === namespace && entry.name === name)) continue
      this.#sorted.delete(namespace)
      if (space.size === 0) this.#spaces.delete(namespace)
    }
    for (const entry of after) {
      let space = this.#spaces.get(entry.namespace)
      if (space === undefined) this.#spaces.set(entry.namespace, space = new Map<string, Entry>())
      if (!before.some(({ namespace, name }) => namespace === entry.namespace && name === entry.name)) this.#sorted.delete(entry.namespace)
      space.set(entry.name, entry)
    }
    if (after.length === 0) this.#units.delete(unit)
    else this.#units.set(unit, after)
  }
}

/** @param changed the revision of what has none of its own */
function entryOf (made: Made, changed: number): Entry {
  const { namespace, name, uid, mark, revision = changed } = made
  return {
    namespace, name, uid, revision, mark, isOwn: made.revision !== undefined,
    isSeen: (sight) => made.isSeen(sight), object: () => made.object(revision)
  }
}

function keyOf ({ namespace, name }: Pick<Entry, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}

/** The first place of a sorted list that lies behind a name. */
function behind (names: readonly string[], name: string): number {
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((names[middle] ?? '') <= name) low = middle + 1
    else high = middle
  }
  return low
}
