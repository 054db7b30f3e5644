// When objects of a kind last changed, came or went, as this node knows it: what waits for a change of any of them asks that.
import type { ObjectKind } from '../../model/manifest/object-kinds.ts'
import { changedObjectKind } from '../services/manifests.ts'
import type { Feed } from './feed.ts'

export class ObjectRevisions {
  readonly #feed: Feed
  readonly #byKind = new Map<ObjectKind, number>()
  readonly #looks = new Set<() => void>()
  /** What went before the last load is not known: everything may have changed then. */
  #loaded = 0

  constructor (feed: Feed) {
    this.#feed = feed
    feed.listen({
      name: 'object-revisions',
      changed: ({ kind, revision }) => {
        const changed = changedObjectKind(kind)
        if (changed !== undefined) this.#byKind.set(changed, revision)
      },
      loaded: () => {
        this.#byKind.clear()
        this.#loaded = -1 // until the view stands at its revision
      },
      applied: () => {
        if (this.#loaded === -1) this.#loaded = feed.revision
        for (const look of [...this.#looks]) look()
      }
    })
  }

  /** The last change of any of these kinds. */
  of (kinds: readonly ObjectKind[]): number {
    const loaded = this.#loaded === -1 ? this.#feed.revision : this.#loaded
    return kinds.reduce((newest, kind) => Math.max(newest, this.#byKind.get(kind) ?? 0), loaded)
  }

  /** Calls back after each change, until the function that it gives is called. */
  follow (look: () => void): () => void {
    this.#looks.add(look)
    return () => this.#looks.delete(look)
  }
}
