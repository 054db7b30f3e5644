// A generation of 1732700000000000001 was stored as 1732700000000000000, and its own process then got 409.
import t from 'tap'
import { parseJson } from '../../server/http/server/json-body.ts'
import { build, pathOf } from '../support/world.ts'

t.test('a number that JavaScript would round is refused by name', async (t) => {
  const { send, registry, connect } = await build(t)
  const answer = await send('PUT', pathOf('shop/orders/a'), '{"address":"10.0.0.1","generation": 1732700000000000001}')
  t.equal(answer.statusCode, 400)
  t.match(answer.json(), { code: 'REG_INVALID', errors: [{ field: 'generation', value: '1732700000000000001', rule: /kept exactly/ }] })
  t.equal((await send('PUT', pathOf('shop/orders/a'), '{"address":"10.0.0.1","generation": "1732700000000000001"}')).json().generation, '1732700000000000001')
  t.equal((await send('POST', '/v1/heartbeats', '{"leases":[{"namespace":"shop","service":"orders","id":"a","generation":1732700000000000001}]}')).statusCode, 400)
  const socket = await connect()
  socket.send('{"type":"heartbeat","id":1,"leases":[{"namespace":"shop","service":"orders","id":"a","generation":1732700000000000001}]}')
  t.match(await socket.next(), { type: 'error', code: 'REG_INVALID', errors: [{ field: 'leases[0].generation' }] })
  t.equal(registry.feed.revision, 1)
})

t.test('which numbers are kept', async (t) => {
  for (const text of ['9007199254740991', '-9007199254740991', '0', '-0', '1e15', '1e20', '1.5e300', '0.1', '123456789.12345678901234567890', '1.7e18', '9007199254740991.0', '"9007199254740993"', '100000000000000000.5e-3']) {
    t.equal(JSON.stringify(parseJson(`{"a":[${text}]}`)), JSON.stringify({ a: [JSON.parse(text)] }), text)
  }
  for (const text of ['9007199254740992', '9007199254740993', '-9007199254740993', '1732700000000000001', '9007199254740993.0', '90071992547409930e-1', '1e400', '-1e400', '123456789012345678901234567890']) {
    for (const [body, field] of [[text, 'body'], [`{"x":${text}}`, 'x'], [`{"x": { "y":[1, ${text} ] }}`, 'x.y[1]'], [`[{"a":"9007199254740993","b":${text}}]`, '[0].b']] as const) {
      t.throws(() => parseJson(body), { code: 'REG_INVALID', errors: [{ field }] }, body)
    }
  }
})
