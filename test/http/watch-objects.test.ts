// The views `ingresses` and `horizontalpodautoscalers` of the watch: each object as it is now, whenever it changed.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { selfSigned } from '../support/certificate.ts'
import { bearer, build, tokenOf } from '../support/world.ts'

const ingress = (path: string, namespace = 'shop'): object => ({
  apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'web', namespace },
  spec: { rules: [{ http: { paths: [{ path, pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }] }
})
const ingressClass = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'rollcall' }, spec: { controller: 'rollcall.dev/ingress' } }
const autoscaler = (maxReplicas: number): object => ({
  apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace: 'shop' },
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas }
})
const pair = selfSigned()
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tls', namespace: 'shop' }, type: 'kubernetes.io/tls', stringData: { 'tls.crt': pair.cert, 'tls.key': pair.key } }

t.test('a watcher of ingresses gets them, their classes and certificates, without keys', async (t) => {
  const { connect, send, access } = await build(t)
  await send('POST', '/v1/apply', ingress('/a'))
  const client = await connect()
  t.match(await client.subscribe(1, { view: 'ingresses', namespace: 'shop' }), { type: 'snapshot', id: 1, objects: [{ kind: 'Ingress', metadata: { name: 'web' } }] })
  await send('POST', '/v1/apply', autoscaler(5))
  await send('POST', '/v1/apply', ingress('/b', 'other'))
  await send('POST', '/v1/apply', ingressClass)
  t.match(await client.next(), { type: 'change', kind: 'object', event: 'put', reason: 'declared', object: { kind: 'IngressClass', metadata: { name: 'rollcall' } } }, 'a class is of every namespace')
  await send('POST', '/v1/apply', secret)
  const told = await client.next()
  t.match(told, { event: 'put', object: { kind: 'Secret', metadata: { annotations: { 'rollcall.dev/tls-data': 'tls.crt,tls.key' } } } })
  t.notOk(JSON.stringify(told).includes('"data"'))
  await send('POST', '/v1/apply', ingress('/b'))
  t.match(await client.next(), { event: 'put', object: { kind: 'Ingress', metadata: { generation: 2 }, spec: { rules: [{ http: { paths: [{ path: '/b' }] } }] } } })
  await access.setStatus([{ kind: 'Ingress', namespace: 'shop', name: 'web', status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } }])
  t.match(await client.next(), { event: 'put', reason: 'updated', object: { kind: 'Ingress', metadata: { generation: 2 }, status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } } })
  await send('DELETE', '/v1/namespaces/shop/ingresses/web')
  const gone = await client.next()
  t.match(gone, { event: 'delete', reason: 'removed', object: { kind: 'Ingress', namespace: 'shop', name: 'web' } })
  const second = await connect()
  await send('DELETE', '/v1/namespaces/shop/secrets/tls')
  t.match(await second.subscribe(1, { view: 'ingresses', since: gone.revision }), { type: 'change', event: 'delete', object: { kind: 'Secret', name: 'tls' } }, 'resumed after the cut')
  t.match(await second.subscribe(2, { view: 'ingresses', service: 'web' }), { type: 'error', id: 2, code: 'REG_INVALID', errors: [{ field: 'service' }] })
})

t.test('an event stream and the SDK have the same views', async (t) => {
  const { listen, send } = await build(t)
  await send('POST', '/v1/apply', autoscaler(5))
  const { url } = await listen()
  const answer = await fetch(`${url}/v1/watch?view=horizontalpodautoscalers`, { headers: { accept: 'text/event-stream' } })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('event: snapshot')) text += (await reader?.read())?.value ?? ''
  t.match(text, /event: snapshot\ndata: \{"type":"snapshot","id":1,"revision":"[^"]+","objects":\[\{"apiVersion":"autoscaling\/v2"/)
  await reader?.cancel()
  t.match((await (await fetch(`${url}/v1/watch?view=ingresses&selector=a%3Db`, { headers: { accept: 'text/event-stream' } })).json()), { code: 'REG_INVALID', errors: [{ field: 'selector' }] })
  const rollcall = new Rollcall({ address: url, signals: false, warn: null })
  t.teardown(() => rollcall.close())
  const watch = rollcall.watch({ view: 'horizontalpodautoscalers', namespace: 'shop' })
  t.match(await watch.next(), { value: { type: 'objects-snapshot', objects: [{ kind: 'HorizontalPodAutoscaler' }] } })
  await send('POST', '/v1/apply', autoscaler(6))
  t.match(await watch.next(), { value: { type: 'object', object: { spec: { maxReplicas: 6 } } } })
  await send('DELETE', '/v1/namespaces/shop/horizontalpodautoscalers/web')
  t.match(await watch.next(), { value: { type: 'object-gone', kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'web' } })
})

t.test('who sees some namespaces is told of those', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send, listen } = world
  const admin = bearer(await tokenOf(world, 'admin', [{ role: 'admin' }]))
  for (const namespace of ['shop', 'pay']) await send('POST', '/v1/apply', ingress('/a', namespace), admin)
  const { url } = await listen()
  const reader = await tokenOf(world, 'reader', [{ role: 'reader', namespaces: ['pay'] }])
  const rollcall = new Rollcall({ address: url, token: reader, namespace: '*', signals: false, warn: null })
  t.teardown(() => rollcall.close())
  const watch = rollcall.watch({ view: 'ingresses', namespace: '*' })
  const { value } = await watch.next()
  t.same(value.type === 'objects-snapshot' ? value.objects.map(({ metadata }: { metadata: { namespace: string } }) => metadata.namespace) : value, ['pay'])
})
