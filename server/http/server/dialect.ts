// A dialect is one way of speaking to the registry over HTTP: the native API is the first. Each has its own routes, bodies, errors and
// not-found answers; limits, host guard, request times, shares and shutdown are everybody's (app.ts).
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { ErrorCode, RegistryError } from '../../errors.ts'
import type { Guard } from '../../guard.ts'
import type { Clock } from '../../clock.ts'
import type { BodyParser } from './bodies.ts'
import type { Commons } from './commons.ts'
import type { Closing } from './closing.ts'
import type { HostGuard } from './guard.ts'
import type { HttpLog } from './http-log.ts'
import type { HttpMetrics } from './metrics.ts'
import type { Identities } from './identities.ts'
import type { Peer } from './peer.ts'

/** Where something listens. */
export interface Listener {
  /** An IP literal without brackets, or a name: then all of its addresses. */
  readonly host: string
  /** 0 = the system chooses, one port for all addresses of the name. */
  readonly port: number
  /** Absent: plain HTTP. */
  readonly tls?: ListenerTls
}

/** All in PEM form. */
export interface ListenerTls {
  /** With those that lead to its root. */
  readonly cert: string
  readonly key: string
  /** The CAs whose certificates clients may show. Absent: clients are asked for none. */
  readonly ca?: string | undefined
  /** Whether a client of such a listener must show one. Default `request`. */
  readonly clientCert?: 'request' | 'require' | undefined
}

export interface Dialect {
  /** In logs and metrics. */
  readonly name: string
  /** Before each of its paths, as in `/eureka`; empty for none. */
  readonly prefix: string
  /** Its clients are somebody else's: what they register shows this name as `source`, and the audit as the way they came. Default false. */
  readonly isForeign?: boolean
  /**
   * The token that a request shows in the dialect's own way; undefined = it shows none so, and only a bearer token counts. What is given is
   * looked at as a bearer token from then on. @throws RegistryError for what is no credential
   */
  readonly tokenOf?: (request: IncomingMessage) => string | undefined
  /** Takes out of the URL of a request what must not stand in logs, before anybody looks at it. */
  readonly cleanUrl?: (request: IncomingMessage) => void
  /** Registers the routes, in a scope of the dialect's own: other dialects see nothing of what it adds. */
  readonly plugin: (scope: FastifyInstance, parts: DialectParts) => void | Promise<void>
  /** Paths below the prefix that speak WebSocket; one that ends in `*` stands for all that begin so. Elsewhere an Upgrade header means nothing. */
  readonly upgrades?: readonly string[]
  /** What its routes add to `/openapi.json`. */
  readonly inOpenApi: OpenApiPart | false
  /** A listener of its own, where only this dialect is spoken. */
  readonly listen?: Listener
  /** Requests that keep the registry alive (heartbeats, health): they never wait for others, and their bodies have a share of their own. */
  readonly isUrgent?: (method: string, path: string) => boolean
  /** The answer to what is no HTTP, or comes too late: there is no request then. Default: an empty body. */
  readonly clientError?: (code: ErrorCode) => { readonly media: string, readonly body: string }
}

/**
 * Answers a request as its route would have, now or later, or gives false, having done nothing. It counts what it answers itself.
 * @param route goes on with the request, if what was begun turns out to be for the route
 */
export interface AnswerAhead {
  answer (request: IncomingMessage, response: ServerResponse, route: (request: IncomingMessage, response: ServerResponse) => void): boolean
}

export interface OpenApiPart {
  readonly tags: readonly { readonly name: string, readonly description: string }[]
  /** Schemas that its routes refer to, by name. */
  readonly components: ReadonlyMap<string, TSchema>
}

/** What the server gives to each dialect. */
export interface DialectParts {
  readonly clock: Clock
  readonly log: HttpLog
  readonly closing: Closing
  /** Around every callback of a socket or a timer: what it throws ends itself only. */
  readonly guard: Guard
  readonly metrics: HttpMetrics
  readonly commons: Commons
  readonly bodies: {
    /** Reads bodies of these media types (`*`: all others) in the scope, as bytes, within all limits. An empty one is `undefined`. */
    parse (scope: FastifyInstance, mediaTypes: string | string[], parser: BodyParser): void
    /** Calls back with a body that came along with its header, in turn with others; undefined = it is not here as a whole, and nothing was read. */
    early (request: IncomingMessage, isUrgent: boolean, done: (bytes: Buffer | undefined) => void): void
    /** The body of a request was read ahead of its route: `parse` takes these bytes for it. */
    hand (request: IncomingMessage, bytes: Buffer): void
    /** Takes only empty bodies of these media types. */
    refuse (scope: FastifyInstance, mediaTypes: string | string[], refuse: (request: FastifyRequest) => Error): void
  }
  readonly answers: {
    /** Counts an answer that a handler writes by itself (`hijack`) until it has left. Those by `reply.send` are counted already. */
    hold (request: FastifyRequest, reply: FastifyReply, bytes: number): void
  }
  /** Counts an answer that a handler writes by itself (`hijack`). Those by `reply.send` are counted already. */
  count (request: FastifyRequest, reply: FastifyReply): void
  /** Whether each request gets a log line, asked at each. */
  readonly logRequests: () => boolean
  /** Which Host headers are let in. */
  readonly hosts: Pick<HostGuard, 'knows'>
  /** Registers what answers some requests before they are routed. */
  answerAhead (ready: AnswerAhead): void
  /** Makes a scope speak WebSocket: it costs a hook on each of its routes, so that it should have no others. */
  webSockets (scope: FastifyInstance): Promise<void>
  /** Who asks, by what the request has shown. @throws RegistryError REG_UNAUTHENTICATED */
  readonly identities: Identities
  /** From where. */
  readonly peerOf: (request: Pick<FastifyRequest, 'raw'>) => Peer
  /** A fault as the registry's own error; what nobody expected is logged, and told only by the id of the request. */
  faultOf (cause: unknown, request: FastifyRequest): RegistryError
}

/** The dialect's part of a path: undefined if it is not the dialect's. */
export function below (prefix: string, path: string): string | undefined {
  if (prefix === '') return path
  return path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined
}

export function pathOf ({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
