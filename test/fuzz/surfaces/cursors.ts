// Revisions that were told. A thing's revision never falls, grows when the thing changes, and is the same on all nodes.
import type { Comparison } from './comparison.ts'

interface Told {
  readonly revision: number
  readonly content: string
  readonly look: number
}

export function revisionOf (cursor: string | null | undefined): number {
  return Number(cursor?.split('.').at(-1) ?? Number.NaN)
}

export class Cursors {
  readonly #told = new Map<string, Told>()
  /** Grows with each look: at one, all that are asked must agree. */
  look = 0
  #written = 0

  /** What an acknowledged write said. */
  written (cursor: string | null): void {
    this.#written = Math.max(this.#written, revisionOf(cursor) || 0)
  }

  /** The highest revision that a write was acknowledged with. */
  get highest (): number {
    return this.#written
  }

  before (about: string): Told | undefined {
    return this.#told.get(about)
  }

  /** @param content of the model: another text is a change */
  told (comparison: Comparison, surface: string, about: string, revision: number, content: string): void {
    const before = this.#told.get(about)
    if (before !== undefined && before.look === this.look) {
      comparison.same(surface, `revision of ${about}, on another node or by another surface`, revision, before.revision)
      return
    }
    const least = before === undefined ? 1 : before.content === content ? before.revision : before.revision + 1
    comparison.holds(surface, `revision of ${about}`, revision >= least, revision, `${least} or more`)
    this.#told.set(about, { revision: Math.max(revision, least), content, look: this.look })
  }

  /** What is not there any more is another when it comes back. */
  keepOnly (): void {
    for (const [about, told] of this.#told) {
      if (told.look !== this.look) this.#told.set(about, { ...told, content: 'gone' })
    }
  }
}
