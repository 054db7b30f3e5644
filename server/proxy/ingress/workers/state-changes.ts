// What of the state a worker has yet to be told. While it takes one message the next gathers, by names: a worker that is slow costs no memory.
import type { StateChanges } from './worker-messages.ts'

export interface ChangedNames {
  readonly ingresses?: Iterable<string>
  readonly classes?: Iterable<string>
  readonly services?: Iterable<string>
  readonly certificates?: boolean
}

/** Where the state is. */
export interface StateSource {
  /** All of it. */
  whole (): StateChanges
  /** What has these names now. */
  changes (names: Untold): StateChanges
}

export class Untold {
  readonly ingresses = new Set<string>()
  readonly classes = new Set<string>()
  readonly services = new Set<string>()
  certificates = false

  get isEmpty (): boolean {
    return this.ingresses.size + this.classes.size + this.services.size === 0 && !this.certificates
  }

  add ({ ingresses = [], classes = [], services = [], certificates = false }: ChangedNames): void {
    for (const name of ingresses) this.ingresses.add(name)
    for (const name of classes) this.classes.add(name)
    for (const name of services) this.services.add(name)
    this.certificates ||= certificates
  }
}
