// Whatever is specified and measured: the count stays within its limits, and never moves against all metrics.
import fc from 'fast-check'
import t from 'tap'
import type { HorizontalPodAutoscalerSpec, ScalingRules } from '../../client-sdk/src/autoscaling-manifests.ts'
import { decide } from '../../server/autoscaling/decide.ts'
import type { CountedInstance } from '../../server/autoscaling/samples.ts'
import { Scene, average, cpu, instance, noOthers } from './scene.ts'

const rules: fc.Arbitrary<ScalingRules> = fc.record({
  stabilizationWindowSeconds: fc.integer({ min: 0, max: 600 }),
  selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
  policies: fc.array(fc.record({
    type: fc.constantFrom('Pods', 'Percent'), value: fc.integer({ min: 1, max: 200 }), periodSeconds: fc.integer({ min: 1, max: 120 })
  }), { minLength: 1, maxLength: 3 }),
  tolerance: fc.constantFrom('0', '0.05', '0.5')
}, { requiredKeys: [] })

const spec: fc.Arbitrary<HorizontalPodAutoscalerSpec> = fc.record({
  minReplicas: fc.integer({ min: 1, max: 10 }), extra: fc.integer({ min: 0, max: 40 }), target: fc.integer({ min: 1, max: 300 }),
  second: fc.boolean(), behavior: fc.option(fc.record({ scaleUp: rules, scaleDown: rules }, { requiredKeys: [] }), { nil: undefined })
}).map(({ minReplicas, extra, target, second, behavior }) => ({
  scaleTargetRef: { kind: 'Deployment', name: 'orders' }, minReplicas, maxReplicas: minReplicas + extra,
  metrics: [cpu(target), ...second ? [average('rps', '100')] : []], ...(behavior === undefined ? {} : { behavior })
}))

const number = fc.oneof(
  { weight: 9, arbitrary: fc.double({ min: 0, max: 2, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, 1e308, NaN, 1e-9, 100) }
)
const mostly = fc.integer({ min: 0, max: 9 }).map((drawn) => drawn > 0)
const kind = fc.record({
  value: number, rps: fc.option(fc.double({ min: 0, max: 300, noNaN: true }), { nil: undefined }), said: mostly, isPending: mostly.map((is) => !is),
  isReady: mostly, ageMs: fc.integer({ min: 0, max: 900_000 }), sampleMs: fc.integer({ min: -12_000, max: 17_000 })
})
type Kind = typeof kind extends fc.Arbitrary<infer Each> ? Each : never

function counted ({ value, rps, said, isPending, isReady, ageMs, sampleMs }: Kind, nowMs: number): CountedInstance {
  const startedAtMs = nowMs - ageMs
  return instance(said ? { cpu: { value, capacity: 1 }, ...(rps === undefined ? {} : { rps: { value: rps } }) } : undefined, nowMs, {
    startedAtMs, changedAtMs: startedAtMs + ageMs / 2, isPending, isReady, loadAtMs: nowMs - sampleMs
  })
}

t.test('the count stays within min and max, is whole, and moves at most by what the limits say', async (t) => {
  const steps = fc.array(fc.array(kind, { maxLength: 20 }), { minLength: 1, maxLength: 25 })
  fc.assert(fc.property(spec, fc.integer({ min: 0, max: 60 }), steps, (given, first, rounds) => {
    const scene = new Scene(first, given)
    const { minReplicas: min = 1, maxReplicas: max } = given
    for (const round of rounds) {
      const before = scene.replicas
      const decided = scene.round(round.map((each) => counted(each, scene.nowMs)))
      if (!Number.isSafeInteger(decided.replicas)) return false
      if (before === 0 && min > 0) return decided.replicas === 0
      if (decided.replicas < min || decided.replicas > max) return false
      if (given.behavior === undefined && before >= min && decided.replicas > Math.max(2 * before, 4)) return false
      if (JSON.stringify(scene.memory).length > 100_000 || decided.conditions.length > 3) return false
    }
    return true
  }), { numRuns: 300 })
  t.pass()
})

t.test('the count never moves against the direction of every metric', async (t) => {
  let moved = 0
  fc.assert(fc.property(spec, fc.array(fc.array(kind, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 25 }), (given, rounds) => {
    const scene = new Scene(Math.max(given.minReplicas ?? 1, rounds[0]?.length ?? 1), given)
    for (const round of rounds) {
      const instances = round.map((each) => counted(each, scene.nowMs))
      const { replicas: before, nowMs } = scene
      const { minReplicas: min = 1, maxReplicas: max } = given
      // Each metric alone, without limits and windows.
      const free = { scaleUp: { policies: [{ type: 'Pods', value: 1e6, periodSeconds: 1 }] }, scaleDown: { stabilizationWindowSeconds: 0 } } as const
      const alone = (given.metrics ?? []).map((metric) => decide({
        namespace: 'shop', instances, replicas: before, others: noOthers, memory: { recommendations: [], ups: [], downs: [] }, conditions: [], nowMs,
        spec: {
          ...given, minReplicas: 0, maxReplicas: 1e6, metrics: [metric], behavior: {
            scaleUp: { ...free.scaleUp, tolerance: given.behavior?.scaleUp?.tolerance ?? '0.1' },
            scaleDown: { ...free.scaleDown, tolerance: given.behavior?.scaleDown?.tolerance ?? '0.1' }
          }
        }
      }).replicas)
      const after = scene.round(instances).replicas
      if (before < min || before > max || after === before) continue
      moved += 1
      if (after > before && alone.every((each) => each < before)) return false
      if (after < before && alone.every((each) => each > before)) return false
    }
    return true
  }), { numRuns: 1_000 })
  t.ok(moved > 50, `it moved ${moved} times`)
})
