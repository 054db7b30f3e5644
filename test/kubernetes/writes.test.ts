// Writes through the door of Kubernetes, on a whole node: what is answered, and what the registry holds then.
import { request } from 'node:http'
import t from 'tap'
import { field, message } from '../../server/kubernetes/write/protobuf/wire-writer.ts'
import { call } from '../support/processes.ts'
import { type KubernetesNode, patchTypes, startKubernetes } from './node.ts'

const services = '/api/v1/namespaces/default/services'
const service = (name: string, spec: object = {}, metadata: object = {}): object =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, ...metadata }, spec: { ports: [{ port: 80 }], selector: { app: name }, ...spec } })

/** The service as the native API has it. */
async function native ({ native: url }: KubernetesNode, name: string): Promise<any> {
  return (await call('GET', `${url}/v1/namespaces/default/services/${name}`)).body
}

t.test('one service through all verbs is one truth for both doors', async (t) => {
  const node = await startKubernetes(t)
  const { ask } = node
  const created = await ask('POST', `${services}?fieldManager=kubectl-create`, service('web'))
  t.match(created, { status: 201, body: { kind: 'Service', metadata: { name: 'web', uid: /./, managedFields: [{ manager: 'kubectl-create', operation: 'Update' }] }, spec: { type: 'ClusterIP', clusterIP: /^10\./ } } })
  t.notMatch(JSON.stringify(await native(node, 'web')), /managedFields/, 'who asks the native door is not told who manages it')
  t.match(await ask('POST', services, service('web')), { status: 409, body: { kind: 'Status', reason: 'AlreadyExists', message: 'services "web" already exists', details: { name: 'web', kind: 'services' } } })

  t.match(await ask('PATCH', `${services}/web`, { spec: { type: 'NodePort' } }, patchTypes.merge), { status: 200, body: { spec: { type: 'NodePort', clusterIP: created.body.spec.clusterIP } } })
  const { nodePort } = (await native(node, 'web')).manifest.spec.ports[0]
  t.match(await ask('PATCH', `${services}/web`, { spec: { clusterIP: '10.96.9.9' } }, patchTypes.merge), { status: 422, body: { details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec.clusterIPs[0]', message: /may not change once set$/ }] } } })
  t.match(await ask('PATCH', `${services}/web`, { spec: { clusterIP: null } }, patchTypes.merge), { status: 200, body: { spec: { clusterIP: created.body.spec.clusterIP } } }, 'what is left out is kept')
  t.match(await ask('PATCH', `${services}/web`, { spec: { ports: [{ port: 443 }, { port: 80, name: 'http' }] } }, patchTypes.strategic), { status: 422, body: { reason: 'Invalid', details: { causes: [{ reason: 'FieldValueRequired', field: 'spec.ports[0].name' }] } } })
  t.match(await ask('PATCH', `${services}/web`, { spec: { ports: [{ port: 443, name: 'tls' }, { port: 80, name: 'http' }] } }, patchTypes.strategic), { status: 200, body: { spec: { ports: [{ port: 443 }, { port: 80, nodePort }] } } })
  t.match(await ask('PATCH', `${services}/web`, [{ op: 'remove', path: '/spec/ports/0' }], patchTypes.json), { status: 200, body: { spec: { ports: [{ port: 80, nodePort }] } } })
  const { body: live } = await ask('GET', `${services}/web`)
  t.match(await ask('PUT', `${services}/web`, { ...live, spec: { ...live.spec, sessionAffinity: 'ClientIP' } }), { status: 200, body: { spec: { sessionAffinity: 'ClientIP' } } })
  t.match(await ask('PUT', `${services}/web`, live), {
    status: 409, body: { reason: 'Conflict', details: { name: 'web', kind: 'services' }, message: 'Operation cannot be fulfilled on services "web": the object has been modified; please apply your changes to the latest version and try again' }
  })

  await call('PUT', `${node.native}/v1/namespaces/default/services/web`, { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 8080 }], selector: { app: 'native' } } })
  const { body: after } = await ask('GET', `${services}/web`)
  t.ok(after.metadata.managedFields.some(({ manager }: { manager: string }) => manager === 'rollcall'), 'the other door is a manager, too')

  t.match(await ask('DELETE', `${services}/web`, { preconditions: { uid: 'another' } }), { status: 409, body: { message: `Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: another, UID in object meta: ${live.metadata.uid}` } })
  t.match(await ask('DELETE', `${services}/web`, { preconditions: { resourceVersion: live.metadata.resourceVersion } }), { status: 409, body: { message: /^Operation cannot be fulfilled on services "web": Precondition failed: ResourceVersion in precondition/ } })
  t.match(await ask('DELETE', `${services}/web`, { preconditions: { uid: live.metadata.uid, resourceVersion: after.metadata.resourceVersion }, propagationPolicy: 'Background' }), { status: 200, body: { status: 'Success', details: { uid: live.metadata.uid } } })
  t.match(await ask('GET', `${services}/web`), { status: 404 })
})

t.test('a dry run says everything and does nothing', async (t) => {
  const { ask } = await startKubernetes(t)
  t.match(await ask('POST', `${services}?dryRun=All`, service('web')), { status: 201, body: { metadata: { name: 'web' }, spec: { type: 'ClusterIP' } } })
  t.match(await ask('GET', `${services}/web`), { status: 404 })
  await ask('POST', services, service('web'))
  const { body: before } = await ask('GET', `${services}/web`)
  t.match(await ask('PATCH', `${services}/web?dryRun=All`, { spec: { type: 'NodePort' } }, patchTypes.merge), { status: 200, body: { spec: { type: 'NodePort' } } })
  t.match(await ask('PATCH', `${services}/web?dryRun=All&fieldManager=me&force=true`, service('web', { selector: { app: 'me' } }), patchTypes.apply), { status: 200, body: { spec: { selector: { app: 'me' } } } })
  t.match(await ask('PUT', `${services}/web?dryRun=All`, service('web', { selector: { app: 'you' } })), { status: 200 })
  t.match(await ask('DELETE', `${services}/web?dryRun=All`), { status: 200 })
  t.match(await ask('DELETE', `${services}/web`, { dryRun: ['All'] }), { status: 200 })
  t.same((await ask('GET', `${services}/web`)).body, before)
})

t.test('fields that are not known, or twice, are refused, said or passed over, as asked', async (t) => {
  const { ask } = await startKubernetes(t)
  const twice = JSON.stringify(service('web', { foo: 1 })).replace('"port":80', '"port":80,"port":81')
  const said = ['unknown field "spec.foo"', 'duplicate field "spec.ports[0].port"']
  t.match(await ask('POST', `${services}?fieldValidation=Strict`, twice), {
    status: 400, body: { reason: 'BadRequest', message: 'Service in version "v1" cannot be handled as a Service: strict decoding error: duplicate field "spec.ports[0].port", unknown field "spec.foo"' }
  })
  t.match(await ask('GET', `${services}/web`), { status: 404 })
  const warned = await ask('POST', services, twice)
  t.equal(warned.status, 201)
  t.same([...warned.warnings].sort(), [...said].sort())
  t.same(warned.body.spec.ports, [{ port: 81, protocol: 'TCP', targetPort: 81 }], 'the last of two counts')
  t.same((await ask('PUT', `${services}/web?fieldValidation=Ignore`, twice)).warnings, [])
  t.match(await ask('PATCH', `${services}/web?fieldValidation=Strict`, { spec: { foo: 1 } }, patchTypes.strategic), { status: 422, body: { message: ' "" is invalid: patch: Invalid value: "map[spec:map[foo:1]]": strict decoding error: unknown field "spec.foo"' } })
})

t.test('patches that come at once all count, and one that names a version counts once', async (t) => {
  const { ask } = await startKubernetes(t)
  await ask('POST', services, service('web'))
  const all = await Promise.all(Array.from({ length: 4 }, (_, n) => ask('PATCH', `${services}/web`, { metadata: { labels: { [`l${n}`]: 'x' } } }, patchTypes.merge)))
  t.same(all.map(({ status }) => status), [200, 200, 200, 200])
  const { body: { metadata: { labels, resourceVersion } } } = await ask('GET', `${services}/web`)
  t.same(Object.keys(labels).sort(), ['l0', 'l1', 'l2', 'l3'])
  const named = await Promise.all(Array.from({ length: 4 }, (_, n) => ask('PATCH', `${services}/web`, { metadata: { resourceVersion, annotations: { a: String(n) } } }, patchTypes.merge)))
  t.same(named.map(({ status }) => status).sort(), [200, 409, 409, 409])
})

t.test('server-side applies share, conflict, force and take out', async (t) => {
  const { ask } = await startKubernetes(t)
  const apply = (manager: string, spec: object, force = false) => ask('PATCH', `${services}/web?fieldManager=${manager}${force ? '&force=true' : ''}`, service('web', spec), patchTypes.apply)
  t.match(await apply('a', { sessionAffinity: 'None' }), { status: 201, body: { metadata: { managedFields: [{ manager: 'a', operation: 'Apply' }] } } })
  const same = await apply('a', { sessionAffinity: 'None' })
  t.equal(same.status, 200)
  t.match(await apply('b', { sessionAffinity: 'ClientIP' }), {
    status: 409, body: {
      reason: 'Conflict', message: 'Apply failed with 1 conflict: conflict with "a": .spec.sessionAffinity',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.spec.sessionAffinity' }] }
    }
  })
  t.equal((await ask('GET', `${services}/web`)).body.metadata.resourceVersion, same.body.metadata.resourceVersion, 'nothing was written')
  t.match(await apply('b', { sessionAffinity: 'ClientIP' }, true), { status: 200, body: { spec: { sessionAffinity: 'ClientIP' } } })
  t.match(await apply('b', {}), { status: 200, body: { spec: { sessionAffinity: 'None' } } }, 'what nobody names has its default again')
  t.match(await ask('PATCH', `${services}/web`, service('web'), patchTypes.apply), { status: 422, body: { message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch' } })
})

t.test('a namespace has no namespace, whatever its body says', async (t) => {
  const { ask } = await startKubernetes(t)
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod', namespace: 'default' } }
  t.match(await ask('POST', '/api/v1/namespaces', body), { status: 201, body: { metadata: { name: 'prod', namespace: undefined } } })
  t.match(await ask('PATCH', '/api/v1/namespaces/prod?fieldManager=me', { ...body, metadata: { ...body.metadata, labels: { a: 'b' } } }, patchTypes.apply), { status: 200, body: { metadata: { labels: { a: 'b' }, namespace: undefined } } })
  t.match(await ask('PUT', '/api/v1/namespaces/prod', body), { status: 200, body: { metadata: { name: 'prod', namespace: undefined } } })
})

t.test('a body in protobuf is as good as one in JSON', async (t) => {
  const { ask } = await startKubernetes(t)
  const namespace = Buffer.concat([Buffer.from('k8s\0'), field(1, message(field(1, 'v1'), field(2, 'Namespace'))), field(2, field(1, field(1, 'prod')))])
  t.match(await ask('POST', '/api/v1/namespaces', namespace, 'application/vnd.kubernetes.protobuf'), { status: 201, body: { kind: 'Namespace', metadata: { name: 'prod' } } })
  t.match(await ask('POST', '/api/v1/namespaces', namespace.subarray(0, 9), 'application/vnd.kubernetes.protobuf'), { status: 400, body: { reason: 'BadRequest', message: 'error decoding protobuf: unexpected EOF' } })
})

t.test('bad input gets the Status that Kubernetes gives, and changes nothing', async (t) => {
  const { ask, url } = await startKubernetes(t)
  await ask('POST', services, service('web'))
  const { body: before } = await ask('GET', `${services}/web`)
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`f${n}`, n]))
  const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`
  const table: readonly [string, string, unknown, string | undefined, number, RegExp][] = [
    ['POST', services, { ...service('x'), kind: 'Pod' }, undefined, 400, /^Pod in version "v1" cannot be handled as a Service: /],
    ['POST', services, { ...service('x'), apiVersion: 'apps/v1' }, undefined, 400, /^the API version in the data \(apps\/v1\) does not match the expected API version \(v1\)$/],
    ['POST', services, service('x', {}, { namespace: 'other' }), undefined, 400, /^the namespace of the provided object does not match/],
    ['POST', services, '{"kind":', undefined, 400, /^the object provided is unrecognized \(must be of type Service\)/],
    ['PUT', `${services}/web`, service('other'), undefined, 400, /^the name of the object \(other\) does not match the name on the URL \(web\)$/],
    ['PUT', `${services}/web`, service('web', {}, { resourceVersion: 'yesterday' }), undefined, 409, /the object has been modified/],
    ['PATCH', `${services}/web?fieldValidation=Strict`, { spec: many }, patchTypes.merge, 422, /unknown field "spec\.f0"/],
    ['PATCH', `${services}/web`, deep, patchTypes.merge, 400, /exceeded max depth/],
    ['PATCH', `${services}/web`, deep, patchTypes.strategic, 400, /exceeded max depth/],
    ['PATCH', `${services}/web?fieldManager=me`, deep, patchTypes.apply, 400, /exceeded max depth/],
    ['PATCH', `${services}/web`, [{ op: 'copy', from: '', path: '/metadata/labels' }], patchTypes.json, 422, /cannot unmarshal|is invalid/],
    ['PATCH', `${services}/web`, { metadata: { annotations: { a: 'x'.repeat(300_000) } } }, patchTypes.merge, 422, /Too long/],
    ['PATCH', `${services}/web`, {}, 'application/cbor', 415, /^the body of the request was in an unknown format/],
    ['POST', `${services}?dryRun=Some`, service('x'), undefined, 422, /^CreateOptions\.meta\.k8s\.io "" is invalid: dryRun: /],
    ['DELETE', `${services}/web`, { propagationPolicy: 'Later' }, undefined, 422, /^DeleteOptions\.meta\.k8s\.io "" is invalid: propagationPolicy: /],
    ['DELETE', `${services}/web`, '{', undefined, 400, /json parse error/],
    ['PATCH', `${services}/nobody`, {}, patchTypes.merge, 404, /^services "nobody" not found$/],
    ['POST', '/api/v1/namespaces/nowhere/services', service('x'), undefined, 404, /^namespaces "nowhere" not found$/]
  ]
  for (const [method, path, body, type, status, text] of table) {
    const answer = await ask(method, path, body, type)
    t.match([answer.status, answer.body.kind, answer.body.message], [status, 'Status', text], `${method} ${path} ${JSON.stringify(body).slice(0, 60)}`)
  }
  t.match(await sentLarge(`${url}${services}`, 4 * 1024 * 1024), { code: 413, reason: 'RequestEntityTooLarge', message: 'Request entity too large: limit is 3145728' })
  t.same((await ask('GET', `${services}/web`)).body, before)
  t.match(await ask('GET', `${services}/x`), { status: 404 })
})

/** The answer to a body that is too large: it may come, and the connection end, before the body was sent. */
function sentLarge (url: string, length: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': length } }, (response) => {
      sending.removeListener('error', reject)
      sending.on('error', () => {})
      response.setEncoding('utf8').toArray().then((texts) => resolve(JSON.parse(texts.join(''))), reject)
    })
    sending.on('error', reject)
    sending.write(' ') // the length says it all
  })
}

t.test('labels of a pod change those of its instance, and nothing else of it does', async (t) => {
  const node = await startKubernetes(t)
  const { ask } = node
  const instance = `${node.native}/v1/namespaces/default/services/orders/instances/a`
  await call('PUT', instance, { address: '10.0.0.1', ports: [{ port: 80 }], labels: { app: 'orders', tier: 'x' } })
  const pod = '/api/v1/namespaces/default/pods/a'
  t.match(await ask('PATCH', pod, { metadata: { labels: { tier: null, track: 'canary' } } }, patchTypes.merge), { status: 200, body: { metadata: { labels: { app: 'orders', track: 'canary' } } } })
  t.same((await call('GET', instance)).body.labels, { app: 'orders', track: 'canary' })
  t.match(await ask('PATCH', `${pod}?dryRun=All`, { metadata: { labels: { q: 'r' } } }, patchTypes.strategic), { status: 200, body: { metadata: { labels: { q: 'r' } } } })
  t.match(await ask('PATCH', pod, { spec: { nodeName: 'b' } }, patchTypes.merge), { status: 405, body: { reason: 'MethodNotAllowed' } })
  t.match(await ask('PATCH', pod, { metadata: { labels: { 'rollcall.dev/service': 'x' } } }, patchTypes.merge), { status: 422, body: { details: { causes: [{ reason: 'FieldValueForbidden' }] } } })
  t.match(await ask('PATCH', pod, { metadata: { labels: { 'no label!': 'x' } } }, patchTypes.merge), { status: 422, body: { details: { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.labels' }] } } })
  t.match(await call('GET', instance), { body: { labels: { app: 'orders', track: 'canary' } } })
  const scale = '/apis/apps/v1/namespaces/default/deployments/orders/scale'
  t.match(await ask('PATCH', scale, { spec: { replicas: 1 } }, patchTypes.merge), { status: 200, body: { kind: 'Scale', spec: { replicas: 1 } } })
  t.match(await ask('PATCH', scale, { spec: { replicas: 2 } }, patchTypes.merge), { status: 422, body: { message: /starts and stops no processes/ } })
})

t.test('a write of what stands in for a service declares it', async (t) => {
  const node = await startKubernetes(t)
  await call('PUT', `${node.native}/v1/namespaces/default/services/orders/instances/a`, { address: '10.0.0.1', ports: [{ port: 80 }] })
  t.match(await node.ask('PATCH', `${services}/orders`, { metadata: { labels: { a: 'b' } } }, patchTypes.merge), { status: /^20/, body: { metadata: { labels: { a: 'b' } }, spec: { clusterIP: 'None' } } })
  t.match(await native(node, 'orders'), { manifest: { metadata: { labels: { a: 'b' } } } })
  const endpoints = await call('GET', `${node.native}/v1/namespaces/default/services/orders/endpoints`)
  t.match(JSON.stringify(endpoints.body), /10\.0\.0\.1/, 'and its endpoints stay')
})
