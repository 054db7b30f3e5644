// What `describe` says of an ingress and of an autoscaler, in the words of kubectl.
import type { HorizontalPodAutoscaler, MetricSpec, ScalingRules } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Ingress, IngressBackend, IngressClass } from '../../client-sdk/src/ingress-manifests.ts'
import type { ServiceSummary } from '../../client-sdk/src/wire.ts'
import { metricText } from '../model/autoscaling/autoscaler-text.ts'
import { claimsOf, claimText, type LostClaim, lostClaims } from '../model/ingress/claims.ts'
import { addressText, classText } from '../model/ingress/ingress-text.ts'
import { ingressProblems } from './agents.ts'
import type { Api } from './api.ts'
import { orNothing, path } from './paths.ts'

export type Entry = readonly [string, string | readonly string[] | undefined]

const pairs = (texts: Readonly<Record<string, string>> | undefined): readonly string[] => {
  const lines = Object.entries(texts ?? {}).map(([key, value]) => `${key}=${value}`)
  return lines.length === 0 ? ['<none>'] : lines
}

const backendText = ({ service: { name, port } }: IngressBackend): string => `${name}:${port.number ?? port.name ?? ''}`

export async function ingressEntries (api: Api, ingress: Ingress): Promise<Entry[]> {
  const { metadata, spec } = ingress
  const [{ items: all }, { items: classes }] = await Promise.all([
    api.list<Ingress>('/v1/ingresses'), api.list<IngressClass>('/v1/ingressclasses')
  ])
  const problems = await ingressProblems(api, metadata)
  const states = new Map<string, string>()
  for (const { service: { name } } of backendsOf(ingress)) {
    const summary = await orNothing(api.get<ServiceSummary>(path('namespaces', metadata.namespace, 'services', name)))
    states.set(name, summary === undefined ? '<there is no such service>' : `${summary.endpoints.ready}/${summary.endpoints.total} endpoints ready`)
  }
  const shown = (backend: IngressBackend): string => `${backendText(backend)} (${states.get(backend.service.name) ?? ''})`
  const rules = (spec.rules ?? []).flatMap(({ host = '*', http }) =>
    (http === undefined ? [`${host}  -> the default backend`] : http.paths.map(({ path = '', pathType, backend }) => `${host}  ${pathType} ${path === '' ? '/' : path}  ${shown(backend)}`)))
  return [
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', pairs(metadata.labels)],
    ['Annotations', pairs(metadata.annotations)],
    ['Ingress Class', classText(ingress)],
    ['Address', addressText(ingress, true) || '<none>: no agent that serves it has said where it is'],
    ['Default backend', spec.defaultBackend === undefined ? '<default>' : shown(spec.defaultBackend)],
    ['TLS', spec.tls?.map(({ secretName = '<default certificate>', hosts = [] }) => `${secretName} terminates ${hosts.join(',') || 'every host'}`)],
    ['Rules', rules],
    ['Conflicts', conflictLines(ingress, lostClaims(all, classes))],
    ['Problems', problems?.length === 0 ? undefined : problems]
  ]
}

/** Both say it: the one that lost, and the one that has it. */
function conflictLines ({ metadata: { namespace, name } }: Ingress, lost: readonly LostClaim[]): readonly string[] | undefined {
  const key = `${namespace}/${name}`
  const lines = lost.flatMap(({ claim, loser, winner }) => {
    if (loser === key) return [`${claimText(claim)} is served by ingress ${winner}, which is older`]
    return winner === key ? [`${claimText(claim)} is asked for by ingress ${loser}, too, which is younger and does not get it`] : []
  })
  return lines.length === 0 ? undefined : lines
}

function backendsOf (ingress: Ingress): readonly IngressBackend[] {
  const backends = [ingress.spec.defaultBackend, ...claimsOf(ingress).map(({ backend }) => backend)].filter((each) => each !== undefined)
  return [...new Map(backends.map((backend) => [backend.service.name, backend])).values()]
}

export function autoscalerEntries ({ metadata, spec, status }: HorizontalPodAutoscaler): Entry[] {
  const { scaleTargetRef, metrics = [], behavior } = spec
  return [
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', pairs(metadata.labels)],
    ['Annotations', pairs(metadata.annotations)],
    ['Created', metadata.creationTimestamp],
    ['Reference', `${scaleTargetRef.kind}/${scaleTargetRef.name}`],
    ['Metrics', metrics.map((metric, index) => `${metricName(metric)}: ${metricText(metric, status?.currentMetrics?.[index]).replace(/^[^:/]*: /, '')} (current / target)`)],
    ['Min replicas', String(spec.minReplicas ?? 1)],
    ['Max replicas', String(spec.maxReplicas)],
    ['Behavior', behavior === undefined ? undefined : [...ruleLines('scale up', behavior.scaleUp), ...ruleLines('scale down', behavior.scaleDown)]],
    ['Replicas', status === undefined ? 'nothing has been decided yet' : `${status.currentReplicas} current / ${status.desiredReplicas} desired`],
    ['Last scale', status?.lastScaleTime],
    ['Conditions', status?.conditions?.map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`)]
  ]
}

function metricName (metric: MetricSpec): string {
  switch (metric.type) {
    case 'Resource': return `resource ${metric.resource.name} on pods`
    case 'ContainerResource': return `resource ${metric.containerResource.name} of container ${metric.containerResource.container} on pods`
    case 'Pods': return `"${metric.pods.metric.name}" on pods`
    case 'Object': return `"${metric.object.metric.name}" on ${metric.object.describedObject.kind}/${metric.object.describedObject.name}`
    case 'External': return `"${metric.external.metric.name}" (external)`
  }
}

function ruleLines (direction: string, rules: ScalingRules | undefined): readonly string[] {
  if (rules === undefined) return []
  const { stabilizationWindowSeconds: window, selectPolicy = 'Max', policies = [], tolerance } = rules
  const shown = policies.map(({ type, value, periodSeconds }) => `${value} ${type === 'Percent' ? '%' : 'instances'} in ${periodSeconds} s`).join(', ')
  return [`${direction}: window ${window === undefined ? 'of the registry' : `${window} s`}, ${selectPolicy} of ${shown}${tolerance === undefined ? '' : `, tolerance ${tolerance}`}`]
}
