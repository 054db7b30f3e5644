// The registry that users' tests get keeps the rules that it promises.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { createTestClock, createTestRegistry } from '../../client-sdk/src/testing.ts'
import { all, setting } from './helpers.ts'

t.test('the registry of tests names a route that it does not have', async (t) => {
  const { rollcall, registry } = setting(t)
  registry.register('shop', 'orders', 'o-1')
  await t.rejects(rollcall.pools(), { code: 'REG_ROUTE_NOT_FOUND' })
  await t.rejects(
    rollcall.explain({ service: 'orders', id: 'o-1' }),
    { code: 'REG_ROUTE_NOT_FOUND', message: /the registry of tests has nothing at GET/ }
  )
  await t.rejects(rollcall.services.apply('kind: Service'), { code: 'REG_INVALID', message: /YAML/ })
})

t.test('selectors mean what they mean to the registry', async (t) => {
  const registry = createTestRegistry()
  const rollcall = new Rollcall({ ...registry.options, namespace: 'shop' })
  registry.register('shop', 'orders', 'a', { labels: { app: 'x', tier: 'front' } })
  registry.register('shop', 'orders', 'b', { labels: { app: 'y' } })
  registry.register('shop', 'payments', 'c')
  const table: [string, string][] = [
    ['', 'a b c'], ['app', 'a b'], ['!app', 'c'], ['app=x', 'a'], ['app==x', 'a'], ['app!=x', 'b c'], ['app in (x, y)', 'a b'], ['app notin (x)', 'b c'],
    ['app in (x,y),!tier', 'b'], ['app=x, tier=front', 'a'], ['rollcall.dev/service=payments', 'c']
  ]
  for (const [selector, expected] of table) {
    t.equal((await all(rollcall.instances({ selector }))).map(({ id }) => id).join(' '), expected, selector)
  }
  await t.rejects(all(rollcall.instances({ selector: 'a b' })), { message: /at character 3/ })
})

t.test('the same registration is no change, another one is, and another generation is another life', async (t) => {
  const registry = createTestRegistry()
  const body = { generation: 'g1', ports: [{ port: 80 }] }
  const first = registry.register('shop', 'orders', 'o-1', body)
  t.equal(registry.register('shop', 'orders', 'o-1', body).revision, first.revision)
  t.ok(registry.register('shop', 'orders', 'o-1', { ...body, weight: 1 }).revision > first.revision)
  t.equal(registry.register('shop', 'orders', 'o-1').generation, 'g1', 'without one it is the living one')
  t.match(registry.register('shop', 'orders', 'o-1', { generation: 'g2' }), { generation: 'g2' })
})

t.test('an override survives a registration', async (t) => {
  const registry = createTestRegistry()
  const reference = { namespace: 'shop', service: 'orders', id: 'o-1' }
  registry.register('shop', 'orders', 'o-1')
  registry.override(reference, { status: 'draining' })
  t.match(registry.register('shop', 'orders', 'o-1', { generation: 'g2' }), { status: 'up', effectiveStatus: 'draining', conditions: { ready: false } })
  registry.override(reference, undefined)
  registry.override(reference, undefined)
  t.match(registry.instances, [{ effectiveStatus: 'up' }])
})

t.test('mistakes of the test itself throw', async (t) => {
  const registry = createTestRegistry()
  const nobody = { namespace: 'shop', service: 'orders', id: 'o-1' }
  t.throws(() => registry.register('shop', 'Orders', 'o-1'), { message: /service must be an RFC 1123 label/ })
  const bad = { weight: -1, lease: { ttlMs: 5 }, ports: [{ port: 70_000 }] }
  t.throws(() => registry.register('shop', 'orders', 'o-1', bad), { message: /ports\[0\].*weight.*ttlMs/ })
  const actions = [() => registry.expire(nobody), () => registry.suspect(nobody), () => registry.override(nobody, {}), () => registry.deregister(nobody)]
  for (const action of actions) {
    t.throws(action, { message: /there is no shop\/orders\/o-1/ })
  }
})

t.test('unknown paths, methods and names are answered as the registry does', async (t) => {
  const registry = createTestRegistry()
  const rollcall = new Rollcall({ ...registry.options, namespace: 'shop' })
  registry.register('shop', 'orders', 'o-1')
  const instance = '/v1/namespaces/shop/services/orders/instances/o-1'
  const table: [string, string, string][] = [
    ['GET', '/v1/nothing', 'REG_ROUTE_NOT_FOUND'], ['GET', '/v1/a/b', 'REG_ROUTE_NOT_FOUND'], ['POST', instance, 'REG_METHOD_NOT_ALLOWED'],
    ['POST', '/v1/namespaces/shop/services/orders', 'REG_METHOD_NOT_ALLOWED'], ['GET', '/v1/namespaces/shop/services/nope', 'REG_SERVICE_NOT_FOUND'],
    ['GET', `${instance}x`, 'REG_INSTANCE_NOT_FOUND'], ['PATCH', `${instance}?generation=other`, 'REG_GENERATION_SUPERSEDED']
  ]
  for (const [method, path, code] of table) await t.rejects(rollcall.request(path, { method }), { code }, `${method} ${path}`)
  t.match(await rollcall.endpoints('orders', { ready: false }), { endpoints: [] })
  t.match(await rollcall.endpoints('orders', { port: 80 }), { endpoints: [] })
  t.match(await rollcall.endpoints('orders', { zone: 'x' }), { endpoints: [] })
})

t.test('the clock runs timers at their time, in their order, also those that timers make', async (t) => {
  const clock = createTestClock(1_000)
  const seen: string[] = []
  const note = (name: string) => (): void => { seen.push(`${name} ${clock.now()}`) }
  clock.setTimeout(note('late'), 300)
  clock.setTimeout(() => {
    note('early')()
    clock.setTimeout(note('child'), 50)
  }, 100)
  clock.clearTimeout(clock.setTimeout(note('never'), 200))
  clock.clearTimeout(undefined)
  await clock.advance(299)
  t.strictSame(seen, ['early 1100', 'child 1150'])
  t.equal(clock.timers, 1)
  await clock.advance(1)
  t.strictSame(seen.at(-1), 'late 1300')
})
