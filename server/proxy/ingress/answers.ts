// What the ingress answers by itself: one catalogue of reasons, and their form. Programs that take JSON get a problem (RFC 9457), others
// a line of text; both with the request id, by which the access log is searched.
import { STATUS_CODES } from 'node:http'

export const reasons = {
  'answered': 200,
  'redirect': 308,
  'bad-target': 400,
  'bad-host': 400,
  'bad-request': 400,
  'source-not-allowed': 403,
  'no-route': 404,
  'method-not-allowed': 405,
  'slow-request': 408,
  'body-too-large': 413,
  'unknown-expectation': 417,
  'other-certificate': 421,
  'head-too-large': 431,
  'broken-endpoint': 502,
  'malformed-answer': 502,
  'unreachable-endpoint': 502,
  'no-service': 503,
  'no-port': 503,
  'no-endpoints': 503,
  'external-name': 503,
  'protocol': 503,
  'busy': 503,
  'closing': 503,
  'no-answer': 504
} as const

export type Reason = keyof typeof reasons

export interface Answer {
  readonly reason: Reason
  /** A sentence for people: it names hosts, paths and services, and no addresses of endpoints. */
  readonly message: string
  /** Name, value, name, value. */
  readonly headers?: readonly string[]
}

/** The `type` of a problem is this plus the reason. */
export const problemType = 'urn:rollcall:ingress:'

export interface WrittenAnswer {
  readonly status: number
  /** Name, value, name, value. */
  readonly headers: string[]
  readonly body: Buffer
}

/** @param accept the client's Accept fields @param id of the request */
export function writtenAnswer ({ reason, message, headers = [] }: Answer, accept: string, id: string): WrittenAnswer {
  const status = reasons[reason]
  const title = STATUS_CODES[status] ?? ''
  const isJson = /\bjson\b/i.test(accept)
  const text = reason === 'answered'
    ? ''
    : isJson
      ? `${JSON.stringify({ type: `${problemType}${reason}`, title, status, detail: message, requestId: id })}\n`
      : `${status} ${title}: ${message}\nrequest ${id}\n`
  const body = Buffer.from(text)
  return {
    status, body,
    headers: [
      ...body.length === 0 ? [] : ['Content-Type', isJson ? 'application/problem+json' : 'text/plain; charset=utf-8'],
      'Content-Length', String(body.length), 'Cache-Control', 'no-store', 'X-Request-Id', id, ...headers
    ]
  }
}
