// What the parts of one engine share: its state, its settings, its counters.
import type { Guard } from '../../guard.ts'
import type { AddressRange } from '../../model/address/ranges.ts'
import type { Clock } from '../../clock.ts'
import { type ClientIdentity, isSaneId, type Peer, peerOf } from './client-identity.ts'
import type { Deadlines } from './deadlines.ts'
import { EndpointConnections } from './endpoint-connections.ts'
import type { EndpointGroup } from './endpoint-group.ts'
import type { EndpointGroups } from './endpoint-groups.ts'
import type { Figures } from './figures.ts'
import { H2cSession } from './h2c-session.ts'
import type { AccessRecord, ConnectionFacts, EngineOptions, IngressLimits, IngressTimeouts } from './ports.ts'
import type { RequestHead } from './request-head.ts'
import type { RouteTable } from './route-table.ts'
import type { Upstream } from './upstream.ts'

export interface EngineContext {
  readonly clock: Clock
  readonly guard: Guard
  readonly random: () => number
  readonly trusted: readonly AddressRange[]
  readonly timeouts: IngressTimeouts
  readonly limits: IngressLimits
  readonly accessLog: EngineOptions['accessLog']
  readonly table: RouteTable
  readonly groups: EndpointGroups
  readonly figures: Figures
  readonly deadlines: Deadlines
  /** Of the ids that are given to requests: 20 hexadecimal digits by chance, of this process alone. */
  readonly idPrefix: string
  requests: number
  /** Heads of answers that were written in this turn: sent at its end, unless their bodies have come with them. */
  readonly unflushed: { readonly flush: () => void }[]
  isClosing: boolean
}

const peerKey = Symbol('who is at the other end')

/** Read once for each connection, and noted in what is known of it. */
export function peerIn ({ trusted }: EngineContext, facts: ConnectionFacts & { [peerKey]?: Peer }): Peer {
  return facts[peerKey] ??= peerOf(facts, trusted)
}

/** Kept from a trusted proxy, so that its log and ours name the request alike. */
export function requestIdOf (context: EngineContext, peer: Peer, { requestId }: RequestHead): string {
  if (peer.isTrusted && requestId !== undefined && isSaneId(requestId)) return requestId
  context.requests++
  return context.idPrefix + context.requests.toString(16).padStart(12, '0')
}

/** The connections of an endpoint, made with its first request. */
export function connectionsOf (context: EngineContext, group: EndpointGroup, upstream: Upstream): EndpointConnections | H2cSession {
  const { clock, guard, timeouts: { connectMs, upstreamIdleMs: idleMs }, limits: { headBytes, endpointConnections: max } } = context
  const counted = countersOf(context, group)
  if (group.isH2c) {
    const options = { connectMs, idleMs: 15 * idleMs, headBytes, guard, clock, ...counted }
    return upstream.session ??= new H2cSession(upstream.address, upstream.port, options)
  }
  return upstream.connections ??= new EndpointConnections(upstream.address, upstream.port, { connectMs, idleMs, headBytes, max, guard, ...counted })
}

export function countersOf ({ figures }: EngineContext, { ref }: EndpointGroup): { readonly opened: () => void, readonly closed: () => void } {
  return {
    opened: () => {
      figures.upstreamConnections.add(ref.service)
      figures.upstreamConnects.add(ref.service)
    },
    closed: () => figures.upstreamConnections.add(ref.service, -1)
  }
}

/** Asks for `flush` when the octets that have come now are read: most answers are whole by then, and one write is enough for them. */
export function flushLater ({ unflushed, guard }: EngineContext, answered: { readonly flush: () => void }): void {
  if (unflushed.push(answered) > 1) return
  queueMicrotask(guard.around('ingress', () => {
    for (const each of unflushed.splice(0)) each.flush()
  }))
}

/** What an endpoint did wrong; five times in a row, and it is left out for a while. */
export function endpointFailed (context: EngineContext, group: EndpointGroup, upstream: Upstream): void {
  if (group.failed(upstream, context.clock.now())) context.figures.ejections.add(group.ref.service)
}

/** What is known of an exchange when it is over. */
export interface Told {
  readonly head: RequestHead
  readonly facts: ConnectionFacts
  readonly client: ClientIdentity
  readonly id: string
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  readonly status: number
  readonly reason: string | undefined
  readonly ingress: string | undefined
  readonly service: string | undefined
  readonly upstream: Upstream | undefined
  readonly retries: number
  readonly ms: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Counts it, and writes it into the access log if it is one of the sample, or a fault of ours to be found. */
export function tell ({ figures, accessLog, random, clock }: EngineContext, told: Told): void {
  const { ingress = '-', service = '-', status, ms, reason } = told
  figures.answered(ingress, service, status, ms / 1_000)
  if (reason !== undefined) figures.reasons.add(reason)
  if (accessLog === undefined) return
  const isFault = reason !== undefined && status >= 500
  if (!isFault && (accessLog.sample <= 0 || (accessLog.sample < 1 && random() >= accessLog.sample))) return
  accessLog.write(recordOf(told, clock.now()))
}

/** A log line must not grow with what a client sends. */
const maxText = 1_024

function recordOf (told: Told, nowMs: number): AccessRecord {
  const { facts, client, id, method, protocol, host, path, status, reason, ingress, service, upstream, retries, ms, bytesIn, bytesOut, head } = told
  const agentAt = head.passed.findIndex((name, index) => index % 2 === 0 && name.length === 10 && name.toLowerCase() === 'user-agent')
  return {
    time: new Date(nowMs).toISOString(), id, client: client.address, scheme: facts.scheme, protocol, method, host, path: path.slice(0, maxText), status,
    ...(reason === undefined ? {} : { reason }), ...(ingress === undefined ? {} : { ingress }), ...(service === undefined ? {} : { service }),
    ...(upstream === undefined ? {} : { endpoint: `${upstream.id} ${upstream.key}` }),
    retries, ms: Math.round(ms * 1_000) / 1_000, bytesIn, bytesOut,
    ...(agentAt === -1 ? {} : { userAgent: (head.passed[agentAt + 1] ?? '').slice(0, maxText) })
  }
}
