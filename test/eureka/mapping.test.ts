// The mapping of Eureka's words and ours, both ways, as a table.
import t from 'tap'
import type { Status } from '../../client-sdk/src/wire.ts'
import { type EurekaStatus, eurekaStatuses, readInstanceInfo } from '../../server/eureka/form/instance-info.ts'
import { json } from '../../server/eureka/form/json-text.ts'
import { type ShownInfo, type Source, eurekaStatusOf, overriddenStatusOf, registrationOf, shownOf, statusOf, weightOf } from '../../server/eureka/form/mapping.ts'
import { xml } from '../../server/eureka/form/xml-text.ts'
import { instance } from './eureka-world.ts'

const registration = (fields: object = {}, app = 'ORDERS'): ReturnType<typeof registrationOf>['registration'] =>
  registrationOf(readInstanceInfo({ instance: instance({ app, ...fields }) }, app).info, app.toLowerCase()).registration

/** How it is shown when it has been registered. */
function shown (fields: object = {}, changes: Partial<Source> = {}): ShownInfo {
  const info = readInstanceInfo({ instance: instance(fields) }, 'ORDERS').info
  const { id, registration: made } = registrationOf(info, 'orders')
  return shownOf({
    service: 'orders', id, address: made.address ?? '', ports: (made.ports ?? []).map(({ name = '', port }) => ({ name, port, protocol: 'TCP' })), metadata: made.metadata ?? {},
    weight: made.weight ?? 100, zone: made.zone, status: made.status ?? 'up', isOut: false,
    instance: { lease: { ttlMs: made.lease?.ttlMs ?? 0 }, createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-01T00:00:01.000Z' }, ...changes
  })
}

t.test('status, both ways', async (t) => {
  const there: Record<EurekaStatus, Status> = { UP: 'up', DOWN: 'down', STARTING: 'starting', OUT_OF_SERVICE: 'draining', UNKNOWN: 'down' }
  for (const status of eurekaStatuses) t.equal(statusOf(status), there[status], status)
  for (const [status, expected] of [['up', 'UP'], ['warning', 'UP'], ['starting', 'STARTING'], ['draining', 'OUT_OF_SERVICE'], ['down', 'DOWN']] as const) {
    t.equal(eurekaStatusOf(status), expected)
    t.equal(eurekaStatusOf(status, true), 'DOWN', `${status}, suspect and out of the answers`)
  }
  for (const [override, expected] of [[undefined, 'UNKNOWN'], [{}, 'UNKNOWN'], [{ status: 'draining' }, 'OUT_OF_SERVICE'], [{ status: 'down' }, 'DOWN']] as const) {
    t.equal(overriddenStatusOf(override), expected)
  }
  for (const [status, overridden, expected] of [
    ['UP', 'UNKNOWN', 'up'], ['UP', 'OUT_OF_SERVICE', 'draining'], ['OUT_OF_SERVICE', 'UP', 'up'], ['DOWN', 'UP', 'down'], ['STARTING', 'OUT_OF_SERVICE', 'starting'], ['UP', 'DOWN', 'down']
  ] as const) t.equal(registration({ status, overriddenstatus: overridden }).status, expected, `${status} overridden by ${overridden}`)
})

t.test('ports, weight, zone and lease become ours, and Eureka\'s again', async (t) => {
  const port = (number: unknown, enabled: unknown): object => ({ $: number, '@enabled': enabled })
  for (const [fields, ours, theirs] of [
    [{}, { address: '10.0.0.7', ports: [{ name: 'http', port: 8080 }], lease: { ttlMs: 90_000 } }, { port: { number: 8080, isEnabled: true }, securePort: { number: 443, isEnabled: false } }],
    [{ port: port('8080', true), securePort: port(8443, 'TRUE') }, { ports: [{ name: 'http', port: 8080 }, { name: 'https', port: 8443 }] }, { securePort: { number: 8443, isEnabled: true } }],
    [{ port: port(8080, 'false'), securePort: port(8443, 'true') }, { ports: [{ name: 'https', port: 8443 }] }, { port: { number: 8080, isEnabled: false }, securePort: { number: 8443, isEnabled: true } }],
    [{ port: 9000, securePort: undefined }, { ports: [{ name: 'http', port: 9000 }] }, { securePort: { number: 443, isEnabled: false } }],
    [{ port: port(0, 'false') }, { ports: [] }, { port: { number: 0, isEnabled: false } }],
    [{ metadata: { weight: '7', zone: 'a' } }, { weight: 7, zone: 'a' }, { metadata: { weight: '7', zone: 'a' } }],
    [{ metadata: { weight: 'heavy', zone: 'not a label!' } }, { weight: undefined, zone: undefined }, { metadata: { weight: 'heavy', zone: 'not a label!' } }],
    [{ metadata: { weight: '70000' } }, { weight: undefined }, { metadata: { weight: '70000' } }],
    [{ dataCenterInfo: { name: 'Amazon', metadata: { 'availability-zone': 'us-east-1c', 'instance-id': 'i-1' } }, metadata: { zone: 'b' } }, { zone: 'us-east-1c' }, { dataCenterInfo: { name: 'Amazon', className: 'com.netflix.appinfo.AmazonInfo', metadata: { 'availability-zone': 'us-east-1c', 'instance-id': 'i-1' } } }],
    [{ leaseInfo: { renewalIntervalInSecs: 5, durationInSecs: 15 } }, { lease: { ttlMs: 15_000 } }, { renewalIntervalInSecs: 5, durationInSecs: 15 }],
    [{ leaseInfo: { renewalIntervalInSecs: '1', durationInSecs: '60' } }, { lease: { ttlMs: 60_000 } }, { renewalIntervalInSecs: 1, durationInSecs: 60 }],
    [{ hostName: 'Host.Example.COM' }, {}, { hostName: 'Host.Example.COM' }], [{ hostName: '10.0.0.7' }, {}, { hostName: '10.0.0.7' }],
    [{ ipAddr: '2001:DB8::1' }, { address: '2001:DB8::1' }, {}],
    [{ vipAddress: 'a,b', secureVipAddress: 'c', appGroupName: 'G', homePageUrl: 'http://x/', asgName: 'asg', sid: 'na' }, {}, { texts: { vipAddress: 'a,b', secureVipAddress: 'c', appGroupName: 'G', homePageUrl: 'http://x/', asgName: 'asg' } }],
    [{ vipAddress: undefined }, {}, { texts: { vipAddress: 'orders' } }],
    [{ lastDirtyTimestamp: '1732700000000' }, { metadata: { 'eureka/hostName': 'host1', 'eureka/lastDirtyTimestamp': '1732700000000', 'eureka/securePort': '443' } }, { lastDirtyTimestamp: 1_732_700_000_000 }],
    [{ countryId: '49' }, {}, { countryId: 49 }],
    [{ metadata: { '@class': 'java.util.Collections$EmptyMap' } }, {}, { metadata: {} }]
  ] as const) {
    t.match(registration(fields), ours, JSON.stringify(fields))
    t.match(shown(fields), theirs, JSON.stringify(fields))
  }
  t.equal(weightOf('65535'), 65_535)
  t.equal(weightOf('65536'), undefined)
})

t.test('what changed here is what is shown', async (t) => {
  t.match(shown({ metadata: { weight: '7' } }, { weight: 3 }).metadata, { weight: '3' })
  t.match(shown({}, { weight: 3 }).metadata, { weight: '3' })
  t.notOk('weight' in shown().metadata)
  t.match(shown({}, { zone: 'b' }).metadata, { zone: 'b' })
  t.strictSame(shown({}, { metadata: { 'rollcall.dev/consul': '{}', 'eureka/x': 'y', a: 'b' } }).metadata, { a: 'b' }, 'what dialects keep for themselves is not shown')
  t.match(shown({}, { from: 'api', id: 'x' }), { instanceId: 'api/x' })
})

t.test('an instance of ours is shown with what its callers look for', async (t) => {
  const native = (ports: Source['ports'], changes: Partial<Source> = {}): ShownInfo => shownOf({
    service: 'orders', id: 'orders-1', address: '10.0.0.1', ports, metadata: {}, weight: 100, status: 'up', isOut: false, instance: undefined, ...changes
  })
  t.match(native([{ name: '', port: 80, protocol: 'TCP' }]), { instanceId: 'orders-1', app: 'ORDERS', hostName: '10.0.0.1', port: { number: 80, isEnabled: true }, texts: { vipAddress: 'orders' } })
  t.match(native([{ name: 'admin', port: 81, protocol: 'TCP' }, { name: 'http', port: 80, protocol: 'TCP' }, { name: 'https', port: 443, protocol: 'TCP' }]), {
    port: { number: 80 }, securePort: { number: 443, isEnabled: true }, texts: { secureVipAddress: 'orders' }
  })
  t.match(native([{ name: 'dns', port: 53, protocol: 'UDP' }]), { port: { number: 0, isEnabled: false }, securePort: { isEnabled: false } })
  for (const metadata of [{ 'eureka/dataCenterMetadata': 'x', 'eureka/countryId': 'x' }, { 'eureka/dataCenterMetadata': '[1]', 'eureka/port': '-1' }, { 'eureka/dataCenterMetadata': 'null' }]) {
    t.match(native([], { metadata }), { countryId: 1, port: { number: 0 }, dataCenterInfo: { metadata: {} }, metadata: {} }, 'what somebody else wrote there breaks nothing')
  }
})

t.test('a wrong field is refused by its name, with its value and its rule', async (t) => {
  for (const [fields, message] of [
    [{ ipAddr: 'localhost' }, /ipAddr .*got "localhost"/], [{ ipAddr: undefined }, /ipAddr is missing/], [{ hostName: undefined }, /hostName is missing/], [{ hostName: { a: 1 } }, /hostName must be a text/],
    [{ app: 'PAYMENTS' }, /app must be ORDERS, as in the path, got "PAYMENTS"/], [{ app: null }, /app is missing/], [{ dataCenterInfo: undefined }, /dataCenterInfo is missing/],
    [{ dataCenterInfo: {} }, /dataCenterInfo\.name is missing/], [{ dataCenterInfo: { name: 'Mars' } }, /dataCenterInfo\.name must be one of/], [{ dataCenterInfo: [] }, /dataCenterInfo must be an object/],
    [{ status: 'ok' }, /status must be one of UP, DOWN/], [{ status: 1 }, /status must be one of/], [{ overriddenstatus: 'UP', overriddenStatus: 'DOWN' }, /overriddenStatus must be UP/],
    [{ port: { $: 'x' } }, /port must be a whole number 0-65535, got "x"/], [{ port: { $: 70_000 } }, /port must be a whole number/], [{ port: { $: 0, '@enabled': 'true' } }, /port must be 1-65535 where it is enabled/],
    [{ port: { $: 1, '@enabled': 'maybe' } }, /port\.@enabled must be true or false/], [{ port: [80] }, /port must be a text|port must be a whole/], [{ securePort: { $: 8080, '@enabled': true } }, /securePort must be another than port/],
    [{ leaseInfo: { durationInSecs: 0 } }, /leaseInfo\.durationInSecs must be a whole number 1-86400/], [{ leaseInfo: { durationInSecs: 1e9 } }, /leaseInfo\.durationInSecs/], [{ leaseInfo: 'x' }, /leaseInfo must be an object/],
    [{ metadata: { a: { b: 1 } } }, /metadata\["a"\] must be a text/], [{ metadata: ['a'] }, /metadata must be an object/], [{ metadata: { 'eureka/port': '1' } }, /metadata\["eureka\/port"\] must not begin with "eureka\/"/], [{ metadata: { 'rollcall.dev/consul': '{}' } }, /must not begin with/],
    [{ instanceId: 'x'.repeat(300) }, /instanceId must become/], [{ instanceId: [] }, /instanceId must be a text/], [{ lastDirtyTimestamp: 'now' }, /lastDirtyTimestamp must be a whole number/], [{ homePageUrl: {} }, /homePageUrl must be a text/]
  ] as const) t.throws(() => registration(fields), { code: 'REG_INVALID', message }, JSON.stringify(fields).slice(0, 60))
  for (const body of [undefined, null, 'x', [], {}, { instance: null }, { instance: [] }, { other: {} }]) t.throws(() => readInstanceInfo(body, 'ORDERS'), { code: 'REG_INVALID', message: /instance is missing/ })
})

t.test('an instance without an id is called by its host, of Amazon by its machine', async (t) => {
  const idOf = (fields: object): string => readInstanceInfo({ instance: instance({ instanceId: undefined, ...fields }) }, 'ORDERS').info.instanceId
  t.equal(idOf({}), 'host1')
  t.equal(idOf({ dataCenterInfo: { name: 'Amazon', metadata: { 'instance-id': 'i-1' } } }), 'i-1')
})

t.test('JSON and XML have the names and types that strict clients read, and no other field', async (t) => {
  const info = shown({ metadata: { 'a b': 'x', ok: '<&>' }, appGroupName: 'G' })
  const text = JSON.parse(json.instance(info, 'MODIFIED'))
  t.strictSame(Object.keys(text), ['instanceId', 'hostName', 'app', 'ipAddr', 'status', 'overriddenStatus', 'port', 'securePort', 'countryId', 'dataCenterInfo', 'leaseInfo', 'metadata', 'appGroupName', 'vipAddress', 'isCoordinatingDiscoveryServer', 'lastUpdatedTimestamp', 'lastDirtyTimestamp', 'actionType'])
  t.strictSame(text.port, { $: 8080, '@enabled': 'true' })
  t.strictSame(text.dataCenterInfo, { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' })
  t.strictSame(text.leaseInfo, { renewalIntervalInSecs: 30, durationInSecs: 90, registrationTimestamp: Date.parse('2026-01-01'), lastRenewalTimestamp: Date.parse('2026-01-01') + 1_000, evictionTimestamp: 0, serviceUpTimestamp: Date.parse('2026-01-01') })
  t.strictSame([text.countryId, text.isCoordinatingDiscoveryServer, typeof text.lastUpdatedTimestamp, typeof text.lastDirtyTimestamp, text.actionType], [1, 'false', 'string', 'string', 'MODIFIED'])
  t.strictSame(text.metadata, { 'a b': 'x', ok: '<&>' })
  t.strictSame(JSON.parse(json.instance(shown(), 'ADDED')).metadata, { '@class': 'java.util.Collections$EmptyMap' })
  const element = xml.instance(info, 'DELETED')
  t.match(element, '<metadata><ok>&lt;&amp;&gt;</ok></metadata>')
  t.match(element, '<port enabled="true">8080</port><securePort enabled="false">443</securePort><countryId>1</countryId><dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>')
  t.match(element, '<overriddenstatus>UNKNOWN</overriddenstatus>')
  t.notMatch(element, 'overriddenStatus')
  t.match(xml.instance(shown(), 'ADDED'), '<metadata class="java.util.Collections$EmptyMap"/>')
  t.equal(JSON.parse([...json.applications('1', 'UP_1_', [['A', ['{}', '{}']], ['B', ['{}']]])].join('')).applications.application.length, 2)
})
