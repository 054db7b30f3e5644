// How long to wait before trying again, as a pure function.

/** Short enough that the restart of a node is hardly seen. */
export const backoffBaseMs = 100
/** Long enough that ten thousand clients don't hold a registry down; short enough that all are back soon after it is. */
export const backoffCapMs = 5_000

/**
 * Full jitter: evenly between 0 and min(cap, base * 2^attempt), so that clients that failed together don't return together.
 * @param attempt 0 for the first pause
 * @param random gives 0 (included) to 1 (excluded)
 */
export function fullJitter (attempt: number, random: () => number): number {
  return random() * Math.min(backoffCapMs, backoffBaseMs * 2 ** Math.min(attempt, 30))
}
