// Work that is long as a whole is done in slices, between which the event loop serves others.

/** A DNS answer may wait for one slice, and for what stands behind it in the loop. */
const sliceMs = 4

export class Slice {
  #endsAt = performance.now() + sliceMs

  /** Whether it is time to let others go on. Cheap enough to ask for each record. */
  isOver (): boolean {
    return performance.now() >= this.#endsAt
  }

  /** Resolves when the event loop has been round once. */
  async next (): Promise<void> {
    await new Promise((resolve) => { setImmediate(resolve) })
    this.#endsAt = performance.now() + sliceMs
  }
}
