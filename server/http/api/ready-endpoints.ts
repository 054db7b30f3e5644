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
import type { RequestRecorder } from '../server/metrics.ts'
import { type HttpContext, knownAccessOf } from '../server/context.ts'
import { gzipThreshold, keptAnswerBytes, maxKeptAnswers, maxKeptUrlLength, smallAnswerBytes } from '../server/limits.ts'

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

/** Headers that mean nothing to the route. */
const ignored: ReadonlySet<string> = new Set([
  'accept', 'accept-language', 'cache-control', 'connection', 'pragma', 'sec-fetch-mode', 'traceparent', 'tracestate', 'user-agent',
  'authorization' // who asks is looked up, see #isCurrent
])

export const jsonType = 'application/json; charset=utf-8'

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
    const asks = asked(request.rawHeaders)
    if (asks === undefined || !this.#context.hosts.knows(asks.host) || !this.#isCurrent(request, ready)) return false
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

interface Asked {
  readonly host: string
  /** If-None-Match. */
  readonly tag: string | undefined
  readonly isCompressible: boolean
}

/** What the headers of a request ask for; undefined = something that only the route understands. */
function asked (rawHeaders: readonly string[]): Asked | undefined {
  let host: string | undefined
  let tag: string | undefined
  let isCompressible = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    if (ignored.has(name)) continue
    const value = rawHeaders[at + 1]
    if (name === 'host' && host === undefined) host = value
    else if (name === 'if-none-match' && tag === undefined) tag = value
    else if (name === 'accept-encoding') isCompressible = true
    else return undefined
  }
  return host === undefined ? undefined : { host, tag, isCompressible }
}
