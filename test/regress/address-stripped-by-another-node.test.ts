// Symptom: of two nodes on one Redis only one had the pool of load-balancer addresses, as in each rolling change of flags. The same
// manifest, applied again through the other one, stripped the service of its address ("in no pool any more"), and the next service got it.
import t from 'tap'
import { Registry } from '../../server/registry/registry.ts'
import { allocation, apply, service, stored } from '../support/declared.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'

const balanced = (name: string): string => service(name, 'type: LoadBalancer, selector: { a: b }, ports: [{ port: 80 }]')

t.test('a manifest that is applied again through a node without the pool changes nothing', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const open = async (pools: string[]): Promise<Registry> => {
    const registry = new Registry({ store: createRedisStore({ url: server.url, timeouts: { commandMs: 30_000 } }), ...allocation(pools) })
    await registry.open()
    t.teardown(() => registry.close())
    return registry
  }
  const [one, other] = [await open(['lan=192.168.1.240-192.168.1.250']), await open([])]
  await apply(one, balanced('web'))
  await other.store.sync()
  t.match(await apply(other, balanced('web')), [{ outcome: 'unchanged', warnings: [/192\.168\.1\.240 is in no pool of this node/] }])
  await apply(one, balanced('next'))
  t.match(['web', 'next'].map((name) => stored(one, name).status?.loadBalancer.ingress), [[{ ip: '192.168.1.240' }], [{ ip: '192.168.1.241' }]])
})
