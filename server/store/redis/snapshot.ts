// Reads the whole keyspace without stopping Redis: a scan in pieces, then the log from where the scan began.
import type { Redis } from 'ioredis'
import { type Change, type Floors, type InstanceRecord, type LogPlace, type ObjectRecord, type Snapshot, subjectOf } from '../store.ts'
import { Slice } from '../../slice.ts'
import type { Keys } from './keys.ts'
import type { View } from './pending.ts'
import { parseEntry, parseInstance, parseObject, parseVoid, type RawEntry } from './records.ts'

/** Elements per HSCAN: about 1.4 ms of Redis' time (HGETALL of 100,000 would take 66 ms in one piece). */
const scanCount = 1_000
/** Entries per XREAD. */
export const readCount = 1_000
/** History for events and resumed watches, handed over with a snapshot. */
const recentCount = 1_000
/** Records that are touched between two looks at the clock. */
const touchesPerLook = 64

/** Sends one command within the session: rejects as soon as the session is over. */
export type Ask = (send: (client: Redis) => Promise<unknown>) => Promise<unknown>

/** Where everything is raised to: the revision up to which the log is read, and the floors from there on. */
export interface Raised {
  readonly revision: number
  readonly floors: Floors
}

/**
 * The keyspace, or undefined if the log was trimmed or a term began meanwhile: read again.
 * @param raise called between the scan and the log, so that what is raised is exactly what was read
 */
export async function readSnapshot (
  ask: Ask, keys: Keys, epoch: string, raise: () => Promise<Raised>
): Promise<{ snapshot: Snapshot, view: View } | undefined> {
  const start = await readNumber(ask, keys.meta, 'rev')
  const instances = new Map<string, InstanceRecord>()
  const leases = new Map<string, string>()
  const objects = new Map<string, ObjectRecord>()
  const keyless = new Set<string>()
  const rivals = new Map<string, InstanceRecord[]>()
  await scan(ask, 'HSCAN', keys.inst, (page) => {
    for (let i = 0; i + 1 < page.length; i += 2) {
      const record = parseInstance(page[i] ?? '', page[i + 1] ?? '', false)
      if (record.key === '') { // it cannot be read: it competes with no other record
        instances.set(record.lease, record)
        keyless.add(record.lease)
        continue
      }
      // A life that was replaced after the scan had seen it: the scan may show both.
      const rival = leases.get(record.key)
      if (rival !== undefined && rival !== record.lease) {
        rivals.set(record.key, [...rivals.get(record.key) ?? [], record, ...[instances.get(rival)].flatMap((known) => known ?? [])])
        if ((instances.get(rival)?.revision ?? 0) > record.revision) continue
        instances.delete(rival)
      }
      instances.set(record.lease, record)
      leases.set(record.key, record.lease)
    }
  })
  await scan(ask, 'SSCAN', keys.sus, (page) => { for (const lease of page) suspect(instances, lease, true) })
  await scan(ask, 'HSCAN', keys.obj, (page) => {
    for (let i = 0; i + 1 < page.length; i += 2) objects.set(page[i] ?? '', parseObject(page[i] ?? '', page[i + 1] ?? ''))
  })
  await settleRivals(ask, keys.idx, rivals, instances, leases)
  if (keyless.size > 0) await findKeys(ask, keys.idx, keyless, instances)
  const shown = new Map<string, number>()
  await scan(ask, 'HSCAN', keys.shown, (page) => {
    for (let i = 0; i + 1 < page.length; i += 2) shown.set(page[i] ?? '', Number(page[i + 1]))
  })
  const slice = new Slice()
  let seen = 0
  for (const [lease, shownRevision] of shown) {
    touch(instances, lease, shownRevision)
    if (++seen % touchesPerLook === 0 && slice.isOver()) await slice.next()
  }
  const { revision: end, floors } = await raise()

  let revision = start
  while (revision < end) {
    const entries = entriesOf(await ask((client) => client.call('XREAD', 'COUNT', readCount, 'STREAMS', keys.log, `${revision}-0`)))
    if (entries.length === 0) return undefined
    for (const entry of entries) {
      const change = parseEntry(entry)
      if (change.type === 'break' || change.revision !== revision + 1) return undefined
      replay(change, instances, leases, objects)
      revision = change.revision
    }
  }
  const ranges = await ask((client) => client.hget(keys.meta, 'void'))
  return {
    snapshot: {
      epoch,
      revision,
      floors,
      lost: typeof ranges === 'string' ? parseVoid(ranges) : [],
      instances: { [Symbol.iterator]: () => instances.values() },
      objects: { [Symbol.iterator]: () => objects.values() },
      recent: await readRecent(ask, keys.log, revision)
    },
    view: { instance: (lease) => instances.get(lease), object: (key) => objects.get(key) }
  }
}

/** Of several lives under one key the index knows which is registered; what a scan met of the others is on its way out, or another hand's. */
async function settleRivals (
  ask: Ask, index: string, rivals: ReadonlyMap<string, readonly InstanceRecord[]>, instances: Map<string, InstanceRecord>, leases: Map<string, string>
): Promise<void> {
  for (const [key, records] of rivals) {
    const lease = await ask((client) => client.hget(index, key))
    const registered = records.find((record) => record.lease === lease)
    if (registered === undefined) continue // it changed since: the log says how
    for (const record of records) instances.delete(record.lease)
    instances.set(registered.lease, registered)
    leases.set(key, registered.lease)
  }
}

/** Whose records cannot be read: the index still says under which key they are registered. Costs a scan of it, if there are such records. */
async function findKeys (ask: Ask, index: string, keyless: ReadonlySet<string>, instances: Map<string, InstanceRecord>): Promise<void> {
  await scan(ask, 'HSCAN', index, (page) => {
    for (let i = 0; i + 1 < page.length; i += 2) {
      const lease = page[i + 1] ?? ''
      const record = keyless.has(lease) ? instances.get(lease) : undefined
      if (record !== undefined) instances.set(lease, { ...record, key: page[i] ?? '' })
    }
  })
}

/** The scan may have seen any state since its start: an entry counts only if it is not older than the record. */
function replay (change: Change, instances: Map<string, InstanceRecord>, leases: Map<string, string>, objects: Map<string, ObjectRecord>): void {
  switch (change.type) {
    case 'put': {
      const { record } = change
      const known = instances.get(record.lease)
      if (known !== undefined && known.revision > record.revision) return
      const before = leases.get(record.key)
      if (before !== undefined && before !== record.lease) instances.delete(before)
      instances.set(record.lease, record)
      leases.set(record.key, record.lease)
      return
    }
    case 'delete':
      instances.delete(change.lease)
      if (leases.get(change.key) === change.lease) leases.delete(change.key)
      return
    case 'suspect':
    case 'trusted':
      if ((instances.get(change.lease)?.revision ?? Infinity) < change.revision) suspect(instances, change.lease, change.type === 'suspect')
      touch(instances, change.lease, change.revision)
      return
    case 'put-object':
      if ((objects.get(change.object.key)?.revision ?? 0) <= change.revision) objects.set(change.object.key, change.object)
      touchSubject(change.object.key)
      return
    case 'delete-object':
      if ((objects.get(change.key)?.revision ?? Infinity) < change.revision) objects.delete(change.key)
      touchSubject(change.key)
      return
    case 'raise':
  }

  function touchSubject (objectKey: string): void {
    const key = subjectOf(objectKey)
    const lease = key === undefined ? undefined : leases.get(key)
    if (lease !== undefined) touch(instances, lease, change.revision)
  }
}

function touch (instances: Map<string, InstanceRecord>, lease: string, revision: number): void {
  const record = instances.get(lease)
  if (record !== undefined && record.shownRevision < revision) instances.set(lease, { ...record, shownRevision: revision })
}

function suspect (instances: Map<string, InstanceRecord>, lease: string, is: boolean): void {
  const record = instances.get(lease)
  if (record !== undefined && record.suspect !== is) instances.set(lease, { ...record, suspect: is })
}

/** The newest entries up to a revision, dense, oldest first. */
async function readRecent (ask: Ask, log: string, revision: number): Promise<Change[]> {
  const reply = await ask((client) => client.call('XREVRANGE', log, `${revision}-0`, '-', 'COUNT', recentCount))
  const recent: Change[] = []
  for (const entry of reply as RawEntry[]) { // XREVRANGE gives entries
    const change = parseEntry(entry)
    if (change.type === 'break' || change.revision !== revision - recent.length) break
    recent.push(change)
  }
  return recent.reverse()
}

/** Entries of the log behind a revision, oldest first, or before one, newest first; the beginnings of terms among them are left out. */
export async function readLog (ask: Ask, log: string, from: LogPlace, limit: number): Promise<Change[]> {
  const reply = await ask((client) => ('after' in from
    ? client.call('XRANGE', log, `(${from.after}-0`, '+', 'COUNT', limit)
    : client.call('XREVRANGE', log, `(${from.before}-0`, '-', 'COUNT', limit)))
  return (reply as RawEntry[]).map(parseEntry).filter((change) => change.type !== 'break') // both give entries
}

/** The revision of the newest entry, 0 = the log is empty, Infinity = another hand's, with which nobody can count. */
export async function lastLogged (ask: Ask, log: string): Promise<number> {
  const [entry] = await ask((client) => client.call('XREVRANGE', log, '+', '-', 'COUNT', 1)) as RawEntry[] // XREVRANGE gives entries
  const revision = entry === undefined ? 0 : Number.parseInt(entry[0], 10)
  return Number.isSafeInteger(revision) ? revision : Infinity
}

/** The entries in a reply of XREAD on one stream. */
export function entriesOf (reply: unknown): readonly RawEntry[] {
  if (reply === null) return []
  const [stream] = reply as [[name: string, entries: RawEntry[]]] // XREAD on one stream gives one
  return stream[1]
}

async function scan (ask: Ask, command: 'HSCAN' | 'SSCAN', key: string, take: (page: string[]) => void): Promise<void> {
  // Both give [cursor, page]; a page of HSCAN is flat. The next one is asked for before this one is read.
  const ahead = (cursor: string): Promise<unknown> => ask((client) => client.call(command, key, cursor, 'COUNT', scanCount))
  let coming: Promise<unknown> | undefined = ahead('0')
  while (coming !== undefined) {
    const [next, page] = await coming as [string, string[]]
    coming = next === '0' ? undefined : ahead(next)
    coming?.catch(() => undefined) // it is waited for in its turn, unless this page cannot be read
    take(page)
  }
}

async function readNumber (ask: Ask, key: string, field: string): Promise<number> {
  return Number(await ask((client) => client.hget(key, field)) ?? 0)
}
