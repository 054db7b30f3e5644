// A listener of the feed that threw ended the process, kept the listeners behind it from hearing, and left the change half told. What
// threw inside the catalog did too, and again at every start.
import t from 'tap'
import { Guard } from '../../server/guard.ts'
import { build } from '../support/world.ts'

function counted (): { guard: Guard, places: string[] } {
  const places: string[] = []
  return { places, guard: new Guard({ count: (place) => places.push(place), log: () => undefined }) }
}

t.test('the others hear, and the writer is answered', async (t) => {
  const { guard, places } = counted()
  const { registry, register, connect } = await build(t, { guard, core: { guard } })
  const heard: string[] = []
  const broken = (): never => { throw new Error('broken') }
  registry.feed.listen({ name: 'broken', changed: broken, applied: broken, reset: broken, loaded: broken, health: broken })
  registry.feed.listen({ changed: ({ target }) => heard.push(target.id) })
  const client = await connect()
  await client.subscribe(1, { namespace: 'shop' })
  await register('shop/orders/a')
  t.match(await client.next(), { type: 'change', instance: { id: 'a' } })
  t.same(heard, ['a'])
  t.same(places, ['broken', 'broken'], 'changed and applied')
  registry.feed.health({ available: false, reason: 'test', sinceMs: 0 })
  t.equal(registry.feed.storeHealth.available, false)
})

t.test('a waiting request that fails wakes the others', async (t) => {
  const { guard, places } = counted()
  const { registry, register } = await build(t, { guard, core: { guard } })
  registry.watches.follow('shop', 'orders', () => { throw new Error('broken') })
  const { promise, resolve } = Promise.withResolvers<void>()
  registry.watches.follow('shop', 'orders', resolve)
  await register('shop/orders/a')
  await promise
  t.ok(places.includes('watch'))
})

t.test('a catalog that fails in the middle of a change goes on without that record, and watchers begin anew', async (t) => {
  const { guard, places } = counted()
  const { registry, register, connect, send } = await build(t, { guard, core: { guard } })
  await register('shop/orders/a')
  await register('shop/orders/b')
  const client = await connect()
  await client.subscribe(1, { namespace: 'shop' })
  const { instances } = registry.catalog.addresses
  const add = instances.add.bind(instances)
  instances.add = (address, entry) => {
    if (entry.instance.id === 'c') throw new Error('a fault of ours')
    add(address, entry)
  }
  const answer = await send('PUT', '/v1/namespaces/shop/services/orders/instances/c', { address: '10.0.0.3' })
  t.equal(answer.statusCode, 201, 'it is stored')
  t.match(await client.take(2), [{ type: 'reset' }, { type: 'snapshot', instances: [{ id: 'a' }, { id: 'b' }] }])
  t.ok(places.includes('catalog'))
  t.same(registry.catalog.service('shop', 'orders')?.instances.map(({ id }) => id), ['a', 'b'])
  t.equal(registry.catalog.size, 2)
  t.match(registry.unreadable.list(), [{ key: 'instance/shop/orders/c', reason: 'this version fails on it: a fault of ours' }])
  await register('shop/orders/d')
  t.match(await client.next(), { type: 'change', instance: { id: 'd' } })
})
