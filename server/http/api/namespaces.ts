// One namespace: what is in it, declare it, take the declaration back.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { implicitNamespace } from '../../model/service/endpoints.ts'
import type { ManifestName } from '../../registry/core.ts'
import { answer, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { answerManifest, manifestContent, prefersYaml } from './manifest-media.ts'
import { WriteQuery, manifestErrors, put, remove } from './manifest-writes.ts'
import {
  ApplyResult, DeleteAnswer, NamespaceManifest, NamespaceParams, NamespaceSummary as SummarySchema, answerOf, emptyAnswer, errorResponses, exampleApplyResult,
  exampleDeleteAnswer, exampleNamespace, manifestAnswer, readErrors, writeErrors
} from './schemas.ts'

export const namespacePath = '/v1/namespaces/:namespace'

const ReadQuery = Type.Object({
  view: Type.Optional(Type.Enum(['summary', 'manifest'],
    { description: 'summary (default), or the manifest alone: of one that was not declared what it would be' })),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

const exampleResult = { ...exampleApplyResult, kind: 'Namespace', namespace: '', name: 'shop', manifest: exampleNamespace } as const

type Params = Static<typeof NamespaceParams>

export function registerNamespaces (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  const tags = ['namespaces']
  const nameOf = (name: string): ManifestName => ({ kind: 'Namespace', namespace: '', name })

  app.get<{ Params: Params, Querystring: Static<typeof ReadQuery> }>(namespacePath, {
    schema: {
      tags,
      operationId: 'getNamespace',
      summary: 'A namespace: what is in it, and its manifest',
      params: NamespaceParams,
      querystring: ReadQuery,
      response: {
        200: manifestAnswer('The namespace', Type.Union([SummarySchema, NamespaceManifest]), { name: 'shop', services: 1, instances: 1, manifest: exampleNamespace }, exampleNamespace),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors, 'REG_NAMESPACE_NOT_FOUND')
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { namespace: name } = request.params
    const access = accessOf(context, request)
    if ((request.query.view ?? (prefersYaml(request) ? 'manifest' : 'summary')) === 'manifest') {
      const manifest = access.namespace(name).manifest ?? implicitNamespace(name)
      return answerManifest(context, request, reply, `${position.cursor}-manifest`, () => manifest)
    }
    const summary = access.namespace(name)
    void reply.header('vary', 'accept')
    return answer(context, request, reply, position.cursor, () => summary)
  })

  app.put<{ Params: Params, Querystring: Static<typeof WriteQuery> }>(namespacePath, {
    schema: {
      tags,
      operationId: 'putNamespace',
      summary: 'Declare a namespace',
      description: 'It is then there while it is empty, too. An empty body declares it without labels.',
      params: NamespaceParams,
      querystring: WriteQuery,
      body: manifestContent('A Namespace', NamespaceManifest),
      response: {
        200: answerOf('It was declared, or this is a dry run', ApplyResult, { ...exampleResult, outcome: 'unchanged' }),
        201: answerOf('It is declared now', ApplyResult, exampleResult),
        ...errorResponses(...writeErrors, ...manifestErrors)
      }
    }
  }, (request, reply) => put(context, request, reply, nameOf(request.params.namespace), request.query, {}))

  app.delete<{ Params: Params, Querystring: Static<typeof WriteQuery> }>(namespacePath, {
    schema: {
      tags,
      operationId: 'deleteNamespace',
      summary: 'Take the declaration of a namespace back',
      description: 'What is in it stays, and with it the namespace.',
      params: NamespaceParams,
      querystring: WriteQuery,
      response: {
        200: answerOf('What went', DeleteAnswer, { ...exampleDeleteAnswer, deleted: [{ kind: 'Namespace', namespace: '', name: 'shop' }] }),
        ...errorResponses(...writeErrors, 'REG_NAMESPACE_NOT_FOUND', 'REG_CONFLICT')
      }
    }
  }, (request, reply) => remove(context, request, reply, [nameOf(request.params.namespace)], request.query))
}
