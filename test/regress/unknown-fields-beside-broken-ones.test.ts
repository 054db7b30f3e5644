// Eight unknown fields switched off every check: a weight of -5, a port of 99999999, 60,000 illegal labels, `limit=-1`,
// ids with line ends and a subscription id that broke the frames sent back all passed, and an object as a label ended
// the process.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

const unknown = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`x${index + 1}`, 1]))
const query = Object.entries(unknown).map((pair) => pair.join('=')).join('&')

t.test('a broken field is refused, also beside unknown ones', async (t) => {
  const { send, registry, log, register } = await build(t)
  const selecting = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } }
  t.equal((await send('PUT', '/v1/namespaces/shop/services/web', selecting)).statusCode, 201)
  await register('shop/orders/good')
  const bad = pathOf('shop/orders/bad')
  const illegal = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`-${index}`, '-']))
  const rows: readonly (readonly [method: string, url: string, body: unknown, field: string])[] = [
    ['PUT', bad, { address: '10.0.0.1', weight: -5, ports: [{ name: 'http', port: 99_999_999 }], ...unknown }, 'weight'],
    ['PUT', bad, { address: '10.0.0.1', labels: illegal, ...unknown }, 'labels'],
    ['PUT', bad, { address: '10.0.0.1', labels: { app: { toString: 1 } }, ...unknown }, 'labels.app'],
    ['PUT', bad, { address: '10.0.0.1', labels: { app: { toString: 1 } } }, 'labels.app'],
    ['PATCH', pathOf('shop/orders/good'), { weight: 'heavy', ...unknown }, 'weight'],
    ['PUT', `${pathOf('shop/orders/good')}/override`, { weight: 1e9, ...unknown }, 'weight'],
    ['POST', '/v1/heartbeats', { leases: [{ namespace: 'shop', service: 'orders', id: 'good\n' }], ...unknown }, 'leases[0].id'],
    ['POST', '/v1/delete', { names: [{ kind: 'Service', name: 'a/b', ...unknown }] }, 'names[0].name'],
    ['POST', '/v1/apply', { ...selecting, spec: { ...selecting.spec, ports: 'all', ...unknown } }, 'spec.ports'],
    ['GET', `/v1/instances?limit=-1&${query}`, undefined, 'limit'],
    ['GET', `/v1/namespaces/shop/services/orders/endpoints?ready=toString&${query}`, undefined, 'ready']
  ]
  const { revision } = registry.feed
  for (const [method, url, body, field] of rows) {
    const answer = await send(method, url, body)
    t.equal(answer.statusCode, 400, `${method} ${url.slice(0, 80)} ${field}`)
    t.ok(answer.json().errors.some((fault: { field: string }) => fault.field === field), answer.body.slice(0, 300))
  }
  t.equal(registry.feed.revision, revision, 'nothing changed')
  t.strictSame(log.filter(({ level }) => level === 'error'), [])
  t.equal((await send('GET', '/v1/namespaces/shop/services/web/endpoints')).statusCode, 200)
})

t.test('a subscription id is a number, whatever else is unknown', async (t) => {
  const { connect } = await build(t)
  const socket = await connect()
  socket.send({ type: 'subscribe', id: 'x,"a":1', ...unknown })
  const frame = await socket.next()
  t.match(frame, { type: 'error', code: 'REG_INVALID' })
  t.notOk('id' in frame)
})
