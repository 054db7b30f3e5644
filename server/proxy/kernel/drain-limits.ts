// The annotation rollcall.dev/drain-limit: connections to an endpoint that has left a service go on for so long, then the
// kernel forgets them, and their clients see them reset.
import type { Clock } from '../../clock.ts'
import type { FrontEndChanges } from '../back-end.ts'
import type { Draining } from '../draining.ts'
import { type FrontEnd, frontEndKey } from '../front-end.ts'
import type { Run } from '../program.ts'

/** As long as an annotation may say: the clock may have been set since. */
const maxDrainMs = 86_400_000
/** Endpoints whose connections are waited for; those of one more go on for ever. */
const maxWaiting = 10_000

interface Waiting {
  readonly what: Draining
  readonly cancel: () => void
}

export class DrainLimits {
  readonly #run: Run
  readonly #clock: Clock
  /** Front ends with a limit, by key. */
  readonly #limited = new Map<string, FrontEnd>()
  /** By `key endpoint`. */
  readonly #waiting = new Map<string, Waiting>()

  constructor (run: Run, clock: Clock) {
    this.#run = run
    this.#clock = clock
  }

  change (changes: FrontEndChanges): void {
    for (const [key, frontEnd] of changes) {
      const before = this.#limited.get(key)
      const now = frontEnd === undefined ? new Set<string>() : placesOf(frontEnd)
      for (const place of now) this.#stopWaiting(`${key} ${place}`)
      if (before !== undefined) for (const place of placesOf(before)) if (!now.has(place)) this.#wait(place, before)
      if (frontEnd?.drainLimitMs === undefined || frontEnd.transport !== 'tcp') this.#limited.delete(key)
      else this.#limited.set(key, frontEnd)
    }
  }

  /** What is waited for: kept with the state, since an agent that is started again goes on waiting. */
  get waiting (): readonly Draining[] {
    return Array.from(this.#waiting.values(), ({ what }) => what)
  }

  /** Goes on with what an earlier life has waited for, before any change. What is over by now ends at once. */
  resume (waiting: readonly Draining[]): void {
    for (const what of waiting) this.#waitFor(what)
  }

  close (): void {
    for (const id of [...this.#waiting.keys()]) this.#stopWaiting(id)
  }

  #wait (place: string, { address, port, drainLimitMs = 0 }: FrontEnd): void {
    const [endpoint = '', endpointPort = ''] = place.split(' ')
    this.#waitFor({ address, port, endpoint, endpointPort: Number(endpointPort), endsAtMs: this.#clock.now() + drainLimitMs })
  }

  #waitFor (what: Draining): void {
    const { address, port, endpoint, endpointPort, endsAtMs } = what
    const id = `${frontEndKey({ address, port, transport: 'tcp' })} ${endpoint} ${endpointPort}`
    this.#stopWaiting(id)
    if (this.#waiting.size >= maxWaiting) return
    const leftMs = Math.max(0, Math.min(maxDrainMs, endsAtMs - this.#clock.now()))
    const cancel = this.#clock.after(leftMs, async () => {
      this.#waiting.delete(id)
      const family = address.includes(':') ? 'ipv6' : 'ipv4'
      await this.#run('conntrack', [
        '-D', '-f', family, '-p', 'tcp', '--orig-dst', address, '--orig-port-dst', String(port), '--reply-src', endpoint, '--reply-port-src', String(endpointPort)
      ])
    })
    this.#waiting.set(id, { what, cancel })
  }

  #stopWaiting (id: string): void {
    this.#waiting.get(id)?.cancel()
    this.#waiting.delete(id)
  }
}

function placesOf ({ outside, inside }: FrontEnd): Set<string> {
  return new Set([...outside.targets, ...inside.targets].map(({ address, port }) => `${address} ${port}`))
}
