// A revision is a fact: at every node and after every load a thing's own revision is at least that of the last change that touched it,
// the same on all nodes, and never smaller than one that a client saw.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Registry } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { HandClock } from '../support/hand-clock.ts'
import { apply, service, stream } from '../support/declared.ts'
import { tester } from '../support/world.ts'

const of = (id: string, under = 'orders') => ({ namespace: 'shop', service: under, id })
const slice = (name: string, address: string, owner = 'made'): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: shop, labels: { kubernetes.io/service-name: ${owner} } }
addressType: IPv4
ports: [{ name: http, port: 80 }]
endpoints: [{ addresses: [${address}] }]
`

/** What happens after two instances of an implicit service, a service that selects them, and two slices of a third one are there. */
const scenarios: Readonly<Record<string, (registry: Registry) => Promise<unknown>>> = {
  'nothing': async () => {},
  'an instance was deregistered': (registry) => registry.as(tester).deregister(of('one')),
  'the last instance was deregistered': async (registry) => {
    await registry.as(tester).deregister(of('one'))
    await registry.as(tester).deregister(of('two'))
  },
  'a label left a selector': (registry) => registry.as(tester).patch(of('two'), { labels: { app: 'other' } }),
  'an override was set': (registry) => registry.as(tester).override(of('one'), { status: 'draining' }),
  'an override was set and ended': async (registry) => {
    await registry.as(tester).override(of('one'), { status: 'down' })
    await registry.as(tester).removeOverride(of('one'))
  },
  'an override was set, and its instance left': async (registry) => {
    await registry.as(tester).override(of('one'), { status: 'down' })
    await registry.as(tester).deregister(of('one'))
  },
  'an instance is suspect': async (registry) => suspect(registry, 'one'),
  'a suspect came back': async (registry) => {
    await suspect(registry, 'one')
    const { generation } = entryOf(registry, 'one').instance
    await registry.as(tester).register(of('one'), { address: '10.0.0.1', labels: { app: 'shop' }, ports: [{ port: 80 }], generation })
  },
  'a slice was deleted': (registry) => registry.as(tester).delete([{ kind: 'EndpointSlice', namespace: 'shop', name: 'made-b' }]),
  'a slice went to another service': (registry) => apply(registry, slice('made-b', '192.0.2.9', 'elsewhere')),
  'a declaration was taken back': (registry) => registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'web' }]),
  'a declaration over an implicit service was taken back': async (registry) => {
    await apply(registry, service('orders', 'selector: { app: nobody }, ports: [{ port: 80 }]'))
    await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'orders' }])
  },
  'an instance was replaced and left': async (registry) => {
    await registry.as(tester).register(of('three'), { address: '10.0.0.3', labels: { app: 'shop' }, ports: [{ port: 80 }], generation: 'b' })
    await registry.as(tester).register(of('three'), { address: '10.0.0.4', labels: { app: 'shop' }, ports: [{ port: 80 }], generation: 'c' })
    await registry.as(tester).deregister(of('three'))
  }
}

function entryOf (registry: Registry, id: string) {
  const entry = registry.catalog.entry('shop', 'orders', id)
  if (entry === undefined) throw new Error(`${id} is not registered`)
  return entry
}

async function suspect (registry: Registry, id: string): Promise<void> {
  const { lease, instance } = entryOf(registry, id)
  const { deadlines } = await registry.store.renew(new Map([[instance.lease.ttlMs, [lease]]]))
  await registry.store.lose([{ lease, deadlineMs: deadlines.get(instance.lease.ttlMs) ?? 0 }], 600_000)
}

async function prepare (registry: Registry): Promise<void> {
  for (const id of ['one', 'two']) {
    await registry.as(tester).register(of(id), { address: '10.0.0.1', labels: { app: 'shop' }, ports: [{ port: 80 }], lease: { ttlMs: 600_000 } })
  }
  await apply(registry, stream(
    service('web', 'selector: { app: shop }, ports: [{ port: 80 }]'), service('made', 'ports: [{ name: http, port: 80 }]'),
    slice('made-a', '192.0.2.1'), slice('made-b', '192.0.2.2')
  ))
}

/** Each thing that has a revision of its own, with it. */
function told (registry: Registry): Map<string, number> {
  const revisions = new Map<string, number>()
  const { catalog } = registry
  for (const name of catalog.services('shop')) {
    const view = catalog.service('shop', name)
    revisions.set(`service ${name}`, view?.revision ?? 0)
    revisions.set(`endpoints ${name}`, view?.endpoints.revision ?? 0)
    for (const { id, revision } of catalog.registered('shop', name)?.instances ?? []) revisions.set(`instance ${name}/${id}`, revision)
  }
  return revisions
}

function notBefore (t: Test, after: Map<string, number>, before: Map<string, number>): void {
  for (const [thing, revision] of after) t.ok(revision >= (before.get(thing) ?? 0), `${thing}: ${revision}, told was ${before.get(thing)}`)
}

/** The highest revision that clients saw of each thing during `run`. */
async function highest (registry: Registry, run: () => Promise<unknown>): Promise<Map<string, number>> {
  const seen = told(registry)
  const stop = registry.feed.listen({
    applied: () => { for (const [thing, revision] of told(registry)) seen.set(thing, Math.max(revision, seen.get(thing) ?? 0)) }
  })
  await run()
  stop()
  return seen
}

for (const [title, run] of Object.entries(scenarios)) {
  t.test(`SQLite, ${title}: a restart shows nothing at a smaller revision`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rollcall-revisions-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const clock = new HandClock()
    const open = async (): Promise<Registry> => {
      const registry = new Registry({ store: createSqliteStore({ directory, now: () => clock.now() }), clock })
      await registry.open()
      t.teardown(() => registry.close())
      return registry
    }
    const registry = await open()
    await prepare(registry)
    const before = await highest(registry, () => run(registry))
    const content = JSON.stringify(registry.catalog.service('shop', 'web')?.endpoints.all)
    const instances = new Map([...told(registry)].filter(([thing]) => thing.startsWith('instance')))
    await registry.close()
    const again = await open()
    notBefore(t, told(again), before)
    t.ok(again.feed.revision > Math.max(...before.values()))
    t.equal(JSON.stringify(again.catalog.service('shop', 'web')?.endpoints.all), content)
    t.same(new Map([...told(again)].filter(([thing]) => thing.startsWith('instance'))), instances, 'those of instances stand in their records')
    t.ok(typeof again.feed.resume({ epoch: again.feed.epoch, revision: Math.max(...before.values()) }) !== 'string', 'a cursor of before is good')
  })

  t.test(`Redis, ${title}: a second node and a restart of Redis show it at one revision, and none at a smaller one`, { skip: noRedis }, async (t) => {
    const server = await RedisServer.start({ config: ['appendonly yes', 'appendfsync always'] })
    t.teardown(() => server.dispose())
    const open = async (): Promise<Registry> => {
      const registry = new Registry({ store: createRedisStore({ url: server.url }) })
      await registry.open()
      t.teardown(() => registry.close())
      return registry
    }
    const one = await open()
    await prepare(one)
    const before = await highest(one, () => run(one))
    const two = await open()
    await one.store.sync()
    t.equal(one.feed.revision, two.feed.revision)
    t.same(told(two), told(one), 'both nodes say the same')
    notBefore(t, told(two), before)
    const third = await open()
    t.equal(third.feed.revision, two.feed.revision, 'where nothing changed since, nothing is raised')

    const inTerm = told(one)
    const loaded = [one, two, third].map((registry) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      registry.feed.listen({ health: ({ available }) => { if (available) resolve() } })
      return promise
    })
    await server.kill()
    await server.start()
    await Promise.all(loaded)
    await Promise.all([one, two, third].map(({ store }) => store.sync()))
    t.same(told(two), told(one), 'after a new term, too')
    t.same(told(third), told(one))
    notBefore(t, told(one), inTerm)
  })
}

t.test('a raise wakes no long poll and no watcher, and makes the next question differ', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const open = async (): Promise<Registry> => {
    const registry = new Registry({ store: createRedisStore({ url: server.url }) })
    await registry.open()
    t.teardown(() => registry.close())
    return registry
  }
  const one = await open()
  await prepare(one)
  await one.as(tester).deregister(of('one'))
  const { revision } = one.as(tester).service('shop', 'orders')
  const wakings: string[] = []
  const poll = one.as(tester).waitForChange('shop', 'orders', revision, 600_000).then(() => wakings.push('poll'))
  const subscription = one.watches.subscribe({ namespace: 'shop', service: 'orders' }, { epoch: one.feed.epoch, revision: one.feed.revision }, () => wakings.push('watch'))
  const two = await open()
  await one.store.sync()
  t.ok(one.as(tester).service('shop', 'orders').revision > revision)
  t.equal(subscription.next(), undefined)
  t.same(wakings, [])
  await two.as(tester).waitForChange('shop', 'orders', revision, 600_000) // returns at once: what this node shows may be another thing
  await two.as(tester).deregister(of('two'))
  await poll
  t.same(wakings.sort(), ['poll', 'watch'])
})
