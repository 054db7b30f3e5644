// What each route gets: the core, and what belongs to this node and this HTTP server.
import type { FastifyRequest } from 'fastify'
import { type Guard } from '../../guard.ts'
import type { DnsAnswer } from '../../../client-sdk/src/wire.ts'
import type { Access, Actor, Core, CallCounts, Sight } from '../../registry/core.ts'
import type { DialectParts } from './dialect.ts'
import type { HttpMetrics } from './metrics.ts'

/** DNS over HTTP: the part of a DNS server that needs no socket. */
export interface DnsQueries {
  /** Answers a message in wire form. undefined = it is no query. */
  answer (message: Buffer, client: { readonly transport: 'https', readonly address: string, readonly sight?: Sight | undefined }): Promise<Buffer | undefined>
  /** Whether a client is answered cluster IPs, and why. */
  reach (client: string): { readonly clusterIps: boolean, readonly reason: string }
  /** Answers a person, with the rules that decided. @throws RegistryError REG_INVALID */
  explain (question: {
    readonly name: string, readonly type: string, readonly namespace?: string | undefined, readonly client: string, readonly caller: string,
    readonly sight?: Sight | undefined
  }): Promise<Omit<DnsAnswer, 'revision'>>
}

/** What every native resource is handed. */
export interface HttpContext extends Omit<DialectParts, 'metrics'> {
  readonly core: Core
  /** The name of this node, as operators know it. */
  readonly node: string
  readonly version: string
  /** What HTTP counts. */
  readonly http: HttpMetrics
  /** What the registry counts. */
  readonly metrics: CallCounts
  /** Several nodes, on several machines, share the registry. */
  readonly sharedStore: boolean
  /** Access control refuses what nobody permits. */
  readonly isGuarded: boolean
  /** undefined = this node answers no DNS. */
  readonly dns: DnsQueries | undefined
  /** Around every callback of a socket or a timer. */
  readonly guard: Guard
  /** Wall time at which this node began. */
  readonly startedAtMs: number
}

const accesses = new WeakMap<FastifyRequest['raw']['socket'], { readonly actor: Actor, readonly access: Access }>()

/**
 * What the sender of a request may ask of the core. Requests of a connection mostly have the same actor, so it is created once; a
 * trusted proxy may send requests of several.
 */
export function accessOf (context: AccessContext, request: Pick<FastifyRequest, 'raw'>): Access {
  return accessFor(context, request, context.identities.of(request.raw, context.peerOf(request)))
}

/** The same before anything was looked at; undefined = the request must be admitted first. */
export function knownAccessOf (context: AccessContext, request: Pick<FastifyRequest, 'raw'>): Access | undefined {
  const actor = context.identities.known(request.raw, context.peerOf(request))
  return actor === undefined ? undefined : accessFor(context, request, actor)
}

export type AccessContext = Pick<HttpContext, 'core' | 'peerOf' | 'identities'>

function accessFor ({ core }: AccessContext, { raw: { socket } }: Pick<FastifyRequest, 'raw'>, actor: Actor): Access {
  let known = accesses.get(socket)
  if (known === undefined || !isSame(known.actor, actor)) {
    known = { actor, access: core.as(actor) }
    accesses.set(socket, known)
  }
  return known.access
}

/** Of one who is known by address alone a new actor is made for each request. */
function isSame (one: Actor, other: Actor): boolean {
  return one === other || (one.kind === 'anonymous' && other.kind === 'anonymous' && one.address === other.address && one.door === other.door && one.dialect === other.dialect)
}

/** Who asks, as events name it: the address of the client. */
export function callerOf (request: FastifyRequest): string {
  return request.server.peers.of(request.raw).address
}

/** Aborts when the client goes away or the node closes. `release` must be called at the end. */
export function lifeOf (request: FastifyRequest, { closing, guard }: Pick<DialectParts, 'closing' | 'guard'>): { signal: AbortSignal, release: () => void } {
  const controller = new AbortController()
  const end = guard.around('http-request', () => controller.abort())
  const { socket } = request.raw
  socket.once('close', end)
  const cancel = closing.onBegin(end)
  if (closing.begun) end()
  return {
    signal: controller.signal,
    release: () => {
      socket.off('close', end)
      cancel()
    }
  }
}
