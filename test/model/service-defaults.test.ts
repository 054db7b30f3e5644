import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { defaulted } from '../../server/model/service/defaults.ts'
import { allocationPlan, heldBy, withAllocations } from '../../server/model/service/needs.ts'
import type { Service } from '../../server/model/service/types.ts'
import { carriedOver, prepared, wiped } from '../../server/model/service/update.ts'
import { serviceFaults } from '../../server/model/service/validate.ts'
import { applied, both, type Loose, manifest, one, read } from './service-manifests.ts'

const http = { ports: [{ port: 80 }] }
const spec = (value: Loose, registry = one): Service['spec'] => defaulted(read(manifest(value)), registry).spec

t.test('a manifest is completed as Kubernetes does', async (t) => {
  t.same(spec(http), {
    type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'],
    ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }]
  })
  const table: readonly [string, Loose, Loose, typeof one?][] = [
    ['targetPort 0 is absent', { ports: [{ port: 80, targetPort: 0 }] }, { ports: [{ targetPort: 80 }] }],
    ['targetPort "" is absent', { ports: [{ port: 80, targetPort: '' }] }, { ports: [{ targetPort: 80 }] }],
    ['a named target stays', { ports: [{ port: 80, targetPort: 'web' }] }, { ports: [{ targetPort: 'web' }] }],
    ['ClientIP lasts three hours', { ...http, sessionAffinity: 'ClientIP' }, { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }],
    ['a config of affinity None vanishes', { ...http, sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } }, { sessionAffinityConfig: undefined }],
    ['NodePort is externally accessible', { ...http, type: 'NodePort' }, { externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: undefined }],
    ['externalIPs make ClusterIP so too', { ...http, externalIPs: ['192.0.2.1'] }, { externalTrafficPolicy: 'Cluster' }],
    ['ClusterIP alone is not', http, { externalTrafficPolicy: undefined }],
    ['LoadBalancer takes node ports', { ...http, type: 'LoadBalancer' }, { allocateLoadBalancerNodePorts: true, externalTrafficPolicy: 'Cluster' }],
    ['false is a word', { ...http, type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }, { allocateLoadBalancerNodePorts: false }],
    ['ExternalName has no policies', { type: 'ExternalName', externalName: 'a.b' }, { internalTrafficPolicy: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined }],
    ['headless without a selector claims both families', { clusterIP: 'None' }, { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['None'] }],
    ['headless with one does not', { clusterIP: 'None', selector: { a: 'b' } }, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] }],
    ['PreferDualStack degrades', { ...http, ipFamilyPolicy: 'PreferDualStack' }, { ipFamilies: ['IPv4'] }],
    ['PreferDualStack takes both', { ...http, ipFamilyPolicy: 'PreferDualStack' }, { ipFamilies: ['IPv4', 'IPv6'] }, both],
    ['PreferDualStack keeps the order', { ...http, ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] }, { ipFamilies: ['IPv6', 'IPv4'] }, both],
    ['the registry\'s first family is the default', http, { ipFamilies: ['IPv6'] }, { families: ['IPv6', 'IPv4'] }],
    ['families follow the addresses', { ...http, clusterIP: 'fd00::1' }, { ipFamilies: ['IPv6'], clusterIPs: ['fd00::1'] }, both]
  ]
  for (const [name, value, expected, registry] of table) t.match(spec(value, registry), expected, name)
})

t.test('a type change wipes what the new type does not use, and only that', async (t) => {
  const local = { ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: 'rollcall.dev/load-balancer' }
  const table: readonly [string, Loose, Loose, Loose][] = [
    ['ClusterIP -> NodePort', http, { ...http, type: 'NodePort' }, { clusterIP: '10.96.7.7', ports: [{ nodePort: 30_500 }] }],
    ['NodePort -> ClusterIP', { ...http, type: 'NodePort' }, http, { clusterIP: '10.96.7.7', ports: [{ nodePort: undefined }], externalTrafficPolicy: undefined }],
    ['NodePort -> ClusterIP with the old number in the manifest', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_200 }] }, { ports: [{ port: 80, nodePort: 30_200 }] },
      { ports: [{ nodePort: undefined }] }],
    ['ClusterIP -> ExternalName', http, { ...http, type: 'ExternalName', externalName: 'a.b' },
      { clusterIP: undefined, clusterIPs: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined, internalTrafficPolicy: undefined }],
    ['ExternalName -> ClusterIP', { type: 'ExternalName', externalName: 'a.b' }, { ...http, clusterIP: '10.100.100.100' }, { clusterIP: '10.100.100.100' }],
    ['LoadBalancer -> ClusterIP', local, http,
      {
        allocateLoadBalancerNodePorts: undefined, loadBalancerClass: undefined, healthCheckNodePort: undefined, externalTrafficPolicy: undefined,
        ports: [{ nodePort: undefined }]
      }],
    ['LoadBalancer -> NodePort', local, { ...http, type: 'NodePort' }, { loadBalancerClass: undefined, healthCheckNodePort: undefined, ports: [{ nodePort: 30_500 }] }],
    ['Local -> Cluster', local, { ...local, externalTrafficPolicy: 'Cluster' }, { healthCheckNodePort: undefined, ports: [{ nodePort: 30_500 }] }]
  ]
  for (const [name, before, after, expected] of table) {
    const old = applied(manifest(before))
    const next = applied(manifest(after), old)
    t.match(next.spec, expected, name)
    t.same(serviceFaults(next, { families: ['IPv4'], old }), [], name)
    t.equal(next.status?.loadBalancer.ingress?.[0]?.ip, next.spec.type === 'LoadBalancer' ? '192.0.2.7' : undefined, name)
  }
  t.test('an exported manifest with only its type changed loses the same', async (t) => {
    const old = applied(manifest({ ...local }))
    const next = prepared({ ...old, spec: { ...old.spec, type: 'ClusterIP' } }, old, one)
    t.same(serviceFaults(next, { families: ['IPv4'], old }), [])
    t.match(next.spec, { clusterIP: '10.96.7.7', healthCheckNodePort: undefined, loadBalancerClass: undefined })
    const external = prepared({ ...old, spec: { ...old.spec, type: 'ExternalName', externalName: 'a.b' } }, old, one)
    t.same(serviceFaults(external, { families: ['IPv4'], old }), [])
  })
})

t.test('allocated values are carried over by port name, unless the number is used elsewhere', async (t) => {
  const old = applied(manifest({ type: 'NodePort', ports: [{ name: 'a', port: 80, nodePort: 30_001 }, { name: 'b', port: 81, nodePort: 30_002 }] }))
  const numbers = (...ports: Loose[]): unknown => carriedOver(old, read(manifest({ type: 'NodePort', ports }))).spec.ports?.map((port) => port.nodePort)
  t.same(numbers({ name: 'b', port: 9 }, { name: 'a', port: 80 }), [30_002, 30_001])
  t.same(numbers({ name: 'a', port: 80 }, { name: 'c', port: 82 }), [30_001, undefined])
  t.same(numbers({ name: 'a', port: 80 }, { name: 'c', port: 82, nodePort: 30_001 }), [undefined, 30_001])
  t.equal(carriedOver(old, read(manifest({ ...http, type: 'ClusterIP' }))).spec.clusterIP, '10.96.7.7')
  const lb = applied(manifest({ ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }))
  t.equal(applied(manifest({ ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), lb).spec.healthCheckNodePort, 30_501)
  t.same(wiped(old, old), old)
})

t.test('a plan asks for what is missing, explicit requests first, and shares a number between protocols of one port', async (t) => {
  const needs = (value: Loose, old?: Service) => allocationPlan(prepared(read(manifest(value)), old, both), old)
  t.match(needs({ type: 'NodePort', ports: [{ name: 'a', port: 80 }, { name: 'b', port: 81, nodePort: 30_100 }] }).needs,
    [{ kind: 'nodePort', requested: 30_100, ports: [1] }, { kind: 'clusterIP', family: 'IPv4' }, { kind: 'nodePort', ports: [0], key: 'nodePort/80' }])
  const dns = { type: 'NodePort', ports: [{ name: 'u', port: 53, protocol: 'UDP' }, { name: 't', port: 53 }] }
  t.match(needs(dns).needs.filter((need) => need.kind === 'nodePort'), [{ ports: [0, 1], protocols: ['UDP', 'TCP'] }])
  t.same(applied(manifest(dns)).spec.ports?.map((port) => port.nodePort), [30_500, 30_500])
  t.same(applied(manifest({ ...dns, ports: [{ name: 'u', port: 53, protocol: 'UDP' }, { name: 't', port: 53, nodePort: 30_053 }] })).spec.ports?.map((port) => port.nodePort), [30_053, 30_053])
  const off = applied(manifest({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ name: 'u', port: 53, protocol: 'UDP' }, { name: 't', port: 53, nodePort: 30_053 }] }))
  t.same(off.spec.ports?.map((port) => port.nodePort), [undefined, 30_053])
  t.match(needs({ ...http, type: 'LoadBalancer', loadBalancerIP: '192.0.2.9', externalTrafficPolicy: 'Local' }).needs.map((need) => need.kind),
    ['loadBalancer', 'clusterIP', 'nodePort', 'healthCheckNodePort'])
  t.match(needs({ ...http, type: 'LoadBalancer', loadBalancerIP: 'soon' }), { pending: /not an address/ })
  t.match(needs({ ...http, type: 'LoadBalancer', loadBalancerClass: 'a/b' }), { pending: /another implementation/, foreign: true })
  t.same(needs({ clusterIP: 'None' }).needs, [])
  t.same(needs({ type: 'ExternalName', externalName: 'a.b' }).needs, [])
})

t.test('an update frees what it gives up, and nothing that it keeps', async (t) => {
  const old = applied(manifest({ ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }))
  t.same(heldBy(old).map((held) => (held.kind === 'nodePort' ? held.port : held.address)), ['10.96.7.7', 30_500, 30_501, '192.0.2.7'])
  const plan = (value: Loose) => allocationPlan(prepared(read(manifest(value)), old, one), old)
  t.same(plan({ ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }).released, [])
  t.same(plan(http).released, [
    { kind: 'nodePort', port: 30_500, field: 'spec.ports[0].nodePort' }, { kind: 'nodePort', port: 30_501, field: 'spec.healthCheckNodePort' },
    { kind: 'loadBalancer', address: '192.0.2.7' }
  ])
  t.same(plan({ type: 'ExternalName', externalName: 'a.b' }).released.length, 4)
  const moved = plan({ ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerIP: '192.0.2.9' })
  t.match([moved.needs, moved.released], [[{ kind: 'loadBalancer', requested: '192.0.2.9' }], [{ kind: 'loadBalancer', address: '192.0.2.7' }]])
  const service = prepared(read(manifest({ ...http, type: 'LoadBalancer' })), undefined, one)
  t.same(withAllocations(service, allocationPlan(service), new Map<string, string | number>([['clusterIP/IPv4', '10.96.0.2'], ['nodePort/80', 30_000]])).status,
    { loadBalancer: {} }, 'empty pools leave it waiting')
})

const name = fc.constantFrom('a', 'b', 'c', 'http', 'dns')
const port = fc.record({
  port: fc.integer({ min: 1, max: 65_535 }), targetPort: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('web', 'dns')), protocol: fc.constantFrom('', 'TCP', 'UDP', 'SCTP')
}, { requiredKeys: ['port'] })
const ports = fc.array(fc.tuple(name, port), { minLength: 1, maxLength: 4 })
  .map((pairs) => pairs.map(([name, each]): Loose => ({ name, ...each })))
  .filter((list) => new Set(list.map((each) => each['name'])).size === list.length && new Set(list.map((each) => each['port'])).size === list.length)
const validSpec = fc.record({
  type: fc.constantFrom('', 'ClusterIP', 'NodePort', 'LoadBalancer'),
  ports,
  selector: fc.constantFrom({}, { app: 'web' }),
  sessionAffinity: fc.constantFrom('', 'None', 'ClientIP'),
  publishNotReadyAddresses: fc.boolean(),
  ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  externalIPs: fc.constantFrom([], ['192.0.2.1'])
}, { requiredKeys: ['ports'] })
const anySpec = fc.oneof(
  validSpec,
  fc.tuple(validSpec, fc.constantFrom('Cluster', 'Local')).map(([value, policy]) => ({ ...value, type: 'LoadBalancer', externalTrafficPolicy: policy })),
  validSpec.map((value) => ({ ...value, type: 'ClusterIP', clusterIP: 'None' })),
  fc.constant({ type: 'ExternalName', externalName: 'db.example.com' })
)

t.test('defaulting twice is defaulting once', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(anySpec, fc.constantFrom(one, both), (value, registry) => {
    const once = defaulted(read(manifest(value)), registry)
    assert.equal(JSON.stringify(defaulted(once, registry)), JSON.stringify(once))
  }), { numRuns: 200 }))
})

t.test('a valid manifest is valid when it is completed, and when it is allocated for', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(anySpec, (value) => {
    assert.deepEqual(serviceFaults(defaulted(read(manifest(value)), both), both), [])
    assert.deepEqual(serviceFaults(applied(manifest(value), undefined, both), both), [])
  }), { numRuns: 200 }))
})

t.test('a manifest applied to its own result changes nothing, needs nothing and frees nothing', async (t) => {
  t.doesNotThrow(() => fc.assert(fc.property(anySpec, (value) => {
    const stored = applied(manifest(value), undefined, both)
    const again = prepared(read(manifest(value)), stored, both)
    const plan = allocationPlan(again, stored)
    assert.deepEqual(serviceFaults(again, { ...both, old: stored }), [])
    assert.deepEqual([plan.needs, plan.released], [[], []])
    assert.equal(JSON.stringify(withAllocations(again, plan, new Map()).spec), JSON.stringify(stored.spec))
    assert.deepEqual(withAllocations(again, plan, new Map()), stored)
  }), { numRuns: 200 }))
})
