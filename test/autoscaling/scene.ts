// An autoscaler on a clock that only the test moves: what it is asked, round by round.
import type { HorizontalPodAutoscalerSpec, MetricSpec } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Condition } from '../../client-sdk/src/manifests.ts'
import type { Memory } from '../../server/autoscaling/behavior.ts'
import { type Decided, decide } from '../../server/autoscaling/decide.ts'
import type { OtherValues } from '../../server/autoscaling/proposals.ts'
import type { CountedInstance } from '../../server/autoscaling/samples.ts'
import { MetricFault } from '../../server/autoscaling/usage.ts'

export const startMs = Date.UTC(2026, 0, 1)
export const roundMs = 15_000

export const cpu = (averageUtilization: number): MetricSpec => ({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } })
export const average = (name: string, averageValue: string): MetricSpec => (
  { type: 'Pods', pods: { metric: { name }, target: { type: 'AverageValue', averageValue } } }
)

/** As one that has been running for an hour, and speaks just now. */
export function instance (load: CountedInstance['load'], nowMs: number, rest: Partial<CountedInstance> = {}): CountedInstance {
  const startedAtMs = nowMs - 3_600_000
  return { name: 'a', startedAtMs, changedAtMs: startedAtMs + 1_000, isReady: true, isPending: false, load, loadAtMs: nowMs, staleAfterMs: 15_000, ...rest }
}

export const noOthers: OtherValues = {
  object: () => { throw new MetricFault('no metrics known') },
  external: () => { throw new MetricFault('no metrics returned from external metrics API') }
}

export class Scene {
  nowMs = startMs
  replicas: number
  memory: Memory | undefined
  conditions: readonly Condition[] = []
  others = noOthers
  spec: HorizontalPodAutoscalerSpec

  constructor (replicas: number, spec: Partial<HorizontalPodAutoscalerSpec> = {}) {
    this.replicas = replicas
    this.spec = { scaleTargetRef: { kind: 'Deployment', name: 'orders' }, minReplicas: 1, maxReplicas: 100, metrics: [cpu(50)], ...spec }
  }

  /** One round, after which as many run as were asked for. */
  round (instances: readonly CountedInstance[]): Decided {
    const { spec, replicas, memory, conditions, others, nowMs } = this
    const decided = decide({ namespace: 'shop', spec, instances, replicas, others, memory, conditions, nowMs })
    this.replicas = decided.replicas
    this.memory = decided.memory
    this.conditions = decided.conditions
    this.nowMs += roundMs
    return decided
  }

  /** A round in which all instances together use `cores`, one of which each may use. Gives how many are asked for then. */
  use (cores: number): number {
    const each = Array.from({ length: this.replicas }, () => instance({ cpu: { value: cores / this.replicas, capacity: 1 } }, this.nowMs))
    return this.round(each).replicas
  }

  condition (type: string): string {
    const found = this.conditions.find((each) => each.type === type)
    return found === undefined ? 'unset' : `${found.status} ${found.reason}`
  }
}
