// Garbage in one of Redis' hashes kept every new node from starting: "redis: away, Unexpected end of JSON input" for ever. A sweep
// that met it failed too, and nothing expired any more.
import t, { type Test } from 'tap'
import { HandClock } from '../support/hand-clock.ts'
import { Registry } from '../../server/registry/registry.ts'
import { tester } from '../support/world.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const header = ['g1', '15000', '1', '1', '1700000000000', '1700000000000']
const body = { address: '10.0.0.1', ports: [], labels: {}, metadata: {}, weight: 100, priority: 0, status: 'up' }
const record = (key: string, content: unknown): string => [key, ...header, typeof content === 'string' ? content : JSON.stringify(content)].join('\n')

t.test('on Redis', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  let prefixes = 0

  async function world (t: Test): Promise<{ key: (name: string) => string, join: () => Promise<Registry & { warnings: string[] }> }> {
    const prefix = `garbage${++prefixes}`
    const join = async (): Promise<Registry & { warnings: string[] }> => {
      const warnings: string[] = []
      const store = createRedisStore({ url: server.url, prefix })
      const log = { info: () => undefined, warn: (message: string) => warnings.push(message) }
      const registry = new Registry({ store, clock: new HandClock(Date.now()), log, protection: { holdMs: 0 } })
      t.teardown(() => registry.close())
      await registry.open()
      return Object.assign(registry, { warnings })
    }
    return { key: (name) => `${prefix}:{0}:${name}`, join }
  }
  const orders = (id: string): { namespace: string, service: string, id: string } => ({ namespace: 'shop', service: 'orders', id })

  t.test('a new node is ready, names unreadable records by key, and answers all the rest', async (t) => {
    const { key, join } = await world(t)
    const first = await join()
    for (const id of ['a', 'b', 'c']) await first.as(tester).register(orders(id), { address: '10.0.0.1' })
    const lease = first.catalog.entry('shop', 'orders', 'a')?.lease ?? ''
    const planted: Record<string, string> = {
      [lease]: '',
      stray: 'garbage',
      'bad-json': record('shop/orders/j', '{'),
      'bad-port': record('shop/orders/p', { ...body, ports: [{ name: 'http', port: 99_999_999, protocol: 'TCP' }] }),
      'bad-labels': record('shop/orders/l', { ...body, labels: { app: { toString: 1 } } }),
      'bad-key': record('no key', body),
      'bad-ttl': record('shop/orders/t', body).replace('15000', '99999999999999999999')
    }
    await server.admin.hset(key('inst'), planted)
    const objects: Record<string, string> = {
      'override/shop/orders/b': 'x', 'service/shop/web': ['1', '1', '1', '1', '0', '{"kind":"Service"}'].join('\n'), 'claim/ip/10.96.0.9': ['1', '1', '1', '1', '0', ''].join('\n'),
      'secret/dns/cookie': ['1', '1', '1', '1', '0', '[]'].join('\n'), unknown: ['1', '1', '1', '1', '0', '{}'].join('\n')
    }
    await server.admin.hset(key('obj'), objects)
    await server.admin.zadd(key('exp'), 1, 'stray', 1, lease)

    const second = await join()
    t.equal(second.feed.storeHealth.available, true)
    t.same(second.catalog.registered('shop', 'orders')?.instances.map(({ id }) => id), ['b', 'c'])
    const expected = [
      'claim/ip/10.96.0.9', 'instance/no key', 'instance/shop/orders/a', 'instance/shop/orders/j', 'instance/shop/orders/l', 'instance/shop/orders/p', 'instance/shop/orders/t',
      'lease/stray', 'override/shop/orders/b', 'secret/dns/cookie', 'service/shop/web', 'unknown'
    ]
    t.same(second.unreadable.list().map(({ key }) => key), expected)
    for (const key of expected) t.ok(second.warnings.some((line) => line.includes(JSON.stringify(key))), `the log names ${key}`)
    await second.sweep()
    for (const [field, text] of Object.entries(planted)) t.equal(await server.admin.hget(key('inst'), field), text, 'kept untouched')
    for (const [field, text] of Object.entries(objects)) t.equal(await server.admin.hget(key('obj'), field), text, 'kept untouched')

    for (const key of expected) await second.unreadable.remove(tester, key)
    t.equal(second.unreadable.count, 0)
    for (const field of Object.keys(planted)) t.equal(await server.admin.hexists(key('inst'), field), 0)
    t.equal(await server.admin.hlen(key('obj')), 0)
    await first.store.sync()
    t.same(first.catalog.registered('shop', 'orders')?.instances.map(({ id }) => id), ['b', 'c'], 'the other node saw it go')
    await t.rejects(second.unreadable.remove(tester, 'lease/stray'), { code: 'REG_RECORD_NOT_FOUND' })
  })

  t.test('a registration, a manifest and an override replace unreadable records', async (t) => {
    const { key, join } = await world(t)
    const first = await join()
    await first.as(tester).register(orders('a'), { generation: 'g1', address: '10.0.0.1' })
    await server.admin.hset(key('inst'), first.catalog.entry('shop', 'orders', 'a')?.lease ?? '', 'garbage')
    await server.admin.hset(key('obj'), 'service/shop/web', 'garbage', 'override/shop/orders/a', ['7', '7', '1', '1', '0', '{'].join('\n'), 'endpoints/shop/db', ['7', '7', '1', '1', '0', 'null'].join('\n'))
    const second = await join()
    t.equal(second.unreadable.count, 4)
    const registered = await second.as(tester).register(orders('a'), { generation: 'g1', address: '10.0.0.2' })
    t.match(registered, { outcome: 'created', instance: { address: '10.0.0.2' } })
    await second.as(tester).override(orders('a'), { status: 'draining' })
    const applied = await second.as(tester).apply([
      { kind: 'Service', value: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: 'None', selector: { app: 'web' } } }, index: 1, line: 1, apiVersion: 'v1', lineOf: () => 1 },
      { kind: 'Endpoints', value: { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'shop' }, subsets: [] }, index: 2, line: 9, apiVersion: 'v1', lineOf: () => 9 }
    ])
    t.same(applied.results.map(({ outcome }) => outcome), ['created', 'created'])
    t.equal(second.unreadable.count, 0)
    const third = await join()
    t.equal(third.unreadable.count, 0)
    t.equal(third.catalog.entry('shop', 'orders', 'a')?.instance.effectiveStatus, 'draining')
    t.equal(await server.admin.hget(key('svc'), 't:shop/orders'), '1', 'counted once')
  })

  t.test('an unreadable record of the log is set aside too, and leaves the answers', async (t) => {
    const { key, join } = await world(t)
    const registry = await join()
    await registry.as(tester).register(orders('a'), { address: '10.0.0.1' })
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    registry.feed.listen({ changed: ({ event }) => { if (event === 'delete') resolve() } })
    const revision = registry.feed.revision + 1
    const lease = registry.catalog.entry('shop', 'orders', 'a')?.lease ?? ''
    // As a script of another version would do it: entry and revision together.
    await server.admin.multi()
      .hset(key('inst'), lease, record('shop/orders/a', '{}'))
      .xadd(key('log'), `${revision}-0`, 't', 'put', 'w', 'updated', 'b', 'x', 'a', '1700000000000', 'l', lease, 'k', 'shop/orders/a', 'o', 'g1', 'd', '15000', 'c', '1', 'n', '1700000000000', 'v', '{}')
      .hset(key('meta'), 'rev', revision).exec()
    await gone
    t.equal(registry.catalog.entry('shop', 'orders', 'a'), undefined)
    t.match(registry.unreadable.list(), [{ key: 'instance/shop/orders/a', revision, text: '{}' }])
    t.match(await registry.as(tester).register(orders('a'), { address: '10.0.0.3' }), { instance: { address: '10.0.0.3' } })
    t.equal(registry.unreadable.count, 0)
  })

  t.test('entries of the log that no script wrote do not stop writes', async (t) => {
    const { key, join } = await world(t)
    const registry = await join()
    await registry.as(tester).register(orders('a'), { address: '10.0.0.1' })
    const { promise: away, resolve } = Promise.withResolvers<void>()
    const { promise: back, resolve: returned } = Promise.withResolvers<void>()
    registry.feed.listen({ health: ({ available }) => (available ? returned() : resolve()) })
    await server.admin.xadd(key('log'), `${registry.feed.revision + 5}-0`, 'x', 'y')
    await away
    await back
    t.match(await registry.as(tester).register(orders('b'), { address: '10.0.0.2' }), { outcome: 'created' })
    t.same(registry.catalog.registered('shop', 'orders')?.instances.map(({ id }) => id), ['a', 'b'])
  })

  t.test('counts and brakes that are no numbers keep no script from its work', async (t) => {
    const { key, join } = await world(t)
    const registry = await join()
    await server.admin.hset(key('svc'), 't:shop/orders', 'x', 's:shop/orders', 'y')
    await server.admin.hset(key('prot'), 'shop/orders', 'z')
    await server.admin.hset(key('idx'), 'shop/orders/a', 'nobody')
    t.match(await registry.as(tester).register(orders('a'), { address: '10.0.0.1' }), { outcome: 'created' })
    await registry.sweep()
    t.ok(await registry.as(tester).deregister(orders('a')))
  })
})
