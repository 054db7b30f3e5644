// Records of the store that cannot be read or break a rule. They are in no answer; an operator looks at them here, and
// removes them.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { UnreadableRecord } from '../../../client-sdk/src/wire.ts'
import type { SetAsideRecord } from '../../registry/core.ts'
import { answer, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { keyCursor, parseKeyCursor } from './key-cursor.ts'
import { pageText, textForm } from './page-text.ts'
import { UnreadablePage, UnreadableRecord as UnreadableSchema, answerOf, emptyAnswer, errorResponses, readErrors, writeErrors } from './schemas.ts'

/** A key of Redis or SQLite that no registry made can be longer; it is removed there. */
const maxKeyLength = 4_096
const Params = Type.Object({ key: Type.String({ maxLength: maxKeyLength, description: 'As the list names it; "/" is written %2F' }) })
const minRevision = Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
const Query = Type.Object({ minRevision }, { additionalProperties: false })
const ListQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Default ${defaultPageItems}` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  minRevision
}, { additionalProperties: false })

const tags = ['operations']
const path = '/v1/unreadable/:key'
const example: UnreadableRecord = {
  key: 'instance/shop/orders/orders-1', reason: 'its content is no JSON', revision: 17, updatedAt: '2026-01-01T00:00:00.000Z', content: '{"address":"10.0.0.1', length: 20
}

export function registerUnreadable (app: FastifyInstance, context: HttpContext): void {
  const { core } = context
  app.get<{ Querystring: Static<typeof ListQuery> }>('/v1/unreadable', {
    schema: {
      tags,
      operationId: 'listUnreadable',
      summary: 'Records of the store that nobody is answered, and why',
      description: 'They cannot be read, or break a rule of this version. They stay in the store as they are until they are written anew or removed.',
      querystring: ListQuery,
      response: { 200: answerOf('A page, by key', UnreadablePage, { revision: 'q7Zk2.17', items: [example] }), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    const { limit = defaultPageItems, cursor } = request.query
    const after = cursor === undefined ? '' : parseKeyCursor(cursor)
    await settle(context, request, request.query.minRevision)
    const rest = accessOf(context, request).unreadable().filter(({ key }) => key > after)
    const items = rest.slice(0, limit).map(shownRecord)
    const last = rest.length > limit ? items.at(-1) : undefined
    const next = last === undefined ? undefined : keyCursor(last.key)
    const { cursor: revision } = core.position
    return answer(context, request, reply, undefined, () => (
      pageText({ revision, items, next, cursorOf: ({ key }) => keyCursor(key) })
    ), textForm)
  })

  app.get<{ Params: Static<typeof Params>, Querystring: Static<typeof Query> }>(path, {
    schema: {
      tags,
      operationId: 'getUnreadable',
      summary: 'One record that nobody is answered',
      params: Params,
      querystring: Query,
      response: { 200: answerOf('The record', UnreadableSchema, example), ...errorResponses(...readErrors, 'REG_RECORD_NOT_FOUND') }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    setRevision(reply, core)
    return shownRecord(accessOf(context, request).unreadableRecord(request.params.key))
  })

  app.delete<{ Params: Static<typeof Params> }>(path, {
    schema: {
      tags,
      operationId: 'removeUnreadable',
      summary: 'Remove a record that nobody is answered from the store',
      params: Params,
      response: { 204: emptyAnswer('It is gone'), ...errorResponses(...writeErrors, 'REG_RECORD_NOT_FOUND', 'REG_CONFLICT') }
    }
  }, async (request, reply) => {
    core.position.requireLoaded()
    await accessOf(context, request).removeUnreadable(request.params.key)
    setRevision(reply, core)
    return reply.code(204).send()
  })
}

/** Of a secret's record nothing is shown but that it is there. */
function shownRecord ({ key, reason, revision, updatedAtMs, text, length }: SetAsideRecord): UnreadableRecord {
  return {
    key,
    reason,
    ...(revision === 0 ? {} : { revision }),
    ...(updatedAtMs === undefined ? {} : { updatedAt: new Date(updatedAtMs).toISOString() }),
    content: key.startsWith('secret/') ? '' : text,
    length
  }
}
