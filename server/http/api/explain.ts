// Why an instance is, or is not, an endpoint of each service of its namespace.
import { hash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { ServiceExplanation } from '../../../client-sdk/src/wire.ts'
import { type Reads, maxExplained } from '../../registry/core.ts'
import { answer, settle } from '../server/conditional.ts'
import { type DnsQueries, type HttpContext, accessOf, callerOf } from '../server/context.ts'
import { instancePath } from './instances.ts'
import { InstanceParams, ServiceExplanations, answerOf, emptyAnswer, errorResponses, readErrors } from './schemas.ts'

const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, { additionalProperties: false })

const example: readonly ServiceExplanation[] = [{
  namespace: 'shop', service: 'webui', implicit: false, in: false, ready: false, rule: 'selector', message: 'its label app is "api", not "webui"', missingPorts: []
}]

export function registerExplain (app: FastifyInstance, context: HttpContext): void {
  const { position } = context.core
  app.get<{ Params: Static<typeof InstanceParams>, Querystring: Static<typeof Query> }>(`${instancePath}/explain`, {
    schema: {
      tags: ['instances'],
      operationId: 'explainInstance',
      summary: 'Why an instance is, or is not, an endpoint of each service',
      description: `For the services of its namespace, at most ${maxExplained}: those that have it come first.`,
      params: InstanceParams,
      querystring: Query,
      response: {
        200: answerOf('The services', ServiceExplanations, example),
        304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors, 'REG_NAMESPACE_NOT_FOUND', 'REG_SERVICE_NOT_FOUND', 'REG_INSTANCE_NOT_FOUND')
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const access = accessOf(context, request)
    access.instance(request.params)
    const reach = context.dns?.reach(callerOf(request))
    const explanations = access.explain(request.params).map((each) =>
      (reach !== undefined && each.in && hasClusterIp(access, each) ? { ...each, dns: dnsOf(reach) } : each))
    // They differ between nodes and callers of one revision.
    const warnings = explanations.flatMap((each) => [...each.warnings ?? [], ...each.dns === undefined ? [] : [each.dns.answer, each.dns.reason]])
    const mark = warnings.length === 0 ? '' : `-${hash('sha1', warnings.join('\n'), 'base64url')}`
    return answer(context, request, reply, `${position.cursor}-explain${mark}`, () => explanations)
  })
}

function hasClusterIp (reads: Pick<Reads, 'summary'>, { namespace, service, implicit }: ServiceExplanation): boolean {
  const spec = implicit ? undefined : reads.summary(namespace, service).manifest?.spec
  return spec?.clusterIP !== undefined && spec.clusterIP !== 'None'
}

function dnsOf ({ clusterIps, reason }: ReturnType<DnsQueries['reach']>): NonNullable<ServiceExplanation['dns']> {
  return { answer: clusterIps ? 'cluster-ip' : 'endpoints', reason }
}
