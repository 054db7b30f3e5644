import t from 'tap'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { endpointsOf } from '../../server/model/instance/endpoints.ts'
import { OverrideBody, PatchBody, RegistrationBody, bodyOf, instanceOf, patched, storedBody } from '../../server/model/instance/instance.ts'
import { checker } from '../../server/model/validate.ts'

const registration = checker(RegistrationBody)

const shapeFaults: readonly [string, unknown, string, RegExp][] = [
  ['a text for a body', 'x', 'body', /object/],
  ['a list for a body', [], 'body', /object/],
  ['an unknown field', { colour: 'red' }, 'colour', /not a known field/],
  ['an unknown field of a port', { ports: [{ port: 80, host: 'x' }] }, 'ports[0].host', /not a known field/],
  ['port 0', { ports: [{ port: 0 }] }, 'ports[0].port', /1-65535/],
  ['port 65536', { ports: [{ port: 65536 }] }, 'ports[0].port', /1-65535/],
  ['a port that is no whole number', { ports: [{ port: 80.5 }] }, 'ports[0].port', /1-65535/],
  ['a port as text', { ports: [{ port: '80' }] }, 'ports[0].port', /1-65535/],
  ['no port number', { ports: [{ name: 'http' }] }, 'ports[0].port', /required/],
  ['a port name with capitals', { ports: [{ name: 'HTTP', port: 80 }] }, 'ports[0].name', /RFC 6335/],
  ['a protocol in lower case', { ports: [{ port: 80, protocol: 'tcp' }] }, 'ports[0].protocol', /"TCP", "UDP", "SCTP"/],
  ['65 ports', { ports: Array.from({ length: 65 }, (_, index) => ({ name: `p${index}`, port: index + 1 })) }, 'ports', /64/],
  ['an upper-case host name', { hostname: 'Web' }, 'hostname', /RFC 1123/],
  ['a bad label key', { labels: { '-x': 'y' } }, 'labels["-x"]', /label key/],
  ['a bad label value', { labels: { x: 'a b' } }, 'labels.x', /label value/],
  ['a label that is no text', { labels: { x: 1 } }, 'labels.x', /label value/],
  ['65 labels', { labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) }, 'labels', /64/],
  ['65 metadata entries', { metadata: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) }, 'metadata', /64/],
  ['metadata that is no text', { metadata: { a: {} } }, 'metadata.a', /text/],
  ['a weight below 0', { weight: -1 }, 'weight', /0-65535/],
  ['a weight above 65535', { weight: 65536 }, 'weight', /0-65535/],
  ['an unknown status', { status: 'UP' }, 'status', /"starting"/],
  ['a TTL below a second', { lease: { ttlMs: 999 } }, 'lease.ttlMs', /1000-86400000/],
  ['a TTL above a day', { lease: { ttlMs: 86_400_001 } }, 'lease.ttlMs', /1000-86400000/],
  ['a TTL that is not a number', { lease: { ttlMs: Number.NaN } }, 'lease.ttlMs', /1000-86400000/],
  ['a TTL of null', { lease: { ttlMs: null } }, 'lease.ttlMs', /1000-86400000/],
  ['a generation of 65 characters', { generation: 'x'.repeat(65) }, 'generation', /1-64/],
  ['an empty zone', { zone: '' }, 'zone', /label value/],
  ['an empty version', { version: '' }, 'version', /1/]
]

t.test('a registration of the wrong shape is refused by field, value and rule', async (t) => {
  for (const [name, body, field, rule] of shapeFaults) t.match(registration(body)?.faults.find((fault) => fault.field === field)?.rule ?? 'accepted', rule, name)
  t.same(registration({ ports: [{ name: '', port: 1 }, { name: 'http', port: 65_535, protocol: 'UDP' }], generation: 7, weight: 0, labels: {}, metadata: {} }), undefined)
})

t.test('several faults come at once', async (t) => {
  const fields = registration({ colour: 1, ports: [{ port: 0 }], weight: -1 })?.faults.map((fault) => fault.field)
  t.same(fields?.toSorted(), ['colour', 'ports[0].port', 'weight'])
})

t.test('rules that a schema cannot express are checked too', async (t) => {
  const bad: readonly [Parameters<typeof bodyOf>[0], string, RegExp][] = [
    [{ address: '0.0.0.0' }, 'address', /unspecified/],
    [{ ports: [{ port: 80 }, { port: 81 }] }, 'ports[1].name', /required when there are several/],
    [{ ports: [{ name: 'a', port: 80 }, { name: 'a', port: 81 }] }, 'ports[1].name', /unique/],
    [{ ports: [{ name: 'a', port: 80 }, { name: 'b', port: 80 }] }, 'ports[1].port', /unique/],
    [{ labels: { 'rollcall.dev/service': 'x' } }, 'labels["rollcall.dev/service"]', /registry's own/],
    [{ metadata: { a: 'x'.repeat(16 * 1024) } }, 'metadata', /16384 octets/]
  ]
  for (const [input, field, rule] of bad) t.throws(() => bodyOf({ address: '10.0.0.1', ...input }, undefined), { code: 'REG_INVALID', errors: [{ field, rule }] }, field)
  t.throws(() => bodyOf({}, undefined), { code: 'REG_INVALID', errors: [{ field: 'address' }] }, 'no address at all')
  t.doesNotThrow(() => bodyOf({ ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns', port: 53 }] }, '10.0.0.1'), 'one name and number for two protocols')
})

t.test('equal content has one stored text, whatever the order of its keys', async (t) => {
  const one = bodyOf({ address: '2001:DB8::1', labels: { b: '2', a: '1' }, metadata: { y: '1', x: '2' }, ports: [{ port: 80 }] }, undefined)
  const two = bodyOf({ ports: [{ protocol: 'TCP', name: '', port: 80 }], metadata: { x: '2', y: '1' }, labels: { a: '1', b: '2' }, weight: 100, status: 'up' }, '2001:db8::1')
  t.equal(JSON.stringify(one.body), JSON.stringify(two.body))
  t.equal(one.ttlMs, 15_000)
})

t.test('a merge patch changes what it names, and null removes', async (t) => {
  const { body } = bodyOf({ address: '10.0.0.1', labels: { a: '1', b: '2' }, metadata: { m: 'x' } }, undefined)
  t.match(patched(body, { labels: { a: null, c: '3' }, status: 'draining', weight: 5 }), { labels: { b: '2', c: '3' }, status: 'draining', weight: 5, metadata: { m: 'x' } })
  t.throws(() => patched(body, { labels: Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`k${index}`, 'v'])) }), { code: 'REG_INVALID', errors: [{ field: 'labels' }] })
  t.throws(() => patched(body, { labels: { 'rollcall.dev/x': '1' } }), { code: 'REG_INVALID' })
  t.equal(checker(PatchBody)({ address: '10.0.0.2' })?.faults[0].field, 'address', 'an address needs a new registration')
  t.equal(checker(OverrideBody)({ status: 'up' })?.faults[0].field, 'status', 'an override takes out, it does not put in')
})

function instance (id: string, facts: { status?: Instance['status'], suspect?: boolean, override?: Instance['override'], weight?: number }): Instance {
  const { body } = bodyOf({ address: '10.0.0.1', status: facts.status ?? 'up', weight: facts.weight ?? 100 }, undefined)
  return instanceOf(body, {
    namespace: 'shop', service: 'orders', id, generation: 'g', ttlMs: 15_000, createdAtMs: 0, updatedAtMs: 0, revision: 1, suspect: facts.suspect ?? false, override: facts.override
  })
}

const drained = { status: 'draining', author: 'ops', reason: 'deploy', createdAt: '1970-01-01T00:00:00.000Z' } as const

t.test('conditions follow the effective status and suspicion', async (t) => {
  const table: readonly [Instance, { ready: boolean, serving: boolean, terminating: boolean }][] = [
    [instance('a', { status: 'up' }), { ready: true, serving: true, terminating: false }],
    [instance('a', { status: 'warning' }), { ready: true, serving: true, terminating: false }],
    [instance('a', { status: 'starting' }), { ready: false, serving: false, terminating: false }],
    [instance('a', { status: 'down' }), { ready: false, serving: false, terminating: false }],
    [instance('a', { status: 'draining' }), { ready: false, serving: true, terminating: true }],
    [instance('a', { override: drained }), { ready: false, serving: true, terminating: true }],
    [instance('a', { override: drained, suspect: true }), { ready: false, serving: false, terminating: true }],
    [instance('a', { suspect: true }), { ready: false, serving: false, terminating: false }]
  ]
  for (const [shown, conditions] of table) t.same(shown.conditions, conditions, `${shown.effectiveStatus}${shown.suspect ? ', suspect' : ''}`)
  t.same(storedBody(instance('a', { override: drained })).status, 'up', 'an override is not stored into the instance')
})

t.test('ready endpoints are answered; if none is, those that drain; then those that are only suspect; never those that are down', async (t) => {
  const answered = (...instances: Instance[]): [string[], boolean] => {
    const set = endpointsOf('shop', 'orders', 1, instances)
    return [set.answered.map((endpoint) => endpoint.id), set.failOpen]
  }
  t.same(answered(instance('b', {}), instance('a', {}), instance('c', { suspect: true })), [['a', 'b'], false])
  t.same(answered(instance('b', { suspect: true }), instance('a', { suspect: true })), [['a', 'b'], true])
  t.same(answered(instance('a', { suspect: true }), instance('b', { suspect: true, status: 'down' }), instance('c', { status: 'draining' })), [['c'], false])
  t.same(answered(instance('b', { status: 'draining' }), instance('a', { override: drained }), instance('c', { status: 'draining', suspect: true })), [['a', 'b'], false])
  t.same(answered(instance('a', { suspect: true }), instance('c', { status: 'draining', suspect: true })), [['a'], true], 'of the suspect ones the draining come last')
  t.same(answered(instance('c', { status: 'draining', suspect: true }), instance('d', { status: 'down', suspect: true })), [['c'], true])
  t.same(answered(instance('a', { status: 'starting' })), [[], false])
  t.same(answered(), [[], false])
  t.equal(endpointsOf('shop', 'orders', 1, [instance('a', { weight: 7, override: { ...drained, weight: 3 } })]).all[0]?.weight, 3, 'the weight of an override wins')
})
