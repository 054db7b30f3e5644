// One instance: register, change, read, deregister.
import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Instance } from '../../../client-sdk/src/wire.ts'
import { Generation } from '../../model/instance/instance.ts'
import { answer, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { sendWritten, writeRegistration } from './lease-writes.ts'
import type { QuickWrites } from './quick-writes.ts'
import {
  InstanceParams, Instance as InstanceSchema, InstancePatch, Registration, RegistrationAnswer as AnswerSchema, answerOf, emptyAnswer, errorResponses,
  exampleInstance, readErrors, writeErrors
} from './schemas.ts'

export const instancePath = '/v1/namespaces/:namespace/services/:service/instances/:id'

const OfGeneration = Type.Object({
  generation: Type.Optional(Generation)
}, { additionalProperties: false })
const ReadQuery = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })

const notFound = ['REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_INSTANCE_NOT_FOUND'] as const

type Params = Static<typeof InstanceParams>

/** @param quick has done some of what comes here already */
export function registerInstances (app: FastifyInstance, context: HttpContext, quick: Pick<QuickWrites, 'refuseFailed'>): void {
  const { core, metrics } = context
  const tags = ['instances']

  app.put<{ Params: Params, Body: Static<typeof Registration> }>(instancePath, {
    compress: false, // it is short
    schema: {
      tags,
      operationId: 'register',
      summary: 'Register an instance, or renew it if nothing is new',
      description: 'Idempotent: the same content makes no new revision. Another generation replaces the life before.',
      params: InstanceParams,
      body: Registration,
      response: {
        200: answerOf('It was registered', AnswerSchema, exampleInstance),
        201: answerOf('A new life is registered', AnswerSchema, exampleInstance),
        ...errorResponses(...writeErrors, 'REG_LIMIT_REACHED')
      }
    }
  }, async (request, reply) => {
    quick.refuseFailed(request)
    return sendWritten(context, reply, await writeRegistration(context, request, request.params, request.body))
  })

  app.patch<{ Params: Params, Body: Static<typeof InstancePatch>, Querystring: Static<typeof OfGeneration> }>(instancePath, {
    schema: {
      tags,
      operationId: 'patchInstance',
      summary: 'Change status, labels, metadata or weight',
      description: 'A merge patch (RFC 7396): null removes a label or a metadata entry. Patches that come at the same time are merged.',
      params: InstanceParams,
      querystring: OfGeneration,
      consumes: ['application/merge-patch+json', 'application/json'],
      body: InstancePatch,
      response: {
        200: answerOf('The instance as it is now', InstanceSchema, exampleInstance),
        ...errorResponses(...writeErrors, ...notFound, 'REG_GENERATION_SUPERSEDED', 'REG_CONFLICT', 'REG_OVERLOADED')
      }
    }
  }, async (request, reply) => {
    const instance = await accessOf(context, request).patch(request.params, request.body, request.query.generation)
    return written(reply, instance.revision, instance)
  })

  app.get<{ Params: Params, Querystring: Static<typeof ReadQuery> }>(instancePath, {
    schema: {
      tags,
      operationId: 'getInstance',
      summary: 'Read an instance',
      params: InstanceParams,
      querystring: ReadQuery,
      response: { 200: answerOf('The instance', InstanceSchema, exampleInstance), 304: emptyAnswer('If-None-Match names it'), ...errorResponses(...readErrors, ...notFound) }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const access = accessOf(context, request)
    const instance = access.instance(request.params)
    await access.freshLoads()
    const load = access.load(request.params)?.load
    const tag = `${core.position.epoch}.${instance.revision}`
    if (load === undefined) return answer(context, request, reply, tag, () => instance)
    // It changes without a revision.
    return answer(context, request, reply, `${tag}-${hash('sha1', JSON.stringify(load), 'base64url')}`, (): Instance => ({ ...instance, load }))
  })

  app.delete<{ Params: Params, Querystring: Static<typeof OfGeneration> }>(instancePath, {
    schema: {
      tags,
      operationId: 'deregister',
      summary: 'Deregister an instance',
      description: 'With ?generation= only that life is ended.',
      params: InstanceParams,
      querystring: OfGeneration,
      response: { 204: emptyAnswer('It is gone'), ...errorResponses(...writeErrors, ...notFound, 'REG_GENERATION_SUPERSEDED') }
    }
  }, async (request, reply) => {
    const revision = await accessOf(context, request).deregister(request.params, request.query.generation)
    metrics.deregistered()
    setRevision(reply, core, revision)
    return reply.code(204).send()
  })

  function written (reply: FastifyReply, revision: number, instance: Instance): FastifyReply {
    setRevision(reply, core, revision)
    return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(instance))
  }
}
