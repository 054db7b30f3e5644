// Ingress, IngressClass, Secret and HorizontalPodAutoscaler through REST: declared, listed, read, taken back; and that nobody reads a key.
import t from 'tap'
import { managedFieldsOf } from '../../server/model/fields/managed-fields.ts'
import type { HorizontalPodAutoscaler } from '../../server/model/service/types.ts'
import { selfSigned } from '../support/certificate.ts'
import { bearer, build, tokenOf } from '../support/world.ts'

const pair = selfSigned({ names: ['shop.example', '*.shop.example'], fromMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2036, 0, 1) })
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const data = { 'tls.crt': base64(pair.cert), 'tls.key': base64(pair.key) }

const ingress = {
  apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'shop.web', namespace: 'shop' },
  spec: {
    rules: [{ host: 'shop.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }],
    tls: [{ hosts: ['shop.example'], secretName: 'shop-tls' }]
  }
}
const ingressClass = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'rollcall' }, spec: { controller: 'rollcall.dev/ingress' } }
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'shop-tls', namespace: 'shop' }, type: 'kubernetes.io/tls', data }
const autoscaler = {
  apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace: 'shop' },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 10 }
}
const places = {
  Ingress: '/v1/namespaces/shop/ingresses/shop.web', IngressClass: '/v1/ingressclasses/rollcall', Secret: '/v1/namespaces/shop/secrets/shop-tls',
  HorizontalPodAutoscaler: '/v1/namespaces/shop/horizontalpodautoscalers/web'
} as const
const all = [ingress, ingressClass, secret, autoscaler]

t.test('each kind is declared, listed, read, changed and taken back', async (t) => {
  const { send, registry } = await build(t)
  for (const manifest of all) {
    const place = places[manifest.kind as keyof typeof places]
    const [, list = ''] = /^(.*)\/[^/]+$/.exec(place) ?? []
    t.equal((await send('GET', place)).statusCode, 404, `${manifest.kind} is not there`)
    const put = await send('PUT', place, manifest)
    t.equal(put.statusCode, 201, put.body)
    t.match(put.json(), { outcome: 'created', manifest: { kind: manifest.kind, metadata: { generation: 1 } } })
    t.match((await send('PUT', place, manifest)).json(), { outcome: 'unchanged' })
    t.match((await send('GET', place)).json(), { kind: manifest.kind, metadata: { name: manifest.metadata.name } })
    for (const url of new Set([list, list.replace('/namespaces/shop', '')])) {
      t.same((await send('GET', url)).json().items.map(({ metadata }: { metadata: { name: string } }) => metadata.name), [manifest.metadata.name], url)
    }
    const changed = { ...manifest, metadata: { ...manifest.metadata, labels: { team: 'web' } } }
    t.match((await send('PUT', `${place}?dryRun=true`, changed)).json(), { outcome: 'configured' })
    t.match((await send('PUT', place, changed)).json(), { outcome: 'configured', manifest: { metadata: { labels: { team: 'web' }, generation: 1 } } })
    t.match((await send('DELETE', place)).json().deleted, [{ kind: manifest.kind, name: manifest.metadata.name }])
    t.equal((await send('GET', place)).statusCode, 404)
  }
  t.same(registry.catalog.namespaces(), [], 'and the namespace that they were in went with the last of them')
})

t.test('a stream of all kinds is applied at once, and its namespace is there while something is in it', async (t) => {
  const { send } = await build(t)
  const text = all.map((manifest) => JSON.stringify(manifest)).join('\n')
  const answer = await send('POST', '/v1/apply', text, { 'content-type': 'application/json' })
  t.equal(answer.statusCode, 200, answer.body)
  t.same(answer.json().results.map(({ outcome }: { outcome: string }) => outcome), all.map(() => 'created'))
  t.match((await send('GET', '/v1/namespaces/shop')).json(), { name: 'shop', services: 0, instances: 0 })
  const events = (await send('GET', '/v1/events')).json().items.map(({ message }: { message: string }) => message).sort()
  t.match(events, [/^autoscaler web in shop was declared/, /^ingress class rollcall was declared/, /^ingress shop.web in shop was declared/, /^secret shop-tls in shop was declared/])
  const names = all.map(({ kind, metadata }) => ({ kind, ...metadata }))
  t.equal((await send('POST', '/v1/delete', { names })).statusCode, 200)
})

t.test('no answer shows a key, and what was exported can be applied again without wiping it', async (t) => {
  const { send, registry, log, warnings, access } = await build(t)
  const answers: string[] = []
  const ask = async (...request: Parameters<typeof send>): Promise<any> => {
    const answer = await send(...request)
    answers.push(answer.body)
    return answer.json()
  }
  const annotated = { ...secret, metadata: { ...secret.metadata, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(secret) } } }
  await ask('PUT', places.Secret, annotated)
  await ask('PUT', places.Ingress, ingress)
  const shown = await ask('GET', places.Secret)
  t.match(shown.metadata.annotations, {
    'rollcall.dev/tls-data': 'tls.crt,tls.key', 'rollcall.dev/tls-names': 'shop.example,*.shop.example', 'rollcall.dev/tls-not-after': '2036-01-01T00:00:00.000Z',
    'rollcall.dev/tls-fingerprint': /^sha256:[0-9a-f]{64}$/
  })
  const metadata = { ...shown.metadata, uid: undefined, resourceVersion: undefined }
  t.match(await ask('PUT', places.Secret, { ...shown, metadata }), { outcome: 'unchanged' }, 'the exported one')
  t.match(await ask('PUT', places.Secret, { ...secret, data: { 'tls.crt': '', 'tls.key': '' } }), { outcome: 'configured' }, 'empty parts say nothing, and the annotation went')
  t.match(await ask('PUT', places.Secret, { ...secret, data: undefined }), { outcome: 'unchanged' })
  const other = selfSigned({ names: ['other.example'] })
  t.match(await ask('PUT', places.Secret, { ...secret, data: { 'tls.key': base64(other.key) } }), { code: 'REG_MANIFEST_INVALID', errors: [{ field: 'data[tls.key]', rule: /must be the key of the certificate/ }] })
  t.match(await ask('PUT', places.Secret, { ...secret, data: { 'tls.key': 5, 'tls.crt': base64(pair.key) } }), { code: 'REG_INVALID' })
  t.match(await ask('PUT', places.Secret, { ...secret, data: base64(pair.key) }), { code: 'REG_INVALID' })
  t.match(await ask('PUT', places.Secret, { ...secret, date: data }), { code: 'REG_INVALID', errors: [{ field: 'date' }] })
  for (const url of ['/v1/secrets', '/v1/namespaces/shop/secrets', '/v1/events', '/v1/overview', '/v1/namespaces/shop', '/metrics', '/v1/unreadable']) answers.push((await send('GET', url)).body)
  await ask('POST', '/v1/apply?dryRun=true', secret)
  const told = [...answers, ...warnings, ...log.map((line) => JSON.stringify(line))].join('\n')
  for (const text of [data['tls.key'], pair.key, data['tls.crt'], pair.cert]) {
    const inner = text.slice(60, 120)
    t.notOk(told.includes(inner) || told.includes(JSON.stringify(inner).slice(1, -1)), 'nothing of it was told')
  }
  t.equal(access.secretWithData('shop', 'shop-tls').data?.['tls.key'], data['tls.key'], 'though it is stored')
  t.same((await send('GET', `${places.Secret}?data=true`)).json().data, data, 'and given to one on this machine')
  await ask('DELETE', places.Secret)
  t.equal(registry.catalog.declaredObjects.count('Secret', 'shop'), 0)
})

t.test('certificates are given with their keys, of ingresses that are served here, and not to everybody', async (t) => {
  const { send } = await build(t)
  const asked = '/v1/ingress/certificates'
  for (const manifest of [ingress, ingressClass, secret]) await send('PUT', places[manifest.kind as keyof typeof places], manifest)
  await send('PUT', '/v1/namespaces/shop/secrets/unused', { ...secret, metadata: { name: 'unused' } })
  const answer = await send('GET', asked)
  t.match(answer.json().items, [{ namespace: 'shop', name: 'shop-tls', certificate: pair.cert, key: pair.key, revision: Number }])
  t.equal(answer.json().items.length, 1, 'one that no ingress names is none of theirs')
  t.equal(answer.headers['cache-control'], 'no-store')
  await send('PUT', places.Ingress, { ...ingress, spec: { ...ingress.spec, ingressClassName: 'nginx' } })
  t.same((await send('GET', asked)).json().items, [], 'and neither is one of an ingress that others serve')
  await send('PUT', places.Ingress, { ...ingress, spec: { ...ingress.spec, ingressClassName: 'rollcall' } })
  const files = { 'rollcall.dev/tls-certificate-file': '/etc/tls/shop.crt', 'rollcall.dev/tls-key-file': '/etc/tls/shop.key' }
  await send('PUT', places.Secret, { ...secret, data: undefined, metadata: { ...secret.metadata, annotations: files } })
  t.match((await send('GET', asked)).json().items, [{ certificateFile: '/etc/tls/shop.crt', keyFile: '/etc/tls/shop.key' }])
  const forwarded = await send('GET', asked, undefined, { 'x-forwarded-for': '192.0.2.7' })
  t.match([forwarded.statusCode, forwarded.json().detail], [403, /only over TLS or on this machine/])
})

t.test('with access control certificates are for agents and administrators, of the namespaces that they see', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send } = world
  const of = async (name: string, role: 'admin' | 'proxy' | 'reader' | 'agent', namespace = '*'): Promise<Record<string, string>> =>
    bearer(await tokenOf(world, name, [role === 'admin' ? { role } : { role, namespaces: [namespace] }]))
  const admin = await of('admin', 'admin')
  for (const manifest of [ingress, secret]) t.equal((await send('PUT', places[manifest.kind as 'Secret'], manifest, admin)).statusCode, 201)
  const count = async (headers: Record<string, string>): Promise<unknown> => {
    const answer = await send('GET', '/v1/ingress/certificates', undefined, headers)
    return answer.statusCode === 200 ? answer.json().items.length : answer.statusCode
  }
  t.same([await count(admin), await count(await of('proxy', 'proxy')), await count(await of('elsewhere', 'proxy', 'pay'))], [1, 1, 0])
  t.same([await count(await of('reader', 'reader')), await count(await of('agent', 'agent')), await count({})], [403, 403, 401])
})

t.test('a status is written without a new generation and without an event, and a manifest does not write it', async (t) => {
  const { send, access, registry } = await build(t)
  await send('PUT', places.HorizontalPodAutoscaler, { ...autoscaler, status: { desiredReplicas: 9 } })
  const read = (): HorizontalPodAutoscaler => access.manifests('HorizontalPodAutoscaler', 'shop')[0] as HorizontalPodAutoscaler // it is there
  t.equal(read().status, undefined)
  const { uid = '' } = read().metadata
  const name = { kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'web' } as const
  const status = { currentReplicas: 2, desiredReplicas: 4 }
  const revision = await access.setStatus([{ ...name, uid, status }])
  t.match(read(), { metadata: { generation: 1, resourceVersion: String(revision) }, status })
  t.equal(await access.setStatus([{ ...name, status }]), registry.feed.revision, 'the same again costs no revision')
  t.equal(registry.feed.revision, revision)
  await access.setStatus([{ ...name, uid: 'of another life', status: { currentReplicas: 0, desiredReplicas: 0 } }])
  t.match(read().status, status, 'of another life nothing is written')
  await t.rejects(access.setStatus([{ ...name, status: { currentReplicas: -1, desiredReplicas: 4 } }]), { code: 'REG_INVALID' })
  t.match((await send('PUT', places.HorizontalPodAutoscaler, { ...autoscaler, spec: { ...autoscaler.spec, maxReplicas: 20 } })).json(), { outcome: 'configured', manifest: { metadata: { generation: 2 }, status } })
  t.same((await send('GET', '/v1/events')).json().items.map(({ reason }: { reason: string }) => reason), ['declared', 'declared'])
  await access.put({ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'web' }, autoscaler, { managedFields: [{ manager: 'ann', operation: 'Apply', apiVersion: 'autoscaling/v2', fieldsType: 'FieldsV1', fieldsV1: {} }] })
  await access.setStatus([{ ...name, status: { currentReplicas: 4, desiredReplicas: 4 } }])
  t.match(managedFieldsOf(read()), [{ manager: 'ann' }], 'who manages which fields stays known')
  await send('PUT', places.Ingress, ingress)
  await access.setStatus([{ kind: 'Ingress', namespace: 'shop', name: 'shop.web', status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } } }])
  t.match((await send('GET', places.Ingress)).json(), { metadata: { generation: 1 }, status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } } })
})
