// What is decided: the rules of Kubernetes' autoscaler, and what is easily got wrong about them, one row each.
import t from 'tap'
import type { HorizontalPodAutoscalerSpec, MetricSpec } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { CountedInstance } from '../../server/autoscaling/samples.ts'
import { Scene, average, cpu, instance, startMs } from './scene.ts'

const at = startMs
const using = (value: number, rest: Partial<CountedInstance> = {}): CountedInstance => instance({ cpu: { value, capacity: 1 } }, at, rest)
const many = (count: number, value: number): CountedInstance[] => Array.from({ length: count }, () => using(value))
const silent = instance(undefined, at)
const starting: Partial<CountedInstance> = { startedAtMs: at - 60_000, changedAtMs: at - 60_000, isReady: false }

interface Row {
  readonly rule: string
  readonly replicas?: number
  readonly spec?: Partial<HorizontalPodAutoscalerSpec>
  readonly instances: readonly CountedInstance[]
  readonly gives: number
  readonly active?: string
  readonly limited?: string
  readonly able?: string
}

const custom = (value: number, rest?: Partial<CountedInstance>): CountedInstance => instance({ rps: { value } }, at, rest)
const down: Partial<HorizontalPodAutoscalerSpec> = { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } }
const rps: Partial<HorizontalPodAutoscalerSpec> = { metrics: [average('rps', '100')], ...down }

const rows: readonly Row[] = [
  // 1. No behavior, and an empty one.
  { rule: 'no behavior: at most max(2 x current, 4), from 1', instances: many(1, 50), gives: 4, limited: 'True ScaleUpLimit' },
  { rule: 'no behavior: from 4', instances: many(4, 50), gives: 8, limited: 'True ScaleUpLimit' },
  { rule: 'an empty behavior: max(+4, +100 %), from 1', spec: { behavior: {} }, instances: many(1, 50), gives: 5, limited: 'True ScaleUpLimit' },
  { rule: 'an empty behavior: from 5', spec: { behavior: {} }, instances: many(5, 50), gives: 10, limited: 'True ScaleUpLimit' },
  // 2. Unready, for CPU only.
  { rule: 'CPU of one that is starting is left out on the way up, and counted as 0', instances: [...many(2, 0.9), using(5, starting)], gives: 4 },
  { rule: 'one that is ready, whose sample is from before a whole window of it, too', instances: [...many(2, 0.9), using(5, { startedAtMs: at - 60_000, changedAtMs: at - 5_000 })], gives: 4 },
  { rule: 'one that never became ready, after five minutes too', instances: [...many(2, 0.9), using(5, { startedAtMs: at - 900_000, changedAtMs: at - 890_000, isReady: false })], gives: 4 },
  { rule: 'one that was ready and fails later counts with its sample', instances: [...many(2, 0.9), using(0.9, { changedAtMs: at - 60_000, isReady: false })], gives: 6 },
  { rule: 'other metrics count from the first word on', spec: rps, instances: [custom(200), custom(200, starting)], gives: 4 },
  { rule: 'what says that it is starting is left out for every metric', spec: rps, instances: [custom(300), custom(300, { isPending: true })], gives: 3 },
  // 3. Missing.
  { rule: 'missing on the way up is 0', instances: [...many(2, 0.9), silent], gives: 4 },
  { rule: 'missing on the way down is all that it may use', spec: down, instances: [...many(3, 0.1), silent], gives: 3 },
  { rule: 'or the target, if that is more', spec: { metrics: [cpu(200)], ...down }, instances: [...many(3, 0.2), silent], gives: 2 },
  { rule: 'of plain averages the target', spec: rps, instances: [custom(10), custom(10), custom(10), silent], gives: 2 },
  { rule: 'nothing is done if it turns the direction round', instances: [using(0.6), silent, silent], gives: 3 },
  { rule: 'an instance whose word is old is missing', instances: [...many(2, 0.9), using(9, { loadAtMs: at - 60_000 })], gives: 4 },
  { rule: 'so is one whose word is from the future', instances: [...many(2, 0.9), using(9, { loadAtMs: at + 60_000 })], gives: 4 },
  { rule: 'a load below zero is missing', instances: [...many(2, 0.9), using(-9)], gives: 4 },
  { rule: 'a load that cannot be is missing', instances: [...many(2, 0.9), using(1e308)], gives: 4 },
  { rule: 'none that can be read: nothing is done', instances: [using(NaN), using(-1)], gives: 2, active: 'False FailedGetResourceMetric' },
  { rule: 'use without what may be used: nothing is done', instances: [instance({ cpu: { value: 3 } }, at)], gives: 1, active: 'False FailedGetResourceMetric' },
  // 4. Percent, and the tolerance.
  { rule: 'the percentage is cut: 55.9 is 55, which is within 10 %', instances: many(10, 0.559), gives: 10 },
  { rule: 'exactly 1.1 is within it', spec: { metrics: [cpu(100)] }, instances: many(10, 1.1), gives: 10 },
  { rule: 'and 1.11 is not', spec: { metrics: [cpu(100)] }, instances: many(10, 1.11), gives: 12 },
  { rule: 'exactly 0.9 is within it', spec: { metrics: [cpu(100)], ...down }, instances: many(10, 0.9), gives: 10 },
  { rule: 'each direction may have its own: up', spec: { behavior: { scaleUp: { tolerance: '0.5' } } }, instances: many(10, 0.74), gives: 10 },
  { rule: 'down stays at a tenth then', spec: { behavior: { scaleUp: { tolerance: '0.5' }, ...down.behavior } }, instances: many(10, 0.4), gives: 8 },
  { rule: 'a tolerance of nothing', spec: { behavior: { scaleUp: { tolerance: '0' } } }, instances: many(100, 0.51), gives: 100, limited: 'True TooManyReplicas' },
  // 5. Several metrics, and the limits.
  { rule: 'the largest proposal wins', spec: { metrics: [cpu(50), average('rps', '10')] }, instances: [instance({ cpu: { value: 0.5, capacity: 1 }, rps: { value: 30 } }, at)], gives: 3 },
  { rule: 'one failed: not down', spec: { metrics: [cpu(50), average('rps', '10')], ...down }, instances: many(4, 0.1), gives: 4, active: 'False FailedGetPodsMetric' },
  { rule: 'one failed: up', spec: { metrics: [cpu(50), average('rps', '10')] }, instances: many(4, 0.7), gives: 6, active: 'True ValidMetricFound' },
  { rule: 'all failed: nothing', instances: [silent], gives: 1, active: 'False FailedGetResourceMetric' },
  { rule: 'none is there, and some were asked for: nothing', replicas: 3, instances: [], gives: 3, active: 'False FailedGetResourceMetric' },
  { rule: 'none asked for: autoscaling is off', replicas: 0, instances: [], gives: 0, active: 'False ScalingDisabled' },
  { rule: 'above max: there first, without metrics', replicas: 12, spec: { maxReplicas: 8 }, instances: [], gives: 8, active: 'unset' },
  { rule: 'below min: the same', replicas: 1, spec: { minReplicas: 3 }, instances: [], gives: 3, active: 'unset' },
  { rule: 'not above max', spec: { maxReplicas: 5 }, instances: many(4, 0.9), gives: 5, limited: 'True TooManyReplicas' },
  { rule: 'not below min', spec: { minReplicas: 3, ...down }, instances: many(4, 0.01), gives: 3, limited: 'True TooFewReplicas' },
  { rule: 'the default is CPU at 80 %', spec: { metrics: [] }, instances: many(2, 1.6), gives: 4, limited: 'False DesiredWithinRange' },
  // 6. The first recommendation is the current count.
  { rule: 'nothing falls in the first window', instances: many(4, 0.1), gives: 4, able: 'True ScaleDownStabilized' },
  { rule: 'with a behavior neither', spec: { behavior: {} }, instances: many(4, 0.1), gives: 4, able: 'True ScaleDownStabilized' },
  // 8. As many as were asked for, not as many as are seen.
  { rule: 'a rolling update shows more than were asked for', replicas: 10, spec: { maxReplicas: 10 }, instances: many(13, 0.385), gives: 10, limited: 'False DesiredWithinRange' },
  { rule: 'those that do not follow are not asked for twice as many again', replicas: 8, instances: many(4, 1), gives: 8 }
]

for (const { rule, replicas, spec, instances, gives, active, limited, able } of rows) {
  t.test(rule, async (t) => {
    const scene = new Scene(replicas ?? instances.length, spec)
    scene.round(instances)
    t.equal(scene.replicas, gives)
    if (active !== undefined) t.equal(scene.condition('ScalingActive'), active)
    if (limited !== undefined) t.equal(scene.condition('ScalingLimited'), limited)
    if (able !== undefined) t.equal(scene.condition('AbleToScale'), able)
  })
}

const share = (milli: number) => ({ object: () => milli, external: () => [milli / 2, milli / 2] })
const values: readonly [rule: string, metric: MetricSpec, current: number, milli: number, gives: number][] = [
  ['an object\'s value, by the ratio', { type: 'Object', object: { describedObject: { kind: 'Service', name: 'orders' }, metric: { name: 'rps' }, target: { type: 'Value', value: '100' } } }, 2, 200_000, 4],
  ['an object\'s average', { type: 'Object', object: { describedObject: { kind: 'Service', name: 'orders' }, metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '100' } } }, 2, 301_000, 4],
  ['an external value: several are summed', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } } }, 2, 20_000, 4],
  ['an external average, within the tolerance', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } }, 3, 32_000, 3],
  ['an external average', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } }, 3, 41_000, 5],
  ['from none by an external value', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '10' } } }, 0, 25_000, 3],
  ['from none by an external average', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } }, 0, 25_000, 3],
  ['to none', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } } }, 1, 0, 0],
  ['thousandths are a target too', { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '500m' } } }, 1, 1_900, 4]
]
for (const [rule, metric, current, milli, gives] of values) {
  t.test(rule, async (t) => {
    const scene = new Scene(current, { minReplicas: 0, metrics: [metric], ...down })
    scene.others = share(milli)
    scene.memory = { recommendations: [], ups: [], downs: [] }
    scene.round(many(current, 0.5))
    t.equal(scene.replicas, gives)
  })
}

t.test('a fall of load gives the old count for 300 s, and then the new one in one step', async (t) => {
  const scene = new Scene(8)
  const seen = Array.from({ length: 24 }, (_, round) => scene.use(round === 0 ? 4 : 0.5))
  t.same(seen.slice(0, 21), Array(21).fill(8))
  t.equal(seen[21], 1)
})

t.test('a short dip in the load changes nothing', async (t) => {
  const scene = new Scene(8)
  for (let round = 0; round < 60; round++) t.equal(scene.use(round % 10 === 5 ? 0.5 : 4), 8)
})

t.test('what was recommended minutes ago keeps the count from falling, and does not raise it', async (t) => {
  const scene = new Scene(4)
  t.same([scene.use(20), scene.use(3.9), scene.use(3.9)], [8, 8, 8])
})

t.test('down by Min(4, 10 %) a minute: the policy that keeps most, from what was done', async (t) => {
  const scene = new Scene(80, {
    behavior: { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Min', policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }, { type: 'Percent', value: 10, periodSeconds: 60 }] } }
  })
  const seen: number[] = []
  for (let round = 0; round < 400 && scene.replicas > 10; round++) {
    const before = scene.replicas
    if (scene.use(5) !== before) seen.push(scene.replicas)
  }
  t.same(seen.slice(0, 12), [76, 72, 68, 64, 60, 56, 52, 48, 44, 40, 36, 32])
  t.equal(seen.at(-1), 11, 'which is within the tolerance of 10')
})

t.test('down by Max(4, 10 %) takes the policy that keeps least', async (t) => {
  const scene = new Scene(80, {
    behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }, { type: 'Percent', value: 10, periodSeconds: 60 }] } }
  })
  t.same([scene.use(5), scene.use(5), scene.use(5), scene.use(5), scene.use(5)], [72, 72, 72, 72, 64])
  t.equal(scene.condition('ScalingLimited'), 'True ScaleDownLimit')
})

t.test('a direction that is disabled', async (t) => {
  const up = new Scene(2, { behavior: { scaleUp: { selectPolicy: 'Disabled' } } })
  t.equal(up.use(20), 2)
  t.equal(up.condition('ScalingLimited'), 'True ScaleUpLimit')
  const fall = new Scene(9, { behavior: { scaleDown: { selectPolicy: 'Disabled', stabilizationWindowSeconds: 0 } } })
  t.equal(fall.use(0.1), 9)
  t.equal(fall.condition('ScalingLimited'), 'True ScaleDownLimit')
})

t.test('a window up takes the lowest recommendation in it', async (t) => {
  const scene = new Scene(2, { behavior: { scaleUp: { stabilizationWindowSeconds: 60 } } })
  t.same([scene.use(2), scene.use(2), scene.use(2), scene.use(2)], [2, 2, 2, 2])
  t.equal(scene.condition('AbleToScale'), 'True ScaleUpStabilized')
  t.equal(scene.use(2), 4)
})

t.test('windows and events survive a restart: they are all that is remembered', async (t) => {
  const scene = new Scene(80, { behavior: { scaleDown: { policies: [{ type: 'Pods', value: 4, periodSeconds: 60 }] } } })
  for (let round = 0; round < 21; round++) scene.use(5)
  const seen: number[] = []
  for (let round = 0; round < 8; round++) {
    scene.memory = JSON.parse(JSON.stringify(scene.memory))
    seen.push(scene.use(5))
  }
  t.same(seen, [76, 76, 76, 72, 72, 72, 72, 68])
})

t.test('conditions, reasons and metrics are told in the words of Kubernetes', async (t) => {
  const scene = new Scene(2)
  const up = scene.round(many(2, 0.9))
  t.match(up, { replicas: 4, reason: 'cpu resource utilization (percentage of request) above target' })
  t.same(up.metrics, [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 90, averageValue: '900m' } } }])
  t.same(up.conditions.map(({ type, status, reason, message }) => [type, status, reason, message]), [
    ['AbleToScale', 'True', 'SucceededRescale', 'the HPA controller was able to update the target scale to 4'],
    ['ScalingActive', 'True', 'ValidMetricFound', 'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)'],
    ['ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range']
  ])
  const failed = scene.round([instance(undefined, scene.nowMs)])
  t.same(failed.warnings, [
    { reason: 'FailedGetResourceMetric', message: 'failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)' },
    { reason: 'FailedComputeMetricsReplicas', message: 'invalid metrics (1 invalid out of 1), first error is: failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)' }
  ])
  const [able, active] = failed.conditions
  t.equal(able?.lastTransitionTime, '2026-01-01T00:00:00Z', 'it was true before')
  t.equal(active?.lastTransitionTime, '2026-01-01T00:00:15Z')
})
