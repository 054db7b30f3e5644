// Who manages which fields of an object: what an update or a server-side apply makes of it, as Kubernetes does.
// An update takes the fields that it changes from all others. An apply owns what its configuration names; it may change
// what another manager owns only with force, and takes out what it named last time, names no more and nobody else owns.
import type { ManagedFieldsEntry } from './managed-fields.ts'
import { FieldSet, fromFieldsV1, type Path, setOf } from './field-set.ts'
import type { FieldType, StructType } from './field-type.ts'
import { compared, fieldsOf, hasMoreFields, isMembers, type Members, merged, withoutFields } from './values.ts'

/** Updates by so many managers are told apart; the older ones are one, as in Kubernetes. */
export const maxUpdateManagers = 10
const ancientManager = 'ancient-changes'
/**
 * Fields of one object that are owned one by one. A service of a hundred ports has a thousand; comparing and writing sets
 * of ten times as many takes seconds.
 */
export const maxOwnedFields = 5_000
/** Who set what was there before the first apply. */
export const beforeFirstApply = 'before-first-apply'

/** What every object has and nobody owns. */
const ofEveryObject =
  ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'generation', 'managedFields', 'resourceVersion']
const unowned =
  setOf([['f:apiVersion'], ['f:kind'], ['f:metadata'], ...ofEveryObject.map((name) => ['f:metadata', `f:${name}`])])

export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  readonly subresource?: string | undefined
}

/** An object without its managed fields. */
export interface Managed {
  readonly object: Members
  readonly entries: readonly ManagedFieldsEntry[]
}

export interface FieldConflict {
  readonly owner: ManagedFieldsEntry
  readonly path: Path
}

export type Applied =
  | { readonly outcome: 'applied', readonly object: Members, readonly entries: readonly ManagedFieldsEntry[] }
  | { readonly outcome: 'conflict', readonly conflicts: readonly FieldConflict[] }

export interface ApplyTerms {
  /** What others manage is taken over. */
  readonly force: boolean
  /** As of an update. */
  readonly now: string
}

interface Owner {
  readonly entry: Omit<ManagedFieldsEntry, 'fieldsV1'>
  readonly set: FieldSet
}

/**
 * What is managed after an update; nothing where there are more than `maxOwnedFields`.
 * @param live undefined = the object is new
 * @param now of the entry that changed, `2026-01-02T03:04:05Z`
 */
export function afterUpdate (
  live: Managed | undefined, next: Members, type: StructType, writer: Writer, now: string
): readonly ManagedFieldsEntry[] {
  if (hasMoreFields(next, type, maxOwnedFields)) return []
  const { added, modified, removed } = compared(live?.object ?? hollow(type), next, type)
  const taken = ownable(added.union(modified), writer)
  const gone = taken.union(ownable(removed, writer))
  const self = { ...writerEntry(writer, 'Update'), time: now }
  const kept = ownersOf(live?.entries ?? []).map(({ entry, set }): Owner => ({ entry, set: set.difference(gone) }))
  const own = taken.difference(unowned)
  const before = kept.find(({ entry }) => identity(entry) === identity(self))
  const others = kept.filter((owner) => owner !== before)
  const all = before === undefined ? own : before.set.union(own)
  const owners = own.isEmpty ? kept : [...others, { entry: self, set: all }]
  return entriesOf(capped(owners))
}

/**
 * What a server-side apply makes of an object.
 * @throws FieldTypeError for items without their keys, or with the same ones
 */
export function afterApply (
  live: Managed | undefined, config: Members, type: StructType, writer: Writer, { force, now }: ApplyTerms
): Applied {
  const object = live?.object ?? hollow(type)
  const entries = live === undefined || live.entries.length > 0
    ? live?.entries ?? []
    : afterUpdate(undefined, live.object, type, { ...writer, manager: beforeFirstApply, subresource: undefined }, now)
  const self = writerEntry(writer, 'Apply')
  const owners = ownersOf(entries)
  const last = owners.find(({ entry }) => identity(entry) === identity(self))
  const others = owners.filter((owner) => owner !== last)
  const set = ownable(fieldsOf(config, type), writer)
  const joined = merged(live?.object ?? {}, config, type) as Members // both are objects
  const managed = others.reduce((all, owner) => all.union(owner.set), set)
  const next = last === undefined ? joined : pruned(joined, last.set, managed, type)
  const { added, modified, removed } = compared(object, next, type)
  const changed = ownable(added.union(modified), writer)
  if (!force) {
    const conflicts = others.flatMap(({ entry, set: theirs }) =>
      theirs.intersection(changed).paths().map((path): FieldConflict => ({ owner: { ...entry, fieldsV1: {} }, path })))
    if (conflicts.length > 0) return { outcome: 'conflict', conflicts }
  }
  const gone = changed.union(ownable(removed, writer))
  const own = set.difference(unowned)
  const isSame = last !== undefined && gone.isEmpty && isSameSet(last.set, own)
  const entry = { ...self, time: isSame ? last.entry.time ?? now : now }
  const left = others.map((owner): Owner => ({ entry: owner.entry, set: owner.set.difference(gone) }))
  return { outcome: 'applied', object: next, entries: entriesOf([...left, { entry, set: own }]) }
}

function isSameSet (a: FieldSet, b: FieldSet): boolean {
  return a.difference(b).isEmpty && b.difference(a).isEmpty
}

/**
 * The fields of a configuration that was applied on the client and that the object still has as they were: a
 * server-side apply by the same
 * tool may take them over.
 */
export function stillAsApplied (lastApplied: Members, object: Members, type: StructType): FieldSet {
  const { added, modified, removed } = compared(lastApplied, object, type)
  return fieldsOf(lastApplied, type).difference(added).difference(modified).difference(removed)
}

/** Entries that a client wrote; undefined = they are none, and those of the object stay. */
export function readEntries (value: unknown): readonly ManagedFieldsEntry[] | undefined {
  if (!Array.isArray(value)) return undefined
  const entries: ManagedFieldsEntry[] = []
  for (const entry of value as unknown[]) {
    if (!isMembers(entry)) return undefined
    const { manager = '', operation, apiVersion, time, fieldsType, fieldsV1 = {}, subresource } = entry
    if (typeof manager !== 'string' || (operation !== 'Apply' && operation !== 'Update')) return undefined
    if (typeof apiVersion !== 'string' || apiVersion === '') return undefined
    if (fieldsType !== 'FieldsV1' || !isMembers(fieldsV1) || fromFieldsV1(fieldsV1) === undefined) return undefined
    entries.push({
      manager, operation, apiVersion, fieldsType, fieldsV1,
      ...(typeof time === 'string' && !Number.isNaN(Date.parse(time)) ? { time } : {}),
      ...(typeof subresource === 'string' && subresource !== '' ? { subresource } : {})
    })
  }
  return entries
}

/**
 * Takes out what was named last time and is managed by nobody now. What it never named stays, though nobody manages
 * it.
 */
function pruned (joined: Members, lastSet: FieldSet, managedSet: FieldSet, type: StructType): Members {
  const all = withNamed(fieldsOf(joined, type), type)
  const last = withNamed(lastSet, type)
  const setOfRest = (fields: FieldSet): FieldSet =>
    withNamed(fieldsOf(withoutFields(joined, fields, type) ?? {}, type), type)
  const owned = setOfRest(last).union(withNamed(managedSet, type))
  const kept = setOfRest(all.difference(owned))
  // Something is left: its kind and its name were never owned.
  return withoutFields(joined, all.difference(kept).intersection(last), type) as Members
}

/** The set with each named field that has something of the set within it. */
function withNamed (set: FieldSet, type: FieldType | undefined): FieldSet {
  const result = new FieldSet()
  for (const step of set.members) result.members.add(step)
  for (const [step, child] of set.children) {
    const name = step.slice(2)
    const isField = step.startsWith('f:') && type?.shape === 'struct'
    if (isField && type.fields.has(name)) result.members.add(step)
    const item = type?.shape === 'list' || type?.shape === 'map' ? type.of : undefined
    result.children.set(step, withNamed(child, isField ? type.fields.get(name)?.type : item))
  }
  return result
}

/** The status is the registry's, and through the subresource `status` everything else is. */
function ownable (set: FieldSet, { subresource }: Writer): FieldSet {
  const hidden = subresource === 'status' ? 'f:spec' : 'f:status'
  const result = new FieldSet()
  for (const step of set.members) if (step !== hidden) result.members.add(step)
  for (const [step, child] of set.children) if (step !== hidden) result.children.set(step, child)
  return result
}

/** What is there before anything was said: fields within these are set one by one. */
function hollow (type: StructType): Members {
  const names = ['metadata', 'spec', 'status'].filter((name) => type.fields.has(name))
  return Object.fromEntries(names.map((name) => [name, {}]))
}

function writerEntry ({ manager, apiVersion, subresource }: Writer, operation: 'Apply' | 'Update'): Owner['entry'] {
  const through = subresource === undefined ? {} : { subresource }
  return { manager: manager === '' ? 'unknown' : manager, operation, apiVersion, fieldsType: 'FieldsV1', ...through }
}

/** An applier is the same one in each version. */
function identity ({ manager, operation, apiVersion, subresource = '' }: Owner['entry']): string {
  return JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource])
}

function ownersOf (entries: readonly ManagedFieldsEntry[]): Owner[] {
  const owners = new Map<string, Owner>()
  for (const { fieldsV1, ...entry } of entries) {
    const key = identity(entry)
    const set = fromFieldsV1(fieldsV1) ?? new FieldSet()
    const twin = owners.get(key)
    owners.set(key, { entry, set: twin === undefined ? set : twin.set.union(set) })
  }
  return [...owners.values()]
}

function entriesOf (owners: readonly Owner[]): readonly ManagedFieldsEntry[] {
  return owners.filter(({ set }) => !set.isEmpty)
    .map(({ entry, set }): ManagedFieldsEntry => ({ ...entry, fieldsV1: set.toFieldsV1() }))
    .sort((a, b) => compareTexts(orderOf(a), orderOf(b)))
}

/** Kubernetes' order: by operation, time, and who it is. */
function orderOf (entry: Owner['entry']): string {
  return JSON.stringify([entry.operation, entry.time ?? '', identity(entry)])
}

/** Makes one of the oldest updates where there are too many of them. */
function capped (owners: readonly Owner[]): readonly Owner[] {
  const updates = owners.filter(({ entry, set }) => entry.operation === 'Update' && !set.isEmpty)
    .sort((a, b) => compareTexts(a.entry.time ?? '', b.entry.time ?? ''))
  const old = updates.slice(0, updates.length > maxUpdateManagers ? updates.length - maxUpdateManagers + 1 : 0)
  const newest = old.at(-1)
  if (newest === undefined) return owners
  const { operation, apiVersion, time, fieldsType } = newest.entry
  const entry = { manager: ancientManager, operation, apiVersion, ...(time === undefined ? {} : { time }), fieldsType }
  const ancient: Owner = { entry, set: old.reduce((all, { set }) => all.union(set), new FieldSet()) }
  return [ancient, ...owners.filter((owner) => !old.includes(owner))]
}

function compareTexts (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
