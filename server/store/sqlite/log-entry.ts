// One entry of the log as it lies in the file: a compact JSON array, and the body beside it as it came.
//
//   header  [kind, atMs, by, reason, key, ...]
//   p       put            ... lease, generation, ttlMs, createdRevision, createdAtMs, suspect (0 or 1)
//   d s t   delete, suspect, trusted: ... lease
//   o       put-object     ... createdRevision, createdAtMs, endsAtMs
//   x       delete-object
//
// The revision and the time of a put are those of its record.
import type { Reason } from '../../../client-sdk/src/wire.ts'
import type { RecordChange } from '../store.ts'

export interface LogRow {
  readonly revision: number
  readonly header: string
  readonly body: string | null
}

type Header =
  | readonly ['p', number, string, Reason, string, string, string, number, number, number, 0 | 1]
  | readonly ['d' | 's' | 't', number, string, Reason, string, string]
  | readonly ['o', number, string, Reason, string, number, number, number]
  | readonly ['x', number, string, Reason, string]

export function headerOf (change: RecordChange): string {
  return JSON.stringify(header(change))
}

export function bodyOf (change: RecordChange): string | null {
  if (change.type === 'put') return change.record.body
  return change.type === 'put-object' ? change.object.body : null
}

function header (change: RecordChange): Header {
  const { atMs, by, reason } = change
  switch (change.type) {
    case 'put': {
      const { key, lease, generation, ttlMs, createdRevision, createdAtMs, suspect } = change.record
      return ['p', atMs, by, reason, key, lease, generation, ttlMs, createdRevision, createdAtMs, suspect ? 1 : 0]
    }
    case 'delete': return ['d', atMs, by, reason, change.key, change.lease]
    case 'suspect': return ['s', atMs, by, reason, change.key, change.lease]
    case 'trusted': return ['t', atMs, by, reason, change.key, change.lease]
    case 'put-object': {
      const { key, createdRevision, createdAtMs, endsAtMs } = change.object
      return ['o', atMs, by, reason, key, createdRevision, createdAtMs, endsAtMs]
    }
    case 'delete-object': return ['x', atMs, by, reason, change.key]
  }
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

function headerIn (row: LogRow): Header {
  const entry: unknown = JSON.parse(row.header)
  const [kind, ...rest] = Array.isArray(entry) ? entry as unknown[] : []
  const form = typeof kind === 'string' && Object.hasOwn(forms, kind) ? forms[kind] : undefined
  const fits = form !== undefined && ['number', 'string', 'string', ...form].every((type, index) => typeof rest[index] === type)
  if (!fits || (row.body === null) !== (kind !== 'p' && kind !== 'o')) throw new SyntaxError('it is no entry of a log')
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
    case 'd':
    case 's':
    case 't': {
      const [kind, atMs, by, reason, key, lease] = entry
      const type = ({ d: 'delete', s: 'suspect', t: 'trusted' } as const)[kind]
      return { type, revision, atMs, by, reason, key, lease }
    }
    case 'o': {
      const [, atMs, by, reason, key, createdRevision, createdAtMs, endsAtMs] = entry
      return { type: 'put-object', revision, atMs, by, reason, object: { key, createdRevision, revision, createdAtMs, updatedAtMs: atMs, endsAtMs, body } }
    }
    case 'x': {
      const [, atMs, by, reason, key] = entry
      return { type: 'delete-object', revision, atMs, by, reason, key }
    }
    default: throw new SyntaxError(`the log entry of revision ${revision} is of an unknown kind`)
  }
}
