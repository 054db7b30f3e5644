// What instances said last of their load, whichever node heard it.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { LabelName } from '../../model/instance/instance.ts'
import { setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { cursorOf, positionOf } from './lists.ts'
import { answerOf, errorResponses, readErrors } from './schemas.ts'
import { Load } from './schemas/instances.ts'

const Query = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  limit: Type.Optional(Type.Integer({
    minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`,
    description: `Instances that are looked at for a page, default ${defaultPageItems}. Those that said nothing are left out`
  })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' }))
}, { additionalProperties: false })

const Item = Type.Object({
  namespace: Type.String(), service: Type.String(), id: Type.String(), at: Type.String({ format: 'date-time', description: 'When it was heard' }), load: Load
}, { additionalProperties: false })
const LoadPage = Type.Object({ revision: Type.String(), items: Type.Array(Item), next: Type.Optional(Type.String()) }, { additionalProperties: false })
const example = {
  revision: 'q7Zk2.17',
  items: [{ namespace: 'shop', service: 'orders', id: 'orders-1', at: '2026-01-01T00:00:00.000Z', load: { cpu: { value: 0.4, capacity: 1 } } }]
}

export function registerLoads (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  app.get<{ Querystring: Static<typeof Query> }>('/v1/loads', {
    schema: {
      tags: ['instances'],
      operationId: 'listLoads',
      summary: 'What instances said last of their load, by namespace, service and id',
      description: 'It changes without a revision.',
      querystring: Query,
      response: { 200: answerOf('A page', LoadPage, example), ...errorResponses(...readErrors, 'REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND') }
    }
  }, async (request, reply) => {
    await settle(context, request, undefined)
    const { namespace, service, limit = defaultPageItems, cursor } = request.query
    const access = accessOf(context, request)
    const filter = { ...(namespace === undefined ? {} : { namespace }), ...(service === undefined ? {} : { service }) }
    const after = positionOf(cursor)
    if (after === undefined) access.checkScope(filter)
    await access.freshLoads()
    const { items, next } = access.instances(filter, after, limit)
    setRevision(reply, core)
    return {
      revision: core.position.cursor,
      items: items.flatMap(({ namespace: space, service: of, id }) => {
        const said = access.load({ namespace: space, service: of, id })
        return said === undefined ? [] : [{ namespace: space, service: of, id, at: new Date(said.atMs).toISOString(), load: said.load }]
      }),
      ...(next === undefined ? {} : { next: cursorOf(next) })
    }
  })
}
