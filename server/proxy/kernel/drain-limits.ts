// The annotation rollcall.dev/drain-limit: connections to an endpoint that has left a service go on for so long, then the
// kernel forgets them, and their clients see them reset.
import type { Clock } from '../../clock.ts'
import type { FrontEndChanges } from '../back-end.ts'
import type { FrontEnd } from '../front-end.ts'
import type { Run } from '../program.ts'

/** Endpoints whose connections are waited for; those of one more go on for ever. */
const maxWaiting = 10_000

export class DrainLimits {
  readonly #run: Run
  readonly #clock: Clock
  /** Front ends with a limit, by key. */
  readonly #limited = new Map<string, FrontEnd>()
  /** `key endpoint` -> cancels. */
  readonly #waiting = new Map<string, () => void>()

  constructor (run: Run, clock: Clock) {
    this.#run = run
    this.#clock = clock
  }

  change (changes: FrontEndChanges): void {
    for (const [key, frontEnd] of changes) {
      const before = this.#limited.get(key)
      const now = frontEnd === undefined ? new Set<string>() : placesOf(frontEnd)
      for (const place of now) this.#stopWaiting(`${key} ${place}`)
      if (before !== undefined) for (const place of placesOf(before)) if (!now.has(place)) this.#wait(key, place, before)
      if (frontEnd?.drainLimitMs === undefined || frontEnd.transport !== 'tcp') this.#limited.delete(key)
      else this.#limited.set(key, frontEnd)
    }
  }

  close (): void {
    for (const id of [...this.#waiting.keys()]) this.#stopWaiting(id)
  }

  #wait (key: string, place: string, { address, port, drainLimitMs = 0 }: FrontEnd): void {
    const id = `${key} ${place}`
    this.#stopWaiting(id)
    const [endpoint = '', endpointPort = ''] = place.split(' ')
    const end = async (): Promise<void> => {
      this.#waiting.delete(id)
      const family = address.includes(':') ? 'ipv6' : 'ipv4'
      await this.#run('conntrack', [
        '-D', '-f', family, '-p', 'tcp', '--orig-dst', address, '--orig-port-dst', String(port), '--reply-src', endpoint, '--reply-port-src', endpointPort
      ])
    }
    if (this.#waiting.size < maxWaiting) this.#waiting.set(id, this.#clock.after(drainLimitMs, end))
  }

  #stopWaiting (id: string): void {
    this.#waiting.get(id)?.()
    this.#waiting.delete(id)
  }
}

function placesOf ({ outside, inside }: FrontEnd): Set<string> {
  return new Set([...outside.targets, ...inside.targets].map(({ address, port }) => `${address} ${port}`))
}
