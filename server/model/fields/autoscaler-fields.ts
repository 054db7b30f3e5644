// The fields of HorizontalPodAutoscaler (autoscaling/v2). Field numbers are those of Kubernetes' generated.proto.
import { list, long, map, named, quantity, struct, text, time, whole } from './field-type.ts'
import { typeMeta } from './service-fields.ts'

const autoscaling = 'io.k8s.api.autoscaling.v2'
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

const reference = struct(`${autoscaling}.CrossVersionObjectReference`, 'Names another object.', {
  apiVersion: [3, text, 'API version of the object.'],
  kind: [1, text, 'Kind of the object.', { required: true }],
  name: [2, text, 'Name of the object.', { required: true }]
})

const selector = struct(`${meta}.LabelSelector`, 'Which objects are meant.', {
  matchExpressions: [2, list(struct(`${meta}.LabelSelectorRequirement`, 'What a label must be.', {
    key: [1, text, 'The label.', { required: true }],
    operator: [2, named('v1.LabelSelectorOperator'), 'In, NotIn, Exists or DoesNotExist.', { required: true }],
    values: [3, list(text), 'The values.']
  })), 'Requirements, all of which must hold.'],
  matchLabels: [1, map(), 'Labels and their values, all of which must be there.']
}, { atomic: true })

const identifier = struct(`${autoscaling}.MetricIdentifier`, 'Names a metric.', {
  name: [1, text, 'Name of the metric.', { required: true }],
  selector: [2, selector, 'Which values of it.']
})

const target = struct(`${autoscaling}.MetricTarget`, 'What a metric should be.', {
  averageUtilization: [4, whole, 'Percent of what was requested, over all instances.'],
  averageValue: [3, quantity, 'Of one instance, on average.'],
  type: [1, text, 'Utilization, Value or AverageValue.', { required: true }],
  value: [2, quantity, 'The value itself.']
})

const current = struct(`${autoscaling}.MetricValueStatus`, 'What a metric is.', {
  averageUtilization: [3, whole, 'Percent of what was requested, over all instances.'],
  averageValue: [2, quantity, 'Of one instance, on average.'],
  value: [1, quantity, 'The value itself.']
})

/** The sources of a metric: as they should be, and as they are. */
const sourcesOf = (name: string, member: 'target' | 'current', of: typeof target): Parameters<typeof struct>[2] => ({
  containerResource: [7, struct(`${autoscaling}.ContainerResourceMetric${name}`, 'A resource of one container. Counted as Resource here.', {
    container: [3, text, 'The container.', { required: true }],
    name: [1, named('v1.ResourceName'), 'cpu or memory.', { required: true }],
    [member]: [2, of, 'Its value.', { required: true }]
  }), 'A resource of one container.'],
  external: [5, struct(`${autoscaling}.ExternalMetric${name}`, 'A value that somebody writes through REST.', {
    metric: [1, identifier, 'The metric.', { required: true }],
    [member]: [2, of, 'Its value.', { required: true }]
  }), 'A value that somebody writes through REST.'],
  object: [2, struct(`${autoscaling}.ObjectMetric${name}`, 'A metric of one object.', {
    describedObject: [member === 'target' ? 1 : 3, reference, 'The object.', { required: true }],
    metric: [member === 'target' ? 3 : 1, identifier, 'The metric.', { required: true }],
    [member]: [2, of, 'Its value.', { required: true }]
  }), 'A metric of one object.'],
  pods: [3, struct(`${autoscaling}.PodsMetric${name}`, 'A load that each instance reports.', {
    metric: [1, identifier, 'The metric.', { required: true }],
    [member]: [2, of, 'Its value.', { required: true }]
  }), 'A load that each instance reports.'],
  resource: [4, struct(`${autoscaling}.ResourceMetric${name}`, 'How much of a resource instances use.', {
    name: [1, named('v1.ResourceName'), 'cpu or memory.', { required: true }],
    [member]: [2, of, 'Its value.', { required: true }]
  }), 'How much of a resource instances use.'],
  type: [1, named('v2.MetricSourceType'), 'Object, Pods, Resource, External or ContainerResource.', { required: true }]
})

const rules = struct(`${autoscaling}.HPAScalingRules`, 'How fast the count may change in one direction.', {
  policies: [2, list(struct(`${autoscaling}.HPAScalingPolicy`, 'How much the count may change in some time.', {
    periodSeconds: [3, whole, 'The time, 1 to 1800.', { required: true }],
    type: [1, named('v2.HPAScalingPolicyType'), 'Pods or Percent.', { required: true }],
    value: [2, whole, 'How much, above 0.', { required: true }]
  })), 'How much the count may change in some time.'],
  selectPolicy: [1, named('v2.ScalingPolicySelect'), 'Max (default), Min or Disabled.'],
  stabilizationWindowSeconds: [3, whole, 'How far back recommendations are looked at, 0 to 3600.'],
  tolerance: [4, quantity, 'How far from the target nothing is changed. Absent: 0.1.']
})

const condition = struct(`${autoscaling}.HorizontalPodAutoscalerCondition`, 'One aspect of the state of an autoscaler.', {
  lastTransitionTime: [3, time, 'When the status changed last.'],
  message: [5, text, 'What happened, for people.'],
  reason: [4, text, 'Why, as one word.'],
  status: [2, named('v1.ConditionStatus'), 'True, False or Unknown.', { required: true }],
  type: [1, named('v2.HorizontalPodAutoscalerConditionType'), 'Which aspect.', { required: true }]
})

export const autoscalerFields = struct(`${autoscaling}.HorizontalPodAutoscaler`, 'How many instances of a workload there should be, by their loads.', {
  ...typeMeta,
  spec: [2, struct(`${autoscaling}.HorizontalPodAutoscalerSpec`, 'What is scaled, between which limits, by which metrics.', {
    behavior: [5, struct(`${autoscaling}.HorizontalPodAutoscalerBehavior`, 'How fast the count may change.', {
      scaleDown: [2, rules, 'How fast it may fall.'],
      scaleUp: [1, rules, 'How fast it may rise.']
    }), 'How fast the count may change.'],
    maxReplicas: [3, whole, 'At most so many.', { required: true }],
    metrics: [4, list(struct(`${autoscaling}.MetricSpec`, 'One metric, and what it should be.', sourcesOf('Source', 'target', target))),
      'The metrics: the one that asks for most counts. Absent: 80 % of the cpu.'],
    minReplicas: [2, whole, 'At least so many, default 1. 0 only with a metric of the type Object or External.'],
    scaleTargetRef: [1, reference, 'The workload.', { required: true }]
  }), 'What is scaled, between which limits, by which metrics.'],
  status: [3, struct(`${autoscaling}.HorizontalPodAutoscalerStatus`, 'What was decided.', {
    conditions: [6, list(condition, ['type'], 'type'), 'Aspects of its state.'],
    currentMetrics: [5, list(struct(`${autoscaling}.MetricStatus`, 'What a metric is.', sourcesOf('Status', 'current', current))), 'What the metrics are.'],
    currentReplicas: [3, whole, 'So many instances there are.'],
    desiredReplicas: [4, whole, 'So many there should be.', { required: true }],
    lastScaleTime: [2, time, 'When the desired number changed last.'],
    observedGeneration: [1, long, 'The generation that was decided upon.']
  }), 'What was decided. The registry writes it.']
})
