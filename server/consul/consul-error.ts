// Errors as Consul says them: a status and a line of text. Its clients compare these texts, so that they stand as Consul has them; what
// is the registry's own rule says so in the registry's words behind.
import type { RegistryError } from '../errors.ts'

/** An answer that is an error, in the text of Consul. */
export class ConsulError extends Error {
  override readonly name = 'ConsulError'
  readonly status: number

  constructor (status: number, text: string) {
    super(text)
    this.status = status
  }
}

export function badRequest (text: string): ConsulError {
  return new ConsulError(400, text)
}

/** A body that cannot be read, as Consul begins that text. */
export function undecoded (why: string): ConsulError {
  return badRequest(`Request decode failed: ${why}`)
}

export const unknownPath = 'Invalid URL path: not a recognized HTTP API endpoint'

export function unknownService (id: string): ConsulError {
  return new ConsulError(404, `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`)
}

export function unknownCheck (id: string): ConsulError {
  return new ConsulError(404, `Unknown check ID ${JSON.stringify(id)}. Ensure that the check ID is passed, not the check name.`)
}

/** Status and text of a refusal of the registry. Nothing that nobody expected is told: `REG_INTERNAL` names the request only. */
export function refusalOf ({ code, message, status }: RegistryError): { readonly status: number, readonly text: string } {
  switch (code) {
    case 'REG_FORBIDDEN': return { status: 403, text: `Permission denied: ${message}` }
    // Consul has one answer to whatever is wrong with a token; without any its clients look for "Permission denied".
    case 'REG_UNAUTHENTICATED': return { status: 403, text: `ACL not found: ${message}` }
    case 'REG_NOT_LOADED':
    case 'REG_STORE_UNAVAILABLE': return { status: 500, text: `No cluster leader: ${message}` }
    case 'REG_LIMIT_REACHED': return { status: 429, text: message }
    case 'REG_BODY_SYNTAX':
    case 'REG_MEDIA_TYPE': return { status: 400, text: `Request decode failed: ${message}` }
    case 'REG_BODY_TOO_LARGE': return { status: 413, text: `Request body too large: ${message}` }
    default: return { status: status === 409 ? 500 : status, text: message }
  }
}
