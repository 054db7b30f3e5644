// What was refused and is no command: reads, heartbeats, wrong tokens. A client that is refused asks again, every second maybe, so of each
// kind the audit has one line a minute; the next one says how many were left out. Commands have a line each (gate.ts).
import type { Clock } from '../clock.ts'
import type { Actor } from '../registry/core.ts'
import type { Audit } from './audit.ts'

export const quietMs = 60_000
/** Kinds that are remembered: who, from where, what, and why not. Beyond it the oldest is forgotten. */
const maxKinds = 10_000

interface Kind {
  readonly toldAtMs: number
  leftOut: number
}

/** What is asked for: `read`, `metrics`, `heartbeat`, `authenticate`. */
export interface Refused {
  readonly what: string
  /** As in a line of a command. */
  readonly on: string
  /** The code of the error. */
  readonly outcome: string
}

export class Refusals {
  readonly #audit: Pick<Audit, 'write'>
  readonly #clock: Pick<Clock, 'now'>
  readonly #kinds = new Map<string, Kind>()

  constructor (audit: Pick<Audit, 'write'>, clock: Pick<Clock, 'now'>) {
    this.#audit = audit
    this.#clock = clock
  }

  write (actor: Actor, { what, on, outcome }: Refused): void {
    const key = `${actor.name} ${actor.address ?? ''} ${what} ${outcome}`
    const known = this.#kinds.get(key)
    const nowMs = this.#clock.now()
    if (known !== undefined && nowMs - known.toldAtMs < quietMs) {
      known.leftOut++
      return
    }
    this.#kinds.delete(key) // so that it stands last
    this.#kinds.set(key, { toldAtMs: nowMs, leftOut: 0 })
    if (this.#kinds.size > maxKinds) for (const oldest of this.#kinds.keys()) if (this.#kinds.delete(oldest)) break
    const leftOut = known?.leftOut ?? 0
    this.#audit.write(actor, { what, on, outcome, ...(leftOut === 0 ? {} : { leftOut }) })
  }
}
