// A request by node:http on a connection of its own: for what undici does not carry, `Expect: 100-continue` and trailers of a request.
import { request as send, type ClientRequest, type IncomingMessage } from 'node:http'
import type { Guard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { type Attempt, failureOf, type UpstreamHandler, type UpstreamRequest } from './attempt.ts'
import { pairs } from './response-head.ts'

export interface PlainOptions {
  readonly connectMs: number
  readonly headBytes: number
  readonly guard: Guard
  readonly clock: Clock
  readonly opened: () => void
  readonly closed: () => void
  /** The endpoint wants the body. undefined: nobody asked, it is sent at once. */
  readonly continued?: () => void
}

const place = 'ingress-upstream'

export class PlainAttempt implements Attempt {
  readonly #request: ClientRequest
  readonly #handler: UpstreamHandler
  readonly #guard: Guard
  #response: IncomingMessage | undefined
  #wasSent = false
  #isOver = false

  constructor (address: string, port: number, request: UpstreamRequest, handler: UpstreamHandler, options: PlainOptions) {
    const { guard, clock, connectMs, headBytes, opened, closed, continued } = options
    const { method, path, headers, body, contentLength, trailers } = request
    this.#handler = handler
    this.#guard = guard
    const framing = body === undefined ? [] : contentLength === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(contentLength)]
    this.#request = send({
      host: address, port, method, path, agent: false, setHost: false, maxHeaderSize: headBytes,
      headers: [...headers, ...framing, ...continued === undefined ? [] : ['Expect', '100-continue'], 'Connection', 'close'] as unknown as Record<string, string>
    })
    const cancel = clock.after(connectMs, () => this.abort(Object.assign(new Error('connect timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' })))
    this.#request.once('socket', guard.around(place, (socket) => {
      socket.once('connect', guard.around(place, () => {
        cancel()
        opened()
        this.#wasSent = true
        handler.sent(false)
      }))
      socket.once('close', guard.around(place, () => { if (this.#wasSent) closed() }))
    }))
    this.#request.on('error', guard.around(place, (error) => {
      cancel()
      this.#fail(error)
    }))
    this.#request.on('information', guard.around(place, ({ statusCode, rawHeaders }) => { if (statusCode !== 100) handler.informed(statusCode, rawHeaders) }))
    this.#request.once('response', guard.around(place, (response) => this.#answered(response)))
    const pour = guard.around(place, () => {
      if (body === undefined) return void this.#request.end()
      if (trailers !== undefined) body.once('end', guard.around(place, () => this.#request.addTrailers(pairs(trailers()))))
      body.pipe(this.#request)
    })
    if (continued === undefined) pour()
    else {
      this.#request.once('continue', guard.around(place, () => {
        continued()
        pour()
      }))
      this.#request.flushHeaders()
    }
  }

  abort (error: Error): void {
    this.#request.destroy(error)
    this.#fail(error)
  }

  resume (): void {
    this.#response?.resume()
  }

  #answered (response: IncomingMessage): void {
    const guard = this.#guard
    this.#response = response
    response.on('data', guard.around(place, (chunk: Buffer) => { if (!this.#handler.data(chunk)) response.pause() }))
    response.on('error', guard.around(place, (error) => this.#fail(error)))
    response.once('end', guard.around(place, () => {
      if (this.#isOver || !response.complete) return
      this.#isOver = true
      this.#handler.end(response.rawTrailers)
    }))
    response.once('close', guard.around(place, () => this.#fail(new Error('the answer ended early'))))
    if (!this.#handler.head(response.statusCode ?? 502, response.rawHeaders, response.statusMessage ?? '')) response.pause()
  }

  #fail (error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#request.destroy()
    this.#handler.failed(failureOf(error, this.#wasSent))
  }
}
