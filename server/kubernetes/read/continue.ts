// A page of a list: where the next one begins, and of which revision the list is. All pages are of the revision of the first one: what changed
// since is undone with the events that are remembered.
import type { Sight } from '../../registry/core.ts'
import { StatusError, badRequest } from '../answers/status.ts'
import type { Entry } from '../shelf/entry.ts'
import type { Shelf } from '../shelf/shelf.ts'

export interface Place {
  readonly namespace: string
  readonly name: string
}

interface Token {
  /** -1: of whatever there is then, after the list has become too old to go on with. */
  readonly rv: number
  readonly after: Place
}

export function tokenText (rv: number, { namespace, name }: Place): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start: `${namespace}/${name}` })).toString('base64url')
}

/** @throws StatusError 400 for what is no token of ours */
export function readToken (text: string): Token {
  const wrong = (why: string): StatusError => badRequest(`continue key is not valid: ${why}`)
  if (text.length > 4_096) throw wrong('it is too long')
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw wrong('it is no token of a list')
  }
  const { v, rv, start } = typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {}
  if (v !== 'meta.k8s.io/v1' || typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv < -1 || rv === 0 || typeof start !== 'string' || !start.includes('/')) throw wrong('it is no token of a list')
  const at = start.indexOf('/')
  return { rv, after: { namespace: start.slice(0, at), name: start.slice(at + 1) } }
}

/** A list of yesterday: the client may begin anew, or go on with what there is now. */
export function tooOldToContinue (after: Place): StatusError {
  return new StatusError(410, 'Expired', 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    undefined, { continue: tokenText(-1, after) })
}

/**
 * The entries of a shelf as they were at a revision, in order; undefined = that is forgotten.
 * @param revision undefined = as they are now
 */
export function entriesAt (shelf: Shelf, revision: number | undefined, only: string | undefined, after: Place | undefined): readonly Entry[] | undefined {
  const now = shelf.list(only, after)
  if (revision === undefined || revision === shelf.revision) return [...now]
  if (revision < shelf.ring.start || revision > shelf.revision) return undefined
  const past = new Map<string, Entry | undefined>()
  for (const { entry, previous } of shelf.ring.since(revision).toReversed()) past.set(`${entry.namespace}/${entry.name}`, previous)
  const kept = [...now].filter(({ namespace, name }) => !past.has(`${namespace}/${name}`))
  const old = [...past.values()].filter((entry): entry is Entry =>
    entry !== undefined && (only === undefined || entry.namespace === only) && (after === undefined || compare(entry, after) > 0))
  return [...kept, ...old].sort(compare)
}

/** @param sight undefined = everything is seen */
export function seen (entries: readonly Entry[], sight: Sight | undefined): readonly Entry[] {
  return sight === undefined ? entries : entries.filter((entry) => entry.isSeen(sight))
}

function compare (a: Place, b: Place): number {
  return order(a.namespace, b.namespace) || order(a.name, b.name)
}

function order (a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
