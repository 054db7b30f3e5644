// Heartbeats: many at once, or one. A heartbeat is never a change; a status that it carries may be one.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { HeartbeatAnswer } from '../../../client-sdk/src/wire.ts'
import type { HttpContext } from '../server/context.ts'
import { instancePath } from './instances.ts'
import { sendWritten, writeHeartbeat, writeHeartbeats } from './lease-writes.ts'
import type { QuickWrites } from './quick-writes.ts'
import { maxHeartbeatBytes } from '../server/limits.ts'
import { HeartbeatAnswer as HeartbeatAnswerSchema, HeartbeatBatch, HeartbeatBody, InstanceParams, answerOf, errorResponses, writeErrors } from './schemas.ts'

const example: HeartbeatAnswer = { renewed: 1, unknown: [], superseded: [], stored: true }

export const heartbeatsPath = '/v1/heartbeats'
export const heartbeatPath = `${instancePath}/heartbeat`

/** @param quick has done some of what comes here already */
export function registerHeartbeats (app: FastifyInstance, context: HttpContext, quick: Pick<QuickWrites, 'refuseFailed'>): void {
  const tags = ['heartbeats']

  app.post<{ Body: Static<typeof HeartbeatBatch> }>(heartbeatsPath, {
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
    quick.refuseFailed(request)
    return sendWritten(context, reply, await writeHeartbeats(context, request, request.body))
  })

  app.put<{ Params: Static<typeof InstanceParams>, Body: Static<typeof HeartbeatBody> | undefined }>(heartbeatPath, {
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
    quick.refuseFailed(request)
    return sendWritten(context, reply, await writeHeartbeat(context, request, request.params, request.body))
  })
}
