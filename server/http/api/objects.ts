// What is shown as it was declared: Ingress, IngressClass, Secret, HorizontalPodAutoscaler. The paths of all kinds are alike.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type, type Static } from 'typebox'
import { LabelName } from '../../model/instance/instance.ts'
import { type ObjectKind, objectKindNames, type ObjectManifest } from '../../model/manifest/object-kinds.ts'
import { isGlobalKind, manifestKinds } from '../../model/service/types.ts'
import { answer, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { defaultPageItems, maxPageItems } from '../server/limits.ts'
import { keyCursor, parseKeyCursor } from './key-cursor.ts'
import { answerManifest, manifestContent } from './manifest-media.ts'
import { WriteQuery, manifestErrors, put, remove } from './manifest-writes.ts'
import { pageText, textForm } from './page-text.ts'
import {
  ApplyResult, DeleteAnswer, answerOf, emptyAnswer, errorResponses, exampleApplyResult, exampleDeleteAnswer, manifestAnswer, objectSchemas, readErrors,
  writeErrors
} from './schemas.ts'
import { requirePrivate } from './private-answer.ts'

const minRevision = Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxPageItems, rule: `must be a whole number 1-${maxPageItems}`, description: `Items of a page, default ${defaultPageItems}` })),
  cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
  minRevision
}
const closed = { additionalProperties: false } as const
const PageQuery = Type.Object(page, closed)
const ListQuery = Type.Object({ ...page, namespace: Type.Optional(LabelName) }, closed)
const ReadQuery = Type.Object({ minRevision }, closed)
const SecretQuery = Type.Object({
  minRevision, data: Type.Optional(Type.Boolean({ rule: 'must be true or false', description: 'With its data, for administrators: loopback or TLS only, unless access control is on' }))
}, closed)
const subdomain = '[a-z0-9](?:[-a-z0-9]{0,251}[a-z0-9])?'
const ObjectName = Type.String({
  pattern: `^(?=.{1,253}$)${subdomain}(?:\\.${subdomain})*$`, rule: 'must be a DNS name: labels of a-z, 0-9 and "-" with "." between them, at most 253 characters'
})
const GlobalParams = Type.Object({ name: ObjectName })
const SpaceParams = Type.Object({ namespace: LabelName })
const Params = Type.Object({ namespace: LabelName, name: ObjectName })

interface Query extends Static<typeof ListQuery>, Static<typeof WriteQuery> {
  readonly data?: boolean
}
interface Route {
  readonly Params: { readonly namespace?: string, readonly name?: string }
  readonly Querystring: Query
}
type Asked = FastifyRequest<Route>

const many: Readonly<Record<ObjectKind, string>> = { Ingress: 'Ingresses', IngressClass: 'IngressClasses', Secret: 'Secrets', HorizontalPodAutoscaler: 'HorizontalPodAutoscalers' }
const tagOf = (kind: ObjectKind): string => (kind === 'HorizontalPodAutoscaler' ? 'autoscaling' : 'ingress')

export function registerObjects (app: FastifyInstance, context: HttpContext): void {
  for (const kind of objectKindNames) registerKind(app, context, kind)
}

function registerKind (app: FastifyInstance, context: HttpContext, kind: ObjectKind): void {
  const { position } = context.core
  const { plural } = manifestKinds[kind]
  const isGlobal = isGlobalKind(kind)
  const { schema, page: pageSchema, example } = objectSchemas[kind]
  const tags = [tagOf(kind)]
  const names = isGlobal ? `/v1/${plural}` : `/v1/namespaces/:namespace/${plural}`
  const one = `${names}/:name`
  const params = isGlobal ? GlobalParams : Params
  const known = emptyAnswer('If-None-Match names it')
  const nameOf = ({ params: { namespace = '', name = '' } }: Asked): { readonly kind: ObjectKind, readonly namespace: string, readonly name: string } => ({ kind, namespace, name })
  const missing = isGlobal ? ['REG_MANIFEST_NOT_FOUND'] as const : ['REG_NAMESPACE_NOT_FOUND', 'REG_MANIFEST_NOT_FOUND'] as const
  const isSecret = kind === 'Secret'

  const list = async (request: Asked, reply: FastifyReply, namespace: string | undefined): Promise<FastifyReply> => {
    const { limit = defaultPageItems, cursor, minRevision } = request.query
    const after = cursor === undefined ? '' : parseKeyCursor(cursor)
    await settle(context, request, minRevision)
    return answer(context, request, reply, `${position.cursor}-${plural}`, () => {
      const access = accessOf(context, request)
      if (namespace !== undefined) access.checkScope({ namespace })
      const rest = access.manifests(kind, namespace).filter((each: ObjectManifest) => keyOf(each) > after)
      const items = rest.slice(0, limit)
      const last = rest.length > limit ? items.at(-1) : undefined
      const next = last === undefined ? undefined : keyCursor(keyOf(last))
      return pageText<ObjectManifest>({ revision: position.cursor, items, next, cursorOf: (each) => keyCursor(keyOf(each)) })
    }, textForm)
  }
  const listed = { 200: answerOf('A page', pageSchema, { revision: 'q7Zk2.17', items: [example] }), 304: known, ...errorResponses(...readErrors, 'REG_NAMESPACE_NOT_FOUND') }

  app.get<Route>(`/v1/${plural}`, {
    schema: {
      tags, operationId: `list${many[kind]}`, summary: `${kind} objects, by namespace and name`, querystring: isGlobal ? PageQuery : ListQuery, response: listed
    }
  }, (request, reply) => list(request, reply, request.query.namespace))

  if (!isGlobal) {
    app.get<Route>(names, {
      schema: { tags, operationId: `listNamespaced${many[kind]}`, summary: `${kind} objects of a namespace, by name`, params: SpaceParams, querystring: PageQuery, response: listed }
    }, (request, reply) => list(request, reply, request.params.namespace))
  }

  app.get<Route>(one, {
    schema: {
      tags, operationId: `get${kind}`, summary: isSecret ? 'A Secret: its data only for administrators' : `One ${kind}`,
      params, querystring: isSecret ? SecretQuery : ReadQuery,
      response: { 200: manifestAnswer('The manifest', schema, example, example), 304: known, ...errorResponses(...readErrors, ...missing) }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const access = accessOf(context, request)
    const name = nameOf(request)
    if (request.query.data === true) {
      requirePrivate(context, request, 'the data of a secret')
      const secret = access.secretWithData(name.namespace, name.name)
      void reply.header('cache-control', 'no-store')
      return answerManifest(context, request, reply, `${position.epoch}.${secret.metadata.resourceVersion}-data`, () => secret)
    }
    const manifest = access.manifest(name)
    return answerManifest(context, request, reply, `${position.epoch}.${manifest.metadata.resourceVersion}-manifest`, () => manifest)
  })

  const result = { ...exampleApplyResult, kind, namespace: isGlobal ? '' : 'shop', name: (example as { metadata: { name: string } }).metadata.name, manifest: example }
  app.put<Route>(one, {
    schema: {
      tags, operationId: `put${kind}`, summary: `Declare ${kind === 'Ingress' || kind === 'IngressClass' ? 'an' : 'a'} ${kind}`, params, querystring: WriteQuery,
      body: manifestContent(`A ${kind}`, schema),
      response: {
        200: answerOf('It was declared, or this is a dry run', ApplyResult, { ...result, outcome: 'unchanged' }), 201: answerOf('It is declared now', ApplyResult, result),
        ...errorResponses(...writeErrors, ...manifestErrors)
      }
    }
  }, (request, reply) => put(context, request, reply, nameOf(request), request.query))

  app.delete<Route>(one, {
    schema: {
      tags, operationId: `delete${kind}`, summary: `Take ${kind === 'Ingress' || kind === 'IngressClass' ? 'an' : 'a'} ${kind} back`, params, querystring: WriteQuery,
      response: {
        200: answerOf('What went', DeleteAnswer, { ...exampleDeleteAnswer, deleted: [{ kind, namespace: result.namespace, name: result.name }] }),
        ...errorResponses(...writeErrors, ...missing, 'REG_CONFLICT', 'REG_LIMIT_REACHED')
      }
    }
  }, (request, reply) => remove(context, request, reply, [nameOf(request)], request.query))
}

function keyOf ({ metadata: { namespace, name } }: ObjectManifest): string {
  return `${namespace} ${name}` // a space comes before all that names have
}
