// How an autoscaler is shown in a table: as kubectl does it since 1.31.
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../service/types.ts'

const shownMetrics = 2
const unknown = '<unknown>'

/** `Deployment/orders` */
export function referenceText ({ spec: { scaleTargetRef: { kind, name } } }: HorizontalPodAutoscaler): string {
  return `${kind}/${name}`
}

/** `cpu: 50%/80%, 12/30 + 1 more...` */
export function targetsText ({ spec: { metrics = [] }, status }: HorizontalPodAutoscaler): string {
  if (metrics.length === 0) return '<none>'
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  const shown = texts.slice(0, shownMetrics).join(', ')
  return texts.length > shownMetrics ? `${shown} + ${texts.length - shownMetrics} more...` : shown
}

/** One metric: what it is, and what it should be. */
export function metricText (metric: MetricSpec, status: MetricStatus | undefined): string {
  const current = currentOf(metric, status)
  switch (metric.type) {
    case 'Resource': return `${metric.resource.name}: ${ofInstance(metric.resource.target, current)}`
    case 'ContainerResource': return `${metric.containerResource.name}: ${ofInstance(metric.containerResource.target, current)}`
    case 'Pods': return `${current?.averageValue ?? unknown}/${metric.pods.target.averageValue ?? ''}`
    case 'Object': return ofWhole(metric.object.target, current)
    case 'External': return ofWhole(metric.external.target, current)
  }
}

function ofInstance ({ averageValue, averageUtilization }: MetricTarget, current: MetricValueStatus | undefined): string {
  if (averageValue !== undefined) return `${current?.averageValue ?? unknown}/${averageValue}`
  const percent = current?.averageUtilization
  return `${percent === undefined ? unknown : `${percent}%`}/${averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`}`
}

function ofWhole ({ value, averageValue }: MetricTarget, current: MetricValueStatus | undefined): string {
  return averageValue === undefined ? `${current?.value ?? unknown}/${value ?? ''}` : `${current?.averageValue ?? unknown}/${averageValue} (avg)`
}

/** Statuses stand in the order of their metrics; one of another type was made of an older specification. */
function currentOf (metric: MetricSpec, status: MetricStatus | undefined): MetricValueStatus | undefined {
  if (status?.type !== metric.type) return undefined
  switch (status.type) {
    case 'Resource': return status.resource.current
    case 'ContainerResource': return status.containerResource.current
    case 'Pods': return status.pods.current
    case 'Object': return status.object.current
    case 'External': return status.external.current
  }
}
