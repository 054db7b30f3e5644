import t from 'tap'
import { serviceNameLabel } from '../../server/model/service/types.ts'
import { allocation, apply, ready, service, stored, stream } from '../support/declared.ts'
import { world, tester } from '../support/world.ts'

const web = { kind: 'Service', namespace: 'shop', name: 'web' } as const

t.test('an update that leaves out what was allocated keeps it', async (t) => {
  const { registry } = await world(t)
  const text = service('web', 'type: NodePort, selector: { app: webui }, ports: [{ name: http, port: 80 }]')
  await apply(registry, text)
  const before = stored(registry, 'web')
  const [result] = await apply(registry, text.replace('port: 80', 'port: 81'))
  t.match(result, { outcome: 'configured', previous: { spec: { ports: [{ port: 80 }] } }, manifest: { spec: { ports: [{ port: 81 }] }, metadata: { generation: 2, uid: before.metadata.uid } } })
  const { spec } = stored(registry, 'web')
  t.same([spec.clusterIP, spec.ports?.[0]?.nodePort], [before.spec.clusterIP, before.spec.ports?.[0]?.nodePort])
  t.equal(registry.services.pools().find(({ kind }) => kind === 'node-port')?.used, 1)
})

t.test('a service cannot become headless, nor a headless one get an address', async (t) => {
  const { registry } = await world(t)
  await apply(registry, stream(service('web', 'selector: { a: b }, ports: [{ port: 80 }]'), service('none', 'clusterIP: None, selector: { a: b }, ports: [{ port: 80 }]')))
  await t.rejects(apply(registry, service('web', 'clusterIP: None, selector: { a: b }, ports: [{ port: 80 }]')), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'spec.clusterIPs[0]', rule: /may not change once set/ }] })
  await t.rejects(apply(registry, service('none', 'clusterIP: 10.96.0.7, selector: { a: b }, ports: [{ port: 80 }]')), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'spec.clusterIPs[0]' }] })
})

t.test('a change of the type allocates what the new one needs and frees what it does not', async (t) => {
  const { registry } = await world(t, allocation(['public=192.0.2.10-192.0.2.11']))
  const used = (): number[] => registry.services.pools().map((pool) => pool.used)
  const as = (type: string, more = 'selector: { a: b }, ports: [{ port: 80 }]'): ReturnType<typeof apply> => apply(registry, service('web', `type: ${type}, ${more}`))
  await as('ClusterIP')
  t.same(used(), [1, 0, 0])
  const { clusterIP } = stored(registry, 'web').spec
  await as('LoadBalancer')
  t.same(used(), [1, 1, 1])
  t.equal(stored(registry, 'web').spec.clusterIP, clusterIP)
  await as('NodePort')
  t.same(used(), [1, 1, 0])
  t.same(stored(registry, 'web').status?.loadBalancer.ingress, undefined)
  await as('ExternalName', 'externalName: db.example.org')
  t.same(used(), [0, 0, 0])
  await as('ClusterIP')
  t.same(used(), [1, 0, 0])
})

t.test('an ExternalName has no node port, whatever it says, and asks for it like anybody when its type is another', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('out', 'type: ExternalName, externalName: db.example.org, ports: [{ port: 80, nodePort: 30080 }]'))
  t.same(registry.services.pools().map(({ used }) => used), [0, 0])
  await apply(registry, service('web', 'type: NodePort, selector: { a: b }, ports: [{ port: 80, nodePort: 30080 }]'))
  await t.rejects(apply(registry, service('out', 'type: NodePort, selector: { a: b }, ports: [{ port: 80, nodePort: 30080 }]')), { errors: [{ field: 'spec.ports[0].nodePort', rule: /already allocated to shop\/web/ }] })
})

t.test('a service without a selector has the endpoints that were made by hand, of a slice or of Endpoints', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('db', 'ports: [{ name: sql, port: 5432 }]'))
  t.same(ready(registry, 'db'), [])
  const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, namespace: shop, labels: { ${serviceNameLabel}: db } }
addressType: IPv4
endpoints: [{ addresses: [192.0.2.1] }, { addresses: [192.0.2.2], conditions: { ready: false } }]
ports: [{ name: sql, port: 5433 }]
`
  await apply(registry, slice)
  t.same(ready(registry, 'db'), ['192.0.2.1'])
  const set = registry.catalog.endpoints('shop', 'db')
  t.equal(registry.catalog.endpoints('shop', 'db'), set, 'the same object until something that concerns it changes')
  const [result] = await apply(registry, `apiVersion: v1
kind: Endpoints
metadata: { name: db, namespace: shop }
subsets: [{ addresses: [{ ip: 192.0.2.3 }], ports: [{ name: sql, port: 5434 }] }]
`)
  t.match(result?.warnings, [/Endpoints is deprecated/])
  t.same(registry.catalog.endpoints('shop', 'db')?.answered.map(({ address, ports }) => `${address}:${ports[0]?.port}`), ['192.0.2.1:5433', '192.0.2.3:5434'])
  t.same(registry.services.slices('shop', 'db').map(({ metadata }) => metadata.name.replace(/-[0-9a-f]{10}-/, '-HASH-')), ['db-1', 'db-HASH-0'])
  t.equal(registry.services.endpointsObject('shop', 'db').subsets?.[0]?.addresses?.[0]?.ip, '192.0.2.3')
  const { deleted } = await registry.as(tester).delete([{ ...web, name: 'db' }])
  t.same(deleted.map(({ kind }) => kind), ['Service', 'EndpointSlice', 'Endpoints'])
  t.same(registry.catalog.namespaces(), [])
})

t.test('endpoints for a service with a selector, or for none, are stored with a warning and not used', async (t) => {
  const { registry, register } = await world(t)
  await register('a', { labels: { app: 'webui' } })
  await apply(registry, service('web', 'clusterIP: None, selector: { app: webui }'))
  const slice = (name: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { ${serviceNameLabel}: ${name} } }
addressType: IPv4
endpoints: [{ addresses: [192.0.2.1] }]
`
  t.match((await apply(registry, stream(slice('web'), slice('nobody')))).map(({ warnings }) => warnings), [[/has a selector/], [/is not declared/]])
  t.same(ready(registry, 'web'), ['a'])
})

t.test('a declared service is never merged with the instances that registered under its name', async (t) => {
  const { registry, register } = await world(t)
  await register('own')
  await register('shop/pods/other', { labels: { app: 'webui' } })
  await apply(registry, service('orders', 'clusterIP: None, selector: { app: webui }'))
  t.same([ready(registry, 'orders'), ready(registry, 'pods')], [['other'], ['other']])
  t.equal(registry.as(tester).instance({ namespace: 'shop', service: 'orders', id: 'own' }).id, 'own', 'it is still found by its name')
  t.same(registry.catalog.namespaceCounts('shop'), { services: 2, instances: 2 })
  let woken = false
  const waited = registry.as(tester).waitForChange('shop', 'orders', registry.feed.revision, 60_000).then(() => { woken = true })
  await registry.as(tester).delete([{ ...web, name: 'orders' }])
  await waited
  t.ok(woken)
  t.same(ready(registry, 'orders'), ['own'])
})

t.test('a namespace is there while it is declared or something is in it', async (t) => {
  const { registry } = await world(t)
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n'
  await apply(registry, namespace)
  t.same(registry.catalog.namespaces(), ['shop'])
  await apply(registry, service('web', 'clusterIP: None, selector: { a: b }'))
  await registry.as(tester).delete([{ kind: 'Namespace', namespace: '', name: 'shop' }])
  t.same(registry.catalog.namespaces(), ['shop'])
  await registry.as(tester).delete([web])
  t.same(registry.catalog.namespaces(), [])
  await t.rejects(registry.as(tester).delete([web]), { code: 'REG_NAMESPACE_NOT_FOUND' })
})

t.test('a manifest that names an older resource version is refused', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('web', 'clusterIP: None, selector: { a: b }'))
  const { resourceVersion } = stored(registry, 'web').metadata
  await apply(registry, service('web', 'clusterIP: None, selector: { a: c }', `, resourceVersion: "${resourceVersion}"`))
  await t.rejects(apply(registry, service('web', 'clusterIP: None, selector: { a: d }', `, resourceVersion: "${resourceVersion}"`)), { code: 'REG_CONFLICT' })
})

t.test('a manifest is put under the name of its path, and no other', async (t) => {
  const { registry } = await world(t)
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: {}, spec: { selector: { a: 'b' }, ports: [{ port: 80 }] } }
  const { results, revision } = await registry.as(tester).put(web, manifest)
  t.match(results, [{ outcome: 'created', name: 'web', namespace: 'shop' }])
  t.equal(results[0]?.manifest.metadata.resourceVersion, String(revision))
  await t.rejects(registry.as(tester).put(web, { ...manifest, metadata: { name: 'other' } }), { code: 'REG_INVALID', errors: [{ field: 'metadata.name' }] })
  await t.rejects(registry.as(tester).put(web, { ...manifest, spec: { ports: 80 } }), { code: 'REG_INVALID' })
})

t.test('a load balancer without an address waits and says why', async (t) => {
  const { registry } = await world(t)
  const [result] = await apply(registry, service('web', 'type: LoadBalancer, selector: { a: b }, ports: [{ port: 80 }]'))
  t.match(result?.warnings, [/no load-balancer address.*--load-balancer-pool/])
  t.match(stored(registry, 'web').status?.conditions, [{ status: 'False', reason: 'Pending' }])
})

t.test('one stream cannot hold an object twice', async (t) => {
  const { registry } = await world(t)
  const one = service('web', 'clusterIP: None, selector: { a: b }')
  await t.rejects(apply(registry, stream(one, one)), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'metadata.name', document: 2, rule: /document 1/ }] })
})

t.test('a thousand manifests are one write, all or nothing', async (t) => {
  const { registry } = await world(t)
  const documents = Array.from({ length: 1_000 }, (_, index) => service(`s${index}`, 'type: NodePort, selector: { a: b }, ports: [{ name: a, port: 80 }, { name: b, port: 443 }]'))
  await apply(registry, stream(...documents))
  t.same(registry.services.pools().map(({ used }) => used), [1_000, 2_000])
  const names = Array.from({ length: 1_000 }, (_, index) => ({ ...web, name: `s${index}` }))
  await t.rejects(registry.as(tester).delete([...names, { ...web, name: 'missing' }]), { code: 'REG_SERVICE_NOT_FOUND' })
  await registry.as(tester).delete(names)
  t.same(registry.services.pools().map(({ used }) => used), [0, 0])
  t.equal(registry.catalog.overrideCount, 0)
})

t.test('what heartbeats say of the load can be read with the instance, and is no change', async (t) => {
  const { registry, register, beat, clock } = await world(t)
  await register('a')
  const name = { namespace: 'shop', service: 'orders', id: 'a' }
  const { revision } = registry.feed
  await beat([{ ...name, load: { cpu: { value: 0.5, capacity: 2 }, rps: { value: 120 } } }])
  t.match(registry.loads.get(name), { load: { cpu: { value: 0.5, capacity: 2 }, rps: { value: 120 } }, atMs: clock.now() })
  t.equal(registry.feed.revision, revision)
  await t.rejects(beat([{ ...name, load: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`m${index}`, { value: 1 }])) }]), { code: 'REG_INVALID' })
  await t.rejects(beat([{ ...name, load: { 'a b': { value: NaN, capacity: 0 } } }]), { code: 'REG_INVALID' })
  await registry.as(tester).deregister(name)
  t.same([registry.loads.get(name), registry.loads.size], [undefined, 0])
})

t.test('a registry that opens again has the services, their endpoints and their claims', async (t) => {
  const first = await world(t)
  await first.register('a', { labels: { app: 'webui' } })
  await apply(first.registry, service('web', 'type: NodePort, selector: { app: webui }, ports: [{ port: 80 }]'))
  const { feed } = first.registry
  const again = await world(t)
  const held = { instances: [...feed.heldInstances()], objects: [...feed.heldObjects()] }
  again.registry.feed.load({ epoch: 'again', revision: feed.revision, ...held, recent: [], lost: [] })
  t.same(again.registry.catalog.endpoints('shop', 'web'), first.registry.catalog.endpoints('shop', 'web'))
  t.same(again.registry.services.pools(), first.registry.services.pools())
})

t.test('instances that can be many services\' meet only those whose selector they fit', async (t) => {
  const { registry, register } = await world(t)
  await apply(registry, stream(
    service('narrow', 'clusterIP: None, selector: { env: prod, app: one }'), service('wide', 'clusterIP: None, selector: { env: prod }'), service('implied', 'clusterIP: None, selector: { rollcall.dev/service: pods }')
  ))
  const touched: (readonly string[])[] = []
  registry.feed.listen({ changed: (change) => { touched.push([...change.touched].sort()) } })
  await register('a', { labels: { env: 'prod' } })
  await register('shop/pods/b', { labels: { env: 'prod', app: 'one' } })
  await register('shop/pods/b', { labels: { env: 'test', app: 'one' } })
  await register('c', { labels: { app: 'one' } })
  t.same(touched.map(String), [['wide'], ['implied', 'narrow', 'wide'], ['implied', 'narrow', 'wide'], []].map(String))
})
