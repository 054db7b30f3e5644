// One try to get an answer from one endpoint: what is asked, and what is told of it. Three ways of transport have this form.
import type { Readable } from 'node:stream'

export interface UpstreamRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  /** Name, value, name, value; `Host` is among them. */
  readonly headers: readonly string[]
  readonly body?: Readable
  /** Octets of the body, if they are known. */
  readonly contentLength?: number
  /** Asked when the body is over. */
  readonly trailers?: () => readonly string[]
}

/**
 * `unreachable`: nothing was sent. `broken`: the connection ended before the answer did. `malformed`: what came is not HTTP, or its
 * head is too large. `full`: it has as many connections of ours as it may have. `unsendable`: the library does not send
 * such a request. `stopped`: by ourselves.
 */
export type FailureKind = 'unreachable' | 'broken' | 'malformed' | 'full' | 'unsendable' | 'stopped'

export interface Failure {
  readonly kind: FailureKind
  /** Of the system or the library, for logs. */
  readonly cause: string
}

export interface UpstreamHandler {
  /** The request is being written. @param isReused the connection has carried others before */
  sent: (isReused: boolean) => void
  /** An interim answer (1xx). */
  informed: (status: number, headers: readonly string[]) => void
  /** @returns false: no body yet, please, until `resume` */
  head: (status: number, headers: readonly string[], statusText: string) => boolean
  /** @returns false: no more, please, until `resume` */
  data: (chunk: Buffer) => boolean
  end: (trailers: readonly string[]) => void
  /** Nothing comes after it. */
  failed: (failure: Failure) => void
}

export interface Attempt {
  /** The client takes more of the body. */
  resume: () => void
  /** Gives up; `failed` follows. */
  abort: (error: Error) => void
}

const malformedCodes = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE', 'ERR_HTTP2_ERROR'])
const unsendableCodes = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN', 'ERR_UNESCAPED_CHARACTERS'])
const unreachableCodes = new Set([
  'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE',
  'UND_ERR_CONNECT_TIMEOUT'
])

/** @param wasSent something of the request may have reached the endpoint */
export function failureOf (error: unknown, wasSent: boolean): Failure {
  const { code = '', name = '', message = '' } = (error ?? {}) as { readonly code?: string, readonly name?: string, readonly message?: string }
  const cause = code === '' ? message : code
  if (error instanceof Stopped) return { kind: 'stopped', cause: error.message }
  if (unsendableCodes.has(code)) return { kind: 'unsendable', cause }
  if (!wasSent || unreachableCodes.has(code)) return { kind: 'unreachable', cause }
  const isMalformed = malformedCodes.has(code) || code.startsWith('HPE_') || name === 'HTTPParserError' || /^bad (?:response|upgrade)/.test(message)
  return { kind: isMalformed ? 'malformed' : 'broken', cause }
}

/** We gave up, not the endpoint. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}
