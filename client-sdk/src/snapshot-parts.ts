// A large snapshot comes in several frames: all but the last say `more`. The subscriber gets it whole.
import { RollcallError } from './errors.ts'
import type { ServerFrame } from './wire.ts'

type AnySnapshotFrame = Extract<ServerFrame, { type: 'snapshot' }>
type SnapshotFrame = Extract<AnySnapshotFrame, { instances: unknown }>

/** A registry of a million instances is larger than any; parts without an end would fill the memory. */
export const maxSnapshotItems = 1_000_000

interface Unfinished {
  /** None for a view whose reader puts the parts together. */
  readonly parts: SnapshotFrame[]
  items: number
  length: number
}

export class SnapshotParts {
  readonly #unfinished = new Map<number, Unfinished>()
  readonly #maxLength: number
  /** Characters of the frames of all snapshots whose last part has not come. */
  #length = 0

  /** @param maxLength characters that the parts of all snapshots of a connection may have together */
  constructor (maxLength: number) {
    this.#maxLength = maxLength
  }

  /**
   * @param length of the frame, in characters
   * @returns the whole snapshot, undefined = parts are missing; of endpoints and objects each part as it is
   * @throws RollcallError REGISTRY_ANSWER_TOO_LARGE when they have no end; what there is of it is dropped
   */
  take (frame: AnySnapshotFrame, length: number): AnySnapshotFrame | undefined {
    const known = this.#unfinished.get(frame.id)
    if (known === undefined && frame.more !== true) return frame
    const unfinished = known ?? { parts: [], items: 0, length: 0 }
    this.#unfinished.set(frame.id, unfinished)
    unfinished.items += 1 + itemsIn(frame)
    unfinished.length += length
    this.#length += length
    const isTooLong = this.#length > this.#maxLength
    if (isTooLong || unfinished.items > maxSnapshotItems) {
      this.forget(frame.id)
      throw isTooLong ? tooLong(this.#maxLength) : tooManyItems()
    }
    if (frame.more !== true) this.forget(frame.id)
    if ('endpoints' in frame || 'objects' in frame) return frame
    unfinished.parts.push(frame)
    if (frame.more === true) return undefined
    const services = unfinished.parts.flatMap((part) => part.services ?? [])
    const instances = unfinished.parts.flatMap((part) => part.instances)
    return { ...frame, instances, ...(services.length === 0 ? {} : { services }) }
  }

  /** The subscription begins anew, or is over. */
  forget (id: number): void {
    this.#length -= this.#unfinished.get(id)?.length ?? 0
    this.#unfinished.delete(id)
  }

  /** The connection is gone, and with it what was on its way. */
  clear (): void {
    this.#unfinished.clear()
    this.#length = 0
  }
}

function itemsIn (frame: AnySnapshotFrame): number {
  if ('endpoints' in frame) return frame.endpoints.length
  return 'objects' in frame ? frame.objects.length : frame.instances.length + (frame.services?.length ?? 0)
}

/** Parts of a snapshot of endpoints or objects, which their reader puts together. */
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

function tooLong (maxLength: number): RollcallError {
  const says = `the parts of a snapshot are longer than ${maxLength} characters (maxSnapshotBytes)`
  return new RollcallError('REGISTRY_ANSWER_TOO_LARGE', says)
}
