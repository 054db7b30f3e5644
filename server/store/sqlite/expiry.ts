// When leases end. Suspicion comes at the deadline and is never delayed; removal comes a grace later, unless a brake holds.
// Nothing ends while a hold lasts: after a restart, a pause or a step of the clock the owners must have had time to renew.
import type { Brake, ExpiryPolicy, Sweep } from '../store.ts'
import type { Keyspace } from './keyspace.ts'
import type { LeaseWheel } from './lease-wheel.ts'

/** A clock that goes back by more than this was set, not slewed. */
const backwardStepMs = 1_000

export class Expiry {
  readonly #keyspace: Keyspace
  readonly #wheel: LeaseWheel
  #sweptAtMs: number
  #holdUntilMs: number
  #protectedSinceMs = 0

  /** @param holdMs how long nothing ends from now on */
  constructor (keyspace: Keyspace, nowMs: number, holdMs: number) {
    this.#keyspace = keyspace
    this.#wheel = keyspace.wheel
    this.#sweptAtMs = nowMs
    this.#holdUntilMs = nowMs + holdMs
  }

  sweep (policy: ExpiryPolicy, nowMs: number): Sweep {
    const gapMs = nowMs - this.#sweptAtMs
    this.#sweptAtMs = nowMs
    const latestHoldMs = nowMs + policy.holdMs
    if (gapMs > policy.gapMs || gapMs < -backwardStepMs || this.#holdUntilMs > latestHoldMs) this.#holdUntilMs = latestHoldMs
    this.#wheel.clamp(nowMs + policy.maxTtlMs)
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

  #judgeRegistry (brake: Brake, nowMs: number): boolean {
    this.#protectedSinceMs = begunAt(brake, this.#wheel.suspects, this.#wheel.size, this.#protectedSinceMs, nowMs)
    return holds(brake, this.#protectedSinceMs, nowMs)
  }

  #judgeServices (brake: Brake, nowMs: number): Map<string, number> {
    const holding = new Map<string, number>()
    for (const service of this.#wheel.sickServices) {
      const sinceMs = begunAt(brake, service.suspects, service.total, service.protectedSinceMs, nowMs)
      if (sinceMs === 0) this.#wheel.release(service)
      else service.protectedSinceMs = sinceMs
      if (holds(brake, sinceMs, nowMs)) holding.set(service.name, sinceMs)
    }
    return holding
  }
}

/** Since when too many are suspect at once; 0 = they are not. It is kept after `maxMs`, so that the brake does not begin anew. */
function begunAt (brake: Brake, suspects: number, all: number, sinceMs: number, nowMs: number): number {
  const tooMany = suspects >= brake.atLeast && suspects > brake.ratio * all
  if (!tooMany) return 0
  return sinceMs === 0 ? nowMs : sinceMs
}

function holds (brake: Brake, sinceMs: number, nowMs: number): boolean {
  return sinceMs !== 0 && nowMs - sinceMs <= brake.maxMs
}
