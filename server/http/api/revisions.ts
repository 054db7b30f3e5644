// Who has seen a revision.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { RegistryError } from '../../errors.ts'
import { parseCursor } from '../../registry/core.ts'
import { reach, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { Propagation, answerOf, errorResponses, readErrors } from './schemas.ts'

const Params = Type.Object({ revision: Type.String({ description: 'epoch.revision, or the number alone' }) })
const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })

export function registerRevisions (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  app.get<{ Params: Static<typeof Params>, Querystring: Static<typeof Query> }>('/v1/revisions/:revision', {
    schema: {
      tags: ['watch'],
      operationId: 'getRevision',
      summary: 'Which watchers have acknowledged a revision, and how long that took',
      params: Params,
      querystring: Query,
      response: {
        200: answerOf('How far it came', Propagation, { revision: 17, watchers: 2, seen: 1, pending: ['10.0.0.9#3'], delayMs: { median: 4, max: 4 } }),
        ...errorResponses(...readErrors, 'REG_REVISION_NOT_FOUND')
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const cursor = parseCursor(request.params.revision, 'revision')
    const { epoch, revision } = cursor
    if (epoch !== undefined && epoch !== position.epoch) throw new RegistryError('REG_REVISION_NOT_FOUND', `revision ${revision} is of epoch ${epoch}, this registry is in epoch ${position.epoch}`)
    await reach(context, request, cursor)
    setRevision(reply, context.core)
    return accessOf(context, request).propagation(revision)
  })
}
