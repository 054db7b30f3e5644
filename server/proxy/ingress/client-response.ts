// What is written to the client, over HTTP/1.1 or HTTP/2: the two kinds of response of Node, where they differ.
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Guard } from '../../guard.ts'
import type { EngineRequest, EngineResponse } from './ports.ts'
import { asHttp2Fields, pairs } from './response-head.ts'

const internalError = 2 // RFC 9113 7

export class ClientResponse {
  readonly isHttp2: boolean
  readonly #request: EngineRequest
  /** HTTP/2's has the same methods, those that are used here. */
  readonly #response: ServerResponse
  readonly #guard: Guard

  constructor (request: EngineRequest, response: EngineResponse, guard: Guard) {
    this.#request = request
    this.#response = response as ServerResponse
    this.#guard = guard
    this.isHttp2 = request.httpVersionMajor === 2
  }

  /** Nothing of it waits for the client. */
  get isTaken (): boolean {
    return this.#response.writableLength === 0
  }

  whenClosed (act: () => void): void {
    this.#response.once('close', this.#guard.around('ingress', act))
  }

  /** All of it is with the system. */
  whenFinished (act: () => void): void {
    this.#response.once('finish', this.#guard.around('ingress', act))
  }

  /** The client wants more. */
  whenDrained (act: () => void): void {
    this.#response.once('drain', this.#guard.around('ingress', act))
  }

  continue (): void {
    this.#response.writeContinue()
  }

  /** An interim answer: 102 and 103, to those who know them. */
  informed (status: number, headers: readonly string[]): void {
    if (this.#response.headersSent || this.#request.httpVersion === '1.0') return
    try {
      if (status === 103) this.#response.writeEarlyHints(asHttp2Fields(headers))
      else if (status === 102 && !this.isHttp2) this.#response.writeProcessing()
    } catch {
      // A hint that Node does not take is left out: the answer is still to come.
    }
  }

  /** @throws what Node says of a status or a field that it does not write */
  head (status: number, statusText: string | undefined, fields: string[]): void {
    if (this.isHttp2) (this.#response as unknown as Http2ServerResponse).writeHead(status, asHttp2Fields(fields))
    else this.#response.writeHead(status, statusText ?? STATUS_CODES[status] ?? '', fields)
  }

  /** Whether fields behind the body can be announced: where Node sends no chunks, it takes no trailers. */
  takesTrailers (contentLength: number | undefined, status: number): boolean {
    const { httpVersion, method } = this.#request
    return this.isHttp2 || (contentLength === undefined && httpVersion === '1.1' && method !== 'HEAD' && status !== 204 && status !== 304)
  }

  /** Sends the head, if it waits for a body. */
  flush (): void {
    this.#response.flushHeaders()
  }

  /** @returns false: the client takes no more for now */
  write (chunk: Buffer): boolean {
    return this.#response.write(chunk)
  }

  /** @param whole all of a short body: one string with the head is one write, a buffer behind it would be two */
  end (trailers: readonly string[], whole: Buffer | undefined): void {
    const response = this.#response
    if (trailers.length > 0 && this.isHttp2) {
      response.flushHeaders() // else the head would end the stream, and there would be no trailers
      response.addTrailers(asHttp2Fields(trailers))
    } else if (trailers.length > 0 && response.chunkedEncoding) response.addTrailers(pairs(trailers)) // as a list, the names stay as they are
    if (whole !== undefined) response.end(whole.toString('latin1'), 'latin1')
    else response.end()
  }

  /** All of an answer of our own. */
  endWith (body: Buffer): void {
    if (this.#request.method === 'HEAD' || body.length === 0) this.#response.end()
    else this.#response.end(body)
  }

  /** It cannot be whole any more: the client must see that. */
  cut (): void {
    if (this.isHttp2) (this.#response as unknown as Http2ServerResponse).stream.close(internalError)
    else this.#response.destroy()
  }
}
