// EndpointSlices and Endpoints that were applied by hand: those, too, that no service uses, which are in no other answer.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { HandMadeEndpoints } from '../../../client-sdk/src/wire.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { answer, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { keyCursor, parseKeyCursor } from './key-cursor.ts'
import { pageText, textForm } from './page-text.ts'
import { HandMadePage, answerOf, emptyAnswer, errorResponses, exampleSlice, readErrors } from './schemas.ts'

const ListQuery = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Items of a page, default ${defaultPageItems}` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

const example: HandMadeEndpoints = {
  namespace: 'shop', kind: 'EndpointSlice', name: 'webui-1', service: 'webui', use: 'undeclared', manifest: exampleSlice
}

export function registerHandMade (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  app.get<{ Querystring: Static<typeof ListQuery> }>('/v1/handmade', {
    schema: {
      tags: ['manifests'],
      operationId: 'listHandMade',
      summary: 'EndpointSlices and Endpoints that were applied by hand, by namespace, name and kind',
      description: 'Whether or not their services exist: `use` says whether they are used, and if not, why.',
      querystring: ListQuery,
      response: {
        200: answerOf('A page', HandMadePage, { revision: 'q7Zk2.17', items: [example] }),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors)
      }
    }
  }, async (request, reply) => {
    const { namespace, service, limit = defaultPageItems, cursor, minRevision } = request.query
    const after = cursor === undefined ? '' : parseKeyCursor(cursor)
    await settle(context, request, minRevision)
    return answer(context, request, reply, `${position.cursor}-handmade`, () => {
      const rest = accessOf(context, request).handMade(namespace, service).filter((each) => keyOf(each) > after)
        .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
      const items = rest.slice(0, limit)
      const last = rest.length > limit ? items.at(-1) : undefined
      const next = last === undefined ? undefined : keyCursor(keyOf(last))
      return pageText({ revision: position.cursor, items, next, cursorOf: (each) => keyCursor(keyOf(each)) })
    }, textForm)
  })
}

const keyOf = ({ namespace, name, kind }: HandMadeEndpoints): string => `${namespace} ${name} ${kind}` // a space comes before all that names have
