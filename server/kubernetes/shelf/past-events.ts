// What happened to the objects of a kind before its shelf began, of the changes in memory and in the store's log: a
// watch from before a restart, or from another node, goes on with it. Not every step is told, but what became of each
// object that may have changed: its form when the shelf began, or its end. So who has an event has everything before
// it, as in the ring.
import type { AppliedChange, Feed } from '../../registry/core.ts'
import { inSlices } from '../../slice.ts'
import { type Entry, type ShelfEvent, withRevision } from './entry.ts'
import { maxEvents } from './event-ring.ts'
import type { Gone, Source } from './source.ts'

/**
 * The changes after a revision, up to another one, oldest first. undefined = the log has not all, or it is more than a
 * ring holds.
 */
export async function changesBetween (
  resume: Feed['resume'], after: number, until: number
): Promise<readonly AppliedChange[] | undefined> {
  const missed = resume({ epoch: undefined, revision: after })
  if (typeof missed === 'string') return undefined
  const newest = missed.changes.filter(({ revision }) => revision <= until)
  const { readOlder } = missed
  if (newest.length > maxEvents || readOlder === undefined) return newest.length > maxEvents ? undefined : newest
  const older: AppliedChange[] = []
  const isWhole = await new Promise<boolean>((resolve) => {
    const giveUp = readOlder((change) => {
      if (change.revision > until) return
      older.push(change)
      if (older.length + newest.length <= maxEvents) return
      giveUp()
      resolve(false)
    }, resolve)
  })
  return isWhole ? [...older, ...newest] : undefined
}

export interface PastOptions {
  readonly source: Source
  /** Those after a revision, up to where the events begin. */
  readonly changes: readonly AppliedChange[]
  readonly after: number
  /** What is known. */
  readonly events: readonly ShelfEvent[]
  /** What is there of a unit: the same list as long as it does not change. */
  readonly entriesOf: (unit: string) => readonly Entry[]
  /** Nothing of it has changed that is not told yet. */
  readonly isSettled: (unit: string) => boolean
}

/** The events of before, in order, and the revision that they begin after: behind what nobody knows. */
export async function pastEvents ({ source, changes, after, events, entriesOf, isSettled }: PastOptions): Promise<{
  readonly events: readonly ShelfEvent[], readonly from: number
}> {
  const byUnit = new Map<string, AppliedChange[]>()
  for (const change of changes) {
    for (const unit of source.unitsOf(change)) {
      const own = byUnit.get(unit)
      if (own === undefined) byUnit.set(unit, [change])
      else own.push(change)
    }
  }
  // All of it as it is now, in one go: what changes meanwhile is told behind the events that are known.
  const later = laterChanges(events)
  const units = Array.from(byUnit, ([unit, own]) => ({ unit, own, now: entriesOf(unit) }))
  const made: ShelfEvent[] = []
  let from = after
  await inSlices((function * () {
    for (const { unit, own, now } of units) {
      const last = own.at(-1)?.revision ?? after
      const then = entriesThen(now, later.get(unit))
      const isSame = !later.has(unit) && now === entriesOf(unit) && isSettled(unit)
      const gone = source.gone?.(unit, own, then.known, isSame)
      if (gone === undefined) from = Math.max(from, last)
      for (const each of gone ?? []) made.push(vague('DELETED', endOf(each), unit))
      for (const entry of then.told) {
        const revision = entry.isOwn ? entry.revision : Math.max(entry.revision, last)
        if (revision > after) made.push(vague('MODIFIED', revised(entry, revision), unit))
      }
      yield
    }
  })())
  const told = made.filter(({ revision }) => revision > from)
  // First what went: another object may have its name.
  told.sort((a, b) => a.revision - b.revision || Number(b.type === 'DELETED') - Number(a.type === 'DELETED'))
  return { events: told, from }
}

/** By unit and object, the first of the events that are known. */
function laterChanges (events: readonly ShelfEvent[]): ReadonlyMap<string, ReadonlyMap<string, ShelfEvent>> {
  const later = new Map<string, Map<string, ShelfEvent>>()
  for (const event of events) {
    let own = later.get(event.unit)
    if (own === undefined) later.set(event.unit, own = new Map<string, ShelfEvent>())
    const key = keyOf(event.entry)
    if (!own.has(key)) own.set(key, event)
  }
  return later
}

/**
 * What was there of a unit when the events began: `known`, and of that what is told. What a vague event tells of is
 * told there, since it may be of a later form.
 */
function entriesThen (now: readonly Entry[], later: ReadonlyMap<string, ShelfEvent> | undefined): {
  readonly known: readonly Entry[], readonly told: readonly Entry[]
} {
  if (later === undefined) return { known: now, told: now }
  const kept = now.filter((entry) => !later.has(keyOf(entry)))
  const firsts = [...later.values()]
  const before = firsts.flatMap(({ previous }) => previous ?? [])
  const vague = firsts.flatMap(({ isVague, type, entry }) => (isVague === true && type !== 'DELETED' ? [entry] : []))
  return { known: [...kept, ...before, ...vague], told: [...kept, ...before] }
}

function vague (type: ShelfEvent['type'], entry: Entry, unit: string): ShelfEvent {
  return { revision: entry.revision, type, entry, previous: undefined, unit, isVague: true }
}

function revised (entry: Entry, revision: number): Entry {
  if (revision === entry.revision) return entry
  return { ...entry, revision, object: () => withRevision(entry, revision) }
}

function endOf (gone: Gone): Entry {
  const { namespace, name, uid, revision } = gone
  const own = { object: () => gone.object(revision) }
  return {
    namespace, name, uid, revision, isOwn: true, mark: undefined, isSeen: (sight) => gone.isSeen(sight),
    object: () => withRevision(own, revision)
  }
}

function keyOf ({ namespace, name }: Pick<Entry, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}
