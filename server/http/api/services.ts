// One service: how it is, its manifest, its endpoints as Kubernetes has them; declare it, take it back.
import { hash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { cursorText } from '../../registry/core.ts'
import { answer, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { answerManifest, manifestContent, prefersYaml } from './manifest-media.ts'
import { WriteQuery, manifestErrors, put, remove } from './manifest-writes.ts'
import {
  ApplyResult, DeleteAnswer, EndpointsManifest, ServiceManifest, ServiceParams, ServiceSummary, SliceList, answerOf, emptyAnswer, errorResponses,
  exampleApplyResult, exampleDeleteAnswer, exampleEndpointsObject, exampleManifest, exampleService, exampleSlice, manifestAnswer, readErrors, writeErrors
} from './schemas.ts'

export const servicePath = '/v1/namespaces/:namespace/services/:service'

const minRevision = Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
const ReadQuery = Type.Object({ minRevision }, { additionalProperties: false })
const ServiceQuery = Type.Object({
  view: Type.Optional(Type.Enum(['summary', 'manifest'], {
    description: 'summary (default): how its instances are, with the manifest of a declared one; manifest: that alone, of an implicit one what it would be'
  })),
  minRevision
}, { additionalProperties: false })

const exampleList = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', metadata: { resourceVersion: '17' }, items: [exampleSlice] } as const
const notFound = ['REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND'] as const

type Params = Static<typeof ServiceParams>

export function registerServices (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  const tags = ['services']
  const known = emptyAnswer('If-None-Match names it')

  app.get<{ Params: Params, Querystring: Static<typeof ServiceQuery> }>(servicePath, {
    schema: {
      tags,
      operationId: 'getService',
      summary: 'A service: how its instances are, and its manifest',
      description: 'With ?view=manifest, or for those who accept application/yaml, the manifest alone, ready to be applied.',
      params: ServiceParams,
      querystring: ServiceQuery,
      response: {
        200: manifestAnswer('The service', Type.Union([ServiceSummary, ServiceManifest]), exampleService, exampleManifest),
        304: known,
        ...errorResponses(...readErrors, ...notFound)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { namespace, service } = request.params
    const access = accessOf(context, request)
    const tag = cursorText(position.epoch, access.service(namespace, service).revision)
    if ((request.query.view ?? (prefersYaml(request) ? 'manifest' : 'summary')) === 'manifest') {
      return answerManifest(context, request, reply, `${tag}-manifest`, () => access.serviceManifest(namespace, service))
    }
    const summary = access.summary(namespace, service)
    void reply.header('vary', 'accept')
    // Neither makes a revision: protection comes and goes, and nodes have their own ranges.
    const marks = [summary.protectedSince, ...(summary.warnings === undefined ? [] : [hash('sha1', summary.warnings.join('\n'), 'base64url')])]
    return answer(context, request, reply, [tag, ...marks.filter((mark) => mark !== undefined)].join('-'), () => summary)
  })

  app.put<{ Params: Params, Querystring: Static<typeof WriteQuery> }>(servicePath, {
    schema: {
      tags,
      operationId: 'putService',
      summary: 'Declare a service',
      description: 'A v1 Service as for Kubernetes. What it leaves out gets its default, or is allocated. Warnings come as Warning headers too.',
      params: ServiceParams,
      querystring: WriteQuery,
      body: manifestContent('A Service', ServiceManifest),
      response: {
        200: answerOf('It was declared, or this is a dry run', ApplyResult, { ...exampleApplyResult, outcome: 'unchanged' }),
        201: answerOf('It is declared now', ApplyResult, exampleApplyResult),
        ...errorResponses(...writeErrors, ...manifestErrors)
      }
    }
  }, (request, reply) => put(context, request, reply, { kind: 'Service', namespace: request.params.namespace, name: request.params.service }, request.query))

  app.delete<{ Params: Params, Querystring: Static<typeof WriteQuery> }>(servicePath, {
    schema: {
      tags,
      operationId: 'deleteService',
      summary: 'Take a declared service back',
      description: 'Its hand-made endpoints go too, and what was allocated is free again. Instances that registered under its name stay, and make it an implicit one.',
      params: ServiceParams,
      querystring: WriteQuery,
      response: { 200: answerOf('What went', DeleteAnswer, exampleDeleteAnswer), ...errorResponses(...writeErrors, ...notFound, 'REG_CONFLICT', 'REG_LIMIT_REACHED') }
    }
  }, (request, reply) => remove(context, request, reply, [{ kind: 'Service', namespace: request.params.namespace, name: request.params.service }], request.query))

  app.get<{ Params: Params, Querystring: Static<typeof ReadQuery> }>(`${servicePath}/endpointslices`, {
    schema: {
      tags,
      operationId: 'getEndpointSlices',
      summary: 'The EndpointSlices of a service',
      description: 'At most 100 endpoints in each, under names that stay. Those of a service without selector are what was applied by hand.',
      params: ServiceParams,
      querystring: ReadQuery,
      response: {
        200: manifestAnswer('A list, which can be applied', SliceList, exampleList, exampleList),
        304: known,
        ...errorResponses(...readErrors, ...notFound)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { namespace, service } = request.params
    const access = accessOf(context, request)
    access.service(namespace, service)
    return answerManifest(context, request, reply, `${position.cursor}-slices`, () => ({
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList', metadata: { resourceVersion: String(position.revision) }, items: access.endpointSlices(namespace, service)
    }))
  })

  app.get<{ Params: Params, Querystring: Static<typeof ReadQuery> }>(`${servicePath}/endpointsobject`, {
    schema: {
      tags,
      operationId: 'getEndpointsObject',
      summary: 'The v1 Endpoints of a service',
      description: 'The older form of its slices. For callers there is .../endpoints.',
      params: ServiceParams,
      querystring: ReadQuery,
      response: {
        200: manifestAnswer('The object', EndpointsManifest, exampleEndpointsObject, exampleEndpointsObject),
        304: known,
        ...errorResponses(...readErrors, ...notFound)
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { namespace, service } = request.params
    const access = accessOf(context, request)
    access.service(namespace, service)
    return answerManifest(context, request, reply, `${position.cursor}-object`, () => access.endpointsObject(namespace, service))
  })
}
