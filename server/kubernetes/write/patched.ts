// The three patches that are made of an object alone: which of them a body is, and what it makes of an object.
import type { StructType } from '../../model/fields/field-type.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import type { ReadObject } from './bodies.ts'
import { cut, goText, jsonKind } from './go-text.ts'
import { mergePatched } from './json-merge.ts'
import { jsonPatched } from './json-patch.ts'
import { badRequest, invalidPatch, type StatusError } from './refusal.ts'
import { withMeantPorts } from './service-ports.ts'
import { strategicPatched } from './strategic-merge.ts'
import type { Read } from './strict-json.ts'
import { fitted, type Reader, TypeFault } from './typed-object.ts'

export const jsonPatchMedia = 'application/json-patch+json'
export const mergePatchMedia = 'application/merge-patch+json'
export const strategicMedia = 'application/strategic-merge-patch+json'
export const applyMedia = 'application/apply-patch+yaml'

/** @throws StatusError 400, 413 or 422 for a patch that does not fit */
export function patchedObject (
  live: Members, media: string, { value }: Read, type: StructType, fieldManager: string
): ReadObject {
  const patched = patchedValue(live, media, value, type, fieldManager)
  const reader: Reader = media === strategicMedia ? 'converter' : 'json'
  try {
    const { object, unknown } = fitted(patched, type, reader)
    return { object, faults: unknown }
  } catch (error) {
    if (error instanceof TypeFault) throw patchFault(media, value, patched, error.message)
    throw error
  }
}

/** What Kubernetes says of a patch whose result cannot be read: a strategic one as Go prints it, else the result. */
export function patchFault (media: string, patch: unknown, result: unknown, why: string): StatusError {
  return invalidPatch(media === strategicMedia ? goText(patch) : cut(JSON.stringify(result) ?? ''), why)
}

function patchedValue (
  live: Members, media: string, patch: unknown, type: StructType, fieldManager: string
): unknown {
  if (media === jsonPatchMedia) return jsonPatched(live, patch)
  if (!isMembers(patch)) {
    const into = 'Go value of type map[string]interface {}'
    throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into ${into}`)
  }
  if (media === mergePatchMedia) return mergePatched(live, patch)
  return strategicPatched(live, withMeantPorts(live, patch, fieldManager), type)
}
