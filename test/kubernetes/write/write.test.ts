import t from 'tap'
import { type LiveObject, type Proposal, readWrite, type WriteRequest } from '../../../server/kubernetes/write/write.ts'
import type { Members } from '../../../server/model/fields/values.ts'
import { refused } from './refused.ts'

const target = { kind: 'Service', apiVersion: 'v1', resource: { group: '', resource: 'services' }, namespace: 'default', name: 'web', subresource: undefined } as const
const request = (verb: WriteRequest['verb'], body: unknown, given: Partial<WriteRequest> = {}, query = ''): WriteRequest => ({
  verb, target, body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(JSON.stringify(body)), contentType: 'application/json', query: new URLSearchParams(query),
  userAgent: 'kubectl/v1.33', now: '2026-01-02T03:04:05Z', suffix: () => 'abcde', ...given
})
const service = (spec: Members = {}, metadata: Members = {}): Members => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', ...metadata }, spec: { ports: [{ port: 80 }], ...spec } })
const create = (body: unknown, query = ''): Proposal => readWrite(request('create', body, { target: { ...target, name: undefined } }, query)).propose(undefined)
const stored = (spec: Members = {}, metadata: Members = {}): LiveObject => ({
  isStored: true,
  object: service({ type: 'ClusterIP', clusterIP: '10.96.0.5', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ...spec }, { namespace: 'default', uid: 'u1', resourceVersion: '7', ...metadata })
})
const media = { json: 'application/json-patch+json', merge: 'application/merge-patch+json', strategic: 'application/strategic-merge-patch+json', apply: 'application/apply-patch+yaml' }
const patch = (kind: keyof typeof media, body: unknown, live: LiveObject | null = stored(), query = ''): Proposal =>
  readWrite(request('patch', body, { contentType: media[kind] }, query)).propose(live ?? undefined)
const update = (body: unknown, live: LiveObject | undefined, query = ''): Proposal => readWrite(request('update', body, {}, query)).propose(live)

t.test('a create gives a new object, whose manager owns what it said and what was filled in', async (t) => {
  const { object, name, isNew, managedFields, warnings } = create(service({ foo: 1 }, { uid: 'x', creationTimestamp: null }), 'fieldManager=kubectl-create')
  t.same([name, isNew, warnings], ['web', true, ['unknown field "spec.foo"']])
  t.same(object, service({}, { namespace: 'default' }))
  t.match(managedFields, [{ manager: 'kubectl-create', operation: 'Update', fieldsV1: { 'f:spec': { 'f:type': {}, 'f:sessionAffinity': {}, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { 'f:targetPort': {} } } } } }])
  t.equal(create({ ...service(), metadata: { generateName: 'web-' } }).name, 'web-abcde')
  t.same(create(service({ foo: 1 }), 'fieldValidation=Ignore').warnings, [])
  t.equal(refused(() => create(service({ foo: 1, type: 'X' }), 'fieldValidation=Strict')), '400 BadRequest: Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.foo"')
  t.equal(refused(() => create(service({}, { resourceVersion: '7' }))), '400 BadRequest: resourceVersion should not be set on objects to be created')
  t.equal(refused(() => create(service({}, { namespace: 'other' }))), '400 BadRequest: the namespace of the provided object does not match the namespace sent on the request')
})

t.test('an update replaces the object, in the version that it names or the one that is there', async (t) => {
  t.match(update(service({}, { resourceVersion: '6' }), stored()), { object: { metadata: { resourceVersion: '6' } }, mayRetry: false, isNew: false })
  t.match(update(service(), stored()), { object: { metadata: { resourceVersion: '7' } }, mayRetry: true })
  t.equal(refused(() => update(service({}, { name: 'other' }), stored())), '400 BadRequest: the name of the object (other) does not match the name on the URL (web)')
  t.equal(refused(() => update(service({}, { uid: 'u2' }), stored())), '409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: u2, UID in object meta: u1')
  t.equal(refused(() => update(service({}, { resourceVersion: '7' }), undefined)), '404 NotFound: services "web" not found')
  t.match(update(service(), undefined), { isNew: true }, 'a service may be created so')
})

t.test('each kind of patch gives the object with the patch', async (t) => {
  const expected = { ...stored().object.spec as Members, type: 'NodePort' }
  t.same(patch('merge', { spec: { type: 'NodePort' } }).object.spec, expected)
  t.same(patch('strategic', { spec: { type: 'NodePort' } }).object.spec, expected)
  t.same(patch('json', [{ op: 'replace', path: '/spec/type', value: 'NodePort' }]).object.spec, expected)
  t.match(patch('merge', { spec: { type: 'NodePort' } }), { mayRetry: true, isNew: false, object: { metadata: { resourceVersion: '7' } } })
  t.match(patch('merge', { metadata: { resourceVersion: '6' } }), { mayRetry: false, object: { metadata: { resourceVersion: '6' } } })
  t.same(patch('merge', { spec: { type: 'NodePort' } }).managedFields, [], 'nobody asked who manages it')
  const managed = stored({}, { managedFields: create(service()).managedFields })
  t.match(patch('strategic', { metadata: { labels: { a: 'b' } } }, managed, 'fieldManager=kubectl-label').managedFields.map(({ manager }) => manager).sort(), ['kubectl', 'kubectl-label'])
})

t.test('a patch that does not fit is refused', async (t) => {
  const bad = (kind: keyof typeof media, body: unknown, query = ''): string => refused(() => patch(kind, body, stored(), query))
  t.equal(bad('merge', '{"a":'), '400 BadRequest: invalid JSON patch')
  t.equal(bad('merge', []), '400 BadRequest: error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}')
  t.equal(bad('strategic', { spec: { ports: [{ port: 80, nodePort: 'x' }] } }), '422 Invalid:  "" is invalid: patch: Invalid value: "map[spec:map[ports:[map[nodePort:x port:80]]]]": unrecognized type: int32')
  t.match(bad('merge', { spec: { type: 7 } }), /^422 Invalid: {2}"" is invalid: patch: Invalid value: ".*": json: cannot unmarshal number into Go struct field ServiceSpec\.spec\.type of type v1\.ServiceType$/)
  t.match(bad('merge', '{"spec":{"foo":1,"type":"NodePort","type":"ClusterIP"}}', 'fieldValidation=Strict'), /: strict decoding error: duplicate field "spec\.type", unknown field "spec\.foo"$/)
  t.match(bad('json', '[{"op":"add","path":"/spec/foo","path":"/spec/foo","value":1}]', 'fieldValidation=Strict'), /: strict decoding error: json patch duplicate field "\[0\]\.path", unknown field "spec\.foo"$/)
  t.same(patch('merge', { spec: { foo: 1 } }).warnings, ['unknown field "spec.foo"'])
  t.equal(bad('merge', { metadata: { name: 'other' } }), '400 BadRequest: the name of the object (other) does not match the name on the URL (web)')
  t.equal(bad('merge', { metadata: { uid: 'u2' } }), '409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: u2, UID in object meta: u1')
  t.equal(refused(() => readWrite(request('patch', {}, { contentType: media.merge })).propose(undefined)), '404 NotFound: services "web" not found')
  t.match(refused(() => readWrite(request('patch', {}, {}))), /^415 UnsupportedMediaType: .*application\/json-patch\+json, application\/merge-patch\+json, application\/strategic-merge-patch\+json, application\/apply-patch\+yaml$/)
  t.equal(bad('merge', `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`), '400 BadRequest: error decoding patch: exceeded max depth')
})

t.test('a server-side apply creates, merges, and names each conflict', async (t) => {
  const apply = (config: unknown, live: LiveObject | undefined, query = 'fieldManager=me'): Proposal => patch('apply', config, live ?? null, query)
  const created = apply(service({ selector: { app: 'x' } }), undefined)
  t.match(created, { isNew: true, name: 'web', object: { metadata: { name: 'web', namespace: 'default' } }, managedFields: [{ manager: 'me', operation: 'Apply' }] })
  const live = stored({ selector: { app: 'x' } }, { managedFields: created.managedFields })
  t.same(apply(service({ selector: { app: 'x' } }), live).managedFields, created.managedFields)
  t.equal(refused(() => apply(service({ selector: { app: 'y' }, ports: [{ port: 80, name: 'h' }] }), live, 'fieldManager=you')),
    '409 Conflict: Apply failed with 1 conflict: conflict with "me": .spec.selector')
  t.match(apply(service({ selector: { app: 'y' } }), live, 'fieldManager=you&force=true').object.spec, { selector: { app: 'y' } })
  const before = stored({ selector: { app: 'x' } }, { managedFields: create(service({ selector: { app: 'x' } })).managedFields })
  t.equal(refused(() => apply(service({ selector: { app: 'y' }, type: 'NodePort' }), before, 'fieldManager=you')),
    '409 Conflict: Apply failed with 2 conflicts: conflicts with "kubectl" using v1:\n- .spec.selector\n- .spec.type')
  t.equal(refused(() => apply({ ...service(), kind: 'Pod' }, undefined)), '400 BadRequest: invalid object type: /v1, Kind=Pod')
  t.equal(refused(() => apply(service({}, { managedFields: [] }), undefined)), '400 BadRequest: metadata.managedFields must be nil')
  t.equal(refused(() => apply(service({ foo: 1, ports: [{ port: 80, bar: 2 }] }), undefined)),
    '400 BadRequest: failed to create typed patch object (/web; /v1, Kind=Service): errors:\n  .spec.ports[port=80].bar: field not declared in schema\n  .spec.foo: field not declared in schema')
  t.equal(refused(() => apply(service({ ports: [{ port: 80 }, { port: 80 }] }), stored())),
    '400 BadRequest: failed to create typed patch object (/web; /v1, Kind=Service): .spec.ports: duplicate entries for key [port=80,protocol="TCP"]')
  t.equal(refused(() => apply(service({}, { uid: 'u' }), undefined)),
    '409 Conflict: Operation cannot be fulfilled on services "web": uid mismatch: the provided object specified uid u, and no existing object was found')
  t.equal(refused(() => apply('{"apiVersion":"v1","kind":"Service","kind":"Service"}', undefined, 'fieldManager=me&fieldValidation=Strict')), '400 BadRequest: error strict decoding patch: strict decoding error: duplicate field "kind"')
  t.match(apply('apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n', undefined), { object: { spec: { ports: [{ port: 80 }] } } })
})

t.test('kubectl takes over on the server what it applied on the client, and keeps the annotation', async (t) => {
  const applied = service({ selector: { app: 'x' } })
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) }
  const managedFields = create(service({ selector: { app: 'x' } }, { annotations }), 'fieldManager=kubectl-client-side-apply').managedFields
  const live = stored({ selector: { app: 'x' } }, { managedFields, annotations })
  const config = service({ selector: { app: 'y' } })
  const taken = patch('apply', config, live, 'fieldManager=kubectl')
  t.match(taken.object, { spec: { selector: { app: 'y' } }, metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(config)}\n` } } })
  t.match(refused(() => patch('apply', config, live, 'fieldManager=other')), /^409 Conflict: Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: \.spec\.selector$/)
  const changed = stored({ selector: { app: 'z' } }, { managedFields, annotations })
  t.match(refused(() => patch('apply', config, changed, 'fieldManager=kubectl')), /^409 Conflict: Apply failed with 1 conflict/, 'what somebody changed since is a conflict')
})

t.test('kubectl may write the managers itself, and take them away', async (t) => {
  const managedFields = create(service()).managedFields
  const live = stored({}, { managedFields })
  const other = managedFields.map((entry) => ({ ...entry, manager: 'renamed' }))
  t.match(patch('json', [{ op: 'replace', path: '/metadata/managedFields', value: other }], live).managedFields, [{ manager: 'renamed' }])
  t.same(patch('merge', { metadata: { managedFields: [{}] } }, live).managedFields, [])
  t.same(update(service(), live).managedFields.map(({ manager }) => manager), ['kubectl'], 'who says nothing of them leaves them')
})

t.test('managers of one object are bounded', async (t) => {
  const ports = Array.from({ length: 2_000 }, (_, n) => ({ port: n, protocol: `p${n}` }))
  t.match(refused(() => patch('apply', service({ ports }), null, 'fieldManager=me')), /^413 RequestEntityTooLarge: .*an applied configuration has at most 5000 fields that are owned one by one$/)
  t.same(create(service({ ports })).managedFields, [], 'nobody notes the owners of so many')
  const endpoints = Array.from({ length: 1_000 }, (_, n) => ({ addresses: [`10.0.0.${n}`], conditions: { ready: true }, nodeName: 'a', zone: 'b', hostname: `h${n}` }))
  const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'web' }, addressType: 'IPv4', endpoints, ports: [] }
  const of = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', resource: { group: 'discovery.k8s.io', resource: 'endpointslices' }, namespace: 'default', name: 'web', subresource: undefined } as const
  t.equal(readWrite(request('create', slice, { target: of })).propose(undefined).managedFields.length, 1, 'a thousand endpoints are one field')
  const entry = create(service()).managedFields[0]
  const many = Array.from({ length: 3_000 }, (_, n) => ({ ...entry, manager: `m${n}`, operation: 'Apply' }))
  const live = stored({}, { managedFields: many })
  t.match(refused(() => patch('apply', service(), live, 'fieldManager=me')), /^413 RequestEntityTooLarge: .*too many managers apply this object$/)
  t.same(patch('merge', { metadata: { labels: { a: 'b' } } }, live).managedFields, [], 'an update forgets them')
})

t.test('the status is written by the registry, and a request that says something of it is told so', async (t) => {
  const live = stored()
  const through = (body: unknown): Proposal => readWrite(request('patch', body, { contentType: media.merge, target: { ...target, subresource: 'status' } })).propose(live)
  const written = through({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } }, spec: { type: 'NodePort' }, metadata: { labels: { a: 'b' } } })
  t.same(written.object, live.object)
  t.match(written.warnings, ['the status is written by the registry: what this request says of it is not kept'])
})

t.test('what only stands in for a stored object is declared by a write', async (t) => {
  const live: LiveObject = { object: stored({}, { uid: 'derived', resourceVersion: '3' }).object, isStored: false }
  const { object, isNew } = patch('merge', { metadata: { labels: { a: 'b' } } }, live)
  t.equal(isNew, true)
  t.same(object.metadata, { name: 'web', namespace: 'default', labels: { a: 'b' } })
})
