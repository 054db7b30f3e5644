// Sockets that are leases: when one breaks without a goodbye, its instances turn suspect, unless they are back within a moment.
//
// A broken socket is no dead process: a proxy that reloads, a Wi-Fi that roams, a node that restarts break it too, and the client is back
// within milliseconds. So that no watcher sees that, the node waits for `blipMs`, and spares instances that were
// renewed meanwhile. Sessions of one peer that break together have one cause, and get one verdict.
import type { LostLease, Store } from '../../store/store.ts'
import type { Clock } from '../../clock.ts'

/** Default time for a client whose session broke to be back, through this node or another. */
export const defaultSessionGraceMs = 2_000
export const defaultSessionBlipMs = 500
/** So many losses at once are this node's own trouble (a cable, a firewall), not theirs: their TTLs decide. */
const massLossRatio = 0.3
const massLossAtLeast = 10
const massLossWindowMs = 1_000
/** Fewer sessions of one peer are one host, process or proxy that is gone: one cause. So many are many clients behind one address. */
const oneCauseBelow = 10
/** Processes that are asked at once whether they are there. Others are waited for. */
const maxProbes = 100

/** A lease that a session has just renewed. */
export interface BoundLease extends LostLease {
  /** Of its instance: `namespace/service/id`. */
  readonly key: string
  /** Where its process listens over TCP: what refuses connections is gone. */
  readonly listens?: { readonly address: string, readonly port: number } | undefined
}

export interface LeaseSession {
  /** Binds leases that were just renewed, with the deadlines that this gave them. The session that did it last has them. */
  bind (leases: readonly BoundLease[]): void
  /** The client said goodbye, or its leases do not belong to this session any more. */
  end (): void
  /** The socket broke. */
  broken (): void
}

export interface SessionsOptions {
  readonly store: Pick<Store, 'lose'>
  readonly clock: Clock
  readonly graceMs: number
  /** How long a client has to come back before its instances turn suspect. */
  readonly blipMs: number
  /** This process stood still lately: sockets that it finds dead prove nothing. */
  readonly stalledLately: () => boolean
  readonly report: (message: string) => void
  /**
   * Whether connections to an address are refused. Resolves to false when it can't be known in time. Absent: no process
   * is asked.
   */
  readonly refuses?: ((address: string, port: number) => Promise<boolean>) | undefined
}

/** What broke of one peer and waits for its verdict. */
interface Loss {
  readonly leases: Map<string, number>
  readonly cancel: () => void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #open = new Set<LeaseSession>()
  /** Which session a lease is bound to. */
  readonly #bound = new Map<string, { readonly session: LeaseSession, readonly leases: Map<string, BoundLease> }>()
  /** The bound lease of each instance that has one. */
  readonly #byKey = new Map<string, string>()
  readonly #losses = new Map<string, Loss>()
  /** Sessions that broke lately, by their peers. */
  #causes: { readonly peer: string, readonly atMs: number, sessions: number }[] = []
  #probes = 0

  constructor (options: SessionsOptions) {
    this.#options = options
  }

  get count (): number {
    return this.#open.size
  }

  /** @param peer the address that its socket comes from */
  begin (peer: string): LeaseSession {
    const leases = new Map<string, BoundLease>()
    const take = (): BoundLease[] => {
      const own = [...leases.values()].filter(({ lease }) => this.#bound.get(lease)?.session === session)
      for (const { lease } of own) this.#release(lease)
      leases.clear()
      return own
    }
    const session: LeaseSession = {
      bind: (bound) => {
        if (!this.#open.has(session)) return
        for (const each of bound) {
          const before = this.#byKey.get(each.key)
          if (before !== undefined && before !== each.lease) this.#release(before)
          const other = this.#bound.get(each.lease)
          if (other !== undefined && other.session !== session) other.leases.delete(each.lease)
          leases.set(each.lease, each)
          this.#bound.set(each.lease, { session, leases })
          this.#byKey.set(each.key, each.lease)
          this.#returned(each.lease)
        }
      },
      end: () => {
        if (this.#open.delete(session)) take()
      },
      broken: () => {
        if (!this.#open.delete(session)) return
        const lost = take()
        if (lost.length > 0) this.#broke(peer, lost)
      }
    }
    this.#open.add(session)
    return session
  }

  /** How many leases are bound to a session. */
  get boundCount (): number {
    return this.#bound.size
  }

  /** An instance is registered with this lease now, or not any more: a lease that it had before is nobody's. */
  changed (key: string, lease: string | undefined): void {
    const known = this.#byKey.get(key)
    if (known !== undefined && known !== lease) this.#release(known, key)
  }

  /** The view is another one. @param leaseOf the lease that an instance has now */
  reloaded (leaseOf: (key: string) => string | undefined): void {
    for (const key of [...this.#byKey.keys()]) this.changed(key, leaseOf(key))
  }

  #release (lease: string, key = this.#bound.get(lease)?.leases.get(lease)?.key): void {
    this.#bound.get(lease)?.leases.delete(lease)
    this.#bound.delete(lease)
    if (key !== undefined && this.#byKey.get(key) === lease) this.#byKey.delete(key)
  }

  /** Ends what waits: the TTLs decide. */
  close (): void {
    for (const { cancel } of this.#losses.values()) cancel()
    this.#losses.clear()
  }

  #returned (lease: string): void {
    for (const { leases } of this.#losses.values()) leases.delete(lease)
  }

  #broke (peer: string, lost: readonly BoundLease[]): void {
    const { clock, blipMs, stalledLately, report } = this.#options
    this.#count(peer)
    if (stalledLately()) return report(`${lost.length} leases of a broken session are left to their TTL: this process stood still`)
    const leases = new Map(lost.map(({ lease, deadlineMs }) => [lease, deadlineMs]))
    if (blipMs === 0) return void this.#judge(leases)
    const waiting = this.#losses.get(peer)
    if (waiting !== undefined) for (const [lease, deadlineMs] of leases) waiting.leases.set(lease, deadlineMs)
    else this.#losses.set(peer, { leases, cancel: clock.after(blipMs, () => this.#timeIsUp(peer)) })
    void this.#probe(peer, lost)
  }

  #timeIsUp (peer: string): void {
    const loss = this.#losses.get(peer)
    this.#losses.delete(peer)
    if (loss !== undefined) void this.#judge(loss.leases)
  }

  /**
   * Asks the process whether it is there: if its host refuses the connection, the process is gone. Only the peer's own
   * address is asked, so that no client can make a node connect to other hosts.
   */
  async #probe (peer: string, lost: readonly BoundLease[]): Promise<void> {
    const listens = lost.find((bound) => bound.listens?.address === peer)?.listens
    const { refuses } = this.#options
    if (refuses === undefined || listens === undefined || this.#probes >= maxProbes) return
    this.#probes++
    const isGone = await refuses(listens.address, listens.port).catch(() => false)
    this.#probes--
    const waiting = this.#losses.get(peer)
    if (!isGone || waiting === undefined) return
    const gone = new Map<string, number>()
    for (const { lease, deadlineMs } of lost) if (waiting.leases.delete(lease)) gone.set(lease, deadlineMs)
    await this.#judge(gone)
  }

  async #judge (leases: ReadonlyMap<string, number>): Promise<void> {
    if (leases.size === 0) return
    const { store, graceMs, stalledLately, report } = this.#options
    if (stalledLately()) return report(`${leases.size} leases of broken sessions are left to their TTL: this process stood still`)
    const lost = this.#lostLately()
    if (lost >= massLossAtLeast && lost > massLossRatio * (lost + this.#open.size)) {
      return report(`${leases.size} leases of broken sessions are left to their TTL: ${lost} sessions broke within a second`)
    }
    try {
      await store.lose(Array.from(leases, ([lease, deadlineMs]) => ({ lease, deadlineMs })), graceMs)
    } catch (error) {
      report(`${leases.size} leases of broken sessions are left to their TTL: ${String(error)}`)
    }
  }

  #count (peer: string): void {
    const now = this.#options.clock.now()
    this.#forget(now)
    const known = this.#causes.find((cause) => cause.peer === peer)
    if (known === undefined) this.#causes.push({ peer, atMs: now, sessions: 1 })
    else known.sessions++
  }

  #lostLately (): number {
    this.#forget(this.#options.clock.now())
    return this.#causes.reduce((sum, { sessions }) => sum + (sessions < oneCauseBelow ? 1 : sessions), 0)
  }

  /** What broke while a verdict was waited for counts as well. */
  #forget (now: number): void {
    const { blipMs } = this.#options
    this.#causes = this.#causes.filter(({ atMs }) => now - atMs < massLossWindowMs + blipMs)
  }
}
