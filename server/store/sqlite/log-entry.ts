// One entry of the log as it lies in the file: a compact JSON array, and the body beside it as it came.
//
//   header  [kind, atMs, by, reason, key, ...]
//   p       put            ... lease, generation, ttlMs, createdRevision, createdAtMs, suspect (0 or 1)
//   s t     suspect, trusted: ... lease
//   d       delete         ... lease, and of what went: generation, ttlMs, createdRevision, revision, shownRevision,
//                  createdAtMs, updatedAtMs, suspect
//   o       put-object     ... createdRevision, createdAtMs, endsAtMs
//   x       delete-object  ..., and of what went: createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs
//
// The revision and the time of a put are those of its record. An entry of an older version does not say what went, and has no body then.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { InstanceRecord, ObjectRecord, RecordChange } from '../store.ts'

export interface LogRow {
  readonly revision: number
  readonly header: string
  readonly body: string | null
}

type Header =
  | readonly ['p', number, string, Reason, string, string, string, number, number, number, 0 | 1]
  | readonly ['s' | 't', number, string, Reason, string, string]
  | readonly ['d', number, string, Reason, string, string, ...([] | LastInstance)]
  | readonly ['o', number, string, Reason, string, number, number, number]
  | readonly ['x', number, string, Reason, string, ...([] | LastObject)]

type LastInstance = readonly [string, number, number, number, number, number, number, 0 | 1]
type LastObject = readonly [number, number, number, number, number]

export function headerOf (change: RecordChange): string {
  return JSON.stringify(header(change))
}

export function bodyOf (change: RecordChange): string | null {
  switch (change.type) {
    case 'put': return change.record.body
    case 'put-object': return change.object.body
    case 'delete':
    case 'delete-object': return change.last?.body ?? null
    default: return null
  }
}

function header (change: RecordChange): Header {
  const { atMs, by, reason } = change
  switch (change.type) {
    case 'put': {
      const { key, lease, generation, ttlMs, createdRevision, createdAtMs, suspect } = change.record
      return ['p', atMs, by, reason, key, lease, generation, ttlMs, createdRevision, createdAtMs, suspect ? 1 : 0]
    }
    case 'delete': return ['d', atMs, by, reason, change.key, change.lease, ...(change.last === undefined ? [] as const : lastInstance(change.last))]
    case 'suspect': return ['s', atMs, by, reason, change.key, change.lease]
    case 'trusted': return ['t', atMs, by, reason, change.key, change.lease]
    case 'put-object': {
      const { key, createdRevision, createdAtMs, endsAtMs } = change.object
      return ['o', atMs, by, reason, key, createdRevision, createdAtMs, endsAtMs]
    }
    case 'delete-object': return ['x', atMs, by, reason, change.key, ...(change.last === undefined ? [] as const : lastObject(change.last))]
  }
}

function lastInstance ({ generation, ttlMs, createdRevision, revision, shownRevision, createdAtMs, updatedAtMs, suspect }: InstanceRecord): LastInstance {
  return [generation, ttlMs, createdRevision, revision, shownRevision, createdAtMs, updatedAtMs, suspect ? 1 : 0]
}

function lastObject ({ createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs }: ObjectRecord): LastObject {
  return [createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs]
}

/** Of each kind: the types of the fields behind the reason. */
const forms: Readonly<Record<string, readonly ('string' | 'number')[]>> = {
  p: ['string', 'string', 'string', 'number', 'number', 'number', 'number'],
  d: ['string', 'string'],
  s: ['string', 'string'],
  t: ['string', 'string'],
  o: ['string', 'number', 'number', 'number'],
  x: ['string']
}

/** What follows if there is a body. */
const lastForms: Readonly<Record<string, readonly ('string' | 'number')[]>> = {
  d: ['string', 'number', 'number', 'number', 'number', 'number', 'number', 'number'],
  x: ['number', 'number', 'number', 'number', 'number']
}

function headerIn (row: LogRow): Header {
  const entry: unknown = JSON.parse(row.header)
  const [kind, ...rest] = Array.isArray(entry) ? entry as unknown[] : []
  const form = typeof kind === 'string' && Object.hasOwn(forms, kind) ? forms[kind] : undefined
  const last = typeof kind === 'string' && Object.hasOwn(lastForms, kind) ? lastForms[kind] : undefined
  const whole = ['number', 'string', 'string', ...form ?? [], ...(last === undefined || row.body === null ? [] : last)]
  const hasBody = row.body !== null
  const fits = form !== undefined && whole.every((type, index) => typeof rest[index] === type) &&
    (last === undefined ? hasBody === (kind === 'p' || kind === 'o') : hasBody || rest.length === whole.length)
  if (!fits) throw new SyntaxError('it is no entry of a log')
  return entry as Header // its form has just been seen
}

/** @throws SyntaxError if this program did not write the row */
export function changeOf (row: LogRow): RecordChange {
  const entry = headerIn(row)
  const revision = row.revision
  const body = row.body ?? ''
  switch (entry[0]) {
    case 'p': {
      const [, atMs, by, reason, key, lease, generation, ttlMs, createdRevision, createdAtMs, suspect] = entry
      const record = {
        key, lease, generation, ttlMs, createdRevision, revision, shownRevision: revision, createdAtMs, updatedAtMs: atMs, suspect: suspect === 1, body
      }
      return { type: 'put', revision, atMs, by, reason, record }
    }
    case 's':
    case 't': {
      const [kind, atMs, by, reason, key, lease] = entry
      return { type: kind === 's' ? 'suspect' : 'trusted', revision, atMs, by, reason, key, lease }
    }
    case 'd': {
      const [, atMs, by, reason, key, lease, ...last] = entry
      const gone = { type: 'delete', revision, atMs, by, reason, key, lease } as const
      if (last.length === 0) return gone
      const [generation, ttlMs, createdRevision, written, shownRevision, createdAtMs, updatedAtMs, suspect] = last
      const record = {
        key, lease, generation, ttlMs, createdRevision, revision: written, shownRevision, createdAtMs, updatedAtMs, suspect: suspect === 1, body
      }
      return { ...gone, last: record }
    }
    case 'o': {
      const [, atMs, by, reason, key, createdRevision, createdAtMs, endsAtMs] = entry
      return { type: 'put-object', revision, atMs, by, reason, object: { key, createdRevision, revision, createdAtMs, updatedAtMs: atMs, endsAtMs, body } }
    }
    case 'x': {
      const [, atMs, by, reason, key, ...last] = entry
      const gone = { type: 'delete-object', revision, atMs, by, reason, key } as const
      if (last.length === 0) return gone
      const [createdRevision, written, createdAtMs, updatedAtMs, endsAtMs] = last
      return { ...gone, last: { key, createdRevision, revision: written, createdAtMs, updatedAtMs, endsAtMs, body } }
    }
    default: throw new SyntaxError(`the log entry of revision ${revision} is of an unknown kind`)
  }
}
