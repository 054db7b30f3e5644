// Sockets that are leases: when one breaks without a goodbye, its instances turn suspect at once.
import type { LostLease, Store } from '../../store/store.ts'
import type { Clock } from '../timers.ts'

/** Default time for a client whose session broke to be back, through this node or another. */
export const defaultSessionGraceMs = 2_000
/** So many sessions gone at once is this node's own trouble (a cable, a firewall), not theirs: their TTLs decide. */
const massLossRatio = 0.3
const massLossAtLeast = 10
const massLossWindowMs = 1_000

export interface Session {
  /** Binds leases that were just renewed, with the deadlines that this gave them. */
  bind (leases: readonly LostLease[]): void
  release (lease: string): void
  /** The client said goodbye, or its leases are none of this session's business any more. */
  end (): void
  /** The socket broke. */
  broken (): void
}

export interface SessionsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly graceMs: number
  /** This process stood still lately: sockets that it finds dead prove nothing. */
  readonly stalledLately: () => boolean
  readonly report: (message: string) => void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #open = new Set<Session>()
  #lostTimes: number[] = []

  constructor (options: SessionsOptions) {
    this.#options = options
  }

  get count (): number {
    return this.#open.size
  }

  begin (): Session {
    const leases = new Map<string, number>()
    const session: Session = {
      bind: (bound) => { for (const { lease, deadlineMs } of bound) leases.set(lease, deadlineMs) },
      release: (lease) => leases.delete(lease),
      end: () => this.#open.delete(session),
      broken: () => {
        if (!this.#open.delete(session) || leases.size === 0) return
        void this.#lose(Array.from(leases, ([lease, deadlineMs]) => ({ lease, deadlineMs })))
      }
    }
    this.#open.add(session)
    return session
  }

  async #lose (leases: readonly LostLease[]): Promise<void> {
    const { store, clock, graceMs, stalledLately, report } = this.#options
    const now = clock.now()
    this.#lostTimes = [...this.#lostTimes.filter((time) => now - time < massLossWindowMs), now]
    const lost = this.#lostTimes.length
    if (stalledLately()) return report(`${leases.length} leases of a broken session are left to their TTL: this process stood still`)
    if (lost >= massLossAtLeast && lost > massLossRatio * (lost + this.#open.size)) {
      return report(`${leases.length} leases of a broken session are left to their TTL: ${lost} sessions broke within a second`)
    }
    try {
      await store.lose(leases, graceMs)
    } catch (error) {
      report(`${leases.length} leases of a broken session are left to their TTL: ${String(error)}`)
    }
  }
}
