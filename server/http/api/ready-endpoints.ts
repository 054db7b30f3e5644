// Endpoints ahead of routing. What a route answered once is answered again by the raw URL, for as long as nothing that the route looks at
// is different:
//
//   the endpoints     the service is looked up for the one who asks, at each request, and must have the very same endpoint set
//   the node          it is not going, its store is there, and it writes no line for each request
//   the request       a GET of HTTP/1.1, from a host that was let in, with no header that the route would look at; of If-None-Match only
//                     the very tag, of Accept-Encoding only if the answer would not be compressed
//
// Everything else goes to the route. The route is the reference: test/http/ready-endpoints.test.ts compares both.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EndpointSet } from '../../registry/core.ts'
import { jsonType } from '../server/conditional.ts'
import type { RequestRecorder } from '../server/metrics.ts'
import { type HttpContext, knownAccessOf } from '../server/context.ts'
import { gzipThreshold, keptAnswerBytes, maxKeptAnswers, maxKeptUrlLength, smallAnswerBytes } from '../server/limits.ts'
import { askedHeaders } from './asked-headers.ts'

export interface ReadyAnswer {
  readonly namespace: string
  readonly service: string
  /** What it was made from. */
  readonly set: EndpointSet
  readonly isDeclared: boolean
  readonly text: string | Buffer
  readonly bytes: number
  readonly etag: string
}

export class ReadyEndpoints {
  readonly #context: HttpContext
  readonly #record: RequestRecorder
  readonly #answers = new Map<string, ReadyAnswer>()
  #bytes = 0

  /** @param record counts what is answered here, as the route counts */
  constructor (context: HttpContext, record: RequestRecorder) {
    this.#context = context
    this.#record = record
  }

  /** How many answers are kept. */
  get size (): number {
    return this.#answers.size
  }

  /** Bytes of their bodies. */
  get bytes (): number {
    return this.#bytes
  }

  /** Keeps what the route has just answered to a URL. If too much is kept, all is forgotten: what is asked for comes back at once. */
  keep (url: string, answer: ReadyAnswer): void {
    // Long answers are counted until the client has read them, and long URLs fill the memory.
    if (answer.bytes >= smallAnswerBytes || url.length > maxKeptUrlLength) return
    this.#bytes += answer.bytes - (this.#answers.get(url)?.bytes ?? 0)
    this.#answers.set(url, answer)
    if (this.#answers.size <= maxKeptAnswers && this.#bytes <= keptAnswerBytes) return
    this.#answers.clear()
    this.#bytes = 0
  }

  /** For `DialectParts.answerAhead`. */
  answer (request: IncomingMessage, response: ServerResponse): boolean {
    const ready = this.#answers.get(request.url ?? '')
    if (ready === undefined || request.method !== 'GET' || request.httpVersion !== '1.1') return false
    const { core: { position }, closing } = this.#context
    if (closing.begun || !position.storeHealth.available || this.#context.logRequests()) return false
    const began = performance.now()
    const asks = askedHeaders(request.rawHeaders)
    if (asks === undefined || asks.type !== undefined || asks.length !== undefined) return false
    if (!this.#context.hosts.knows(asks.host) || !this.#isCurrent(request, ready)) return false
    const isKnown = asks.tag === ready.etag
    if (!isKnown && (asks.tag !== undefined || (asks.isCompressible && ready.bytes >= gzipThreshold))) return false
    const headers = ['rollcall-revision', position.cursor, 'etag', ready.etag]
    if (ready.bytes >= gzipThreshold) headers.push('vary', 'accept-encoding')
    if (!isKnown) headers.push('content-type', jsonType, 'content-length', String(ready.bytes))
    response.writeHead(isKnown ? 304 : 200, headers)
    response.end(isKnown ? undefined : ready.text)
    this.#record(response.statusCode, (performance.now() - began) / 1_000)
    return true
  }

  /** Whether the one who asks would get the same from the route. */
  #isCurrent (request: IncomingMessage, { namespace, service, set, isDeclared }: ReadyAnswer): boolean {
    try {
      const found = knownAccessOf(this.#context, { raw: request })?.service(namespace, service)
      if (found === undefined) return false // whoever shows something for the first time is looked at by the route
      const { endpoints, manifest } = found
      return endpoints === set && (manifest !== undefined) === isDeclared
    } catch {
      return false // the route says why
    }
  }
}
