import t from 'tap'
import { bearer, tokenOf } from '../support/world.ts'
import { cluster, namespaced, serviceOf } from './helper.ts'

t.test('discovery is told in both forms, in the version that was asked for', async (t) => {
  const { ask } = await cluster(t)
  const as = (version: string): string => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
  for (const [accept, media, kind] of [
    [`${as('v2')},${as('v2beta1')},application/json`, as('v2'), 'APIGroupDiscoveryList'], [`${as('v2beta1')},application/json`, as('v2beta1'), 'APIGroupDiscoveryList'],
    [`${as('v9')},application/json`, 'application/json', 'APIGroupList'], ['application/json', 'application/json', 'APIGroupList'], ['*/*', 'application/json', 'APIGroupList']
  ] as const) {
    const answer = await ask('GET', '/apis', undefined, { accept })
    t.equal(answer.headers['content-type'], media, accept)
    t.equal(answer.json().kind, kind)
  }
  const aggregated = (await ask('GET', '/api', undefined, { accept: as('v2') })).json().items[0].versions[0]
  const classic = (await ask('GET', '/api/v1')).json()
  t.same(aggregated.resources.map(({ resource }: any) => resource).sort(), classic.resources.map(({ name }: any) => name).filter((name: string) => !name.includes('/')).sort())
  t.match(classic.resources.find(({ name }: any) => name === 'services'), { singularName: 'service', namespaced: true, kind: 'Service', shortNames: ['svc'], categories: ['all'], verbs: ['create', 'delete'] })
  t.match((await ask('GET', '/apis/apps')).json(), { kind: 'APIGroup', name: 'apps', preferredVersion: { groupVersion: 'apps/v1' } })
  t.match((await ask('GET', '/apis/apps/v1')).json().resources, [{ name: 'deployments' }, { name: 'deployments/status' }, { name: 'deployments/scale', group: 'autoscaling', version: 'v1', kind: 'Scale' }])
  t.match((await ask('GET', '/version')).json(), { major: '1', minor: '33', gitVersion: /^v1\.33\.0/ })
  for (const path of ['/livez', '/readyz', '/healthz']) t.equal((await ask('GET', path)).body, 'ok', path)
})

t.test('what is not there is said in the words of Kubernetes', async (t) => {
  const { ask, register } = await cluster(t)
  await register('shop/orders/a')
  const nowhere = 'the server could not find the requested resource'
  for (const [method, path, code, reason, message] of [
    ['GET', `${namespaced}/services/x`, 404, 'NotFound', 'services "x" not found'], ['GET', '/apis/apps/v1/namespaces/shop/deployments/x', 404, 'NotFound', 'deployments.apps "x" not found'],
    ['GET', '/api/v1/namespaces/nowhere', 404, 'NotFound', 'namespaces "nowhere" not found'], ['GET', '/api/v1/nodes/x', 404, 'NotFound', 'nodes "x" not found'],
    ['GET', '/apis/batch/v1/jobs', 404, 'NotFound', nowhere], ['GET', '/apis/batch', 404, 'NotFound', nowhere], ['GET', '/api/v2', 404, 'NotFound', nowhere], ['GET', '/nowhere', 404, 'NotFound', nowhere],
    ['GET', `${namespaced}/replicasets`, 404, 'NotFound', nowhere], ['GET', `${namespaced}/services/x/proxy`, 404, 'NotFound', nowhere], ['GET', '/api/v1/namespaces/shop/nodes', 404, 'NotFound', nowhere],
    ['GET', '/api/v1//services', 404, 'NotFound', nowhere], ['GET', '/api/v1/services/x', 404, 'NotFound', nowhere], ['GET', `${namespaced}/pods/a/log`, 404, 'NotFound', nowhere],
    ['POST', '/api/v1/services', 405, 'MethodNotAllowed', /does not allow this method/], ['PUT', `${namespaced}/services`, 405, 'MethodNotAllowed', /does not allow this method/],
    ['POST', `${namespaced}/pods`, 405, 'MethodNotAllowed', /^create is not supported on resources of kind "pods": a pod is an instance/], ['PUT', `${namespaced}/pods/a`, 405, 'MethodNotAllowed', /^update is not supported/],
    ['DELETE', '/api/v1/nodes/x', 405, 'MethodNotAllowed', /^delete is not supported on resources of kind "nodes"/], ['POST', '/api/v1', 405, 'MethodNotAllowed', /does not allow/],
    ['DELETE', `${namespaced}/services/orders`, 405, 'MethodNotAllowed', /nobody declared it/], ['DELETE', `${namespaced}/endpoints/orders`, 405, 'MethodNotAllowed', /made of what is registered/],
    ['POST', '/api/v1/namespaces/nowhere/services', 404, 'NotFound', 'namespaces "nowhere" not found']
  ] as const) {
    const answer = await ask(method, path, method === 'POST' || method === 'PUT' ? serviceOf('x') : undefined)
    t.equal(answer.statusCode, code, `${method} ${path}`)
    t.match(answer.json(), { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }, `${method} ${path}`)
  }
})

t.test('a body of another kind, of another name, too large or of an unknown type is refused, and nothing changes', async (t) => {
  const { ask, register, registry } = await cluster(t)
  await register('shop/orders/a')
  const { revision } = registry.feed
  for (const [body, headers, code, reason] of [
    [{ ...serviceOf('x'), kind: 'Endpoints' }, {}, 400, 'BadRequest'], [{ ...serviceOf('x'), apiVersion: 'v2' }, {}, 400, 'BadRequest'], ['{', {}, 400, 'BadRequest'], ['[]', {}, 400, 'BadRequest'],
    [serviceOf('x', {}, { namespace: 'other' }), {}, 400, 'BadRequest'], [serviceOf('x'), { 'content-type': 'text/csv' }, 415, 'UnsupportedMediaType'],
    [serviceOf('x', { ports: [] }), {}, 422, 'Invalid'], [serviceOf('X_x'), {}, 422, 'Invalid'], [serviceOf('x', { ports: [{ port: '80' }] }), {}, 400, 'BadRequest'],
    [Buffer.from('k8s\0\xff\xff\xff'), { 'content-type': 'application/vnd.kubernetes.protobuf' }, 400, 'BadRequest'], [`"${'x'.repeat(4 * 1024 ** 2)}"`, {}, 413, 'RequestEntityTooLarge']
  ] as const) {
    const answer = await ask('POST', `${namespaced}/services`, body, headers)
    t.equal(answer.statusCode, code, String(JSON.stringify(body)).slice(0, 80))
    t.match(answer.json(), { kind: 'Status', reason, code })
  }
  t.equal(registry.feed.revision, revision)
  const invalid = (await ask('POST', `${namespaced}/services`, serviceOf('web', { ports: [{ port: 0 }, { port: 80, protocol: 'tcp' }] }))).json()
  t.match(invalid, { message: /^Service "web" is invalid: \[/, details: { name: 'web', kind: 'Service' } })
  t.match(invalid.details.causes.find(({ field }: any) => field === 'spec.ports[0].port'), { reason: 'FieldValueInvalid', message: 'Invalid value: 0: must be between 1 and 65535, inclusive' })
  t.match(invalid.details.causes.find(({ field }: any) => field === 'spec.ports[1].protocol'), { reason: 'FieldValueNotSupported', message: 'Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"' })
})

t.test('what one door writes, the others show: the same object, address and revision', async (t) => {
  const { ask, send, register } = await cluster(t)
  await register('shop/orders/a', { address: '10.0.0.1', labels: { app: 'web' } })
  const created = await ask('POST', `${namespaced}/services`, serviceOf('web', { type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] }))
  t.equal(created.statusCode, 201)
  const rest = (await send('GET', '/v1/namespaces/shop/services/web?view=manifest')).json()
  const kube = (await ask('GET', `${namespaced}/services/web`)).json()
  t.same(kube.spec, rest.spec)
  t.equal(kube.metadata.uid, rest.metadata.uid)
  t.equal(kube.metadata.resourceVersion, rest.metadata.resourceVersion)
  t.equal((await ask('POST', `${namespaced}/services`, serviceOf('web'))).json().message, 'services "web" already exists')
  t.equal((await ask('POST', `${namespaced}/services`, serviceOf('other', { type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] }))).statusCode, 422)
  await send('DELETE', '/v1/namespaces/shop/services/web')
  t.equal((await ask('GET', `${namespaced}/services/web`)).statusCode, 404)
})

t.test('deleting a pod deregisters its instance, and no later life of it', async (t) => {
  const { ask, register, registry } = await cluster(t)
  await register('shop/orders/a')
  const pod = (await ask('GET', `${namespaced}/pods/a`)).json()
  t.equal((await ask('DELETE', `${namespaced}/pods/a`, { preconditions: { uid: 'another' } })).statusCode, 409)
  t.equal((await ask('DELETE', `${namespaced}/pods/a?dryRun=All`)).statusCode, 200)
  t.equal(registry.catalog.size, 1)
  t.match((await ask('DELETE', `${namespaced}/pods/a`, { propagationPolicy: 'Background' })).json(), { status: 'Success', details: { name: 'a', kind: 'pods', uid: pod.metadata.uid } })
  t.equal(registry.catalog.size, 0)
  t.equal((await ask('DELETE', `${namespaced}/pods/a`)).statusCode, 404)
})

t.test('a namespace goes with what is declared in it, and stays while instances are in it', async (t) => {
  const { ask, register, access } = await cluster(t)
  t.equal((await ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } })).statusCode, 201)
  await ask('POST', '/api/v1/namespaces/prod/services', serviceOf('web'))
  await register('prod/web/a')
  t.match((await ask('DELETE', '/api/v1/namespaces/prod')).json(), { code: 409, message: /1 instances are registered in it/ })
  await access.deregister({ namespace: 'prod', service: 'web', id: 'a' })
  t.equal((await ask('DELETE', '/api/v1/namespaces/prod')).statusCode, 200)
  t.equal((await ask('GET', '/api/v1/namespaces/prod')).statusCode, 404)
})

t.test('each client sees and does what policies permit it, in lists, watches and reviews', async (t) => {
  const world = await cluster(t, { control: { mode: 'on' } })
  const { ask, registry, watch } = world
  const { registryActor } = await import('../../server/registry/core.ts')
  const own = registry.as(registryActor)
  for (const service of ['orders', 'payments']) await own.register({ namespace: 'shop', service, id: `${service}-1` }, { address: '10.0.0.1', node: `machine-${service}` })
  const reader = bearer(await tokenOf(world, 'reader', [{ verbs: ['read'], namespaces: ['shop'], services: ['orders'] }]))
  const names = async (path: string): Promise<string[]> => (await ask('GET', path, undefined, reader)).json().items.map(({ metadata: { name } }: any) => name)
  t.same(await names(`${namespaced}/pods`), ['orders-1'])
  t.same(await names('/api/v1/services'), ['orders'])
  t.same(await names('/api/v1/nodes'), ['machine-orders'])
  t.same(await names('/apis/apps/v1/deployments'), ['orders'])
  t.equal((await ask('GET', `${namespaced}/services/payments`, undefined, reader)).statusCode, 403)
  t.match((await ask('GET', `${namespaced}/services/payments`, undefined, reader)).json(), { reason: 'Forbidden', message: /^services "payments" is forbidden: User/ })
  t.equal((await ask('GET', `${namespaced}/pods/payments-1`, undefined, reader)).statusCode, 404)
  t.match((await ask('GET', `${namespaced}/pods`)).json(), { code: 401, reason: 'Unauthorized', message: 'Unauthorized' })
  t.equal((await ask('DELETE', `${namespaced}/pods/orders-1`, undefined, reader)).statusCode, 403)
  t.equal((await ask('GET', '/apis/rollcall.dev/v1/policies', undefined, reader)).statusCode, 403)

  const events = await watch(`${namespaced}/pods?watch=true`, reader)
  t.same(await events.told(1), ['ADDED orders-1'])
  await own.register({ namespace: 'shop', service: 'payments', id: 'payments-2' }, { address: '10.0.0.2' })
  await own.register({ namespace: 'shop', service: 'orders', id: 'orders-2' }, { address: '10.0.0.2' })
  t.same(await events.told(1), ['ADDED orders-2'])

  const may = async (attributes: object): Promise<boolean> => (await ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: attributes }
  }, reader)).json().status.allowed
  t.equal(await may({ verb: 'get', resource: 'services', namespace: 'shop', name: 'orders' }), true)
  t.equal(await may({ verb: 'get', resource: 'services', namespace: 'shop', name: 'payments' }), false)
  t.equal(await may({ verb: 'list', resource: 'services', namespace: 'shop' }), false)
  t.equal(await may({ verb: 'create', resource: 'services', namespace: 'shop', name: 'orders' }), false)
  t.equal(await may({ verb: 'delete', resource: 'nodes' }), false)
  t.match((await ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, reader)).json(), { status: { userInfo: { username: 'token:reader' } } })
})

t.test('a watch whose client may see something else from now on begins anew', async (t) => {
  const world = await cluster(t, { control: { mode: 'on' } })
  const { registry, watch } = world
  const { registryActor } = await import('../../server/registry/core.ts')
  const own = registry.as(registryActor)
  await own.register({ namespace: 'shop', service: 'orders', id: 'orders-1' }, { address: '10.0.0.1' })
  await own.register({ namespace: 'shop', service: 'payments', id: 'payments-1' }, { address: '10.0.0.1' })
  const reader = bearer(await tokenOf(world, 'reader', [{ verbs: ['read'], namespaces: ['shop'], services: ['orders'] }]))
  const events = await watch(`${namespaced}/pods?watch=true`, reader)
  t.same(await events.told(1), ['ADDED orders-1'])
  await own.put({ kind: 'Policy', namespace: '', name: 'more' }, { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'more' }, spec: { subjects: ['token:reader'], rules: [{ verbs: ['read'], namespaces: ['shop'] }] } })
  t.match(await events.next(), { type: 'ERROR', object: { code: 410, reason: 'Expired' } })
  t.equal(await events.next(), undefined)
})

t.test('requests and watches are counted', async (t) => {
  const { ask, register, watch, metrics } = await cluster(t)
  await register('shop/orders/a')
  await ask('GET', `${namespaced}/pods/a`)
  await ask('GET', `${namespaced}/pods`)
  const events = await watch(`${namespaced}/pods?watch=true`)
  await events.told(1)
  const text = await metrics.register.metrics()
  for (const line of [
    'rollcall_kubernetes_requests_total{verb="get",resource="pods",code="200"} 1', 'rollcall_kubernetes_requests_total{verb="list",resource="pods",code="200"} 1',
    'rollcall_kubernetes_requests_total{verb="watch",resource="pods",code="200"} 1', 'rollcall_kubernetes_watches{resource="pods"} 1'
  ]) t.ok(text.includes(line), line)
})
