// What autoscalers want, as one small answer for programs that scale; and values from outside that they go by.
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { decisionId } from '../../model/autoscaling/decision-id.ts'
import { ExternalMetricBody, metricNamePattern, metricNameRule } from '../../model/autoscaling/external-metric.ts'
import { LabelName } from '../../model/instance/instance.ts'
import type { HorizontalPodAutoscaler } from '../../model/service/types.ts'
import { mapOf } from '../../model/validate.ts'
import { answer, setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { RegistryError } from '../../errors.ts'
import { ManifestNameText, answerOf, emptyAnswer, errorResponses, readErrors, writeErrors } from './schemas.ts'

const closed = { additionalProperties: false } as const
const tags = ['autoscaling']
const Params = Type.Object({ namespace: LabelName, name: ManifestNameText })
const SpaceParams = Type.Object({ namespace: LabelName })
const MetricParams = Type.Object({ namespace: LabelName, name: Type.String({ pattern: metricNamePattern, rule: metricNameRule }) })
const Query = Type.Object({ minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' })) }, closed)

const Desired = Type.Object({
  desired: Type.Integer({ description: 'How many instances there should be' }),
  current: Type.Integer({ description: 'How many are counted' }),
  decision: Type.String({ description: 'The same as long as it is the same decision; empty before the first one' }),
  reason: Type.String({ description: 'Of the decision, or why there is none' }),
  target: Type.String({ description: 'What is scaled, as `Deployment/orders`' })
}, closed)
const exampleDesired = { desired: 4, current: 2, decision: '6f1c-1767225600-4', reason: 'the HPA was able to successfully calculate a replica count from cpu resource', target: 'Deployment/orders' }

const Metric = Type.Object({
  name: Type.String(), value: Type.Number(), labels: mapOf(Type.String()),
  writtenAt: Type.String({ format: 'date-time' }), endsAt: Type.String({ format: 'date-time' })
}, closed)
const MetricList = Type.Object({ items: Type.Array(Metric) }, closed)
const exampleMetric = { name: 'queue-length', value: 120, labels: { queue: 'orders' }, writtenAt: '2026-01-01T00:00:00.000Z', endsAt: '2026-01-01T00:01:00.000Z' }
const metricsPath = '/v1/namespaces/:namespace/external-metrics'

export function registerAutoscaling (app: FastifyInstance, context: HttpContext): void {
  const { core } = context

  app.get<{ Params: Static<typeof Params>, Querystring: Static<typeof Query> }>('/v1/namespaces/:namespace/horizontalpodautoscalers/:name/desired', {
    schema: {
      tags,
      operationId: 'getDesired',
      summary: 'How many instances an autoscaler wants',
      description: 'For whatever starts and stops instances. The scaler `metrics-api` of KEDA reads it with `valueLocation: desired`.',
      params: Params,
      querystring: Query,
      response: {
        200: answerOf('What is wanted', Desired, exampleDesired), 304: emptyAnswer('If-None-Match names it'),
        ...errorResponses(...readErrors, 'REG_NAMESPACE_NOT_FOUND', 'REG_MANIFEST_NOT_FOUND', 'REG_NOT_DECIDED')
      }
    }
  }, async (request, reply) => {
    await settle(context, request, request.query.minRevision)
    const { namespace, name } = request.params
    const manifest = accessOf(context, request).manifest({ kind: 'HorizontalPodAutoscaler', namespace, name }) as HorizontalPodAutoscaler // the kind that was asked for
    const desired = desiredOf(manifest)
    return answer(context, request, reply, `${core.position.epoch}.${manifest.metadata.resourceVersion}-desired`, () => desired)
  })

  app.get<{ Params: Static<typeof SpaceParams> }>(metricsPath, {
    schema: {
      tags, operationId: 'listExternalMetrics', summary: 'External metrics of a namespace', params: SpaceParams,
      response: { 200: answerOf('All of them', MetricList, { items: [exampleMetric] }), ...errorResponses(...readErrors, 'REG_STORE_UNAVAILABLE') }
    }
  }, async (request) => {
    const metrics = await accessOf(context, request).externalMetrics(request.params.namespace)
    return { items: metrics.map(({ namespace: _namespace, ...metric }) => metric) }
  })

  app.put<{ Params: Static<typeof MetricParams>, Body: Static<typeof ExternalMetricBody> }>(`${metricsPath}/:name`, {
    schema: {
      tags,
      operationId: 'putExternalMetric',
      summary: 'Say the value of an external metric',
      description: 'For metrics of the type External: the length of a queue, a price, a calendar. It is kept for its `ttl` and has no revision.',
      params: MetricParams,
      body: ExternalMetricBody,
      response: { 204: emptyAnswer('It is kept'), ...errorResponses(...writeErrors, 'REG_LIMIT_REACHED') }
    }
  }, async (request, reply) => {
    const { namespace, name } = request.params
    await accessOf(context, request).putExternalMetric(namespace, name, request.body)
    setRevision(reply, core)
    return reply.code(204).send()
  })

  app.delete<{ Params: Static<typeof MetricParams> }>(`${metricsPath}/:name`, {
    schema: {
      tags, operationId: 'removeExternalMetric', summary: 'Forget the values of an external metric', params: MetricParams,
      response: { 204: emptyAnswer('There is none any more'), ...errorResponses(...writeErrors) }
    }
  }, async (request, reply) => {
    const { namespace, name } = request.params
    await accessOf(context, request).removeExternalMetric(namespace, name)
    setRevision(reply, core)
    return reply.code(204).send()
  })
}

/** @throws RegistryError REG_NOT_DECIDED before its target has been seen: 0 would have all of it stopped */
function desiredOf ({ metadata: { namespace = '', name, uid = '' }, spec: { scaleTargetRef, minReplicas = 1 }, status }: HorizontalPodAutoscaler): Static<typeof Desired> {
  const { desiredReplicas: desired = 0, currentReplicas: current = 0, lastScaleTime, conditions = [] } = status ?? {}
  const messageOf = (type: string): string | undefined => conditions.find((each) => each.type === type && each.status !== 'True')?.message
  const reason = messageOf('AbleToScale') ?? messageOf('ScalingActive') ?? conditions.find(({ type }) => type === 'ScalingActive')?.message ?? ''
  if (status?.conditions === undefined || (desired === 0 && minReplicas > 0)) {
    throw new RegistryError('REG_NOT_DECIDED', `nothing is decided yet for the autoscaler ${namespace}/${name}${reason === '' ? '' : `: ${reason}`}`)
  }
  const { kind, name: target } = scaleTargetRef
  return { desired, current, decision: lastScaleTime === undefined ? '' : decisionId(uid, desired, Date.parse(lastScaleTime)), reason, target: `${kind}/${target}` }
}
