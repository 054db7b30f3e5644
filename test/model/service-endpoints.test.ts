import fc from 'fast-check'
import t from 'tap'
import type { Instance, Status } from '../../client-sdk/src/wire.ts'
import { endpointsOf } from '../../server/model/instance/endpoints.ts'
import { bodyOf, instanceOf } from '../../server/model/instance/instance.ts'
import { everything, matches, parseSelector } from '../../server/model/instance/selector.ts'
import { explained, handMadeEndpoints, implicitService, mirrorManager,
  serviceEndpoints } from '../../server/model/service/endpoints.ts'
import { decoded } from '../../server/model/service/schema.ts'
import { labelsOf, selectorOf, selectorOfObject, selects } from '../../server/model/service/selection.ts'
import { packed } from '../../server/model/service/slice-packing.ts'
import { endpointsObject, endpointSlices, possibleSliceNames } from '../../server/model/service/slices.ts'
import type { Endpoints, EndpointSlice, Service } from '../../server/model/service/types.ts'
import { applied, both, type Loose, manifest } from './service-manifests.ts'

interface Facts {
  readonly id?: string, readonly service?: string, readonly address?: string, readonly labels?: Record<string, string>, readonly status?: Status
  readonly suspect?: boolean, readonly ports?: { name?: string, port: number, protocol?: 'TCP' | 'UDP' }[], readonly override?: Instance['override'], readonly zone?: string
}

function instance (facts: Facts = {}): Instance {
  const { body } = bodyOf({
    address: facts.address ?? '10.0.0.1', labels: facts.labels ?? { app: 'web' }, status: facts.status ?? 'up', ports: facts.ports ?? [], ...(facts.zone === undefined ? {} : { zone: facts.zone })
  }, undefined)
  return instanceOf(body, {
    namespace: 'shop', service: facts.service ?? 'webui', id: facts.id ?? 'w1', generation: 'g', ttlMs: 15_000, createdAtMs: 0, updatedAtMs: 0, revision: 1,
    suspect: facts.suspect ?? false, override: facts.override
  })
}

const web = (more: Loose = {}): Service => applied(manifest({ selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...more }), undefined, both)
const many = (count: number, more: (index: number) => Facts = () => ({})): Instance[] =>
  Array.from({ length: count }, (_, index) => instance({ id: `w${String(index).padStart(5, '0')}`, address: `10.1.${index >> 8}.${index & 255}`, ...more(index) }))

t.test('the three kinds of empty selector are three things', async (t) => {
  const label = labelsOf(instance())
  t.ok(matches(parseSelector(''), label), 'an empty text is everything')
  t.equal(parseSelector('').requirements.length, everything.requirements.length)
  t.equal(selectorOf(web({ selector: {} })), undefined, 'an empty map of a service is nothing')
  t.equal(selectorOf(web({ selector: null })), undefined, 'an absent one too')
  t.notOk(selects(web({ selector: {} }), instance()))
  t.same(selectorOfObject({})?.requirements, [], 'an empty object selector is everything')
  t.equal(selectorOfObject(undefined), undefined, 'an absent one is nothing')
  const structured = selectorOfObject({ matchLabels: { app: 'web' }, matchExpressions: [
    { key: 'tier', operator: 'NotIn', values: ['x', 'y'] }, { key: 'app', operator: 'Exists' }, { key: 'no', operator: 'DoesNotExist' }, { key: 'app', operator: 'In', values: ['web'] }] })
  t.ok(structured !== undefined && matches(structured, label))
  t.ok(matches(parseSelector(structured?.text ?? '!app'), label), 'its text means the same')
})

t.test('a service means the instances of its namespace that carry all its labels, the implicit one included', async (t) => {
  t.ok(selects(web(), instance()))
  t.notOk(selects(web({ selector: { app: 'web', tier: 'front' } }), instance()))
  t.ok(selects(web({ selector: { 'rollcall.dev/service': 'webui' } }), instance({ labels: {} })))
  t.notOk(selects(applied({ ...manifest({ selector: { app: 'web' }, ports: [{ port: 80 }] }, { namespace: 'other' }) }), instance()))
  t.notOk(selects(web({ type: 'ExternalName', externalName: 'a.b', ports: null }), instance()))
})

t.test('an endpoint has the ports of the service, with the numbers of its instance', async (t) => {
  const service = web({ ports: [
    { name: 'http', port: 80, targetPort: 'web', appProtocol: 'http' }, { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' }, { name: 'fixed', port: 1, targetPort: 7777 }] })
  const set = serviceEndpoints(service, [
    instance({ id: 'a', ports: [{ name: 'web', port: 8080 }, { name: 'dns', port: 5353, protocol: 'UDP' }] }),
    instance({ id: 'b', ports: [{ name: 'web', port: 9090 }, { name: 'dns', port: 5353 }] }),
    instance({ id: 'c' })
  ], 7)
  const fixed = { name: 'fixed', port: 7777, protocol: 'TCP' }
  t.same(set.all.map((endpoint) => endpoint.ports), [
    [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'http' }, { name: 'dns', port: 5353, protocol: 'UDP' }, fixed],
    [{ name: 'http', port: 9090, protocol: 'TCP', appProtocol: 'http' }, fixed],
    [fixed]
  ], 'a name counts with its protocol; an instance that lacks it stays for its other ports')
  t.match(set, { namespace: 'shop', service: 'web', revision: 7, failOpen: false })
  t.match(set.all[0], { service: 'webui', id: 'a' })
  const shared = serviceEndpoints(web(), many(2), 1).all
  t.equal(shared[0]?.ports, shared[1]?.ports, 'numbers are one list for all')
})

t.test('only addresses of the service\'s families are endpoints', async (t) => {
  const instances = [instance({ id: 'four' }), instance({ id: 'six', address: 'fd00::1' }), instance({ id: 'here', address: '127.0.0.1' })]
  const ids = (more: Loose): string[] => serviceEndpoints(web(more), instances, 1).all.map((endpoint) => endpoint.id)
  t.same(ids({}), ['four', 'here'], 'loopback is allowed for registered instances: developers run them on their own machine')
  t.same(ids({ ipFamilies: ['IPv6'] }), ['six'])
  t.same(ids({ ipFamilyPolicy: 'PreferDualStack' }), ['four', 'here', 'six'])
})

t.test('publishNotReadyAddresses makes every selected instance ready, terminating ones too', async (t) => {
  const instances = [instance({ id: 'd', status: 'draining' }), instance({ id: 's', status: 'starting' }), instance({ id: 'u' }), instance({ id: 'x', suspect: true })]
  const conditions = (more: Loose): unknown => serviceEndpoints(
    web(more), instances, 1
  ).all.map(({ id, conditions }) => [id, conditions.ready, conditions.serving, conditions.terminating])
  t.same(conditions({}), [['d', false, true, true], ['s', false, false, false], ['u', true, true, false], ['x', false, false, false]])
  t.same(conditions({ publishNotReadyAddresses: true }), [['d', true, true, true], ['s', true, false, false], ['u', true, true, false], ['x', true, false, false]])
  const failing = serviceEndpoints(web(), [instance({ suspect: true }), instance({ id: 'd', status: 'draining' })], 1)
  t.match(failing, { failOpen: false, answered: [{ id: 'd' }] }, 'one that drains serves, a suspect one may not')
})

t.test('it is explained why an instance is in or out', async (t) => {
  const table: readonly [Service, Instance, Loose][] = [
    [web(), instance(), { in: true, ready: true, rule: 'ready' }],
    [web(), instance({ labels: { app: 'api' } }), { in: false, rule: 'selector', message: /wants app=web, the instance has app=api/ }],
    [web(), instance({ labels: {} }), { in: false, rule: 'selector', message: /no such label/ }],
    [web({ selector: {} }), instance(), { in: false, rule: 'selector', message: /by hand/ }],
    [web({ type: 'ExternalName', externalName: 'a.b', ports: null }), instance(), { in: false, rule: 'type' }],
    [web(), instance({ address: 'fd00::1' }), { in: false, rule: 'family' }],
    [web(), instance({ status: 'draining' }), { in: true, ready: false, rule: 'status', message: /draining/ }],
    [web(), instance({ override: { status: 'down', author: 'eva', reason: 'disk', createdAt: '' } }), { ready: false, rule: 'override', message: /eva.*down.*disk/ }],
    [web(), instance({ suspect: true }), { ready: false, rule: 'lease' }],
    [web({ publishNotReadyAddresses: true }), instance({ status: 'down' }), { in: true, ready: true, rule: 'publishNotReadyAddresses' }],
    [web({ ports: [{ name: 'h', port: 80, targetPort: 'web' }] }), instance(), { in: true, missingPorts: ['h'], message: /no port named web\/TCP/ }]
  ]
  for (const [service, each, expected] of table) t.match(explained(service, each), expected, JSON.stringify(Object.values(expected)[0]))
  t.equal(explained(web(), instance({ suspect: true }), true).ready, true, 'fail open')
  t.match(explained(web(), instance({ status: 'draining' }), true), { ready: true, rule: 'status', message: /draining, but nobody is ready: it is answered/ })
})

t.test('a slice holds a hundred endpoints of one family and one port list', async (t) => {
  const service = web({ type: 'NodePort' })
  const slices = endpointSlices(service, serviceEndpoints(service, many(250), 1))
  t.equal(slices.reduce((sum, slice) => sum + slice.endpoints.length, 0), 250)
  t.ok(slices.every((slice) => slice.endpoints.length <= 100 && /^web-[0-9a-f]{10}-\d+$/.test(slice.metadata.name)))
  t.match(endpointSlices(service, serviceEndpoints(service, many(100), 1)), { length: 1, 0: { metadata: { name: /-0$/ } } }, 'up to a hundred are in one')
  t.match(slices[0], {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    metadata: {
      namespace: 'shop', ownerReferences: [{ kind: 'Service', name: 'web', uid: 'u1' }],
      labels: { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' }
    },
    endpoints: [{ addresses: [/^10\.1\.0\./], conditions: { ready: true, serving: true, terminating: false }, targetRef: { kind: 'Pod', name: /w00/ } }]
  })
  const mixed = web({ ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80, targetPort: 'web' }] })
  const grouped = endpointSlices(mixed, serviceEndpoints(mixed, [
    instance({ id: 'a', ports: [{ name: 'web', port: 1 }] }), instance({ id: 'b', ports: [{ name: 'web', port: 2 }] }), instance({ id: 'c', address: 'fd00::1', ports: [{ name: 'web', port: 1 }] })
  ], 1))
  t.same(grouped.map((slice) => [slice.addressType, slice.ports[0]?.port, slice.endpoints.length]), [['IPv4', 1, 1], ['IPv4', 2, 1], ['IPv6', 1, 1]])
})

/** The slices of one state that another one has not, as text. */
function changedIn (slices: readonly EndpointSlice[], other: readonly EndpointSlice[]): readonly string[] {
  const known = new Set(other.map((slice) => JSON.stringify(slice)))
  return slices.map((slice) => JSON.stringify(slice)).filter((text) => !known.has(text))
}

t.test('when one endpoint leaves or comes, only its slice changes, or two become one or one two', async (t) => {
  const service = web()
  const instances = many(2_000)
  const slicesOf = (some: readonly Instance[]): readonly EndpointSlice[] => endpointSlices(service, serviceEndpoints(service, some, 1))
  const all = slicesOf(instances)
  t.ok(all.length < 40, `${all.length} slices of 2,000`)
  for (const gone of [0, 1, 999, 1_500, 1_999]) {
    const left = slicesOf(instances.filter((_, index) => index !== gone))
    t.ok(changedIn(all, left).length <= 2, `${gone}: of those before`)
    t.equal(changedIn(left, all).length, 1, `${gone}: of those after`)
  }
  t.same(slicesOf(instances.toReversed()).map(({ metadata }) => metadata.name), all.map(({ metadata }) => metadata.name), 'in whatever order they came')
})

t.test('every endpoint is in one slice, and the slices of another state are among those that there may have been', async (t) => {
  const service = web()
  const all = many(260)
  const names = (slices: readonly EndpointSlice[]): string[] => slices.map(({ metadata }) => metadata.name)
  t.doesNotThrow(() => fc.assert(fc.property(fc.subarray(all), fc.subarray(all), (before, after) => {
    const [then, now] = [before, after].map((instances) => serviceEndpoints(service, instances, 1))
    if (then === undefined || now === undefined) throw new RangeError('there are two')
    const slices = endpointSlices(service, now)
    const shown = slices.flatMap((slice) => slice.endpoints.map((endpoint) => endpoint.addresses[0]))
    if (shown.sort().join() !== after.map((each) => each.address).sort().join()) throw new Error('lost or doubled')
    if (slices.some((slice) => slice.endpoints.length > 100) || new Set(names(slices)).size !== slices.length) throw new Error('too full, or one name twice')
    const [had, has] = [new Set(before), new Set(after)]
    const touched = serviceEndpoints(service, all.filter((each) => had.has(each) !== has.has(each)), 1).all
    const possible = new Set(possibleSliceNames(service, now, touched))
    for (const name of names(endpointSlices(service, then))) if (!possible.has(name)) throw new Error(`${name} is not among them`)
  }), { numRuns: 100 }))
})

t.test('endpoints whose names cannot be told apart by their hash are cut in their order', async (t) => {
  const slices = packed(Array.from({ length: 250 }, (_, index) => index), () => 'all the same')
  t.same(slices.map(([, members]) => members.length), [100, 100, 50])
  t.equal(new Set(slices.map(([number]) => number)).size, 3)
  t.ok(slices.every(([number]) => Number.isSafeInteger(number)))
})

t.test('a service without endpoints has an empty slice per family, and an ExternalName none', async (t) => {
  const service = web({ ipFamilyPolicy: 'PreferDualStack' })
  t.match(endpointSlices(service, serviceEndpoints(service, [], 1)), [{ addressType: 'IPv4', endpoints: [], ports: [] }, { addressType: 'IPv6', endpoints: [], ports: [] }])
  const external = web({ type: 'ExternalName', externalName: 'a.b', ports: null })
  t.same(endpointSlices(external, serviceEndpoints(external, [instance()], 1)), [])
  const implicit = implicitService('shop', 'webui', [{ address: '10.0.0.1' }])
  t.match(endpointSlices(implicit, endpointsOf('shop', 'webui', 1, [instance({ ports: [{ port: 9 }] })])),
    [{ metadata: { labels: { 'service.kubernetes.io/headless': '' } }, ports: [{ port: 9 }],
      endpoints: [{ targetRef: { name: 'webui/w1' } }] }])
  t.ok(explained(implicit, instance()).in)
})

t.test('trafficDistribution hints each ready endpoint at its own zone', async (t) => {
  const service = web({ trafficDistribution: 'PreferSameZone' })
  const [slice] = endpointSlices(service, serviceEndpoints(service, [instance({ id: 'a', zone: 'z1' }), instance({ id: 'b', zone: 'z2', status: 'down' })], 1))
  t.match(slice?.endpoints, [{ zone: 'z1', hints: { forZones: [{ name: 'z1' }] } }, { zone: 'z2', hints: undefined }])
})

t.test('the Endpoints view holds the primary family, a thousand addresses, ready ones first', async (t) => {
  const service = web()
  const view = endpointsObject(service, serviceEndpoints(service, [...many(1100, (index) => ({ status: index < 150 ? 'starting' : 'up' })), instance({ id: 'z', status: 'draining' })], 1))
  t.equal(view.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated')
  t.same([view.subsets?.[0]?.addresses?.length, view.subsets?.[0]?.notReadyAddresses?.length], [950, 50])
  t.same(view.subsets?.[0]?.ports, [{ name: '', port: 8080, protocol: 'TCP' }])
  t.equal(endpointsObject(service, serviceEndpoints(service, [], 1)).subsets, undefined)
})

function made<Kind> (kind: 'EndpointSlice' | 'Endpoints', value: Loose): Kind {
  const result = decoded(kind, { metadata: { name: 'db' }, ...value }, 'shop')
  if ('refusal' in result) throw new Error(JSON.stringify(result.refusal))
  return result.manifest as Kind
}

t.test('a service without a selector has the hand-made endpoints, each address once', async (t) => {
  const service = applied(manifest({ ports: [{ name: 'sql', port: 5432, appProtocol: 'postgres' }] }))
  const slice = made<EndpointSlice>('EndpointSlice', { addressType: 'IPv4', ports: [{ name: 'sql', port: 5432 }, { name: 'other', port: 1 }], endpoints: [
    { addresses: ['192.0.2.2', '192.0.2.9'], zone: 'z1' }, { addresses: ['192.0.2.1'], conditions: { ready: false, terminating: true } }] })
  const endpoints = made<Endpoints>('Endpoints', { subsets: [{ addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.3', hostname: 'c' }], ports: [{ name: 'sql', port: 5433 }] }] })
  const names = made<EndpointSlice>('EndpointSlice', { addressType: 'FQDN', endpoints: [{ addresses: ['db.example.com'] }], ports: [{ name: 'sql', port: 1 }] })
  const set = handMadeEndpoints(service, { slices: [slice, names], endpoints }, 3)
  t.match(set.all, [
    { id: '192.0.2.1', conditions: { ready: true }, ports: [{ port: 5432 }, { port: 5433 }] },
    { id: '192.0.2.2', zone: 'z1', conditions: { ready: true, serving: true, terminating: false }, ports: [{ name: 'sql', port: 5432, appProtocol: 'postgres' }] },
    { id: '192.0.2.3', hostname: 'c', status: 'down', conditions: { ready: false, serving: false } }
  ])
  t.same(set.all.map((endpoint) => endpoint.ports.some((port) => port.name === 'other')), [false, false, false])
  t.match(endpointSlices(service, set, mirrorManager)[0]?.metadata.labels, { 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' })
  t.equal(handMadeEndpoints(applied(manifest({ clusterIP: 'None' })), { slices: [slice] }, 1).all[1]?.ports.length, 2, 'a headless service without ports offers what is there')
})
