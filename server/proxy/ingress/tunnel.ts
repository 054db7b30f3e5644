// An upgraded connection (RFC 9110 7.8): WebSocket, or whatever both sides agree on. The request is sent on a connection of its own;
// after 101 octets go both ways with back-pressure, and nothing but TCP's own keep-alive looks at how long it is quiet.
import { type ClientRequest, type IncomingMessage, request as send, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pinned } from './affinity.ts'
import { type Answer, writtenAnswer } from './answers.ts'
import { failureOf } from './attempt.ts'
import { addForwarded, type ClientIdentity, clientOf, type Peer } from './client-identity.ts'
import { countersOf, endpointFailed, type EngineContext, peerIn, requestIdOf, tell } from './context.ts'
import { decide, type Forward } from './decision.ts'
import type { EndpointGroup } from './endpoint-group.ts'
import type { ConnectionFacts } from './ports.ts'
import { readRequestHead, type RequestHead } from './request-head.ts'
import { readResponseHead } from './response-head.ts'
import type { Upstream } from './upstream.ts'

const maxRetries = 2
const keepAliveMs = 60_000
const place = 'ingress-tunnel'

export class Upgrade {
  readonly #context: EngineContext
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #first: Buffer
  readonly #facts: ConnectionFacts
  readonly #head: RequestHead
  readonly #peer: Peer
  readonly #client: ClientIdentity
  readonly #id: string
  readonly #beganMs = performance.now()
  #told: { readonly host: string, readonly path: string, readonly ingress: string | undefined } = { host: '', path: '', ingress: undefined }
  #group: EndpointGroup | undefined
  #upstream: Upstream | undefined
  #tried: Upstream[] = []
  #attempt: ClientRequest | undefined
  #isOver = false
  deadlineMs = Infinity

  constructor (context: EngineContext, request: IncomingMessage, socket: Duplex, first: Buffer, facts: ConnectionFacts) {
    this.#context = context
    this.#request = request
    this.#socket = socket
    this.#first = first
    this.#facts = facts
    this.#head = readRequestHead(request.rawHeaders)
    this.#peer = peerIn(context, facts)
    this.#client = clientOf(this.#peer, facts, this.#head, context.trusted)
    this.#id = requestIdOf(context, this.#peer, this.#head)
  }

  start (): void {
    const { guard, figures, deadlines, limits, table, random, isClosing, groups } = this.#context
    figures.active++
    deadlines.add(this)
    this.#socket.on('error', guard.around(place, () => this.#gone()))
    this.#socket.once('close', guard.around(place, () => this.#gone()))
    const request = this.#request
    const decision = decide(table, {
      method: request.method ?? '', target: request.url ?? '', hosts: this.#head.hosts, scheme: this.#facts.scheme, clientScheme: this.#client.scheme,
      sni: this.#facts.sni, client: this.#client.ip, isHostOptional: request.httpVersion === '1.0', fields: this.#head.fields, hasUnknownCoding: this.#head.hasUnknownCoding, hasUnknownExpectation: this.#head.hasUnknownExpectation,
      header: (name) => { const value = request.headers[name]; return typeof value === 'string' ? value : value?.[0] }
    }, random)
    if ('answer' in decision) {
      this.#told = { host: decision.host, path: decision.path, ingress: decision.owner?.key }
      return this.#answer(decision.answer)
    }
    this.#told = { host: decision.host, path: decision.target.path, ingress: decision.owner.key }
    const { isChunked, contentLength = 0 } = this.#head
    if (isChunked || contentLength > 0) return this.#answer({ reason: 'bad-request', message: 'a request for an upgrade has a body' })
    const isFull = deadlines.size + figures.upgraded > limits.exchanges
    if (isFull) return this.#answer({ reason: 'busy', message: 'the ingress serves as many requests as it can' })
    if (isClosing) return this.#answer({ reason: 'closing', message: 'the ingress is shutting down' })
    this.#group = groups.of(decision.backend)
    if (this.#group.problem !== undefined) return this.#answer(this.#group.problem)
    this.#try(this.#group, decision)
  }

  expire (): void {
    this.deadlineMs = Infinity
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.destroy()
    if (this.#group !== undefined && this.#upstream !== undefined) endpointFailed(this.#context, this.#group, this.#upstream)
    this.#answer({ reason: 'no-answer', message: `the service ${this.#group?.ref.service ?? ''} has not answered in time` })
  }

  cut (): void {
    this.#socket.destroy()
  }

  #try (group: EndpointGroup, forward: Forward): void {
    const { clock, timeouts, limits, guard } = this.#context
    const { annotations } = forward.owner
    const { affinityCookie: cookie } = annotations
    const kept = cookie === undefined || this.#tried.length > 0 ? undefined : pinned(group, this.#head, cookie, clock.now())
    const upstream = kept ?? group.pick(clock.now(), this.#tried)
    if (upstream === undefined) return this.#answer({ reason: 'unreachable-endpoint', message: `no endpoint of the service ${group.ref.service} could be reached` })
    this.#upstream = upstream
    this.#tried.push(upstream)
    const host = this.#head.hosts[0] ?? forward.host
    const headers = ['Host', host, ...this.#head.passed, 'X-Request-Id', this.#id]
    addForwarded(headers, this.#peer, this.#facts, this.#head, host, forward.prefix)
    headers.push('Connection', 'Upgrade', 'Upgrade', this.#head.upgrade ?? '')
    this.deadlineMs = clock.now() + (annotations.responseTimeoutMs ?? timeouts.responseMs)
    let isConnected = false
    const attempt = send({
      host: upstream.address, port: upstream.port, method: this.#request.method, path: forward.path, agent: false, setHost: false,
      maxHeaderSize: limits.headBytes, headers: headers as unknown as Record<string, string>
    })
    this.#attempt = attempt
    const cancel = clock.after(timeouts.connectMs, () => {
      if (!isConnected) attempt.destroy(Object.assign(new Error('connect timeout'), { code: 'ETIMEDOUT' }))
    })
    attempt.once('socket', guard.around(place, (socket) => {
      socket.once('connect', guard.around(place, () => {
        isConnected = true
        cancel()
        const { opened, closed } = countersOf(this.#context, group)
        opened()
        socket.once('close', guard.around(place, closed))
      }))
    }))
    attempt.on('error', guard.around(place, (error) => {
      cancel()
      if (this.#attempt !== attempt) return
      this.#attempt = undefined
      endpointFailed(this.#context, group, upstream)
      const { kind } = failureOf(error, isConnected)
      if (kind === 'unreachable' && this.#tried.length <= maxRetries && group.choosable.some((each) => !this.#tried.includes(each))) {
        this.#context.figures.retries.add(group.ref.service)
        return this.#try(group, forward)
      }
      const reason = kind === 'unreachable' ? 'unreachable-endpoint' : kind === 'malformed' ? 'malformed-answer' : 'broken-endpoint'
      this.#answer({ reason, message: `the service ${group.ref.service} was asked, and gave no answer` })
    }))
    attempt.once('upgrade', guard.around(place, (response, socket, first) => {
      if (this.#attempt !== attempt || this.#isOver) return void socket.destroy()
      upstream.succeeded(clock.now())
      this.#join(response, socket, first, upstream)
    }))
    attempt.once('response', guard.around(place, (response) => { if (this.#attempt === attempt) this.#refused(response) }))
    attempt.end()
  }

  /** The endpoint has agreed. From here on nothing of this object is needed. */
  #join (response: IncomingMessage, server: Socket, first: Buffer, upstream: Upstream): void {
    const { guard, figures } = this.#context
    const client = this.#socket
    const { passed } = readResponseHead(response.rawHeaders)
    const fields = [...passed, 'Connection', 'Upgrade', 'Upgrade', response.headers.upgrade ?? this.#head.upgrade ?? '']
    const lines = Array.from({ length: fields.length / 2 }, (_, index) => `${fields[2 * index] ?? ''}: ${fields[2 * index + 1] ?? ''}\r\n`)
    client.write(`HTTP/1.1 101 ${response.statusMessage || (STATUS_CODES[101] ?? '')}\r\n${lines.join('')}\r\n`, 'latin1')
    if (first.length > 0) client.write(first)
    if (this.#first.length > 0) server.write(this.#first)
    this.#attempt = undefined
    this.#done(101, undefined)
    client.removeAllListeners('error')
    client.removeAllListeners('close')
    server.removeAllListeners('error')
    // Node leaves the request at its socket, and with it all that has led here: thousands of WebSockets would keep it for hours.
    Object.assign(server, { _httpMessage: null })
    joinSockets(client, server, guard, () => {
      figures.upgraded--
      upstream.tunnels.delete(client)
    })
    figures.upgraded++
    upstream.tunnels.add(client)
  }

  /** It answers as to any other request: that is passed on, and the connection ends. */
  #refused (response: IncomingMessage): void {
    const { guard, clock } = this.#context
    const { passed } = readResponseHead(response.rawHeaders)
    const status = response.statusCode ?? 502
    this.#upstream?.succeeded(clock.now())
    const answer = this.#writer()
    answer.writeHead(status, response.statusMessage ?? '', [...passed, 'Connection', 'close'])
    response.on('error', guard.around(place, () => this.#socket.destroy()))
    answer.on('error', guard.around(place, () => response.destroy()))
    response.pipe(answer)
    this.#done(status, undefined)
  }

  #answer (answer: Answer): void {
    if (this.#isOver) return
    const { status, headers, body } = writtenAnswer(answer, this.#request.headers.accept ?? '', this.#id)
    const writer = this.#writer()
    writer.on('error', this.#context.guard.around(place, () => undefined))
    writer.writeHead(status, STATUS_CODES[status] ?? '', [...headers, 'Connection', 'close'])
    writer.end(body)
    this.#done(status, answer.reason)
  }

  /** The server has given the socket away: this writes an HTTP answer to it all the same, and closes it. */
  #writer (): ServerResponse {
    const { guard } = this.#context
    const answer = new ServerResponse(this.#request)
    answer.shouldKeepAlive = false
    answer.assignSocket(this.#socket as Socket)
    answer.once('finish', guard.around(place, () => this.#socket.end()))
    return answer
  }

  #gone (): void {
    if (this.#isOver) return
    this.#attempt?.destroy()
    this.#attempt = undefined
    this.#done(499, 'client-gone')
  }

  #done (status: number, reason: string | undefined): void {
    this.#isOver = true
    this.deadlineMs = Infinity
    this.#context.deadlines.remove(this)
    this.#context.figures.active--
    tell(this.#context, {
      head: this.#head, facts: this.#facts, client: this.#client, id: this.#id, method: this.#request.method ?? '', protocol: `HTTP/${this.#request.httpVersion}`,
      ...this.#told, status, reason, service: this.#group?.ref.service, upstream: this.#upstream, retries: Math.max(0, this.#tried.length - 1),
      ms: performance.now() - this.#beganMs, bytesIn: 0, bytesOut: 0
    })
  }
}

/** Both ways, with back-pressure; when one side ends the other one is ended, when one breaks the other is cut. Few and small closures: there are thousands. */
function joinSockets (client: Duplex, server: Socket, guard: EngineContext['guard'], ended: () => void): void {
  server.setNoDelay(true)
  server.setKeepAlive(true, keepAliveMs)
  if ('setKeepAlive' in client) (client as Socket).setKeepAlive(true, keepAliveMs)
  let isOver = false
  const cut = guard.around(place, (): void => {
    client.destroy()
    server.destroy()
    if (isOver) return
    isOver = true
    ended()
  })
  for (const [one, other] of [[client, server], [server, client]] as const) {
    one.on('data', guard.around(place, (chunk: Buffer) => { if (!other.write(chunk)) one.pause() }))
    one.on('drain', guard.around(place, () => other.resume()))
    one.on('end', guard.around(place, () => other.end()))
    one.on('error', cut)
    one.on('close', cut)
  }
}
