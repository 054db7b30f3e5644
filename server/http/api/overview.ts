// One cheap call for a dashboard: numbers that are kept anyway.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Overview } from '../../../client-sdk/src/wire.ts'
import type { Numbers } from '../../registry/core.ts'
import { setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { Overview as OverviewSchema, answerOf, errorResponses, readErrors } from './schemas.ts'

/** Services that an overview names as protected: a person reads them. */
const maxNamedServices = 100

/** Records that an overview names as unreadable; the list has them all. */
const maxNamedRecords = 100

/** Differences between nodes that an overview names. */
const maxNamedDifferences = 100

const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })

const example: Overview = {
  node: 'registry-1', version: '0.1.0', epoch: 'q7Zk2', revision: 'q7Zk2.17', uptimeSeconds: 60, namespaces: 1, services: 1,
  instances: { total: 1, suspect: 0, starting: 0, up: 1, warning: 0, draining: 0, down: 0 },
  store: { kind: 'sqlite', location: './data/rollcall.db', available: true, reason: '', since: '2026-01-01T00:00:00.000Z' },
  protection: { services: [], holdMs: 0 },
  watchers: { connections: 1, subscriptions: 1 },
  rememberedHeartbeats: 0,
  unreadable: { count: 0, records: [] },
  handMade: { total: 1, undeclared: 0 },
  ranges: { nodes: 1, different: [] }
}

export function registerOverview (app: FastifyInstance, context: HttpContext): void {
  app.get<{ Querystring: Static<typeof Query> }>('/v1/overview', {
    schema: {
      tags: ['operations'],
      operationId: 'getOverview',
      summary: 'The registry at a glance',
      querystring: Query,
      response: { 200: answerOf('The numbers', OverviewSchema, example), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    setRevision(reply, context.core)
    return overviewOf(context, accessOf(context, request).numbers())
  })
}

function overviewOf ({ core: { position }, node, version, clock, startedAtMs, http }: HttpContext, numbers: Numbers): Overview {
  const { namespaces, services, instances, store, protection, subscriptions, rememberedHeartbeats, unreadable, handMade, ranges } = numbers
  const { available, reason, sinceMs } = position.storeHealth
  const { registrySinceMs, holdMs } = protection
  const { websocket, eventStream } = http.connections()
  return {
    node,
    version,
    epoch: position.epoch,
    revision: position.cursor,
    uptimeSeconds: Math.max(0, Math.floor((clock.now() - startedAtMs) / 1_000)),
    namespaces,
    services,
    instances,
    store: { ...store, available, reason, since: new Date(sinceMs).toISOString() },
    protection: {
      ...(registrySinceMs === undefined ? {} : { registrySince: new Date(registrySinceMs).toISOString() }),
      services: Array.from(protection.services).slice(0, maxNamedServices).map(([key, sinceMs]) => {
        const [namespace = '', service = ''] = key.split('/')
        return { namespace, service, since: new Date(sinceMs).toISOString() }
      }),
      holdMs
    },
    watchers: { connections: websocket + eventStream, subscriptions },
    rememberedHeartbeats,
    unreadable: { count: unreadable.length, records: unreadable.slice(0, maxNamedRecords).map(({ key, reason }) => ({ key, reason })) },
    handMade,
    ranges: { nodes: ranges.nodes, different: ranges.different.slice(0, maxNamedDifferences) }
  }
}
