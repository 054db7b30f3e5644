// Why a write is refused, as Kubernetes says it: what its Status holds. The texts are user interface: kubectl prints
// them.
import type { Kind } from '../kinds.ts'
import { type StatusCause, StatusError } from '../answers/status.ts'

export {
  badRequest, conflict, notFound, type StatusCause, StatusError, unsupportedMediaType
} from '../answers/status.ts'

/** Resource and group of what is written: `services`, ``; `endpointslices`, `discovery.k8s.io`. */
export type Resource = Pick<Kind, 'group' | 'resource'>

/** Another write came in between. */
export const modifiedMeanwhile =
  'the object has been modified; please apply your changes to the latest version and try again'

/** The patch is well formed, and cannot be applied to this object. Kubernetes keeps the reason to itself; we add it. */
export function unprocessable (why: string): StatusError {
  const message = `the server rejected our request due to an error in our request: ${why}`
  return new StatusError(422, 'Invalid', message, { causes: [{ message: why, field: 'patch' }] })
}

export function tooLarge (message: string): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity is too large: ${message}`)
}

export type FaultType = 'Invalid' | 'Required' | 'Forbidden' | 'NotSupported' | 'TooLong'

/** One field of an object breaks a rule. */
export interface FieldFault {
  readonly type: `FieldValue${FaultType}`
  readonly field: string
  /** What Kubernetes writes behind the field: `Invalid value: "x": must be ...`. */
  readonly text: string
}

/** @param text what Kubernetes writes behind the field */
export function fault (type: FaultType, field: string, text: string): FieldFault {
  return { type: `FieldValue${type}`, field, text }
}

/** @param kind empty where the fault is the patch's own */
export function invalid (kind: string, group: string, name: string, faults: readonly FieldFault[]): StatusError {
  const texts = faults.map(({ field, text }) => `${field}: ${text}`)
  const all = texts.length === 1 ? texts[0] ?? '' : `[${texts.join(', ')}]`
  const subject = group === '' ? kind : `${kind}.${group}`
  const causes = faults.map(({ type, field, text }): StatusCause => ({ reason: type, message: text, field }))
  return new StatusError(422, 'Invalid', `${subject} ${JSON.stringify(name)} is invalid: ${all}`, {
    ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), ...(kind === '' ? {} : { kind }), causes
  })
}

/** The patch gives an object that cannot be read. */
export function invalidPatch (shown: string, why: string): StatusError {
  return invalid('', '', '', [fault('Invalid', 'patch', `Invalid value: ${JSON.stringify(shown)}: ${why}`)])
}
