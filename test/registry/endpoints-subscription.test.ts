// A watch of endpoints: each service whole, when something about it changed.
import t from 'tap'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { parseSelector } from '../../server/model/instance/selector.ts'
import { parseCursor } from '../../server/registry/feed/cursor.ts'
import { type EndpointsDelivery, type EndpointsSubscription, maxWaitingServices } from '../../server/registry/feed/endpoints-subscription.ts'
import { type World, world, tester } from '../support/world.ts'

/** A delivery in short: `put orders a b`, `delete orders`, `snapshot orders a, payments`, `more ...` for a part. */
function short (delivery: EndpointsDelivery): string {
  const ids = ({ set, chosen = set.all }: { set: { service: string, all: readonly { id: string }[] }, chosen?: readonly { id: string }[] }): string =>
    [set.service, ...chosen.map(({ id }) => id)].join(' ')
  switch (delivery.type) {
    case 'endpoints':
      if (delivery.event === 'difference') return `difference ${delivery.set.service} +${delivery.difference.put.map(({ id }) => id).join()} -${delivery.difference.removed.map(({ id }) => id).join()}`
      return `${delivery.event} ${delivery.event === 'put' ? ids(delivery.endpoints) : delivery.name.service}`
    case 'endpoints-snapshot': return `${delivery.more ? 'more' : 'snapshot'} ${delivery.services.map(ids).join(', ')}`
    case 'reset': return `reset ${delivery.reason}`
    case 'bookmark': return 'bookmark'
  }
}

function drained (watch: EndpointsSubscription): string[] {
  const told: string[] = []
  for (let next = watch.next(); next !== undefined; next = watch.next()) told.push(short(next))
  return told
}

const service = (name: string, spec: string): string => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`
const slice = (name: string, of: string, address: string): string =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: ${of}}}\n` +
  `addressType: IPv4\nports: [{name: '', port: 5432, protocol: TCP}]\nendpoints: [{addresses: [${address}], nodeName: m1}]\n`

async function begun (t: Parameters<typeof world>[0], filter = {}): Promise<World & {
  watch: EndpointsSubscription, told: () => string[], apply: (text: string) => Promise<unknown>
}> {
  const made = await world(t)
  const { registry, clock } = made
  const watch = registry.watches.subscribeEndpoints(filter, undefined, () => undefined)
  return {
    ...made,
    watch,
    /** What is handed out once the pause for coalescing is over. */
    told: () => {
      clock.hasten(20)
      return drained(watch)
    },
    apply: async (text) => registry.as(tester).apply(readManifests(text))
  }
}

t.test('a watch of endpoints begins with all services and tells each one whole when it changes', async (t) => {
  const { told, register, registry } = await begun(t)
  t.same(told(), ['snapshot '])
  await register('a')
  await register('b')
  t.same(told(), ['put orders a b'], 'two changes are told once')
  await registry.as(tester).override({ namespace: 'shop', service: 'orders', id: 'a' }, { status: 'draining' })
  t.same(told(), ['put orders a b'])
  await registry.as(tester).deregister({ namespace: 'shop', service: 'orders', id: 'a' })
  await registry.as(tester).deregister({ namespace: 'shop', service: 'orders', id: 'b' })
  t.same(told(), ['delete orders'])
})

t.test('a hand-made slice that is applied again with another address is a change', async (t) => {
  const { told, apply, watch, clock } = await begun(t, { namespace: 'shop', service: 'db' })
  await apply(service('db', '{ports: [{port: 5432}]}') + '---\n' + slice('db-1', 'db', '10.0.0.1'))
  t.same(told(), ['snapshot db 10.0.0.1'])
  await apply(slice('db-1', 'db', '10.0.0.2'))
  clock.hasten(20)
  const next = watch.next()
  t.match(next, { type: 'endpoints', event: 'put', endpoints: { set: { all: [{ address: '10.0.0.2', node: 'm1' }] }, manifest: { metadata: { name: 'db' } } } })
})

t.test('a subscription of a service hears of the instances that it selects, and of no others', async (t) => {
  const { told, apply, register } = await begun(t, { namespace: 'shop' })
  await apply(service('web', '{selector: {app: web}, ports: [{port: 80}]}'))
  await register('shop/blue/a', { labels: { app: 'web' } })
  t.same(told(), ['snapshot blue a, web a'])
  await register('shop/blue/a', { labels: { app: 'other' } })
  t.same(told(), ['put blue a', 'put web'], 'it left the selector')
  await apply(service('blue', '{selector: {app: none}, ports: [{port: 80}]}'))
  t.same(told(), ['put blue'], 'declared now: it means others')
  await register('shop/blue/b', { labels: { app: 'x' } })
  t.same(told(), [], 'an instance behind a declared name that does not select it changes nothing')
})

t.test('fifty changes within the pause are one delivery with the newest', async (t) => {
  const { told, register, watch, clock } = await begun(t)
  t.same(told(), ['snapshot '])
  for (let weight = 1; weight <= 50; weight++) await register('a', { weight })
  clock.hasten(20)
  const next = watch.next()
  t.match(next, { endpoints: { set: { all: [{ id: 'a', weight: 50 }] } }, revision: 50 })
  t.equal(watch.next(), undefined)
})

t.test('services are told in the order of their last changes, and a cursor after any of them is enough', async (t) => {
  const { told, register, registry, watch, clock } = await begun(t)
  told()
  await register('shop/one/a', {})
  await register('shop/two/a', {})
  await register('shop/one/b', {})
  clock.hasten(20)
  const first = watch.next()
  t.equal(first === undefined ? '' : short(first), 'put two a')
  const resumed = registry.watches.subscribeEndpoints({}, parseCursor(`${registry.feed.epoch}.${watch.delivered}`, 'since'), () => undefined)
  t.same(drained(resumed), ['put one a b'])
  t.same(drained(watch), ['put one a b'])
})

t.test('a resumed watch tells the changes of the meantime, and begins anew where it cannot', async (t) => {
  const { registry, register } = await begun(t)
  await register('a')
  const from = (cursor: string): string[] => drained(registry.watches.subscribeEndpoints({}, parseCursor(cursor, 'since'), () => undefined))
  t.same(from(`${registry.feed.epoch}.0`), ['put orders a'])
  t.same(from(`${registry.feed.epoch}.1`), [])
  t.same(from('other.1'), ['reset another epoch', 'snapshot orders a'])
})

t.test('a bookmark says that nothing else came', async (t) => {
  const { told, register, watch } = await begun(t, { namespace: 'shop' })
  told()
  await register('elsewhere/orders/a', {})
  t.match(watch.bookmark(), { type: 'bookmark', revision: 1 })
  t.equal(watch.bookmark(), undefined)
})

t.test('a selector leaves of each service the endpoints that it matches', async (t) => {
  const { told, register } = await begun(t, { selector: parseSelector('version=v2') })
  told()
  await register('a', { labels: { version: 'v1' } })
  await register('b', { labels: { version: 'v2' } })
  t.same(told(), ['put orders b'])
})

t.test('a large snapshot comes in parts, and a change meanwhile comes once', async (t) => {
  const { registry, register, clock } = await begun(t)
  for (let service = 0; service < 3; service++) for (let id = 0; id < 300; id++) await register(`shop/s${service}/i${id}`, {})
  const watch = registry.watches.subscribeEndpoints({}, undefined, () => undefined)
  const names = (delivery: EndpointsDelivery | undefined): string[] =>
    delivery?.type === 'endpoints-snapshot' ? delivery.services.map(({ set }) => `${set.service} ${set.all.length}`) : []
  const first = watch.next()
  t.same(names(first), ['s0 300', 's1 300'])
  t.match(first, { more: true, revision: 900 })
  await register('shop/s2/new', {})
  await register('shop/s0/new', {})
  clock.hasten(20)
  const second = watch.next()
  t.same(names(second), ['s2 301'])
  t.match(second, { more: false, revision: 900 })
  t.match(watch.next(), { type: 'endpoints', event: 'difference', set: { service: 's0' }, difference: { put: [{ id: 'new' }], removed: [] } })
  t.equal(watch.next(), undefined)
})

t.test('a reader that does not read gets a snapshot, and costs a place for each service meanwhile', async (t) => {
  const { registry, told, watch } = await begun(t)
  told()
  const change = (service: string, revision: number) => ({
    revision, atMs: 0, by: '', reason: 'registered', event: 'put', kind: 'instance', target: { namespace: 'shop', service, id: 'a' },
    instance: undefined, previous: undefined, lease: '', createdRevision: 0, touched: []
  } as const)
  for (let at = 0; at <= maxWaitingServices; at++) watch.offer(change(`s${at}`, at + 1))
  t.same(told(), ['reset the reader is too slow', 'snapshot '])
  t.equal(registry.watches.count, 1)
  registry.watches.unsubscribe(watch)
  t.equal(registry.watches.count, 0)
})
