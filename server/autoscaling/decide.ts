// How many instances there should be: a pure function of a specification, what is measured, what is remembered, and the time. The
// arithmetic, the order of the rules, the reasons and messages are those of Kubernetes' controller (horizontal.go, reconcileAutoscaler).
import type { HorizontalPodAutoscalerSpec, MetricSpec, MetricStatus } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Condition } from '../../client-sdk/src/manifests.ts'
import { parseQuantity } from '../model/autoscaling/quantity.ts'
import { type Memory, rated, remembered, withEvent } from './behavior.ts'
import { Conditions } from './conditions.ts'
import { type MetricAnswer, type OtherValues, proposalOf } from './proposals.ts'
import type { CountedInstance } from './samples.ts'

export interface Asked {
  readonly namespace: string
  readonly spec: HorizontalPodAutoscalerSpec
  /** The living instances of the target, those that are being drained left out. */
  readonly instances: readonly CountedInstance[]
  /**
   * How many were asked for until now: what was decided last, and in the beginning how many there are. Never how many are seen: a rolling
   * update shows old and new ones at once.
   */
  readonly replicas: number
  readonly others: OtherValues
  /** undefined = nothing is remembered: then nothing falls before the first window is over. */
  readonly memory: Memory | undefined
  readonly conditions: readonly Condition[]
  readonly nowMs: number
}

export interface Decided {
  readonly replicas: number
  /** Why it is another number than before; '' = it is none. */
  readonly reason: string
  readonly metrics: readonly MetricStatus[]
  readonly conditions: readonly Condition[]
  readonly memory: Memory
  /** For people, each with the reason that Kubernetes gives such an event. */
  readonly warnings: readonly { readonly reason: string, readonly message: string }[]
}

const defaultTolerance = 0.1
const defaultMetrics: readonly MetricSpec[] = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }]

export function decide (asked: Asked): Decided {
  const { spec, instances, replicas: current, nowMs } = asked
  const { minReplicas: min = 1, maxReplicas: max } = spec
  const conditions = new Conditions(asked.conditions, nowMs)
  conditions.set('AbleToScale', true, 'SucceededGetScale', 'the HPA controller was able to get the target\'s current scale')
  const memory = asked.memory ?? { recommendations: [{ atMs: nowMs, replicas: current }], ups: [], downs: [] }
  const result = (replicas: number, reason: string, rest: Partial<Decided> = {}): Decided => {
    if (replicas !== current) conditions.set('AbleToScale', true, 'SucceededRescale', `the HPA controller was able to update the target scale to ${replicas}`)
    const kept = rest.memory ?? memory
    return {
      replicas, reason: replicas === current ? '' : reason, metrics: [], warnings: [], ...rest, conditions: conditions.list,
      memory: replicas === current ? kept : withEvent(spec, kept, current, replicas, nowMs)
    }
  }
  if (current === 0 && min !== 0) {
    conditions.set('ScalingActive', false, 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero')
    return result(0, '')
  }
  if (current > max) return result(max, 'Current number of replicas above Spec.MaxReplicas')
  if (current < min) return result(min, 'Current number of replicas below Spec.MinReplicas')

  const { proposed, label, metrics, warnings, fault } = proposals(asked)
  if (proposed === undefined) {
    conditions.set('ScalingActive', false, fault?.reason ?? '', `the HPA was unable to compute the replica count: ${fault?.problem ?? ''}`)
    return result(current, '', { metrics, warnings })
  }
  conditions.set('ScalingActive', true, 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${label}`)
  const { replicas, able, limited } = rated(spec, { current, desired: proposed, min, max, memory, nowMs })
  conditions.set('AbleToScale', true, able.reason, able.message)
  conditions.set('ScalingLimited', limited.isLimited, limited.reason, limited.message)
  const reason = proposed > current ? `${label} above target` : 'All metrics below target'
  return result(replicas, reason, { metrics, warnings, memory: remembered(spec, memory, proposed, nowMs) })

  function proposals ({ spec: { behavior }, others, namespace }: Asked): Proposed {
    const tolerances = { up: toleranceOf(behavior?.scaleUp?.tolerance), down: toleranceOf(behavior?.scaleDown?.tolerance) }
    const specs = spec.metrics === undefined || spec.metrics.length === 0 ? defaultMetrics : spec.metrics
    const question = { namespace, instances, replicas: current, tolerances, others, nowMs }
    return largest(specs, specs.map((each) => proposalOf(each, question)), current)
  }
}

interface Proposed {
  /** undefined = nothing may be changed by what was measured. */
  readonly proposed: number | undefined
  /** Of the metric that proposes it. */
  readonly label: string
  readonly metrics: readonly MetricStatus[]
  readonly warnings: Decided['warnings']
  readonly fault: { readonly reason: string, readonly problem: string } | undefined
}

/** The largest proposal wins. A metric that failed might have been larger: nothing goes down without it. */
function largest (specs: readonly MetricSpec[], answers: readonly MetricAnswer[], current: number): Proposed {
  const faults: { readonly reason: string, readonly problem: string }[] = []
  let proposed = -1
  let label = ''
  for (const answer of answers) {
    if ('problem' in answer) {
      faults.push(answer)
      continue
    }
    if (answer.proposal.replicas > proposed) {
      proposed = answer.proposal.replicas
      label = answer.label
    }
  }
  // In the order of the specification: whoever shows them goes by their places.
  const metrics = faults.length === answers.length ? [] : answers.map((answer, place) => ('status' in answer ? answer.status : unmeasured(specs[place])))
  const [fault] = faults
  const isNone = proposed === -1 || (fault !== undefined && proposed < current)
  const warnings = faults.map(({ reason, problem }) => ({ reason, message: problem }))
  if (isNone && fault !== undefined) {
    const message = `invalid metrics (${faults.length} invalid out of ${answers.length}), first error is: ${fault.problem}`
    warnings.push({ reason: 'FailedComputeMetricsReplicas', message })
  }
  return { proposed: isNone ? undefined : proposed, label, metrics: metrics.filter((each) => each !== undefined), warnings, fault }
}

/** The place of a metric that could not be had. */
function unmeasured (spec: MetricSpec | undefined): MetricStatus | undefined {
  switch (spec?.type) {
    case 'Resource': return { type: 'Resource', resource: { name: spec.resource.name, current: {} } }
    case 'ContainerResource': {
      const { name, container } = spec.containerResource
      return { type: 'ContainerResource', containerResource: { name, container, current: {} } }
    }
    case 'Pods': return { type: 'Pods', pods: { metric: spec.pods.metric, current: {} } }
    case 'Object': return { type: 'Object', object: { describedObject: spec.object.describedObject, metric: spec.object.metric, current: {} } }
    case 'External': return { type: 'External', external: { metric: spec.external.metric, current: {} } }
    case undefined: return undefined
  }
}

function toleranceOf (text: string | undefined): number {
  return (text === undefined ? undefined : parseQuantity(text)) ?? defaultTolerance
}
