// Renewals ahead of routing: each is a request of its own in this protocol, and most requests are renewals. Taken is only
//
//   the request   PUT of HTTP/1.1 at the usual path, with nothing in it that would be written otherwise, from a host that was let in and a
//                 client that is known already; without a body and without a header that the route would look at
//   the node      it is loaded and not going, and writes no line for each request
//
// Everything else goes to the route, and so does a renewal that failed: errors are told by the route alone.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AccessContext, knownAccessOf } from '../http/server/context.ts'
import type { AnswerAhead, DialectParts } from '../http/server/dialect.ts'
import type { RequestRecorder } from '../http/server/metrics.ts'
import type { CallCounts, Core } from '../registry/core.ts'
import { isLabel } from '../model/names.ts'
import { renew } from './instances.ts'

/** A status alone may be news, which the route tells. */
const url = /^\/eureka(?:\/v[12])?\/apps\/([A-Za-z0-9-]{1,63})\/([A-Za-z0-9_~:@][A-Za-z0-9._~:@-]{0,252})(?:\?status=[A-Z_]+&lastDirtyTimestamp=(\d{1,15}))?$/
const refusedHeaders = ['x-rollcall-namespace', 'x-namespace', 'transfer-encoding', 'expect', 'origin', 'upgrade', 'sec-fetch-site'] as const

export interface QuickOptions {
  readonly core: Core
  readonly counts: CallCounts
  readonly namespace: string
  /** A renewal came. */
  readonly renewed: () => void
}

export class QuickRenewals implements AnswerAhead {
  readonly #parts: DialectParts
  readonly #context: AccessContext
  readonly #options: QuickOptions
  readonly #record: RequestRecorder
  readonly #isPossible: boolean

  /** @param route what its answers are counted as */
  constructor (parts: DialectParts, options: QuickOptions, route: string) {
    this.#parts = parts
    this.#context = { ...parts, core: options.core }
    this.#options = options
    this.#record = parts.metrics.of('PUT', route)
    this.#isPossible = isLabel(options.namespace)
  }

  answer (request: IncomingMessage, response: ServerResponse, route: (request: IncomingMessage, response: ServerResponse) => void): boolean {
    if (request.method !== 'PUT' || request.httpVersion !== '1.1' || !this.#isPossible) return false
    const { closing, logRequests, hosts, bodies } = this.#parts
    const { core: { position }, namespace, counts, renewed } = this.#options
    const match = closing.begun || logRequests() || !position.loaded ? null : url.exec(request.url ?? '')
    if (match === null) return false
    const { headers, rawHeaders } = request
    if ((headers['content-length'] ?? '0') !== '0' || refusedHeaders.some((name) => headers[name] !== undefined)) return false
    if (headers.host === undefined || !hosts.knows(headers.host) || isHostTwice(rawHeaders)) return false
    const access = knownAccessOf(this.#context, { raw: request })
    if (access === undefined) return false
    const beganMs = performance.now()
    const [, app = '', id = '', dirty] = match
    bodies.early(request, true, (bytes) => {
      if (bytes === undefined || bytes.length > 0) return route(request, response)
      renew({ access, namespace, counts }, app, id, { status: undefined, lastDirtyTimestamp: dirty }).then(() => {
        renewed()
        response.writeHead(200, ['content-length', '0'])
        response.end()
        this.#record(200, (performance.now() - beganMs) / 1_000)
      }, () => {
        bodies.hand(request, bytes)
        route(request, response)
      }).catch((error: unknown) => {
        this.#parts.guard.failed('http-request', error)
        response.destroy()
      })
    })
    return true
  }
}

/** Node shows one of them: which one counts must not be chosen here. */
function isHostTwice (rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') count += 1
  return count > 1
}
