// The revision that everything derived is shown at least at: a load cannot know which deletions touched a service before it.
// One per catalog, shared by all that it holds (store.ts, Floors; docs/decisions/0015-revisions-never-fall-back.md).

export class RevisionFloor {
  #value = 0

  get value (): number {
    return this.#value
  }

  /** What a thing is shown at whose own last change, as far as this node knows, was at `revision`. */
  over (revision: number): number {
    return revision > this.#value ? revision : this.#value
  }

  /** Never falls. */
  raise (revision: number): void {
    if (revision > this.#value) this.#value = revision
  }
}
