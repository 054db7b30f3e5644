// Some inputs were neither read nor refused: a DELETE with the generation in its body ended another life
// than was meant.
import t from 'tap'
import WebSocket from 'ws'
import { build, pathOf } from '../support/world.ts'

t.test('a DELETE with a body is refused', async (t) => {
  const { send, register, registry } = await build(t)
  await register('shop/orders/orders-1')
  t.match((await send('DELETE', pathOf('shop/orders/orders-1'), { generation: 'old' })).json(), { status: 400, errors: [{ field: 'body', rule: /must be empty/ }] })
  t.ok(registry.catalog.entry('shop', 'orders', 'orders-1'))
})

t.test('a parameter of a route that takes none is refused', async (t) => {
  const { send } = await build(t)
  t.match((await send('PUT', `${pathOf('shop/orders/a')}?generation=a`, { address: '10.0.0.1' })).json(), { status: 400, errors: [{ field: 'generation', rule: 'is not a known parameter' }] })
})

t.test('a WebSocket with a query is refused: it says what it wants in frames', async (t) => {
  const { listen } = await build(t)
  const { url } = await listen()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch?namespace=shop`)
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.on('open', () => resolve('open'))
  })
  socket.on('error', () => undefined).terminate()
  t.equal(status, 400)
})

t.test('a header If-None-Match that is no list of entity tags is refused', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/orders-1')
  const url = '/v1/namespaces/shop/services/orders/endpoints'
  const { etag } = (await send('GET', url)).headers
  for (const [header, status] of [[etag, 304], [`"x", ${etag}`, 304], [String(etag).slice(2), 304], ['*', 304], ['"a,b"', 200], ['latest', 400], ['"a', 400], ['"a" "b"', 400], [',', 400]] as const) {
    t.equal((await send('GET', url, undefined, { 'if-none-match': String(header) })).statusCode, status, String(header))
  }
})
