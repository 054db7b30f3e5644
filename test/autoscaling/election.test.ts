// Of several nodes on one store one decides, and another one goes on when it is gone.
import t from 'tap'
import { systemClock } from '../../server/clock.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'
import { decidingNode, declareHpa, hpaOf, run } from './node.ts'

/** The claim of a node that is gone ends after four thirds of it. */
const intervalMs = 450

t.test('one of two nodes decides; the other one knows the loads, and goes on where the first one stopped', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const registries = await Promise.all([1, 2].map(async () => {
    const registry = new Registry({ store: createRedisStore({ url: server.url, timeouts: { connectMs: 5_000, commandMs: 5_000 } }), clock: systemClock })
    t.teardown(() => registry.close())
    await registry.open()
    return registry
  }))
  const [one, two] = registries.map((registry, index) => decidingNode(registry, systemClock, `node ${index}`, intervalMs))
  if (one === undefined || two === undefined) throw new Error('two nodes')
  const metrics = [{ type: 'Pods', pods: { metric: { name: 'cpu' }, target: { type: 'AverageValue', averageValue: '500m' } } }] as const
  await run(two.access, 2, 0.9) // heard by the node that does not decide
  await declareHpa(two.access, { metrics })
  await one.access.caughtUp()
  await registries[1]?.loads.close()

  await one.autoscaling.tick()
  await two.autoscaling.tick()
  t.same([one.autoscaling.isElected, two.autoscaling.isElected], [true, false])
  t.match(one.told.decisions, [{ from: 2, to: 4 }])
  t.same(two.told.decisions, [])
  await two.access.caughtUp()
  t.match(hpaOf(two.access).status, { currentReplicas: 2, desiredReplicas: 4 }, 'every node shows it')

  while (!two.autoscaling.isElected) await two.autoscaling.tick() // the first one is silent
  t.equal(two.told.decisions[0]?.decisionId, one.told.decisions[0]?.decisionId, 'what nobody followed is told again, under its name')
  await one.autoscaling.tick()
  t.equal(one.autoscaling.isElected, false, 'it is back, and not the one any more')
  t.match(one.told.ends, [[one.told.decisions[0]?.decisionId, 'gone']])
  t.equal(two.autoscaling.open().length, 1)

  await two.autoscaling.close()
  await one.autoscaling.tick()
  t.equal(one.autoscaling.isElected, true, 'one that leaves gives the claim up')
  await one.autoscaling.close()
  t.same([...one.warnings, ...two.warnings], [])
})
