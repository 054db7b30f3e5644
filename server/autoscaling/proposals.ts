// One metric of a specification: what it proposes, how the status shows it, and in which words the Kubernetes controller speaks of it.
import type {
  LabelSelector, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus, ScaleTargetReference
} from '../../client-sdk/src/autoscaling-manifests.ts'
import { milliOf, milliText } from '../model/autoscaling/quantity.ts'
import { type CountedInstance, samplesOf } from './samples.ts'
import { MetricFault, type Proposal, type Tolerances, byAverage, byShare, byUtilization, byValue } from './usage.ts'

/** Values that are not of the target's own instances, in thousandths. */
export interface OtherValues {
  /** What the instances of an object report together. @throws MetricFault */
  object (object: ScaleTargetReference, metric: MetricIdentifier): number
  /** All values under a name whose labels are selected. @throws MetricFault if there is none */
  external (metric: MetricIdentifier): readonly number[]
}

export interface MetricQuestion {
  readonly namespace: string
  readonly instances: readonly CountedInstance[]
  /** How many were asked for until now. */
  readonly replicas: number
  readonly tolerances: Tolerances
  readonly others: OtherValues
  readonly nowMs: number
}

export type MetricAnswer =
  | { readonly proposal: Proposal, readonly label: string, readonly status: MetricStatus }
  /** `reason` of the condition and of the event, as FailedGetResourceMetric. */
  | { readonly reason: string, readonly problem: string }

type Failure = `FailedGet${'Resource' | 'ContainerResource' | 'Pods' | 'Object' | 'External'}Metric`

export function proposalOf (spec: MetricSpec, question: MetricQuestion): MetricAnswer {
  switch (spec.type) {
    case 'Resource': {
      const { name, target } = spec.resource
      return ofResource(name, target, question, 'FailedGetResourceMetric', 'resource', (current) => ({ type: 'Resource', resource: { name, current } }))
    }
    case 'ContainerResource': {
      // An instance is one process: whatever the container is called, it is the same measure.
      const { name, container, target } = spec.containerResource
      return ofResource(name, target, question, 'FailedGetContainerResourceMetric', 'container resource', (current) => (
        { type: 'ContainerResource', containerResource: { name, container, current } }
      ))
    }
    case 'Pods': return ofPods(spec.pods, question)
    case 'Object': return ofObject(spec.object, question)
    case 'External': return ofExternal(spec.external, question)
  }
}

function ofResource (
  name: string, target: MetricTarget, question: MetricQuestion, reason: Failure, kind: string, statusOf: (current: MetricValueStatus) => MetricStatus
): MetricAnswer {
  const { instances, replicas, tolerances, nowMs } = question
  const samples = samplesOf(instances, name, name === 'cpu', nowMs)
  const average = milliOfTarget(target.averageValue)
  if (average !== undefined) return attempt(reason, `failed to get ${name} usage: `, () => {
    const proposal = byAverage(samples, average, replicas, tolerances)
    return { proposal, label: `${name} ${kind}`, status: statusOf({ averageValue: milliText(proposal.milli) }) }
  })
  const { averageUtilization } = target
  if (averageUtilization === undefined || averageUtilization <= 0) return {
    reason, problem: 'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set'
  }
  return attempt(reason, `failed to get ${name} utilization: `, () => {
    const proposal = byUtilization(samples, name, averageUtilization, replicas, tolerances)
    const current = { averageUtilization: proposal.utilization ?? 0, averageValue: milliText(proposal.milli) }
    return { proposal, label: `${name} ${kind} utilization (percentage of request)`, status: statusOf(current) }
  })
}

function ofPods ({ metric, target }: Extract<MetricSpec, { type: 'Pods' }>['pods'], { instances, replicas, tolerances, nowMs }: MetricQuestion): MetricAnswer {
  const average = milliOfTarget(target.averageValue)
  if (average === undefined) return { reason: 'FailedGetPodsMetric', problem: 'invalid pods metric source: no average value target was set' }
  return attempt('FailedGetPodsMetric', '', () => {
    const proposal = byAverage(samplesOf(instances, metric.name, false, nowMs), average, replicas, tolerances)
    return { proposal, label: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current: { averageValue: milliText(proposal.milli) } } } }
  })
}

function ofObject ({ describedObject, metric, target }: Extract<MetricSpec, { type: 'Object' }>['object'], question: MetricQuestion): MetricAnswer {
  const { instances, replicas, tolerances, others, namespace } = question
  const reason = 'FailedGetObjectMetric'
  const value = target.type === 'Value' ? milliOfTarget(target.value) : undefined
  const average = target.type === 'AverageValue' ? milliOfTarget(target.averageValue) : undefined
  if (value === undefined && average === undefined) return { reason, problem: 'invalid object metric source: neither a value target nor an average value target was set' }
  return attempt(reason, average === undefined ? '' : `failed to get ${metric.name} object metric: `, () => {
    const measured = explained(() => others.object(describedObject, metric), (why) => (
      `unable to get metric ${metric.name}: ${describedObject.kind} on ${namespace} ${describedObject.name}/${why}`
    ))
    const status = (current: MetricValueStatus): MetricStatus => ({ type: 'Object', object: { describedObject, metric, current } })
    if (average === undefined) {
      const proposal = byValue(measured, value ?? 0, instances, replicas, tolerances)
      return { proposal, label: `${describedObject.kind} metric ${metric.name}`, status: status({ value: milliText(proposal.milli) }) }
    }
    const proposal = byShare(measured, average, replicas, tolerances)
    return { proposal, label: `external metric ${metric.name}(${selectorText(metric.selector)})`, status: status({ averageValue: milliText(proposal.milli) }) }
  })
}

function ofExternal ({ metric, target }: Extract<MetricSpec, { type: 'External' }>['external'], question: MetricQuestion): MetricAnswer {
  const { instances, replicas, tolerances, others, namespace } = question
  const reason = 'FailedGetExternalMetric'
  const average = milliOfTarget(target.averageValue)
  const value = milliOfTarget(target.value)
  if (average === undefined && value === undefined) return { reason, problem: 'invalid external metric source: neither a value target nor an average value target was set' }
  return attempt(reason, average === undefined ? `failed to get external metric ${metric.name}: ` : `failed to get ${metric.name} external metric: `, () => {
    const measured = explained(() => others.external(metric), (why) => (
      `unable to get external metric ${namespace}/${metric.name}/${selectorText(metric.selector)}: ${why}`
    )).reduce((sum, each) => sum + each, 0)
    const label = `external metric ${metric.name}(${selectorText(metric.selector)})`
    const status = (current: MetricValueStatus): MetricStatus => ({ type: 'External', external: { metric, current } })
    if (average !== undefined) {
      const proposal = byShare(measured, average, replicas, tolerances)
      return { proposal, label, status: status({ averageValue: milliText(proposal.milli) }) }
    }
    const proposal = byValue(measured, value ?? 0, instances, replicas, tolerances)
    return { proposal, label, status: status({ value: milliText(proposal.milli) }) }
  })
}

function milliOfTarget (text: string | undefined): number | undefined {
  const milli = text === undefined ? undefined : milliOf(text)
  return milli !== undefined && milli > 0 ? milli : undefined
}

function attempt (reason: Failure, before: string, run: () => MetricAnswer): MetricAnswer {
  try {
    return run()
  } catch (error) {
    if (error instanceof MetricFault) return { reason, problem: `${before}${error.message}` }
    throw error
  }
}

function explained<Value> (run: () => Value, text: (why: string) => string): Value {
  try {
    return run()
  } catch (error) {
    if (error instanceof MetricFault) throw new MetricFault(text(error.message))
    throw error
  }
}

/** As Go prints a *LabelSelector. */
export function selectorText (selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}: ${value},`).join('')
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => (
    `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`
  )).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`
}
