// The one mapping, as a table.
import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { entryOf, weightScale } from '../../server/consul/answers/entry.ts'
import { checkStatusOf, isKeptByUs, leaseMs, registrationOf, statusOf, storedCheck, weightOf, worst } from '../../server/consul/form/mapping.ts'
import { instanceIdOf, nodeIdOf, serviceLabelOf } from '../../server/consul/form/names.ts'
import { recordKey } from '../../server/consul/form/record.ts'
import { serviceDefinition } from '../../server/consul/form/service-definition.ts'
import { labelsOf, tagsOf } from '../../server/consul/form/tags.ts'
import { instanceOf, bodyOf } from '../../server/model/instance/instance.ts'

t.test('each status is a status of checks, and the other way round', async (t) => {
  for (const [status, check] of [['up', 'passing'], ['warning', 'warning'], ['starting', 'critical'], ['draining', 'critical'], ['down', 'critical']] as const) {
    t.equal(checkStatusOf(status), check, status)
  }
  for (const [checks, before, status] of [
    [[], undefined, 'up'], [['passing'], 'down', 'up'], [['passing', 'warning'], 'up', 'warning'], [['critical'], undefined, 'starting'], [['critical'], 'starting', 'starting'],
    [['critical', 'passing'], 'up', 'down'], [['critical', 'warning'], 'warning', 'down'], [['critical'], 'draining', 'down'], [['passing'], 'starting', 'up']
  ] as const) t.equal(statusOf(checks.map((each) => ({ status: each })), before), status, `${checks.join()} after ${before}`)
  t.equal(worst([]), 'passing')
})

t.test('the lease is the shortest TTL, and the grace is that of what is critical', async (t) => {
  const check = { id: 'a', name: 'a', kind: 'ttl', status: 'passing' } as const
  const day = 24 * 3_600_000
  for (const [checks, lapsed, ms] of [
    [[], false, day], [[{ ...check, ttlMs: 10_000 }], false, 10_000],
    [[{ ...check, ttlMs: 10_000 }, { ...check, ttlMs: 3_000 }, { ...check, intervalMs: 5 }], false, 3_000],
    [[{ ...check, ttlMs: 10 }], false, 1_000], [[{ ...check, ttlMs: 10 * day }], false, day],
    [[{ ...check, ttlMs: 10_000, status: 'critical', deregisterAfterMs: 90_000 }], true, 90_000], [[{ ...check, ttlMs: 10_000, status: 'critical' }], true, day]
  ] as const) t.equal(leaseMs(checks, lapsed), ms, JSON.stringify([checks, lapsed]))
  for (const [record, isKept] of [
    [{ agent: '', checks: [] }, true], [{ agent: '', checks: [check] }, true], [{ agent: '', checks: [{ ...check, ttlMs: 1 }] }, false],
    [{ agent: '', checks: [{ ...check, ttlMs: 1 }], lapsed: 'ttl' }, true], [{ agent: '', checks: [{ ...check, ttlMs: 1, deregisterAfterMs: 1 }], lapsed: 'ttl' }, false]
  ] as const) t.equal(isKeptByUs(record), isKept, JSON.stringify(record))
})

t.test('tags are labels where labels can hold them, and come back as they were, in their order', async (t) => {
  for (const [tags, labels] of [
    [[], {}], [['v1'], { v1: '' }], [['version=2', 'a'], { version: '2', a: '' }], [['traefik.enable=true'], { 'traefik.enable': 'true' }],
    [['a=1', 'a=2'], {}], [['a', 'a=2'], {}], [['a='], {}], [['Host(`x`)', '', ' ', 'ü', 'rollcall.dev/service=x', '-a'], {}], [['a=b=c'], {}], [['__proto__=1'], {}],
    [['b', 'a'], { b: '', a: '' }], [['urlprefix-/web'], {}], [['v1', 'v1'], {}]
  ] as const) {
    t.strictSame(labelsOf(tags), labels, tags.join())
    t.strictSame(tagsOf(labelsOf(tags), tags), tags, `${tags.join()} come back`)
  }
  const many = Array.from({ length: 1_000 }, (_, index) => `tag-${index}`)
  t.equal(Object.keys(labelsOf(many)).length, 64)
  t.strictSame(tagsOf(labelsOf(many), many), many)
  t.strictSame(tagsOf({ version: 'v2', canary: '' }, undefined), ['version=v2', 'canary'], 'labels of others are tags')
  t.strictSame(tagsOf({ version: '3', zone: 'a' }, ['version=2', 'x y']), ['x y', 'version=3', 'zone=a'], 'a label that was changed since is shown as it is')
})

t.test('names are folded to labels, ids are kept whatever they hold', async (t) => {
  t.equal(serviceLabelOf('Web-API'), 'web-api')
  for (const bad of ['a_b', 'a.b', '', '-a', 'ü', 'x'.repeat(64)]) t.throws(() => serviceLabelOf(bad), { name: 'ConsulError' }, bad)
  for (const [id, own] of [['web-1', 'web-1'], ['a:b@c', 'a:b@c'], ['a/b', 'a%2Fb'], ['100%', '100%25'], ['한', '%ED%95%9C'], ['a b', 'a%20b'], ['.', '%2E'], ['..', '%2E%2E'], ['\ud800', '%EF%BF%BD']] as const) {
    t.equal(instanceIdOf(id), own, id)
  }
  t.throws(() => instanceIdOf('x'.repeat(254)), { name: 'ConsulError' })
  t.match(nodeIdOf('10.0.0.1'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(nodeIdOf('10.0.0.1'), nodeIdOf('10.0.0.1'))
  t.not(nodeIdOf('10.0.0.1'), nodeIdOf('10.0.0.2'))
})

t.test('weights keep their ratio', async (t) => {
  for (const [consul, own] of [[1, 100], [10, 1_000], [655, 65_500], [656, 65_535], [65_535, 65_535]] as const) t.equal(weightOf(consul), own)
  t.equal(weightScale([{ weight: 100 }, { weight: 1_000 }]), 100)
  t.equal(weightScale([{ weight: 100 }, { weight: 50 }]), 1, 'then they are shown as they are')
})

/** A registration as an instance, and that as Consul shows it. */
function roundTrip (body: object, agent = '10.9.9.9'): ReturnType<typeof entryOf> {
  const service = serviceDefinition(body)
  const instanceId = instanceIdOf(service.id)
  const checks = service.checks.map((check, place) => storedCheck(check, service, place, service.checks.length, []))
  const registration = registrationOf({ service, agent, instanceId, checks, status: statusOf(checks, undefined) })
  return shown(serviceLabelOf(service.name), instanceId, registration)
}

function shown (service: string, id: string, registration: Parameters<typeof bodyOf>[0], facts: Partial<Instance> = {}): ReturnType<typeof entryOf> {
  const { body, ttlMs } = bodyOf(registration, undefined)
  const instance = instanceOf(body, {
    namespace: 'default', service, id, generation: 'g', ttlMs, createdAtMs: 0, updatedAtMs: 0, revision: 7, suspect: facts.suspect ?? false, override: facts.override
  })
  const endpoint = { ...instance, status: instance.effectiveStatus }
  return entryOf({ service, endpoint, instance, datacenter: 'dc1', scale: weightScale([endpoint]), failOpen: false, index: (revision) => revision, revision: 7, outputOf: () => undefined })
}

t.test('what was registered comes back', async (t) => {
  const meta = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`key-${index}`, `value ${index}`]))
  for (const body of [
    { ID: 'a', Name: 'web', Port: 80, Address: '10.0.0.5', Tags: ['z', 'a', 'k=v', 'odd tag'], Meta: { a: 'b' }, Weights: { Passing: 10, Warning: 3 } },
    { ID: 'a/b c', Name: 'Web', Tags: [], Meta: meta, TaggedAddresses: { wan: { Address: '192.0.2.7', Port: 8080 } }, EnableTagOverride: true },
    { Name: 'web', Address: 'host.example', Port: 9, SocketPath: '/run/x.sock', Locality: { Region: 'eu', Zone: 'eu-1' } },
    { Name: 'web', Address: '2001:DB8::1', Weights: { Passing: 65_535, Warning: 0 } }
  ] as Record<string, any>[]) {
    const { service } = roundTrip(body)
    for (const [key, value] of Object.entries(body)) {
      if (key === 'Name') t.equal(service.Service, value)
      else if (key === 'TaggedAddresses') t.match(service.TaggedAddresses, value)
      else t.strictSame((service as any)[key], value, `${key} of ${JSON.stringify(body).slice(0, 80)}`)
    }
  }
  t.equal(roundTrip({ Name: 'web' }).service.Address, '', 'no address is none')
  t.equal(roundTrip({ Name: 'web' }).node.Address, '10.9.9.9', 'its node has that of the caller')
  t.equal(roundTrip({ Name: 'web', Address: 'host.example' }).node.Address, '10.9.9.9')
  t.strictSame(roundTrip({ Name: 'web' }).service.Weights, { Passing: 1, Warning: 1 })
})

t.test('what others registered has a check by its lease, and maintenance is a check of its own', async (t) => {
  const registration = { address: '10.0.0.5', ports: [{ port: 80 }], labels: { version: 'v2' }, metadata: { owner: 'team' } }
  for (const [status, check] of [['up', 'passing'], ['warning', 'warning'], ['starting', 'critical'], ['down', 'critical']] as const) {
    const { checks, service } = shown('web', 'a', { ...registration, status })
    t.match(checks, [{ CheckID: 'service:a', Name: "Service 'web' check", Status: check, ServiceTags: ['version=v2'] }], status)
    t.match(service, { Tags: ['version=v2'], Meta: { owner: 'team' }, Port: 80, Weights: { Passing: 1 } })
  }
  const override = { status: 'down', author: 'x', reason: 'disk', createdAt: '' } as const
  t.match(shown('web', 'a', registration, { override }), { status: 'critical', checks: [{ Status: 'passing' }, { CheckID: '_service_maintenance:a', Name: 'Service Maintenance Mode', Status: 'critical', Notes: 'disk' }] })
  t.match(shown('web', 'a', { ...registration, status: 'draining' }), { status: 'critical', checks: [{ Status: 'passing' }, { Name: 'Service Maintenance Mode' }] })
  t.match(shown('web', 'a', registration, { suspect: true }), { status: 'critical', checks: [{ Output: 'no heartbeat arrived in time' }] })
  t.match(shown('web', 'a', { ...registration, metadata: { [recordKey]: 'nonsense' } }), { record: undefined, status: 'passing' }, 'a record that somebody else wrote is none')
  t.match(shown('web', 'a', { ...registration, metadata: { [recordKey]: '{"agent":1,"checks":[]}' } }), { record: undefined })
})
