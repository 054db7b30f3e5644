// One policy: read it, write it, take it back. All of them: access.ts.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { LabelName } from '../../model/instance/instance.ts'
import type { ManifestName } from '../../registry/core.ts'
import { settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { answerManifest, manifestContent } from './manifest-media.ts'
import { WriteQuery, manifestErrors, put, remove } from './manifest-writes.ts'
import {
  ApplyResult, DeleteAnswer, PolicyManifest, answerOf, emptyAnswer, errorResponses, exampleApplyResult, exampleDeleteAnswer, examplePolicy,
  manifestAnswer, readErrors, writeErrors
} from './schemas.ts'

export const policyPath = '/v1/policies/:policy'

const Params = Type.Object({ policy: LabelName })
const ReadQuery = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })
const exampleResult = { ...exampleApplyResult, kind: 'Policy', namespace: '', name: examplePolicy.metadata.name, manifest: examplePolicy } as const

type Of = Static<typeof Params>

export function registerPolicies (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  const tags = ['access']
  const nameOf = (name: string): ManifestName => ({ kind: 'Policy', namespace: '', name })

  app.get<{ Params: Of, Querystring: Static<typeof ReadQuery> }>(policyPath, {
    schema: {
      tags,
      operationId: 'getPolicy',
      summary: 'A policy',
      params: Params,
      querystring: ReadQuery,
      response: {
        200: manifestAnswer('The policy', PolicyManifest, examplePolicy, examplePolicy),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors, 'REG_MANIFEST_NOT_FOUND')
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const manifest = accessOf(context, request).manifest(nameOf(request.params.policy))
    return answerManifest(context, request, reply, `${position.cursor}-policy`, () => manifest)
  })

  app.put<{ Params: Of, Querystring: Static<typeof WriteQuery> }>(policyPath, {
    schema: {
      tags,
      operationId: 'putPolicy',
      summary: 'Write a policy',
      description: 'It is in force on all nodes, for live watches too, within a second. One that would leave nobody who may administer the registry is refused.',
      params: Params,
      querystring: WriteQuery,
      body: manifestContent('A Policy', PolicyManifest),
      response: {
        200: answerOf('It was written, or this is a dry run', ApplyResult, { ...exampleResult, outcome: 'unchanged' }),
        201: answerOf('It is there now', ApplyResult, exampleResult),
        ...errorResponses(...writeErrors, ...manifestErrors)
      }
    }
  }, (request, reply) => put(context, request, reply, nameOf(request.params.policy), request.query))

  app.delete<{ Params: Of, Querystring: Static<typeof WriteQuery> }>(policyPath, {
    schema: {
      tags,
      operationId: 'deletePolicy',
      summary: 'Take a policy back',
      params: Params,
      querystring: WriteQuery,
      response: {
        200: answerOf('What went', DeleteAnswer, { ...exampleDeleteAnswer, deleted: [{ kind: 'Policy', namespace: '', name: examplePolicy.metadata.name }] }),
        ...errorResponses(...writeErrors, 'REG_MANIFEST_NOT_FOUND', 'REG_CONFLICT')
      }
    }
  }, (request, reply) => remove(context, request, reply, [nameOf(request.params.policy)], request.query))
}
