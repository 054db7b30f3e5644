import t from 'tap'
import { managedFieldsOf } from '../../server/model/fields/managed-fields.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { Registry } from '../../server/registry/registry.ts'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { maxCommitWrites, type ObjectWrite } from '../../server/store/store.ts'
import { RedisServer, noRedis } from '../support/redis-server.ts'
import { allocation, apply, service, stored, stream } from '../support/declared.ts'
import { tester } from '../support/world.ts'

const skip = noRedis
/** A loaded machine is no fault of the registry. */
const timeouts = { commandMs: 30_000 }

interface Closable { teardown (callback: () => unknown): void }

async function nodes (t: Closable, count: number, pools: readonly string[][] = []): Promise<Registry[]> {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const registries = Array.from({ length: count }, (_, index) => new Registry({
    store: createRedisStore({ url: server.url, timeouts }), ...allocation(pools[index])
  }))
  for (const registry of registries) {
    await registry.open()
    t.teardown(() => registry.close())
  }
  return registries
}

const nodePorts = (registry: Registry): number[] => registry.services.list('Service').flatMap((found) => (found.kind === 'Service' ? found.spec.ports?.map(({ nodePort = 0 }) => nodePort) ?? [] : []))
t.test('who manages which fields is the same on each node, and a write of one takes them on the other', { skip }, async (t) => {
  const [one, two] = await nodes(t, 2)
  if (one === undefined || two === undefined) throw new Error('two nodes were asked for')
  const name = { kind: 'Service', namespace: 'shop', name: 'web' } as const
  const body = { apiVersion: 'v1', kind: 'Service', spec: { type: 'NodePort', ports: [{ port: 80 }] } }
  const managedFields = [{ manager: 'kubectl', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:type': {} } } }] as const
  await one.as(tester).put(name, body, { managedFields })
  await two.as(tester).caughtUp()
  t.same(managedFieldsOf(stored(two, 'web')), managedFields)
  await two.as(tester).put(name, { ...body, spec: { ...body.spec, type: 'ClusterIP' } })
  await one.as(tester).caughtUp()
  t.match(managedFieldsOf(stored(one, 'web')), [{ manager: 'rollcall', fieldsV1: { 'f:spec': { 'f:type': {} } } }])
  await t.rejects(one.as(tester).put(name, body, { isNew: true }), { code: 'REG_CONFLICT' })
})

const used = (registry: Registry): (number | undefined)[] => registry.services.pools().map((pool) => pool.used)

t.test('two nodes on one Redis allocate a thousand node ports at the same time, none twice, and a delete frees them all', { skip }, async (t) => {
  const [one, two] = await nodes(t, 2)
  if (one === undefined || two === undefined) throw new Error('two nodes were asked for')
  const put = (registry: Registry, node: string) => async (_: unknown, index: number): Promise<void> => {
    await registry.as({ ...tester, name: node }).put({ kind: 'Service', namespace: 'shop', name: `${node}-${index}` }, {
      apiVersion: 'v1', kind: 'Service', spec: { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80 }] }
    })
  }
  const half = Array.from({ length: 500 })
  await Promise.all([...half.map(put(one, 'one')), ...half.map(put(two, 'two'))])
  for (const registry of [one, two]) {
    await registry.store.sync()
    const ports = nodePorts(registry)
    t.equal(ports.length, 1_000)
    t.equal(new Set(ports).size, 1_000)
    t.same(used(registry), [1_000, 1_000])
  }
  const names = (node: string) => half.map((_, index) => ({ kind: 'Service' as const, namespace: 'shop', name: `${node}-${index}` }))
  await Promise.all([one.as(tester).delete(names('two')), two.as(tester).delete(names('one'))])
  for (const registry of [one, two]) {
    await registry.store.sync()
    t.same(used(registry), [0, 0])
  }
})

t.test('a thousand manifests with their claims are one write on Redis, seen whole by the other node', { skip }, async (t) => {
  const [one, two] = await nodes(t, 2)
  if (one === undefined || two === undefined) throw new Error('two nodes were asked for')
  const documents = Array.from({ length: 1_000 }, (_, index) => service(`s${index}`, 'type: NodePort, selector: { a: b }, ports: [{ name: a, port: 80 }, { name: b, port: 81 }]'))
  await one.as(tester).apply(readManifests(stream(...documents)))
  await two.store.sync()
  t.same(used(two), [1_000, 2_000])
  await t.rejects(two.as(tester).put({ kind: 'Service', namespace: 'shop', name: 'late' }, {
    apiVersion: 'v1', kind: 'Service', spec: { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80, nodePort: nodePorts(one)[0] }] }
  }), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'spec.ports[0].nodePort', rule: /already allocated to shop\/s/ }] })
})

t.test('the largest commit goes through, and the other node has all of it', { skip }, async (t) => {
  const [one, two] = await nodes(t, 2)
  if (one === undefined || two === undefined) throw new Error('two nodes were asked for')
  const writes = Array.from({ length: maxCommitWrites }, (_, index): ObjectWrite => ({
    type: 'put', key: `service/shop/s${index}`, endsAtMs: 0, reason: 'declared', expected: 0,
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: `s${index}`, namespace: 'shop' }, spec: { type: 'ExternalName', externalName: `${'a.'.repeat(100)}b`, sessionAffinity: 'None' } })
  }))
  t.match(await one.store.commit(writes, 'test'), { outcome: 'committed' })
  await two.store.sync()
  t.equal(two.catalog.namespaceCounts('shop').services, maxCommitWrites)
})

t.test('nodes that know their pools by other names give no address twice, and who waits on one is given what the other has', { skip }, async (t) => {
  const [one, two, none] = await nodes(t, 3, [['public=192.0.2.10-192.0.2.11'], ['lab=192.0.2.10-192.0.2.11'], []])
  if (one === undefined || two === undefined || none === undefined) throw new Error('three nodes were asked for')
  const balanced = (name: string): string => service(name, 'type: LoadBalancer, selector: { a: b }, ports: [{ port: 80 }]')
  const given = (): (string | undefined)[] => one.services.list('Service').map((found) => (found.kind === 'Service' ? found.status?.loadBalancer.ingress?.[0]?.ip : undefined))
  await Promise.all([apply(one, balanced('a')), apply(two, balanced('b'))])
  await one.store.sync()
  t.same(given().sort(), ['192.0.2.10', '192.0.2.11'])
  await apply(none, balanced('c'))
  t.match(stored(none, 'c').status?.conditions, [{ message: /configure one/ }])
  const isGiven = new Promise<void>((resolve) => {
    none.feed.listen({ changed: ({ target, by }) => { if (target.service === 'c' && by === 'registry') resolve() } })
  })
  const { status } = stored(none, 'a')
  await none.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'a' }])
  await isGiven
  t.same(stored(none, 'c').status, status)
})
