// Weighted targets as slots: the kernel draws a number below the count of slots, and each slot is one target.
import type { Target } from '../front-end.ts'

/** Beyond this count of slots, weights are rounded. */
const exactSlots = 64
/** Slots for each target where weights are rounded: a share is off by at most an eighth of the smallest even one. */
const slotsPerTarget = 4

/**
 * Gives each target as many slots as its weight asks for. Equal weights are exact for any number of targets; other
 * weights are exact if their smallest whole ratio needs at most 64 slots, and rounded by largest remainder else. Each
 * target has at least one slot.
 */
export function slotsOf (targets: readonly Target[]): readonly Target[] {
  const divisor = targets.reduce((common, { weight }) => gcd(common, weight), 0)
  if (divisor === 0) return targets
  const shares = targets.map(({ weight }) => weight / divisor)
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (total === targets.length) return targets
  const counts = total <= exactSlots ? shares : rounded(shares, total)
  return targets.flatMap((target, index) => Array.from({ length: counts[index] ?? 0 }, () => target))
}

/** Largest remainder, over a power of two of slots. */
function rounded (shares: readonly number[], total: number): number[] {
  const slots = 2 ** Math.ceil(Math.log2(shares.length * slotsPerTarget))
  const counts = shares.map((share) => Math.max(1, Math.floor(share / total * slots)))
  const byRemainder = shares.map((share, index) => ({ index, remainder: share / total * slots % 1 }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
  let left = slots - counts.reduce((sum, count) => sum + count, 0)
  for (const { index } of byRemainder) if (left-- > 0) counts[index] = (counts[index] ?? 0) + 1
  return counts
}

function gcd (a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
