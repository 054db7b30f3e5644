// What can be given to services, and what is: cluster IPs, node ports, addresses of load balancers.
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Pool } from '../../../client-sdk/src/wire.ts'
import { answer, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { Pools, answerOf, emptyAnswer, errorResponses, readErrors } from './schemas.ts'

const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })

const example: readonly Pool[] = [{
  kind: 'node-port', name: 'node-ports', ranges: ['30000-32767'], autoAssign: true, size: 2_768, used: 1, free: 2_767, bands: { static: { size: 86, used: 0 }, dynamic: { size: 2_682, used: 1 } }
}]

export function registerPools (app: FastifyInstance, context: HttpContext): void {
  app.get<{ Querystring: Static<typeof Query> }>('/v1/pools', {
    schema: {
      tags: ['operations'],
      operationId: 'listPools',
      summary: 'What can be given to services, and what is',
      querystring: Query,
      response: { 200: answerOf('The pools', Pools, example), 304: emptyAnswer('If-None-Match names it'), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const pools = accessOf(context, request).pools()
    return answer(context, request, reply, `${context.core.position.cursor}-pools-${rangesTag(pools)}`, () => pools)
  })
}

/** Nodes at one revision may have other ranges, and an ETag must not stand for both. */
function rangesTag (pools: readonly Pool[]): string {
  return createHash('sha256').update(JSON.stringify(pools.map(({ kind, name, ranges, autoAssign }) => [kind, name, ranges, autoAssign]))).digest('base64url').slice(0, 8)
}
