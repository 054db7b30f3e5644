// What comes back from a store is checked like what a stranger sends: everything that was stored is read as it was, and
// whatever else lies there is refused, and never thrown.
import fc from 'fast-check'
import t from 'tap'
import type { Registration } from '../../client-sdk/src/wire.ts'
import { RegistryError } from '../../server/errors.ts'
import { RegistrationBody, bodyOf } from '../../server/model/instance/instance.ts'
import { readInstanceBody, readInstanceRecord } from '../../server/model/instance/stored-instance.ts'
import { readOverride } from '../../server/model/instance/stored-override.ts'
import { readManifest } from '../../server/model/service/stored-manifest.ts'
import { canonical } from '../../server/model/service/schema.ts'
import type { Manifest } from '../../server/model/service/types.ts'
import { storedOverride } from '../../server/registry/overrides.ts'
import { claimOf } from '../../server/registry/allocation/claims.ts'
import { cookieKeys } from '../../server/dns/protect/cookie-secret.ts'
import { storedManifest } from '../../server/registry/services/manifests.ts'
import { fitting } from './schema-values.ts'

const registration = {
  address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }, { name: 'grpc', port: 9090, protocol: 'TCP' }], hostname: 'orders-1', labels: { app: 'orders', constructor: 'x' },
  metadata: { 'two\nlines': 'text' }, weight: 7, priority: 1, zone: 'a', region: 'eu', version: 'v1', status: 'warning'
} as const
const { body } = bodyOf(registration, undefined)
const record = {
  key: 'shop/orders/orders-1', lease: 'l1', generation: 'k3Jd9a', ttlMs: 15_000, createdRevision: 1, revision: 2, createdAtMs: 1_700_000_000_000, updatedAtMs: 1_700_000_000_000,
  suspect: false, body: JSON.stringify(body)
}

t.test('an instance is read as it was stored', async (t) => {
  for (const address of ['10.0.0.1', '169.253.0.1', '2001:db8::1', 'fd00:0:0:1::', '2001:db8:1:2:3:4:5:6']) {
    const stored = bodyOf({ ...registration, address }, undefined).body
    t.strictSame(readInstanceBody(JSON.stringify(stored)), { body: stored }, address)
  }
  const least = bodyOf({ address: '::1' }, undefined).body
  t.strictSame(readInstanceRecord({ ...record, body: JSON.stringify(least) }), { name: { namespace: 'shop', service: 'orders', id: 'orders-1' }, body: least })
})

t.test('whatever may be registered is read as it was stored', async () => {
  fc.assert(fc.property(fitting(RegistrationBody as object), (registration) => {
    let stored: ReturnType<typeof bodyOf>['body']
    try {
      stored = bodyOf({ ...registration as Registration, address: '10.0.0.1' }, undefined).body
    } catch (error) {
      if (error instanceof RegistryError) return // two ports of one name
      throw error
    }
    const read = readInstanceBody(JSON.stringify(stored))
    if (!('body' in read) || JSON.stringify(read.body) !== JSON.stringify(stored)) throw new Error(JSON.stringify({ read, stored }))
  }), { numRuns: 500 })
})

t.test('an instance that breaks a rule of today is refused by field', async (t) => {
  const rows: readonly (readonly [change: object, field: string])[] = [
    [{ weight: -5 }, 'weight'], [{ ports: [{ name: 'http', port: 99_999_999, protocol: 'TCP' }] }, 'ports[0].port'], [{ labels: { app: { toString: 1 } } }, 'labels.app'],
    [{ labels: { 'rollcall.dev/service': 'x' } }, 'labels["rollcall.dev/service"]'], [{ address: '10.0.0.256' }, 'address'], [{ address: 'FD00::1' }, 'address'],
    [{ address: '127.0.0.1\n' }, 'address'], [{ metadata: { 'a\nb': 5 } }, 'metadata["a\\nb"]'], [{ metadata: { a: 'x'.repeat(17_000) } }, 'metadata'], [{ x1: 1 }, 'x1'],
    [{ status: 'healthy' }, 'status'], [{ ports: [{ name: '', port: 1, protocol: 'TCP' }, { name: '', port: 2, protocol: 'TCP' }] }, 'ports[1].name']
  ]
  for (const [change, field] of rows) {
    const read = readInstanceBody(JSON.stringify({ ...body, ...change }))
    t.equal('refusal' in read ? read.refusal.faults[0].field : 'accepted', field)
  }
  const header: readonly (readonly [change: object, field: string])[] = [
    [{ key: 'shop/orders' }, 'id'], [{ key: 'Shop/orders/a' }, 'namespace'], [{ key: 'shop/orders/a/b' }, 'id'], [{ key: 'shop/orders/a\n' }, 'id'], [{ lease: '' }, 'lease'],
    [{ generation: 'a b' }, 'generation'], [{ ttlMs: NaN }, 'ttlMs'], [{ ttlMs: 1 }, 'ttlMs'], [{ createdAtMs: 8.7e15 }, 'createdAtMs'], [{ revision: -1 }, 'revision'], [{ updatedAtMs: 0.5 }, 'updatedAtMs']
  ]
  for (const [change, field] of header) {
    const read = readInstanceRecord({ ...record, ...change })
    t.equal('refusal' in read ? read.refusal.faults[0].field : 'accepted', field)
  }
})

t.test('an override is read as it was stored', async (t) => {
  for (const input of [{ status: 'draining' }, { weight: 0, author: 'ada', reason: 'x' }, { status: 'down', weight: 5 }] as const) {
    const { body: text } = storedOverride(input, '10.0.0.9', 0)
    t.strictSame(readOverride(text), { override: JSON.parse(text) })
  }
  for (const text of ['{}', '{"author":"a","reason":"b"}', '{"status":"up","author":"a","reason":"b"}', '{"status":"down","author":"a","reason":"b","x":1}', 'null']) t.ok('refusal' in readOverride(text), text)
})

const manifests: readonly Manifest[] = [
  {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', uid: 'u', generation: 3, labels: { a: 'b' }, annotations: { 'x/y': 'z' } },
    spec: {
      type: 'LoadBalancer', sessionAffinity: 'None', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', nodePort: 30_200 }],
      clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack', internalTrafficPolicy: 'Cluster', externalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] }, conditions: [{ type: 'A', status: 'False', reason: 'Pending', message: 'm' }] }
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'out', namespace: 'shop', uid: 'u', generation: 1 }, spec: { type: 'ExternalName', externalName: 'a.example', sessionAffinity: 'None' } },
  {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.7'], conditions: { ready: true } }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }]
  },
  { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'web', namespace: 'shop' }, subsets: [{ addresses: [{ ip: '10.0.0.7' }], ports: [{ port: 8080, protocol: 'TCP' }] }] },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '', labels: { a: 'b' } } }
]
const keyOf = ({ kind, metadata: { namespace, name } }: Manifest): Parameters<typeof readManifest>[0] => ({ kind, namespace, name })

t.test('a manifest is read as it was stored', async (t) => {
  for (const manifest of manifests) {
    const read = readManifest(keyOf(manifest), storedManifest(manifest))
    t.strictSame('manifest' in read ? canonical(read.manifest) : read, canonical(manifest), manifest.kind)
  }
})

t.test('a manifest of another key, of another kind, or that breaks a rule of today is refused', async (t) => {
  for (const manifest of manifests) {
    const text = storedManifest(manifest)
    t.ok('refusal' in readManifest({ ...keyOf(manifest), name: 'other' }, text), `${manifest.kind} of another name`)
    if (manifest.kind !== 'Namespace') t.ok('refusal' in readManifest({ ...keyOf(manifest), namespace: 'other' }, text), `${manifest.kind} of another namespace`)
    const broken = { ...manifest, metadata: { ...manifest.metadata, labels: { ...manifest.metadata.labels, 'a b': 'c' } } }
    t.ok('refusal' in readManifest(keyOf(manifest), JSON.stringify(broken)), `${manifest.kind} with a label that is none`)
  }
  const [service] = manifests
  for (const change of [{ status: { loadBalancer: { ingress: 7 } } }, { status: {} }, { spec: { type: 'Nothing' } }, { spec: 7 }, { surplus: 1 }]) {
    t.ok('refusal' in readManifest({ kind: 'Service', namespace: 'shop', name: 'web' }, JSON.stringify({ ...service, ...change })), JSON.stringify(change))
  }
})

t.test('garbage is refused and never thrown', async () => {
  const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom('', '{', 'null', '[]', '7', record.body.slice(0, 50), record.body.replace('"weight":7', '"weight":{}')))
  fc.assert(fc.property(texts, (text) => {
    if (!('refusal' in readInstanceBody(text))) throw new Error('an instance')
    if (!('refusal' in readOverride(text))) throw new Error('an override')
    for (const kind of ['Service', 'EndpointSlice', 'Endpoints', 'Namespace'] as const) {
      if (!('refusal' in readManifest({ kind, namespace: kind === 'Namespace' ? '' : 'shop', name: 'web' }, text))) throw new Error(kind)
    }
    if (claimOf({ key: 'claim/ip/10.96.0.1', revision: 1, body: text }) !== undefined) throw new Error('a claim')
    if (cookieKeys(text).length > 0) throw new Error('a secret')
  }), { numRuns: 500 })
})
