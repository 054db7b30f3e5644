// What kubectl apply computes on its side: from the manifest before, the manifest now and the live object, a patch. A model
// of kubectl's own, written from its documentation; the server's patches are tried against it.
import { isDeepStrictEqual } from 'node:util'
import type { FieldType } from '../../server/model/fields/field-type.ts'
import { memberType } from '../../server/model/fields/field-type.ts'
import { isMembers, type Members } from '../../server/model/fields/values.ts'

/** A strategic merge patch: what is new or different goes in, what only the manifest before had goes out. */
export function strategicThreeWay (before: Members, now: Members, live: Members, type: FieldType | undefined): Members {
  const patch = new Map<string, unknown>()
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const own = type?.shape === 'struct' || type?.shape === 'map' ? memberType(type, name) : undefined
    const [was, is, has] = [before[name], now[name], live[name]]
    if (is === undefined) {
      if (has !== undefined) patch.set(name, null)
    } else if (isMembers(is)) {
      const inner = isMembers(has) ? strategicThreeWay(isMembers(was) ? was : {}, is, has, own) : is
      if (Object.keys(inner).length > 0 || !isMembers(has)) patch.set(name, inner)
    } else if (Array.isArray(is) && own?.shape === 'list' && own.patchKey !== undefined && own.patchKey !== '') {
      keyedList(patch, name, { was: items(was), is: items(is), has: items(has), key: own.patchKey, of: own.of })
    } else if (JSON.stringify(is) !== JSON.stringify(has)) patch.set(name, is)
  }
  return Object.fromEntries(patch)
}

interface KeyedLists {
  readonly was: readonly Members[]
  readonly is: readonly Members[]
  readonly has: readonly Members[]
  readonly key: string
  readonly of: FieldType
}

function keyedList (patch: Map<string, unknown>, name: string, { was, is, has, key, of }: KeyedLists): void {
  const find = (list: readonly Members[], value: unknown): Members | undefined => list.find((item) => item[key] === value)
  const changes = is.flatMap((item) => {
    const current = find(has, item[key])
    const change = current === undefined ? item : strategicThreeWay(find(was, item[key]) ?? {}, item, current, of)
    return current !== undefined && Object.keys(change).length === 0 ? [] : [{ [key]: item[key], ...change }]
  })
  const gone = was.filter((item) => find(is, item[key]) === undefined && find(has, item[key]) !== undefined).map((item) => ({ $patch: 'delete', [key]: item[key] }))
  if (changes.length + gone.length === 0) return
  patch.set(`$setElementOrder/${name}`, is.map((item) => ({ [key]: item[key] })))
  patch.set(name, [...changes, ...gone])
}

/** A JSON merge patch, for kinds that kubectl does not know: lists are replaced. */
export function mergeThreeWay (before: Members, now: Members, live: Members): Members {
  return strategicThreeWay(before, now, live, undefined)
}

/** What must come of it: the manifest, and around it what others added. */
export function expectedOf (before: Members, now: Members, live: Members, type: FieldType | undefined): Members {
  const result = new Map(Object.entries(live))
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const own = type?.shape === 'struct' || type?.shape === 'map' ? memberType(type, name) : undefined
    const [was, is, has] = [before[name], now[name], live[name]]
    if (is === undefined) result.delete(name)
    else if (isMembers(is) && isMembers(has)) result.set(name, expectedOf(isMembers(was) ? was : {}, is, has, own))
    else if (Array.isArray(is) && Array.isArray(has) && own?.shape === 'list' && own.patchKey !== undefined && own.patchKey !== '') {
      result.set(name, expectedList(items(was), items(is), items(has), own.patchKey, own.of))
    } else result.set(name, is)
  }
  return Object.fromEntries(result)
}

/** In no particular order: that is another matter. */
function expectedList (was: readonly Members[], is: readonly Members[], has: readonly Members[], key: string, of: FieldType): readonly Members[] {
  const find = (list: readonly Members[], value: unknown): Members | undefined => list.find((item) => item[key] === value)
  const merged = is.map((item) => {
    const current = find(has, item[key])
    return current === undefined ? item : expectedOf(find(was, item[key]) ?? {}, item, current, of)
  })
  return [...merged, ...has.filter((item) => find(is, item[key]) === undefined && find(was, item[key]) === undefined)]
}

/**
 * What must come of an apply on the server: it takes out what the manifest before named, field by field, and leaves what
 * others put beside it; what is owned as a whole is replaced.
 */
export function appliedOf (before: unknown, now: unknown, live: unknown, type: FieldType | undefined): unknown {
  const isDivided = type?.shape === 'list' ? type.merge !== 'atomic' : (type?.shape === 'struct' || type?.shape === 'map') && !type.atomic
  if (!isDivided) return now ?? (before !== undefined && isDeepStrictEqual(before, live) ? undefined : live) // what others changed is theirs
  if (type?.shape === 'list') {
    const [was, is, has] = [items(before), items(now), items(live)]
    const keys = new Set([...is, ...has].map(({ port }) => port))
    const find = (list: readonly Members[], key: unknown): Members | undefined => list.find(({ port }) => port === key)
    // An item goes with whoever put it there, whatever others wrote into it.
    const left = [...keys].filter((key) => find(is, key) !== undefined || find(was, key) === undefined)
    return left.flatMap((key) => appliedOf(find(was, key), find(is, key), find(has, key), type.of) ?? [])
  }
  const [was, is, has] = [before, now, live].map((value) => (isMembers(value) ? value : {})) as [Members, Members, Members]
  if (type?.shape !== 'struct' && type?.shape !== 'map') return undefined // it is one of them
  const names = [...new Set([...Object.keys(is), ...Object.keys(has)])]
  const members = names.map((name): [string, unknown] => [name, appliedOf(was[name], is[name], has[name], memberType(type, name))])
  const left = members.filter(([, member]) => member !== undefined && !(typeof member === 'object' && member !== null && Object.keys(member).length === 0))
  return left.length === 0 ? undefined : Object.fromEntries(left)
}

function items (value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : []
}
