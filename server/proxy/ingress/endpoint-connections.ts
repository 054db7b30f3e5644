// HTTP/1.1 connections to one endpoint, by undici: one request at a time on each, the one used last first, so that the others can end.
import { buildConnector, Client } from 'undici'
import type { Guard } from '../../guard.ts'
import { type Attempt, failureOf, type UpstreamHandler, type UpstreamRequest } from './attempt.ts'

export interface ConnectionOptions {
  readonly connectMs: number
  readonly idleMs: number
  readonly headBytes: number
  readonly max: number
  readonly guard: Guard
  /** Told of each connection that opens and closes. */
  readonly opened: () => void
  readonly closed: () => void
}

/** Unused connections that are kept for the next requests. */
const maxIdle = 256
/** So much earlier than an endpoint says (`Keep-Alive: timeout=5`) its connection is given up: it must never close one that a request is on its way to. */
const idleMarginMs = 2_000

export class EndpointConnections {
  readonly origin: string
  readonly options: ConnectionOptions
  readonly connect: ReturnType<typeof buildConnector>
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()
  #isClosed = false

  constructor (address: string, port: number, options: ConnectionOptions) {
    this.origin = `http://${address.includes(':') ? `[${address}]` : address}:${port}`
    this.options = options
    this.connect = buildConnector({ timeout: options.connectMs })
  }

  /** @returns undefined if there are as many as there may be */
  send (request: UpstreamRequest, handler: UpstreamHandler): Attempt | undefined {
    const idle = this.#idle.pop()
    if (idle === undefined && this.#all.size >= this.options.max) return undefined
    const connection = idle ?? new Connection(this)
    if (idle === undefined) this.#all.add(connection)
    connection.send(request, handler)
    return connection
  }

  /** A request is over, and the connection is good for another one. */
  release (connection: Connection): void {
    if (this.#isClosed || this.#idle.length >= maxIdle) this.drop(connection)
    else this.#idle.push(connection)
  }

  drop (connection: Connection): void {
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    this.#all.delete(connection)
    connection.destroy()
  }

  /** Lets requests end. */
  close (): void {
    this.#isClosed = true
    for (const connection of [...this.#idle]) this.drop(connection)
  }

  destroy (): void {
    this.#isClosed = true
    for (const connection of [...this.#all]) this.drop(connection)
  }
}

/** One connection. It is undici's handler of its own request, too: the methods whose names begin with `on` are called by it. */
class Connection implements Attempt {
  readonly #owner: EndpointConnections
  readonly #client: Client
  #handler: UpstreamHandler | undefined
  /** It has carried nothing yet. */
  #isFresh = true
  #wasSent = false
  #abort: ((error: Error) => void) | undefined
  #resume: (() => void) | undefined

  constructor (owner: EndpointConnections) {
    this.#owner = owner
    const { idleMs, headBytes, guard, opened, closed } = owner.options
    this.#client = new Client(owner.origin, {
      connect: owner.connect, pipelining: 1, keepAliveTimeout: idleMs, keepAliveTimeoutThreshold: idleMarginMs,
      headersTimeout: 0, bodyTimeout: 0, // the exchange has its own deadlines
      maxHeaderSize: headBytes
    })
    this.#client.on('connect', guard.around('ingress-upstream', () => {
      this.#isFresh = true
      opened()
    }))
    this.#client.on('disconnect', guard.around('ingress-upstream', () => {
      closed()
      if (this.#handler === undefined) owner.drop(this)
    }))
  }

  send ({ method, path, headers, body }: UpstreamRequest, handler: UpstreamHandler): void {
    this.#handler = handler
    this.#wasSent = false
    // After HEAD undici ends the connection: a body that must not be there would be taken for the next client's answer.
    this.#client.dispatch({ method, path, headers: headers as string[], body: body ?? null }, this)
  }

  abort (error: Error): void {
    if (this.#abort !== undefined) this.#abort(error)
    else this.onError(error) // it waits for its connection
  }

  resume (): void {
    this.#resume?.()
  }

  destroy (): void {
    this.#client.destroy().catch(() => undefined)
  }

  onConnect (abort: (error?: Error) => void): void {
    this.#abort = abort
    this.#wasSent = true
    const isReused = !this.#isFresh
    this.#isFresh = false
    this.#handler?.sent(isReused)
  }

  onHeaders (status: number, raw: readonly Buffer[], resume: () => void, statusText: string): boolean {
    const headers = raw.map(text)
    if (status < 200) {
      this.#handler?.informed(status, headers)
      return true
    }
    this.#resume = resume
    return this.#handler?.head(status, headers, statusText) ?? true
  }

  onData (chunk: Buffer): boolean {
    return this.#handler?.data(chunk) ?? true
  }

  onComplete (trailers: readonly (Buffer | string)[] | null): void {
    const handler = this.#handler
    this.#forget()
    this.#owner.release(this)
    handler?.end(trailers === null ? [] : trailers.map((each) => (typeof each === 'string' ? each : text(each))))
  }

  onError (error: unknown): void {
    const handler = this.#handler
    if (handler === undefined) return
    const failure = failureOf(error, this.#wasSent)
    this.#forget()
    this.#owner.drop(this)
    handler.failed(failure)
  }

  #forget (): void {
    this.#handler = undefined
    this.#abort = undefined
    this.#resume = undefined
  }
}

/** Header fields are octets: what is not ASCII goes on as it came. */
function text (octets: Buffer): string {
  return octets.toString('latin1')
}
