// The health callback of a registration: one question at a time, and no answer is an answer, too.
import { RollcallError } from './errors.ts'
import { statusOf, type RegisterOptions } from './registration-body.ts'
import { shown } from './shape.ts'
import type { Status } from './wire.ts'

export interface HealthOptions {
  readonly ask: NonNullable<RegisterOptions['health']>
  /** Whose health it is, for a person. */
  readonly name: string
  /** Makes the answer the status. Never rejects. */
  readonly apply: (status: Status) => Promise<void>
  readonly report: (error: unknown) => void
  readonly warn: (message: string) => void
}

export class Health {
  readonly #options: HealthOptions
  #asking = false

  constructor (options: HealthOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async ask (): Promise<void> {
    const { ask, apply, report } = this.#options
    if (this.#asking) return apply('down') // still busy since the last heartbeat
    this.#asking = true
    try {
      const answer: unknown = await ask()
      const status = statusOf(answer)
      if (status === undefined) this.#unclear(answer)
      await apply(status ?? 'down')
    } catch (error) {
      report(error)
      await apply('down')
    } finally {
      this.#asking = false
    }
  }

  #unclear (answer: unknown): void {
    const { name, report, warn } = this.#options
    const error = new RollcallError('REGISTRY_INVALID_ARGUMENT', `health of ${name} must answer true, false or a status, got ${shown(answer)}: taken as down`)
    report(error)
    warn(error.message)
  }
}
