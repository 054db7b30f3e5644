// A snapshot that comes in several frames, put together again.
import { RollcallError } from './errors.ts'

/** A registry of a million instances is larger than any; parts without an end would fill the memory. */
const maxItems = 1_000_000

export class SnapshotParts<Item> {
  #items: Item[] = []

  /** Adds a part. Gives the whole if it is the last one. @throws RollcallError REGISTRY_ANSWER_TOO_LARGE */
  add (items: readonly Item[], more: boolean): readonly Item[] | undefined {
    if (this.#items.length + items.length > maxItems) {
      this.clear()
      throw new RollcallError('REGISTRY_ANSWER_TOO_LARGE', `a snapshot has more than ${maxItems} entries`)
    }
    for (const item of items) this.#items.push(item)
    if (more) return undefined
    const whole = this.#items
    this.#items = []
    return whole
  }

  clear (): void {
    this.#items = []
  }
}
