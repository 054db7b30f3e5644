// Heartbeats: many at once, or one. A heartbeat is never a change; a status that it carries may be one.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { Heartbeat, HeartbeatAnswer } from '../../../client-sdk/src/wire.ts'
import { RegistryError } from '../../errors.ts'
import { setRevision } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { instancePath } from './instances.ts'
import { maxHeartbeatBytes } from '../server/limits.ts'
import { HeartbeatAnswer as HeartbeatAnswerSchema, HeartbeatBatch, HeartbeatBody, InstanceParams, answerOf, errorResponses, writeErrors } from './schemas.ts'

const example: HeartbeatAnswer = { renewed: 1, unknown: [], superseded: [], stored: true }

export function registerHeartbeats (app: FastifyInstance, context: HttpContext): void {
  const { core, metrics } = context
  const tags = ['heartbeats']

  app.post<{ Body: Static<typeof HeartbeatBatch> }>('/v1/heartbeats', {
    compress: false, // it is short
    bodyLimit: maxHeartbeatBytes,
    schema: {
      tags,
      operationId: 'heartbeats',
      summary: 'Renew many leases',
      description: 'Up to 10,000 at once. Unknown and superseded ones are named in the answer; the others are renewed all the same.',
      body: HeartbeatBatch,
      response: { 200: answerOf('What became of them', HeartbeatAnswerSchema, example), ...errorResponses(...writeErrors, 'REG_OVERLOADED') }
    }
  }, async (request, reply) => {
    const answer = await accessOf(context, request).heartbeat(request.body.leases)
    metrics.heartbeats(answer)
    setRevision(reply, core)
    return answer
  })

  app.put<{ Params: Static<typeof InstanceParams>, Body: Static<typeof HeartbeatBody> | undefined }>(`${instancePath}/heartbeat`, {
    compress: false, // it is short
    schema: {
      tags,
      operationId: 'heartbeat',
      summary: 'Renew one lease',
      description: 'The body may be empty: then the life that is registered now is meant. 404 means: register again.',
      params: InstanceParams,
      body: HeartbeatBody,
      response: {
        200: answerOf('Renewed', HeartbeatAnswerSchema, example),
        ...errorResponses(...writeErrors, 'REG_LEASE_NOT_FOUND', 'REG_GENERATION_SUPERSEDED', 'REG_OVERLOADED')
      }
    }
  }, async (request, reply) => {
    const heartbeat: Heartbeat = { ...request.body, ...request.params } // the path names the lease, whatever the body says
    const answer = await accessOf(context, request).heartbeat([heartbeat])
    metrics.heartbeats(answer)
    if (answer.unknown.length > 0) throw new RegistryError('REG_LEASE_NOT_FOUND', `${nameOf(heartbeat)} has no lease: register again`)
    if (answer.forbidden !== undefined) throw new RegistryError('REG_FORBIDDEN', `${nameOf(heartbeat)} is registered by somebody else, or may not be kept by you any more`)
    if (answer.superseded.length > 0) {
      const rule = 'must be the generation that is registered now'
      throw new RegistryError('REG_GENERATION_SUPERSEDED', `another generation of ${nameOf(heartbeat)} is registered: stop`, [{ field: 'generation', value: heartbeat.generation, rule }])
    }
    setRevision(reply, core)
    return answer
  })
}

function nameOf ({ namespace, service, id }: Heartbeat): string {
  return `instance "${id}" of service "${service}" in namespace "${namespace}"`
}
