// Every rule of a HorizontalPodAutoscaler, in the order and with the words of Kubernetes (pkg/apis/autoscaling/validation).
import { type Cause, forbidden, invalidValue, notSupported, required } from '../service/causes.ts'
import { broken, dns1123Label, dns1123Subdomain, qualifiedName, type Rule } from '../service/grammar.ts'
import { metadataFaults } from '../service/metadata.ts'
import { pathSegment } from '../manifest/path-segment.ts'
import type {
  HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget, ScaleTargetReference, ScalingPolicy, ScalingRules
} from '../service/types.ts'
import { parseQuantity, quantityRule } from './quantity.ts'
import { selectorFaults } from './selector-faults.ts'

const sources = ['Object', 'Pods', 'Resource', 'External', 'ContainerResource'] as const
const targetTypes: readonly string[] = ['Utilization', 'Value', 'AverageValue']
const selectPolicies = ['Max', 'Min', 'Disabled'] as const
const policyTypes = ['Pods', 'Percent'] as const
const maxPeriodSeconds = 1_800
const maxWindowSeconds = 3_600
/** Each metric is a look at every instance, every period. */
export const maxMetrics = 32
/** More copies than a service may have would never be there. */
export const maxPolicies = 16

/** All causes against an autoscaler. */
export function autoscalerFaults ({ metadata, spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): readonly Cause[] {
  return [...metadataFaults(metadata, dns1123Subdomain, old?.metadata), ...specFaults(spec)]
}

function specFaults ({ minReplicas = 1, maxReplicas, scaleTargetRef, metrics = [], behavior }: HorizontalPodAutoscalerSpec): Cause[] {
  const causes: Cause[] = []
  if (minReplicas < 0) causes.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 0'))
  if (maxReplicas < 1) causes.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  if (maxReplicas < minReplicas) causes.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  causes.push(...referenceFaults('spec.scaleTargetRef', scaleTargetRef))
  for (const [index, metric] of metrics.entries()) causes.push(...metricFaults(`spec.metrics[${index}]`, metric))
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    causes.push(forbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'))
  }
  if (metrics.length > maxMetrics) causes.push(invalidValue('spec.metrics', metrics.length, `must be at most ${maxMetrics}`))
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[direction]
    if (rules !== undefined) causes.push(...rulesFaults(`spec.behavior.${direction}`, rules))
  }
  return causes
}

function referenceFaults (field: string, { kind, name }: ScaleTargetReference): Cause[] {
  return [
    ...(kind === '' ? [required(`${field}.kind`)] : broken(`${field}.kind`, kind, pathSegment)),
    ...(name === '' ? [required(`${field}.name`)] : broken(`${field}.name`, name, pathSegment))
  ]
}

/** The sources of a metric, as fields; in the order in which Kubernetes looks at them. */
const sourceFields = ['object', 'external', 'pods', 'resource', 'containerResource'] as const
const fieldOfType: Readonly<Record<string, typeof sourceFields[number]>> =
  { Object: 'object', External: 'external', Pods: 'pods', Resource: 'resource', ContainerResource: 'containerResource' }

/** As it is before it is known that one source stands for the type. */
type Sources = { readonly type: string } & {
  readonly [Source in typeof sourceFields[number]]?: {
    readonly name?: string, readonly container?: string, readonly metric?: MetricIdentifier, readonly describedObject?: ScaleTargetReference
    readonly target: MetricTarget
  }
}

function metricFaults (field: string, metric: MetricSpec): Cause[] {
  const said: Sources = metric
  const { type } = said
  const causes: Cause[] = []
  if (type === '') causes.push(required(`${field}.type`, 'must specify a metric source type'))
  const expected = fieldOfType[type]
  if (expected === undefined) causes.push(notSupported(`${field}.type`, type, sources))
  const present = sourceFields.filter((source) => said[source] !== undefined)
  const [first] = present
  if (first !== undefined) causes.push(...sourceFaults(`${field}.${first}`, first, said))
  if (expected !== undefined && said[expected] === undefined) causes.push(required(`${field}.${expected}`, 'must populate information for the given metric source'))
  if (present.length !== 1) {
    for (const source of present) if (source !== expected) causes.push(forbidden(`${field}.${source}`, 'must populate the given metric source only'))
  }
  return causes
}

function sourceFaults (field: string, source: typeof sourceFields[number], metric: Sources): Cause[] {
  const said = metric[source]
  if (said === undefined) return []
  const { target, name = '', container = '', metric: identifier = { name: '' }, describedObject = { kind: '', name: '' } } = said
  const { value, averageValue, averageUtilization } = target
  const targetField = `${field}.target`
  const common = targetFaults(targetField, target)
  switch (source) {
    case 'object': return [
      ...referenceFaults(`${field}.describedObject`, describedObject), ...identifierFaults(`${field}.metric`, identifier), ...common,
      ...(value === undefined && averageValue === undefined ? [required(`${targetField}.averageValue`, 'must set either a target value or averageValue')] : [])
    ]
    case 'external': return [
      ...identifierFaults(`${field}.metric`, identifier), ...common,
      ...(value === undefined && averageValue === undefined ? [required(`${targetField}.averageValue`, 'must set either a target value for metric or a per-pod target')] : []),
      ...(value !== undefined && averageValue !== undefined ? [forbidden(`${targetField}.value`, 'may not set both a target value for metric and a per-pod target')] : [])
    ]
    case 'pods': return [
      ...identifierFaults(`${field}.metric`, identifier), ...common,
      ...(averageValue === undefined ? [required(`${targetField}.averageValue`, 'must specify a positive target averageValue')] : [])
    ]
    case 'resource': case 'containerResource': return [
      ...(name === '' ? [required(`${field}.name`, 'must specify a resource name')] : source === 'containerResource' ? broken(`${field}.name`, name, containerResource) : []),
      ...(source === 'resource' ? [] : container === '' ? [required(`${field}.container`, 'must specify a container')] : broken(`${field}.container`, container, dns1123Label)),
      ...common,
      ...(averageUtilization === undefined && averageValue === undefined
        ? [required(`${targetField}.averageUtilization`, 'must set either a target raw value or a target utilization')]
        : []),
      ...(averageUtilization !== undefined && averageValue !== undefined
        ? [forbidden(`${targetField}.averageValue`, 'may not set both a target raw value and a target utilization')]
        : [])
    ]
  }
}

/** Of those without a prefix containers have only some. */
const containerResource: Rule = (name) => {
  const rules = qualifiedName(name)
  if (rules.length > 0 || name.includes('/')) return rules
  return /^(?:cpu|memory|ephemeral-storage|hugepages-.+)$/.test(name) ? [] : ['must be a standard resource for containers']
}

function targetFaults (field: string, { type, value, averageValue, averageUtilization }: MetricTarget): Cause[] {
  const causes: Cause[] = []
  if (type as string === '') causes.push(required(`${field}.type`, 'must specify a metric target type'))
  if (!targetTypes.includes(type)) causes.push(invalidValue(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  causes.push(...positive(`${field}.value`, value), ...positive(`${field}.averageValue`, averageValue))
  if (averageUtilization !== undefined && averageUtilization < 1) causes.push(invalidValue(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  return causes
}

function positive (field: string, text: string | undefined): Cause[] {
  if (text === undefined) return []
  const value = parseQuantity(text)
  if (value === undefined) return [invalidValue(field, text, quantityRule)]
  return value > 0 ? [] : [invalidValue(field, text, 'must be positive')]
}

function identifierFaults (field: string, { name, selector }: MetricIdentifier): Cause[] {
  const said = selector
  return [
    ...(name === '' ? [required(`${field}.name`, 'must specify a metric name')] : broken(`${field}.name`, name, pathSegment)),
    ...(said === undefined ? [] : selectorFaults(`${field}.selector`, said))
  ]
}

function rulesFaults (field: string, { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance }: ScalingRules): Cause[] {
  const causes: Cause[] = []
  if (window !== undefined && window < 0) causes.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'))
  if (window !== undefined && window > maxWindowSeconds) causes.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, `must be less than or equal to ${maxWindowSeconds}`))
  if (selectPolicy !== undefined && !(selectPolicies as readonly string[]).includes(selectPolicy)) causes.push(notSupported(`${field}.selectPolicy`, selectPolicy, selectPolicies))
  if (policies.length === 0) causes.push(required(`${field}.policies`, 'must specify at least one Policy'))
  if (policies.length > maxPolicies) causes.push(invalidValue(`${field}.policies`, policies.length, `must be at most ${maxPolicies}`))
  for (const [index, policy] of policies.entries()) causes.push(...policyFaults(`${field}.policies[${index}]`, policy))
  if (tolerance !== undefined) {
    const value = parseQuantity(tolerance)
    if (value === undefined) causes.push(invalidValue(`${field}.tolerance`, tolerance, quantityRule))
    else if (value < 0) causes.push(invalidValue(`${field}.tolerance`, tolerance, 'must be greater or equal to zero'))
  }
  return causes
}

function policyFaults (field: string, { type, value, periodSeconds }: ScalingPolicy): Cause[] {
  const causes: Cause[] = []
  if (!(policyTypes as readonly string[]).includes(type)) causes.push(notSupported(`${field}.type`, type, policyTypes))
  if (value <= 0) causes.push(invalidValue(`${field}.value`, value, 'must be greater than zero'))
  if (periodSeconds <= 0) causes.push(invalidValue(`${field}.periodSeconds`, periodSeconds, 'must be greater than zero'))
  if (periodSeconds > maxPeriodSeconds) causes.push(invalidValue(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`))
  return causes
}
