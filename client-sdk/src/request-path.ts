// The path of a call, looked at before anything is sent: a URL parser would fold `..` and take what stands behind `@`
// for the host.
import { RollcallError } from './errors.ts'
import { shown } from './shape.ts'

export type QueryValue = string | number | boolean | undefined

/** Far above the longest honest one; the registry's own limit is 8 KiB. */
const maxPathLength = 8 * 1024
const maxNameLength = 253

/** @throws RollcallError REGISTRY_INVALID_ARGUMENT */
export function checkedPath (path: unknown): string {
  const invalid = (rule: string): RollcallError => new RollcallError(
    'REGISTRY_INVALID_ARGUMENT', `a path ${rule}, got ${shown(path)}`
  )
  if (typeof path !== 'string' || !path.startsWith('/') || path.startsWith('//')) throw invalid('must begin with one "/"')
  if (path.length > maxPathLength) throw invalid(`must not be longer than ${maxPathLength} characters`)
  if (!/^[!-~]+$/.test(path) || /[\\#"<>^`{|}]/.test(path)) throw invalid('must be of the characters of a URL, without a fragment')
  const [names = ''] = path.split('?', 1)
  for (const part of names.split('/').slice(1)) {
    if (/^(?:\.|%2e){1,2}$/i.test(part)) throw invalid('must not have "." or ".." in it')
    if (part === '') throw invalid('must not have an empty part')
  }
  return path
}

/**
 * A name that becomes a part of a path. Its grammar is the registry's to check, which names every fault at once;
 * refused here is what would make another path of it.
 * @throws RollcallError REGISTRY_INVALID_ARGUMENT
 */
export function checkedName (field: string, name: unknown): string {
  const rule = typeof name !== 'string' || name === ''
    ? 'must be a text that is not empty'
    : name.length > maxNameLength
      ? `must not be longer than ${maxNameLength} characters`
      : name === '.' || name === '..' || /[/\\\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()
        ? 'must not be "." or "..", nor have "/", "\\" or control characters in it'
        : undefined
  if (rule === undefined) return name as string // just seen to be one
  throw new RollcallError(
    'REGISTRY_INVALID_ARGUMENT', `${field} ${rule}, got ${shown(name)}`, { errors: [{ field, value: name, rule }] }
  )
}

export function queryText (query: Readonly<Record<string, QueryValue>> | undefined): string {
  const pairs = Object.entries(query ?? {}).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, String(value)] as const])
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(Object.fromEntries(pairs)).toString()}`
}
