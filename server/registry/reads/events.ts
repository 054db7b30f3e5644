// What changed lately, as far back as this node remembers.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { Sight } from '../sight.ts'
import type { Feed } from '../feed/feed.ts'

export interface EventQuery {
  readonly namespace?: string | undefined
  readonly service?: string | undefined
  readonly id?: string | undefined
  readonly reason?: Reason | undefined
  /** Only what is older than this revision. */
  readonly before?: number | undefined
  readonly limit: number
  /** Absent = everything is seen. */
  readonly sight?: Sight | undefined
}

export interface EventPage {
  /** Newest first. */
  readonly changes: readonly AppliedChange[]
  /** The revision before which the next page begins; undefined = there is none. */
  readonly next: number | undefined
}

/** Events of the registry's own bookkeeping (claims, secrets) are left out. */
export function eventsOf (feed: Feed, query: EventQuery): EventPage {
  const { before = Infinity, limit } = query
  const changes: AppliedChange[] = []
  for (const change of feed.history()) {
    if (change.revision >= before || !fits(query, change)) continue
    if (changes.length === limit) return { changes, next: changes.at(-1)?.revision }
    changes.push(change)
  }
  return { changes, next: undefined }
}

function fits ({ namespace, service, id, reason, sight }: EventQuery, change: AppliedChange): boolean {
  const { target, kind } = change
  return kind !== 'claim' && kind !== 'secret' && (sight === undefined || isSeen(sight, change)) && (namespace === undefined || target.namespace === namespace) &&
    (service === undefined || target.service === service) &&
    (id === undefined || target.id === id) &&
    (reason === undefined || change.reason === reason)
}

/** A change of a policy is seen by those who see everything. */
function isSeen (sight: Sight, { kind, target: { namespace, service } }: AppliedChange): boolean {
  if (kind === 'policy') return sight.whole('*')
  return service === '' ? sight.namespace(namespace) : sight.service(namespace, service)
}
