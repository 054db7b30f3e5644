// Server-side apply: the body is what its manager wants; what it named before and names no more goes; what another
// manager owns is a conflict, unless the request forces it. Words and rules are Kubernetes'.
import { type FieldSet, pathText } from '../../model/fields/field-set.ts'
import { type FieldType, memberType, type StructType } from '../../model/fields/field-type.ts'
import {
  afterApply, type Applied, type FieldConflict, type Managed, maxOwnedFields, stillAsApplied
} from '../../model/fields/managers.ts'
import { FieldTypeError, hasMoreFields, isMembers, type Members, withoutMembers } from '../../model/fields/values.ts'
import type { ManagedFieldsEntry } from '../../model/fields/managed-fields.ts'
import { goText } from './go-text.ts'
import { type StatusCause, StatusError, badRequest, tooLarge } from './refusal.ts'

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'
/** kubectl as a manager of server-side applies: it takes over what it applied on the client's side before. */
const kubectl = 'kubectl'
const maxTypeFaults = 20

export interface AppliedObject {
  readonly object: Members
  readonly entries: readonly ManagedFieldsEntry[]
}

export interface Apply {
  readonly live: Managed | undefined
  readonly config: Members
  readonly type: StructType
  readonly apiVersion: string
  readonly manager: string
  readonly subresource: string | undefined
  readonly force: boolean
  readonly now: string
}

/** @throws StatusError 400 for a configuration that does not fit its kind, 409 with each conflict as a cause */
export function appliedOn (apply: Apply): AppliedObject {
  const { live, config, type, apiVersion, manager, subresource, force, now } = apply
  checkConfig(apply)
  const writer = { manager, apiVersion, subresource }
  const attempt = (forced: boolean): Applied => {
    try {
      return afterApply(live, config, type, writer, { force: forced, now })
    } catch (error) {
      if (error instanceof FieldTypeError) throw typeRefusal(apply, [`${pathText(error.path)}: ${error.message}`])
      throw error
    }
  }
  let applied = attempt(force)
  if (applied.outcome === 'conflict' && manager === kubectl && live !== undefined) {
    const own = ownBefore(live.object, type, apiVersion)
    const left = applied.conflicts.filter(({ path }) => own?.has(path) !== true)
    applied = left.length === 0 ? attempt(true) : { outcome: 'conflict', conflicts: left }
  }
  if (applied.outcome === 'conflict') throw applyConflict(applied.conflicts)
  const { object, entries } = applied
  return { object: manager === kubectl ? withLastApplied(object, config) : object, entries }
}

function checkConfig ({ config, type, apiVersion, ...apply }: Apply): void {
  const { apiVersion: version, kind, metadata } = config
  if (version !== apiVersion || kind !== type.name) throw badRequest(`invalid object type: ${kindText(version, kind)}`)
  const given = isMembers(metadata) ? metadata.managedFields : undefined
  if (given !== undefined && given !== null) throw badRequest('metadata.managedFields must be nil')
  const faults: string[] = []
  if (hasMoreFields(config, type, maxOwnedFields)) {
    throw tooLarge(`an applied configuration has at most ${maxOwnedFields} fields that are owned one by one`)
  }
  findTypeFaults(config, type, '', faults)
  if (faults.length > 0) throw typeRefusal({ config, type, apiVersion, ...apply }, faults)
}

/** Kubernetes answers a 500 here, as if it had failed; the request has. */
function typeRefusal ({ config, type, apiVersion }: Apply, faults: readonly string[]): StatusError {
  const metadata = isMembers(config.metadata) ? config.metadata : {}
  const said = (value: unknown): string => (typeof value === 'string' ? value : '')
  const name = `${said(metadata.namespace)}/${said(metadata.name)}`
  const what = faults.length === 1 ? faults[0] ?? '' : ['errors:', ...faults.map((fault) => `  ${fault}`)].join('\n')
  return badRequest(`failed to create typed patch object (${name}; ${kindText(apiVersion, type.name)}): ${what}`)
}

/** An applied configuration may not hold what its kind does not know, whatever `fieldValidation` says. */
function findTypeFaults (value: unknown, type: FieldType, path: string, faults: string[]): void {
  if (value === null || faults.length >= maxTypeFaults) return
  const say = (what: string): void => { faults.push(path === '' ? what : `${path}: ${what}`) }
  switch (type.shape) {
    case 'struct': case 'map':
      if (!isMembers(value)) return say(`expected map, got &{${goText(value)}}`)
      for (const [name, member] of Object.entries(value)) {
        const own = memberType(type, name)
        if (own !== undefined) findTypeFaults(member, own, `${path}.${name}`, faults)
        else if (faults.length < maxTypeFaults) faults.push(`${path}.${name}: field not declared in schema`)
      }
      return
    case 'list':
      if (!Array.isArray(value)) return say(`expected list, got &{${goText(value)}}`)
      for (const [index, item] of value.entries()) {
        findTypeFaults(item, type.of, `${path}${itemText(item, index, type.merge)}`, faults)
      }
      return
    case 'text': case 'time': case 'bytes':
      if (typeof value !== 'string') say(`expected string, got &value.valueUnstructured{Value:${goText(value)}}`)
      return
    case 'flag':
      if (typeof value !== 'boolean') say(`expected boolean, got &{${goText(value)}}`)
      return
    case 'int32': case 'int64':
      if (!Number.isInteger(value)) say(`expected numeric (int or float), got ${typeof value}`)
      return
    case 'int-or-text': case 'quantity':
      if (typeof value !== 'string' && typeof value !== 'number') say(`expected any scalar, got &{${goText(value)}}`)
      return
    case 'any':
  }
}

function itemText (item: unknown, index: number, merge: 'atomic' | 'set' | readonly string[]): string {
  if (!Array.isArray(merge) || !isMembers(item)) return merge === 'set' ? `[=${JSON.stringify(item)}]` : `[${index}]`
  const keys = merge.filter((name: string) => item[name] !== undefined)
  return `[${keys.map((name: string) => `${name}=${JSON.stringify(item[name])}`).join(',')}]`
}

function kindText (apiVersion: unknown, kind: unknown): string {
  const version = typeof apiVersion === 'string' ? apiVersion : ''
  return `${version.includes('/') ? version : `/${version}`}, Kind=${typeof kind === 'string' ? kind : ''}`
}

function applyConflict (conflicts: readonly FieldConflict[]): StatusError {
  const causes = conflicts.map(({ owner, path }): StatusCause =>
    ({ reason: 'FieldManagerConflict', message: `conflict with ${ownerText(owner)}`, field: pathText(path) }))
  return new StatusError(409, 'Conflict', conflictText(conflicts), { causes })
}

function conflictText (conflicts: readonly FieldConflict[]): string {
  const [only] = conflicts
  if (only !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${ownerText(only.owner)}: ${pathText(only.path)}`
  }
  const byOwner = [...Map.groupBy(conflicts, ({ owner }) => ownerText(owner))].sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = byOwner.flatMap(([owner, theirs]) =>
    [`conflicts with ${owner}:`, ...theirs.map(({ path }) => `- ${pathText(path)}`)])
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function ownerText ({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const through = subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`
  return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}

/** What the annotation of a client-side apply says and the object still has. */
function ownBefore (object: Members, type: StructType, apiVersion: string): FieldSet | undefined {
  const text = annotationsOf(object)[lastAppliedAnnotation]
  if (typeof text !== 'string') return undefined
  try {
    const applied: unknown = JSON.parse(text)
    return isMembers(applied) && applied.apiVersion === apiVersion ? stillAsApplied(applied, object, type) : undefined
  } catch {
    return undefined // somebody wrote something else there
  }
}

/** Keeps the annotation of client-side applies true, where there is one. */
function withLastApplied (object: Members, config: Members): Members {
  const annotations = annotationsOf(object)
  if (annotations[lastAppliedAnnotation] === undefined) return object
  const others = withoutMembers(annotationsOf(config), lastAppliedAnnotation)
  const metadata = isMembers(config.metadata) ? config.metadata : {}
  const kept = metadata.annotations === undefined ? {} : { annotations: others }
  const applied = `${JSON.stringify({ ...config, metadata: { ...metadata, ...kept } })}\n`
  // The annotations are within its metadata, as has just been seen.
  const own = { ...object.metadata as Members, annotations: { ...annotations, [lastAppliedAnnotation]: applied } }
  return { ...object, metadata: own }
}

function annotationsOf ({ metadata }: Members): Members {
  const annotations = isMembers(metadata) ? metadata.annotations : undefined
  return isMembers(annotations) ? annotations : {}
}
