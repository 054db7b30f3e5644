import t from 'tap'
import { maxInstancesPerService } from '../../server/model/limits.ts'
import { everything, parseSelector } from '../../server/model/instance/selector.ts'
import { drain, short } from '../support/deliveries.ts'
import { world, tester } from '../support/world.ts'

const orders = (id: string): { namespace: string, service: string, id: string } => ({ namespace: 'shop', service: 'orders', id })

t.test('a registration is served by the node as soon as it is acknowledged', async (t) => {
  const { registry, register } = await world(t)
  const { instance, outcome, revision } = await register('a', { ports: [{ name: 'http', port: 80 }] })
  t.equal(outcome, 'created')
  t.equal(registry.feed.revision, revision)
  t.match(instance, { namespace: 'shop', service: 'orders', id: 'a', address: '10.0.0.1', status: 'up', weight: 100, priority: 0, suspect: false, lease: { ttlMs: 15_000 } })
  t.same(registry.catalog.endpoints('shop', 'orders')?.answered.map((endpoint) => endpoint.id), ['a'])
})

t.test('the same content again is no change, other content is one, another generation is another life', async (t) => {
  const { registry, register } = await world(t)
  const first = await register('a', { generation: 'g1' })
  const again = await register('a', { generation: 'g1' })
  t.same([again.outcome, again.revision, registry.feed.revision], ['unchanged', first.revision, first.revision])
  const anonymous = await register('a', {})
  t.same([anonymous.outcome, anonymous.instance.generation], ['unchanged', 'g1'], 'without a generation the known life is meant')
  const updated = await register('a', { generation: 'g1', weight: 5 })
  t.same([updated.outcome, updated.revision, updated.instance.createdAt], ['updated', first.revision + 1, first.instance.createdAt])
  const replaced = await register('a', { generation: 'g2', weight: 5 })
  t.same([replaced.outcome, replaced.revision], ['replaced', first.revision + 2])
  t.equal(registry.catalog.size, 1)
})

t.test('a heartbeat is never a change', async (t) => {
  const { registry, register, beat } = await world(t)
  await register('a', { generation: 'g1' })
  const before = registry.feed.revision
  t.equal((await beat([{ ...orders('a'), generation: 'g1', status: 'up' }])).renewed, 1)
  t.equal(registry.feed.revision, before)
})

t.test('heartbeats renew, and name what is unknown or superseded', async (t) => {
  const { register, beat } = await world(t)
  await register('a', { generation: 'g1' })
  await register('b', { generation: 'g2' })
  const answer = await beat([{ ...orders('a'), generation: 'g1' }, { ...orders('b'), generation: 'g1' }, orders('c'), orders('b')])
  t.same(answer, { renewed: 2, unknown: [orders('c')], superseded: [{ ...orders('b'), generation: 'g1' }], stored: true })
})

t.test('a status in a heartbeat is stored when it differs', async (t) => {
  const { registry, register, beat } = await world(t)
  await register('a', { generation: 'g1' })
  const before = registry.feed.revision
  for (const [status, revision] of [['up', before], ['warning', before + 1], ['warning', before + 1]] as const) {
    t.equal((await beat([{ ...orders('a'), status }])).renewed, 1)
    t.same([registry.catalog.entry('shop', 'orders', 'a')?.instance.status, registry.feed.revision], [status, revision])
  }
})

t.test('what is silent turns suspect at its deadline, is removed after the grace, and comes back by a heartbeat', async (t) => {
  const { registry, register, clock, beat } = await world(t)
  await register('a')
  await register('b')
  await registry.sweep()
  const watch = registry.watches.subscribe({ namespace: 'shop', service: 'orders' }, undefined, () => undefined)
  t.same(drain(watch).map(short), ['snapshot a,b'])

  clock.jump(2_900)
  await registry.sweep()
  for (let ms = 0; ms < 12_200; ms += 2_440) {
    clock.jump(2_440)
    await beat([orders('b')])
    await registry.sweep()
  }
  t.same(drain(watch).map(short), ['put a suspect'])
  t.same(registry.catalog.endpoints('shop', 'orders')?.answered.map((endpoint) => endpoint.id), ['b'])
  t.equal(registry.catalog.suspects, 1)

  await beat([orders('a')])
  t.same(drain(watch).map(short), ['put a renewed'])

  for (let ms = 0; ms < 31_000; ms += 1_000) {
    clock.jump(1_000)
    await beat([orders('b')])
    await registry.sweep()
  }
  t.same(drain(watch).map(short), ['put a suspect', 'delete a expired'])
  t.equal(registry.catalog.size, 1)
})

t.test('deregistration ends a lease, unless it speaks for another life', async (t) => {
  const { registry, register } = await world(t)
  await register('a', { generation: 'g2' })
  await t.rejects(registry.as(tester).deregister(orders('a'), 'g1'), { code: 'REG_GENERATION_SUPERSEDED', status: 409, errors: [{ field: 'generation', value: 'g1' }] })
  await t.rejects(registry.as(tester).deregister({ ...orders('a'), namespace: 'nowhere' }), { code: 'REG_NAMESPACE_NOT_FOUND', message: /"nowhere"/ })
  await t.rejects(registry.as(tester).deregister({ ...orders('a'), service: 'nothing' }), { code: 'REG_SERVICE_NOT_FOUND', message: /"nothing"/ })
  await t.rejects(registry.as(tester).deregister(orders('x')), { code: 'REG_INSTANCE_NOT_FOUND', message: /"x"/ })
  const revision = await registry.as(tester).deregister(orders('a'), 'g2')
  t.equal(revision, registry.feed.revision)
  t.equal(registry.catalog.hasNamespace('shop'), false, 'an implicit service and its namespace go with their last instance')
})

t.test('a patch changes what it names, again if somebody else wrote in between', async (t) => {
  const { registry, register } = await world(t)
  await register('a', { generation: 'g1', labels: { a: '1' } })
  await Promise.all([1, 2, 3, 4].map((n) => registry.as(tester).patch(orders('a'), { labels: { [`k${n}`]: 'x' } })))
  t.same(registry.catalog.entry('shop', 'orders', 'a')?.instance.labels, { a: '1', k1: 'x', k2: 'x', k3: 'x', k4: 'x' })
  const before = registry.feed.revision
  await registry.as(tester).patch(orders('a'), { labels: { a: '1' } })
  t.equal(registry.feed.revision, before, 'nothing new is no change')
  await t.rejects(registry.as(tester).patch(orders('a'), { weight: 1 }, 'g0'), { code: 'REG_GENERATION_SUPERSEDED' })
})

t.test('an override wins, survives re-registration and ends by itself', async (t) => {
  const { registry, register, clock, beat } = await world(t)
  await register('a', { generation: 'g1' })
  const until = new Date(clock.now() + 60_000).toISOString()
  const drained = await registry.as(tester).override(orders('a'), { status: 'draining', weight: 1, author: 'ops', reason: 'deploy', until })
  t.match(drained, { status: 'up', effectiveStatus: 'draining', conditions: { ready: false, terminating: true }, override: { author: 'ops', reason: 'deploy', until } })
  await registry.as(tester).deregister(orders('a'))
  const { instance } = await register('a', { generation: 'g2' })
  t.equal(instance.effectiveStatus, 'draining')
  t.equal(registry.catalog.endpoints('shop', 'orders')?.answered.length, 1, 'it drains, and nobody else is there')
  const watch = registry.watches.subscribe({ namespace: 'shop' }, undefined, () => undefined)
  drain(watch)
  for (let ms = 0; ms < 60_000; ms += 2_500) {
    clock.jump(2_500)
    await beat([orders('a')])
    await registry.sweep()
  }
  t.same(drain(watch).map(short), ['put a override-ended'])
  t.equal(registry.catalog.entry('shop', 'orders', 'a')?.instance.effectiveStatus, 'up')
  await t.rejects(registry.as(tester).removeOverride(orders('a')), { code: 'REG_OVERRIDE_NOT_FOUND' })
  await t.rejects(registry.as(tester).override(orders('a'), { reason: 'nothing said' }), { code: 'REG_INVALID' })
  await t.rejects(registry.as(tester).override(orders('a'), { weight: 1, until: 'soon' }), { code: 'REG_INVALID', errors: [{ field: 'until' }] })
  await t.rejects(registry.as(tester).override(orders('a'), { weight: 1, until: '2001-01-01T00:00:00Z' }), { code: 'REG_INVALID', errors: [{ field: 'until', rule: /future/ }] })
  await registry.as(tester).override(orders('a'), { weight: 3 })
  await registry.as(tester).removeOverride(orders('a'))
  t.equal(registry.catalog.endpoints('shop', 'orders')?.all[0]?.weight, 100)
})

t.test('names are refused by the core itself, whichever adapter asks', async (t) => {
  const { register } = await world(t)
  await t.rejects(register('a/b'), { code: 'REG_INVALID', errors: [{ field: 'id' }] })
  await t.rejects(register('x'.repeat(300)), { code: 'REG_INVALID', errors: [{ field: 'id' }] })
  await t.rejects(register('shop/Orders/a', {}), { code: 'REG_INVALID', errors: [{ field: 'service', value: 'Orders', rule: /RFC 1123/ }] })
  await t.rejects(register('*/orders/a', {}), { code: 'REG_INVALID', errors: [{ field: 'namespace' }] })
})

t.test('a selector is answered from the indexes, the implicit label included', async (t) => {
  const { registry, register } = await world(t)
  await register('a', { labels: { version: 'v1', tier: 'x' } })
  await register('b', { labels: { version: 'v2' } })
  await register('shop/payments/c', { labels: { version: 'v2' } })
  const select = (text: string): string[] => registry.catalog.select('shop', parseSelector(text)).map((instance) => instance.id).toSorted()
  t.same(select('version=v2'), ['b', 'c'])
  t.same(select('version=v2,rollcall.dev/service=payments'), ['c'])
  t.same(select('rollcall.dev/service in (orders,payments),!tier'), ['b', 'c'])
  t.same(select('rollcall.dev/service!=orders'), ['c'])
  t.same(select('tier'), ['a'])
  t.same(select('version notin (v1)'), ['b', 'c'])
  t.same(select('version=v3'), [])
  t.same(registry.catalog.select('nowhere', everything), [])
  await registry.as(tester).patch({ namespace: 'shop', service: 'orders', id: 'b' }, { labels: { version: 'v3' } })
  t.same(select('version=v3'), ['b'])
  t.same(registry.catalog.byAddress('10.0.0.1').map((instance) => instance.id).toSorted(), ['a', 'b', 'c'])
  await registry.as(tester).deregister({ namespace: 'shop', service: 'orders', id: 'b' })
  t.same(select('version=v3'), [])
})

t.test('waiting for a revision ends when it is applied, when time is up, and at once for another epoch', async (t) => {
  const { registry, register, clock } = await world(t)
  const next = registry.feed.revision + 1
  const waiting = registry.as(tester).waitFor({ epoch: registry.feed.epoch, revision: next }, 1_000)
  await register('a')
  await waiting
  const late = registry.as(tester).waitFor({ epoch: undefined, revision: next + 1 }, 1_000)
  clock.advance(1_000)
  await t.rejects(late, { code: 'REG_REVISION_TIMEOUT' })
  await t.rejects(registry.as(tester).waitFor({ epoch: 'other', revision: 1 }, 1_000), { code: 'REG_CURSOR_INVALID' })
  const abort = new AbortController()
  const given = registry.as(tester).waitFor({ epoch: undefined, revision: next + 1 }, 1_000, abort.signal)
  abort.abort()
  await t.rejects(given, { code: 'REG_REVISION_TIMEOUT' })
})

t.test('a service that is full refuses the next instance and still takes a known one', async (t) => {
  const { registry } = await world(t)
  const entry = { size: maxInstancesPerService, get: (id: string) => (id === 'known' ? {} : undefined) }
  t.equal(maxInstancesPerService, 50_000)
  const { catalog } = registry
  Object.defineProperty(catalog, 'registered', { value: () => entry })
  await t.rejects(registry.as(tester).register(orders('new'), {}), { code: 'REG_LIMIT_REACHED', message: /50000 instances/ })
})
