// What a write makes of an object: create, update and the four kinds of patch. A pure function of the request and of
// the
// object as it is now; the registry validates, allocates and stores what comes of it, and the write is asked again
// where
// the object was changed meanwhile.
import { kindFields } from '../../model/fields/kind-fields.ts'
import { fits, keptEntries, type ManagedFieldsEntry, maxManagedLength } from '../../model/fields/managed-fields.ts'
import { afterUpdate, type Managed, readEntries } from '../../model/fields/managers.ts'
import { isMembers, type Members, withoutMembers } from '../../model/fields/values.ts'
import { withStaticDefaults } from '../../model/service/defaults.ts'
import { decoded } from '../../model/service/schema.ts'
import type { Manifest } from '../../model/service/types.ts'
import { appliedOn } from './apply.ts'
import { cannotBeHandled, mediaOf, readConfig, readObject, textOf } from './bodies.ts'
import { cut, goText } from './go-text.ts'
import { managerOf, readOptions, type WriteOptions } from './options.ts'
import { applyMedia, jsonPatchMedia, mergePatchMedia, patchedObject, patchFault, strategicMedia } from './patched.ts'
import { badRequest, conflict, notFound, type Resource, tooLarge, unsupportedMediaType } from './refusal.ts'
import { readPatch } from './strict-json.ts'

const patchMedia = [jsonPatchMedia, mergePatchMedia, strategicMedia, applyMedia]

export interface WriteTarget {
  readonly kind: Manifest['kind']
  readonly apiVersion: string
  readonly resource: Resource
  /** Empty for a kind without namespaces. */
  readonly namespace: string
  /** undefined = the body says it: of a create. */
  readonly name: string | undefined
  readonly subresource: 'status' | undefined
}

export interface WriteRequest {
  readonly verb: 'create' | 'update' | 'patch'
  readonly target: WriteTarget
  readonly body: Buffer
  readonly contentType: string | undefined
  readonly query: URLSearchParams
  readonly userAgent: string
  /** Whole seconds: `2026-01-02T03:04:05Z`. */
  readonly now: string
  /** The end of a generated name: five letters and digits. */
  readonly suffix: () => string
}

/** An object as it is stored now, as the API shows it. */
export interface LiveObject {
  readonly object: Members
  /** False for what only stands in for a stored one: a write declares it. */
  readonly isStored: boolean
}

export interface Proposal {
  /** To be stored, with the resource version that it was made of. */
  readonly object: Members
  readonly name: string
  readonly managedFields: readonly ManagedFieldsEntry[]
  /** What is to be said to the client: `Warning: 299 - "..."`. */
  readonly warnings: readonly string[]
  /** Nothing may be there yet. */
  readonly isNew: boolean
  /** The client named no version: where another write came in between, this one may be made anew. */
  readonly mayRetry: boolean
}

export interface Write {
  readonly options: WriteOptions
  /** The name in the path, or in the body of a create. */
  readonly name: string
  /** @throws StatusError where the request does not fit the object as it is */
  propose (live: LiveObject | undefined): Proposal
}

/** Reads the body, once. @throws StatusError 400, 413, 415, 422 */
export function readWrite (request: WriteRequest): Write {
  switch (request.verb) {
    case 'create': return readCreate(request)
    case 'update': return readUpdate(request)
    case 'patch': return mediaOf(request.contentType) === applyMedia ? readApply(request) : readPatchOf(request)
  }
}

function readCreate (request: WriteRequest): Write {
  const { target, suffix } = request
  const options = readOptions(request.query, 'CreateOptions')
  const { object, warnings } = bodyOf(request, options)
  const { name, generateName } = metaOf(object)
  const prefix = said(generateName)
  const own = said(name) ?? (prefix === undefined ? '' : `${prefix}${suffix()}`)
  if (said(metaOf(object).resourceVersion) !== undefined) {
    throw badRequest('resourceVersion should not be set on objects to be created')
  }
  const rest = withoutMembers(metaOf(object), 'uid', 'creationTimestamp', 'generateName', 'resourceVersion')
  checkPlace({ metadata: { ...rest, name: own } }, { ...target, name: own })
  const created = { ...object, metadata: placed({ ...rest, name: own }, target) }
  return {
    options, name: own,
    propose: () => {
      const managedFields = updatedFields(request, options, undefined, created)
      return { object: created, name: own, managedFields, warnings, isNew: true, mayRetry: false }
    }
  }
}

function readUpdate (request: WriteRequest): Write {
  const { target } = request
  const name = target.name ?? ''
  const options = readOptions(request.query, 'UpdateOptions')
  const { object, warnings } = bodyOf(request, options)
  checkPlace(object, target)
  return {
    options, name,
    propose: (live) => {
      const { resourceVersion, uid } = metaOf(object)
      const isConditional = typeof resourceVersion === 'string' && resourceVersion !== ''
      if (live === undefined && (isConditional || !createsOnUpdate(target.kind))) throw notFound(target.resource, name)
      if (live !== undefined) checkUid(uid, live, target)
      return { ...versioned(request, options, live, { object, warnings }), mayRetry: !isConditional }
    }
  }
}

function readPatchOf (request: WriteRequest): Write {
  const { target, body } = request
  const media = mediaOf(request.contentType)
  if (!patchMedia.includes(media)) throw unsupportedMediaType(patchMedia)
  const options = readOptions(request.query, 'PatchOptions')
  const read = readPatch(textOf(body))
  const name = target.name ?? ''
  const strict = media === jsonPatchMedia ? read.faults.map((fault) => `json patch ${fault}`) : read.faults
  return {
    options, name,
    propose: (live) => {
      if (live === undefined) throw notFound(target.resource, name)
      const { object, faults } = patchedObject(live.object, media, read, kindFields[target.kind], options.fieldManager)
      const warnings = judged(options, [...strict, ...faults], (why) => patchFault(media, read.value, object, why))
      checkPlace(object, target)
      checkUid(metaOf(object).uid, live, target)
      const isConditional = metaOf(object).resourceVersion !== metaOf(live.object).resourceVersion
      return { ...versioned(request, options, live, { object, warnings }), mayRetry: !isConditional }
    }
  }
}

function readApply (request: WriteRequest): Write {
  const { target, now } = request
  const name = target.name ?? ''
  const options = readOptions(request.query, 'PatchOptions', true)
  const { object: config, faults } = readConfig(request.body)
  const warnings = judged(options, faults, (why) => badRequest(`error strict decoding patch: ${why}`))
  checkPlace(config, target)
  const { resourceVersion, uid } = metaOf(config)
  const isConditional = resourceVersion !== undefined && resourceVersion !== null
  return {
    options, name,
    propose: (live) => {
      if (live === undefined && uid !== undefined) {
        const specified = `the provided object specified uid ${goText(uid)}`
        throw conflict(target.resource, name, `uid mismatch: ${specified}, and no existing object was found`)
      }
      const { object, entries } = appliedOn({
        live: live?.isStored === true ? managedOf(live.object) : undefined, config,
        type: kindFields[target.kind], apiVersion: target.apiVersion,
        manager: options.fieldManager, subresource: target.subresource, force: options.force, now
      })
      if (!fits(entries)) {
        const rule = `metadata.managedFields may not have more than ${maxManagedLength} characters`
        throw tooLarge(`${rule}: too many managers apply this object`)
      }
      if (live !== undefined) checkUid(metaOf(object).uid, live, target)
      const metadata = placed({ ...metaOf(object), name }, target)
      return {
        object: { ...object, metadata }, name, managedFields: entries, warnings,
        isNew: live?.isStored !== true, mayRetry: !isConditional
      }
    }
  }
}

interface JudgedObject {
  readonly object: Members
  readonly warnings: readonly string[]
}

/** The body of a create or an update, as an object of the kind. */
function bodyOf ({ target, body, contentType }: WriteRequest, options: WriteOptions): JudgedObject {
  const type = kindFields[target.kind]
  const { object, faults } = readObject(body, mediaOf(contentType), type, target.apiVersion)
  return { object, warnings: judged(options, faults, (why) => cannotBeHandled(type, target.apiVersion, why)) }
}

/** What is strictly wrong: passed over, said or refused. */
export function judged (
  { fieldValidation }: WriteOptions, faults: readonly string[], refuse: (why: string) => Error
): readonly string[] {
  if (fieldValidation === 'Strict' && faults.length > 0) throw refuse(`strict decoding error: ${faults.join(', ')}`)
  return fieldValidation === 'Warn' ? faults : []
}

const ofStatus = 'the status is written by the registry: what this request says of it is not kept'

/** An object in the place of the one that is there, if it is still the same one when it is stored. */
function versioned (
  request: WriteRequest, options: WriteOptions, live: LiveObject | undefined, { object, warnings }: JudgedObject
): Omit<Proposal, 'mayRetry'> {
  const { target } = request
  const managedFields = updatedFields(request, options, live, object)
  const { resourceVersion, ...rest } = metaOf(object)
  const asked = said(resourceVersion)
  const version = live?.isStored !== true ? {} : { resourceVersion: asked ?? metaOf(live.object).resourceVersion }
  const isOfStatus = target.subresource === 'status' && live !== undefined
  const own = placed({ ...withoutMembers(rest, 'managedFields', 'uid'), name: target.name }, target)
  const metadata = { ...(isOfStatus ? metaOf(live.object) : own), ...version }
  return {
    object: { ...(isOfStatus ? live.object : object), metadata }, name: target.name ?? '', managedFields,
    warnings: target.subresource === 'status' ? [...warnings, ofStatus] : warnings, isNew: live?.isStored !== true
  }
}

function updatedFields (
  { target, userAgent, now }: WriteRequest, options: WriteOptions, live: LiveObject | undefined, object: Members
): readonly ManagedFieldsEntry[] {
  const before = live?.isStored === true ? managedOf(live.object) : undefined
  const given = metaOf(object).managedFields
  // An empty list, or one empty entry, is the request to forget who managed what.
  const isEmpty = (entry: unknown): boolean => isMembers(entry) && Object.keys(entry).length === 0
  const isReset = Array.isArray(given) && given.length < 2 && given.every(isEmpty)
  const read = given === undefined || live === undefined ? undefined : readEntries(given)
  const entries = isReset ? [] : read ?? before?.entries ?? []
  if (before !== undefined && entries.length === 0) return [] // nobody asked to know since it was created
  if (target.subresource === 'status') return before?.entries ?? []
  const writer = { manager: managerOf(options, userAgent), apiVersion: target.apiVersion }
  const managed = before === undefined ? undefined : { object: before.object, entries }
  return keptEntries(afterUpdate(managed, withDefaults(target.kind, object), kindFields[target.kind], writer, now))
}

/** Who creates an object manages what defaulting filled in, too. What is wrong with it is said by who stores it. */
function withDefaults (kind: Manifest['kind'], object: Members): Members {
  const read = decoded(kind, object, '')
  if ('refusal' in read) return object
  const { manifest } = read
  return { ...(manifest.kind === 'Service' ? withStaticDefaults(manifest) : manifest) }
}

function managedOf (object: Members): Managed {
  const { managedFields, ...metadata } = metaOf(object)
  return { object: { ...object, metadata }, entries: readEntries(managedFields) ?? [] }
}

/** Metadata with the namespace of the path: a kind without namespaces has none, whatever the body says. */
function placed (metadata: Members, { namespace }: WriteTarget): Members {
  return namespace === '' ? withoutMembers(metadata, 'namespace') : { ...metadata, namespace }
}

function checkPlace (object: Members, { name, namespace }: WriteTarget): void {
  const { name: own, namespace: ownNamespace } = metaOf(object)
  if (namespace !== '' && typeof ownNamespace === 'string' && ownNamespace !== '' && ownNamespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (said(own) !== undefined && own !== name) {
    throw badRequest(`the name of the object (${cut(String(own))}) does not match the name on the URL (${name})`)
  }
}

function checkUid (uid: unknown, { object, isStored }: LiveObject, { resource, name = '' }: WriteTarget): void {
  const own = metaOf(object).uid
  const asked = said(uid)
  if (!isStored || asked === undefined || asked === own) return
  const why = `UID in precondition: ${cut(asked)}, UID in object meta: ${String(own)}`
  throw conflict(resource, name, `Precondition failed: ${why}`)
}

/** As in Kubernetes: these may be created by an update of what is not there. */
function createsOnUpdate (kind: Manifest['kind']): boolean {
  return kind === 'Service' || kind === 'Endpoints'
}

/** An empty text is none. */
function said (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function metaOf ({ metadata }: Members): Members {
  return isMembers(metadata) ? metadata : {}
}
