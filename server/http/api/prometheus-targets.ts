// Prometheus' HTTP service discovery: every registered instance is a target, the sick ones above all.
// https://prometheus.io/docs/prometheus/latest/http_sd/
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Instance, Port } from '../../../client-sdk/src/wire.ts'
import type { Listed, Position } from '../../registry/core.ts'
import { familyOf } from '../../model/address/address.ts'
import { LabelName } from '../../model/instance/instance.ts'
import { everything, parseSelector, selects } from '../../model/instance/selector.ts'
import { setRevision, settle } from '../server/conditional.ts'
import { type HttpContext, accessOf } from '../server/context.ts'
import { jsonList, streamed } from '../server/streamed.ts'
import { PortText, TargetGroups, answerOf, errorResponses, readErrors } from './schemas.ts'

const Query = Type.Object({
  namespace: Type.Optional(LabelName),
  service: Type.Optional(LabelName), // a declared service: the instances that it selects
  selector: Type.Optional(Type.String({ description: 'A Kubernetes label selector' })),
  port: Type.Optional({ ...PortText, description: 'Name or number of the port; default: the ones named metrics, else http..., else all TCP ports' }),
  minRevision: Type.Optional(Type.String({ description: 'Wait until this node has this revision' }))
}, { additionalProperties: false })

interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export function registerPrometheusTargets (app: FastifyInstance, context: HttpContext): void {
  app.get<{ Querystring: Static<typeof Query> }>('/v1/prometheus/targets', {
    schema: {
      tags: ['operations'],
      operationId: 'prometheusTargets',
      summary: 'Targets for Prometheus (http_sd)',
      description: 'One group for each instance that has a fitting port. Nothing found is an empty list; before the first load it is 503, so that Prometheus keeps what it had.',
      querystring: Query,
      response: {
        200: answerOf('The targets', TargetGroups, [{ targets: ['10.0.0.7:9100'], labels: { __meta_rollcall_namespace: 'shop', __meta_rollcall_service: 'orders', __meta_rollcall_id: 'orders-1' } }]),
        ...errorResponses(...readErrors, 'REG_SELECTOR_INVALID')
      }
    }
  }, async (request, reply) => {
    const { minRevision, namespace, service, selector, port } = request.query
    await settle(context, request, minRevision)
    const access = accessOf(context, request)
    const chosen = selector === undefined ? everything : parseSelector(selector)
    const instances = service === undefined
      ? listed((after, limit) => access.instances({ namespace, selector: chosen }, after, limit, limit))
      : access.members(namespace, service).filter((instance) => selects(chosen, instance))
    setRevision(reply, context.core)
    void reply.header('content-type', 'application/json; charset=utf-8')
    // Several Prometheus servers ask for the same: it is made once for a revision, unless it is too long to be kept.
    const { position } = context.core
    const { commons: { texts } } = context
    const { cursor } = position
    const key = `targets ${cursor} ${request.url}`
    const keep = (body: Buffer): void => { if (position.cursor === cursor) texts.keep(key, body) }
    return reply.send(texts.find(key) ?? streamed(jsonList(instances, (instance) => groupsOf(instance, port)), { longest: texts.longest, keep }))
  })
}

/** Instances that are looked at between two looks at the clock. */
const lookedAtOnce = 500

/** All instances of a list, part by part: undefined where none was found in a part. */
function * listed (part: (after: Position | undefined, limit: number) => Listed<Instance>): Generator<Instance | undefined> {
  let after: Position | undefined
  do {
    const { items, next }: Listed<Instance> = part(after, lookedAtOnce)
    yield undefined
    yield * items
    after = next
  } while (after !== undefined)
}

function groupsOf (instance: Instance | undefined, port: string | undefined): TargetGroup[] {
  return instance === undefined ? [] : groupOf(instance, port)
}

function groupOf (instance: Instance, wanted: string | undefined): TargetGroup[] {
  const ports = portsOf(instance.ports, wanted)
  if (ports.length === 0) return []
  const host = familyOf(instance.address) === 6 ? `[${instance.address}]` : instance.address
  const { namespace, service, id, zone = '', region = '', version = '', labels, effectiveStatus } = instance
  const meta: [string, string][] = [
    ['namespace', namespace], ['service', service], ['id', id], ['zone', zone], ['region', region], ['version', version], ['status', effectiveStatus],
    ...Object.entries(labels).map(([name, value]): [string, string] => [`label_${name.replace(/[^A-Za-z0-9_]/g, '_')}`, value])
  ]
  return [{
    targets: ports.map(({ port }) => `${host}:${port}`),
    labels: Object.fromEntries(meta.map(([name, value]) => [`__meta_rollcall_${name}`, value]))
  }]
}

function portsOf (ports: readonly Port[], wanted: string | undefined): readonly Port[] {
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP')
  if (wanted !== undefined) return tcp.filter(({ name, port }) => name === wanted || String(port) === wanted)
  const preferred = [tcp.filter(({ name }) => name === 'metrics'), tcp.filter(({ name }) => name.startsWith('http'))].find((found) => found.length > 0)
  return preferred ?? tcp
}
