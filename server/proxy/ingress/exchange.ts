// One request and its answer: chooses an endpoint, sends the request there, tries another one if that may be done, and streams both
// bodies with back-pressure. It is the handler of its own attempts.
import { pinned, pinOf } from './affinity.ts'
import { type Answer, reasons, writtenAnswer } from './answers.ts'
import { type Attempt, type Failure, Stopped, type UpstreamHandler } from './attempt.ts'
import { ClientResponse } from './client-response.ts'
import { addForwarded, type ClientIdentity, clientOf, type Peer } from './client-identity.ts'
import { connectionsOf, countersOf, endpointFailed, type EngineContext, flushLater, peerIn, requestIdOf, tell } from './context.ts'
import { decide, type Forward } from './decision.ts'
import type { EndpointGroup } from './endpoint-group.ts'
import { PlainAttempt } from './plain-attempt.ts'
import type { ConnectionFacts, EngineRequest, EngineResponse } from './ports.ts'
import { RequestBody } from './request-body.ts'
import { readRequestHead, type RequestHead } from './request-head.ts'
import { readResponseHead } from './response-head.ts'
import type { Upstream } from './upstream.ts'

/** Endpoints that are tried after the first one. */
const maxRetries = 2
/** RFC 9110 9.2.2: asking twice does what asking once does. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND', 'REPORT', 'SEARCH'])
/** What an endpoint may answer to say that it cannot serve. */
const failingStatus = new Set([502, 503, 504])
/** Answers that go on for as long as they like, with nothing in between. */
const endless = /^(?:text\/event-stream|application\/grpc|multipart\/x-mixed-replace)/i
/** Octets of a body that are read for nothing, so that the connection can go on. */
const maxSkipped = 65_536
/** Octets of a body that are worth a copy. */
const maxTogether = 4_096
/** The status that is counted when the client has gone before its answer. */
const clientGone = 499

export class Exchange implements UpstreamHandler {
  readonly #context: EngineContext
  readonly #request: EngineRequest
  readonly #response: ClientResponse
  readonly #facts: ConnectionFacts
  readonly #head: RequestHead
  readonly #peer: Peer
  readonly #client: ClientIdentity
  readonly #id: string
  readonly #beganMs = performance.now()
  #forward: Forward | undefined
  #group: EndpointGroup | undefined
  #upstream: Upstream | undefined
  #tried: Upstream[] = []
  #retries = 0
  #headers: string[] = []
  #body: RequestBody | undefined
  #attempt: Attempt | undefined
  /** The connection of this attempt had carried others before: the endpoint may have closed it at this moment. */
  #isReused = false
  #isAnswered = false
  #isOver = false
  #isEndless = false
  #status = 0
  #reason: string | undefined
  #bytesOut = 0
  /** Octets of the answer's body, if the endpoint has said so. */
  #announced = -1
  /** A short body that came at once: written together with the head. */
  #whole: Buffer | undefined
  /** In the context's milliseconds; looked at now and then. */
  deadlineMs = Infinity

  constructor (context: EngineContext, request: EngineRequest, response: EngineResponse, facts: ConnectionFacts) {
    this.#context = context
    this.#request = request
    this.#response = new ClientResponse(request, response, context.guard)
    this.#facts = facts
    this.#head = readRequestHead(request.rawHeaders)
    this.#peer = peerIn(context, facts)
    this.#client = clientOf(this.#peer, facts, this.#head, context.trusted)
    this.#id = requestIdOf(context, this.#peer, this.#head)
  }

  start (): void {
    const { figures, deadlines, limits, table, random, isClosing } = this.#context
    figures.active++
    deadlines.add(this)
    this.#response.whenClosed(() => this.#closed())
    const request = this.#request
    const decision = decide(table, {
      method: request.method ?? '', target: request.url ?? '', hosts: this.#head.hosts, scheme: this.#facts.scheme, clientScheme: this.#client.scheme,
      sni: this.#facts.sni, client: this.#client.ip, isHostOptional: request.httpVersion === '1.0', fields: this.#head.fields, hasUnknownCoding: this.#head.hasUnknownCoding, hasUnknownExpectation: this.#head.hasUnknownExpectation,
      contentLength: this.#head.contentLength, header: (name) => { const value = request.headers[name]; return typeof value === 'string' ? value : value?.[0] }
    }, random)
    if ('answer' in decision) {
      this.#told = { host: decision.host, path: decision.path, ingress: decision.owner?.key }
      return this.#answer(decision.answer)
    }
    this.#forward = decision
    this.#told = { host: decision.host, path: decision.target.path, ingress: decision.owner.key }
    if (deadlines.size > limits.exchanges) return this.#answer({ reason: 'busy', message: 'the ingress serves as many requests as it can' })
    if (isClosing) return this.#answer({ reason: 'closing', message: 'the ingress is shutting down' })
    const group = this.#context.groups.of(decision.backend)
    this.#group = group
    if (group.problem !== undefined) return this.#answer(group.problem)
    this.#prepare(decision)
    this.#try()
  }

  #told: { readonly host: string, readonly path: string, readonly ingress: string | undefined } = { host: '', path: '', ingress: undefined }

  /** What goes to whichever endpoint. */
  #prepare ({ host, owner, prefix }: Forward): void {
    const { guard } = this.#context
    const { hosts, passed, contentLength, isChunked } = this.#head
    const written = hosts[0] ?? host
    this.#headers = ['Host', written, ...passed, 'X-Request-Id', this.#id]
    addForwarded(this.#headers, this.#peer, this.#facts, this.#head, written, prefix)
    const hasBody = this.#response.isHttp2 ? !isEnded(this.#request) : isChunked || (contentLength ?? 0) > 0
    if (contentLength !== undefined && (hasBody || contentLength === 0)) this.#headers.push('Content-Length', String(contentLength))
    if (!hasBody) return
    this.#body = new RequestBody(this.#request, owner.annotations.maxBodyBytes ?? Infinity, guard, {
      received: (octets) => this.#received(octets),
      complete: () => { if (!this.#isAnswered) this.deadlineMs = this.#context.clock.now() + this.#responseMs },
      broken: () => this.#gone()
    })
  }

  get #responseMs (): number {
    return this.#forward?.owner.annotations.responseTimeoutMs ?? this.#context.timeouts.responseMs
  }

  #received (octets: number): void {
    this.#context.figures.bytesIn += octets
    if (this.#body?.isTooLarge === true) {
      const max = this.#forward?.owner.annotations.maxBodyBytes ?? 0
      return this.#giveUp({ reason: 'body-too-large', message: `the body has more than ${max} octets` })
    }
    if (!this.#isAnswered) this.deadlineMs = this.#context.clock.now() + this.#context.timeouts.bodyIdleMs
  }

  #try (): void {
    const { clock, timeouts, limits, guard } = this.#context
    const [group, forward] = [this.#group, this.#forward]
    if (group === undefined || forward === undefined) return
    const upstream = this.#choose(group, forward, clock.now())
    if (upstream === undefined) return this.#answer(group.problem ?? { reason: 'no-endpoints', message: `the service ${group.ref.service} has no endpoint left to ask` })
    this.#upstream = upstream
    this.#tried.push(upstream)
    this.#isReused = false
    const { expectsContinue, hasTrailer, contentLength } = this.#head
    const body = this.#body
    const request = {
      method: this.#request.method ?? 'GET', path: forward.path, headers: this.#headers,
      ...(body === undefined ? {} : { body }),
      ...(contentLength === undefined ? {} : { contentLength }),
      ...(hasTrailer ? { trailers: () => this.#request.rawTrailers } : {})
    }
    this.deadlineMs = clock.now() + timeouts.connectMs + this.#responseMs
    if (!group.isH2c && (expectsContinue || (hasTrailer && body !== undefined))) {
      const headers = this.#headers.filter((_, index) => (this.#headers[index - index % 2] ?? '') !== 'Content-Length')
      this.#attempt = new PlainAttempt(upstream.address, upstream.port, { ...request, headers }, this, {
        connectMs: timeouts.connectMs, headBytes: limits.headBytes, guard, clock, ...countersOf(this.#context, group),
        ...(expectsContinue ? { continued: () => this.#response.continue() } : {})
      })
      return
    }
    if (expectsContinue && body !== undefined) this.#response.continue()
    const attempt = connectionsOf(this.#context, group, upstream).send(request, this)
    if (attempt !== undefined) this.#attempt = attempt
    else this.failed({ kind: 'full', cause: 'as many connections as there may be' })
  }

  #choose (group: EndpointGroup, { owner }: Forward, nowMs: number): Upstream | undefined {
    const cookie = owner.annotations.affinityCookie
    const kept = cookie === undefined || this.#tried.length > 0 ? undefined : pinned(group, this.#head, cookie, nowMs)
    return kept ?? group.pick(nowMs, this.#tried) ?? (this.#isReused ? group.pick(nowMs) : undefined)
  }

  sent (isReused: boolean): void {
    this.#isReused = isReused
    if (this.#isAnswered) return
    const { clock, timeouts } = this.#context
    this.deadlineMs = clock.now() + (this.#body === undefined || this.#body.isOver ? this.#responseMs : timeouts.bodyIdleMs)
  }

  informed (status: number, headers: readonly string[]): void {
    if (!this.#isAnswered) this.#response.informed(status, headers)
  }

  head (status: number, headers: readonly string[], statusText: string): boolean {
    const { clock, timeouts, isClosing } = this.#context
    const upstream = this.#upstream
    if (this.#isOver || upstream === undefined || this.#group === undefined) return true
    this.#isAnswered = true
    this.#status = status
    if (failingStatus.has(status)) endpointFailed(this.#context, this.#group, upstream)
    else if (upstream.failures !== 0 || upstream.ejectedUntilMs !== 0) upstream.succeeded(clock.now())
    const { passed, contentType, contentLength, trailer } = readResponseHead(headers)
    this.#announced = contentLength ?? -1
    this.#isEndless = contentType !== undefined && endless.test(contentType)
    this.deadlineMs = this.#isEndless ? Infinity : clock.now() + Math.max(timeouts.bodyIdleMs, this.#responseMs)
    const cookie = this.#forward?.owner.annotations.affinityCookie
    const pin = cookie === undefined ? undefined : pinOf(this.#head, cookie, upstream, this.#client.scheme === 'https')
    if (pin !== undefined) passed.push('Set-Cookie', pin)
    const response = this.#response
    if (trailer !== undefined && response.takesTrailers(contentLength, status)) passed.push('Trailer', trailer)
    if (!response.isHttp2 && (isClosing || (this.#body !== undefined && !this.#body.isOver))) passed.push('Connection', 'close')
    try {
      response.head(status, statusText, passed)
    } catch (error) {
      // Node refuses to write what undici has read: a status beyond 999, a control character.
      this.#isAnswered = false
      this.#attempt?.abort(new Stopped('malformed'))
      this.failed({ kind: 'malformed', cause: error instanceof Error ? error.message : '' })
      return true
    }
    flushLater(this.#context, this)
    return true
  }

  /** The head must not wait for a body that may come much later. */
  flush (): void {
    if (!this.#isOver && this.#isAnswered && this.#bytesOut === 0) this.#response.flush()
  }

  data (chunk: Buffer): boolean {
    if (this.#isOver) return true
    this.#bytesOut += chunk.length
    if (this.#bytesOut === chunk.length && chunk.length === this.#announced && chunk.length <= maxTogether) {
      this.#whole = chunk
      return true
    }
    if (!this.#isEndless) this.deadlineMs = this.#context.clock.now() + Math.max(this.#context.timeouts.bodyIdleMs, this.#responseMs)
    if (this.#response.write(chunk)) return true
    this.#response.whenDrained(() => this.#attempt?.resume())
    return false
  }

  end (trailers: readonly string[]): void {
    // Its connection carries somebody else's request from now on.
    this.#attempt = undefined
    if (this.#isOver) return
    this.#response.end(trailers, this.#whole)
    this.#ended()
  }

  /** All is said. A client that does not take it has so long as it has for a part of a body. */
  #ended (): void {
    const { clock, timeouts } = this.#context
    if (this.#body !== undefined && !this.#body.isOver) {
      this.#body.destroy()
      this.#request.resume()
    }
    if (this.#response.isTaken) return this.#finish()
    this.deadlineMs = clock.now() + timeouts.bodyIdleMs
    this.#response.whenFinished(() => { if (!this.#isOver) this.#finish() })
  }

  failed (failure: Failure): void {
    const [group, upstream, context] = [this.#group, this.#upstream, this.#context]
    this.#attempt = undefined
    if (this.#isOver || group === undefined || upstream === undefined) return
    if (failure.kind === 'stopped') return
    if (failure.kind === 'unsendable') return this.#answer({ reason: 'bad-request', message: 'the request has a head that cannot be passed on' })
    const isStale = failure.kind === 'broken' && this.#isReused && !this.#isAnswered
    if (!isStale && failure.kind !== 'full') endpointFailed(context, group, upstream)
    if (this.#isAnswered) return this.#cut()
    const isUnsent = this.#body === undefined || this.#body.isWhole
    const mayRetry = failure.kind === 'unreachable' || failure.kind === 'full' || (failure.kind === 'broken' && idempotent.has(this.#request.method ?? ''))
    if (mayRetry && isUnsent && this.#retries < maxRetries && this.#choosable(group)) {
      this.#retries++
      context.figures.retries.add(group.ref.service)
      return this.#try()
    }
    const asked = this.#tried.length === 1 ? 'its endpoint' : `each of ${this.#tried.length} endpoints`
    const service = `the service ${group.ref.service} was asked, and ${asked}`
    if (failure.kind === 'unreachable') this.#answer({ reason: 'unreachable-endpoint', message: `${service} could not be reached` })
    else if (failure.kind === 'full') this.#answer({ reason: 'busy', message: `${service} has as many connections as it may have` })
    else if (failure.kind === 'malformed') this.#answer({ reason: 'malformed-answer', message: `${service} gave an answer that is not HTTP, or too large a head` })
    else this.#answer({ reason: 'broken-endpoint', message: `${service} closed the connection without an answer` })
  }

  /** Whether there is another endpoint to try; the same one again, if its connection was only too old. */
  #choosable (group: EndpointGroup): boolean {
    return this.#isReused || group.choosable.some((each) => !this.#tried.includes(each))
  }

  /** Something has not come in time. */
  expire (): void {
    this.deadlineMs = Infinity
    const { bodyIdleMs } = this.#context.timeouts
    if (this.#isAnswered) return this.#cut()
    if (this.#body?.waitsForClient === true) {
      return this.#giveUp({ reason: 'slow-request', message: `no more of the body has come for ${bodyIdleMs / 1_000} s` })
    }
    if (this.#group !== undefined && this.#upstream !== undefined) endpointFailed(this.#context, this.#group, this.#upstream)
    this.#giveUp({ reason: 'no-answer', message: `the service ${this.#group?.ref.service ?? ''} has not answered in ${this.#responseMs / 1_000} s` })
  }

  /** Ends it now, whatever its state. */
  cut (): void {
    if (!this.#isOver) this.#cut()
  }

  #giveUp (answer: Answer): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.abort(new Stopped(answer.reason))
    if (this.#isAnswered) this.#cut()
    else this.#answer(answer)
  }

  #answer (answer: Answer): void {
    if (this.#isOver || this.#isAnswered) return
    this.#isAnswered = true
    const response = this.#response
    const accept = this.#request.headers.accept ?? ''
    const { status, headers, body } = writtenAnswer(answer, accept, this.#id)
    this.#status = status
    this.#reason = answer.reason
    if (!response.isHttp2 && this.#mustClose(status)) headers.push('Connection', 'close')
    response.head(status, undefined, headers)
    this.#bytesOut += body.length
    response.endWith(body)
    this.#ended()
  }

  /** A large body that nobody reads is in the way of the next request; and who writes what may be read in two ways is not asked for more. */
  #mustClose (status: number): boolean {
    const { isChunked, contentLength = 0, expectsContinue } = this.#head
    const isLong = (isChunked || expectsContinue || contentLength > maxSkipped) && !this.#request.complete
    return this.#context.isClosing || isLong || status === reasons['bad-request']
  }

  /** The answer cannot be whole any more: the client must see that. */
  #cut (): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    this.#reason ??= 'cut'
    this.#finish()
    attempt?.abort(new Stopped('cut'))
    this.#response.cut()
  }

  /** The connection of the client has ended, before the answer or after it. */
  #closed (): void {
    if (!this.#isOver) this.#gone()
  }

  #gone (): void {
    if (this.#isOver) return
    const attempt = this.#attempt
    this.#attempt = undefined
    this.#status = clientGone
    this.#reason = 'client-gone'
    this.#finish()
    attempt?.abort(new Stopped('the client has gone'))
  }

  #finish (): void {
    this.#isOver = true
    this.deadlineMs = Infinity
    this.#context.deadlines.remove(this)
    const { figures } = this.#context
    figures.active--
    figures.bytesOut += this.#bytesOut
    const { host, path, ingress } = this.#told
    tell(this.#context, {
      head: this.#head, facts: this.#facts, client: this.#client, id: this.#id, method: this.#request.method ?? '', protocol: `HTTP/${this.#request.httpVersion}`,
      host, path, ingress, status: this.#status, reason: this.#reason, service: this.#group?.ref.service, upstream: this.#upstream, retries: this.#retries,
      ms: performance.now() - this.#beganMs, bytesIn: this.#body?.bytes ?? 0, bytesOut: this.#bytesOut
    })
  }
}

/** HTTP/2: the head was all of it. */
function isEnded (request: EngineRequest): boolean {
  return 'stream' in request && request.stream.endAfterHeaders
}
