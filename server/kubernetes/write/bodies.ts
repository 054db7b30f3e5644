// The body of a write as an object: JSON, YAML or protobuf, with what is strictly wrong in it.
import { isUtf8 } from 'node:buffer'
import type { StructType } from '../../model/fields/field-type.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { RegistryError } from '../../errors.ts'
import type { ManifestDocument } from '../../model/manifest/manifest-document.ts'
import { readManifests } from '../../model/manifest/manifest-stream.ts'
import { cut } from './go-text.ts'
import { decodeMessage, protobufMedia, readEnvelope } from './protobuf/decode.ts'
import { badRequest, unsupportedMediaType, type StatusError } from './refusal.ts'
import { type Read, readJson } from './strict-json.ts'
import { fitted, TypeFault } from './typed-object.ts'

export const jsonMedia = 'application/json'
export const yamlMedia = 'application/yaml'
const accepted = [jsonMedia, yamlMedia, protobufMedia]

export interface ReadObject {
  readonly object: Members
  /** Words of what is strictly wrong: `unknown field "spec.foo"`. */
  readonly faults: readonly string[]
}

/** Without its parameters, in small letters; JSON where nothing is said. */
export function mediaOf (contentType: string | undefined): string {
  const [media = ''] = (contentType ?? '').split(';')
  return media.trim().toLowerCase() || jsonMedia
}

/**
 * @param type of the kind that belongs to the path
 * @throws StatusError 400 for a body that is none, or of another kind; 415
 */
export function readObject (body: Buffer, media: string, type: StructType, apiVersion: string): ReadObject {
  if (media === protobufMedia) {
    const envelope = readEnvelope(body)
    checkKind(envelope, type, apiVersion)
    return { object: decodeMessage(envelope, type), faults: [] }
  }
  if (media !== jsonMedia && media !== yamlMedia) throw unsupportedMediaType(accepted)
  const text = textOf(body)
  const refuse = (why: string): StatusError =>
    unreadable(type, `couldn't get version/kind; json parse error: ${why}`, text)
  const read = media === yamlMedia ? readYaml(text, type) : readJson(text, type, refuse)
  if (!isMembers(read.value)) throw refuse('json: cannot unmarshal into Go value of type struct')
  checkKind(read.value, type, apiVersion)
  try {
    const { object } = fitted(read.value, type)
    return { object, faults: read.faults }
  } catch (error) {
    if (error instanceof TypeFault) throw cannotBeHandled(type, apiVersion, error.message)
    throw error
  }
}

/** The configuration of a server-side apply; JSON is YAML. */
export function readConfig (body: Buffer): ReadObject {
  const text = textOf(body)
  const read = text.trimStart().startsWith('{')
    ? readJson(text, undefined, (why) => badRequest(`error decoding patch: ${why}`))
    : readYaml(text, undefined)
  if (!isMembers(read.value)) {
    throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
  }
  return { object: read.value, faults: read.faults }
}

export function cannotBeHandled ({ name }: StructType, apiVersion: string, why: string): StatusError {
  return badRequest(`${name} in version ${versionText(apiVersion)} cannot be handled as a ${name}: ${why}`)
}

/** Without its group. */
function versionText (apiVersion: string): string {
  return JSON.stringify(cut(apiVersion.slice(apiVersion.indexOf('/') + 1)))
}

export function textOf (body: Buffer): string {
  if (!isUtf8(body)) throw badRequest('the body is not valid UTF-8')
  return body.toString()
}

interface TypeMeta {
  readonly apiVersion?: unknown
  readonly kind?: unknown
}

function checkKind (said: TypeMeta, { name }: StructType, expected: string): void {
  const [version, kind] = [said.apiVersion, said.kind].map((text) => (typeof text === 'string' ? text : ''))
  if (kind !== undefined && kind !== '' && kind !== name) {
    const shown = cut(kind)
    const of = `version ${JSON.stringify(cut(version ?? ''))} at this path`
    const why = `no kind ${JSON.stringify(shown)} is registered for ${of}`
    throw badRequest(`${shown} in version ${versionText(version ?? '')} cannot be handled as a ${name}: ${why}`)
  }
  if (version !== undefined && version !== '' && version !== expected) {
    const data = `the API version in the data (${cut(version)})`
    throw badRequest(`${data} does not match the expected API version (${expected})`)
  }
}

/** Characters of a body that nobody could read. */
const maxSummary = 30

function unreadable ({ name }: StructType, why: string, text: string): StatusError {
  const start = text.slice(0, maxSummary)
  const shown = text.startsWith('{') ? start : Buffer.from(start).toString('hex')
  const summary = text === '' ? '<empty>' : `${shown}${text.length > maxSummary && text.startsWith('{') ? ' ...' : ''}`
  return badRequest(`the object provided is unrecognized (must be of type ${name}): ${why} (${summary})`)
}

/** One document, within the limits of manifests. A key that is there twice is refused. */
function readYaml (text: string, type: StructType | undefined): Read {
  let documents: readonly ManifestDocument[]
  try {
    documents = readManifests(text, { limits: { maxDocuments: 1 } })
  } catch (error) {
    if (error instanceof RegistryError) throw badRequest(`error decoding patch: yaml: ${error.message}`)
    throw error
  }
  // Once more through the reader of JSON: what is strictly wrong is said in its words.
  const json = JSON.stringify(documents[0]?.value ?? null)
  return readJson(json, type, (why) => badRequest(`error decoding patch: ${why}`))
}
