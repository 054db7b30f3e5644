// For those who run the node: does it live, and may it get requests?
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { setRevision } from '../server/conditional.ts'
import type { HttpContext } from '../server/context.ts'
import { storeAwayMs } from '../server/limits.ts'
import { Health, answerOf, errorResponses } from './schemas.ts'

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly reason: string
}

const Query = Type.Object({ verbose: Type.Optional(Type.Boolean({ description: 'Also show the checks that passed' })) }, { additionalProperties: false })

export function registerHealth (app: FastifyInstance, context: HttpContext): void {
  const passed = { status: 'ok', checks: [] }

  app.get('/livez', {
    schema: {
      tags: ['operations'],
      operationId: 'livez',
      summary: 'Does the process turn? If not, restart it',
      response: { 200: answerOf('It does', Health, passed), ...errorResponses() }
    }
  }, (_request, reply) => reply.send(passed))

  app.get<{ Querystring: Static<typeof Query> }>('/readyz', {
    schema: {
      tags: ['operations'],
      operationId: 'readyz',
      summary: 'May this node get requests?',
      description: 'Not before the first load, and not when its store has been away for more than five seconds. It goes on answering reads all the same.',
      querystring: Query,
      response: {
        200: answerOf('It may', Health, passed),
        ...errorResponses('REG_INVALID'),
        503: answerOf('It may not; REG_SHUTTING_DOWN as a problem', Health, { status: 'unavailable', checks: [{ name: 'loaded', ok: false, reason: 'the registry has not loaded its data yet' }] })
      }
    }
  }, (request, reply) => {
    const checks = checksOf(context)
    const ok = checks.every((check) => check.ok)
    setRevision(reply, context.core)
    return reply.code(ok ? 200 : 503).send({
      status: ok ? 'ok' : 'unavailable',
      checks: request.query.verbose === true ? checks : checks.filter((check) => !check.ok)
    })
  })
}

function checksOf ({ core: { position }, clock, closing }: HttpContext): Check[] {
  const { available, reason, sinceMs } = position.storeHealth
  const isAway = !available && clock.now() - sinceMs > storeAwayMs
  return [
    check('loaded', position.loaded, 'the registry has not loaded its data yet'),
    check('store', !isAway, `the store is away since ${new Date(sinceMs).toISOString()}: ${reason}`),
    check('running', !closing.begun, 'the node is shutting down')
  ]
}

function check (name: string, ok: boolean, reason: string): Check {
  return { name, ok, reason: ok ? '' : reason }
}
