// Durations as people write them, in settings, queries, flags and annotations: a number and its unit.

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of `500ms`, `15s`, `1.5m`, `24h`, `7d`; undefined = it is no duration. A number without a unit is none:
 * half of all readers would guess wrong.
 */
export function parseDuration (text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  const unitMs = unitsMs[match[2] as keyof typeof unitsMs] // the expression allows no other
  const milliseconds = Math.round(Number(match[1]) * unitMs * 1_000) / 1_000
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined
}

/** The shortest text of a duration: 60000 -> `1m`. */
export function showDuration (milliseconds: number): string {
  return milliseconds === 0 ? '0s' : showInUnits(milliseconds, unitsMs)
}

/** A number in the largest unit that divides it. @param units factors, the smallest first */
export function showInUnits (value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, factor]) => value % factor === 0).at(-1)
  return fitting === undefined ? String(value) : `${value / fitting[1]}${fitting[0]}`
}
