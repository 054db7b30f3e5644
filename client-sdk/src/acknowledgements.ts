// Which revision the process has seen. Acknowledged is what no subscription has waiting, so that it is true of the whole process.
import { parseRevision } from './cursor.ts'
import type { Subscriber } from './subscriber.ts'

export interface AcknowledgementsOptions {
  readonly isOpen: () => boolean
  readonly subscribers: () => Iterable<Subscriber>
  readonly send: (revision: string) => void
}

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions
  #processed: { readonly epoch: string, readonly number: number } | undefined
  #acknowledged = ''
  #isPlanned = false

  constructor (options: AcknowledgementsOptions) {
    this.#options = options
  }

  /** Says that a revision has been processed. */
  processed (revision: string): void {
    const { epoch, number } = parseRevision(revision)
    if (this.#processed?.epoch === epoch && this.#processed.number > number) return
    this.#processed = { epoch, number }
    if (this.#isPlanned) return
    this.#isPlanned = true
    queueMicrotask(() => this.#send()) // one for many events of one frame burst
  }

  #send (): void {
    this.#isPlanned = false
    if (this.#processed === undefined || !this.#options.isOpen()) return
    const { epoch, number } = this.#processed
    for (const subscriber of this.#options.subscribers()) {
      const waiting = subscriber.waiting()
      if (waiting === undefined) continue
      const first = parseRevision(waiting)
      if (first.epoch !== epoch || first.number <= number) return // it will be acknowledged when that one is through
    }
    const revision = `${epoch}.${number}`
    if (revision === this.#acknowledged) return
    this.#acknowledged = revision
    this.#options.send(revision)
  }
}
