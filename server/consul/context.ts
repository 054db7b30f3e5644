// What the routes of Consul's API share: who asks, how a blocking query waits, what headers an answer has.
import { createHash } from 'node:crypto'
import { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { lifeOf } from '../http/server/context.ts'
import type { DialectParts } from '../http/server/dialect.ts'
import type { Access, CallCounts, Core } from '../registry/core.ts'
import type { Agent, Caller } from './agent.ts'
import type { ServiceAnswers } from './answers/service-answers.ts'
import { type Subject, hold, indexOf } from './blocking.ts'
import { ConsulError } from './consul-error.ts'
import type { Directory } from './directory.ts'
import { type QueryDefaults, type ReadQuery, checkDatacenter, maxWaitMs, namespaceIn, readQuery } from './query.ts'
import { type Asked, sendJson, sendValue } from './routes.ts'

export interface ConsulContext {
  readonly core: Core
  readonly parts: DialectParts
  readonly clock: Clock
  readonly counters: CallCounts
  readonly directory: Directory
  readonly answers: ServiceAnswers
  readonly agent: Agent
  readonly defaults: QueryDefaults
  /** The name of this node, its address, and the version of the registry. */
  readonly self: { readonly name: string, readonly address: string, readonly port: number, readonly version: string }
  readonly random: () => number
}

/** How long a connection may be silent beside the wait of its query. */
const silenceMs = 90_000

export function accessOf ({ core, parts }: ConsulContext, { request }: Pick<Asked, 'request'>): Access {
  return core.as(parts.identities.of(request.raw, parts.peerOf(request)))
}

/** @throws ConsulError 400, 500 for another datacenter */
export function callerOf (context: ConsulContext, asked: Asked, namespace?: string, datacenter?: string): Caller {
  const { request, query } = asked
  checkDatacenter(query, context.defaults, datacenter)
  return {
    access: accessOf(context, asked),
    namespace: namespaceIn(query, request.headers, namespace, context.defaults),
    agent: context.parts.peerOf(request).address
  }
}

export function queryOf ({ defaults }: ConsulContext, { query, request }: Asked): ReadQuery {
  return readQuery(query, request.headers, defaults)
}

/** The index of a revision. */
export function indexIn ({ core: { position } }: ConsulContext, revision: number): number {
  return indexOf(position.epoch, revision)
}

export interface Answering {
  readonly query: ReadQuery
  readonly subject: Subject
  /** The answer: a value, or its JSON. */
  readonly make: () => unknown
  readonly isText?: boolean
}

/** Answers a read, at once or when there is something newer than the client has. */
export async function answerBlocking (
  context: ConsulContext, { request, reply }: Asked, { query, subject, make, isText = false }: Answering
): Promise<FastifyReply> {
  const { core: { position }, parts: { closing } } = context
  position.requireLoaded()
  let index = subject.index()
  if (query.index > 0) {
    if (closing.begun) throw closing.refuse()
    if (index <= query.index) {
      request.waited = true
      index = await wait(context, request, query, subject)
    }
  }
  const made = await make()
  // What changed while the answer was made is not in it for sure: the next question asks for it.
  setHeaders(reply, query, index)
  if (isText && typeof made === 'string' && !query.pretty) return sendJson(reply, made)
  const value: unknown = isText && typeof made === 'string' ? JSON.parse(made) : made
  return sendValue(reply, value, query.pretty)
}

async function wait (context: ConsulContext, request: Asked['request'], query: ReadQuery, subject: Subject): Promise<number> {
  const { core, parts, clock, random } = context
  allowSilence(request, query.waitMs)
  const life = lifeOf(request, parts)
  try {
    return await hold({
      subject, index: query.index, waitMs: query.waitMs, position: core.position, clock, random, signal: life.signal,
      caughtUp: () => accessOf(context, { request }).caughtUp(),
      onAbort: (signal, act) => {
        const heard = parts.guard.around('consul', act)
        signal.addEventListener('abort', heard, { once: true })
        return () => signal.removeEventListener('abort', heard)
      }
    })
  } finally {
    life.release()
  }
}

/** A connection on which nothing moves is cut, unless that is what it was asked for. The next request on it has the usual time again. */
export function allowSilence ({ raw: { socket } }: Asked['request'], waitMs: number): void {
  // An injected request has no connection.
  if (waitMs <= silenceMs / 2 || !(socket instanceof Socket)) return
  // eslint-disable-next-line rollcall/guarded-callbacks -- it is given milliseconds, and calls nothing
  socket.setTimeout(Math.min(waitMs, maxWaitMs) * (1 + 1 / 16) + silenceMs)
}

export function setHeaders (reply: FastifyReply, { consistency, cached }: ReadQuery, index: number): void {
  void reply.headers({
    'x-consul-index': String(index), 'x-consul-knownleader': 'true', 'x-consul-lastcontact': '0', 'x-consul-effective-consistency': consistency,
    'x-consul-default-acl-policy': 'allow', 'x-consul-query-backend': 'blocking-query', ...(cached ? { 'x-cache': 'MISS', age: '0' } : {})
  })
}

/** The endpoints under a name, as far as the caller may see them; undefined = there are none. */
export function subjectOfService (context: ConsulContext, namespace: string, service: string, content?: Subject['content']): Subject {
  const { directory } = context
  return {
    index: () => indexIn(context, directory.serviceRevision(namespace, service)),
    follow: (wake) => directory.follow(namespace, service, wake),
    ...(content === undefined ? {} : { content })
  }
}

/** A short text that differs when the content does. */
export function fingerprint (value: unknown): string {
  return createHash('sha1').update(typeof value === 'string' ? value : JSON.stringify(value)).digest('hex')
}

export function missing (what: string): ConsulError {
  return new ConsulError(400, `Missing ${what}`)
}
