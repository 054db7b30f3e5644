// The subresource `scale` of a Deployment, which stands for the instances of a workload. The registry starts and stops
// no
// process: it says how many there are, and a wish for another number is refused with what can be done instead.
import { struct, text, whole } from '../../model/fields/field-type.ts'
import { objectMeta } from '../../model/fields/meta-fields.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { mediaOf, readObject, textOf } from './bodies.ts'
import { readOptions } from './options.ts'
import { jsonPatchMedia, mergePatchMedia, patchedObject, strategicMedia } from './patched.ts'
import { fault, invalid, unsupportedMediaType } from './refusal.ts'
import { readPatch } from './strict-json.ts'

const apiVersion = 'autoscaling/v1'
const autoscaling = 'io.k8s.api.autoscaling.v1'

export const scaleFields = struct(`${autoscaling}.Scale`, 'How many instances a workload has.', {
  apiVersion: [0, text, 'API version of the object: autoscaling/v1.'],
  kind: [0, text, 'Kind of the object: Scale.'],
  metadata: [1, objectMeta, 'Metadata of the workload.'],
  spec: [2, struct(`${autoscaling}.ScaleSpec`, 'How many there are to be.', {
    replicas: [1, whole, 'How many there are to be. Nothing here starts or stops any.']
  }), 'How many there are to be.'],
  status: [3, struct(`${autoscaling}.ScaleStatus`, 'How many there are.', {
    replicas: [1, whole, 'How many are registered.', { required: true }],
    selector: [2, text, 'Labels of the instances.']
  }), 'How many there are.']
})

export interface ScaleRequest {
  readonly verb: 'update' | 'patch'
  readonly body: Buffer
  readonly contentType: string | undefined
  readonly query: URLSearchParams
}

/**
 * The same scale, if it is asked to be as it is.
 * @param live as it is now
 * @throws StatusError 422 for another number, with the reason; 400 and 415 for a body that is none
 */
export function scaled (live: Members, request: ScaleRequest): Members {
  const asked = Number(membersOf(askedScale(live, request).spec).replicas ?? 0)
  const there = Number(membersOf(live.spec).replicas ?? 0)
  if (asked === there) return live
  const { name } = membersOf(live.metadata)
  const more = 'start more of them, and each registers itself'
  const fewer = 'drain and stop some of them (rollcall drain, kubectl delete pod)'
  const done = asked > there ? more : fewer
  const why = `the registry starts and stops no processes, and ${there} instances are registered: ${done}`
  const text = `Invalid value: ${asked}: ${asked < 0 ? 'must be greater than or equal to 0' : why}`
  throw invalid('Scale', 'autoscaling', typeof name === 'string' ? name : '', [fault('Invalid', 'spec.replicas', text)])
}

function askedScale (live: Members, { verb, body, contentType, query }: ScaleRequest): Members {
  const media = mediaOf(contentType)
  if (verb === 'update') {
    readOptions(query, 'UpdateOptions')
    return readObject(body, media, scaleFields, apiVersion).object
  }
  const patches = [jsonPatchMedia, mergePatchMedia, strategicMedia]
  if (!patches.includes(media)) throw unsupportedMediaType(patches)
  readOptions(query, 'PatchOptions')
  return patchedObject(live, media, readPatch(textOf(body)), scaleFields, '').object
}

function membersOf (value: unknown): Members {
  return isMembers(value) ? value : {}
}
