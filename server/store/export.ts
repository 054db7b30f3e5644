// A registry as text, one JSON value a line: what a backup of Redis is, and what can be saved of a damaged file. Any store can be filled from it.
//
//   export = header *object *instance end
//   header = {"rollcall":"export","version":1,"from":kind,"epoch":text,"revision":number}
//   object = {"object":ObjectRecord}      instance = {"instance":InstanceRecord}      end = {"end":{"objects":number,"instances":number}}
//
// An export without its end is a torn one and is refused.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { RegistryError } from '../errors.ts'
import type { InstanceRecord, ObjectRecord } from './store.ts'

export const exportMedia = 'application/x-ndjson'
const version = 1
/** The first octets of every export. */
export const exportMagic = '{"rollcall":"export"'

export interface ExportHeader {
  readonly from: string
  readonly epoch: string
  readonly revision: number
}

/** What an export holds. */
export interface Exported {
  readonly header: ExportHeader
  readonly objects: readonly ObjectRecord[]
  readonly instances: readonly InstanceRecord[]
}

/** The lines of an export, each with its end. */
export function * exportLines (
  { from, epoch, revision }: ExportHeader, objects: Iterable<ObjectRecord>, instances: Iterable<InstanceRecord>
): Generator<string> {
  const counts = { objects: 0, instances: 0 }
  yield `${JSON.stringify({ rollcall: 'export', version, from, epoch, revision })}\n`
  for (const object of objects) {
    counts.objects++
    yield `${JSON.stringify({ object })}\n`
  }
  for (const instance of instances) {
    counts.instances++
    yield `${JSON.stringify({ instance })}\n`
  }
  yield `${JSON.stringify({ end: counts })}\n`
}

/** Reads a whole export. @throws RegistryError REG_INVALID naming the line and what is wrong with it */
export async function readExport (path: string): Promise<Exported> {
  let header: ExportHeader | undefined
  let ended = false
  const objects: ObjectRecord[] = []
  const instances: InstanceRecord[] = []
  let number = 0
  const refuse = (rule: string): RegistryError => new RegistryError('REG_INVALID', `${path}, line ${number}: ${rule}`, [{ field: `line ${number}`, rule }])
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number++
    const value = parsed(line)
    if (value === undefined) throw refuse('must be a JSON object')
    if (header === undefined) {
      if (value.rollcall !== 'export') throw refuse('must begin an export: {"rollcall":"export",...}')
      if (value.version !== version) throw refuse(`must be of version ${version}, got ${JSON.stringify(value.version)}`)
      if (typeof value.epoch !== 'string' || !isCount(value.revision)) throw refuse('must have an epoch and a revision')
      header = { from: String(value.from), epoch: value.epoch, revision: value.revision }
    } else if (ended) throw refuse('stands behind the end of the export')
    else if (isRecord(value.object, objectShape)) objects.push(value.object as unknown as ObjectRecord) // its shape has been checked
    else if (isRecord(value.instance, instanceShape)) instances.push(value.instance as unknown as InstanceRecord) // as above
    else if (isRecord(value.end, { objects: 'number', instances: 'number' })) {
      if (value.end.objects !== objects.length || value.end.instances !== instances.length) {
        throw refuse(`must count what came: ${objects.length} objects and ${instances.length} instances`)
      }
      ended = true
    } else throw refuse('must be a whole object, instance or end')
  }
  number++
  if (header === undefined) throw refuse('is missing: the file is empty')
  if (!ended) throw refuse('is missing: the export has no end, it was cut off')
  return { header, objects, instances }
}

const objectShape = {
  key: 'string', createdRevision: 'number', revision: 'number', createdAtMs: 'number', updatedAtMs: 'number', endsAtMs: 'number', body: 'string'
} as const
const instanceShape = {
  key: 'string', lease: 'string', generation: 'string', ttlMs: 'number', createdRevision: 'number', revision: 'number', shownRevision: 'number',
  createdAtMs: 'number', updatedAtMs: 'number', suspect: 'boolean', body: 'string'
} as const

/** Exactly these fields; numbers are whole, and texts hold no newline, which would break a record. */
function isRecord (value: unknown, shape: Readonly<Record<string, 'string' | 'number' | 'boolean'>>): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const record = value as Record<string, unknown> // an object, as the line before says
  return Object.keys(record).length === Object.keys(shape).length && Object.entries(shape).every(([name, type]) => {
    const field = record[name]
    if (type === 'number') return isCount(field)
    return type === 'string' ? typeof field === 'string' && !field.includes('\n') : typeof field === type
  })
}

function isCount (value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parsed (line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : undefined // JSON has no other objects
  } catch {
    return undefined
  }
}
