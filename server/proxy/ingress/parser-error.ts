// What Node's parser refused: there is no request object, only the socket. Told in a few words, and the connection ends (RFC 9112 2.2).
import type { Duplex } from 'node:stream'
import { STATUS_CODES } from 'node:http'
import { type Reason, reasons } from './answers.ts'

const byCode: ReadonlyMap<string, readonly [reason: Reason, message: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', ['head-too-large', 'the head of the request is larger than it may be']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', ['body-too-large', 'the extensions of a chunk are larger than they may be']],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['slow-request', 'the head of the request has not come in time']]
])
const otherwise: readonly [reason: Reason, message: string] = ['bad-request', 'this is not a request of HTTP/1.1']

/** @returns the reason that was answered; undefined: the connection was broken, and there was nobody to answer */
export function answerParserError (error: Error & { readonly code?: string }, socket: Duplex): Reason | undefined {
  const { code = '' } = error
  const isAnswerable = socket.writable && code !== 'ECONNRESET' && !('_httpMessage' in socket && socket._httpMessage !== null)
  if (!isAnswerable) {
    socket.destroy()
    return undefined
  }
  const [reason, message] = byCode.get(code) ?? otherwise
  const status = reasons[reason]
  const title = STATUS_CODES[status] ?? ''
  const body = `${status} ${title}: ${message}\n`
  socket.end(`HTTP/1.1 ${status} ${title}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  return reason
}
