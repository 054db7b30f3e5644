// The one error class of the SDK. `code` is the server's `REG_...` when the registry answered, the SDK's `REGISTRY_...` when it did not.
import type { FieldError } from './wire.ts'

/** The SDK's own codes. Published once, never reused; the README has the table. */
export type SdkErrorCode =
  /** No address of the registry could be reached. */
  | 'REGISTRY_UNAVAILABLE'
  /** The registry and this client do not come to terms about TLS: an unknown CA, an expired certificate, another name, ... */
  | 'REGISTRY_TLS'
  /** The registry did not answer in time. */
  | 'REGISTRY_TIMEOUT'
  /** Something answered, but not as a registry does. */
  | 'REGISTRY_BAD_ANSWER'
  /** The answer is longer than `maxAnswerBytes`, or a snapshot than `maxSnapshotBytes`. */
  | 'REGISTRY_ANSWER_TOO_LARGE'
  /** The service is known or unknown, but no endpoint can be called. */
  | 'REGISTRY_NO_ENDPOINT'
  /** This runtime has no WebSocket. */
  | 'REGISTRY_NO_WEBSOCKET'
  /** An argument or an environment variable breaks a rule. */
  | 'REGISTRY_INVALID_ARGUMENT'
  /** The client, or the registration, was closed. */
  | 'REGISTRY_CLOSED'

export interface RollcallErrorDetails {
  readonly status?: number | undefined
  readonly errors?: readonly FieldError[] | undefined
  readonly moreErrors?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

// A second installed copy of the package recognises it all the same.
const brand = Symbol.for('rollcall.client.error')

/**
 * What every call of the SDK rejects with, save an aborted one, which rejects with the signal's reason.
 * @example if (isRollcallError(error) && error.code === 'REGISTRY_NO_ENDPOINT') ...
 */
export class RollcallError extends Error {
  override readonly name = 'RollcallError'
  /** `REG_...`: said by the registry; `REGISTRY_...`: said by the SDK. */
  readonly code: string
  /** The HTTP status, when there was an answer. */
  readonly status: number | undefined
  /** Field, value and rule of each fault of the input. */
  readonly errors: readonly FieldError[]
  /** How many faults there are beside those in `errors`. */
  readonly moreErrors: number
  /** When it makes sense to try again, if the registry said so. */
  readonly retryAfterMs: number | undefined

  constructor (code: SdkErrorCode | (string & {}), message: string, details: RollcallErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.status = details.status
    this.errors = details.errors ?? []
    this.moreErrors = details.moreErrors ?? 0
    this.retryAfterMs = details.retryAfterMs
    Object.defineProperty(this, brand, { value: true })
  }
}

/** True for a RollcallError of any copy of this package. */
export function isRollcallError (value: unknown): value is RollcallError {
  return typeof value === 'object' && value !== null && brand in value
}

/**
 * True if the same call may succeed elsewhere or later: no node answered, or the answer says "not now".
 * 501 and 507 (the store is full) will be the same at the next node.
 */
export function isPassing (error: unknown): boolean {
  if (!isRollcallError(error)) return false
  if (error.code === 'REGISTRY_UNAVAILABLE' || error.code === 'REGISTRY_TIMEOUT' || error.code === 'REGISTRY_TLS') return true
  const { status } = error
  if (status === undefined) return false
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 507)
}

/** True if the registry understood and said no: the same call will never succeed. */
export function isRefusal (error: unknown): boolean {
  return isRollcallError(error) && error.status !== undefined && error.status >= 400 && error.status < 500 && !isPassing(error)
}

/** True if the registry does not know who asks: the token is missing, wrong, expired or was revoked. The same call again will not do. */
export function isUnauthenticated (error: unknown): boolean {
  return isRollcallError(error) && error.code === 'REG_UNAUTHENTICATED'
}

/** True if no policy permits the call to whoever the token says. */
export function isForbidden (error: unknown): boolean {
  return isRollcallError(error) && error.code === 'REG_FORBIDDEN'
}

/** Makes an Error of any thrown value. */
export function asError (value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value))
}
