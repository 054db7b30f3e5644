// When leases end. Suspicion comes at the deadline and is never delayed; removal comes a grace later, unless a brake holds.
// Nothing ends while a hold lasts: after a restart, a pause or a step of the clock the owners must have had time to renew.
import { backwardStepMs, brakeHolds, brakeSince, holdLength, holdUntil } from '../expiry-rules.ts'
import type { Brake, ExpiryPolicy, Sweep } from '../store.ts'
import type { Keyspace } from './keyspace.ts'
import type { LeaseWheel } from './lease-wheel.ts'

export class Expiry {
  readonly #keyspace: Keyspace
  readonly #wheel: LeaseWheel
  /** Of the leases that were there at the start: the longest TTL, and the suspects by name. */
  readonly #restored: { readonly longestTtlMs: number, readonly suspects: readonly string[] }
  readonly #firstHoldMs: number
  /** undefined = this start has not been swept: renewals may arrive from now on. */
  #sweptAtMs: number | undefined
  #holdUntilMs = 0
  #protectedSinceMs = 0

  /** @param firstHoldMs the longest hold after a start; a sweep's policy may shorten it */
  constructor (keyspace: Keyspace, firstHoldMs: number) {
    this.#keyspace = keyspace
    this.#wheel = keyspace.wheel
    this.#firstHoldMs = firstHoldMs
    const suspects = Array.from(this.#wheel.suspectSlots(), (slot) => this.#wheel.nameOf(slot))
    this.#restored = { longestTtlMs: this.#wheel.longestTtlMs, suspects }
  }

  sweep (policy: ExpiryPolicy, nowMs: number): Sweep {
    this.#judgeClock(policy, nowMs)
    const ended = this.#keyspace.endObjects(nowMs, policy.limit)
    const held = nowMs < this.#holdUntilMs
    const due = held ? { slots: [], more: false } : this.#wheel.due(nowMs, policy.limit)

    const dueSuspects = due.slots.filter((slot) => this.#wheel.isSuspect(slot))
    let suspected = 0
    for (const slot of due.slots) {
      if (this.#wheel.isSuspect(slot)) continue
      this.#keyspace.suspect(slot, nowMs + policy.graceMs, nowMs)
      suspected += 1
    }
    // Judged once, before anything is removed: the order of the removals must not decide who stays.
    const registryHolds = this.#judgeRegistry(policy.registryBrake, nowMs)
    const protectedServices = this.#judgeServices(policy.serviceBrake, nowMs)
    let expired = 0
    for (const slot of dueSuspects) {
      if (registryHolds || protectedServices.has(this.#wheel.serviceOf(slot).name)) {
        this.#wheel.setDeadline(slot, nowMs + policy.graceMs)
      } else {
        this.#keyspace.expire(slot, nowMs)
        expired += 1
      }
    }
    return {
      suspected,
      expired,
      kept: dueSuspects.length - expired,
      holdMs: held ? this.#holdUntilMs - nowMs : 0,
      protectedSinceMs: registryHolds ? this.#protectedSinceMs : 0,
      protectedServices,
      more: due.more || ended === policy.limit
    }
  }

  /** Holds expiry if owners could not renew, and corrects deadlines after a step of the clock or a start. */
  #judgeClock ({ gapMs: maxGapMs, holdMs, graceMs, maxTtlMs }: ExpiryPolicy, nowMs: number): void {
    const isFirst = this.#sweptAtMs === undefined
    const { longestTtlMs, suspects } = this.#restored
    const gapMs = nowMs - (this.#sweptAtMs ?? -Infinity)
    this.#sweptAtMs = nowMs
    const length = isFirst ? holdLength(longestTtlMs, Math.min(holdMs, this.#firstHoldMs)) : holdLength(this.#wheel.longestTtlMs, holdMs)
    this.#holdUntilMs = holdUntil(this.#holdUntilMs, gapMs, maxGapMs, length, nowMs)
    // How much of its grace a suspect had had before the start is not known: it has all of it.
    if (isFirst) {
      for (const lease of suspects) {
        const slot = this.#wheel.find(lease)
        if (slot !== undefined && this.#wheel.isSuspect(slot)) this.#wheel.setDeadline(slot, nowMs + graceMs)
      }
    }
    if (gapMs < -backwardStepMs) this.#wheel.pullIn(nowMs, (slot) => (this.#wheel.isSuspect(slot) ? graceMs : this.#wheel.ttlOf(slot)))
    this.#wheel.clamp(nowMs + maxTtlMs)
  }

  #judgeRegistry (brake: Brake, nowMs: number): boolean {
    this.#protectedSinceMs = brakeSince(brake, this.#wheel.suspects, this.#wheel.size, this.#protectedSinceMs, nowMs)
    return brakeHolds(brake, this.#protectedSinceMs, nowMs)
  }

  #judgeServices (brake: Brake, nowMs: number): Map<string, number> {
    const holding = new Map<string, number>()
    for (const service of this.#wheel.sickServices) {
      const sinceMs = brakeSince(brake, service.suspects, service.total, service.protectedSinceMs, nowMs)
      if (sinceMs === 0) this.#wheel.release(service)
      else service.protectedSinceMs = sinceMs
      if (brakeHolds(brake, sinceMs, nowMs)) holding.set(service.name, sinceMs)
    }
    return holding
  }
}
