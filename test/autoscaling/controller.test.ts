// Rounds of a node that decides, on a real registry: what is written, remembered and told.
import t from 'tap'
import { RegistryError } from '../../server/errors.ts'
import type { Access } from '../../server/registry/core.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { HandClock } from '../support/hand-clock.ts'
import { type Closable } from '../support/closable.ts'
import { beat, decidingNode, type DecidingNode, declareHpa, hpaOf, roundMs, run, space } from './node.ts'

interface World extends DecidingNode {
  readonly registry: Registry
  readonly clock: HandClock
  /** Heartbeats of as many as there are, time, and a round. */
  round (count: number, use: number): Promise<void>
}

/** The CPU of an instance counts when it has been ready for a while. */
const warmMs = 400_000

async function world (t: Closable, directory = ':memory:', clock = new HandClock().letMomentsPass()): Promise<World> {
  const registry = new Registry({ store: createSqliteStore({ directory, now: () => clock.now(), holdMs: 0 }), clock })
  await registry.open()
  t.teardown(() => registry.close())
  const node = decidingNode(registry, clock)
  return {
    ...node, registry, clock,
    round: async (count, use) => {
      clock.jump(roundMs)
      await beat(node.access, count, use)
      await node.autoscaling.tick()
    }
  }
}

async function runWarm ({ access, clock }: World, count: number, use: number): Promise<void> {
  await run(access, count, use)
  clock.jump(warmMs)
}

t.test('more load: the status, the event and the listeners say how many there should be, and who follows is told so', async (t) => {
  const at = await world(t)
  await runWarm(at, 2, 0.9)
  await declareHpa(at.access)
  await at.round(2, 0.9)
  const { status, metadata: { uid } } = hpaOf(at.access)
  t.match(status, { currentReplicas: 2, desiredReplicas: 4, currentMetrics: [{ resource: { name: 'cpu', current: { averageUtilization: 90, averageValue: '900m' } } }] })
  t.match(status?.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`), [
    'AbleToScale True SucceededRescale', 'ScalingActive True ValidMetricFound', 'ScalingLimited False DesiredWithinRange'
  ])
  t.match(at.told.decisions, [{
    namespace: 'shop', name: 'orders', from: 2, to: 4, sequence: 1, target: { kind: 'Deployment', name: 'orders' },
    reason: 'cpu resource utilization (percentage of request) above target', metrics: [{ type: 'Resource' }]
  }])
  const id = at.told.decisions[0]?.decisionId ?? ''
  t.equal(id, `${uid}-${Date.parse(status?.lastScaleTime ?? '') / 1_000}-4`, 'whoever reads the status knows its name')
  t.match(at.autoscaling.open(), [{ decisionId: id }])
  await at.registry.notices.flush()
  const { changes } = await at.access.events({ limit: 10, namespace: 'shop' })
  t.match(changes[0]?.notice, { reason: 'SuccessfulRescale', type: 'Normal', message: 'New size: 4; reason: cpu resource utilization (percentage of request) above target' })
  await run(at.access, 4, 0.5)
  await at.round(4, 0.5)
  t.same(at.told.ends, [[id, 'followed']])
  t.same(at.autoscaling.open(), [])
  t.match(hpaOf(at.access).status, { currentReplicas: 4, desiredReplicas: 4 })
})

t.test('nothing is written while nothing changes: no revision each round, and measured values once a minute', async (t) => {
  const at = await world(t)
  await runWarm(at, 2, 0.5)
  await declareHpa(at.access)
  await at.round(2, 0.5)
  const { revision } = at.registry.feed
  for (let round = 0; round < 3; round++) await at.round(2, 0.5 + round / 100)
  t.equal(at.registry.feed.revision, revision)
  await at.round(2, 0.51)
  t.equal(at.registry.feed.revision, revision + 1, 'the measured values are another minute old')
})

t.test('desired that nobody follows is said once, and asked for again when instances go', async (t) => {
  const at = await world(t)
  await runWarm(at, 2, 0.9)
  await declareHpa(at.access)
  for (let round = 0; round < 6; round++) await at.round(2, 0.9)
  await at.registry.notices.flush()
  const reasons = async (): Promise<readonly string[]> => {
    const { changes } = await at.access.events({ limit: 50, namespace: 'shop' })
    return changes.flatMap(({ notice }) => notice?.reason ?? [])
  }
  t.same(await reasons(), ['DesiredNotFollowed', 'SuccessfulRescale'])
  t.equal(at.told.decisions.length, 1)
  await run(at.access, 4, 0.5)
  await at.round(4, 0.5)
  t.equal(at.told.ends.length, 1)
  await at.access.deregister({ ...space, service: 'orders', id: 'orders-3' })
  for (let round = 0; round < 3; round++) await at.round(3, 0.5)
  t.match(at.told.decisions.at(-1), { from: 3, to: 4, sequence: 2, reason: 'fewer instances than desired' })
})

t.test('a restart forgets nothing: windows go on, an open decision is told again under its name', async (t) => {
  const directory = t.testdir()
  const clock = new HandClock().letMomentsPass()
  const first = await world(t, directory, clock)
  await runWarm(first, 8, 0.5)
  await declareHpa(first.access)
  for (let round = 0; round < 10; round++) await first.round(8, 0.5)
  for (let round = 0; round < 10; round++) await first.round(8, 0.05)
  await declareHpa(first.access, {}, 'second')
  t.equal(hpaOf(first.access).status?.desiredReplicas, 8, 'the fall waits for its window')
  await first.access.delete([{ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'second' }])
  await first.autoscaling.close()
  await first.registry.close()

  const second = await world(t, directory, clock)
  const seen: (number | undefined)[] = []
  for (let round = 0; round < 14; round++) {
    await second.round(8, 0.05)
    seen.push(hpaOf(second.access).status?.desiredReplicas)
  }
  const fell = seen.indexOf(1)
  t.ok(fell >= 6 && fell <= 11, `it falls when 300 s are over, not 300 s after the restart: round ${fell}`)
  const [decision] = second.told.decisions
  t.match(decision, { from: 8, to: 1 })
  await second.autoscaling.close()
  await second.registry.close()

  const third = await world(t, directory, clock)
  await third.round(8, 0.05)
  t.equal(third.told.decisions[0]?.decisionId, decision?.decisionId, 'nobody followed yet')
})

t.test('a target that is not there, one that two want, and one of no kind that can be scaled', async (t) => {
  const at = await world(t)
  await run(at.access, 1, 0.5, 'other')
  await declareHpa(at.access)
  await declareHpa(at.access, { scaleTargetRef: { apiVersion: 'batch/v1', kind: 'Job', name: 'once' } }, 'job')
  await at.autoscaling.tick()
  t.match(hpaOf(at.access).status, { currentReplicas: 0, desiredReplicas: 0, conditions: [
    { type: 'AbleToScale', status: 'False', reason: 'FailedGetScale', message: 'the HPA controller was unable to get the target\'s current scale: deployments.apps "orders" not found' }
  ] })
  t.match(hpaOf(at.access, 'job').status?.conditions?.[0]?.message, /no matches for kind "Job" in group "batch"/)
  await runWarm(at, 2, 0.9)
  await declareHpa(at.access, {}, 'rival')
  await at.round(2, 0.9)
  t.match(hpaOf(at.access).status?.conditions?.find(({ type }) => type === 'ScalingActive'), { status: 'False', reason: 'AmbiguousSelector', message: /orders, rival$/ })
  t.equal(hpaOf(at.access).status?.desiredReplicas, 2)
  await at.access.delete([{ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'rival' }])
  await at.round(2, 0.9)
  t.equal(hpaOf(at.access).status?.desiredReplicas, 4)
})

t.test('when all instances are gone the number stays what it was: nobody is told to stop everything', async (t) => {
  const at = await world(t)
  await runWarm(at, 3, 0.5)
  await declareHpa(at.access)
  await at.round(3, 0.5)
  for (let index = 0; index < 3; index++) await at.access.deregister({ ...space, service: 'orders', id: `orders-${index}` })
  await at.round(0, 0)
  t.match(hpaOf(at.access).status, { currentReplicas: 0, desiredReplicas: 3 })
})

t.test('instances by the label app, those of a service, and none that is going', async (t) => {
  const at = await world(t)
  for (const service of ['web-blue', 'web-green']) {
    for (const id of ['a', 'b']) await at.access.register({ ...space, service, id }, { address: '192.0.2.1', ports: [{ port: 80 }], labels: { app: 'web' } })
  }
  await at.access.patch({ ...space, service: 'web-blue', id: 'b' }, { status: 'draining' })
  await declareHpa(at.access, { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } }, 'by-label')
  await declareHpa(at.access, { scaleTargetRef: { apiVersion: 'v1', kind: 'Service', name: 'web-green' } }, 'by-service')
  await at.autoscaling.tick()
  t.equal(hpaOf(at.access, 'by-label').status?.currentReplicas, 3)
  t.equal(hpaOf(at.access, 'by-service').status?.currentReplicas, 2)
})

t.test('metrics of an object and from outside, and from nothing to the first', async (t) => {
  const at = await world(t)
  await at.access.register({ ...space, service: 'gate', id: 'a' }, { address: '192.0.2.1', ports: [{ port: 80 }] })
  await at.access.heartbeat([{ ...space, service: 'gate', id: 'a', load: { waiting: { value: 35 } } }])
  const object = { describedObject: { apiVersion: 'v1', kind: 'Service', name: 'gate' }, metric: { name: 'waiting' }, target: { type: 'AverageValue', averageValue: '10' } } as const
  const external = { metric: { name: 'queue', selector: { matchLabels: { of: 'orders' } } }, target: { type: 'AverageValue', averageValue: '10' } } as const
  await declareHpa(at.access, { minReplicas: 0, metrics: [{ type: 'Object', object }] }, 'by-object')
  await declareHpa(at.access, { minReplicas: 0, metrics: [{ type: 'External', external }], scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' } }, 'by-queue')
  await at.access.putExternalMetric('shop', 'queue', { value: 12, labels: { of: 'orders' } })
  await at.access.putExternalMetric('shop', 'queue', { value: 100, labels: { of: 'others' } })
  await at.autoscaling.tick()
  t.match(hpaOf(at.access, 'by-object').status, { desiredReplicas: 4 })
  t.match(hpaOf(at.access, 'by-queue').status, { currentReplicas: 0, desiredReplicas: 2, currentMetrics: [{ external: { current: { averageValue: '12' } } }] })
  at.clock.jump(61_000)
  await at.autoscaling.tick()
  t.match(hpaOf(at.access, 'by-queue').status?.conditions?.find(({ type }) => type === 'ScalingActive'), { status: 'False', reason: 'FailedGetExternalMetric', message: /no metrics returned from external metrics API$/ })
  t.equal(hpaOf(at.access, 'by-queue').status?.desiredReplicas, 2, 'a value that is over is none, and not 0')
})

t.test('an autoscaler that is taken back is forgotten, and one of its name begins anew', async (t) => {
  const at = await world(t)
  await runWarm(at, 2, 0.9)
  await declareHpa(at.access)
  await at.round(2, 0.9)
  t.equal((await at.registry.store.readNotes('autoscaler/')).notes.length, 1)
  await at.access.delete([{ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'orders' }])
  await at.round(2, 0.9)
  t.same((await at.registry.store.readNotes('autoscaler/')).notes, [])
  t.match(at.told.ends, [[at.told.decisions[0]?.decisionId, 'gone']])
  await declareHpa(at.access, { metrics: [{ type: 'Pods', pods: { metric: { name: 'none' }, target: { type: 'AverageValue', averageValue: '1' } } }] })
  await at.round(2, 0.9)
  t.match(hpaOf(at.access).status, { desiredReplicas: 2 })
})

t.test('an autoscaler that cannot be decided, or whose status is refused, keeps no other from being', async (t) => {
  const at = await world(t)
  await runWarm(at, 2, 0.9)
  for (const name of ['broken', 'refused']) await declareHpa(at.access, { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } }, name)
  await declareHpa(at.access)
  const access: Access = new Proxy(at.access, {
    get: (inner, name: keyof Access) => {
      if (name === 'instances') return (...asked: Parameters<Access['instances']>) => {
        if (asked[0].service === 'broken') throw new TypeError('what nobody foresaw')
        return inner.instances(...asked)
      }
      if (name === 'setStatus') return async (statuses: Parameters<Access['setStatus']>[0]) => {
        if (statuses.some((each) => each.name === 'refused')) throw new RegistryError('REG_INVALID', 'a wrong shape')
        return await inner.setStatus(statuses)
      }
      const member: unknown = Reflect.get(inner, name)
      return typeof member === 'function' ? member.bind(inner) : member
    }
  })
  const node = decidingNode(at.registry, at.clock, 'other', roundMs, access)
  await beat(at.access, 2, 0.9)
  await node.autoscaling.tick()
  t.match(hpaOf(at.access).status, { desiredReplicas: 4 })
  t.equal(hpaOf(at.access, 'broken').status, undefined)
  t.equal(node.warnings.length, 2, node.warnings.join('; '))
})
