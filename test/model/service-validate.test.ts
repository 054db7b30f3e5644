import t from 'tap'
import { type Cause, type CauseReason, clusterIpTaken, fieldErrors, messageOf, nodePortOutOfRange, nodePortTaken, refuse } from '../../server/model/service/causes.ts'
import type { RegistryFacts } from '../../server/model/service/facts.ts'
import { decoded } from '../../server/model/service/schema.ts'
import type { Endpoints, EndpointSlice, Namespace } from '../../server/model/service/types.ts'
import { prepared } from '../../server/model/service/update.ts'
import { endpointsFaults, endpointSliceFaults, endpointSliceWarnings, namespaceFaults } from '../../server/model/service/validate-endpoints.ts'
import { serviceFaults, warnings } from '../../server/model/service/validate.ts'
import { applied, both, type Loose, manifest, one, read } from './service-manifests.ts'

const http = { ports: [{ port: 80 }] }
const two = (a: Loose, b: Loose): Loose => ({ ports: [{ name: 'a', port: 80, ...a }, { name: 'b', port: 81, ...b }] })

function faultsOf (spec: Loose, metadata: Loose = {}, registry: RegistryFacts = one): readonly Cause[] {
  return serviceFaults(prepared(read(manifest(spec, metadata)), undefined, registry), { families: registry.families })
}

type Row = readonly [name: string, spec: Loose, field: string, reason: CauseReason, message: RegExp, registry?: RegistryFacts]

const R = 'FieldValueRequired'
const I = 'FieldValueInvalid'
const N = 'FieldValueNotSupported'
const D = 'FieldValueDuplicate'
const F = 'FieldValueForbidden'

const rows: readonly Row[] = [
  ['no ports', {}, 'spec.ports', R, /^Required value$/],
  ['too many ports', { ports: Array.from({ length: 1001 }, (_, index) => ({ name: `p${index}`, port: index + 1 })) }, 'spec.ports', 'FieldValueTooMany', /1000/],
  ['two ports, one unnamed', { ports: [{ port: 80 }, { name: 'b', port: 81 }] }, 'spec.ports[0].name', R, /Required/],
  ['a port name that is no label', { ports: [{ name: 'Http_', port: 80 }] }, 'spec.ports[0].name', I, /RFC 1123 label/],
  ['a port name given twice', two({ name: 'x' }, { name: 'x' }), 'spec.ports[1].name', D, /Duplicate value: "x"/],
  ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port', I, /Invalid value: 0: must be between 1 and 65535, inclusive/],
  ['no port number', { ports: [{ name: 'http' }] }, 'spec.ports[0].port', I, /Invalid value: 0/],
  ['port 65536', { ports: [{ port: 65_536 }] }, 'spec.ports[0].port', I, /between 1 and 65535/],
  ['a protocol in lower case', { ports: [{ port: 80, protocol: 'tcp' }] }, 'spec.ports[0].protocol', N, /"tcp": supported values: "SCTP", "TCP", "UDP"/],
  ['a target port above 65535', { ports: [{ port: 80, targetPort: 70_000 }] }, 'spec.ports[0].targetPort', I, /between 1 and 65535/],
  ['a quoted target port', { ports: [{ port: 80, targetPort: '8080' }] }, 'spec.ports[0].targetPort', I, /at least one letter/],
  ['a target port name of 16', { ports: [{ port: 80, targetPort: 'abcdefghijklmnop' }] }, 'spec.ports[0].targetPort', I, /no more than 15/],
  ['a target port name with --', { ports: [{ port: 80, targetPort: 'a--b' }] }, 'spec.ports[0].targetPort', I, /consecutive hyphens/],
  ['a target port name that ends in -', { ports: [{ port: 80, targetPort: 'a-' }] }, 'spec.ports[0].targetPort', I, /begin or end/],
  ['a target port name with capitals', { ports: [{ port: 80, targetPort: 'Web' }] }, 'spec.ports[0].targetPort', I, /alpha-numeric/],
  ['an appProtocol that is no name', { ports: [{ port: 80, appProtocol: 'a b' }] }, 'spec.ports[0].appProtocol', I, /qualified name/],
  ['an empty appProtocol', { ports: [{ port: 80, appProtocol: '' }] }, 'spec.ports[0].appProtocol', I, /qualified name/],
  ['one port and protocol twice', two({}, { port: 80 }), 'spec.ports[1]', D, /Duplicate value: \{"protocol":"TCP","port":80\}/],
  ['a node port on ClusterIP', { ports: [{ port: 80, nodePort: 30_000 }] }, 'spec.ports[0].nodePort', F, /may not be used when `type` is 'ClusterIP'/],
  ['a node port twice', { type: 'NodePort', ...two({ nodePort: 30_001 }, { nodePort: 30_001 }) }, 'spec.ports[1].nodePort', D, /30001/],
  ['a node port for two service ports', { type: 'NodePort', ...two({ nodePort: 30_001 }, { nodePort: 30_001, protocol: 'UDP' }) },
    'spec.ports[1].nodePort', I, /already allocated/],
  ['a selector key', { ...http, selector: { '-x': 'y' } }, 'spec.selector', I, /qualified name/],
  ['a selector value', { ...http, selector: { x: 'a b' } }, 'spec.selector', I, /valid label/],
  ['an unknown affinity', { ...http, sessionAffinity: 'clientIP' }, 'spec.sessionAffinity', N, /"ClientIP", "None"/],
  ['an affinity of 0 s', { ...http, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds', I, /greater than 0/],
  ['an affinity of 86401 s', { ...http, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds', I, /86400/],
  ['a headless NodePort', { ...http, type: 'NodePort', clusterIP: 'None' }, 'spec.clusterIPs[0]', I, /may not be set to 'None' for NodePort/],
  ['a headless LoadBalancer', { ...http, type: 'LoadBalancer', clusterIP: 'None' }, 'spec.clusterIPs[0]', I, /for LoadBalancer services/],
  ['clusterIPs that differ', { ...http, clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.6'] }, 'spec.clusterIPs', I, /first value must match/],
  ['clusterIPs alone', { ...http, clusterIPs: ['10.96.0.6'] }, 'spec.clusterIPs', I, /must be empty when `clusterIP`/],
  ['None and an address', { ...http, clusterIP: 'None', clusterIPs: ['None', '10.96.0.6'] }, 'spec.clusterIPs', I, /only value/],
  ['three addresses', { ...http, ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5', 'fd00::1', 'fd00::2'] }, 'spec.clusterIPs', I, /up to 2/, both],
  ['two addresses of a family', { ...http, ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5', '10.96.0.6'] },
    'spec.clusterIPs', I, /no more than one IP/, both],
  ['a cluster IP that is none', { ...http, clusterIP: '10.96.0.300' }, 'spec.clusterIPs[0]', I, /valid IP address/],
  ['a cluster IP with leading zeros', { ...http, clusterIP: '10.96.0.010' }, 'spec.clusterIPs[0]', I, /valid IP address/],
  ['a cluster IP of the other family', { ...http, clusterIP: 'fd00::1', ipFamilies: ['IPv4'] }, 'spec.clusterIPs[0]', I, /expected an IPv4 value/, both],
  ['a cluster IP on ExternalName', { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.1' }, 'spec.clusterIPs', F, /ExternalName/],
  ['families on ExternalName', { type: 'ExternalName', externalName: 'a.b', ipFamilies: ['IPv4'] }, 'spec.ipFamilies', F, /ExternalName/],
  ['a family policy on ExternalName', { type: 'ExternalName', externalName: 'a.b', ipFamilyPolicy: 'SingleStack' }, 'spec.ipFamilyPolicy', F, /ExternalName/],
  ['ExternalName without a name', { type: 'ExternalName' }, 'spec.externalName', R, /Required/],
  ['an external name that is none', { type: 'ExternalName', externalName: 'A_b' }, 'spec.externalName', I, /subdomain/],
  ['an unknown family', { ...http, ipFamilies: ['ipv4'] }, 'spec.ipFamilies[0]', N, /"IPv4", "IPv6"/],
  ['a family twice', { ...http, ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv4'] }, 'spec.ipFamilies[1]', D, /IPv4/, both],
  ['a family that is not configured', { ...http, ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]', I, /not configured/],
  ['an unknown family policy', { ...http, ipFamilyPolicy: 'Dual' }, 'spec.ipFamilyPolicy', N, /"PreferDualStack", "RequireDualStack", "SingleStack"/],
  ['RequireDualStack on one family', { ...http, ipFamilyPolicy: 'RequireDualStack' }, 'spec.ipFamilyPolicy', I, /not configured for dual-stack/],
  ['SingleStack with two families', { ...http, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] }, 'spec.ipFamilyPolicy', I, /multiple IP families/, both],
  ['an external IP that is none', { ...http, externalIPs: ['a'] }, 'spec.externalIPs[0]', I, /valid IP/],
  ['an external IP of loopback', { ...http, externalIPs: ['192.0.2.1', '127.0.0.1'] }, 'spec.externalIPs[1]', I, /loopback/],
  ['an external IP of link-local', { ...http, externalIPs: ['169.254.1.1'] }, 'spec.externalIPs[0]', I, /link-local range/],
  ['an external IP of link-local multicast', { ...http, externalIPs: ['224.0.0.1'] }, 'spec.externalIPs[0]', I, /link-local multicast/],
  ['an unspecified external IP', { ...http, externalIPs: ['0.0.0.0'] }, 'spec.externalIPs[0]', I, /unspecified/],
  ['an unknown type', { ...http, type: 'clusterip' }, 'spec.type', N, /"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"/],
  ['a source range that is none', { ...http, type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '10.0.0.0/33'] },
    'spec.LoadBalancerSourceRanges[1]', I, /valid CIDR/],
  ['source ranges without a LoadBalancer', { ...http, loadBalancerSourceRanges: ['10.0.0.0/8'] }, 'spec.LoadBalancerSourceRanges', F, /'LoadBalancer'/],
  ['allocateLoadBalancerNodePorts without one', { ...http, allocateLoadBalancerNodePorts: false }, 'spec.allocateLoadBalancerNodePorts', F, /'LoadBalancer'/],
  ['a loadBalancerClass without one', { ...http, loadBalancerClass: 'a/b' }, 'spec.loadBalancerClass', F, /'LoadBalancer'/],
  ['a bad loadBalancerClass', { ...http, type: 'LoadBalancer', loadBalancerClass: 'a b' }, 'spec.loadBalancerClass', I, /qualified name/],
  ['an external policy inside', { ...http, externalTrafficPolicy: 'Local' }, 'spec.externalTrafficPolicy', I, /externally-accessible/],
  ['an unknown external policy', { ...http, type: 'NodePort', externalTrafficPolicy: 'local' }, 'spec.externalTrafficPolicy', N, /"Cluster", "Local"/],
  ['a health-check port that nobody needs', { ...http, type: 'NodePort', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_001 },
    'spec.healthCheckNodePort', I, /may only be set when/],
  ['a health-check port that is a node port', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_001, ports: [{ port: 80, nodePort: 30_001 }] },
    'spec.healthCheckNodePort', I, /already allocated/],
  ['an unknown internal policy', { ...http, internalTrafficPolicy: 'local' }, 'spec.internalTrafficPolicy', N, /"Cluster", "Local"/],
  ['an unknown distribution', { ...http, trafficDistribution: 'Near' }, 'spec.trafficDistribution', N, /"PreferClose", "PreferSameNode", "PreferSameZone"/]
]

t.test('each rule of validation gives one cause with the path, the reason and the words of Kubernetes', async (t) => {
  for (const [name, spec, field, reason, message, registry] of rows) {
    const causes = faultsOf(spec, {}, registry)
    t.same(causes.map((cause) => [cause.field, cause.reason]), [[field, reason]], name)
    t.match(causes[0]?.message, message, name)
  }
})

t.test('metadata follows the rules of names, labels and annotations', async (t) => {
  const table: readonly [Loose, string, CauseReason, RegExp][] = [
    [{ name: '' }, 'metadata.name', R, /name or generateName/],
    [{ name: '1web' }, 'metadata.name', I, /DNS-1035/],
    [{ name: 'Web' }, 'metadata.name', I, /DNS-1035/],
    [{ name: 'a'.repeat(64) }, 'metadata.name', I, /63 characters/],
    [{ name: '', generateName: 'web-' }, 'metadata.generateName', F, /not generated/],
    [{ namespace: 'No' }, 'metadata.namespace', I, /RFC 1123/],
    [{ labels: { 'a/b/c': '' } }, 'metadata.labels', I, /qualified name/],
    [{ labels: { a: 'x'.repeat(64) } }, 'metadata.labels', I, /63/],
    [{ annotations: { 'rollcall.dev/dns-ptr': 'first' } }, 'metadata.annotations[rollcall.dev/dns-ptr]', N, /"first": supported values: "hostnames", "none", "primary"/],
    [{ annotations: { 'a b': '' } }, 'metadata.annotations', I, /qualified name/],
    [{ annotations: { a: 'x'.repeat(256 * 1024) } }, 'metadata.annotations', 'FieldValueTooLong', /262144 bytes/]
  ]
  for (const [metadata, field, reason, message] of table) {
    const causes = faultsOf(http, metadata)
    t.same(causes.map((cause) => [cause.field, cause.reason]), [[field, reason]], field)
    t.match(causes[0]?.message, message)
  }
})

t.test('all causes of a manifest come at once', async (t) => {
  const causes = faultsOf({ type: 'x', ports: [{ port: 0 }, { port: 80, targetPort: '1--' }], selector: { '': 'x' } }, { name: 'A' })
  t.same(causes.map((cause) => cause.field).sort(), ['metadata.name', 'spec.ports[0].name', 'spec.ports[0].port',
    'spec.ports[1].name', 'spec.ports[1].targetPort', 'spec.ports[1].targetPort', 'spec.ports[1].targetPort', 'spec.selector', 'spec.type'])
  t.match(messageOf('Service', 'A', causes), /^Service "A" is invalid: \[metadata.name: Invalid value: "A": a DNS-1035/)
  t.throws(() => refuse('Service', 'A', causes), { code: 'REG_MANIFEST_INVALID' })
  t.doesNotThrow(() => refuse('Service', 'A', []))
})

t.test('a manifest that Kubernetes accepts is accepted', async (t) => {
  for (const spec of [
    { ...http, loadBalancerIP: 'any text', type: 'LoadBalancer' },
    { ...http, sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
    { ...http, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } } },
    { ports: [{ port: 80, targetPort: 0 }] },
    { clusterIP: 'None' },
    { clusterIP: 'None', ports: [{ port: 80 }], ipFamilies: ['IPv6', 'IPv4'] },
    { type: 'ExternalName', externalName: '192.0.2.10' },
    { type: 'ExternalName', externalName: 'db.example.com.' },
    { ...http, externalIPs: ['80.11.12.10'], externalTrafficPolicy: 'Local' },
    { ...http, type: 'LoadBalancer', loadBalancerSourceRanges: [' 10.0.0.0/8 '] },
    { type: 'NodePort', ports: [{ name: 'dns', port: 53, protocol: 'UDP', nodePort: 30_053 }, { name: 'dns-tcp', port: 53, nodePort: 30_053 }] }
  ]) t.same(faultsOf(spec), [], JSON.stringify(spec))
})

t.test('the wrong JSON type and an unknown field are faults of the shape, by name', async (t) => {
  const table: readonly [Loose, string, RegExp][] = [
    [manifest({ ports: [{ port: '80' }] }), 'spec.ports[0].port', /whole number/],
    [manifest({ ports: [{ port: 80.5 }] }), 'spec.ports[0].port', /whole number/],
    [manifest({ ...http, selector: { app: 5 } }), 'spec.selector.app', /text/],
    [manifest({ ...http, selectors: {} }), 'spec.selectors', /not a known field/],
    [manifest({ ports: [{ port: 80, targetport: 1 }] }), 'spec.ports[0].targetport', /not a known field/],
    [manifest({ ports: { port: 80 } }), 'spec.ports', /list/],
    [manifest(http, { labels: [] }), 'metadata.labels', /texts/],
    [manifest({ ...http, publishNotReadyAddresses: 'yes' }), 'spec.publishNotReadyAddresses', /true or false/],
    [{ ...manifest(http), data: {} }, 'data', /not a known field/]
  ]
  for (const [value, field, rule] of table) {
    const result = decoded('Service', value, 'shop')
    t.match('refusal' in result ? result.refusal.faults : [], [{ field, rule }], field)
  }
})

t.test('an exported manifest, nulls and all, is read, and its status is not the caller\'s to say', async (t) => {
  const service = read({ ...manifest({ ...http, clusterIP: '', externalIPs: null, selector: { a: null } },
    { creationTimestamp: null, managedFields: [{}], finalizers: [], resourceVersion: '7', labels: {} }), status: { loadBalancer: {} } })
  t.same(service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', resourceVersion: '7' },
    spec: { type: '', sessionAffinity: '', ports: [{ protocol: '', port: 80, targetPort: 0 }], selector: { a: '' } } })
})

t.test('an update may not change what is immutable', async (t) => {
  const base = { ...http, type: 'LoadBalancer', externalTrafficPolicy: 'Local' }
  const table: readonly [string, Loose, Loose, string, CauseReason, RegExp][] = [
    ['another cluster IP', http, { ...http, clusterIP: '10.96.0.99' }, 'spec.clusterIPs[0]', I, /may not change once set/],
    ['from an address to headless', http, { ...http, clusterIP: 'None' }, 'spec.clusterIPs[0]', I, /may not change once set/],
    ['from headless to an address', { ...http, clusterIP: 'None', selector: { a: 'b' } }, { ...http, clusterIP: '10.96.0.99' }, 'spec.clusterIPs[0]', I, /may not change once set/],
    ['a class where there was none', base, { ...base, loadBalancerClass: 'a/b' }, 'spec.loadBalancerClass', I, /may not change once set/],
    ['another health-check port', base, { ...base, healthCheckNodePort: 31_999 }, 'spec.healthCheckNodePort', F, /immutable/],
    ['a cluster IP that changed with ExternalName', http, { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.99' }, 'spec.clusterIPs', F, /ExternalName/],
    ['a new node port on the way to ClusterIP', { ...http, type: 'NodePort' }, { ports: [{ port: 80, nodePort: 31_999 }] }, 'spec.ports[0].nodePort', F, /'ClusterIP'/]
  ]
  for (const [name, before, after, field, reason, message] of table) {
    const old = applied(manifest(before))
    const causes = serviceFaults(prepared(read(manifest(after)), old, one), { families: ['IPv4'], old })
    t.same(causes.map((cause) => [cause.field, cause.reason]), [[field, reason]], name)
    t.match(causes[0]?.message, message, name)
  }
  const old = applied(manifest(http))
  const other = prepared(read(manifest(http, { uid: 'u2' })), old, one)
  t.match(serviceFaults(other, { families: ['IPv4'], old }), [{ field: 'metadata.uid', message: /immutable/ }])
})

t.test('the second family comes and goes, the first stays', async (t) => {
  const dual = { ...http, ipFamilyPolicy: 'PreferDualStack' }
  const faults = (spec: Loose, old: ReturnType<typeof applied>) =>
    serviceFaults(prepared(read(manifest(spec)), old, both), { ...both, old }).map((cause) => cause.field)
  const single = applied(manifest(http), undefined, both)
  t.same(faults(dual, single), [])
  const grown = applied(manifest(dual), single, both)
  t.same(grown.spec.clusterIPs, ['10.96.7.7', 'fd00::7'])
  t.same(faults({ ...http, ipFamilyPolicy: 'SingleStack' }, grown), [])
  t.same(applied(manifest({ ...http, ipFamilyPolicy: 'SingleStack' }), grown, both).spec.clusterIPs, ['10.96.7.7'])
  t.same(faults({ ...dual, ipFamilies: ['IPv6', 'IPv4'], clusterIP: 'fd00::7', clusterIPs: ['fd00::7', '10.96.7.7'] }, grown),
    ['spec.clusterIPs[0]', 'spec.clusterIPs[1]', 'spec.ipFamilies[0]', 'spec.ipFamilies[1]'])
  t.same(faults({ ...dual, clusterIP: '10.96.7.7', clusterIPs: ['10.96.7.7'], ipFamilies: ['IPv4'] }, single), [])
})

t.test('a legal but surprising manifest gives a warning', async (t) => {
  const of = (spec: Loose, metadata: Loose = {}): readonly string[] => warnings(prepared(read(manifest(spec, metadata)), undefined, both))
  t.match(of({ clusterIP: 'None', sessionAffinity: 'ClientIP', externalIPs: ['192.0.2.1'], loadBalancerIP: '192.0.2.1' }), [/loadBalancerIP/, /externalIPs/, /sessionAffinity/])
  t.match(of({ type: 'ExternalName', externalName: '192.0.2.10', externalIPs: ['192.0.2.1'] }), [/externalIPs/, /as a name/])
  t.match(of({ type: 'ExternalName', externalName: `${'a'.repeat(64)}.example.org` }), [/more than 63 characters cannot be in DNS/])
  t.match(of({ ...http, externalName: 'a.b' }), [/externalName is ignored/])
  t.match(of({ ...http, trafficDistribution: 'PreferClose' }), [/deprecated/])
  t.match(of({ ...http, clusterIP: 'FD00:0::1' }), [/"fd00::1"/])
  t.match(of(http, { annotations: { 'service.kubernetes.io/topology-mode': 'auto' } }), [/deprecated/])
  t.match(of({ ...http, type: 'LoadBalancer', loadBalancerIP: 'soon' }), [/not an address/])
  t.same(of({ ...http, clusterIP: 'fd00::1' }), [])
})

t.test('an allocator\'s refusal names the holder', async (t) => {
  const holder = { kind: 'Service', namespace: 'shop', name: 'web', field: 'spec.ports[0].nodePort' }
  t.equal(nodePortTaken('spec.ports[1].nodePort', 30_200, holder).message,
    'Invalid value: 30200: provided port is already allocated: Service "shop/web" holds it (spec.ports[0].nodePort)')
  t.match(nodePortOutOfRange('spec.ports[0].nodePort', 80, '30000-32767').message, /The range of valid ports is 30000-32767/)
  t.match(fieldErrors([clusterIpTaken('10.96.0.1', { kind: 'Service', namespace: 'default', name: 'kubernetes' })]), [{ field: 'spec.clusterIPs', rule: /failed to allocate IP 10.96.0.1.*kubernetes/ }])
})

function read2<Kind> (kind: 'EndpointSlice' | 'Endpoints' | 'Namespace', value: Loose): Kind {
  const result = decoded(kind, value, 'shop')
  if ('refusal' in result) throw new Error(JSON.stringify(result.refusal))
  return result.manifest as Kind
}

const slice = (more: Loose): EndpointSlice => read2('EndpointSlice', {
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'db-1', labels: { 'kubernetes.io/service-name': 'db' } },
  addressType: 'IPv4', endpoints: [{ addresses: ['10.1.2.3'] }], ports: [{ port: 5432 }], ...more
})

t.test('each rule of hand-made slices, Endpoints and Namespaces gives its cause', async (t) => {
  const endpoints = (subset: Loose): readonly Cause[] => endpointsFaults(read2<Endpoints>('Endpoints', { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db' }, subsets: [subset] }))
  const M = 'FieldValueTooMany'
  const table: readonly [readonly Cause[], string, CauseReason, RegExp][] = [
    [endpointSliceFaults(slice({ metadata: { name: 'a' } })), 'metadata.labels[kubernetes.io/service-name]', R, /service/],
    [endpointSliceFaults(slice({ addressType: '' })), 'addressType', R, /Required/],
    [endpointSliceFaults(slice({ addressType: 'ipv4' })), 'addressType', N, /"FQDN", "IPv4", "IPv6"/],
    [endpointSliceFaults(slice({ addressType: 'IPv6', endpoints: [] }), slice({})), 'addressType', I, /immutable/],
    [endpointSliceFaults(slice({ endpoints: [{ addresses: ['fd00::1'] }] })), 'endpoints[0].addresses[0]', I, /valid IPv4/],
    [endpointSliceFaults(slice({ endpoints: [{ addresses: ['127.0.0.1'] }] })), 'endpoints[0].addresses[0]', I, /loopback/],
    [endpointSliceFaults(slice({ endpoints: [{}] })), 'endpoints[0].addresses', R, /at least 1/],
    [endpointSliceFaults(slice({ endpoints: [{ addresses: Array(101).fill('10.0.0.1') }] })), 'endpoints[0].addresses', M, /100/],
    [endpointSliceFaults(slice({ endpoints: Array(1001).fill({ addresses: ['10.0.0.1'] }) })), 'endpoints', M, /1000/],
    [endpointSliceFaults(slice({ addressType: 'FQDN', endpoints: [{ addresses: ['localhost'] }] })), 'endpoints[0].addresses[0]', I, /two segments/],
    [endpointSliceFaults(slice({ endpoints: [{ addresses: ['10.0.0.1'], hostname: 'A' }] })), 'endpoints[0].hostname', I, /1123/],
    [endpointSliceFaults(slice({ ports: [{ port: 1 }, { port: 2 }] })), 'ports[1].name', D, /Duplicate/],
    [endpointSliceFaults(slice({ ports: [{ port: 0 }] })), 'ports[0].port', I, /65535/],
    [endpointSliceFaults(slice({ ports: [{ port: 1, protocol: 'tcp' }] })), 'ports[0].protocol', N, /TCP/],
    [endpoints({}), 'subsets[0]', R, /notReadyAddresses/],
    [endpoints({ addresses: [{ ip: 'x' }] }), 'subsets[0].addresses[0].ip', I, /valid IP/],
    [endpoints({ addresses: [{ ip: '169.254.0.1' }] }), 'subsets[0].addresses[0].ip', I, /link-local/],
    [endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 1 }, { name: 'b', port: 2 }] }), 'subsets[0].ports[0].name', R, /Required/],
    [endpoints({ notReadyAddresses: Array(1001).fill({ ip: '10.0.0.1' }) }), 'subsets[0].notReadyAddresses', M, /1000/],
    [namespaceFaults(read2<Namespace>('Namespace', { metadata: { name: 'A' } })), 'metadata.name', I, /1123/],
    [namespaceFaults(read2<Namespace>('Namespace', { metadata: { name: 'a', namespace: 'b' } })), 'metadata.namespace', F, /not allowed/],
    [namespaceFaults(read2<Namespace>('Namespace', { metadata: { name: 'a', annotations: { 'rollcall.dev/dns-ttl': '2h' } } })), 'metadata.annotations[rollcall.dev/dns-ttl]', I, /1h/],
    [namespaceFaults(read2<Namespace>('Namespace', { metadata: { name: 'a', annotations: { 'rollcall.dev/dns-fallback': 'b/c' } } })), 'metadata.annotations[rollcall.dev/dns-fallback]', F, /Service only/]
  ]
  for (const [causes, field, reason, message] of table) {
    t.same(causes.map((cause) => [cause.field, cause.reason]), [[field, reason]], field)
    t.match(causes[0]?.message, message)
  }
  t.same(endpointSliceFaults(slice({})), [])
  t.same(namespaceFaults(read2<Namespace>('Namespace', { metadata: { name: '1-shop' }, spec: { finalizers: ['kubernetes'] }, status: {} })), [])
  t.match(endpointSliceWarnings(slice({ endpoints: [{ addresses: ['10.0.0.1', '10.0.0.2'] }] })), [/only the first/])
})
