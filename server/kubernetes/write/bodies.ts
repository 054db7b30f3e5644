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
  const read = media === yamlMedia ? readYaml(text, type) : readJson(text, type, (why) => unreadable(type, `couldn't get version/kind; json parse error: ${why}`, text))
  if (!isMembers(read.value)) throw unreadable(type, 'couldn\'t get version/kind; json parse error: json: cannot unmarshal into Go value of type struct', text)
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
  if (!isMembers(read.value)) throw badRequest('error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}')
  return { object: read.value, faults: read.faults }
}

export function cannotBeHandled ({ name }: StructType, apiVersion: string, why: string): StatusError {
  return badRequest(`${name} in version ${JSON.stringify(apiVersion.slice(apiVersion.indexOf('/') + 1))} cannot be handled as a ${name}: ${why}`)
}

export function textOf (body: Buffer): string {
  if (!isUtf8(body)) throw badRequest('the body is not valid UTF-8')
  return body.toString()
}

function checkKind ({ apiVersion: version, kind }: Readonly<Record<'apiVersion' | 'kind', unknown>> | Members, { name }: StructType, apiVersion: string): void {
  const isSaid = (value: unknown): value is string => typeof value === 'string' && value !== ''
  if (isSaid(kind) && kind !== name) {
    const shown = cut(kind)
    const why = `no kind ${JSON.stringify(shown)} is registered for version ${JSON.stringify(isSaid(version) ? cut(version) : apiVersion)} at this path`
    throw badRequest(`${shown} in version ${JSON.stringify(isSaid(version) ? cut(version.slice(version.indexOf('/') + 1)) : '')} cannot be handled as a ${name}: ${why}`)
  }
  if (isSaid(version) && version !== apiVersion) {
    throw badRequest(`the API version in the data (${cut(version)}) does not match the expected API version (${apiVersion})`)
  }
}

function unreadable ({ name }: StructType, why: string, text: string): StatusError {
  const summary = text === '' ? '<empty>' : text.startsWith('{') ? (text.length > 30 ? `${text.slice(0, 30)} ...` : text) : Buffer.from(text.slice(0, 30)).toString('hex')
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
  return readJson(JSON.stringify(documents[0]?.value ?? null), type, (why) => badRequest(`error decoding patch: ${why}`))
}
