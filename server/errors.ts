// The one catalogue of error codes. A code is published once and never reused; docs/reference/errors.md is checked against it.
import type { FieldError } from '../client-sdk/src/wire.ts'
import { FaultList, type Refusal, sentence } from './refusal.ts'

export { shown } from './refusal.ts'

interface CatalogueEntry {
  readonly status: number
  readonly title: string
}

export const errorCatalogue = {
  REG_INVALID: { status: 400, title: 'The request breaks a rule' },
  REG_BODY_SYNTAX: { status: 400, title: 'The body is not valid JSON' },
  REG_SELECTOR_INVALID: { status: 400, title: 'The label selector cannot be read' },
  REG_CURSOR_INVALID: { status: 400, title: 'The cursor is not one of ours' },
  REG_TLS_REQUIRED: { status: 400, title: 'This port speaks TLS: ask with https://' },
  REG_UNAUTHENTICATED: { status: 401, title: 'Who asks is not known: a token is missing, wrong or expired' },
  REG_FORBIDDEN: { status: 403, title: 'No policy permits this' },
  REG_CERTIFICATE_REFUSED: { status: 403, title: 'The certificate of the client is missing or refused' },
  REG_ORIGIN_REFUSED: { status: 403, title: 'The request comes from a foreign web page' },
  REG_ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing at this path' },
  REG_NAMESPACE_NOT_FOUND: { status: 404, title: 'There is no such namespace' },
  REG_SERVICE_NOT_FOUND: { status: 404, title: 'There is no such service' },
  REG_INSTANCE_NOT_FOUND: { status: 404, title: 'There is no such instance' },
  REG_LEASE_NOT_FOUND: { status: 404, title: 'There is no such lease: register again' },
  REG_OVERRIDE_NOT_FOUND: { status: 404, title: 'There is no override on this instance' },
  REG_MANIFEST_NOT_FOUND: { status: 404, title: 'There is no such manifest' },
  REG_RECORD_NOT_FOUND: { status: 404, title: 'There is no such record set aside' },
  REG_TOKEN_NOT_FOUND: { status: 404, title: 'There is no such token' },
  REG_REVISION_NOT_FOUND: { status: 404, title: 'The revision is not, or no longer, known here' },
  REG_METHOD_NOT_ALLOWED: { status: 405, title: 'The method is not allowed at this path' },
  REG_REQUEST_TIMEOUT: { status: 408, title: 'The request did not arrive in time' },
  REG_CONFLICT: { status: 409, title: 'It was changed at the same time' },
  REG_GENERATION_SUPERSEDED: { status: 409, title: 'Another life of this instance is registered' },
  REG_NOT_DECIDED: { status: 409, title: 'The autoscaler has not decided anything yet' },
  REG_LIMIT_REACHED: { status: 409, title: 'A limit of the registry is reached' },
  REG_PRECONDITION_FAILED: { status: 412, title: 'A condition of the request does not hold' },
  REG_BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  REG_URI_TOO_LONG: { status: 414, title: 'The path is too long' },
  REG_MEDIA_TYPE: { status: 415, title: 'The content type is not supported' },
  REG_HOST_REFUSED: { status: 421, title: 'The Host header names another server' },
  REG_MANIFEST_INVALID: { status: 422, title: 'A manifest breaks a rule' },
  REG_UPGRADE_REQUIRED: { status: 426, title: 'This path speaks WebSocket or an event stream' },
  REG_OVERLOADED: { status: 429, title: 'Too many requests wait already' },
  REG_HEADERS_TOO_LARGE: { status: 431, title: 'The header is too large' },
  REG_INTERNAL: { status: 500, title: 'The registry failed' },
  REG_NOT_LOADED: { status: 503, title: 'The registry has not loaded its data yet' },
  REG_STORE_UNAVAILABLE: { status: 503, title: 'The store is away' },
  REG_NODE_FULL: { status: 503, title: 'This node serves as many watchers as it can' },
  REG_SHUTTING_DOWN: { status: 503, title: 'This node is shutting down' },
  REG_REVISION_TIMEOUT: { status: 504, title: 'The revision did not arrive in time' },
  REG_OUTCOME_UNKNOWN: { status: 504, title: 'The store did not answer in time: the write may or may not have happened' },
  REG_STORE_FULL: { status: 507, title: 'The store is full' }
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof errorCatalogue

/** The `type` of a problem (RFC 9457) is this plus the code. */
export const problemType = 'urn:rollcall:error:'

/** Characters of a message: a sentence for each of the faults that are told. */
const maxMessageLength = 4_096

/**
 * The only error that the registry throws on purpose. `errors` names field, value and rule of the first faults of the
 * input, cut to a readable size (refusal.ts), and `moreErrors` how many there are beside.
 * @example throw new RegistryError('REG_INVALID', 'port must be 1-65535, got 0', [{ field: 'ports[0].port', value: 0, rule: '1-65535' }])
 */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: ErrorCode
  readonly status: number
  readonly errors: readonly FieldError[] | undefined
  /** Faults beside those in `errors`. */
  readonly moreErrors: number
  /** Seconds after which it makes sense to try again. */
  readonly retryAfterSeconds: number | undefined

  constructor (
    code: ErrorCode, message: string, errors?: readonly FieldError[],
    options?: { readonly cause?: unknown, readonly retryAfterSeconds?: number, readonly moreErrors?: number }
  ) {
    super(
      message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}...` : message,
      options?.cause === undefined ? undefined : { cause: options.cause }
    )
    const list = new FaultList()
    list.addAll(errors ?? [], options?.moreErrors)
    this.code = code
    this.status = errorCatalogue[code].status
    this.errors = errors === undefined ? undefined : list.faults
    this.moreErrors = list.more
    this.retryAfterSeconds = options?.retryAfterSeconds
  }
}

/** A REG_INVALID of one or several field errors, with a message that a person can act on. */
export function invalid (errors: readonly FieldError[], moreErrors = 0): RegistryError {
  const list = new FaultList()
  list.addAll(errors, moreErrors)
  return new RegistryError('REG_INVALID', sentence(list.faults, list.more), list.faults, { moreErrors: list.more })
}

/** The REG_INVALID of what a checker refused. */
export function refused ({ faults, more }: Refusal): RegistryError {
  return invalid(faults, more)
}
