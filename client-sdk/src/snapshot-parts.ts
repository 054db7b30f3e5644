// A large snapshot comes in several frames: all but the last say `more`. The subscriber gets it whole.
import { RollcallError } from './errors.ts'
import type { ServerFrame } from './wire.ts'

type SnapshotFrame = Extract<ServerFrame, { type: 'snapshot', instances: unknown }>

/** A registry of a million instances is larger than any; parts without an end would fill the memory. */
export const maxSnapshotItems = 1_000_000

export class SnapshotParts {
  readonly #parts = new Map<number, SnapshotFrame[]>()

  /**
   * @returns the whole snapshot, undefined = parts are missing
   * @throws RollcallError REGISTRY_ANSWER_TOO_LARGE when they have no end
   */
  take (frame: SnapshotFrame): SnapshotFrame | undefined {
    const parts = this.#parts.get(frame.id)
    const count = [frame, ...parts ?? []].reduce((sum, { instances, services = [] }) => sum + 1 + instances.length + services.length, 0)
    if (count > maxSnapshotItems) throw tooManyItems()
    if (frame.more === true) {
      if (parts === undefined) this.#parts.set(frame.id, [frame])
      else parts.push(frame)
      return undefined
    }
    if (parts === undefined) return frame
    this.#parts.delete(frame.id)
    const all = [...parts, frame]
    const services = all.flatMap((part) => part.services ?? [])
    return { ...frame, instances: all.flatMap((part) => part.instances), ...(services.length === 0 ? {} : { services }) }
  }

  /** The subscription begins anew, or is over. */
  forget (id: number): void {
    this.#parts.delete(id)
  }

  /** The connection is gone, and with it what was on its way. */
  clear (): void {
    this.#parts.clear()
  }
}

/** Parts of a snapshot of endpoints, which their reader puts together. */
export class PartList<Item> {
  #items: Item[] = []

  /** Adds a part. Gives the whole if it is the last one. @throws RollcallError REGISTRY_ANSWER_TOO_LARGE */
  add (items: readonly Item[], more: boolean): readonly Item[] | undefined {
    if (this.#items.length + items.length > maxSnapshotItems) {
      this.clear()
      throw tooManyItems()
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

function tooManyItems (): RollcallError {
  return new RollcallError('REGISTRY_ANSWER_TOO_LARGE', `a snapshot has more than ${maxSnapshotItems} entries`)
}
