// What the store keeps, read with suspicion: another version, another hand or a fault may have written it. Each reader gives the
// content, or the reason why it cannot be read; no other file checks it again. The catalog sets aside what cannot be
// read (set-aside.ts).
import { Type } from 'typebox'
import { type InstanceBody, LabelName, storedBody } from '../../model/instance/instance.ts'
import type { StoredBodies } from '../../model/instance/stored-bodies.ts'
import { readInstanceRecord } from '../../model/instance/stored-instance.ts'
import { readOverride } from '../../model/instance/stored-override.ts'
import { instanceKey, isId, isLabel } from '../../model/names.ts'
import { readManifest } from '../../model/service/stored-manifest.ts'
import { readJson } from '../../model/stored-text.ts'
import { checker } from '../../model/validate.ts'
import type { Refusal } from '../../refusal.ts'
import type { InstanceRecord, ObjectRecord } from '../../store/store.ts'
import { claimTarget, isClaimKey } from '../allocation/claims.ts'
import { checkNodeRanges } from '../allocation/node-body.ts'
import { checkNotice } from '../notices.ts'
import { isNodeKey, isNoticeKey, isSecretKey, tokenPrefix } from '../object-keys.ts'
import { overriddenKey } from '../overrides.ts'
import { manifestName } from '../services/manifests.ts'
import type { InstanceEntry } from './service-entry.ts'

/** The content of a record, or why it is not answered. */
export type Read<Content> = { readonly content: Content } | { readonly reason: string }

const closed = { additionalProperties: false } as const
const checkClaim = checker(Type.Object({ namespace: LabelName, service: LabelName }, closed))
/** Of a token: what is read of it is access control's to say. */
const checkToken = checker(Type.Object({ hash: Type.String(), name: Type.String(), rules: Type.Array(Type.Unknown()) }))
const checkSecret = checker(Type.Object({ keys: Type.Array(Type.String()) }, closed))

/** The largest time that a `Date` takes. */
const maxTimeMs = 8_640_000_000_000_000

/** The body of an instance; its key, its lease and its numbers are looked at, too. @param bodies those that were read before */
export function readInstance (record: InstanceRecord, bodies?: StoredBodies): Read<InstanceBody> {
  return guarded(() => {
    if (record.fault !== undefined) return { reason: record.fault }
    const read = readInstanceRecord(record, bodies === undefined ? undefined : (text) => bodies.read(text))
    return 'refusal' in read ? refused(read.refusal) : { content: read.body }
  })
}

/** Reads an object of any kind that this version knows. What it holds is read again by those whose kind it is: they find it well. */
export function readObject (object: ObjectRecord): Read<unknown> {
  return guarded(() => {
    const reason = object.fault ?? headerFault(object)
    return reason === undefined ? contentOf(object) : { reason }
  })
}

/** The stored form of an entry, for a store that has to be refilled. */
export function recordOf (entry: InstanceEntry): InstanceRecord {
  const { instance } = entry
  return {
    key: instanceKey(instance.namespace, instance.service, instance.id),
    lease: entry.lease,
    generation: instance.generation,
    ttlMs: instance.lease.ttlMs,
    createdRevision: entry.createdRevision,
    revision: entry.recordRevision,
    shownRevision: instance.revision,
    createdAtMs: Date.parse(instance.createdAt),
    updatedAtMs: Date.parse(instance.updatedAt),
    suspect: instance.suspect,
    body: JSON.stringify(storedBody(instance))
  }
}

function contentOf ({ key, body }: ObjectRecord): Read<unknown> {
  const target = overriddenKey(key)
  if (target !== undefined) {
    if (!isLabel(target.namespace) || !isLabel(target.service) || !isId(target.id)) return { reason: 'its key is not override/namespace/service/id' }
    const read = readOverride(body)
    return 'refusal' in read ? refused(read.refusal) : { content: read.override }
  }
  const name = manifestName(key)
  if (name !== undefined) {
    const read = readManifest(name, body)
    return 'refusal' in read ? refused(read.refusal) : { content: read.manifest }
  }
  const ofSecrets = key.startsWith(tokenPrefix) ? checkToken : checkSecret
  const check = isClaimKey(key) ? checkClaim : isSecretKey(key) ? ofSecrets : isNodeKey(key) ? checkNodeRanges : isNoticeKey(key) ? checkNotice : undefined
  if (check === undefined) return { reason: 'it is of a kind that this version does not know' }
  if (isClaimKey(key) && claimTarget(key) === undefined) return { reason: 'its key is not claim/kind/value' }
  const read = readJson(body, check)
  return 'refusal' in read ? refused(read.refusal) : { content: read.value }
}

/** A store with texts that this program did not write gives values that are no numbers. */
function headerFault (object: ObjectRecord): string | undefined {
  if (!isRevision(object.createdRevision) || !isRevision(object.revision)) return 'its header cannot be read'
  return isTime(object.createdAtMs) && isTime(object.updatedAtMs) && isTime(object.endsAtMs) ? undefined : 'its times are none'
}

/** Whether what surrounds a body are numbers that the readers take. */
export function hasGoodNumbers ({ createdRevision, revision, createdAtMs, updatedAtMs }: InstanceRecord): boolean {
  return isRevision(createdRevision) && isRevision(revision) && isTime(createdAtMs) && isTime(updatedAtMs)
}

function isRevision (number: number): boolean {
  return Number.isSafeInteger(number) && number >= 1
}

function isTime (atMs: number): boolean {
  return Number.isSafeInteger(atMs) && Math.abs(atMs) <= maxTimeMs
}

function refused ({ faults: [first, ...others], more }: Refusal): { readonly reason: string } {
  const rest = others.length + more
  return { reason: `${first.field} ${first.rule}${rest > 0 ? `, and ${rest} more` : ''}` }
}

/** Any error while a record is read means that the record is wrong. */
function guarded<Content> (look: () => Read<Content>): Read<Content> {
  try {
    return look()
  } catch (error) {
    return { reason: `it cannot be checked: ${error instanceof Error ? error.message : String(error)}` }
  }
}
