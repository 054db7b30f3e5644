import t from 'tap'
import { build, pathOf } from '../support/world.ts'

const orders = pathOf('shop/orders/orders-1')
const registration = { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }], labels: { version: 'v1' }, generation: 'g1' }

t.test('a registration is answered with the instance: 201 when new, 200 when known', async (t) => {
  const { send } = await build(t)
  const first = await send('PUT', orders, registration)
  t.equal(first.statusCode, 201)
  t.match(first.json(), { namespace: 'shop', service: 'orders', id: 'orders-1', generation: 'g1', status: 'up', weight: 100, lease: { ttlMs: 15_000 }, revision: 1 })
  t.match(first.headers['rollcall-revision'], /^[\w-]+\.1$/)
  const second = await send('PUT', orders, registration)
  t.equal(second.statusCode, 200)
  t.match(second.headers['rollcall-revision'], /\.1$/, 'the same content makes no new revision')
})

t.test('another generation replaces the life before and is 201', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  const second = await send('PUT', orders, { ...registration, generation: 2 })
  t.equal(second.statusCode, 201)
  t.equal(second.json().generation, '2', 'a whole number is kept as text')
})

t.test('an absent address is the one that the request comes from', async (t) => {
  const { send } = await build(t)
  t.equal((await send('PUT', orders, {})).json().address, '127.0.0.1')
})

t.test('a patch changes what it names, null removes', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, { ...registration, labels: { version: 'v1', canary: 'yes' } })
  const patched = await send('PATCH', orders, { status: 'warning', weight: 5, labels: { canary: null, team: 'a' } }, { 'content-type': 'application/merge-patch+json' })
  t.equal(patched.statusCode, 200)
  t.match(patched.json(), { status: 'warning', weight: 5, revision: 2 })
  t.strictSame(patched.json().labels, { team: 'a', version: 'v1' })
  t.match(patched.headers['rollcall-revision'], /\.2$/)
  const superseded = await send('PATCH', `${orders}?generation=old`, { weight: 1 })
  t.equal(superseded.statusCode, 409)
  t.equal(superseded.json().code, 'REG_GENERATION_SUPERSEDED')
})

t.test('an instance is read with an ETag, and 304 while it is the same', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/orders-1')
  const read = await send('GET', orders)
  t.equal(read.statusCode, 200)
  const again = await send('GET', orders, undefined, { 'if-none-match': String(read.headers.etag) })
  t.equal(again.statusCode, 304)
  t.equal(again.body, '')
  await send('PATCH', orders, { weight: 1 })
  t.equal((await send('GET', orders, undefined, { 'if-none-match': String(read.headers.etag) })).statusCode, 200)
})

t.test('a deregistration ends the life that it names, and no other', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  const wrong = await send('DELETE', `${orders}?generation=g0`)
  t.equal(wrong.statusCode, 409)
  t.match(wrong.json(), { code: 'REG_GENERATION_SUPERSEDED', errors: [{ field: 'generation', value: 'g0' }] })
  const right = await send('DELETE', `${orders}?generation=g1`)
  t.equal(right.statusCode, 204)
  t.match(right.headers['rollcall-revision'], /\.2$/)
  t.equal((await send('DELETE', orders)).json().code, 'REG_NAMESPACE_NOT_FOUND')
})

t.test('a read says what is missing: namespace, service or instance', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/orders-1')
  for (const [path, code] of [
    [pathOf('nowhere/orders/a'), 'REG_NAMESPACE_NOT_FOUND'], [pathOf('shop/nothing/a'), 'REG_SERVICE_NOT_FOUND'], [pathOf('shop/orders/nobody'), 'REG_INSTANCE_NOT_FOUND'],
    ['/v1/namespaces/nowhere/services/orders', 'REG_NAMESPACE_NOT_FOUND'], ['/v1/namespaces/shop/services/nothing/endpoints', 'REG_SERVICE_NOT_FOUND']
  ] as const) {
    const answer = await send('GET', path)
    t.equal(answer.statusCode, 404)
    t.equal(answer.json().code, code, path)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
  }
})

t.test('an id may be 253 octets that all have to be encoded', async (t) => {
  const { send, register } = await build(t)
  const id = '%'.repeat(253)
  t.equal((await register(`shop/orders/${id}`)).instance.id, id)
  t.equal((await send('GET', pathOf(`shop/orders/${id}`))).json().id, id)
})

t.test('one heartbeat: with a body, with an empty body of any type, without one', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  for (const [body, headers] of [
    [{ generation: 'g1' }, {}], [undefined, {}], ['', { 'content-type': 'application/json' }], ['', { 'content-type': 'application/x-www-form-urlencoded' }]
  ] as const) {
    const answer = await send('PUT', `${orders}/heartbeat`, body, headers)
    t.equal(answer.statusCode, 200)
    t.strictSame(answer.json(), { renewed: 1, unknown: [], superseded: [], stored: true })
  }
})

t.test('a heartbeat for no lease is 404, for another generation 409; neither is a change', async (t) => {
  const { send, registry } = await build(t)
  await send('PUT', orders, registration)
  const unknown = await send('PUT', `${pathOf('shop/orders/nobody')}/heartbeat`)
  t.equal(unknown.statusCode, 404)
  t.equal(unknown.json().code, 'REG_LEASE_NOT_FOUND')
  const superseded = await send('PUT', `${orders}/heartbeat`, { generation: 'g0' })
  t.equal(superseded.statusCode, 409)
  t.match(superseded.json(), { code: 'REG_GENERATION_SUPERSEDED', errors: [{ field: 'generation', value: 'g0' }] })
  t.equal(registry.feed.revision, 1)
})

t.test('a batch renews what it can and names the rest', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  const lease = { namespace: 'shop', service: 'orders', id: 'orders-1' }
  const answer = await send('POST', '/v1/heartbeats', { leases: [{ ...lease, generation: 'g1' }, { ...lease, id: 'nobody' }, { ...lease, generation: 7 }] })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { renewed: 1, unknown: [{ ...lease, id: 'nobody' }], superseded: [lease], stored: true })
})

t.test('a batch of ten thousand leases is accepted, one more is refused', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  const leases = Array.from({ length: 10_000 }, () => ({ namespace: 'shop', service: 'orders', id: 'orders-1', generation: 'g1' }))
  t.equal((await send('POST', '/v1/heartbeats', { leases })).json().renewed, 10_000)
  const more = await send('POST', '/v1/heartbeats', { leases: [...leases, leases[0]] })
  t.equal(more.statusCode, 400)
  t.match(more.json().errors, [{ field: 'leases', rule: /10000/ }])
})

t.test('a status in a heartbeat is a change when it differs', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  await send('PUT', `${orders}/heartbeat`, { status: 'up' })
  t.equal((await send('GET', orders)).json().revision, 1)
  await send('PUT', `${orders}/heartbeat`, { status: 'warning' })
  t.match((await send('GET', orders)).json(), { status: 'warning', revision: 2 })
})

t.test('an override wins, survives a new life, and ends when it is removed', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  const answer = await send('PUT', `${orders}/override`, { status: 'draining', author: 'ada', reason: 'kernel update', weight: 7 })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { status: 'up', effectiveStatus: 'draining', override: { status: 'draining', author: 'ada', reason: 'kernel update', weight: 7 } })
  t.equal((await send('PUT', orders, { ...registration, generation: 'g2' })).json().effectiveStatus, 'draining')
  t.equal((await send('DELETE', `${orders}/override`)).statusCode, 204)
  t.equal((await send('GET', orders)).json().effectiveStatus, 'up')
  const again = await send('DELETE', `${orders}/override`)
  t.equal(again.statusCode, 404)
  t.equal(again.json().code, 'REG_OVERRIDE_NOT_FOUND')
})

t.test('events name the client as the author of a write', async (t) => {
  const { send } = await build(t)
  await send('PUT', orders, registration)
  t.match((await send('GET', '/v1/events')).json().items, [{ reason: 'registered', by: '127.0.0.1' }])
})
