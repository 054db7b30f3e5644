// `view: endpoints` over the watch: what agents, DNS copies and dialects follow.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

const slice = (address: string): string => JSON.stringify({
  apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'db-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'db' } },
  addressType: 'IPv4', ports: [{ name: '', port: 5432 }], endpoints: [{ addresses: [address], nodeName: 'm1', zone: 'a' }]
})
const service = (type: string): string => JSON.stringify({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { type, selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }
})

t.test('a watcher of endpoints sees a hand-made slice applied again, an instance drained and a service of another type', async (t) => {
  const { connect, send, register } = await build(t)
  const apply = (text: string) => send('POST', '/v1/apply', JSON.parse(text))
  await apply('{"apiVersion":"v1","kind":"Service","metadata":{"name":"db","namespace":"shop"},"spec":{"ports":[{"port":5432}]}}')
  await apply(slice('10.0.0.1'))
  await register('shop/orders/a', { address: '10.0.0.7', node: 'box-1', labels: { app: 'web' }, ports: [{ name: 'http', port: 8080 }] })
  const client = await connect()
  const snapshot = await client.subscribe(3, { view: 'endpoints', namespace: 'shop' })
  t.match(snapshot, { type: 'snapshot', id: 3, endpoints: [
    { namespace: 'shop', service: 'db', declared: true, manifest: { kind: 'Service' }, endpoints: [{ address: '10.0.0.1', node: 'm1', zone: 'a', ports: [{ port: 5432 }] }] },
    { service: 'orders', endpoints: [{ id: 'a', address: '10.0.0.7', node: 'box-1', conditions: { ready: true } }] }
  ] })
  t.notOk('more' in snapshot)
  await apply(slice('10.0.0.2'))
  t.match(await client.next(), { type: 'change', kind: 'endpoints', event: 'put', id: 3, endpoints: { service: 'db', endpoints: [{ address: '10.0.0.2' }] } })
  await send('PUT', `${pathOf('shop/orders/a')}/override`, { status: 'draining' })
  t.match(await client.next(), { kind: 'endpoints', endpoints: { service: 'orders', endpoints: [{ conditions: { ready: false, terminating: true } }] } })
  await apply(service('ClusterIP'))
  t.match(await client.next(), { endpoints: { service: 'web', manifest: { spec: { type: 'ClusterIP' } }, endpoints: [{ id: 'a', service: 'orders', ports: [{ port: 8080 }] }] } })
  await apply(service('NodePort'))
  t.match(await client.next(), { endpoints: { service: 'web', manifest: { spec: { type: 'NodePort' } } } })
  await send('DELETE', '/v1/namespaces/shop/services/web')
  const gone = await client.next()
  t.match(gone, { type: 'change', kind: 'endpoints', event: 'delete', endpoints: { namespace: 'shop', service: 'web' } })

  const second = await connect()
  await send('DELETE', pathOf('shop/orders/a'))
  t.match(await second.subscribe(1, { view: 'endpoints', since: gone.revision }), { type: 'change', event: 'delete', endpoints: { service: 'orders' } }, 'resumed after the cut')
})

t.test('an event stream has the same view', async (t) => {
  const { listen, register } = await build(t)
  await register('shop/orders/a')
  const { url } = await listen()
  const answer = await fetch(`${url}/v1/watch?view=endpoints&service=orders`, { headers: { accept: 'text/event-stream' } })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('event: snapshot')) text += (await reader?.read())?.value ?? ''
  t.match(text, /id: \w+\.1\nevent: snapshot\ndata: \{"type":"snapshot","id":1,"revision":"\w+\.1","endpoints":\[\{"namespace":"shop","service":"orders"/)
  await reader?.cancel()
})

t.test('an unknown view is refused by name', async (t) => {
  const { connect } = await build(t)
  const client = await connect()
  t.match(await client.subscribe(1, { view: 'pods' }), { type: 'error', code: 'REG_INVALID', errors: [{ field: 'view', value: 'pods' }] })
})

t.test('a node is an RFC 1123 subdomain', async (t) => {
  const { send, register } = await build(t)
  t.match((await register('shop/orders/a', { node: 'box-1.example' })).instance, { node: 'box-1.example' })
  const refused = await send('PUT', pathOf('shop/orders/b'), { address: '10.0.0.1', node: 'Box_1' })
  t.match(refused.json(), { code: 'REG_INVALID', errors: [{ field: 'node', value: 'Box_1', rule: /RFC 1123 subdomain/ }] })
})
