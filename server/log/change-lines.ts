// One line at `info` for what happens to instances (registered, deregistered, suspect, back, expired) and for the brakes that hold
// removals back. A deployment of ten thousand changes ten thousand at once: beyond a limit they are counted, by what happened.
import type { Reason } from '../../client-sdk/src/wire.ts'
import type { AppliedChange } from '../registry/feed/change-ring.ts'
import type { Clock } from '../clock.ts'
import type { Sweep } from '../store/store.ts'
import type { LineLog } from './thinned-log.ts'

export interface ChangeLinesOptions {
  readonly log: LineLog
  readonly clock: Clock
  /** Lines in a second, default 20. */
  readonly perSecond?: number
}

/** The changes of an instance that are logged. Its other changes (status, labels, weight) are in `GET /v1/events`. */
const told: Readonly<Partial<Record<Reason, string>>> = {
  registered: 'instance registered', replaced: 'instance registered, in place of an earlier life', deregistered: 'instance deregistered',
  suspect: 'instance suspect: its lease ran out or its session broke', renewed: 'instance back: a suspect was heard of again',
  expired: 'instance expired'
}

const windowMs = 1_000

export class ChangeLines {
  readonly #log: LineLog
  readonly #clock: Clock
  readonly #perSecond: number
  #written = 0
  #leftOut = new Map<string, number>()
  #cancel: (() => void) | undefined
  #registryHeld = false
  #servicesHeld: ReadonlyMap<string, number> = new Map()

  constructor ({ log, clock, perSecond = 20 }: ChangeLinesOptions) {
    this.#log = log
    this.#clock = clock
    this.#perSecond = perSecond
  }

  /** For `Feed.listen`. */
  readonly changed = ({ kind, reason, target, by, revision }: AppliedChange): void => {
    const message = kind === 'instance' ? told[reason] : undefined
    if (message === undefined || target.id === '') return
    this.#say({ namespace: target.namespace, service: target.service, id: target.id, by, revision }, message)
  }

  /** For `RegistryOptions.swept`: tells when a brake takes hold and when it lets go. */
  readonly swept = ({ protectedSinceMs, protectedServices, kept }: Sweep): void => {
    const isHeld = protectedSinceMs > 0
    if (isHeld !== this.#registryHeld) {
      this.#registryHeld = isHeld
      if (isHeld) this.#log.warn({ suspects: kept }, 'removal is held back in the whole registry: too much of it is suspect')
      else this.#log.info({}, 'removal runs again in the whole registry')
    }
    const before = this.#servicesHeld
    this.#servicesHeld = protectedServices
    for (const service of protectedServices.keys()) if (!before.has(service)) this.#say({ service }, 'removal is held back in a service: too much of it is suspect')
    for (const service of before.keys()) if (!protectedServices.has(service)) this.#say({ service }, 'removal runs again in a service')
  }

  #say (fields: object, message: string): void {
    this.#cancel ??= this.#clock.after(windowMs, () => this.flush())
    if (this.#written >= this.#perSecond) {
      this.#leftOut.set(message, (this.#leftOut.get(message) ?? 0) + 1)
      return
    }
    this.#written++
    this.#log.info(fields, message)
  }

  /** Tells what was left out so far. */
  flush (): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#written = 0
    const leftOut = this.#leftOut
    this.#leftOut = new Map()
    for (const [message, count] of leftOut) this.#log.info({ leftOut: count }, `left out ${count} more of the last second: ${message}`)
  }
}
