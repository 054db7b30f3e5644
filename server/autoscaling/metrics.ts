// What autoscaling shows as metrics.
import { Gauge, type Registry } from 'prom-client'
import type { HorizontalPodAutoscaler } from '../../client-sdk/src/autoscaling-manifests.ts'
import type { Access } from '../registry/core.ts'
import type { Autoscaling } from './controller.ts'

/** Prometheus keeps each series for hours. */
const maxSeries = 10_000

/** Every node shows what was decided; which of them decides, only one says. */
export function observeAutoscaling (register: Registry, core: Pick<Access, 'manifests'>, autoscaling: Pick<Autoscaling, 'isElected' | 'rounds' | 'report'>): void {
  const ofEach = (name: string, help: string, value: (status: NonNullable<HorizontalPodAutoscaler['status']>) => number): void => {
    new Gauge({
      name: `rollcall_hpa_${name}`, help, labelNames: ['namespace', 'name'], registers: [register],
      collect () {
        this.reset()
        for (const { metadata: { namespace = '', name: of }, status } of core.manifests('HorizontalPodAutoscaler').slice(0, maxSeries)) {
          if (status?.conditions !== undefined) this.set({ namespace, name: of }, value(status))
        }
      }
    })
  }
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({ name: `rollcall_hpa_${name}`, help, registers: [register], collect () { this.set(value()) } })
  }
  ofEach('desired_replicas', `How many instances an autoscaler wants, at most ${maxSeries} series.`, ({ desiredReplicas }) => desiredReplicas)
  ofEach('current_replicas', 'How many instances of its target are counted.', ({ currentReplicas }) => currentReplicas)
  ofEach('scaling_active', 'Whether its metrics can be had.', ({ conditions = [] }) => Number(conditions.some(({ type, status }) => type === 'ScalingActive' && status === 'True')))
  gauge('elected', 'Whether this node decides.', () => Number(autoscaling.isElected))
  gauge('rounds', 'Rounds in which this node decided.', () => autoscaling.rounds)
  gauge('round_seconds', 'What its last round took of this thread.', () => autoscaling.report.ms / 1_000)
}
