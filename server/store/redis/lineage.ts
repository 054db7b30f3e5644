// Which terms a node has seen and which a Redis has: each may have begun without the other, on two copies of one that is gone.
import type { Snapshot } from '../store.ts'

/** The void ranges of a keyspace, oldest first: each ends where a term began, and no two terms begin at one revision (scripts/term). */
export type Lineage = Snapshot['lost']

/** Where two histories part. */
export interface Parting {
  /** The last revision of both; what the node saw after it may be lost. */
  readonly base: number
  /** The terms that Redis has and the node has not. */
  readonly begun: Lineage
  /** The node was in a term that Redis never had: nothing that it saw after the base is of that Redis' history. */
  readonly isApart: boolean
}

/** undefined = they are of one history, as far as both sides remember it. */
export function partingOf (seen: Lineage, found: Lineage): Parting | undefined {
  const begun = without(found, seen)
  const gone = without(seen, found)
  const bases = [...begun, ...gone].map(({ after }) => after)
  return bases.length === 0 ? undefined : { base: Math.min(...bases), begun, isApart: gone.length > 0 }
}

function without (ranges: Lineage, others: Lineage): Lineage {
  // A keyspace keeps the newest ranges, and makes one from 0 of all before: what of that is among the others is not known.
  const [first] = others
  const oldest = first?.after === 0 ? first.until : 0
  return ranges.filter(({ until }) => until >= oldest && !others.some((other) => other.until === until))
}
