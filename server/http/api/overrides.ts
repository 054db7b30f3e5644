// An operator's drain, outage or weight on an instance.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { LabelName } from '../../model/instance/instance.ts'
import type { Position } from '../../registry/core.ts'
import { answer, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { instancePath } from './instances.ts'
import { cursorOf, positionOf } from './lists.ts'
import { pageText, textForm } from './page-text.ts'
import { Instance, InstanceParams, OverrideBody, OverridePage, answerOf, emptyAnswer, errorResponses, exampleInstance, readErrors, writeErrors } from './schemas.ts'

const notFound = ['REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_INSTANCE_NOT_FOUND'] as const

const ListQuery = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Items of a page, default ${defaultPageItems}` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

export function registerOverrides (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  const tags = ['overrides']
  const path = `${instancePath}/override`

  app.put<{ Params: Static<typeof InstanceParams>, Body: Static<typeof OverrideBody> }>(path, {
    schema: {
      tags,
      operationId: 'override',
      summary: 'Drain an instance, take it out, or give it another weight',
      description: 'It wins over what the instance says, and survives its re-registration, until `until` or its removal.',
      params: InstanceParams,
      body: OverrideBody,
      response: {
        200: answerOf('The instance under its override', Instance, {
          ...exampleInstance,
          effectiveStatus: 'draining',
          conditions: { ready: false, serving: true, terminating: true },
          override: { status: 'draining', author: 'ada', reason: 'kernel update', createdAt: '2026-01-01T00:00:00.000Z' }
        }),
        ...errorResponses(...writeErrors, ...notFound, 'REG_LIMIT_REACHED')
      }
    }
  }, async (request, reply) => {
    const instance = await accessOf(context, request).override(request.params, request.body)
    setRevision(reply, core, instance.revision)
    return instance
  })

  app.delete<{ Params: Static<typeof InstanceParams> }>(path, {
    schema: {
      tags,
      operationId: 'removeOverride',
      summary: 'End an override before its time',
      params: InstanceParams,
      response: { 204: emptyAnswer('It is gone'), ...errorResponses(...writeErrors, ...notFound, 'REG_OVERRIDE_NOT_FOUND') }
    }
  }, async (request, reply) => {
    const revision = await accessOf(context, request).removeOverride(request.params)
    setRevision(reply, core, revision)
    return reply.code(204).send()
  })

  app.get<{ Querystring: Static<typeof ListQuery> }>('/v1/overrides', {
    schema: {
      tags,
      operationId: 'listOverrides',
      summary: 'All overrides, by namespace, service and id',
      description: 'With whether the instance is registered: an override of one that is not ends after --override-keep.',
      querystring: ListQuery,
      response: {
        200: answerOf('A page', OverridePage, {
          revision: 'q7Zk2.17',
          items: [{
            namespace: 'shop', service: 'orders', id: 'orders-1', registered: false, absentSince: '2026-01-01T06:00:00.000Z',
            override: { status: 'draining', author: 'ada', reason: 'kernel update', createdAt: '2026-01-01T00:00:00.000Z' }
          }]
        }),
        ...errorResponses(...readErrors)
      }
    }
  }, async (request, reply) => {
    const { namespace, service, limit = defaultPageItems, cursor, minRevision } = request.query
    await settle(context, request, minRevision)
    const after = positionOf(cursor)
    const isMeant = (each: Position): boolean => (namespace ?? each.namespace) === each.namespace
      && (service ?? each.service) === each.service
    const all = accessOf(context, request).overrides().filter(isMeant)
    const rest = after === undefined ? all : all.filter((each) => isBehind(each, after))
    const items = rest.slice(0, limit)
    const last = rest.length > limit ? items.at(-1) : undefined
    // No tag: whether an instance is registered, and since when, is not told by one revision on all nodes.
    const next = last === undefined ? undefined : cursorOf(last)
    const { cursor: revision } = core.position
    return answer(context, request, reply, undefined, () => pageText({ revision, items, next, cursorOf }), textForm)
  })
}

/** In the order of the list: by namespace, service and id, each by code unit. */
function isBehind (item: Position, after: Position): boolean {
  if (item.namespace !== after.namespace) return item.namespace > after.namespace
  if (item.service !== after.service) return item.service > after.service
  return item.id > after.id
}
