// Errors of the native dialect as RFC 9457 says: one shape, one handler.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../../client-sdk/src/wire.ts'
import { type ErrorCode, RegistryError, errorCatalogue, problemType, shown } from '../../errors.ts'
import { setRevision } from './conditional.ts'
import type { HttpContext } from './context.ts'
import { pathOf } from './dialect.ts'

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
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(error, request, reply, context))
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods))
    // A path that takes the method and still found nothing is of a file that is not there.
    if (methods.size === 0 || methods.has(request.method)) return sendProblem(new RegistryError('REG_ROUTE_NOT_FOUND', `there is nothing at ${shown(path)}, see /docs`), request, reply, context)
    const allow = [...methods].sort().join(', ')
    void reply.header('allow', allow)
    return sendProblem(new RegistryError('REG_METHOD_NOT_ALLOWED', `${request.method} is not allowed at ${shown(path)}, which takes ${allow}`), request, reply, context)
  })
}

function sendProblem (cause: unknown, request: FastifyRequest, reply: FastifyReply, context: HttpContext): FastifyReply {
  const error = context.faultOf(cause, request)
  const seconds = error.retryAfterSeconds ?? (retried.has(error.status) ? defaultRetrySeconds : undefined)
  if (seconds !== undefined) void reply.header('retry-after', String(seconds))
  // Node would read the rest of the body as the next request, or for nothing.
  if (request.raw.complete === false) void reply.header('connection', 'close')
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer realm="rollcall"') // RFC 9110 11.6.1
  if (error.status === 426) void reply.header('upgrade', 'websocket').header('connection', 'upgrade')
  setRevision(reply, context.core)
  return reply.code(error.status).header('content-type', problemMedia).send(problemOf(error))
}

/** The problem of what is no request. */
export function clientProblem (code: ErrorCode): { readonly media: string, readonly body: string } {
  const detail = code === 'REG_INVALID' ? 'the request is not valid HTTP' : errorCatalogue[code].title
  return { media: problemMedia, body: JSON.stringify(problemOf(new RegistryError(code, detail))) }
}

/** `/a/:b/*` as an expression; only asked when no route was found. */
function patternOf (url: string): RegExp {
  const source = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('/')
  return new RegExp(`^${source}$`)
}
