// When a lease may expire, and what holds that back. Measured on Redis 7 with living and dead instances mixed; see
// docs/reference/leases.md for what each number costs.
import type { ExpiryPolicy } from '../../store/store.ts'

export interface ProtectionOptions {
  /** From suspect to removed, default 15 s. Lower: less to look at; higher: more time for a restarted instance to come back as itself. */
  readonly graceMs?: number
  /** How long nothing expires after a restart, a pause or a new term, default 60 s. Every owner must have had time to renew. */
  readonly holdMs?: number
  /** Removal stops when more than this part of the registry is suspect, default 0.3: that is an outage of ours, not of theirs. */
  readonly registryBrakeRatio?: number
  /** Removal stops when more than this part of a service is suspect, default 0.5. */
  readonly serviceBrakeRatio?: number
  /** How long either brake holds at most since it began, default 10 and 5 minutes. */
  readonly registryBrakeMaxMs?: number
  readonly serviceBrakeMaxMs?: number
}

/** Redis or this process stood still for so long that owners could not renew. */
const gapMs = 3_000
/** One sweep holds the store for some ten milliseconds at this size; more is done in the next one. */
const sweepLimit = 1_000
/** Below ten suspects a third of a small registry is an ordinary deployment. */
const registryBrakeAtLeast = 10
/** Two of three copies may die at once; three say that something else is wrong. */
const serviceBrakeAtLeast = 3

export function expiryPolicy (options: ProtectionOptions, maxTtlMs: number): ExpiryPolicy {
  return {
    limit: sweepLimit,
    gapMs,
    holdMs: options.holdMs ?? 60_000,
    graceMs: options.graceMs ?? 15_000,
    maxTtlMs,
    registryBrake: { ratio: options.registryBrakeRatio ?? 0.3, atLeast: registryBrakeAtLeast, maxMs: options.registryBrakeMaxMs ?? 600_000 },
    serviceBrake: { ratio: options.serviceBrakeRatio ?? 0.5, atLeast: serviceBrakeAtLeast, maxMs: options.serviceBrakeMaxMs ?? 300_000 }
  }
}
