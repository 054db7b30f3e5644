// Status: how Kubernetes answers what it refuses, word for word, since clients show these texts to people and look at `reason`.
import { type Kind, qualifiedName } from '../kinds.ts'

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
  readonly retryAfterSeconds?: number
}

export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly continue?: string }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code: number
}

/** What a request is refused with. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status

  constructor (code: number, reason: string, message: string, details?: StatusDetails, metadata: Status['metadata'] = {}) {
    super(message)
    this.status = { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, ...(reason === '' ? {} : { reason }), ...(details === undefined ? {} : { details }), code }
  }
}

type Named = Pick<Kind, 'group' | 'resource'>

function detailsOf ({ group, resource }: Named, name: string): StatusDetails {
  return { name, ...(group === '' ? {} : { group }), kind: resource }
}

export function notFound (kind: Named, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedName(kind)} "${name}" not found`, detailsOf(kind, name))
}

/** Of a path that names nothing that is served. */
export function noSuchPath (): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function alreadyExists (kind: Named, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualifiedName(kind)} "${name}" already exists`, detailsOf(kind, name))
}

export function conflict (kind: Named, name: string, why = 'the object has been modified; please apply your changes to the latest version and try again'): StatusError {
  return new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualifiedName(kind)} "${name}": ${why}`, detailsOf(kind, name))
}

/** @param why said behind Kubernetes' own sentence */
export function methodNotAllowed (kind: Named, action: string, why?: string): StatusError {
  return new StatusError(405, 'MethodNotAllowed', `${action} is not supported on resources of kind "${qualifiedName(kind)}"${why === undefined ? '' : `: ${why}`}`, {
    ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.resource
  })
}

export function badRequest (message: string): StatusError {
  return new StatusError(400, 'BadRequest', message)
}

/** Several causes are a list in the message, as kubectl's users know it. */
export function invalidObject (kind: Pick<Kind, 'group' | 'kind'>, name: string, causes: readonly StatusCause[]): StatusError {
  const texts = causes.map(({ field, message }) => `${field ?? '<nil>'}: ${message}`)
  const message = `${kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`} ${JSON.stringify(name)} is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`
  return new StatusError(422, 'Invalid', message, { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.kind, causes })
}

export function expired (message: string): StatusError {
  return new StatusError(410, 'Expired', message)
}

/** The one that a client asks for is not there yet (client-go looks for the cause, and lists anew). */
export function tooLargeResourceVersion (asked: number, current: number): StatusError {
  return new StatusError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1
  })
}

export function unsupportedMediaType (accepted: readonly string[]): StatusError {
  return new StatusError(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`, {})
}

export function notAcceptable (offered: readonly string[]): StatusError {
  return new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${offered.join(', ')}`, {})
}

/** What came of a deletion. */
export function success (details?: StatusDetails): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details === undefined ? {} : { details }), code: 200 }
}
