// The registry's own errors as Kubernetes says them. Codes and reasons are those that its clients decide by.
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import type { ErrorCode, RegistryError } from '../../errors.ts'
import { type Kind, qualifiedName } from '../kinds.ts'
import { type StatusCause, StatusError, badRequest, conflict, invalidObject, notFound } from './status.ts'

/** What a request is about, as far as it is known. */
export interface Subject {
  readonly kind?: Kind | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  /** `get`, `list`, `create`... */
  readonly verb?: string | undefined
}

/** Those that say the same whatever they are about. */
const plain: Partial<Record<ErrorCode, readonly [code: number, reason: string, message?: string]>> = {
  REG_UNAUTHENTICATED: [401, 'Unauthorized', 'Unauthorized'],
  REG_LIMIT_REACHED: [403, 'Forbidden'],
  REG_ORIGIN_REFUSED: [403, 'Forbidden'],
  REG_CERTIFICATE_REFUSED: [403, 'Forbidden'],
  REG_METHOD_NOT_ALLOWED: [405, 'MethodNotAllowed'],
  REG_REQUEST_TIMEOUT: [408, 'Timeout'],
  REG_MEDIA_TYPE: [415, 'UnsupportedMediaType'],
  REG_HOST_REFUSED: [421, 'BadRequest'],
  REG_OVERLOADED: [429, 'TooManyRequests'],
  REG_NOT_LOADED: [503, 'ServiceUnavailable'],
  REG_STORE_UNAVAILABLE: [503, 'ServiceUnavailable'],
  REG_NODE_FULL: [503, 'ServiceUnavailable'],
  REG_SHUTTING_DOWN: [503, 'ServiceUnavailable'],
  REG_REVISION_TIMEOUT: [504, 'Timeout'],
  REG_OUTCOME_UNKNOWN: [504, 'Timeout'],
  REG_STORE_FULL: [507, 'InternalError']
}

export function statusOf (error: RegistryError, subject: Subject = {}): StatusError {
  const { kind, name = '' } = subject
  const { code, message, retryAfterSeconds } = error
  const retry = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds }
  switch (code) {
    case 'REG_FORBIDDEN': return forbidden(error, subject)
    case 'REG_NAMESPACE_NOT_FOUND':
      return kind?.namespaced === true && subject.namespace !== undefined ? notFound({ group: '', resource: 'namespaces' }, subject.namespace) : notFound(kind ?? { group: '', resource: 'namespaces' }, name)
    case 'REG_SERVICE_NOT_FOUND': case 'REG_INSTANCE_NOT_FOUND': case 'REG_MANIFEST_NOT_FOUND': case 'REG_LEASE_NOT_FOUND':
      return kind === undefined ? new StatusError(404, 'NotFound', message, {}) : notFound(kind, name)
    case 'REG_ROUTE_NOT_FOUND': return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})
    case 'REG_CONFLICT': case 'REG_GENERATION_SUPERSEDED':
      return kind === undefined ? new StatusError(409, 'Conflict', message) : conflict(kind, name, reworded(message))
    case 'REG_MANIFEST_INVALID': return kind === undefined ? badRequest(message) : invalidObject(kind, name, (error.errors ?? []).map(causeOf))
    case 'REG_INVALID': case 'REG_BODY_SYNTAX': case 'REG_SELECTOR_INVALID': case 'REG_CURSOR_INVALID': case 'REG_TLS_REQUIRED': return badRequest(message)
    case 'REG_BODY_TOO_LARGE': return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${/\d+/.exec(message)?.[0] ?? ''}`)
    case 'REG_INTERNAL': return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
    default: {
      const [status, reason, text = message] = plain[code] ?? [error.status, 'Unknown']
      return new StatusError(status, reason, text, retry)
    }
  }
}

/** Kubernetes' own sentence where an old version was given; what else is in the way is said as it is. */
function reworded (message: string): string | undefined {
  return message.includes('the object has been modified') ? undefined : message
}

function forbidden ({ message }: RegistryError, { kind, namespace, name, verb = 'get' }: Subject): StatusError {
  if (kind === undefined) return new StatusError(403, 'Forbidden', message, {})
  const what = `${qualifiedName(kind)}${name === undefined || name === '' ? '' : ` "${name}"`}`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const text = `${what} is forbidden: User cannot ${verb} resource "${kind.resource}" in API group "${kind.group}" ${where}: ${message}`
  return new StatusError(403, 'Forbidden', text, { ...(name === undefined ? {} : { name }), ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.resource })
}

/** A fault of a field in Kubernetes' words: its reason, then the value, then the rule. */
export function causeOf ({ field, value, rule, reason = 'FieldValueInvalid' }: FieldError): StatusCause {
  const shown = JSON.stringify(value) ?? 'null'
  switch (reason) {
    case 'FieldValueRequired': return { reason, message: rule === 'is required' ? 'Required value' : `Required value: ${rule}`, field }
    case 'FieldValueNotSupported': return { reason, message: `Unsupported value: ${shown}: ${rule.replace(/^must be one of /, 'supported values: ')}`, field }
    case 'FieldValueDuplicate': return { reason, message: `Duplicate value: ${shown}`, field }
    case 'FieldValueForbidden': return { reason, message: `Forbidden: ${rule}`, field }
    case 'FieldValueTooLong': return { reason, message: `Too long: ${rule}`, field }
    case 'FieldValueTooMany': return { reason, message: `Too many: ${shown}: ${rule}`, field }
    default: return { reason, message: `Invalid value: ${shown}: ${rule}`, field }
  }
}
