// An operator's drain, outage or weight on an instance.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { setRevision } from '../server/conditional.ts'
import { type HttpContext, callerOf } from '../server/context.ts'
import { instancePath } from './instances.ts'
import { Instance, InstanceParams, OverrideBody, answerOf, emptyAnswer, errorResponses, exampleInstance, writeErrors } from './schemas.ts'

const notFound = ['REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_INSTANCE_NOT_FOUND'] as const

export function registerOverrides (app: FastifyInstance, { registry }: HttpContext): void {
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
          conditions: { ready: false, serving: false, terminating: true },
          override: { status: 'draining', author: 'ada', reason: 'kernel update', createdAt: '2026-01-01T00:00:00.000Z' }
        }),
        ...errorResponses(...writeErrors, ...notFound, 'REG_LIMIT_REACHED')
      }
    }
  }, async (request, reply) => {
    const instance = await registry.override(request.params, request.body, callerOf(request))
    setRevision(reply, registry, instance.revision)
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
    await registry.removeOverride(request.params, callerOf(request))
    setRevision(reply, registry)
    return reply.code(204).send()
  })
}
