// Ages as the API server writes them into tables.

const [second, minute, hour, day, year] = [1_000, 60_000, 3_600_000, 86_400_000, 365 * 86_400_000]

/** @example ageText(95_000) // '95s'; '5m', '3h20m', '2d4h', '400d', '3y' */
export function ageText (elapsedMs: number): string {
  if (elapsedMs < -second) return '<invalid>'
  const elapsed = Math.max(0, elapsedMs)
  const whole = (unit: number): number => Math.floor(elapsed / unit)
  const two = (unit: number, letter: string, smaller: number, smallerLetter: string): string => {
    const rest = Math.floor((elapsed % unit) / smaller)
    return rest === 0 ? `${whole(unit)}${letter}` : `${whole(unit)}${letter}${rest}${smallerLetter}`
  }
  if (elapsed < 2 * minute) return `${whole(second)}s`
  if (elapsed < 10 * minute) return two(minute, 'm', second, 's')
  if (elapsed < 3 * hour) return `${whole(minute)}m`
  if (elapsed < 8 * hour) return two(hour, 'h', minute, 'm')
  if (elapsed < 2 * day) return `${whole(hour)}h`
  if (elapsed < 8 * day) return two(day, 'd', hour, 'h')
  if (elapsed < 2 * year) return `${whole(day)}d`
  if (elapsed < 8 * year) return two(year, 'y', day, 'd')
  return `${whole(year)}y`
}
