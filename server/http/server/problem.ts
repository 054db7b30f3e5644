// Errors as RFC 9457 says: one shape, one handler. What is not ours is told to the log, and to the client only by its id.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../../client-sdk/src/wire.ts'
import { type ErrorCode, RegistryError, errorCatalogue, invalid, problemType, shown } from '../../errors.ts'
import { setRevision } from './conditional.ts'
import type { HttpContext } from './context.ts'
import type { RequestRecorder } from './request-times.ts'

export const problemMedia = 'application/problem+json'

/** Where waiting helps and the error does not say how long: seconds. */
const defaultRetrySeconds = 1
const retried: ReadonlySet<number> = new Set([429, 503, 504])

/** The body of an error. */
export function problemOf (error: RegistryError): Problem {
  const { code, status, message, errors, moreErrors } = error
  return {
    type: `${problemType}${code}`,
    title: errorCatalogue[code].title,
    status,
    code,
    detail: message,
    ...(errors === undefined ? {} : { errors }),
    ...(moreErrors === 0 ? {} : { moreErrors })
  }
}

/** Makes the app answer every error, unknown path and wrong method as a problem. */
export function registerProblems (app: FastifyInstance, context: HttpContext): void {
  const routes: { readonly methods: readonly string[], readonly pattern: RegExp }[] = []
  app.addHook('onRoute', ({ method, url }) => {
    routes.push({ methods: [method].flat(), pattern: patternOf(url) })
  })
  const unrouted = new Map<string, RequestRecorder>() // by method, of which Node knows some thirty
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(error, request, reply, context))
  app.setNotFoundHandler((request, reply) => {
    const record = unrouted.get(request.method) ?? context.metrics.requests.of(request.method, '(none)')
    unrouted.set(request.method, record)
    reply.raw.once('finish', context.guard.around('http-request', () => record(reply.statusCode, undefined)))
    const path = pathOf(request)
    const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods))
    if (methods.size === 0) return sendProblem(new RegistryError('REG_ROUTE_NOT_FOUND', `there is nothing at ${shown(path)}, see /docs`), request, reply, context)
    const allow = [...methods].sort().join(', ')
    void reply.header('allow', allow)
    return sendProblem(new RegistryError('REG_METHOD_NOT_ALLOWED', `${request.method} is not allowed at ${shown(path)}, which takes ${allow}`), request, reply, context)
  })
}

function sendProblem (cause: unknown, request: FastifyRequest, reply: FastifyReply, context: HttpContext): FastifyReply {
  const error = registryErrorOf(cause, request, context)
  const seconds = error.retryAfterSeconds ?? (retried.has(error.status) ? defaultRetrySeconds : undefined)
  if (seconds !== undefined) void reply.header('retry-after', String(seconds))
  if (error.status === 426) void reply.header('upgrade', 'websocket').header('connection', 'upgrade')
  setRevision(reply, context.core)
  return reply.code(error.status).header('content-type', problemMedia).send(problemOf(error))
}

/** Characters of an address in the log. */
const maxShownUrl = 200

/** Errors that Fastify makes before a handler runs, in our words. */
const translations: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'REG_BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'REG_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REG_INVALID',
  FST_ERR_BAD_URL: 'REG_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'REG_URI_TOO_LONG'
}

function registryErrorOf (cause: unknown, request: FastifyRequest, { log, guard }: HttpContext): RegistryError {
  if (cause instanceof RegistryError) {
    if (cause.cause !== undefined && cause.status >= 500) log.warn({ err: cause.cause, requestId: request.id, code: cause.code }, cause.message)
    return cause
  }
  const { code, message, statusCode } = cause as Partial<FastifyError> // whatever was thrown; every field may be absent
  const translated = code === undefined ? undefined : translations[code]
  if (translated === 'REG_BODY_TOO_LARGE') {
    return new RegistryError(translated, `the body must not be larger than ${request.routeOptions.bodyLimit} octets`)
  }
  if (translated !== undefined) return new RegistryError(translated, message ?? translated)
  // The client went away, or sent less than it promised, while its body was read.
  if (statusCode === 400) return invalid([{ field: 'body', rule: 'must arrive whole' }])
  guard.failed('http-request', cause, { requestId: request.id, method: request.method, url: request.url.slice(0, maxShownUrl) })
  return new RegistryError('REG_INTERNAL', `the registry failed at this request (${request.id}); its log says why`)
}

/** What Node's parser refuses never becomes a request; the socket gets the same kind of answer, and ends. */
export function answerClientError (error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const code: ErrorCode = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    ? 'REG_REQUEST_TIMEOUT'
    : error.code === 'HPE_HEADER_OVERFLOW' ? 'REG_HEADERS_TOO_LARGE' : 'REG_INVALID'
  const { status } = errorCatalogue[code]
  const detail = code === 'REG_INVALID' ? 'the request is not valid HTTP' : errorCatalogue[code].title
  const body = JSON.stringify(problemOf(new RegistryError(code, detail)))
  if (socket.writable) {
    const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `content-type: ${problemMedia}`, `content-length: ${Buffer.byteLength(body)}`, 'connection: close']
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  }
  socket.destroy(error)
}

export function pathOf (request: FastifyRequest): string {
  const { url } = request
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** `/a/:b/*` as an expression; only asked when no route was found. */
function patternOf (url: string): RegExp {
  const source = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('/')
  return new RegExp(`^${source}$`)
}
