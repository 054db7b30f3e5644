// What programs that scale ask for, and values from outside, over REST.
import t from 'tap'
import { bearer, build, tokenOf } from '../support/world.ts'

const hpa = '/v1/namespaces/shop/horizontalpodautoscalers/orders'
const metrics = '/v1/namespaces/shop/external-metrics'
const manifest = {
  apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'orders', namespace: 'shop' },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders' }, maxReplicas: 10 }
}

t.test('what is desired is one small answer; before the first decision there is none, and never 0 by default', async (t) => {
  const { send, registry, access: core } = await build(t)
  t.equal((await send('GET', `${hpa}/desired`)).statusCode, 404)
  await send('PUT', hpa, manifest)
  t.match((await send('GET', `${hpa}/desired`)).json(), { code: 'REG_NOT_DECIDED', status: 409 })
  const status = (desiredReplicas: number, rest: object = {}): object => ({
    currentReplicas: 2, desiredReplicas, conditions: [{ type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound', message: 'from cpu' }], ...rest
  })
  const write = (value: object) => core.setStatus([{ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'orders', status: value as { currentReplicas: number, desiredReplicas: number } }])
  await write(status(0, { conditions: [{ type: 'AbleToScale', status: 'False', reason: 'FailedGetScale', message: 'deployments.apps "orders" not found' }] }))
  t.match((await send('GET', `${hpa}/desired`)).json(), { code: 'REG_NOT_DECIDED', detail: /orders" not found/ })
  await write(status(4, { lastScaleTime: '2026-01-01T00:00:00Z' }))
  const answer = await send('GET', `${hpa}/desired`)
  const { uid } = registry.catalog.manifest({ kind: 'HorizontalPodAutoscaler', namespace: 'shop', name: 'orders' })?.metadata ?? {}
  t.same(answer.json(), { desired: 4, current: 2, decision: `${uid}-1767225600-4`, reason: 'from cpu', target: 'Deployment/orders' })
  t.equal((await send('GET', `${hpa}/desired`, undefined, { 'if-none-match': String(answer.headers.etag) })).statusCode, 304)
})

t.test('external metrics are written, listed and forgotten; those of other labels stand beside', async (t) => {
  const { send, registry } = await build(t)
  const { revision } = registry.feed
  t.equal((await send('PUT', `${metrics}/queue`, { value: 12, labels: { of: 'orders' }, ttl: 300 })).statusCode, 204)
  t.equal((await send('PUT', `${metrics}/queue`, { value: 13, labels: { of: 'orders' } })).statusCode, 204)
  t.equal((await send('PUT', `${metrics}/queue`, { value: 1 })).statusCode, 204)
  const { items } = (await send('GET', metrics)).json()
  t.match(items, [{ name: 'queue', value: 13, labels: { of: 'orders' } }, { name: 'queue', value: 1, labels: {} }])
  t.equal(Date.parse(items[0].endsAt) - Date.parse(items[0].writtenAt), 60_000)
  t.same((await send('GET', '/v1/namespaces/other/external-metrics')).json(), { items: [] })
  t.equal((await send('DELETE', `${metrics}/queue`)).statusCode, 204)
  t.same((await send('GET', metrics)).json(), { items: [] })
  t.equal(registry.feed.revision, revision, 'none of it is a change')
})

t.test('a bad external metric is refused by field, value and rule', async (t) => {
  const { send } = await build(t)
  const rows: readonly [string, object, string][] = [
    ['queue', { value: -1 }, 'value'], ['queue', { value: 1e308 }, 'value'], ['queue', { value: '1' }, 'value'], ['queue', {}, 'value'], ['queue', { value: 1, ttl: 0 }, 'ttl'],
    ['queue', { value: 1, ttl: 86_401 }, 'ttl'], ['queue', { value: 1, labels: { a: 1 } }, 'labels.a'], ['queue', { value: 1, labels: { a: 'x\ny' } }, 'labels.a'],
    ['queue', { value: 1, at: 'now' }, 'at'], ['-', { value: 1 }, 'name']
  ]
  for (const [name, body, field] of rows) {
    const answer = await send('PUT', `${metrics}/${name}`, body)
    t.equal(answer.statusCode, 400, JSON.stringify(body))
    t.match(JSON.stringify(answer.json().errors), field)
  }
  t.same((await send('GET', metrics)).json(), { items: [] })
})

t.test('who may declare in a namespace may say its external metrics, others may not', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send } = world
  const reader = bearer(await tokenOf(world, 'reader', [{ role: 'reader', namespaces: ['*'] }]))
  t.equal((await send('PUT', `${metrics}/queue`, { value: 1 }, reader)).statusCode, 403)
  t.equal((await send('GET', metrics, undefined, reader)).statusCode, 200)
  t.equal((await send('DELETE', `${metrics}/queue`, undefined, reader)).statusCode, 403)
})
