// Chooses the endpoint of a new connection: at random by weight, and the same one for a client with affinity.
import type { Choice, FrontEnd, Target } from '../front-end.ts'

/** Clients that are remembered for each front end; the one that has not come for longest is forgotten. */
const maxClients = 10_000

interface Remembered {
  readonly target: Target
  readonly untilMs: number
}

export interface PickerOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

export class Picker {
  readonly #options: PickerOptions
  readonly #affinityMs: number
  readonly #outside: Choice
  readonly #inside: Choice
  /** Client -> where its last connection went. A new connection moves it to the end. */
  readonly #clients: Map<string, Remembered>

  /** @param before of the same front end: its clients stay where they are, as far as that is still there */
  constructor (frontEnd: FrontEnd, options: PickerOptions, before?: Picker) {
    this.#options = options
    this.#affinityMs = (frontEnd.affinitySeconds ?? 0) * 1_000
    this.#outside = frontEnd.outside
    this.#inside = frontEnd.inside
    this.#clients = before === undefined ? new Map<string, Remembered>() : before.#clients
  }

  /** The endpoints to try for one connection, each once, the first one first. */
  order (client: string, isInside: boolean): Target[] {
    const { targets } = isInside ? this.#inside : this.#outside
    const left = [...targets]
    const ordered: Target[] = []
    const kept = this.#kept(client, targets)
    if (kept !== undefined) {
      ordered.push(kept)
      left.splice(left.indexOf(kept), 1)
    }
    while (left.length > 0 && ordered.length < maxTries) ordered.push(...left.splice(this.#draw(left), 1))
    return ordered
  }

  /** A connection of a client has reached an endpoint: it goes there again. */
  reached (client: string, target: Target): void {
    if (this.#affinityMs === 0) return
    this.#clients.delete(client)
    this.#clients.set(client, { target, untilMs: this.#options.now() + this.#affinityMs })
    if (this.#clients.size > maxClients) for (const oldest of this.#clients.keys()) if (this.#clients.delete(oldest)) break
  }

  #kept (client: string, targets: readonly Target[]): Target | undefined {
    const known = this.#affinityMs === 0 ? undefined : this.#clients.get(client)
    if (known === undefined || known.untilMs <= this.#options.now()) return undefined
    return targets.find(({ address, port }) => address === known.target.address && port === known.target.port)
  }

  #draw (targets: readonly Target[]): number {
    const total = targets.reduce((sum, { weight }) => sum + weight, 0)
    let left = this.#options.random() * total
    const found = targets.findIndex(({ weight }) => (left -= weight) < 0)
    return found === -1 ? targets.length - 1 : found
  }
}

/** Endpoints that one connection tries. */
export const maxTries = 4
