// HTTP/2: the sessions of a listener and the requests on them. Each stream is a request of its own, and they do not wait for each other: a
// long poll stays while others are answered. They take turns as the worker that their session is, so that a client with many streams waits
// for itself.
//
// Node's server for HTTP/2 has none of the time limits that its HTTP/1 server has; they are here.
import { type Http2Server, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session, constants, createServer } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { Guard } from '../../guard.ts'
import { loop } from '../../loop.ts'
import { type Share, clientKey } from '../../shares.ts'
import type { Commons } from './commons.ts'
import { certificateRefusal, passCertificate } from './client-certificate.ts'
import { connectionTimeoutMs, maxRequestsPerSocket, maxStreamsPerConnection } from './limits.ts'
import { Account, type Worker } from './turns.ts'

const place = 'http-stream'

class Session implements Worker {
  readonly client: string
  readonly account = new Account()
  readonly socket: TLSSocket
  readonly connection: Share
  /** Answers that have not left. */
  readonly open = new Set<IncomingMessage>()
  http2: ServerHttp2Session | undefined
  requests = 0

  constructor (socket: TLSSocket, connection: Share) {
    this.socket = socket
    this.connection = connection
    this.client = clientKey(socket.remoteAddress)
  }
}

export interface StreamsOptions {
  readonly commons: Commons
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void
  /** Of heartbeats and health: they never wait for others. */
  readonly isUrgent: (request: IncomingMessage) => boolean
  /** The node is going: the answers under way are the last ones of their connection. */
  readonly isGoing: () => boolean
  /** It waits because it was asked to: nobody waits for it. */
  readonly isIdle: (request: IncomingMessage) => boolean
  /** From the head of a request to the end of its body. */
  readonly requestMs: number
  readonly clock: Clock
  readonly guard: Guard
}

export class Streams {
  readonly #options: StreamsOptions
  /** It listens nowhere: it is given connections on which HTTP/2 was agreed. */
  readonly #server: Http2Server
  readonly #sessions = new Set<Session>()
  readonly #byHttp2 = new WeakMap<object, Session>()
  readonly #workers = new WeakMap<IncomingMessage, Session>()
  #isClosing = false
  /** Requests since the process began. */
  requests = 0

  constructor (options: StreamsOptions) {
    this.#options = options
    this.#server = createServer({ settings: { maxConcurrentStreams: maxStreamsPerConnection } })
    // A session on which nothing moves for so long is destroyed. The types do not know the property.
    Object.assign(this.#server, { timeout: connectionTimeoutMs })
    this.#server.on('request', options.guard.around(place, (request: Http2ServerRequest, response: Http2ServerResponse) => {
      this.#come(request, response)
    }))
  }

  /** Requests that are worked on, or whose answers are on their way. Those that wait on purpose are none. */
  get isBusy (): boolean {
    for (const { open } of this.#sessions) for (const request of open) if (!this.#options.isIdle(request)) return true
    return false
  }

  /** A connection on which HTTP/2 will be spoken. */
  connected (socket: TLSSocket, share: Share): void {
    const { guard } = this.#options
    if (this.#isClosing) return void socket.destroy()
    // In HTTP/2 both sides go on until the connection closes: one that has closed its side has gone, and what it asked for with it.
    socket.allowHalfOpen = false
    const session = new Session(socket, share)
    this.#sessions.add(session)
    socket.once('close', guard.around(place, () => { this.#sessions.delete(session) }))
    // What a session calls its socket is a proxy of it; the event, which comes before `emit` is over, tells whose session it is.
    this.#server.once('session', guard.around(place, (http2: ServerHttp2Session) => {
      session.http2 = http2
      this.#byHttp2.set(http2, session)
      passCertificate(socket, http2)
    }))
    this.#server.emit('connection', socket)
  }

  #come (from: Http2ServerRequest, to: Http2ServerResponse): void {
    const { commons: { turns, waiting }, handler, isUrgent, guard } = this.#options
    const { stream } = from
    const session = stream.session === undefined ? undefined : this.#byHttp2.get(stream.session)
    const refuse = (): void => stream.close(constants.NGHTTP2_REFUSED_STREAM) // RFC 9113 8.7: it was not looked at, and may be sent again
    if (session === undefined || this.#isClosing) return refuse()
    // The first one has the place of its connection. More of them are counted as waiting ones are.
    const share = session.open.size === 0 ? undefined : waiting.take(session.client, 1, refuse)
    if (session.open.size > 0 && share === undefined) return refuse()
    // What Fastify and the routes use of a request and its response is the same in both protocols.
    const request = from as unknown as IncomingMessage
    const response = to as unknown as ServerResponse
    // RFC 9113 8.3.1: what HTTP/1.1 has in Host. A client may send that too, and then it must be the same.
    const { authority } = from
    if (authority !== undefined && authority !== '') {
      if (from.headers.host !== undefined && from.headers.host.toLowerCase() !== authority.toLowerCase()) return stream.close(constants.NGHTTP2_PROTOCOL_ERROR)
      from.headers.host = authority
    }
    this.requests++
    session.open.add(request)
    this.#workers.set(request, session)
    session.connection.setIdle(false)
    const inTime = this.#limited(from)
    to.once('close', guard.around(place, () => {
      inTime()
      share?.release()
      session.open.delete(request)
      this.#ended(session)
    }))
    // An answer to a request that has not arrived whole: the rest is not wanted (RFC 9113 8.1). One that has, and that nobody read here, is
    // no such request: clients in Go take the reset for a failure of the answer.
    stream.once('finish', guard.around(place, () => {
      const hasArrived = from.complete || stream.endAfterHeaders || stream.state.remoteClose === 1
      if (!hasArrived) stream.close(constants.NGHTTP2_NO_ERROR)
    }))
    if (++session.requests >= maxRequestsPerSocket || certificateRefusal(request) !== undefined) session.http2?.close()
    turns.run(session, () => {
      if (stream.destroyed) return // the client has given it up
      loop.begins(request)
      handler(request, response)
    }, isUrgent(request))
  }

  /** Who works on a request, for `Turns`. */
  workerOf (request: IncomingMessage): Worker | undefined {
    return this.#workers.get(request)
  }

  /** A request whose body does not end holds a stream and memory: it is cut in time. Gives what calls that off. */
  #limited (request: Http2ServerRequest): () => void {
    const { clock, guard, requestMs } = this.#options
    const { stream } = request
    if (stream.endAfterHeaders) return () => undefined
    const cancel = clock.after(requestMs, () => { if (!request.complete) stream.close(constants.NGHTTP2_CANCEL) })
    request.once('end', guard.around(place, cancel))
    return cancel
  }

  #ended (session: Session): void {
    if (session.open.size > 0 || session.socket.destroyed) return
    if (this.#isClosing || this.#options.isGoing()) return void session.http2?.close()
    session.connection.setIdle(true)
  }

  // The end ------------------------------------------------------------------------------------------------------------

  /** The node is going: sessions with answers under way take no more requests, and end with the last of them. */
  announce (): void {
    for (const { open, http2 } of this.#sessions) if (open.size > 0) http2?.close()
  }

  /** Ends every connection on which nothing is being worked on; the others follow with their last answer. */
  close (): void {
    this.#isClosing = true
    for (const { open, http2, socket } of this.#sessions) {
      if (open.size === 0) socket.destroy()
      else http2?.close()
    }
  }

  /** Ends every connection. */
  cut (): void {
    this.#isClosing = true
    for (const { socket } of this.#sessions) socket.destroy()
  }
}
