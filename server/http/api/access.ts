// Access control itself: tokens, policies, who one is and what one may do, tickets for browsers.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import type { CanI, NewToken, Ticket, Token, TokenCreated, WhoAmI } from '../../../client-sdk/src/wire.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { verbs } from '../../model/service/types.ts'
import type { Actor } from '../../registry/core.ts'
import { setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import {
  CanI as CanISchema, NewToken as NewTokenSchema, PolicyPage, Ticket as TicketSchema, TokenCreated as CreatedSchema, TokenPage,
  WhoAmI as WhoAmISchema, answerOf, errorResponses, examplePolicy, readErrors, writeErrors
} from './schemas.ts'

/** What is asked of access control. */
export interface AccessQuestions {
  /** It refuses what nobody permits. */
  readonly isGuarding: boolean
  whoAmI (actor: Actor): WhoAmI
  canI (actor: Actor, verb: string, namespace: string, service: string): CanI
  tokens (actor: Actor): readonly Token[]
  create (actor: Actor, token: NewToken): Promise<TokenCreated>
  revoke (actor: Actor, nameOrId: string): Promise<readonly Token[]>
  ticket (actor: Actor): Ticket
}

const tags = ['access']
const revision = 'q7Zk2.17'
const exampleToken: Token = {
  id: '1f0c2b9d7e44', name: 'shop-orders', rules: [{ role: 'agent', namespaces: ['shop'] }], place: 'store', createdAt: '2026-01-01T00:00:00.000Z',
  createdBy: 'token:admin', expired: false, usedAt: '2026-01-01T06:00:00.000Z'
}
const CanIQuery = Type.Object({
  verb: Type.Enum([...verbs]), namespace: Type.Optional(LabelName), service: Type.Optional(LabelName)
}, { additionalProperties: false })
const TokenParams = Type.Object({ token: Type.String({
  pattern: '^[a-z0-9](?:[-._a-z0-9]{0,61}[a-z0-9])?$', rule: 'must be the name or the id of a token', description: 'Its name, or its id: never its text'
}) })

export function registerAccess (app: FastifyInstance, context: HttpContext, questions: AccessQuestions): void {
  const { core } = context
  const actorOf = (request: FastifyRequest): Actor => context.identities.of(request.raw, context.peerOf(request))

  app.get('/v1/whoami', {
    schema: {
      tags, operationId: 'whoAmI', summary: 'Who the registry takes the caller for, and what permits it something',
      response: {
        200: answerOf('The caller', WhoAmISchema, { subject: 'token:shop-orders', kind: 'token', address: '10.0.0.7', access: 'on', sources: ['policy shop-agents'] } satisfies WhoAmI),
        ...errorResponses()
      }
    }
  }, (request) => questions.whoAmI(actorOf(request)))

  app.get<{ Querystring: Static<typeof CanIQuery> }>('/v1/can-i', {
    schema: {
      tags, operationId: 'canI', summary: 'Whether the caller may do something, and which policy says so',
      querystring: CanIQuery,
      response: {
        200: answerOf('Whether it may', CanISchema, {
          verb: 'register', namespace: 'shop', service: 'orders', subject: 'token:shop-orders', allowed: true, source: 'policy shop-agents', reason: 'policy shop-agents permits it'
        } satisfies CanI),
        ...errorResponses(...readErrors)
      }
    }
  }, async (request) => {
    await settle(context, request, undefined)
    const { verb, namespace = 'default', service = 'any' } = request.query
    return questions.canI(actorOf(request), verb, namespace, service)
  })

  app.get('/v1/policies', {
    schema: {
      tags, operationId: 'listPolicies', summary: 'All policies, by name',
      description: 'Each has its path below; POST /v1/apply and /v1/delete take several, as the kind Policy.',
      response: { 200: answerOf('All of them', PolicyPage, { revision, items: [examplePolicy] }), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    await settle(context, request, undefined)
    const items = accessOf(context, request).manifests('Policy')
    setRevision(reply, core)
    return { revision: core.position.cursor, items }
  })

  app.get('/v1/tokens', {
    schema: {
      tags, operationId: 'listTokens', summary: 'All tokens that this node knows, by name: never their texts',
      response: { 200: answerOf('All of them', TokenPage, { revision, items: [exampleToken] }), ...errorResponses(...readErrors) }
    }
  }, async (request, reply) => {
    await settle(context, request, undefined)
    const items = questions.tokens(actorOf(request))
    setRevision(reply, core)
    void reply.header('cache-control', 'no-store')
    return { revision: core.position.cursor, items }
  })

  app.post<{ Body: Static<typeof NewTokenSchema> }>('/v1/tokens', {
    schema: {
      tags, operationId: 'createToken', summary: 'Make a token: its text is in this answer and nowhere else',
      body: NewTokenSchema,
      response: {
        201: answerOf('It is known to all nodes', CreatedSchema, { ...exampleToken, token: 'rc_...' } satisfies TokenCreated),
        ...errorResponses(...writeErrors, 'REG_LIMIT_REACHED', 'REG_CONFLICT')
      }
    }
  }, async (request, reply) => {
    core.position.requireLoaded()
    const created = await questions.create(actorOf(request), request.body)
    setRevision(reply, core)
    return reply.code(201).header('cache-control', 'no-store').send(created)
  })

  app.delete<{ Params: Static<typeof TokenParams> }>('/v1/tokens/:token', {
    schema: {
      tags, operationId: 'revokeToken', summary: 'Revoke the tokens of a name, or the one of an id: on all nodes at once',
      params: TokenParams,
      response: {
        200: answerOf('Those that went', TokenPage, { revision, items: [exampleToken] }),
        ...errorResponses(...writeErrors, 'REG_TOKEN_NOT_FOUND', 'REG_CONFLICT')
      }
    }
  }, async (request, reply) => {
    core.position.requireLoaded()
    const items = await questions.revoke(actorOf(request), request.params.token)
    setRevision(reply, core)
    return { revision: core.position.cursor, items }
  })

  app.post('/v1/tickets', {
    schema: {
      tags, operationId: 'createTicket', summary: 'A ticket with which a page opens the WebSocket of /v1/watch',
      description: 'A browser sends no header with a WebSocket, and a token has no place in a URL. Good once, at this node, for half a minute.',
      response: { 201: answerOf('The ticket', TicketSchema, { ticket: 'rt_...', expiresAt: '2026-01-01T00:00:30.000Z' } satisfies Ticket), ...errorResponses() }
    }
  }, (request, reply) => reply.code(201).header('cache-control', 'no-store').send(questions.ticket(actorOf(request))))
}
