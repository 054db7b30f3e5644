// What changed lately: as far back as this node remembers, and beyond that as far as the store's log goes.
import { RegistryError } from '../../errors.ts'
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { AppliedChange } from '../feed/change-ring.ts'
import type { Sight } from '../sight.ts'
import { changedObjectKind } from '../services/manifests.ts'
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
  /** The store is away: there may be older ones, which only its log has. */
  readonly isCut?: true
}

/** Entries of the log that are read at once, and for one page at most: a filter that hardly anything fits gets a short page, and goes on. */
const readAtOnce = 500
const readAtMost = 10_000

/** Events of the registry's own bookkeeping (claims, secrets) are left out. A promise only where the store's log has to be read. */
export function eventsOf (feed: Feed, query: EventQuery): EventPage | Promise<EventPage> {
  const page = rememberedEvents(feed, query)
  return page.next === undefined ? olderEvents(feed, query, page) : page
}

function rememberedEvents (feed: Feed, query: EventQuery): EventPage {
  const { before = Infinity, limit } = query
  const changes: AppliedChange[] = []
  for (const change of feed.history()) {
    if (change.revision >= before || !fits(query, change)) continue
    if (changes.length === limit) return { changes, next: changes.at(-1)?.revision }
    changes.push(change)
  }
  return { changes, next: undefined }
}

async function olderEvents (feed: Feed, query: EventQuery, page: EventPage): Promise<EventPage> {
  const changes = [...page.changes]
  let { before = Infinity } = query
  try {
    for (let read = 0; read < readAtMost; read += readAtOnce) {
      const older = await feed.olderHistory(before, readAtOnce)
      if (older.oldest === undefined) return { changes, next: undefined }
      for (const change of older.changes) {
        if (!fits(query, change)) continue
        if (changes.length === query.limit) return { changes, next: changes.at(-1)?.revision }
        changes.push(change)
      }
      before = older.oldest
    }
    return { changes, next: before }
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return { changes, next: undefined, isCut: true } // what this node remembers is told all the same
  }
}

function fits ({ namespace, service, id, reason, sight }: EventQuery, change: AppliedChange): boolean {
  const { target } = change
  return isTold(change) && (sight === undefined || isSeen(sight, change)) && (namespace === undefined || target.namespace === namespace) &&
    (service === undefined || target.service === service) &&
    (id === undefined || target.id === id) &&
    (reason === undefined || change.reason === reason)
}

/** Of the registry's own bookkeeping nothing is told: of claims and secrets, and of what it says itself of an object. */
export function isTold ({ kind, reason, notice }: AppliedChange): boolean {
  if (kind === 'notice') return notice !== undefined // its end is no news
  return kind !== 'claim' && kind !== 'secret' && (reason !== 'updated' || changedObjectKind(kind) === undefined)
}

/** A change of a policy is seen by those who see everything. */
function isSeen (sight: Sight, { kind, target: { namespace, service } }: AppliedChange): boolean {
  if (kind === 'policy') return sight.whole('*')
  if (kind === 'ingressclass') return true
  return service === '' ? sight.namespace(namespace) : sight.service(namespace, service)
}
