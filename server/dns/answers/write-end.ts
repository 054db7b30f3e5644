// The end of an answer: the records of the last name, or the SOA from where on there is nothing (RFC 6604 3).
import type { Zone } from '../names/zone.ts'
import type { Turn } from '../turn.ts'
import type { Records } from '../wire/record-set.ts'

/** What of a name comes to an end with the records of a zone of ours. */
export type Answerable = Records | 'no-such-name' | 'no-such-records'

/**
 * @param nameEnd where the last name ends in the message
 * @param revision the serial of the zone
 */
export function writeEnd (turn: Turn, plan: Answerable, zone: Zone, nameEnd: number, revision: number, random: () => number): void {
  turn.zone = zone
  if (typeof plan === 'object') plan.write(turn.writer, random)
  else zone.writeNegativeSoa(turn.writer, nameEnd, revision)
}
