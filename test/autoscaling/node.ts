// A node that decides, on a clock that only the test moves.
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from '../../client-sdk/src/autoscaling-manifests.ts'
import { Autoscaling } from '../../server/autoscaling/controller.ts'
import type { DecisionEnd, DecisionListener, ScalingDecision } from '../../server/autoscaling/ports.ts'
import { loggingGuard } from '../../server/guard.ts'
import { type Access, registryActor } from '../../server/registry/core.ts'
import type { Registry } from '../../server/registry/registry.ts'
import type { Clock } from '../../server/clock.ts'

export const roundMs = 15_000

export class Told implements DecisionListener {
  readonly decisions: ScalingDecision[] = []
  readonly ends: (readonly [id: string, end: DecisionEnd])[] = []

  decided (decision: ScalingDecision): void {
    this.decisions.push(decision)
  }

  ended ({ decisionId }: ScalingDecision, end: DecisionEnd): void {
    this.ends.push([decisionId, end])
  }
}

export interface DecidingNode {
  readonly autoscaling: Autoscaling
  readonly access: Access
  readonly told: Told
  readonly warnings: string[]
}

export function decidingNode (
  registry: Registry, clock: Clock, holder = 'one', intervalMs = roundMs, access: Access = registry.as(registryActor)
): DecidingNode {
  const warnings: string[] = []
  const guard = loggingGuard({ error: (_fields, message) => warnings.push(message) }, () => undefined)
  const autoscaling = new Autoscaling({
    core: { position: registry.position, access }, store: registry.store, loads: registry.loads, clock, guard, holder, intervalMs,
    notice: ({ metadata: { namespace = '', name, uid } }, notice) => registry.notices.tell({ kind: 'HorizontalPodAutoscaler', namespace, name, uid }, notice),
    warn: (message) => warnings.push(message)
  })
  const told = new Told()
  autoscaling.onDecision(told)
  return { autoscaling, access, told, warnings }
}

export const space = { namespace: 'shop' } as const

export async function declareHpa (access: Access, spec: Partial<HorizontalPodAutoscalerSpec> = {}, name = 'orders'): Promise<void> {
  await access.put({ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name }, {
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name, namespace: 'shop' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders' }, minReplicas: 1, maxReplicas: 10,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }], ...spec
    }
  })
}

export function hpaOf (access: Access, name = 'orders'): HorizontalPodAutoscaler {
  return access.manifest({ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name }) as HorizontalPodAutoscaler // the kind that was asked for
}

/** So many copies of `orders` run, and each uses so much of one core. */
export async function run (access: Access, count: number, use: number, service = 'orders'): Promise<void> {
  for (let index = 0; index < count; index++) {
    await access.register({ ...space, service, id: `${service}-${index}` }, { address: `192.0.2.${index + 1}`, ports: [{ port: 80 }], generation: 'g' })
  }
  await beat(access, count, use, service)
}

export async function beat (access: Access, count: number, use: number, service = 'orders'): Promise<void> {
  await access.heartbeat(Array.from({ length: count }, (_, index) => ({ ...space, service, id: `${service}-${index}`, load: { cpu: { value: use, capacity: 1 } } })))
}
