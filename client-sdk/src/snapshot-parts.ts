// A large snapshot comes in several frames: all but the last say `more`. Whoever subscribed gets it whole.
import type { ServerFrame } from './wire.ts'

type SnapshotFrame = Extract<ServerFrame, { type: 'snapshot', instances: unknown }>

export class SnapshotParts {
  readonly #parts = new Map<number, SnapshotFrame[]>()

  /** @returns the whole snapshot, undefined = parts are missing */
  take (frame: SnapshotFrame): SnapshotFrame | undefined {
    const parts = this.#parts.get(frame.id)
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
