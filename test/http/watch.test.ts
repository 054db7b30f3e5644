import t from 'tap'
import type { TestSocket } from '../support/test-socket.ts'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

const summary = ({ type, id, event, reason, instance, revision }: any): unknown[] => [type, id, event, reason, instance?.id, Number(revision.split('.')[1])]

t.test('a subscription begins with a snapshot, then its changes follow in revision order', async (t) => {
  const { connect, send, register } = await build(t)
  await register('shop/orders/a')
  await register('shop/payments/p')
  const client = await connect()
  const snapshot = await client.subscribe(7, { namespace: 'shop', service: 'orders' })
  t.match(snapshot, { type: 'snapshot', id: 7, revision: /\.2$/, instances: [{ id: 'a', service: 'orders' }] })
  t.equal(snapshot.instances.length, 1)
  await register('shop/orders/b')
  await register('shop/payments/q')
  await send('PATCH', pathOf('shop/orders/b'), { status: 'warning' })
  await send('DELETE', pathOf('shop/orders/a'))
  const changes = await client.take(3)
  t.strictSame(changes.map(summary), [
    ['change', 7, 'put', 'registered', 'b', 3], ['change', 7, 'put', 'updated', 'b', 5], ['change', 7, 'delete', 'deregistered', 'a', 6]
  ])
  t.match(changes[0], { kind: 'instance', at: /^2026-01-01T/, instance: { address: '10.0.0.1', conditions: { ready: true } } })
})

t.test('one socket carries subscriptions to a service, a namespace and everything', async (t) => {
  const { connect, register } = await build(t)
  const client = await connect()
  for (const [id, filter] of [[1, {}], [2, { namespace: 'shop' }], [3, { namespace: 'shop', service: 'orders' }], [4, { service: 'orders' }], [5, { namespace: 'other' }]] as const) {
    t.match(await client.subscribe(id, filter), { type: 'snapshot', id, instances: [] })
  }
  await register('shop/orders/a')
  t.strictSame((await client.take(4)).map(({ id }) => id).sort(), [1, 2, 3, 4])
  await register('other/orders/a')
  t.strictSame((await client.take(3)).map(({ id }) => id).sort(), [1, 4, 5])
})

t.test('an instance that leaves a selector is deleted for that subscription, and put when it comes back', async (t) => {
  const { connect, send, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', labels: { version: 'v1' } })
  const client = await connect()
  await client.subscribe(1, { namespace: 'shop', selector: 'version=v1' })
  await client.subscribe(2, { namespace: 'shop' })
  await send('PATCH', pathOf('shop/orders/a'), { labels: { version: 'v2' } })
  const frames = (await client.take(2)).sort((a, b) => a.id - b.id)
  t.strictSame(frames.map(summary), [['change', 1, 'delete', 'updated', 'a', 2], ['change', 2, 'put', 'updated', 'a', 2]])
  await send('PATCH', pathOf('shop/orders/a'), { weight: 3 })
  t.strictSame(summary(await client.next()), ['change', 2, 'put', 'updated', 'a', 3])
  await send('PATCH', pathOf('shop/orders/a'), { labels: { version: 'v1' } })
  t.strictSame((await client.take(2)).map(summary).map(([, , event]) => event), ['put', 'put'])
})

t.test('a watch resumes after a revision without a gap and without a duplicate', async (t) => {
  const { connect, register } = await build(t)
  const first = await connect()
  const { revision } = await first.subscribe(1, { namespace: 'shop' })
  await register('shop/orders/a')
  const seen = await first.next()
  first.socket.close()
  await first.closed
  await register('shop/orders/b')
  await register('other/orders/x')
  await register('shop/orders/c')
  const second = await connect()
  second.send({ type: 'subscribe', id: 1, namespace: 'shop', since: seen.revision })
  t.strictSame((await second.take(2)).map(({ instance }) => instance.id), ['b', 'c'])
  await register('shop/orders/d')
  t.equal((await second.next()).instance.id, 'd')
  second.send({ type: 'subscribe', id: 2, namespace: 'shop', since: revision.split('.')[1] })
  t.strictSame((await second.take(4)).map(({ id, instance }) => [id, instance.id]), [[2, 'a'], [2, 'b'], [2, 'c'], [2, 'd']])
})

t.test('a cursor of another epoch, too old, or ahead of this node ends in a reset and a snapshot', async (t) => {
  const { connect, register, clock } = await build(t, {
    core: { ringLimit: 2 },
    wrap: (store) => Object.assign(store, { readLog: () => Promise.resolve([]) }) // its log has forgotten everything
  })
  for (const id of ['a', 'b', 'c', 'd']) await register(`shop/orders/${id}`)
  const client = await connect()
  for (const [id, since, reason] of [[1, 'other.3', 'another epoch'], [2, '1', 'too old']] as const) {
    t.match(await client.subscribe(id, { since }), { type: 'reset', id, reason, revision: /\.4$/ })
    t.match(await client.next(), { type: 'snapshot', id, revision: /\.4$/ })
  }
  client.send({ type: 'subscribe', id: 3, since: '99' })
  await client.settled()
  clock.advance(2_000)
  t.match(await client.next(), { type: 'reset', id: 3, reason: 'ahead of this node' })
  t.equal((await client.next()).instances.length, 4)
})

t.test('a cursor that this node reaches within two seconds is resumed from, not reset', async (t) => {
  const { connect, register } = await build(t)
  await register('shop/orders/a')
  const client = await connect()
  client.send({ type: 'subscribe', id: 1, since: '2' })
  await client.settled()
  await register('shop/orders/b')
  await register('shop/orders/c')
  t.strictSame(summary(await client.next()), ['change', 1, 'put', 'registered', 'c', 3])
})

t.test('a load of other data resets every subscription', async (t) => {
  const { connect, register, registry } = await build(t)
  await register('shop/orders/a')
  const client = await connect()
  await client.subscribe(1)
  registry.feed.load({ epoch: 'next', revision: 5, instances: [], objects: [], recent: [], lost: [] })
  t.match(await client.next(), { type: 'reset', id: 1, revision: 'next.5' })
  t.match(await client.next(), { type: 'snapshot', id: 1, revision: 'next.5', instances: [] })
})

t.test('nothing comes after unsubscribe', async (t) => {
  const { connect, register } = await build(t)
  const client = await connect()
  await client.subscribe(1)
  client.send({ type: 'unsubscribe', id: 1 })
  await client.settled()
  await register('shop/orders/a')
  t.match(await client.subscribe(1), { type: 'snapshot', id: 1, instances: [{ id: 'a' }] }, 'and the id is free again')
})

t.test('a quiet subscription gets a bookmark with the revision that it has reached', async (t) => {
  const { connect, register, clock } = await build(t)
  const client = await connect()
  await client.subscribe(1, { namespace: 'shop' })
  await register('other/orders/x')
  clock.advance(15_000)
  t.match(await client.next(), { type: 'bookmark', id: 1, revision: /\.1$/ })
  clock.advance(15_000)
  await client.settled()
  t.equal(client.waiting, 0, 'once is enough')
})

t.test('an acknowledged revision is reported, with who has not', async (t) => {
  const { connect, send, register, clock } = await build(t)
  await register('shop/orders/a')
  const [fast, slow, silent] = await Promise.all([connect(), connect(), connect()])
  for (const client of [fast, slow, silent]) await client.subscribe(1, { namespace: 'shop' })
  for (const client of [fast, slow]) {
    client.send({ type: 'ack', revision: '1' })
    await client.settled()
  }
  const { revision } = await register('shop/orders/b')
  const change = await fast.next()
  clock.advance(40)
  fast.send({ type: 'ack', revision: change.revision })
  await fast.settled()
  const report = (await send('GET', `/v1/revisions/${change.revision}`)).json()
  t.match(report, { revision, watchers: 2, seen: 1, delayMs: { median: 40, max: 40 } })
  t.equal(report.pending.length, 1)
  slow.socket.close()
  await slow.closed
  while ((await send('GET', '/v1/overview')).json().watchers.connections > 2) await new Promise((resolve) => setImmediate(resolve))
  t.match((await send('GET', `/v1/revisions/${revision}`)).json(), { watchers: 1, seen: 1, pending: [] })
})

t.test('an acknowledgement of another epoch says nothing', async (t) => {
  const { connect, send, register } = await build(t)
  const client = await connect()
  await client.subscribe(1)
  client.send({ type: 'ack', revision: 'other.5' })
  await client.settled()
  const { revision } = await register('shop/orders/a')
  t.equal((await send('GET', `/v1/revisions/${revision}`)).json().watchers, 0)
})

t.test('heartbeats travel over the socket', async (t) => {
  const { connect, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', generation: 'g1' })
  const client = await connect()
  const lease = { namespace: 'shop', service: 'orders', id: 'a' }
  client.send({ type: 'heartbeat', id: 5, leases: [{ ...lease, generation: 'g1' }, { ...lease, generation: 'g0' }, { ...lease, id: 'x' }] })
  t.strictSame(await client.next(), { type: 'heartbeat', id: 5, renewed: 1, unknown: [{ ...lease, id: 'x' }], superseded: [{ ...lease, generation: 'g0' }], stored: true })
  client.send({ type: 'heartbeat', leases: [lease] })
  t.strictSame(await client.next(), { type: 'heartbeat', renewed: 1, unknown: [], superseded: [], stored: true })
})

t.test('when a session breaks its instances turn suspect, if they are not back within a moment', async (t) => {
  const world = await withSession(t)
  world.client.socket.terminate()
  while (world.registry.sessions.count > 0) await new Promise((resolve) => setImmediate(resolve))
  world.clock.advance(500)
  t.match(await world.observer.next(), { type: 'change', reason: 'suspect', instance: { id: 'a', suspect: true } })
  t.equal(world.registry.sessions.count, 0)
})

t.test('a session that says goodbye is not suspected', async (t) => {
  for (const code of [1000, 1001, undefined]) {
    const world = await withSession(t)
    world.client.socket.close(code)
    await world.client.closed
    while (world.registry.sessions.count > 0) await new Promise((resolve) => setImmediate(resolve))
    await world.register('shop/orders/z')
    t.match(await world.observer.next(), { type: 'change', reason: 'registered', instance: { id: 'z' } }, 'nothing came in between')
  }
})

t.test('a session that ends because the node closes is not suspected', async (t) => {
  const { app, registry, client } = await withSession(t)
  await app.close()
  t.equal((await client.closed).code, 1001)
  t.equal(registry.sessions.count, 0)
  await registry.store.sync()
  t.equal(registry.catalog.suspects, 0)
})

t.test('a heartbeat without `session` binds nothing', async (t) => {
  const world = await withSession(t, false)
  world.client.socket.terminate()
  await world.client.closed
  await world.register('shop/orders/z')
  t.match(await world.observer.next(), { reason: 'registered', instance: { id: 'z' } })
})

t.test('a frame that is wrong is answered with an error, and the socket goes on', async (t) => {
  const { connect } = await build(t)
  const client = await connect()
  await client.subscribe(1)
  for (const [frame, expected] of [
    ['{"type":', { code: 'REG_BODY_SYNTAX', errors: [{ field: 'frame', rule: /ends too early/ }] }],
    ['[]', { code: 'REG_INVALID', errors: [{ field: 'type' }] }],
    ['null', { code: 'REG_INVALID' }],
    ['{"type":"subscribe","type":"ack"}', { code: 'REG_INVALID', errors: [{ field: 'type', rule: /twice/ }] }],
    ['['.repeat(70) + ']'.repeat(70), { code: 'REG_INVALID', errors: [{ field: 'frame', rule: /deeper than 64/ }] }],
    [{ type: 'listen' }, { code: 'REG_INVALID', errors: [{ field: 'type', value: 'listen', rule: /subscribe, unsubscribe, ack, heartbeat/ }] }],
    [{ type: 'subscribe' }, { code: 'REG_INVALID', errors: [{ field: 'id', rule: /required/ }] }],
    [{ type: 'subscribe', id: -1 }, { id: -1, code: 'REG_INVALID', errors: [{ field: 'id', value: -1 }] }],
    [{ type: 'subscribe', id: 2, namespace: 'Shop' }, { id: 2, code: 'REG_INVALID', errors: [{ field: 'namespace', value: 'Shop' }] }],
    [{ type: 'subscribe', id: 2, colour: 'red' }, { id: 2, code: 'REG_INVALID', errors: [{ field: 'colour' }] }],
    [{ type: 'subscribe', id: 2, selector: 'a in (' }, { id: 2, code: 'REG_SELECTOR_INVALID', errors: [{ field: 'selector', rule: /at character 7/ }] }],
    [{ type: 'subscribe', id: 2, since: 'yesterday' }, { id: 2, code: 'REG_CURSOR_INVALID', errors: [{ field: 'since', value: 'yesterday' }] }],
    [{ type: 'subscribe', id: 1 }, { id: 1, code: 'REG_INVALID', errors: [{ field: 'id', value: 1, rule: /in use/ }] }],
    [{ type: 'unsubscribe', id: 9 }, { id: 9, code: 'REG_INVALID', errors: [{ field: 'id', value: 9 }] }],
    [{ type: 'ack', revision: 'x' }, { code: 'REG_CURSOR_INVALID', errors: [{ field: 'revision', value: 'x' }] }],
    [{ type: 'heartbeat', id: 3, leases: [{ namespace: 'shop' }] }, { id: 3, code: 'REG_INVALID', errors: [{ field: 'leases[0].service' }, { field: 'leases[0].id' }] }]
  ] as const) {
    client.send(frame)
    const answer = await client.next()
    t.match(answer, { type: 'error', ...expected }, JSON.stringify(frame).slice(0, 60))
    t.ok(answer.detail)
  }
  t.match(await client.subscribe(2), { type: 'snapshot', id: 2 })
})

t.test('a binary frame ends the socket with 1003', async (t) => {
  const { connect } = await build(t)
  const client = await connect()
  client.socket.send(Buffer.from([1, 2, 3]))
  t.equal((await client.closed).code, 1003)
})

t.test('a hundred subscriptions fit on a socket, one more is refused', async (t) => {
  const { connect, register, registry } = await build(t)
  const client = await connect()
  for (let id = 0; id < 100; id++) await client.subscribe(id, { namespace: 'shop' })
  t.match(await client.subscribe(100), { type: 'error', id: 100, code: 'REG_LIMIT_REACHED' })
  await register('shop/orders/a')
  t.strictSame((await client.take(100)).map(({ id }) => id), Array.from({ length: 100 }, (_, id) => id))
  client.socket.terminate()
  await client.closed
  while (registry.watches.count > 0) await new Promise((resolve) => setImmediate(resolve))
})

t.test('frames of one client are handled in order', async (t) => {
  const { connect, register } = await build(t)
  await register('shop/orders/a')
  const client = await connect()
  const lease = { namespace: 'shop', service: 'orders', id: 'a' }
  for (let id = 0; id < 50; id++) client.send({ type: 'heartbeat', id, leases: id % 3 === 0 ? [] : [lease] })
  t.strictSame((await client.take(50)).map(({ id }) => id), Array.from({ length: 50 }, (_, id) => id))
})

t.test('the overview and the metrics count watchers', async (t) => {
  const { connect, send } = await build(t)
  const client = await connect()
  await client.subscribe(1)
  await client.subscribe(2)
  t.strictSame((await send('GET', '/v1/overview')).json().watchers, { connections: 1, subscriptions: 2 })
  t.match((await send('GET', '/metrics')).body, /rollcall_watch_connections\{kind="websocket"\} 1/)
})

t.test('a closing node says goodbye', async (t) => {
  const { app, connect } = await build(t)
  const client = await connect()
  await client.subscribe(1)
  const closed = app.close()
  t.match(await client.next(), { type: 'goodbye', reason: /shutting down/ })
  t.equal((await client.closed).code, 1001)
  await closed
})

/** A client whose socket is the lease of instance `a`, and a watcher. */
async function withSession (t: Parameters<typeof build>[0], session = true): Promise<HttpWorld & { client: TestSocket, observer: TestSocket }> {
  const world = await build(t)
  await world.register('shop/orders/a', { address: '10.0.0.1', generation: 'g1' })
  await world.register('shop/orders/other', { address: '10.0.0.2' })
  const client = await world.connect()
  client.send({ type: 'heartbeat', session, leases: [{ namespace: 'shop', service: 'orders', id: 'a', generation: 'g1' }] })
  await client.next()
  const observer = await world.connect()
  await observer.subscribe(1)
  return { ...world, client, observer }
}
