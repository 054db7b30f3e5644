// The texts that Redis keeps, and the types of the contract: the one place that knows both.
import { invalid } from '../../errors.ts'
import type { Reason } from '../../../client-sdk/src/wire.ts'
import { ownText } from '../../model/own-text.ts'
import type { Change, InstanceRecord, ObjectRecord } from '../store.ts'

const leaseHeader = /^[^\n]*\n[^\n]*\n\d+\n\d+\n\d+\n\d+\n\d+\n/
const objectHeader = /^\d+\n\d+\n\d+\n\d+\n\d+\n/
/**
 * A text that this program did not write is handed on as the body of a record without anything else: the catalog sets
 * it aside.
 */
const noHeader = { createdRevision: 0, revision: 0, createdAtMs: 0, updatedAtMs: 0 } as const

/** Written by scripts/fence.lua `writeLease`: seven header lines and the body. Its `readLease` takes the same texts. */
export function parseInstance (lease: string, text: string, suspect: boolean, shownRevision = 0): InstanceRecord {
  if (!leaseHeader.test(text)) return { ...noHeader, shownRevision: 0, key: '', lease, generation: '', ttlMs: 0, suspect, body: text }
  const [key, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, body] = cut(text, 7)
  return {
    // The catalog keeps the generation for long: a slice would keep the whole record alive.
    key: key ?? '', lease, generation: ownText(generation ?? ''), ttlMs: Number(ttlMs), createdRevision: Number(createdRevision), revision: Number(revision),
    shownRevision: Math.max(Number(revision), shownRevision), createdAtMs: Number(createdAtMs), updatedAtMs: Number(updatedAtMs), suspect, body: body ?? ''
  }
}

export function instanceText (record: InstanceRecord): string {
  const { key, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, body } = record
  return [key, generation, ttlMs, createdRevision, revision, createdAtMs, updatedAtMs, body].join('\n')
}

/** Written by scripts/fence.lua `writeObject`: five header lines and the body. */
export function parseObject (key: string, text: string): ObjectRecord {
  if (!objectHeader.test(text)) return { ...noHeader, key, endsAtMs: 0, body: text }
  const [createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs, body] = cut(text, 5)
  return {
    key, createdRevision: Number(createdRevision), revision: Number(revision), createdAtMs: Number(createdAtMs), updatedAtMs: Number(updatedAtMs),
    endsAtMs: Number(endsAtMs), body: body ?? ''
  }
}

export function objectText (record: ObjectRecord): string {
  const { createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs, body } = record
  return [createdRevision, revision, createdAtMs, updatedAtMs, endsAtMs, body].join('\n')
}

/** An entry of the log as XREAD gives it: `<revision>-0` and a flat list of fields. */
export type RawEntry = readonly [id: string, fields: readonly string[]]

/** Begins of terms and keyspaces: not changes, but followers must load again. */
export interface Break {
  readonly type: 'break'
  readonly revision: number
}

/** Reads an entry of the log; the types are those of scripts/fence.lua `log`. */
export function parseEntry ([id, fields]: RawEntry): Change | Break {
  let t = ''; let reason = ''; let by = ''; let at = ''; let lease = ''; let key = ''; let generation = ''; let ttl = ''
  let created = ''; let createdAt = ''; let updatedAt = ''; let endsAt = ''; let suspect = ''; let body = ''
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1] ?? ''
    switch (fields[i]) {
      case 't': t = value; break
      case 'w': reason = value; break
      case 'b': by = value; break
      case 'a': at = value; break
      case 'l': lease = value; break
      case 'k': key = value; break
      case 'o': generation = value; break
      case 'd': ttl = value; break
      case 'c': created = value; break
      case 'n': createdAt = value; break
      case 'u': updatedAt = value; break
      case 'e': endsAt = value; break
      case 's': suspect = value; break
      case 'v': body = value; break
    }
  }
  const revision = Number.parseInt(id, 10)
  const head = { revision, atMs: timeOf(at), by, reason: isReason(reason) ? reason : 'updated' }
  const stamps = { createdRevision: Number(created), revision, createdAtMs: Number(createdAt), updatedAtMs: Number(updatedAt === '' ? at : updatedAt) }
  switch (t) {
    case 'put': return { ...head, type: 'put', record: { key, lease, generation, ttlMs: Number(ttl), ...stamps, shownRevision: revision, suspect: suspect === '1', body } }
    case 'del': {
      const last = body === '' ? undefined : parseInstance(lease, body, suspect === '1')
      return { ...head, type: 'delete', key, lease, ...(last === undefined || last.key === '' ? {} : { last }) }
    }
    case 'sus': return { ...head, type: 'suspect', key, lease }
    case 'up': return { ...head, type: 'trusted', key, lease }
    case 'oput': return { ...head, type: 'put-object', object: { key, ...stamps, endsAtMs: Number(endsAt), body } }
    case 'odel': {
      const last = body === '' ? undefined : parseObject(key, body)
      return { ...head, type: 'delete-object', key, ...(last === undefined || last.revision === 0 ? {} : { last }) }
    }
    case 'raise': return { revision, atMs: Number(at), by, type: 'raise' }
    default: return { type: 'break', revision }
  }
}

// The scripts write nothing else; another hand may.
const reasons: ReadonlySet<string> = new Set<Reason>([
  'registered', 'updated', 'replaced', 'deregistered', 'expired', 'suspect', 'renewed', 'override', 'override-removed', 'override-ended', 'recovered', 'declared', 'removed'
])

function isReason (text: string): text is Reason {
  return reasons.has(text)
}

function timeOf (text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** `after-until` pairs, as meta keeps them. */
export function parseVoid (text: string): { after: number, until: number }[] {
  if (text === '') return []
  return text.split(',').map((range) => {
    const [after, until] = range.split('-')
    return { after: Number(after), until: Number(until) }
  })
}

/** Refuses what would break a record's header or a script's pattern. Callers validate names; this is the second line. */
export function checkTexts (texts: Readonly<Record<string, string>>): void {
  for (const [field, value] of Object.entries(texts)) {
    if (value.includes('\n')) throw invalid([{ field, value, rule: 'must not contain a newline' }])
  }
}

/** The first `headers` lines, then the rest. */
function cut (text: string, headers: number): string[] {
  const parts: string[] = []
  let from = 0
  for (let i = 0; i < headers; i++) {
    const to = text.indexOf('\n', from)
    if (to === -1) break
    parts.push(text.slice(from, to))
    from = to + 1
  }
  parts.push(text.slice(from))
  return parts
}
