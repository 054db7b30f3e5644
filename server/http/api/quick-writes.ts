// Registrations and heartbeats ahead of routing: what instances send over and over. The request is read, checked and done by the same
// functions as by its route (lease-writes.ts); what is saved is what Fastify does around them. Taken is only
//
//   the request       PUT or POST of HTTP/1.1 at the very path, from a host that was let in, with no header that the route would look at; its
//                     body is JSON, short, and here as a whole
//   the node          it is not going, and writes no line for each request
//
// Everything else goes to the route, and so does whatever fails: the route gets the body that was read here, and if the command itself
// failed, its error in the place of the command. So errors are told by the route alone. test/http/quick-writes.test.ts compares both.
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TSchema } from 'typebox'
import { loop } from '../../loop.ts'
import { isId, isLabel } from '../../model/names.ts'
import type { InstanceName } from '../../registry/core.ts'
import { jsonType, revisionHeaders } from '../server/conditional.ts'
import { type HttpContext, knownAccessOf } from '../server/context.ts'
import type { AnswerAhead } from '../server/dialect.ts'
import { parseJson } from '../server/json-body.ts'
import { type Shape, shapeOf } from '../server/json-scan.ts'
import { maxQuickBodyBytes } from '../server/limits.ts'
import type { RequestRecorder } from '../server/metrics.ts'
import { resolvedSchema } from '../server/validation.ts'
import { askedHeaders } from './asked-headers.ts'
import type { Sender, Written } from './lease-writes.ts'
import { components } from './schemas.ts'
import { compileValidator } from './validator.ts'

/** Does what a route does with a body that fits its schema. It may reject, but not throw. */
export type Act = (context: HttpContext, sender: Sender, name: InstanceName, body: never) => Promise<Written>

export interface QuickWrite {
  readonly method: 'PUT' | 'POST'
  /** The route, for the metrics. */
  readonly route: string
  /** It does not wait for others. */
  readonly isUrgent: boolean
  /** Of the body. */
  readonly schema: TSchema
  readonly act: Act
}

/** What is done with one kind of request. */
interface Kind {
  readonly isUrgent: boolean
  readonly shape: Shape
  readonly isFit: (body: unknown) => boolean
  readonly act: Act
  readonly record: RequestRecorder
}

type Route = (request: IncomingMessage, response: ServerResponse) => void

interface Work {
  readonly kind: Kind
  readonly name: InstanceName
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly beganMs: number
}

/** Names without anything that a URL would write otherwise; whether they are names is asked behind it. */
const instanceUrl = /^\/v1\/namespaces\/([a-z0-9-]{1,63})\/services\/([a-z0-9-]{1,63})\/instances\/([A-Za-z0-9._~:@-]{1,253})(\/heartbeat)?$/
const heartbeatsUrl = '/v1/heartbeats'
const nobody: InstanceName = { namespace: '', service: '', id: '' }

export class QuickWrites implements AnswerAhead {
  readonly #context: HttpContext
  readonly #register: Kind
  readonly #heartbeat: Kind
  readonly #heartbeats: Kind
  readonly #failures = new WeakMap<IncomingMessage, { readonly error: unknown }>()

  constructor (context: HttpContext, register: QuickWrite, heartbeat: QuickWrite, heartbeats: QuickWrite) {
    this.#context = context
    this.#register = this.#kindOf(register)
    this.#heartbeat = this.#kindOf(heartbeat)
    this.#heartbeats = this.#kindOf(heartbeats)
  }

  #kindOf ({ method, route, isUrgent, schema, act }: QuickWrite): Kind {
    const validate = compileValidator({ schema, httpPart: 'body' })
    const isFit = (body: unknown): boolean => {
      const result = validate(body)
      return result === true || !('error' in result)
    }
    return { isUrgent, shape: shapeOf(resolvedSchema(schema, components)), isFit, act, record: this.#context.http.of(method, route) }
  }

  /** For the routes, before they do anything. @throws what the command of this request has failed with already */
  refuseFailed ({ raw }: Sender): void {
    const failure = this.#failures.get(raw)
    if (failure !== undefined) throw failure.error
  }

  answer (request: IncomingMessage, response: ServerResponse, route: Route): boolean {
    const { closing, hosts, logRequests } = this.#context
    const { method, url = '' } = request
    if ((method !== 'PUT' && method !== 'POST') || request.httpVersion !== '1.1' || closing.begun || logRequests()) return false
    let kind = this.#heartbeats
    let name = nobody
    if (method === 'PUT') {
      const match = instanceUrl.exec(url)
      if (match === null) return false
      const [, namespace = '', service = '', id = '', heartbeat] = match
      if (!isLabel(namespace) || !isLabel(service) || !isId(id)) return false
      kind = heartbeat === undefined ? this.#register : this.#heartbeat
      name = { namespace, service, id }
    } else if (url !== heartbeatsUrl) return false
    const asked = askedHeaders(request.rawHeaders)
    if (asked === undefined || asked.tag !== undefined || !hosts.knows(asked.host)) return false
    if (knownAccessOf(this.#context, { raw: request }) === undefined) return false // what is shown for the first time is looked at before the route
    const { type, length = '0' } = asked
    // Of a heartbeat the path may say all.
    const isJson = type === 'application/json' || (type === undefined && length === '0' && kind === this.#heartbeat)
    if (!isJson || Number(length) > maxQuickBodyBytes) return false
    const work = { kind, name, request, response, route, beganMs: performance.now() }
    this.#context.bodies.early(request, kind.isUrgent, (bytes) => {
      if (bytes === undefined) route(request, response)
      else this.#do(work, bytes)
    })
    return true
  }

  #do (work: Work, bytes: Buffer): void {
    const { kind, name, request, response } = work
    loop.begins(request)
    const body = bodyOf(kind, bytes)
    if (body === unfit) return this.#pass(work, bytes)
    kind.act(this.#context, { raw: request }, name, body as never) // it fits the schema that `act` was given with
      .then((written) => this.#answer(work, written), (error: unknown) => {
        this.#failures.set(request, { error })
        this.#pass(work, bytes)
      })
      .catch((error: unknown) => {
        this.#context.guard.failed('http-request', error)
        response.destroy()
      })
  }

  /** The route goes on with what was read. */
  #pass ({ request, response, route }: Work, bytes: Buffer): void {
    this.#context.bodies.hand(request, bytes)
    route(request, response)
  }

  #answer ({ kind, response, beganMs }: Work, { status, revision, text }: Written): void {
    const headers = revisionHeaders(this.#context.core.position, revision)
    headers.push('content-type', jsonType, 'content-length', String(Buffer.byteLength(text)))
    response.writeHead(status, headers)
    response.end(text)
    kind.record(status, (performance.now() - beganMs) / 1_000)
  }
}

const unfit = Symbol('unfit')

/** A body that fits; `unfit` = the route says why not. */
function bodyOf ({ shape, isFit }: Kind, bytes: Buffer): unknown {
  try {
    if (!isUtf8(bytes)) return unfit
    const body = bytes.length === 0 ? undefined : parseJson(bytes.toString(), { shape })
    return body !== null && isFit(body) ? body : unfit
  } catch {
    return unfit
  }
}
