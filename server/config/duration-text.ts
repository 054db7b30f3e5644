// Durations as settings and flags have them. A file of its own: the commands need no other kind of value, and load no other.
import { parseDuration } from '../model/duration.ts'
import { RuleError } from './rule-error.ts'

export const durationRule = 'must be a duration with its unit, like 500ms, 15s, 2m, 24h or 7d'

/** Milliseconds of `500ms`, `15s`, `1.5m`, `24h`, `7d`. @throws RuleError */
export function readDuration (text: string): number {
  const milliseconds = parseDuration(text)
  if (milliseconds === undefined) throw new RuleError(durationRule)
  return milliseconds
}
