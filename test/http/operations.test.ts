import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Store } from '../../server/store/store.ts'
import { build, pathOf } from '../support/world.ts'

t.test('before the first load only routes that need no data answer', async (t) => {
  const { send, registry } = await build(t, { open: false })
  for (const url of ['/v1/instances', '/v1/overview', '/v1/events', '/v1/prometheus/targets', '/v1/namespaces/shop/services/orders/endpoints', '/v1/watch', pathOf('shop/orders/a')]) {
    const answer = await send('GET', url)
    t.equal(answer.statusCode, 503, url)
    t.equal(answer.json().code, 'REG_NOT_LOADED')
    t.equal(answer.headers['retry-after'], '1')
  }
  t.equal((await send('PUT', pathOf('shop/orders/a'), {})).json().code, 'REG_NOT_LOADED')
  t.equal((await send('POST', '/v1/heartbeats', { leases: [] })).json().code, 'REG_NOT_LOADED')
  for (const url of ['/livez', '/metrics', '/openapi.json', '/docs/']) t.equal((await send('GET', url)).statusCode, 200, url)
  const ready = await send('GET', '/readyz')
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { status: 'unavailable', checks: [{ name: 'loaded', ok: false, reason: /not loaded/ }] })
  await registry.open()
  t.strictSame((await send('GET', '/readyz')).json(), { status: 'ok', checks: [] })
  t.strictSame((await send('GET', '/readyz?verbose')).json().checks.map(({ name, ok }: any) => [name, ok]), [['loaded', true], ['store', true], ['running', true]])
})

t.test('while the store is away reads say how stale they are, and after five seconds the node is not ready', async (t) => {
  const { send, register, registry, clock } = await build(t)
  await register('shop/orders/a')
  registry.feed.health({ available: false, reason: 'connection refused', sinceMs: clock.now() })
  clock.advance(4_000)
  t.equal((await send('GET', '/readyz')).statusCode, 200, 'a fail-over is no outage')
  t.equal((await send('GET', '/v1/namespaces/shop/services/orders/endpoints')).headers['rollcall-stale'], '4')
  clock.advance(2_000)
  const ready = await send('GET', '/readyz')
  t.equal(ready.statusCode, 503)
  t.match(ready.json().checks, [{ name: 'store', reason: /connection refused/ }])
  t.equal((await send('GET', '/v1/instances')).headers['rollcall-stale'], '6')
  t.equal((await send('GET', '/livez')).statusCode, 200)
  t.match((await send('GET', '/v1/overview')).json().store, { available: false, reason: 'connection refused' })
})

t.test('a write that the store refuses is a problem that says when to come back', async (t) => {
  const { RegistryError } = await import('../../server/errors.ts')
  const away = async (): Promise<never> => { throw new RegistryError('REG_STORE_UNAVAILABLE', 'the store is away', undefined, { cause: new Error('ECONNREFUSED') }) }
  const failing = (store: Store): Store => {
    store.grant = away
    return store
  }
  const { send, log } = await build(t, { wrap: failing })
  const answer = await send('PUT', pathOf('shop/orders/a'), {})
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'REG_STORE_UNAVAILABLE' })
  t.equal(answer.headers['retry-after'], '1')
  t.match(log, [{ level: 'warn', fields: { code: 'REG_STORE_UNAVAILABLE' } }])
  t.match((await send('GET', '/metrics')).body, /rollcall_store_failures_total\{operation="grant"\} 1/)
})

t.test('events come newest first, and can be filtered', async (t) => {
  const { send, register, registry, clock } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', lease: { ttlMs: 1_000 } })
  await register('shop/payments/p', { address: '10.0.0.2' })
  await send('PUT', `${pathOf('shop/payments/p')}/override`, { status: 'down', reason: 'broken disk', author: 'ada' })
  clock.advance(1_001)
  await registry.sweep()
  await send('DELETE', pathOf('shop/payments/p'))
  const { items } = (await send('GET', '/v1/events')).json()
  t.strictSame(items.map(({ reason, id }: any) => [reason, id]), [['deregistered', 'p'], ['suspect', 'a'], ['override', 'p'], ['registered', 'p'], ['registered', 'a']])
  t.match(items[2].message, 'p of payments in shop was overridden by 127.0.0.1: down (broken disk)')
  t.match(items[1].message, /a of orders in shop is suspect/)
  const reasons = async (query: string): Promise<string[]> => (await send('GET', `/v1/events?${query}`)).json().items.map(({ reason }: any) => reason)
  t.strictSame(await reasons('service=orders'), ['suspect', 'registered'])
  t.strictSame(await reasons('id=p&reason=override'), ['override'])
  t.strictSame(await reasons('namespace=elsewhere'), [])
})

t.test('events come page by page', async (t) => {
  const { send, register } = await build(t)
  for (let index = 0; index < 5; index++) await register(`shop/orders/o-${index}`)
  const ids: string[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const page: any = (await send('GET', `/v1/events?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)).json()
    ids.push(...page.items.map(({ id }: any) => id))
    cursor = page.next
  }
  t.strictSame(ids, ['o-4', 'o-3', 'o-2', 'o-1', 'o-0'])
})

t.test('the overview counts', async (t) => {
  const { send, register, clock } = await build(t, { node: 'registry-7' })
  await register('shop/orders/a')
  await register('shop/payments/p', { address: '10.0.0.2', status: 'draining' })
  clock.advance(90_000)
  t.match((await send('GET', '/v1/overview')).json(), {
    node: 'registry-7', version: '0.0.0-test', namespaces: 1, services: 2, instances: { total: 2, up: 1, draining: 1, down: 0, suspect: 0 },
    uptimeSeconds: 90, store: { kind: 'sqlite', available: true }, watchers: { connections: 0, subscriptions: 0 }, rememberedHeartbeats: 0
  })
})

t.test('Prometheus gets the metrics ports, else the HTTP ports, else all TCP ports', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }, { name: 'metrics', port: 9100 }], labels: { 'app.kubernetes.io/name': 'x', version: 'v1' }, zone: 'east', version: '1.2' })
  await register('shop/orders/b', { address: '2001:db8::1', ports: [{ name: 'http-admin', port: 81 }, { name: 'grpc', port: 90 }] })
  await register('shop/payments/p', { address: '10.0.0.3', ports: [{ name: 'grpc', port: 90 }, { name: 'dns', port: 53, protocol: 'UDP' }] })
  await register('shop/silent/s', { address: '10.0.0.4' })
  const groups = (await send('GET', '/v1/prometheus/targets')).json()
  t.strictSame(groups.map(({ targets }: any) => targets), [['10.0.0.1:9100'], ['[2001:db8::1]:81'], ['10.0.0.3:90']])
  t.match(groups[0].labels, {
    __meta_rollcall_namespace: 'shop', __meta_rollcall_service: 'orders', __meta_rollcall_id: 'a', __meta_rollcall_zone: 'east', __meta_rollcall_version: '1.2',
    __meta_rollcall_label_version: 'v1', __meta_rollcall_label_app_kubernetes_io_name: 'x', __meta_rollcall_status: 'up'
  })
  const targets = async (query: string): Promise<string[]> => (await send('GET', `/v1/prometheus/targets?${query}`)).json().flatMap(({ targets }: any) => targets)
  t.strictSame(await targets('port=grpc'), ['[2001:db8::1]:90', '10.0.0.3:90'])
  t.strictSame(await targets('port=80'), ['10.0.0.1:80'])
  t.strictSame(await targets('selector=version%3Dv1'), ['10.0.0.1:9100'])
  t.strictSame(await targets('namespace=nowhere'), [], 'nothing found is an empty list')
})

t.test('metrics count requests and answers', async (t) => {
  const { send, registry, clock } = await build(t)
  await send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1', lease: { ttlMs: 1_000 }, generation: 'g1' })
  await send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1', lease: { ttlMs: 1_000 }, generation: 'g1' })
  await send('PUT', pathOf('shop/orders/b'), { address: '10.0.0.2' })
  await send('POST', '/v1/heartbeats', { leases: [{ namespace: 'shop', service: 'orders', id: 'a' }, { namespace: 'shop', service: 'orders', id: 'x' }, { namespace: 'shop', service: 'orders', id: 'a', generation: 'g0' }] })
  await send('GET', '/v1/namespaces/shop/services/orders/endpoints')
  await send('GET', '/nothing')
  await send('DELETE', pathOf('shop/orders/b'))
  clock.advance(1_001)
  await registry.sweep()
  const { body, headers } = await send('GET', '/metrics')
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'rollcall_registrations_total{outcome="created"} 2', 'rollcall_registrations_total{outcome="unchanged"} 1', 'rollcall_deregistrations_total 1',
    'rollcall_heartbeats_total{outcome="renewed"} 1', 'rollcall_heartbeats_total{outcome="unknown"} 1', 'rollcall_heartbeats_total{outcome="superseded"} 1',
    'rollcall_suspected_total 1', 'rollcall_instances{status="up"} 1', 'rollcall_suspects 1', 'rollcall_services 1', 'rollcall_namespaces 1', 'rollcall_store_up 1',
    'rollcall_revision 4', 'rollcall_changes_total{reason="registered"} 2', 'rollcall_build_info{version="0.0.0-test"', 'rollcall_epoch_info{epoch="',
    'rollcall_http_requests_total{method="GET",route="/v1/namespaces/:namespace/services/:service/endpoints",code="200"} 1',
    'rollcall_http_request_duration_seconds_count{method="GET",route="/v1/namespaces/:namespace/services/:service/endpoints",code="200"} 1',
    'rollcall_http_requests_total{method="GET",route="(none)",code="404"} 1', 'rollcall_store_operation_duration_seconds_count{operation="grant"} 3'
  ]) t.ok(body.includes(line), line)
  checkExposition(t, body)
})

t.test('the metrics of the process itself are there when asked for', async (t) => {
  const { Metrics } = await import('../../server/metrics/metrics.ts')
  const { send } = await build(t, { metrics: new Metrics({ version: '1' }) })
  const { body } = await send('GET', '/metrics')
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']) t.ok(body.includes(name), name)
  checkExposition(t, body)
})

t.test('propagation of a revision: known, 404 in another epoch, and waited for if it is still to come', async (t) => {
  const { send, register, clock } = await build(t)
  const { revision } = await register('shop/orders/a')
  t.strictSame((await send('GET', `/v1/revisions/${revision}`)).json(), { revision: 1, watchers: 0, seen: 0, pending: [] })
  t.match((await send('GET', '/v1/revisions/other.1')).json(), { status: 404, code: 'REG_REVISION_NOT_FOUND' })
  const { waiting } = clock
  const later = send('GET', '/v1/revisions/99')
  while (clock.waiting === waiting) await setImmediate()
  clock.advance(5_000)
  t.match((await later).json(), { status: 504, code: 'REG_REVISION_TIMEOUT' })
})

t.test('requests are logged only when that is asked for', async (t) => {
  const quiet = await build(t)
  await quiet.send('GET', '/livez')
  t.strictSame(quiet.log, [])
  const loud = await build(t, { logRequests: () => true })
  await loud.send('GET', '/livez')
  t.match(loud.log, [{ level: 'info', fields: { method: 'GET', url: '/livez', status: 200 }, message: 'request' }])
  for (const url of ['/v1/services?token=secret', '/v1/services?limit=1&access_token=secret&x=y']) {
    t.equal((await loud.send('GET', url)).statusCode, 400)
  }
  t.notMatch(JSON.stringify(loud.log), /secret/, 'a token that was refused in a URL is not written down either')
  t.match(loud.log[2]?.fields, { url: '/v1/services?limit=1&access_token=***&x=y' })
})

/** Text exposition format 0.0.4: every line is a comment or a sample, HELP and TYPE come first, histograms add up. */
function checkExposition (t: Test, text: string): void {
  const typed = new Set<string>()
  const faults: string[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (?:counter|gauge|histogram|summary)$/.exec(line)
    if (type?.[1] !== undefined) {
      if (typed.has(type[1])) faults.push(`twice: ${line}`)
      typed.add(type[1])
      continue
    }
    // prom-client writes "Nan", which Prometheus reads in any case.
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*\})? (?:Na[nN]|[+-]?Inf|-?[\d.]+(?:e[+-]?\d+)?)$/.exec(line)
    const name = sample?.[1]?.replace(/_(?:bucket|sum|count)$/, '')
    if (sample?.[1] === undefined || !(typed.has(sample[1]) || typed.has(name ?? ''))) faults.push(line)
  }
  t.strictSame(faults, [])
}
