// HTTP/2 without TLS to an endpoint (`appProtocol: kubernetes.io/h2c`): gRPC, with its trailers. One connection, many streams.
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, sensitiveHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import type { Guard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import { type Attempt, failureOf, Stopped, type UpstreamHandler, type UpstreamRequest } from './attempt.ts'
import { asFields, asHttp2Fields } from './response-head.ts'

export interface H2cOptions {
  readonly connectMs: number
  readonly idleMs: number
  readonly headBytes: number
  readonly guard: Guard
  readonly clock: Clock
  readonly opened: () => void
  readonly closed: () => void
}

/** Streams at once on a connection, if the endpoint does not say fewer; Node lets the others wait. */
const maxStreams = 1_000

export class H2cSession {
  readonly #address: string
  readonly #port: number
  readonly #options: H2cOptions
  #session: ClientHttp2Session | undefined
  #isConnected = false
  #streams = 0
  #cancelIdle: (() => void) | undefined

  constructor (address: string, port: number, options: H2cOptions) {
    this.#address = address
    this.#port = port
    this.#options = options
  }

  /** @returns undefined if there are as many streams as there may be */
  send (request: UpstreamRequest, handler: UpstreamHandler): Attempt | undefined {
    if (this.#streams >= maxStreams) return undefined
    this.#cancelIdle?.()
    this.#session ??= this.#open()
    this.#streams++
    return new H2cAttempt(this.#session, this.#isConnected, request, handler, this.#options.guard, () => this.#ended())
  }

  close (): void {
    this.#session?.close()
    this.#session = undefined
  }

  destroy (): void {
    this.#session?.destroy()
    this.#session = undefined
  }

  #open (): ClientHttp2Session {
    const { guard, clock, connectMs, headBytes, opened, closed } = this.#options
    const host = this.#address.includes(':') ? `[${this.#address}]` : this.#address
    this.#isConnected = false
    let isOpened = false
    const session = connect(`http://${host}:${this.#port}`, {
      createConnection: () => connectSocket({ host: this.#address, port: this.#port, noDelay: true, keepAlive: true }),
      maxHeaderListPairs: 256, settings: { enablePush: false, maxHeaderListSize: headBytes }
    })
    const cancel = clock.after(connectMs, () => {
      if (!isOpened) session.destroy(Object.assign(new Error('connect timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' }))
    })
    const forget = (): void => {
      cancel()
      if (this.#session === session) this.#session = undefined
    }
    session.once('connect', guard.around('ingress-upstream', () => {
      cancel()
      isOpened = true
      if (this.#session === session) this.#isConnected = true
      opened()
    }))
    session.on('error', guard.around('ingress-upstream', forget))
    session.once('goaway', guard.around('ingress-upstream', () => {
      forget()
      session.close() // streams that are there end as they will
    }))
    session.once('close', guard.around('ingress-upstream', () => {
      forget()
      if (isOpened) closed()
    }))
    return session
  }

  #ended (): void {
    this.#streams--
    if (this.#streams > 0) return
    const session = this.#session
    this.#cancelIdle = this.#options.clock.after(this.#options.idleMs, () => {
      if (this.#streams > 0 || session === undefined) return
      if (this.#session === session) this.#session = undefined
      session.close()
    })
  }
}

class H2cAttempt implements Attempt {
  readonly #stream: ClientHttp2Stream
  readonly #handler: UpstreamHandler
  readonly #ended: () => void
  #wasSent: boolean
  #isOver = false
  #trailers: readonly string[] = []

  constructor (session: ClientHttp2Session, isConnected: boolean, request: UpstreamRequest, handler: UpstreamHandler, guard: Guard, ended: () => void) {
    this.#handler = handler
    this.#ended = ended
    this.#wasSent = isConnected
    const { method, path, headers, body, contentLength } = request
    const { host, ...fields } = asHttp2Fields(headers)
    const hasTrailers = request.trailers !== undefined && body !== undefined
    this.#stream = session.request({
      ...fields,
      ':method': method, ':path': path, ':scheme': 'http', ...(host === undefined ? {} : { ':authority': String(host) }),
      ...(contentLength === undefined ? {} : { 'content-length': contentLength }),
      [sensitiveHeaders]: ['authorization', 'cookie']
    }, { endStream: body === undefined, waitForTrailers: hasTrailers })
    const on = (event: string, act: (...given: never[]) => void): void => { this.#stream.on(event, guard.around('ingress-upstream', act as (...given: unknown[]) => void)) }
    on('ready', () => {
      this.#wasSent = true
      handler.sent(isConnected)
    })
    on('headers', (given: IncomingHttpHeaders & { readonly ':status'?: number }) => handler.informed(given[':status'] ?? 100, asFields(given)))
    on('response', (given: IncomingHttpHeaders & { readonly ':status'?: number }) => {
      if (!handler.head(given[':status'] ?? 502, asFields(given), '')) this.#stream.pause()
    })
    on('data', (chunk: Buffer) => { if (!handler.data(chunk)) this.#stream.pause() })
    on('trailers', (given: IncomingHttpHeaders) => { this.#trailers = asFields(given) })
    on('end', () => { if (this.#stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#end() })
    on('error', (error: Error) => this.#fail(error))
    on('close', () => {
      if (this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR || !this.#isOver) this.#fail(Object.assign(new Error('the stream was reset'), { code: `RST ${this.#stream.rstCode}` }))
    })
    if (hasTrailers) on('wantTrailers', () => { this.#stream.sendTrailers(asHttp2Fields(request.trailers?.() ?? [])) })
    if (body !== undefined) body.pipe(this.#stream)
  }

  abort (error: Error): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
    this.#fail(error)
  }

  resume (): void {
    this.#stream.resume()
  }

  #end (): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ended()
    this.#handler.end(this.#trailers)
  }

  #fail (error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ended()
    this.#handler.failed(error instanceof Stopped ? { kind: 'stopped', cause: error.message } : failureOf(error, this.#wasSent))
  }
}
