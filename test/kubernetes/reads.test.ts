import t from 'tap'
import { cluster, namespaced, passing, serviceOf, tableAccept } from './helper.ts'

const ports = [{ name: 'http', port: 8080 }]

t.test('what is registered is seen as services, endpoints, slices, pods, nodes, deployments, leases and namespaces', async (t) => {
  const { register, ask } = await cluster(t)
  await register('shop/orders/orders-1', { address: '10.0.0.1', ports, labels: { app: 'orders' }, node: 'machine-1', zone: 'z1', version: '1.2' })
  await register('shop/orders/orders-2', { address: '10.0.0.2', ports, labels: { app: 'orders' }, node: 'machine-1', status: 'draining' })
  for (const [path, name, shown] of [
    [`${namespaced}/services/orders`, 'orders', { spec: { clusterIP: 'None', selector: { 'rollcall.dev/service': 'orders' } }, metadata: { annotations: { 'rollcall.dev/implicit': 'true' } } }],
    [`${namespaced}/endpoints/orders`, 'orders', { subsets: [{ addresses: [{ ip: '10.0.0.1', nodeName: 'machine-1', targetRef: { kind: 'Pod', name: 'orders-1' } }], ports: [{ name: 'http', port: 8080 }] }] }],
    [`${namespaced}/pods/orders-1`, 'orders-1', {
      metadata: { labels: { app: 'orders', 'rollcall.dev/service': 'orders' } }, spec: { nodeName: 'machine-1', containers: [{ name: 'orders', image: 'orders:1.2', ports: [{ containerPort: 8080 }] }] },
      status: { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [{ ready: true }] }
    }],
    [`${namespaced}/pods/orders-2`, 'orders-2', { status: { reason: 'Draining', containerStatuses: [{ ready: false }] } }],
    ['/api/v1/nodes/machine-1', 'machine-1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'z1' } }, status: { addresses: [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: 'machine-1' }] } }],
    ['/apis/apps/v1/namespaces/shop/deployments/orders', 'orders', { spec: { replicas: 2, selector: { matchLabels: { app: 'orders' } } }, status: { readyReplicas: 1, unavailableReplicas: 1 } }],
    ['/apis/apps/v1/namespaces/shop/deployments/orders/scale', 'orders', { kind: 'Scale', spec: { replicas: 2 }, status: { selector: 'app=orders' } }],
    ['/apis/coordination.k8s.io/v1/namespaces/shop/leases/orders-1', 'orders-1', { spec: { holderIdentity: 'orders/orders-1', leaseDurationSeconds: 15 } }],
    ['/api/v1/namespaces/shop', 'shop', { status: { phase: 'Active' } }],
    ['/api/v1/namespaces/default', 'default', { status: { phase: 'Active' } }]
  ] as const) {
    const answer = await ask('GET', path)
    t.equal(answer.statusCode, 200, path)
    t.equal(answer.json().metadata.name, name)
    t.match(answer.json(), shown, path)
  }
  const slices = (await ask('GET', '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dorders')).json()
  t.equal(slices.kind, 'EndpointSliceList')
  t.match(slices.items.find(({ addressType }: { addressType: string }) => addressType === 'IPv4').endpoints, [
    { addresses: ['10.0.0.1'], conditions: { ready: true }, zone: 'z1' }, { addresses: ['10.0.0.2'], conditions: { ready: false, serving: true, terminating: true } }
  ])
  const events = (await ask('GET', `${namespaced}/events?fieldSelector=involvedObject.name%3Dorders-1%2CinvolvedObject.kind%3DPod`)).json()
  t.match(events.items, [{ reason: 'Registered', type: 'Normal', involvedObject: { kind: 'Pod', name: 'orders-1' } }])
  t.equal(events.items[0].involvedObject.uid, (await ask('GET', `${namespaced}/pods/orders-1`)).json().metadata.uid, 'describe finds it by the uid')
})

t.test('the id of an instance is the name of its pod; where two services have the same id, the later one says its service, and names that are not legal are made so', async (t) => {
  const { register, access, ask } = await cluster(t)
  await register('shop/orders/host-1')
  await register('shop/Payments-not-a-label'.replace('Payments-not-a-label', 'payments/host-1'))
  await register('shop/orders/Host_7:8080')
  const names = async (): Promise<string[]> => (await ask('GET', `${namespaced}/pods`)).json().items.map(({ metadata }: any) => `${metadata.name}=${metadata.annotations['rollcall.dev/id']}`)
  t.match(await names(), ['host-1=orders/host-1', 'host-1.payments=payments/host-1', /^host-7-8080-[0-9a-f]{8}=orders\/Host_7:8080$/])
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'host-1' })
  t.match(await names(), ['host-1=payments/host-1', /^host-7-8080/])
})

t.test('a selector that no object fits gives an empty list; one that cannot be read, or a field that is none, is refused', async (t) => {
  const { register, access, ask } = await cluster(t)
  await access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, serviceOf('web', { type: 'NodePort' }, { labels: { tier: 'front' } }))
  await register('shop/orders/orders-1', { address: '10.0.0.1', labels: { app: 'orders' } })
  for (const [query, names] of [
    ['labelSelector=tier%3Dfront', ['web']], ['labelSelector=tier+in+%28front%2Cback%29', ['web']], ['labelSelector=tier%21%3Dfront', ['orders']], ['labelSelector=%21tier', ['orders']],
    ['labelSelector=tier%3Dback', []], ['fieldSelector=metadata.name%3Dweb', ['web']], ['fieldSelector=metadata.name%21%3Dweb', ['orders']],
    ['fieldSelector=spec.type%3DNodePort', ['web']], ['fieldSelector=spec.clusterIP%3D%3DNone', ['orders']], ['fieldSelector=metadata.namespace%3Dother', []], ['', ['orders', 'web']]
  ] as const) t.same((await ask('GET', `/api/v1/services?${query}`)).json().items.map(({ metadata: { name } }: any) => name), names, query)
  for (const [query, message] of [
    ['labelSelector=a+b', /unable to parse requirement/], ['labelSelector=in+%28', /unable to parse/], ['fieldSelector=spec.ports%3D1', /field label not supported: spec.ports/], ['fieldSelector=nonsense', /invalid selector/]
  ] as const) {
    const answer = await ask('GET', `/api/v1/services?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { kind: 'Status', status: 'Failure', reason: 'BadRequest', code: 400, message })
  }
})

t.test('pages of a list are of one revision, whatever changes in between; one of yesterday is told to begin anew', async (t) => {
  const { register, access, ask } = await cluster(t)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await register(`shop/orders/${name}`)
  const names = (list: any): string[] => list.items.map(({ metadata }: any) => metadata.name)
  const first = (await ask('GET', `${namespaced}/pods?limit=2`)).json()
  t.same(names(first), ['a', 'b'])
  t.match(first.metadata, { remainingItemCount: 3 })
  await access.deregister({ namespace: 'shop', service: 'orders', id: 'c' })
  await register('shop/orders/cc')
  await access.patch({ namespace: 'shop', service: 'orders', id: 'd' }, { labels: { changed: 'yes' } })
  const second = (await ask('GET', `${namespaced}/pods?limit=2&continue=${first.metadata.continue}`)).json()
  t.same(names(second), ['c', 'd'])
  t.notOk(second.items[1].metadata.labels.changed, 'as it was')
  t.equal(second.metadata.resourceVersion, first.metadata.resourceVersion)
  const third = (await ask('GET', `${namespaced}/pods?limit=2&continue=${second.metadata.continue}`)).json()
  t.same(names(third), ['e'])
  t.notOk('continue' in third.metadata)
  t.same(names((await ask('GET', `${namespaced}/pods`)).json()), ['a', 'b', 'cc', 'd', 'e'])
  t.same(names((await ask('GET', `${namespaced}/pods?resourceVersion=${first.metadata.resourceVersion}&resourceVersionMatch=Exact`)).json()), ['a', 'b', 'c', 'd', 'e'])

  const old = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 1, start: 'shop/b' })).toString('base64url')
  const refused = await ask('GET', `${namespaced}/pods?limit=2&continue=${old}`)
  t.equal(refused.statusCode, 410)
  t.match(refused.json(), { reason: 'Expired', code: 410, message: /^The provided continue parameter is too old/ })
  t.same(names((await ask('GET', `${namespaced}/pods?limit=2&continue=${refused.json().metadata.continue}`)).json()), ['cc', 'd'], 'or goes on with what there is now')
})

t.test('what of a list does not go together is refused, with the words of Kubernetes', async (t) => {
  const { ask, register } = await cluster(t)
  await register('shop/orders/a')
  await register('shop/orders/b')
  for (const [query, code, message] of [
    ['resourceVersion=abc', 400, /Invalid value: "abc"/], ['continue=zzz', 400, /continue key is not valid/], ['limit=-1', 400, /limit/], ['limit=x', 400, /strconv.ParseInt/],
    ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/], ['resourceVersion=1&resourceVersionMatch=Almost', 422, /Unsupported value: "Almost"/],
    ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list/], ['watch=true&sendInitialEvents=true', 422, /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/],
    ['watch=true&resourceVersion=1&resourceVersionMatch=NotOlderThan', 422, /forbidden for watch unless sendInitialEvents is provided/],
    ['resourceVersion=1&resourceVersionMatch=Exact', 410, /too old/], [`fieldSelector=${'a%3D1,'.repeat(70)}`, 400, /at most 64 terms/]
  ] as const) {
    const answer = await ask('GET', `${namespaced}/pods?${query}`)
    t.equal(answer.statusCode, code, query)
    t.match(answer.json(), { kind: 'Status', code, message })
  }
})

t.test('a client that has seen more than this node is waited for, a moment', async (t) => {
  const { ask, register, registry, clock } = await cluster(t)
  await register('shop/orders/a')
  const next = registry.feed.revision + 1
  const waiting = ask('GET', `${namespaced}/pods?resourceVersion=${next}`)
  await register('shop/orders/b')
  t.equal((await waiting).json().items.length, 2)
  const late = await passing(clock, 3_000, ask('GET', `${namespaced}/pods?resourceVersion=${next + 100}`))
  t.equal(late.statusCode, 504)
  t.match(late.json(), { reason: 'Timeout', message: /^Too large resource version/, details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } })
})

t.test('tables have the columns that people know', async (t) => {
  const { register, access, ask } = await cluster(t)
  await register('shop/orders/orders-1', { address: '10.0.0.1', ports, labels: { app: 'orders' }, node: 'machine-1' })
  const twoPorts = [{ name: 'a', port: 80, nodePort: 30000 }, { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30053 }]
  const web = serviceOf('web', { type: 'NodePort', clusterIP: '10.96.100.100', selector: { app: 'orders' }, ports: twoPorts })
  await access.put({ kind: 'Service', namespace: 'shop', name: 'web' }, web)
  await access.put({ kind: 'Service', namespace: 'shop', name: 'lb' }, serviceOf('lb', { type: 'LoadBalancer' }))
  await access.put({ kind: 'Service', namespace: 'shop', name: 'out' }, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'out' }, spec: { type: 'ExternalName', externalName: 'example.com' } })
  const cells = async (path: string): Promise<Record<string, unknown>[]> => {
    const { kind, columnDefinitions, rows } = (await ask('GET', path, undefined, tableAccept)).json()
    t.equal(kind, 'Table')
    const titles: string[] = columnDefinitions.map(({ name }: { name: string }) => name)
    return rows.map(({ cells }: { cells: unknown[] }) => Object.fromEntries(titles.map((title, at) => [title, cells[at]])))
  }
  t.match(await cells(`${namespaced}/services`), [
    { Name: 'lb', Type: 'LoadBalancer', 'External-IP': '<pending>' },
    { Name: 'orders', Type: 'ClusterIP', 'Cluster-IP': 'None', 'External-IP': '<none>', 'Port(s)': '<none>', Selector: 'rollcall.dev/service=orders' },
    { Name: 'out', Type: 'ExternalName', 'Cluster-IP': '<none>', 'External-IP': 'example.com', 'Port(s)': '<none>' },
    { Name: 'web', Type: 'NodePort', 'Cluster-IP': '10.96.100.100', 'Port(s)': '80:30000/TCP,53:30053/UDP', Selector: 'app=orders' }
  ])
  t.match(await cells(`${namespaced}/pods`), [{ Name: 'orders-1', Ready: '1/1', Status: 'Running', Restarts: '0', IP: '10.0.0.1', Node: 'machine-1', 'Nominated Node': '<none>' }])
  t.match(await cells(`${namespaced}/endpoints/orders`), [{ Name: 'orders', Endpoints: '10.0.0.1:8080' }])
  t.match(await cells('/api/v1/nodes'), [{ Name: 'machine-1', Status: 'Ready', Roles: '<none>', 'Internal-IP': '10.0.0.1' }])
  t.match(await cells('/apis/apps/v1/namespaces/shop/deployments'), [{ Name: 'orders', Ready: '1/1', 'Up-to-date': 1, Available: 1, Selector: 'app=orders' }])
  t.match(await cells('/api/v1/namespaces'), [{ Name: 'default', Status: 'Active' }, { Name: 'shop', Status: 'Active' }])
  for (const [include, expected] of [['None', undefined], ['Metadata', 'PartialObjectMetadata'], ['Object', 'Service']] as const) {
    t.equal((await ask('GET', `${namespaced}/services/web?includeObject=${include}`, undefined, tableAccept)).json().rows[0].object?.kind, expected, include)
  }
})

t.test('what a client accepts decides the form', async (t) => {
  const { ask, register } = await cluster(t)
  await register('shop/orders/a')
  for (const [accept, kind] of [
    ['*/*', 'ServiceList'], ['application/json', 'ServiceList'], ['application/vnd.kubernetes.protobuf', 'ServiceList'], ['application/vnd.kubernetes.protobuf,application/json', 'ServiceList'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1', 'PartialObjectMetadataList'], ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', 'ServiceList'],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', 'Table']
  ] as const) t.equal((await ask('GET', `${namespaced}/services`, undefined, { accept })).json().kind, kind, accept)
  for (const accept of ['text/html', 'application/json;as=Table;v=v9;g=meta.k8s.io', 'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io']) {
    const answer = await ask('GET', `${namespaced}/services`, undefined, { accept })
    t.equal(answer.statusCode, 406, accept)
    t.match(answer.json(), { reason: 'NotAcceptable' })
  }
})

t.test('loads of heartbeats are what kubectl top shows', async (t) => {
  const { register, beat, ask } = await cluster(t)
  const { instance } = await register('shop/orders/orders-1', { address: '10.0.0.1', node: 'machine-1' })
  await register('shop/orders/orders-2', { address: '10.0.0.2', node: 'machine-1' })
  await beat([{ namespace: 'shop', service: 'orders', id: 'orders-1', generation: instance.generation, load: { cpu: { value: 0.12 }, memory: { value: 52 * 1024 ** 2 } } }])
  t.match((await ask('GET', '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods')).json(), {
    kind: 'PodMetricsList', items: [{ metadata: { name: 'orders-1', namespace: 'shop' }, window: '15s', containers: [{ name: 'orders', usage: { cpu: '120m', memory: '53248Ki' } }] }]
  })
  t.match((await ask('GET', '/apis/metrics.k8s.io/v1beta1/nodes/machine-1')).json(), { kind: 'NodeMetrics', usage: { cpu: '120m' } })
  t.equal((await ask('GET', '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/orders-2')).statusCode, 404)
})
