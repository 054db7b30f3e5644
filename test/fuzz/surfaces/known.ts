// What is known to be wrong, until it is mended. The list must become empty: the test fails when an entry does not show
// any more.
import type { Operation } from './operations.ts'
import type { Disagreement } from './comparison.ts'

export interface Known {
  readonly title: string
  /** Which section of which issue asks for the mend. */
  readonly issue: string
  /** The shortest list that shows it, on SQLite. */
  readonly shows: readonly Operation[]
  readonly is: (disagreement: Disagreement) => boolean
  /** It shows at the end of a run: when what was read is applied. */
  readonly again?: true
}

/** Empty: every disagreement that was found is mended. */
export const known: readonly Known[] = []

/** @param but an entry that is looked for */
export function isKnown (disagreement: Disagreement, but?: Known): boolean {
  return known.some((entry) => entry !== but && entry.is(disagreement))
}
