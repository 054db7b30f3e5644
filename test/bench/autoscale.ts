// What a round of autoscaling costs: 1,000 autoscalers over 10,000 instances with a load each, and what it holds of the loop at once.
// Beside it, in the same run: what the loads in heartbeats cost.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { HorizontalPodAutoscaler } from '../../client-sdk/src/autoscaling-manifests.ts'
import { Autoscaling } from '../../server/autoscaling/controller.ts'
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { type Access, registryActor } from '../../server/registry/core.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { Row } from './lib.ts'

const services = 1_000
const instancesEach = 10
const rounds = 20
const beats = 30
const goalMs = 100
/** CPU counts when an instance has run for five minutes. */
const warmMs = 400_000

export async function autoscale (): Promise<Row[]> {
  let nowMs = Date.now()
  const clock = { ...systemClock, now: () => nowMs }
  const registry = new Registry({ store: createSqliteStore({ directory: ':memory:', now: () => clock.now(), holdMs: 0 }), clock })
  await registry.open()
  const access = registry.as(registryActor)
  await fill(access)
  await beat(access, true)
  nowMs += warmMs
  await beat(access, true)
  const autoscaling = new Autoscaling({
    core: { position: registry.position, access }, store: registry.store, loads: registry.loads, clock, guard: standaloneGuard, holder: 'bench', intervalMs: 15_000,
    notice: () => undefined, warn: () => undefined
  })
  await autoscaling.tick() // the first one writes every status
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const times: number[] = []
  const whole: number[] = []
  for (let round = 0; round < rounds; round++) {
    nowMs += 15_000
    await beat(access, true)
    delay.reset()
    const began = performance.now()
    await autoscaling.tick()
    whole.push(performance.now() - began)
    times.push(autoscaling.report.ms)
  }
  const heldMs = delay.max / 1e6
  delay.disable()
  const decided = median(times)
  const [plain, loaded] = await heartbeats(access)
  await registry.close()
  return [
    {
      what: `${services} autoscalers over ${services * instancesEach} instances decided, a round`, goal: `under ${goalMs} ms`, met: decided < goalMs,
      measured: `${decided.toFixed(1)} ms at the median, ${Math.max(...times).toFixed(1)} ms at most; with loads, notes and statuses ${median(whole).toFixed(0)} ms`
    },
    { what: 'the longest that the loop waited in these rounds', measured: `${heldMs.toFixed(1)} ms`, goal: 'shown', met: true },
    {
      what: 'heartbeats with a load against those without, in batches of 1,000', measured: `${(loaded / plain).toFixed(2)} of the time (${plain.toFixed(2)} ms a batch without)`,
      goal: 'shown', met: true
    }
  ]
}

async function fill (access: Access): Promise<void> {
  for (let service = 0; service < services; service++) {
    await Promise.all(Array.from({ length: instancesEach }, (_, id) => (
      access.register(nameOf(service, id), { address: `10.0.${service >> 4}.${id + 1}`, ports: [{ port: 80 }], lease: { ttlMs: 600_000 } })
    )))
    const manifest: HorizontalPodAutoscaler = {
      apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: `s-${service}`, namespace: 'shop' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: `s-${service}` }, maxReplicas: 100,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
          { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '100' } } }
        ]
      }
    }
    await access.put({ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: `s-${service}` }, manifest)
  }
}

function nameOf (service: number, id: number): { namespace: string, service: string, id: string } {
  return { namespace: 'shop', service: `s-${service}`, id: `i-${id}` }
}

async function beat (access: Access, hasLoad: boolean, from = 0, to = services): Promise<void> {
  const load = { cpu: { value: 0.4 + Math.random() / 5, capacity: 1 }, memory: { value: 1e8, capacity: 2e8 }, rps: { value: 90 + Math.random() * 20 } }
  await access.heartbeat(Array.from({ length: (to - from) * instancesEach }, (_, index) => (
    { ...nameOf(from + Math.floor(index / instancesEach), index % instancesEach), ...(hasLoad ? { load } : {}) }
  )))
}

/** In turns, so that both meet the same machine. */
async function heartbeats (access: Access): Promise<readonly [plain: number, loaded: number]> {
  const times: [number[], number[]] = [[], []]
  for (let turn = 0; turn < beats; turn++) {
    for (const which of [0, 1] as const) {
      const from = (turn * 100) % services
      const began = performance.now()
      await beat(access, which === 1, from, from + 100)
      times[which].push(performance.now() - began)
    }
  }
  return [median(times[0]), median(times[1])]
}

function median (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}
