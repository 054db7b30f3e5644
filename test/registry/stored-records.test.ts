import t from 'tap'
import { bodyOf } from '../../server/model/instance/instance.ts'
import { readInstanceBody, rememberBody } from '../../server/model/instance/stored-instance.ts'
import { type Read, readInstance, readObject } from '../../server/registry/catalog/stored-records.ts'
import type { InstanceRecord, ObjectRecord } from '../../server/store/store.ts'

const stamps = { createdRevision: 1, revision: 2, createdAtMs: 1_000, updatedAtMs: 2_000 }
const body = { address: '10.0.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], labels: { a: 'b' }, metadata: { c: 'd' }, weight: 100, priority: 0, status: 'up' }
const instance = (more: object = {}, facts: Partial<InstanceRecord> = {}): InstanceRecord =>
  ({ ...stamps, shownRevision: 2, key: 'shop/orders/a', lease: 'l', generation: 'g', ttlMs: 15_000, suspect: false, body: JSON.stringify({ ...body, ...more }), ...facts })
const object = (key: string, content: unknown, facts: Partial<ObjectRecord> = {}): ObjectRecord =>
  ({ ...stamps, key, endsAtMs: 0, body: typeof content === 'string' ? content : JSON.stringify(content), ...facts })
const reason = (read: Read<unknown>): string => ('reason' in read ? read.reason : 'well')

t.test('an instance is read if it is what this version would store', async (t) => {
  t.equal(reason(readInstance(instance())), 'well')
  t.equal(reason(readInstance(instance({ hostname: 'h', zone: 'z', region: 'r', version: '1', ports: [] }))), 'well')
  for (const [record, why] of [
    [instance({}, { body: '' }), /must be JSON/],
    [instance({}, { body: '{' }), /must be JSON/],
    [instance({}, { body: 'null' }), /./],
    [instance({}, { body: '[]' }), /./],
    [instance({ labels: { app: { toString: 1 } } }), /labels/],
    [instance({ labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, 'v'])) }), /labels/],
    [instance({ labels: { 'rollcall.dev/service': 'x' } }), /rollcall\.dev/],
    [instance({ ports: [{ name: 'http', port: 99_999_999, protocol: 'TCP' }] }), /ports\[0\]\.port/],
    [instance({ ports: [{ name: '', port: 1, protocol: 'TCP' }, { name: '', port: 2, protocol: 'TCP' }] }), /ports/],
    [instance({ weight: -5 }), /weight/],
    [instance({ status: 'nonsense' }), /status/],
    [instance({ address: 'nowhere' }), /address/],
    [instance({ address: '::FFFF' }), /must be written as ::ffff/],
    [instance({ metadata: { a: 'x'.repeat(20_000) } }), /metadata/],
    [instance({ x1: 1, x2: 2, x3: 3, x4: 4, x5: 5, x6: 6, x7: 7, x8: 8, weight: -5 }), /./],
    [instance({}, { key: 'shop/orders' }), /id must be/],
    [instance({}, { key: 'Shop/orders/a' }), /namespace must be/],
    [instance({}, { key: '' }), /namespace must be/],
    [instance({}, { generation: 'a\nb' }), /generation/],
    [instance({}, { ttlMs: Number.NaN }), /ttlMs/],
    [instance({}, { ttlMs: 5 }), /ttlMs/],
    [instance({}, { revision: 0 }), /revision must be/],
    [instance({}, { createdAtMs: 9e15 }), /createdAtMs/]
  ] as const) t.match(reason(readInstance(record)), why)
})

t.test('an object is read by the kind that its key says', async (t) => {
  const service = {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' },
    spec: { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], sessionAffinity: 'None', selector: { app: 'web' } }
  }
  const slice = {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4', ports: [], endpoints: [{ addresses: ['10.0.0.1'] }]
  }
  for (const good of [
    object('override/shop/orders/a', { status: 'draining', author: 'ada', reason: '' }), object('claim/ip/10.96.0.1', { namespace: 'shop', service: 'web' }),
    object('secret/dns/cookie', { keys: ['00'] }), object('service/shop/web', service), object('endpointslice/shop/s', slice),
    object('namespace/shop/', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '' } }),
    object('service/shop/web', { ...service, metadata: { ...service.metadata, annotations: { 'rollcall.dev/dns-ttl': 'from before the rule' } } })
  ]) t.equal(reason(readObject(good)), 'well', good.key)
  for (const [record, why] of [
    [object('override/shop/orders/a', '{'), /JSON/],
    [object('override/shop/orders/a', { status: 'up', author: 'x', reason: '' }), /status/],
    [object('override/shop/orders', { author: 'x', reason: '' }), /key/],
    [object('override/shop/orders/a', { author: 'x', reason: '' }, { endsAtMs: Number.NaN }), /times/],
    [object('claim/ip/10.96.0.1', {}), /./],
    [object('claim/nothing', { namespace: 'shop', service: 'web' }), /key/],
    [object('secret/dns/cookie', { keys: 5 }), /keys/],
    [object('service/shop/web', '{"kind":"Service"}'), /./],
    [object('service/shop/web', { ...service, spec: { ...service.spec, selector: { app: { toString: 1 } } } }), /selector/],
    [object('service/shop/web', { ...service, spec: { ...service.spec, ports: null } }), /null/],
    [object('service/shop/web', { ...service, spec: { ...service.spec, ports: [{ port: 70_000, protocol: 'TCP', targetPort: 1 }] } }), /port/],
    [object('service/shop/other', service), /as in its key/],
    [object('endpoints/shop/web', service), /./],
    [object('service/shop/web', { ...service, status: { loadBalancer: { ingress: 5 } } }), /ingress/],
    [object('endpointslice/shop/s', { ...slice, endpoints: undefined }), /./],
    [object('endpointslice/shop/s', { ...slice, endpoints: [{ addresses: ['nowhere'] }] }), /addresses/],
    [object('strange/shop/web', {}), /does not know/]
  ] as const) t.match(reason(readObject(record)), why, record.key)
})

t.test('a body that was written here is what its text would be read as, once', async (t) => {
  for (const registration of [
    {}, { ports: [{ port: 80 }, { name: 'b', port: 90, protocol: 'UDP' as const }], labels: { z: '1', a: '2', '10': 'x', '9': 'y' }, metadata: { b: '', a: 'ü' } },
    { address: '2001:DB8::1', hostname: 'h', zone: 'z', region: 'r', node: 'n', version: '1', weight: 0, priority: 7, status: 'draining' as const }
  ]) {
    const { body } = bodyOf(registration, '10.0.0.1')
    const text = JSON.stringify(body)
    const read = readInstanceBody(text)
    t.strictSame(read, { body })
    rememberBody(text, body)
    const known = readInstanceBody(text)
    t.ok('body' in known && known.body === body)
    const anew = readInstanceBody(text)
    t.ok('body' in anew && anew.body !== body)
    t.strictSame(anew, read)
  }
})
