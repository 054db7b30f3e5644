import t from 'tap'
import { allocation, apply, ready, service, stored, stream } from '../support/declared.ts'
import { type World, world, tester } from '../support/world.ts'
import { drain, short } from '../support/deliveries.ts'

async function webui ({ register }: World): Promise<void> {
  for (const id of ['a', 'b', 'c']) await register(`shop/webui-pods/${id}`, { labels: { app: 'webui' }, ports: [{ name: 'http', port: 9376 }], address: `10.0.0.${id.charCodeAt(0)}` })
}

t.test('a stream of every type is applied, allocated for, and unchanged when it is applied again', async (t) => {
  const { registry } = await world(t, allocation(['public=192.0.2.10-192.0.2.20']))
  const text = stream(
    'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n',
    service('explicit', 'clusterIP: 10.100.100.100, selector: { app: webui }, ports: [{ port: 80 }]'),
    service('node', 'type: NodePort, selector: { app: webui }, ports: [{ port: 80, nodePort: 30200 }]'),
    service('chosen', 'type: NodePort, selector: { app: webui }, ports: [{ port: 80 }]'),
    service('balanced', 'type: LoadBalancer, loadBalancerIP: 192.0.2.15, selector: { app: webui }, ports: [{ port: 80 }]'),
    service('outside', 'type: ExternalName, externalName: db.example.org'),
    service('headless', 'clusterIP: None, selector: { app: webui }'),
    service('by-hand', 'ports: [{ port: 80 }]'),
    'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: by-hand-1, namespace: shop, labels: { kubernetes.io/service-name: by-hand } }\naddressType: IPv4\nendpoints: [{ addresses: [192.0.2.99] }]\nports: [{ port: 8080 }]\n',
    service('external', 'externalIPs: [198.51.100.7], selector: { app: webui }, ports: [{ port: 80 }]')
  )
  const results = await apply(registry, text)
  t.same(results.map(({ outcome }) => outcome), Array.from(results, () => 'created'))
  t.equal(stored(registry, 'explicit').spec.clusterIP, '10.100.100.100')
  t.equal(stored(registry, 'node').spec.ports?.[0]?.nodePort, 30200)
  t.match(stored(registry, 'chosen').spec.ports?.[0]?.nodePort, /^3[0-2]\d{3}$/)
  t.same(stored(registry, 'balanced').status?.loadBalancer.ingress, [{ ip: '192.0.2.15', ipMode: 'VIP' }])
  t.equal(stored(registry, 'outside').spec.clusterIP, undefined)
  t.same(registry.catalog.endpoints('shop', 'by-hand')?.answered.map(({ address, ports }) => `${address}:${ports[0]?.port}`), ['192.0.2.99:8080'])
  t.same(registry.catalog.services('shop'), ['balanced', 'by-hand', 'chosen', 'explicit', 'external', 'headless', 'node', 'outside'])
  const { revision } = registry.feed
  const again = await apply(registry, text)
  t.same(again.map(({ outcome }) => outcome), Array.from(again, () => 'unchanged'))
  t.equal(registry.feed.revision, revision)
})

t.test('the instances that carry the labels are the endpoints of all services that select them', async (t) => {
  const at = await world(t)
  const { registry } = at
  await webui(at)
  await apply(registry, stream(service('one', 'selector: { app: webui }, ports: [{ port: 80, targetPort: http }]'), service('two', 'clusterIP: None, selector: { app: webui }')))
  t.same([ready(registry, 'one'), ready(registry, 'two')], [['a', 'b', 'c'], ['a', 'b', 'c']])
  t.equal(registry.catalog.endpoints('shop', 'one')?.all[0]?.ports[0]?.port, 9376)
  const name = { namespace: 'shop', service: 'webui-pods', id: 'b' }
  await registry.as({ ...tester, name: 'ada' }).override(name, { status: 'draining', reason: 'kernel update' })
  t.same([ready(registry, 'one'), ready(registry, 'two')], [['a', 'c'], ['a', 'c']])
  const explained = registry.services.explain(name)
  t.same(explained.map(({ service, in: isIn, ready, rule }) => [service, isIn, ready, rule]), [['one', true, false, 'override'], ['two', true, false, 'override'], ['webui-pods', true, false, 'override']])
  t.match(explained[0]?.message, /kernel update/)
  await registry.as(tester).patch(name, { labels: { app: 'other' } })
  t.same(registry.catalog.endpoints('shop', 'one')?.all.map(({ id }) => id), ['a', 'c'])
  t.match(registry.services.explain(name).find(({ service }) => service === 'one'), { in: false, rule: 'selector', message: /app=webui.*app=other/ })
  await registry.as(tester).deregister({ ...name, id: 'a' })
  t.same(ready(registry, 'two'), ['c'])
})

t.test('the second service that asks for a node port is refused by the name of the first, and what a delete frees is free', async (t) => {
  const { registry } = await world(t)
  await apply(registry, service('first', 'type: NodePort, selector: { app: webui }, ports: [{ port: 80, nodePort: 30200 }]'))
  const second = service('second', 'type: NodePort, selector: { app: webui }, ports: [{ port: 80, nodePort: 30200 }]')
  await t.rejects(apply(registry, second), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'spec.ports[0].nodePort', value: 30200, rule: 'provided port is already allocated to shop/first', document: 1, line: 4 }] })
  t.equal(registry.catalog.declared('shop', 'second'), undefined)
  const used = (): number[] => registry.services.pools().map(({ used }) => used)
  t.same(used(), [1, 1])
  await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'first' }])
  t.same(used(), [0, 0])
  t.same(registry.catalog.namespaces(), [])
  t.equal((await apply(registry, second))[0]?.outcome, 'created')
})

t.test('a stream of which one document is bad changes nothing and names the document, its line and the field', async (t) => {
  const { registry } = await world(t)
  const { revision } = registry.feed
  const text = stream(service('good', 'selector: { a: b }, ports: [{ port: 80 }]'), service('bad', 'selector: { a: b }, ports: [{ port: 0 }, { port: 81 }]'))
  await t.rejects(apply(registry, text), { code: 'REG_MANIFEST_INVALID', status: 422, message: /document 2, line 9: spec.ports\[0\].port/ })
  await t.rejects(apply(registry, stream(service('good', 'ports: [{ port: 80 }]'), service('bad', 'ports: [{ port: "80" }]'))), { code: 'REG_INVALID', errors: [{ document: 2, field: 'spec.ports[0].port' }] })
  t.equal(registry.feed.revision, revision)
  t.same(registry.catalog.namespaces(), [])
})

t.test('a dry run says what would be done and does nothing', async (t) => {
  const { registry } = await world(t)
  const [result] = await apply(registry, service('web', 'type: NodePort, selector: { a: b }, ports: [{ port: 80 }]'), true)
  t.match(result, { outcome: 'created', manifest: { spec: { type: 'NodePort' } } })
  t.equal(registry.feed.revision, 0)
  t.same(registry.services.pools().map(({ used }) => used), [0, 0])
})

t.test('a watch of a service gets the instances that it selects, and begins anew when it means others', async (t) => {
  const at = await world(t)
  const { registry } = at
  await webui(at)
  const watch = registry.watches.subscribe({ namespace: 'shop', service: 'web' }, undefined, () => undefined)
  const all = registry.watches.subscribe({ namespace: 'shop' }, undefined, () => undefined)
  t.same([drain(watch).map(short), drain(all).map(short)], [['snapshot '], ['snapshot a,b,c']])
  await apply(registry, service('web', 'selector: { app: webui }, ports: [{ port: 80 }]'))
  t.same(drain(watch).map(short), ['reset service "web" was declared, or selects others', 'snapshot a,b,c'])
  t.same(drain(all).map(short), ['put service web declared'])
  const { cursor } = registry.position
  await registry.as(tester).patch({ namespace: 'shop', service: 'webui-pods', id: 'a' }, { labels: { app: null } })
  t.same([drain(watch).map(short), drain(all).map(short)], [['delete a updated'], ['put a updated']])
  await apply(registry, service('web', 'selector: { app: webui }, ports: [{ port: 81 }]'))
  t.same(drain(watch).map(short), ['put service web declared'])
  const [epoch = '', revision] = cursor.split('.')
  const resumed = registry.watches.subscribe({ namespace: 'shop', service: 'web' }, { epoch, revision: Number(revision) }, () => undefined)
  t.same(drain(resumed).map(short), ['delete a updated', 'put service web declared'])
  await registry.as(tester).delete([{ kind: 'Service', namespace: 'shop', name: 'web' }])
  t.same(drain(watch).map(short), ['reset the declared service "web" was removed', 'snapshot '])
})

t.test('ports of hand-made endpoints that no port of their service names are warned of, whichever came last',
  async (t) => {
    const { registry } = await world(t)
    const slice =
      (ports: string): string =>
        `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: db-1, namespace: shop, labels: { kubernetes.io/service-name: db } }\naddressType: IPv4\nports: [${ports}]\nendpoints: [{ addresses: [10.0.0.9] }]\n`
    const warned = async (text: string): Promise<readonly string[]> => (await apply(registry, text))[0]?.warnings ?? []
    t.match(await warned(slice('{ name: sql, port: 1 }')), [/is not declared/])
    t.match(await warned(service('db', 'ports: [{ name: mysql, port: 1 }]')),
      [/EndpointSlice "db-1": ports\[0\] is not used: service "db" has no port "sql" of TCP/])
    t.same(await warned(service('db', 'ports: [{ name: sql, port: 1 }]')), [])
    t.same(await warned(slice('{ name: sql, port: 2 }')), [])
    t.match(await warned(slice('{ name: sql, port: 2, protocol: UDP }, { name: x }')),
      [/no port "sql" of UDP/, /has no number/])
    t.match(await warned(`apiVersion: v1\nkind: Endpoints\nmetadata: { name: db, namespace: shop }\nsubsets: [{ addresses: [{ ip: 10.0.0.9 }], ports: [{ port: 7 }] }]\n`), [/deprecated/, /subsets\[0\].ports\[0\] is not used: service "db" has no unnamed port of TCP/])
    await apply(registry, service('free', 'clusterIP: None'))
    t.same(await warned(slice('{ name: sql, port: 1 }').replaceAll('db', 'free')), [],
      'a headless service without ports offers them all')
  })
