// A connection to Redis that broke (CLIENT KILL, a blip of the network) made the node load everything again and reset every watcher.
import t from 'tap'
import { Registry } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { RedisProxy } from '../support/redis-proxy.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'
import { drain, short } from '../support/deliveries.ts'
import { tester } from '../support/world.ts'

t.test('watchers of a node whose connection broke get what they missed, and nothing else', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const proxy = await RedisProxy.start(server.port)
  t.teardown(() => proxy.dispose())
  const open = async (url: string): Promise<Registry> => {
    const registry = new Registry({ store: createRedisStore({ url }) })
    await registry.open()
    t.teardown(() => registry.close())
    return registry
  }
  const cutOff = await open(proxy.url)
  const other = await open(server.url)
  const name = (id: string) => ({ namespace: 'shop', service: 'orders', id })
  for (const id of ['a', 'b']) await other.as(tester).register(name(id), { address: '10.0.0.1', ports: [{ port: 80 }] })
  await cutOff.store.sync()
  const watch = cutOff.watches.subscribe({ namespace: 'shop' }, undefined, () => undefined)
  t.same(drain(watch).map(short), ['snapshot a,b'])
  let loads = 0
  cutOff.feed.listen({ loaded: () => { loads++ } })
  for (const id of ['c', 'd', 'e']) {
    const { promise: back, resolve } = Promise.withResolvers<void>()
    let wasAway = false
    const stop = cutOff.feed.listen({
      health: ({ available }) => {
        wasAway ||= !available
        if (available && wasAway) resolve()
      }
    })
    proxy.cut()
    await other.as(tester).register(name(id), { address: '10.0.0.1', ports: [{ port: 80 }] })
    await back
    stop()
    await cutOff.store.sync()
    t.same(drain(watch).map(short), [`put ${id} registered`])
  }
  t.equal(loads, 0)
})
