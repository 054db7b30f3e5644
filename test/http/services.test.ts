import t from 'tap'
import { parse } from 'yaml'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

const path = '/v1/namespaces/shop/services/webui'
const yaml = { 'content-type': 'application/yaml' }
const acceptYaml = { accept: 'application/yaml' }

const webui = `apiVersion: v1
kind: Service
metadata:
  name: webui
spec:
  type: NodePort
  selector: {app: webui}
  ports:
    - {name: http, port: 80, targetPort: web, nodePort: 30200}
`

/** An instance of another service that has the label which the service selects. */
async function front ({ register }: HttpWorld, id = 'front-1', address = '10.0.0.1'): Promise<void> {
  await register(`shop/front/${id}`, { address, ports: [{ name: 'web', port: 8080 }], labels: { app: 'webui' } })
}

t.test('a service is declared with 201, is there with 200, and shows the allocated values', async (t) => {
  const { send } = await build(t)
  const created = await send('PUT', path, webui, yaml)
  t.equal(created.statusCode, 201)
  t.match(created.json(), { kind: 'Service', namespace: 'shop', name: 'webui', outcome: 'created', manifest: { spec: { clusterIP: /^10\./, ports: [{ nodePort: 30200 }] } }, warnings: [] })
  t.match(created.headers['rollcall-revision'], /^\w+\.\d+$/)
  const again = await send('PUT', path, webui, { 'content-type': 'text/yaml; charset=utf-8' })
  t.equal(again.statusCode, 200)
  t.equal(again.json().outcome, 'unchanged')
  t.strictSame(again.json().previous, created.json().manifest)
  const changed = await send('PUT', path, { ...created.json().manifest, spec: { ...created.json().manifest.spec, sessionAffinity: 'ClientIP' } })
  t.equal(changed.statusCode, 200)
  t.match(changed.json(), { outcome: 'configured', previous: { spec: { sessionAffinity: 'None' } }, manifest: { spec: { sessionAffinity: 'ClientIP' } } })
})

t.test('a dry run shows the result, and changes nothing', async (t) => {
  const { send, registry } = await build(t)
  const answer = await send('PUT', `${path}?dryRun=true`, webui, yaml)
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { outcome: 'created', manifest: { spec: { clusterIP: /^10\./ } } })
  t.equal((await send('GET', path)).statusCode, 404)
  await send('PUT', path, webui, yaml)
  const { revision } = registry.feed
  t.match((await send('DELETE', `${path}?dryRun`)).json(), { dryRun: true, deleted: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] })
  t.equal(registry.feed.revision, revision)
  t.equal((await send('GET', path)).statusCode, 200)
})

t.test('a read gives the summary with the manifest, the manifest alone, or YAML that can be applied', async (t) => {
  const world = await build(t)
  const { send } = world
  await front(world)
  await send('PUT', path, webui, yaml)
  const summary = await send('GET', path)
  t.match(summary.json(), { namespace: 'shop', name: 'webui', implicit: false, instances: { total: 1, ready: 1 }, manifest: { kind: 'Service', spec: { type: 'NodePort' } } })
  const manifest = await send('GET', `${path}?view=manifest`)
  t.strictSame(manifest.json(), summary.json().manifest)
  const text = await send('GET', path, undefined, acceptYaml)
  t.match(text.headers['content-type'], /^application\/yaml/)
  t.equal(text.headers.vary, 'accept')
  t.strictSame(parse(text.body), manifest.json())
  t.equal((await send('PUT', path, text.body, yaml)).json().outcome, 'unchanged', 'what was read can be written')
  const tags = [summary, manifest, text].map(({ headers }) => String(headers.etag))
  t.equal(new Set(tags).size, 3, 'each form has a tag of its own')
  for (const [index, etag] of tags.entries()) {
    const url = index === 1 ? `${path}?view=manifest` : path
    t.equal((await send('GET', url, undefined, { 'if-none-match': etag, ...(index === 2 ? acceptYaml : {}) })).statusCode, 304)
  }
})

t.test('YAML is answered to those who prefer it', async (t) => {
  const { send } = await build(t)
  await send('PUT', path, webui, yaml)
  for (const [accept, media] of [
    ['*/*', 'json'], ['application/json', 'json'], ['application/yaml', 'yaml'], ['text/yaml', 'yaml'], ['application/json, application/yaml', 'json'],
    ['application/yaml, application/json', 'yaml'], ['application/json;q=0.5, application/yaml', 'yaml'], ['application/yaml;q=0', 'json']
  ] as const) {
    t.match((await send('GET', path, undefined, { accept })).headers['content-type'], new RegExp(`^application/${media}`), accept)
  }
})

t.test('an implicit service has the manifest that it would be declared with', async (t) => {
  const world = await build(t)
  await front(world)
  const implicit = '/v1/namespaces/shop/services/front'
  const summary = (await world.send('GET', implicit)).json()
  t.match(summary, { implicit: true })
  t.notOk('manifest' in summary)
  t.match((await world.send('GET', `${implicit}?view=manifest`)).json(), { kind: 'Service', spec: { clusterIP: 'None', selector: { 'rollcall.dev/service': 'front' } } })
  const refused = await world.send('DELETE', implicit)
  t.equal(refused.statusCode, 404)
  t.match(refused.json(), { code: 'REG_SERVICE_NOT_FOUND', detail: /was not declared/ })
})

t.test('endpoints of a declared service have its port names, and the numbers of each instance', async (t) => {
  const world = await build(t)
  await front(world)
  await world.send('PUT', path, webui, yaml)
  const { endpoints, declared } = (await world.send('GET', `${path}/endpoints`)).json()
  t.equal(declared, true)
  t.match(endpoints, [{ id: 'front-1', service: 'front', address: '10.0.0.1', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }])
  t.match((await world.send('GET', `${path}/endpoints?port=http`)).json().endpoints, [{ id: 'front-1' }])
  t.notOk('declared' in (await world.send('GET', '/v1/namespaces/shop/services/front/endpoints')).json())
})

t.test('a long poll of a declared service answers when an instance that it selects comes, and when its manifest changes', async (t) => {
  const world = await build(t)
  await world.send('PUT', path, webui, yaml)
  const { revision } = (await world.send('GET', `${path}/endpoints`)).json()
  const waiting = world.send('GET', `${path}/endpoints?after=${revision}&wait=60s`)
  await front(world)
  const first = (await waiting).json()
  t.match(first.endpoints, [{ id: 'front-1' }])
  const changing = world.send('GET', `${path}/endpoints?after=${first.revision}&wait=60s`)
  await world.send('PUT', path, webui.replace('app: webui', 'app: other'), yaml)
  t.strictSame((await changing).json().endpoints, [])
})

t.test('slices and the Endpoints object show the same endpoints as Kubernetes has them', async (t) => {
  const world = await build(t)
  await front(world)
  await front(world, 'front-2', '2001:db8::2')
  await world.send('PUT', path, webui, yaml)
  const list = (await world.send('GET', `${path}/endpointslices`)).json()
  t.match(list, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSliceList' })
  t.match(list.items, [{
    kind: 'EndpointSlice', addressType: 'IPv4', metadata: { labels: { 'kubernetes.io/service-name': 'webui' } },
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true, serving: true, terminating: false } }], ports: [{ name: 'http', port: 8080 }]
  }])
  t.match((await world.send('GET', `${path}/endpointsobject`)).json(), { kind: 'Endpoints', metadata: { name: 'webui' }, subsets: [{ addresses: [{ ip: '10.0.0.1' }] }] })
  const text = await world.send('GET', `${path}/endpointslices`, undefined, acceptYaml)
  t.strictSame(parse(text.body), list)
  for (const view of ['endpointslices', 'endpointsobject']) {
    t.equal((await world.send('GET', `/v1/namespaces/shop/services/nothing/${view}`)).json().code, 'REG_SERVICE_NOT_FOUND')
    t.equal((await world.send('GET', `/v1/namespaces/nowhere/services/nothing/${view}`)).json().code, 'REG_NAMESPACE_NOT_FOUND')
  }
})

t.test('warnings come in the answer and as headers that fit a header', async (t) => {
  const { send } = await build(t)
  const answer = await send('PUT', path, webui.replace('  type: NodePort', '  type: NodePort\n  externalIPs: ["::ffff:10.0.0.9"]'), yaml)
  t.equal(answer.statusCode, 201)
  t.match(answer.json().warnings, [/canonical/])
  t.match(answer.headers.warning, /^299 - "spec\.externalIPs\[0\].* \\"::ffff:10\.0\.0\.9\\"/)
})

t.test('a deleted service is implicit again if instances have its name, and its addresses and ports are free', async (t) => {
  const { send, register } = await build(t)
  await register('shop/webui/own', { address: '10.0.0.3' })
  await send('PUT', path, webui, yaml)
  t.match((await send('GET', path)).json(), { implicit: false, instances: { total: 0 } })
  const answer = await send('DELETE', path)
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { dryRun: false, deleted: [{ kind: 'Service', namespace: 'shop', name: 'webui' }] })
  t.match((await send('GET', path)).json(), { implicit: true, instances: { total: 1 } })
  t.match((await send('GET', '/v1/pools')).json(), [{ kind: 'cluster-ip', used: 0 }, { kind: 'node-port', used: 0 }])
  t.equal((await send('PUT', '/v1/namespaces/shop/services/other', webui.replace('name: webui', 'name: other'), yaml)).statusCode, 201)
})

t.test('a write of an old resource version is a conflict', async (t) => {
  const { send } = await build(t)
  const { manifest } = (await send('PUT', path, webui, yaml)).json()
  await send('PUT', path, webui.replace('app: webui', 'app: other'), yaml)
  const answer = await send('PUT', path, { ...manifest, spec: { ...manifest.spec, sessionAffinity: 'ClientIP' } })
  t.equal(answer.statusCode, 409)
  t.equal(answer.json().code, 'REG_CONFLICT')
})

t.test('lists, the overview and the targets know declared services', async (t) => {
  const world = await build(t)
  const { send } = world
  await front(world)
  await send('PUT', path, webui, yaml)
  t.match((await send('GET', '/v1/services?namespace=shop')).json().items, [{ name: 'front', implicit: true }, { name: 'webui', implicit: false, manifest: { kind: 'Service' } }])
  t.match((await send('GET', '/v1/services?service=webui')).json().items, [{ name: 'webui' }])
  t.match((await send('GET', '/v1/services?selector=app%3Dwebui')).json().items, [{ name: 'front' }, { name: 'webui' }])
  t.match((await send('GET', '/v1/overview')).json(), { services: 2, instances: { total: 1 } })
  for (const query of ['namespace=shop&service=webui', 'service=webui', 'service=webui&selector=app%3Dwebui']) {
    t.match((await send('GET', `/v1/prometheus/targets?${query}`)).json(), [{ targets: ['10.0.0.1:8080'], labels: { __meta_rollcall_service: 'front' } }], query)
  }
  t.strictSame((await send('GET', '/v1/prometheus/targets?service=webui&selector=app%3Dother')).json(), [])
})

t.test('an explanation names the rule that decided, for each service of the namespace', async (t) => {
  const world = await build(t)
  const { send } = world
  await front(world)
  await send('PUT', path, webui, yaml)
  await send('PUT', '/v1/namespaces/shop/services/api', webui.replace('name: webui', 'name: api').replace('app: webui', 'app: api').replace(', nodePort: 30200', ''), yaml)
  await send('PUT', `${pathOf('shop/front/front-1')}/override`, { status: 'down' })
  const answer = await send('GET', `${pathOf('shop/front/front-1')}/explain`)
  t.match(answer.json(), [{ service: 'front', implicit: true, in: true, ready: false }, { service: 'webui', in: true, ready: false, rule: 'override' }, { service: 'api', in: false, rule: 'selector' }])
  t.equal((await send('GET', `${pathOf('shop/front/front-1')}/explain`, undefined, { 'if-none-match': String(answer.headers.etag) })).statusCode, 304)
  t.equal((await send('GET', `${pathOf('shop/front/nobody')}/explain`)).json().code, 'REG_INSTANCE_NOT_FOUND')
})

t.test('a namespace can be declared, is there while it is empty, and goes', async (t) => {
  const { send, register } = await build(t)
  t.equal((await send('GET', '/v1/namespaces/shop')).json().code, 'REG_NAMESPACE_NOT_FOUND')
  t.equal((await send('PUT', '/v1/namespaces/shop')).statusCode, 201)
  t.equal((await send('PUT', '/v1/namespaces/shop', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n', yaml)).json().outcome, 'configured')
  t.match((await send('GET', '/v1/namespaces/shop')).json(), { name: 'shop', services: 0, instances: 0, manifest: { kind: 'Namespace', metadata: { labels: { team: 'a' } } } })
  t.match(parse((await send('GET', '/v1/namespaces/shop', undefined, acceptYaml)).body), { kind: 'Namespace', metadata: { name: 'shop' } })
  await register('shop/front/front-1')
  t.match((await send('DELETE', '/v1/namespaces/shop')).json(), { deleted: [{ kind: 'Namespace', namespace: '', name: 'shop' }] })
  const left = (await send('GET', '/v1/namespaces/shop')).json()
  t.strictSame(left, { name: 'shop', services: 1, instances: 1 }, 'something is in it')
  t.equal((await send('DELETE', '/v1/namespaces/shop')).statusCode, 404)
  t.same((await send('GET', '/v1/namespaces/shop?view=manifest')).json(),
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '' } }, 'what it would be')
})

t.test('loads that heartbeats carry are read with the instance and in the metrics, and are no change', async (t) => {
  const world = await build(t)
  const { send, registry } = world
  await front(world)
  const instance = pathOf('shop/front/front-1')
  const before = await send('GET', instance)
  const { revision } = registry.feed
  t.equal((await send('PUT', `${instance}/heartbeat`, { load: { cpu: { value: 3, capacity: 4 }, queue: { value: 7 } } })).statusCode, 200)
  const after = await send('GET', instance, undefined, { 'if-none-match': String(before.headers.etag) })
  t.strictSame(after.json().load, { cpu: { value: 3, capacity: 4 }, queue: { value: 7 } }, 'the tag is another one')
  t.equal((await send('GET', instance, undefined, { 'if-none-match': String(after.headers.etag) })).statusCode, 304)
  t.notOk('load' in (await send('GET', '/v1/instances')).json().items[0])
  t.equal(registry.feed.revision, revision)
  const metrics = (await send('GET', '/metrics')).body
  t.ok(metrics.includes('rollcall_instance_load{namespace="shop",service="front",id="front-1",name="cpu"} 3\n'))
  t.ok(metrics.includes('rollcall_instance_load_capacity{namespace="shop",service="front",id="front-1",name="cpu"} 4\n'))
  t.notOk(metrics.includes('rollcall_instance_load_capacity{namespace="shop",service="front",id="front-1",name="queue"}'))
  await send('DELETE', instance)
  t.notMatch((await send('GET', '/metrics')).body, /^rollcall_instance_load\{/m)
})

t.test('a scrape shows at most 5,000 loads, and of how many instances there are some', async (t) => {
  const { send, register } = await build(t)
  const load = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`m${index}`, { value: index }]))
  const ids = Array.from({ length: 320 }, (_, index) => `i-${index}`)
  await Promise.all(ids.map((id) => register(`shop/front/${id}`)))
  await send('POST', '/v1/heartbeats', { leases: ids.map((id) => ({ namespace: 'shop', service: 'front', id, load })) })
  const metrics = (await send('GET', '/metrics')).body
  t.equal(metrics.match(/^rollcall_instance_load\{/gm)?.length, 5_000)
  t.match(metrics, /^rollcall_instance_loads 320$/m)
})

t.test('metrics count declared services and the values in use of each pool', async (t) => {
  const { send } = await build(t)
  await send('PUT', path, webui, yaml)
  const metrics = (await send('GET', '/metrics')).body
  for (const line of ['rollcall_declared_services 1', 'rollcall_pool_size{pool="node-ports",kind="node-port"} 2768', 'rollcall_pool_used{pool="node-ports",kind="node-port"} 1']) {
    t.ok(metrics.includes(`${line}\n`), line)
  }
})
