import t from 'tap'
import { build, pathOf } from '../support/world.ts'

const orders = pathOf('shop/orders/orders-1')
const long = 'x'.repeat(300)
const deep = '['.repeat(65) + ']'.repeat(65)
const hundredThousandDeep = '['.repeat(100_000) + ']'.repeat(100_000)

interface Row {
  readonly says: string
  readonly method?: string
  readonly url?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly status?: number
  readonly code?: string
  /** field, value (undefined = not checked), rule */
  readonly error?: readonly [field: string, value: unknown, rule: RegExp]
}

const label = /RFC 1123 label/

const rows: readonly Row[] = [
  { says: 'broken JSON', body: '{"address": }', code: 'REG_BODY_SYNTAX', error: ['body', undefined, /unexpected "}" at character 13/] },
  { says: 'JSON that ends too early', body: '{"address":', code: 'REG_BODY_SYNTAX', error: ['body', undefined, /ends too early/] },
  { says: 'NaN, which JSON does not know', body: '{"lease":{"ttlMs":NaN}}', code: 'REG_BODY_SYNTAX', error: ['body', undefined, /at character 19/] },
  { says: 'a key given twice', body: '{"weight":1,"weight":2}', error: ['weight', undefined, /twice/] },
  { says: '__proto__ as a key', body: '{"labels":{"__proto__":"x"}}', error: ['labels.__proto__', undefined, /not a name/] },
  { says: 'nesting beyond 64 levels', body: deep, error: ['body', undefined, /deeper than 64/] },
  { says: 'nesting of a hundred thousand levels', body: hundredThousandDeep, error: ['body', undefined, /deeper than 64/] },
  { says: 'no body', body: undefined, error: ['body', undefined, /required/] },
  { says: 'a body that is no object', body: '[]', error: ['body', undefined, /object/] },
  { says: 'null as the body', body: 'null', error: ['body', undefined, /required|object/] },
  { says: 'an unknown field', body: { adress: '10.0.0.1' }, error: ['adress', '10.0.0.1', /not a known field/] },
  { says: 'an unknown field inside a port', body: { ports: [{ port: 1, prot: 'TCP' }] }, error: ['ports[0].prot', 'TCP', /not a known field/] },
  { says: 'a wrong type', body: { weight: '5' }, error: ['weight', '5', /whole number 0-65535/] },
  { says: 'port 0', body: { ports: [{ port: 0 }] }, error: ['ports[0].port', 0, /1-65535/] },
  { says: 'port 65536', body: { ports: [{ port: 65_536 }] }, error: ['ports[0].port', 65_536, /1-65535/] },
  { says: 'a port that is no whole number', body: { ports: [{ port: 80.5 }] }, error: ['ports[0].port', 80.5, /1-65535/] },
  { says: 'a TTL of zero', body: { lease: { ttlMs: 0 } }, error: ['lease.ttlMs', 0, /1000-86400000/] },
  { says: 'a TTL beyond a day', body: { lease: { ttlMs: 86_400_001 } }, error: ['lease.ttlMs', 86_400_001, /1000-86400000/] },
  { says: 'a TTL of null, which is what JSON makes of NaN', body: { lease: { ttlMs: NaN } }, error: ['lease.ttlMs', null, /1000-86400000/] },
  { says: 'an address that is none', body: { address: '10.0.0.256' }, error: ['address', '10.0.0.256', /IPv4 or IPv6/] },
  { says: 'the unspecified address', body: { address: '0.0.0.0' }, error: ['address', '0.0.0.0', /unspecified/] },
  { says: 'a multicast address', body: { address: 'ff02::1' }, error: ['address', 'ff02::1', /multicast/] },
  { says: 'a mapped link-local address', body: { address: '::ffff:169.254.169.254' }, error: ['address', '::ffff:169.254.169.254', /link-local/] },
  { says: 'a label key of the registry', body: { labels: { 'rollcall.dev/service': 'x' } }, error: ['labels["rollcall.dev/service"]', 'x', /own/] },
  { says: 'a label value that is too long', body: { labels: { a: 'x'.repeat(64) } }, error: ['labels.a', 'x'.repeat(64), /label value/] },
  { says: 'metadata beyond 16 KiB', body: { metadata: { a: 'x'.repeat(16 * 1024) } }, error: ['metadata', undefined, /16384/] },
  { says: 'a status that is none', body: { status: 'healthy' }, error: ['status', 'healthy', /must be one of "starting"/] },
  { says: 'a generation with a space', body: { generation: 'a b' }, error: ['generation', 'a b', /visible ASCII/] },
  { says: 'labels of a megabyte', body: { labels: { a: 'x'.repeat(1024 * 1024) } }, status: 413, code: 'REG_BODY_TOO_LARGE' },
  { says: 'a wrong content type', body: 'address=1', headers: { 'content-type': 'application/x-www-form-urlencoded' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'plain text', body: '{}', headers: { 'content-type': 'text/plain' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'a content type that is no type', body: '{}', headers: { 'content-type': 'nonsense' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'an encoded body', body: '{}', headers: { 'content-encoding': 'gzip' }, status: 415, code: 'REG_MEDIA_TYPE' },
  { says: 'an upper-case service', url: pathOf('shop/Orders/a'), body: {}, error: ['service', 'Orders', label] },
  { says: 'an upper-case namespace', url: pathOf('SHOP/orders/a'), body: {}, error: ['namespace', 'SHOP', label] },
  { says: 'the Kelvin sign, which lower-casing makes a k', url: '/v1/namespaces/shop/services/%E2%84%AA/instances/a', body: {}, error: ['service', '\u212a', label] },
  { says: 'a name with an underscore', url: pathOf('shop/my_orders/a'), body: {}, error: ['service', 'my_orders', label] },
  { says: 'a name with a trailing dot', url: pathOf('shop/orders./a'), body: {}, error: ['service', 'orders.', label] },
  { says: 'a name of 64 octets', url: pathOf(`shop/${'a'.repeat(64)}/a`), body: {}, error: ['service', 'a'.repeat(64), label] },
  { says: 'a name with NUL', url: '/v1/namespaces/shop/services/a%00b/instances/a', body: {}, error: ['service', 'a\0b', label] },
  { says: 'a name with a newline', url: '/v1/namespaces/shop/services/a%0a/instances/a', body: {}, error: ['service', 'a\n', label] },
  { says: 'an id of 300 characters', url: pathOf(`shop/orders/${long}`), body: {}, error: ['id', long, /1-253/] },
  { says: 'an id with a slash', url: '/v1/namespaces/shop/services/orders/instances/a%2Fb', body: {}, error: ['id', 'a/b', /without "\/"/] },
  { says: 'a path that is not encoded right', url: '/v1/namespaces/shop/services/orders/instances/%zz', body: {}, code: 'REG_INVALID' },
  { says: 'a path that is too long', url: pathOf(`shop/orders/${'x'.repeat(9_000)}`), body: {}, status: 414, code: 'REG_URI_TOO_LONG' },
  { says: 'an unknown query parameter', method: 'DELETE', url: `${orders}?force=true`, error: ['force', 'true', /not a known parameter/] },
  { says: 'a query parameter given twice', method: 'DELETE', url: `${orders}?generation=a&generation=b`, error: ['generation', undefined, /once/] },
  { says: 'an empty patch value', method: 'PATCH', body: { weight: -1 }, error: ['weight', -1, /0-65535/] },
  { says: 'a patch of what cannot be changed', method: 'PATCH', body: { address: '10.0.0.2' }, error: ['address', '10.0.0.2', /not a known field/] },
  { says: 'an empty override', method: 'PUT', url: `${orders}/override`, body: {}, error: ['body', undefined, /./] },
  { says: 'an override into the past', method: 'PUT', url: `${orders}/override`, body: { status: 'down', until: '2020-01-01T00:00:00Z' }, error: ['until', '2020-01-01T00:00:00Z', /future/] },
  { says: 'an override to up', method: 'PUT', url: `${orders}/override`, body: { status: 'up' }, error: ['status', 'up', /"draining", "down"/] },
  { says: 'a heartbeat of an upper-case service', method: 'POST', url: '/v1/heartbeats', body: { leases: [{ namespace: 'shop', service: 'Orders', id: 'a' }] }, error: ['leases[0].service', 'Orders', label] },
  { says: 'a heartbeat without an id', method: 'POST', url: '/v1/heartbeats', body: { leases: [{ namespace: 'shop', service: 'orders' }] }, error: ['leases[0].id', undefined, /required/] },
  { says: 'a batch without leases', method: 'POST', url: '/v1/heartbeats', body: {}, error: ['leases', undefined, /required/] },
  { says: 'a bad selector', method: 'GET', url: '/v1/instances?selector=version%20in%20(v1', code: 'REG_SELECTOR_INVALID', error: ['selector', undefined, /at character 15/] },
  { says: 'a bad selector of endpoints', method: 'GET', url: '/v1/namespaces/shop/services/orders/endpoints?selector=%3D', code: 'REG_SELECTOR_INVALID', error: ['selector', '=', /at character 1/] },
  { says: 'a limit of zero', method: 'GET', url: '/v1/instances?limit=0', error: ['limit', 0, /1-1000/] },
  { says: 'a limit of 1001', method: 'GET', url: '/v1/instances?limit=1001', error: ['limit', 1001, /1-1000/] },
  { says: 'a limit that is no number', method: 'GET', url: '/v1/instances?limit=ten', error: ['limit', 'ten', /1-1000/] },
  { says: 'a status filter that is none', method: 'GET', url: '/v1/instances?status=up,dead', error: ['status', 'dead', /one of/] },
  { says: 'a cursor that is not ours', method: 'GET', url: '/v1/instances?cursor=xyz', code: 'REG_CURSOR_INVALID', error: ['cursor', 'xyz', /next/] },
  { says: 'a revision that is none', method: 'GET', url: '/v1/overview?minRevision=latest', code: 'REG_CURSOR_INVALID', error: ['minRevision', 'latest', /epoch\.revision/] },
  { says: 'a wait that is too long', method: 'GET', url: '/v1/namespaces/shop/services/orders/endpoints?after=1&wait=61s', error: ['wait', '61s', /at most 60s/] },
  { says: 'a wait without a unit', method: 'GET', url: '/v1/namespaces/shop/services/orders/endpoints?after=1&wait=30', error: ['wait', '30', /as in/] },
  { says: 'an unknown path', method: 'GET', url: '/v1/nothing', status: 404, code: 'REG_ROUTE_NOT_FOUND' },
  { says: 'a method that a path does not take', method: 'POST', url: '/v1/services', body: {}, status: 405, code: 'REG_METHOD_NOT_ALLOWED' },
  { says: 'an unknown namespace of a list', method: 'GET', url: '/v1/instances?namespace=nowhere', status: 404, code: 'REG_NAMESPACE_NOT_FOUND' },
  { says: 'an unknown service of a list', method: 'GET', url: '/v1/services?service=nothing', status: 404, code: 'REG_SERVICE_NOT_FOUND' }
]

t.test('bad input is answered with code, field, value and rule, and changes nothing', async (t) => {
  const { send, registry, log } = await build(t)
  await send('PUT', orders, { address: '10.0.0.1' })
  const { revision } = registry.feed
  for (const { says, method = 'PUT', url = orders, body, headers, status = 400, code = 'REG_INVALID', error } of rows) {
    await t.test(says, async (t) => {
      const answer = await send(method, url, body, headers)
      t.equal(answer.statusCode, status)
      t.match(answer.headers['content-type'], /^application\/problem\+json/)
      const problem = answer.json()
      t.match(problem, { type: `urn:rollcall:error:${code}`, status, code })
      t.ok(problem.title)
      t.ok(problem.detail)
      if (error !== undefined) {
        const [field, value, rule] = error
        const found = problem.errors.find((candidate: { field: string }) => candidate.field === field)
        t.ok(found, `names ${field}, got ${JSON.stringify(problem.errors).slice(0, 500)}`)
        if (value !== undefined) t.strictSame(found?.value, value)
        t.match(found?.rule, rule)
      }
      t.equal(registry.feed.revision, revision, 'nothing changed')
    })
  }
  t.strictSame(log.filter(({ level }) => level === 'error'), [], 'nothing was unexpected')
})

t.test('405 says which methods are allowed', async (t) => {
  const { send } = await build(t)
  t.equal((await send('POST', orders, {})).headers.allow, 'DELETE, GET, HEAD, PATCH, PUT')
  t.equal((await send('OPTIONS', '/v1/heartbeats')).headers.allow, 'POST')
})

t.test('several faults are named at once', async (t) => {
  const { send } = await build(t)
  const { errors } = (await send('PUT', orders, { address: 'x', weight: -1, ports: [{ port: 0 }], colour: 'red' })).json()
  t.strictSame(errors.map(({ field }: { field: string }) => field).sort(), ['colour', 'ports[0].port', 'weight'])
})

t.test('a huge value is not repeated in the message', async (t) => {
  const { send } = await build(t)
  t.ok((await send('PUT', orders, { address: 'x'.repeat(100_000) })).json().detail.length < 500)
})

t.test('an unexpected error goes to the log; the client gets the id of the request only', async (t) => {
  const { send, registry, log } = await build(t)
  registry.position.requireLoaded = () => { throw new Error('secret detail') }
  const answer = await send('GET', '/v1/overview')
  t.equal(answer.statusCode, 500)
  t.equal(answer.json().code, 'REG_INTERNAL')
  t.notMatch(answer.body, /secret/)
  const [line] = log
  t.equal(line?.level, 'error')
  t.ok(answer.json().detail.includes(String(line?.fields['requestId'])))
})
