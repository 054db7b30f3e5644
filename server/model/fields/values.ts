// Objects seen through the types of their fields: which fields one has, what differs between two, what an apply makes
// of
// two, and what is left when fields are taken out. Pure functions of JSON values; nothing is changed in place.
import { isDeepStrictEqual } from 'node:util'
import { FieldSet, type Path } from './field-set.ts'
import { type FieldType, type ListType, type MapType, type StructType, memberType } from './field-type.ts'

export type Members = Readonly<Record<string, unknown>>

/** A value that its type does not fit: which field, and why. */
export class FieldTypeError extends Error {
  override readonly name = 'FieldTypeError'
  readonly path: Path

  constructor (path: Path, message: string) {
    super(message)
    this.path = path
  }
}

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

export function isMembers (value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of an object but some. */
export function withoutMembers (value: Members, ...names: readonly string[]): Members {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)))
}

/** Whether an object has more than so many fields that are owned one by one. It looks at no more of them. */
export function hasMoreFields (value: unknown, type: FieldType, most: number): boolean {
  let count = 0
  const look = (part: unknown, of: FieldType | undefined): void => {
    if (++count > most) return
    const own = divisible(of)
    if (own?.shape === 'list' && Array.isArray(part)) {
      for (const item of part) if (count <= most) look(item, own.of)
    } else if (own !== undefined && own.shape !== 'list' && isMembers(part)) {
      for (const [name, member] of Object.entries(part)) if (count <= most) look(member, memberType(own, name))
    }
  }
  look(value, type)
  return count > most
}

/** The fields that are set: leaves, items of merged lists, and keys of maps. */
export function fieldsOf (value: unknown, type: FieldType): FieldSet {
  const set = new FieldSet()
  collect(value, type, [], set)
  return set
}

function collect (value: unknown, of: FieldType | undefined, path: Path, set: FieldSet): void {
  const type = divisible(of)
  if (type === undefined) return set.insert(path)
  if (type.shape === 'list') {
    for (const [step, item] of itemsOf(value, type, path)) {
      collect(item, type.of, [...path, step], set)
      set.insert([...path, step])
    }
    return
  }
  if (value === null || !isMembers(value)) return set.insert(path)
  for (const [name, member] of Object.entries(value)) {
    const inner = [...path, `f:${name}`]
    collect(member, memberType(type, name), inner, set)
    if (member === null || (isMembers(member) && Object.keys(member).length === 0)) set.insert(inner)
  }
}

/** What became of an object. */
export function compared (before: unknown, after: unknown, type: FieldType): Comparison {
  const comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() }
  compareInto(before, after, type, [], comparison)
  return comparison
}

function compareInto (before: unknown, after: unknown, of: FieldType | undefined, path: Path, into: Comparison): void {
  const type = divisible(of)
  if (before === undefined && after === undefined) return
  if (before === undefined) into.added.insert(path)
  if (after === undefined) into.removed.insert(path)
  if (type === undefined || (isHollow(before) && isHollow(after))) {
    if (before !== undefined && after !== undefined && !isDeepStrictEqual(before, after)) into.modified.insert(path)
    return
  }
  if (type.shape === 'list') {
    const [ours, theirs] = [new Map(itemsOf(before, type, path)), new Map(itemsOf(after, type, path))]
    for (const step of new Set([...ours.keys(), ...theirs.keys()])) {
      compareInto(ours.get(step), theirs.get(step), type.of, [...path, step], into)
    }
    return
  }
  const [ours, theirs] = [membersOf(before), membersOf(after)]
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    compareInto(ours.get(name), theirs.get(name), memberType(type, name), [...path, `f:${name}`], into)
  }
}

/**
 * What an apply makes of a live object and a configuration: fields of the configuration win, items of merged lists are
 * merged by their keys, in the order of the configuration.
 * @throws FieldTypeError for an item without its keys, or one that is there twice
 */
export function merged (live: unknown, config: unknown, of: FieldType | undefined, path: Path = []): unknown {
  const type = divisible(of)
  if (config === undefined) return live
  if (live === undefined || live === null || config === null || type === undefined) return config
  if (type.shape === 'list') {
    if (!Array.isArray(live) || !Array.isArray(config)) return config
    return mergedList(live, config, type, path)
  }
  if (!isMembers(live) || !isMembers(config)) return config
  const result = membersOf(live)
  for (const [name, member] of Object.entries(config)) {
    result.set(name, merged(result.get(name), member, memberType(type, name), [...path, `f:${name}`]))
  }
  return Object.fromEntries(result)
}

function mergedList (live: readonly unknown[], config: readonly unknown[], type: ListType, path: Path): unknown[] {
  const ours = new Map(itemsOf(live, type, path))
  const theirs = new Map<string, unknown>()
  for (const [step, item] of itemsOf(config, type, path)) {
    if (theirs.has(step)) throw new FieldTypeError(path, `duplicate entries for key ${keyText(step)}`)
    theirs.set(step, merged(ours.get(step), item, type.of, [...path, step]))
  }
  // An item that only the live object has keeps its place behind the item that it followed.
  const result: unknown[] = []
  const waiting = [...theirs.keys()]
  let next = 0
  const shared = new Set(waiting.filter((step) => ours.has(step)))
  for (const [step, item] of ours) {
    if (!theirs.has(step)) {
      result.push(item)
      continue
    }
    if (!shared.has(step)) continue // it came already, with an earlier one
    for (let come = ''; come !== step; next++) {
      come = waiting[next] ?? step
      shared.delete(come)
      result.push(theirs.get(come))
    }
  }
  return [...result, ...waiting.slice(next).map((step) => theirs.get(step))]
}

/** The value without some of its fields; undefined = nothing is left. */
export function withoutFields (value: unknown, fields: FieldSet, of: FieldType | undefined): unknown {
  const type = divisible(of)
  if (type === undefined || fields.isEmpty) return value
  if (type.shape === 'list') {
    if (!Array.isArray(value)) return value
    const left = itemsOf(value, type, []).flatMap(([step, item]): unknown[] => {
      if (fields.members.has(step)) return []
      const within = fields.children.get(step)
      return [within === undefined ? item : withoutFields(item, within, type.of) ?? {}]
    })
    return left.length === 0 ? undefined : left
  }
  if (!isMembers(value)) return value
  const left = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    const step = `f:${name}`
    if (fields.members.has(step)) return []
    const within = fields.children.get(step)
    const rest = within === undefined ? member : withoutFields(member, within, memberType(type, name))
    return rest === undefined ? [] : [[name, rest]]
  })
  return left.length === 0 ? undefined : Object.fromEntries(left)
}

/** Items of a list that is merged, with the step that names each. Of two with the same key the last one counts. */
function itemsOf (value: unknown, type: ListType, path: Path): [string, unknown][] {
  if (!Array.isArray(value)) return []
  return value.map((item: unknown): [string, unknown] => [stepOf(item, type, path), item])
}

function stepOf (item: unknown, { merge, of }: ListType, path: Path): string {
  if (!Array.isArray(merge)) {
    const what = isMembers(item) || Array.isArray(item) ? 'a map type' : item === null ? 'an explicit null' : undefined
    const message = `associative list without keys has an element that's ${what}`
    if (what !== undefined) throw new FieldTypeError(path, message)
    return `v:${JSON.stringify(item)}`
  }
  if (item === null) throw new FieldTypeError(path, 'associative list with keys may not have a null element')
  if (!isMembers(item)) throw new FieldTypeError(path, 'associative list with keys may not have non-map elements')
  const keys = merge.flatMap((name: string): [string, unknown][] => {
    const value = item[name] ?? (of.shape === 'struct' ? of.fields.get(name)?.fallback : undefined)
    return value === undefined ? [] : [[name, value]]
  })
  if (keys.length === 0) {
    const names = `[${merge.map((name: string) => JSON.stringify(name)).join(' ')}]`
    const without = `omits all key fields ${names} (and doesn't have default values for any key fields)`
    throw new FieldTypeError(path, `associative list with keys has an element that ${without}`)
  }
  return `k:${JSON.stringify(Object.fromEntries(keys))}`
}

function keyText (step: string): string {
  const key = JSON.parse(step.slice(2)) as unknown // written by stepOf
  if (!isMembers(key)) return `[=${JSON.stringify(key)}]`
  return `[${Object.entries(key).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
}

function membersOf (value: unknown): Map<string, unknown> {
  return new Map(isMembers(value) ? Object.entries(value) : [])
}

/** A type whose parts are owned one by one; undefined = one value: a scalar, or what is replaced as a whole. */
function divisible (type: FieldType | undefined): ListType | MapType | StructType | undefined {
  switch (type?.shape) {
    case 'list': return type.merge === 'atomic' ? undefined : type
    case 'struct': case 'map': return type.atomic ? undefined : type
    default: return undefined
  }
}

/** Nothing is within it. */
function isHollow (value: unknown): boolean {
  if (value === undefined || value === null) return true
  return Array.isArray(value) ? value.length === 0 : isMembers(value) && Object.keys(value).length === 0
}
