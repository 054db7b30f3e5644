// Routes as Consul has them: a method that a path has not is answered 405 with those that it has; errors are text; whatever the Content-Type,
// the body is bytes.
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { jsonList, streamed } from '../http/server/streamed.ts'
import { ConsulError, badRequest } from './consul-error.ts'

/** Gives the answer: a value that is sent as JSON, undefined for an empty one, or the reply that it has sent. */
export type Handler = (asked: Asked) => unknown

/** A request as handlers see it. */
export interface Asked {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** The part of the path that the route leaves open; '' = none. It may hold anything, `/` too. */
  readonly rest: string
  readonly query: URLSearchParams
  /** The body; empty = there is none. */
  readonly body: Buffer
}

const methods = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'] as const
const nothing = Buffer.alloc(0)
/** Parameters of one request: no client has that many. */
const maxParameters = 200

export class Routes {
  readonly #scope: FastifyInstance
  readonly #paths = new Map<string, Map<HTTPMethods, Handler>>()

  constructor (scope: FastifyInstance) {
    this.#scope = scope
  }

  /** @param path that ends in `*` leaves the rest open */
  add (method: 'GET' | 'PUT', path: string, handler: Handler): void {
    const handlers = this.#paths.get(path) ?? new Map<HTTPMethods, Handler>()
    this.#paths.set(path, handlers.set(method, handler))
  }

  /** After the last one was added. */
  register (): void {
    for (const [path, handlers] of this.#paths) {
      const allow = ['OPTIONS', ...handlers.keys()].join(',')
      for (const method of methods) {
        const handler = handlers.get(method)
        this.#scope.route({
          method, url: path, exposeHeadRoute: handler !== undefined,
          handler: (request, reply) => {
            if (handler === undefined) return refuseMethod(request, reply, allow)
            return answer(path, handler, request, reply)
          }
        })
      }
      this.#scope.options(path, (_request, reply) => reply.header('allow', allow).send())
    }
  }
}

function refuseMethod ({ method }: FastifyRequest, reply: FastifyReply, allow: string): FastifyReply {
  return reply.code(405).header('allow', allow).type(textType).send(`method ${method} not allowed`)
}

export const textType = 'text/plain; charset=utf-8'

async function answer (path: string, handler: Handler, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const url = request.raw.url ?? ''
  const end = url.indexOf('?')
  const query = new URLSearchParams(end === -1 ? '' : url.slice(end + 1))
  if (query.size > maxParameters) throw badRequest(`Too many parameters: at most ${maxParameters}`)
  const body = Buffer.isBuffer(request.body) ? request.body : nothing
  const result = await handler({ request, reply, rest: restOf(path, end === -1 ? url : url.slice(0, end)), query, body })
  if (reply.sent) return reply
  if (result === undefined) return reply.type(textType).send('')
  return sendValue(reply, result, query.has('pretty'))
}

/** Members of an answer that is made at once; a longer one is made in slices, as it is read. */
const madeAtOnce = 200

/** The JSON of a value, indented where that is asked for. */
export function sendValue (reply: FastifyReply, value: unknown, isPretty = false): FastifyReply {
  if (isPretty) return sendJson(reply, JSON.stringify(value, undefined, 4))
  if (typeof value !== 'object' || value === null) return sendJson(reply, JSON.stringify(value))
  if (Array.isArray(value) && value.length > madeAtOnce) return sendPieces(reply, jsonList(value, (item: unknown) => [item]))
  const entries = Array.isArray(value) ? [] : Object.entries(value)
  return entries.length > madeAtOnce ? sendPieces(reply, jsonObject(entries)) : sendJson(reply, JSON.stringify(value))
}

function sendPieces (reply: FastifyReply, pieces: Iterable<string>): FastifyReply {
  return reply.header('content-type', 'application/json').header('vary', 'Accept-Encoding').send(streamed(pieces))
}

function * jsonObject (entries: Iterable<readonly [string, unknown]>): Generator<string> {
  let before = '{'
  for (const [name, value] of entries) {
    yield `${before}${JSON.stringify(name)}:${JSON.stringify(value)}`
    before = ','
  }
  yield '}'
}

export function sendJson (reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json').header('vary', 'Accept-Encoding').send(text)
}

/** Decoded once: an id may hold `/` and `%`. @throws ConsulError 400 */
function restOf (path: string, asked: string): string {
  if (!path.endsWith('*')) return ''
  try {
    return decodeURIComponent(asked.slice(path.length - 1))
  } catch {
    throw new ConsulError(400, 'Invalid URL path: it is not encoded as a URL is (RFC 3986 2.1)')
  }
}
