// The rules and defaults of HorizontalPodAutoscaler: causes in the order and with the words of Kubernetes.
import t from 'tap'
import { targetsText } from '../../../server/model/autoscaling/autoscaler-text.ts'
import { parseQuantity } from '../../../server/model/autoscaling/quantity.ts'
import { autoscalerFaults } from '../../../server/model/autoscaling/validate-autoscaler.ts'
import { decoded } from '../../../server/model/service/schema.ts'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../../server/model/service/types.ts'

function read (spec: object): HorizontalPodAutoscaler {
  const found = decoded('HorizontalPodAutoscaler', { metadata: { name: 'web' }, spec }, 'shop')
  if ('refusal' in found) throw new Error(JSON.stringify(found.refusal))
  return found.manifest as HorizontalPodAutoscaler
}

const target = { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 }
const causesOf = (spec: object): string[] => autoscalerFaults(read({ ...target, ...spec })).map(({ field, message }) => `${field.replace(/^spec\./, '')}: ${message}`)
const metric = (value: object): object => ({ metrics: [value] })
const resource = (more: object, name = 'cpu'): object => metric({ type: 'Resource', resource: { name, target: more } })
const up = (rules: object): object => ({ behavior: { scaleUp: rules } })
const m = 'metrics[0]'
const policy = { type: 'Pods', value: 1, periodSeconds: 60 }
const sources = 'supported values: "ContainerResource", "External", "Object", "Pods", "Resource"'

const table: readonly (readonly [says: string, spec: object, causes: readonly string[]])[] = [
  ['what is needed', {}, []],
  ['no maximum', { maxReplicas: undefined }, ['maxReplicas: Invalid value: 0: must be greater than 0', 'maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`']],
  ['a minimum above the maximum', { minReplicas: 6 }, ['maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`']],
  ['a negative minimum', { minReplicas: -1 }, ['minReplicas: Invalid value: -1: must be greater than or equal to 0']],
  ['zero without a metric that is there without instances', { minReplicas: 0 }, ['metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas']],
  ['zero with one', { minReplicas: 0, ...metric({ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: 10 } } }) }, []],
  ['no target', { scaleTargetRef: { kind: 'a/b' } }, ["scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'", 'scaleTargetRef.name: Required value']],
  ['no type of metric', metric({}), [`${m}.type: Required value: must specify a metric source type`, `${m}.type: Unsupported value: "": ${sources}`]],
  ['an unknown type', metric({ type: 'Gpu' }), [`${m}.type: Unsupported value: "Gpu": ${sources}`]],
  ['no source', metric({ type: 'Pods' }), [`${m}.pods: Required value: must populate information for the given metric source`]],
  ['another source', metric({ type: 'Pods', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } } }), [`${m}.pods: Required value: must populate information for the given metric source`]],
  ['two sources', metric({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } }, pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '1' } } }),
    [`${m}.pods: Forbidden: must populate the given metric source only`]],
  ['no name of a resource', resource({ type: 'Utilization', averageUtilization: 50 }, ''), [`${m}.resource.name: Required value: must specify a resource name`]],
  ['no value', resource({ type: 'Utilization' }), [`${m}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`]],
  ['both values', resource({ type: 'Utilization', averageUtilization: 50, averageValue: '100m' }), [`${m}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`]],
  ['no percent', resource({ type: 'Utilization', averageUtilization: 0 }), [`${m}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`]],
  ['an unknown type of target', resource({ type: 'Percent', averageUtilization: 50 }), [`${m}.resource.target.type: Invalid value: "Percent": must be either Utilization, Value, or AverageValue`]],
  ['no type of target', resource({ averageUtilization: 50 }),
    [`${m}.resource.target.type: Required value: must specify a metric target type`, `${m}.resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`]],
  ['a negative value', resource({ type: 'AverageValue', averageValue: '-1' }), [`${m}.resource.target.averageValue: Invalid value: "-1": must be positive`]],
  ['no quantity', resource({ type: 'AverageValue', averageValue: '1 apple' }),
    [`${m}.resource.target.averageValue: Invalid value: "1 apple": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`]],
  ['NaN', resource({ type: 'AverageValue', averageValue: 'NaN' }),
    [`${m}.resource.target.averageValue: Invalid value: "NaN": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`]],
  ['a container', metric({ type: 'ContainerResource', containerResource: { name: 'gpu', target: { type: 'Utilization', averageUtilization: 1 } } }),
    [`${m}.containerResource.name: Invalid value: "gpu": must be a standard resource for containers`, `${m}.containerResource.container: Required value: must specify a container`]],
  ['a load without a name', metric({ type: 'Pods', pods: { target: { type: 'AverageValue' } } }),
    [`${m}.pods.metric.name: Required value: must specify a metric name`, `${m}.pods.target.averageValue: Required value: must specify a positive target averageValue`]],
  ['an object', metric({ type: 'Object', object: { describedObject: { kind: 'Service' }, metric: { name: 'rps' }, target: { type: 'Value' } } }),
    [`${m}.object.describedObject.name: Required value`, `${m}.object.target.averageValue: Required value: must set either a target value or averageValue`]],
  ['an external one', metric({ type: 'External', external: { metric: { name: 'q' }, target: { type: 'Value', value: '1', averageValue: '1' } } }),
    [`${m}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target`]],
  ['a selector', metric({ type: 'External', external: { metric: { name: 'q', selector: { matchExpressions: [{ key: 'a', operator: 'In' }, { key: 'b', operator: 'Is' }] } }, target: { type: 'Value', value: '1' } } }),
    [`${m}.external.metric.selector.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
      `${m}.external.metric.selector.matchExpressions[1].operator: Invalid value: "Is": not a valid selector operator`]],
  ['a negative window', up({ stabilizationWindowSeconds: -1 }), ['behavior.scaleUp.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero']],
  ['a long window', up({ stabilizationWindowSeconds: 3_601 }), ['behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600']],
  ['an unknown choice', up({ selectPolicy: 'All' }), ['behavior.scaleUp.selectPolicy: Unsupported value: "All": supported values: "Disabled", "Max", "Min"']],
  ['no policies', up({ policies: [] }), ['behavior.scaleUp.policies: Required value: must specify at least one Policy']],
  ['a policy', up({ policies: [{ type: 'Cpus' }] }), [
    'behavior.scaleUp.policies[0].type: Unsupported value: "Cpus": supported values: "Percent", "Pods"', 'behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
    'behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero'
  ]],
  ['a long period', up({ policies: [{ ...policy, periodSeconds: 1_801 }] }), ['behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800']],
  ['a negative tolerance', { behavior: { scaleDown: { tolerance: '-0.1' } } }, ['behavior.scaleDown.tolerance: Invalid value: "-0.1": must be greater or equal to zero']],
  ['a tolerance', up({ tolerance: 0.05 }), []]
]

t.test('an autoscaler', async (t) => {
  for (const [says, spec, causes] of table) t.same(causesOf(spec), causes, says)
})

t.test('what it leaves out is filled in, as in Kubernetes', async (t) => {
  t.same(read(target).spec, { ...target, minReplicas: 1, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }] })
  const policies = { up: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }], down: [{ type: 'Percent', value: 100, periodSeconds: 15 }] }
  t.same(read({ ...target, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }).spec.behavior, {
    scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: policies.up }, scaleDown: { stabilizationWindowSeconds: 60, selectPolicy: 'Max', policies: policies.down }
  })
  t.same(read({ ...target, behavior: { scaleUp: { policies: [policy], selectPolicy: 'Min' } } }).spec.behavior?.scaleUp, { stabilizationWindowSeconds: 0, selectPolicy: 'Min', policies: [policy] })
  t.match(read({ ...target, metrics: [{ type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: 30 } } }] }).spec.metrics, [{ pods: { target: { averageValue: '30' } } }])
})

t.test('a quantity is a number', async (t) => {
  const quantities: readonly (readonly [string, number | undefined])[] = [
    ['0', 0], ['100m', 0.1], ['1.5Gi', 1.5 * 2 ** 30], ['2e3', 2_000], ['2E-1', 0.2], ['1k', 1_000], ['.5', 0.5], ['5.', 5], ['+3', 3], ['-3', -3], ['7u', 7e-6], ['1E', 1e18], ['1Ei', 2 ** 60],
    ['', undefined], ['m', undefined], ['1 m', undefined], ['1K', undefined], ['1e', undefined], ['1e400', undefined], ['NaN', undefined], ['Infinity', undefined], ['0x10', undefined], ['1.2.3', undefined]
  ]
  for (const [text, value] of quantities) t.equal(parseQuantity(text), value, JSON.stringify(text))
})

t.test('targets are shown as kubectl does', async (t) => {
  const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }
  const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } }
  const rps = { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '30' } } }
  const queue = { type: 'External', external: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '5' } } }
  const of = (metrics: readonly object[], currentMetrics?: readonly object[]): string => {
    const { spec, ...rest } = read(target)
    const status = currentMetrics === undefined
      ? {}
      : { status: { currentReplicas: 1, desiredReplicas: 1, currentMetrics: currentMetrics as readonly MetricStatus[] } }
    return targetsText({ ...rest, spec: { ...spec, metrics: metrics as readonly MetricSpec[] }, ...status })
  }
  t.equal(of([cpu]), 'cpu: <unknown>/80%')
  t.equal(of([cpu], [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50 } } }]), 'cpu: 50%/80%')
  t.equal(of([memory], [{ type: 'Resource', resource: { name: 'memory', current: { averageValue: '50Mi' } } }]), 'memory: 50Mi/100Mi')
  t.equal(of([rps, queue], [{ type: 'Pods', pods: { metric: { name: 'rps' }, current: { averageValue: '12' } } }, { type: 'External', external: { metric: { name: 'q' }, current: { averageValue: '7' } } }]), '12/30, 7/5 (avg)')
  t.equal(of([cpu, memory, rps]), 'cpu: <unknown>/80%, memory: <unknown>/100Mi + 1 more...')
})
