// Strategic merge patch, as kubectl writes it and Kubernetes applies it. Objects are merged member by member, null
// removes.
// Lists are replaced, or merged by a key of their items (the type says which), and these directives say more:
//
//   "$patch": "replace" | "delete" | "merge"       in an object, or in an item of a list that is merged
//   "$retainKeys": [names]                         all other members of the object go
//   "$setElementOrder/LIST": [keys]                the order of the items of LIST
//   "$deleteFromPrimitiveList/LIST": [texts]       goes from a list of texts
//
// The time is linear in the object and the patch.
import {
  type FieldType, type ListType, memberType, type MapType, type StructType
} from '../../model/fields/field-type.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { goText } from './go-text.ts'
import { ItemIndex } from './item-index.ts'
import { badRequest, unprocessable } from './refusal.ts'

const directive = '$patch'
const retainKeys = '$retainKeys'
const orderPrefix = '$setElementOrder/'
const deletionPrefix = '$deleteFromPrimitiveList/'

/**
 * The object with the patch applied; the given one stays as it is.
 * @throws StatusError 400 for directives of a wrong form, 422 for a patch that does not fit the object
 */
export function strategicPatched (original: Members, patch: Members, type: StructType): Members {
  return mergeMembers(original, patch, type)
}

function mergeMembers (original: Members, patch: Members, type: FieldType | undefined): Members {
  const { [directive]: said, ...rest } = patch
  switch (said) {
    case undefined: case 'merge': break
    case 'replace': return cleaned(rest) as Members // an object again
    case 'delete': return {}
    default: throw unprocessable(`unknown patch type: ${goText(said)} in map: ${goText(patch)}`)
  }
  const result = new Map(Object.entries(original))
  retain(result, rest)
  const keyed = type?.shape === 'struct' || type?.shape === 'map' ? type : undefined
  for (const [name, value] of Object.entries(rest)) {
    if (name === retainKeys || name.startsWith(orderPrefix)) continue
    if (name.startsWith(deletionPrefix)) deleteTexts(result, name, value)
    else if (value === null) result.delete(name)
    else put(result, name, mergedMember(result.get(name), value, memberOf(keyed, name), rest[`${orderPrefix}${name}`]))
  }
  for (const [name, order] of Object.entries(rest)) {
    if (!name.startsWith(orderPrefix)) continue
    const list = name.slice(orderPrefix.length)
    reorder(result, list, order, { before: original[list], patch: rest[list], type: keyed })
  }
  return Object.fromEntries(result)
}

type Keyed = StructType | MapType | undefined

function memberOf (type: Keyed, name: string): FieldType | undefined {
  return type === undefined ? undefined : memberType(type, name)
}

function put (result: Map<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) result.delete(name)
  else result.set(name, value)
}

/** @param order what a directive says of it; undefined = it comes in the order of the patch */
function mergedMember (before: unknown, value: unknown, type: FieldType | undefined, order: unknown): unknown {
  if (isMembers(value) && isMembers(before)) return mergeMembers(before, value, type)
  const isMerged = type?.shape === 'list' && type.patchKey !== undefined
  if (!isMerged || !Array.isArray(value) || !Array.isArray(before)) return cleaned(value)
  return mergeList(before, value, type, order === undefined)
}

/** Only what is listed stays; what the patch sets must be. */
function retain (result: Map<string, unknown>, patch: Members): void {
  const listed = patch[retainKeys]
  if (listed === undefined) return
  if (!Array.isArray(listed)) throw badRequest('invalid patch format of retainKeys')
  const kept = new Set<unknown>(listed)
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || isOfPatch(name)) continue
    if (!kept.has(name)) throw badRequest('invalid patch format of retainKeys')
  }
  for (const name of result.keys()) if (!kept.has(name)) result.delete(name)
}

/** A directive, not a member. */
function isOfPatch (name: string): boolean {
  return name === retainKeys || name.startsWith(deletionPrefix) || name.startsWith(orderPrefix)
}

function deleteTexts (result: Map<string, unknown>, name: string, texts: unknown): void {
  if (!Array.isArray(texts)) throw badRequest('invalid patch format of primitive list')
  const list = name.slice(deletionPrefix.length)
  const before = result.get(list)
  if (!Array.isArray(before)) return
  const gone = new Set<unknown>(texts)
  result.set(list, before.filter((text: unknown) => !gone.has(text)))
}

type List = readonly unknown[]

/** @param isOrdered the patch's items come in the patch's order; else a directive says the order */
function mergeList (before: List, patch: List, type: ListType, isOrdered: boolean): List {
  const key = type.patchKey ?? ''
  if (key === '') {
    const texts = [...new Set([...before, ...patch])]
    return isOrdered ? inOrder(texts, patch, before, '') : texts
  }
  const items = patch.map((item) => {
    if (isMembers(item)) return item
    const kind = Array.isArray(item) ? '[]interface {}' : typeof item
    throw unprocessable(`expected a map[string]interface {}, but received a ${kind}`)
  })
  const isReplaced = items.some((item) => item[directive] === 'replace')
  const kept = items.filter((item) => item[directive] === undefined || item[directive] === 'merge')
  if (isReplaced) return kept.map((item) => cleaned(item))
  const index = new ItemIndex(before, type)
  for (const item of items) if (item[directive] === 'delete') index.remove(item)
  for (const item of items) {
    const said = item[directive]
    if (said === undefined || said === 'delete' || said === 'merge') continue
    throw unprocessable(`unknown patch type: ${goText(said)} in map: ${goText(item)}`)
  }
  // What is new is an object without its directives.
  index.merge(kept, (live, item) => (live === undefined ? cleaned(item) as Members : mergeMembers(live, item, type.of)))
  return isOrdered ? inOrder(index.items, kept, before, key) : index.items
}

interface Reordering {
  readonly before: unknown
  readonly patch: unknown
  readonly type: Keyed
}

function reorder (
  result: Map<string, unknown>, name: string, order: unknown, { before, patch, type }: Reordering
): void {
  if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list')
  const own = memberOf(type, name)
  if (own?.shape !== 'list' || own.patchKey === undefined) {
    const where = `struct ${type?.shape === 'struct' ? type.name : 'map'}`
    throw unprocessable(`unable to find api field in ${where} for the json field ${JSON.stringify(name)}`)
  }
  checkOrder(patch, order, own.patchKey)
  const items = result.get(name)
  if (Array.isArray(items)) result.set(name, inOrder(items, order, Array.isArray(before) ? before : [], own.patchKey))
}

/** The items of a patch must come in the order that it asks for. */
function checkOrder (patch: unknown, order: readonly unknown[], key: string): void {
  if (patch === undefined || patch === null) return
  if (!Array.isArray(patch)) throw badRequest('invalid patch format of setElementOrder list')
  const items = patch.filter((item) => !isMembers(item) || item[directive] === undefined)
  let at = 0
  for (const item of items) {
    const wanted = keyIn(item, key)
    while (at < order.length && keyIn(order[at], key) !== wanted) at++
    if (at === order.length) {
      const list = `$setElementOrder list:\n${goText(order)}\n`
      throw unprocessable(`The order in patch list:\n${goText(patch)}\n doesn't match ${list}`)
    }
    at++
  }
}

/**
 * Items that the order names come in it; the others keep theirs among themselves and come before the first named one
 * that they came before.
 */
function inOrder (items: List, order: List, before: List, key: string): List {
  const places = placesOf(order, key)
  const old = placesOf(before, key)
  const place = (item: unknown, of: ReadonlyMap<string, number>): number | undefined => of.get(keyIn(item, key))
  const isNamed = (item: unknown): boolean => place(item, places) !== undefined
  const placed = items.filter(isNamed).map((item) => ({ item, to: place(item, places) ?? 0 }))
  const named = placed.sort((a, b) => a.to - b.to).map(({ item }) => item)
  const others = items.filter((item) => !isNamed(item))
  const result: unknown[] = []
  let next = 0
  for (const item of named) {
    const here = place(item, old)
    for (; next < others.length; next++) {
      const there = place(others[next], old)
      if (here === undefined || there === undefined || there > here) break
      result.push(others[next])
    }
    result.push(item)
  }
  return [...result, ...others.slice(next)]
}

function placesOf (list: readonly unknown[], key: string): ReadonlyMap<string, number> {
  const places = new Map<string, number>()
  for (const [place, item] of list.entries()) {
    const name = keyIn(item, key)
    if (!places.has(name)) places.set(name, place)
  }
  return places
}

function keyIn (item: unknown, key: string): string {
  if (key === '') return JSON.stringify(item) ?? ''
  const value = isMembers(item) ? item[key] : undefined
  if (value === undefined) throw unprocessable(`map: ${goText(item)} does not contain declared merge key: ${key}`)
  return JSON.stringify(value)
}

/** What is new, without directives and without nulls; undefined = it is said to be deleted. */
function cleaned (value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      if (isMembers(item) && item[directive] === 'replace') return [] // it speaks of the list
      const rest = cleaned(item)
      return rest === undefined ? [] : [rest]
    })
  }
  if (!isMembers(value)) return value
  const { [directive]: said, ...rest } = value
  if (said === 'delete') return undefined
  const members = Object.entries(rest).flatMap(([name, member]): [string, unknown][] => {
    if (member === null || isOfPatch(name)) return []
    const inner = cleaned(member)
    return inner === undefined ? [] : [[name, inner]]
  })
  return Object.fromEntries(members)
}
