// Why a write is refused, as Kubernetes says it: what its Status holds. The texts are user interface: kubectl prints them.

export interface StatusCause {
  readonly reason?: string
  readonly message: string
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
}

/** Resource and group of what is written: `services`, `` ; `endpointslices`, `discovery.k8s.io`. */
export interface Resource {
  readonly group: string
  readonly resource: string
}

export class WriteRefusal extends Error {
  override readonly name = 'WriteRefusal'
  readonly code: number
  /** Kubernetes' word for the kind of failure; empty = none. */
  readonly reason: string
  readonly details: StatusDetails | undefined

  constructor (code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
  }
}

export function badRequest (message: string): WriteRefusal {
  return new WriteRefusal(400, 'BadRequest', message)
}

/** The patch is well formed, and cannot be applied to this object. */
export function unprocessable (message: string): WriteRefusal {
  return new WriteRefusal(422, '', message, {})
}

export function tooLarge (message: string): WriteRefusal {
  return new WriteRefusal(413, 'RequestEntityTooLarge', `Request entity is too large: ${message}`)
}

/** One field of an object breaks a rule. */
export interface FieldFault {
  readonly type: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueForbidden' | 'FieldValueNotSupported' | 'FieldValueTooLong' | 'FieldValueTypeInvalid'
  readonly field: string
  /** What Kubernetes writes behind the field: `Invalid value: "x": must be ...`. */
  readonly text: string
}

/** @param kind empty where the fault is the patch's own */
export function invalid (kind: string, group: string, name: string, faults: readonly FieldFault[]): WriteRefusal {
  const texts = faults.map(({ field, text }) => `${field}: ${text}`)
  const all = texts.length === 1 ? texts[0] ?? '' : `[${texts.join(', ')}]`
  const subject = group === '' ? kind : `${kind}.${group}`
  const causes = faults.map(({ type, field, text }): StatusCause => ({ reason: type, message: text, field }))
  return new WriteRefusal(422, 'Invalid', `${subject} ${JSON.stringify(name)} is invalid: ${all}`, {
    ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), ...(kind === '' ? {} : { kind }), causes
  })
}

/** The patch gives an object that cannot be read. */
export function invalidPatch (shown: string, why: string): WriteRefusal {
  return invalid('', '', '', [{ type: 'FieldValueInvalid', field: 'patch', text: `Invalid value: ${JSON.stringify(shown)}: ${why}` }])
}

export function qualified ({ group, resource }: Resource): string {
  return group === '' ? resource : `${resource}.${group}`
}

export function conflict (resource: Resource, name: string, why: string): WriteRefusal {
  return new WriteRefusal(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} ${JSON.stringify(name)}: ${why}`, {
    name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.resource
  })
}

export const modifiedMeanwhile = 'the object has been modified; please apply your changes to the latest version and try again'

export function notFound (resource: Resource, name: string): WriteRefusal {
  return new WriteRefusal(404, 'NotFound', `${qualified(resource)} ${JSON.stringify(name)} not found`, {
    name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.resource
  })
}

export function unsupportedMediaType (accepted: readonly string[]): WriteRefusal {
  return new WriteRefusal(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`)
}
