// When leases end, as pure functions of numbers. Both stores obey them: SQLite calls them, and redis/scripts/rules.lua says the same in
// Lua; test/store/expiry-rules.ts is the table that both must meet. All times are of the store's own clock.
import type { Brake } from './store.ts'

/** The longest hold with Redis: every owner renews within a minute, or its TTL is so long that it needs no hold. */
export const maxHoldMs = 60_000
/** A clock that goes back by more than this was set, not slewed. */
export const backwardStepMs = 1_000

/**
 * How long nothing ends after the store was deaf: every owner renews within its own TTL, so the longest in use is enough.
 * @param longestTtlMs of all leases; 0 = there are no leases, and no reason to wait
 */
export function holdLength (longestTtlMs: number, maxMs: number): number {
  return Math.min(longestTtlMs, maxMs)
}

/**
 * Until when nothing ends. A pause between two sweeps or a step of the clock begins a hold anew; a hold that lies further ahead than one
 * is long is the work of a clock that stepped back.
 * @param gapMs since the sweep before; Infinity = there was none in this term
 */
export function holdUntil (untilMs: number, gapMs: number, maxGapMs: number, lengthMs: number, nowMs: number): number {
  const isDeaf = gapMs > maxGapMs || gapMs < -backwardStepMs
  return isDeaf || untilMs > nowMs + lengthMs ? nowMs + lengthMs : untilMs
}

/** A deadline lies no further ahead than its own period: the TTL of the lease, the grace of a suspect. */
export function pulledIn (deadlineMs: number, periodMs: number, nowMs: number): number {
  return Math.min(deadlineMs, nowMs + periodMs)
}

/**
 * Since when too many are suspect at once; 0 = they are not. It is kept after `maxMs`, so that the brake does not begin anew. A time ahead of
 * the clock is the work of a step back.
 */
export function brakeSince (brake: Brake, suspects: number, all: number, sinceMs: number, nowMs: number): number {
  const tooMany = suspects >= brake.atLeast && suspects > brake.ratio * all
  if (!tooMany) return 0
  return sinceMs === 0 ? nowMs : Math.min(sinceMs, nowMs)
}

export function brakeHolds (brake: Brake, sinceMs: number, nowMs: number): boolean {
  return sinceMs !== 0 && nowMs - sinceMs <= brake.maxMs
}
