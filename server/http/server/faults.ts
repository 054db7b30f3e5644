// What went wrong, in the registry's own words, before a dialect writes it in its own form. An error that is not one of ours
// goes to the log; the client gets the id of the request only.
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyError, FastifyRequest } from 'fastify'
import { type ErrorCode, RegistryError, errorCatalogue, invalid } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import { withoutTokens } from './guard.ts'
import type { HttpLog } from './http-log.ts'
import type { Dialect } from './dialect.ts'

/** Errors that Fastify makes before a handler runs. */
const translations: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'REG_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'REG_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REG_INVALID',
  FST_ERR_BAD_URL: 'REG_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'REG_URI_TOO_LONG'
}

/** What the stream of an answer fails with when its reader has gone: no fault of ours, and nobody reads what is said of it. */
const endsOfReaders: ReadonlySet<string> = new Set([
  'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_HTTP2_INVALID_STREAM', 'ERR_HTTP2_STREAM_ERROR', 'ECONNRESET', 'EPIPE'
])

/** Characters of an address in the log. */
const maxShownUrl = 200

export function faultOf (cause: unknown, request: FastifyRequest, { log, guard }: { readonly log: HttpLog, readonly guard: Guard }): RegistryError {
  if (cause instanceof RegistryError) {
    if (cause.cause !== undefined && cause.status >= 500) log.warn({ err: cause.cause, requestId: request.id, code: cause.code }, cause.message)
    return cause
  }
  const { code, message, statusCode } = cause as Partial<FastifyError> // whatever was thrown; every field may be absent
  const translated = code === undefined ? undefined : translations[code]
  if (translated === 'REG_BODY_TOO_LARGE') {
    return new RegistryError(translated, `the body must not be larger than ${request.routeOptions.bodyLimit} bytes`)
  }
  if (translated !== undefined) return new RegistryError(translated, message ?? translated)
  // The client went away, or sent less than it promised, while its body was read.
  if (statusCode === 400) return invalid([{ field: 'body', rule: 'must arrive whole' }])
  if (statusCode === 404) return new RegistryError('REG_ROUTE_NOT_FOUND', 'there is nothing at this path')
  if (code !== undefined && endsOfReaders.has(code) && request.raw.socket.destroyed) {
    return new RegistryError('REG_OVERLOADED', 'the client has gone: nobody waits for the answer')
  }
  guard.failed('http-request', cause, { requestId: request.id, method: request.method, url: withoutTokens(request.url).slice(0, maxShownUrl) })
  return new RegistryError('REG_INTERNAL', `the registry failed at this request (${request.id}); its log says why`)
}

/** What Node's parser refuses never becomes a request; the socket gets an answer of the listener's first dialect, and ends. */
export function answerClientError (error: NodeJS.ErrnoException, socket: Duplex, write: Dialect['clientError']): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // The last answer has said that it is the last one: what comes behind it is not looked at (RFC 9112 9.6).
  if (error.code === 'HPE_CLOSED_CONNECTION') return void socket.end()
  const code: ErrorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? 'REG_REQUEST_TIMEOUT'
    : error.code === 'HPE_HEADER_OVERFLOW' ? 'REG_HEADERS_TOO_LARGE' : 'REG_INVALID'
  if (socket.writable) socket.write(lastAnswer(code, write))
  socket.destroy(error)
}

/** An answer in HTTP/1.1 as text, after which the connection ends. */
export function lastAnswer (code: ErrorCode, write: Dialect['clientError']): string {
  const { status } = errorCatalogue[code]
  const { media, body } = write?.(code) ?? { media: 'text/plain', body: '' }
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `content-type: ${media}`, `content-length: ${Buffer.byteLength(body)}`, 'connection: close']
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
