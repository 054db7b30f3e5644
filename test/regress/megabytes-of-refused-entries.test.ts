// `{"leases":[{},{},...]}` of 5 MB was read whole, held up the loop for 3 s and kept 0.8 GB; a megabyte of metadata
// keys 0.9 s, and came back whole in the refusal; five frames of a megabyte 2.5 s. Nothing is made of a body past its
// first limit.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

// What stands behind the limit is no JSON: who says so has read it.
const broken = '}}}'
const leases = `{"leases":[${'{},'.repeat(1_700_000)}${broken}`
const entries = `{"metadata":{${Array.from({ length: 80_000 }, (_, index) => `"k${index}":"",`).join('')}${broken}`

t.test('a body ends at its first limit', async (t) => {
  const { send } = await build(t)
  const rows: readonly (readonly [method: string, url: string, body: string, field: string, rule: RegExp])[] = [
    ['POST', '/v1/heartbeats', leases, 'leases', /10000 leases/],
    ['POST', '/v1/heartbeats', `{"leases":[${'['.repeat(3)}${'{},'.repeat(1_000_000)}${broken}`, 'body', /1000 entries/],
    ['POST', '/v1/heartbeats', `{"leases":[{"load":{${'"a":{},'.repeat(500_000)}${broken}`, 'leases[0].load', /16 entries/],
    ['PUT', pathOf('shop/orders/a'), entries, 'metadata', /64 entries/],
    ['PUT', pathOf('shop/orders/a'), `{"ports":[${'{},'.repeat(300_000)}${broken}`, 'ports', /64 items/],
    ['PUT', pathOf('shop/orders/a'), `{"x":[${'1,'.repeat(300_000)}${broken}`, 'body', /1000 entries/],
    ['PUT', pathOf('shop/orders/a'), `{${Array.from({ length: 50_000 }, (_, index) => `"x${index}":1,`).join('')}${broken}`, 'body', /1000 entries/],
    ['PATCH', pathOf('shop/orders/a'), entries, 'metadata', /128 entries/],
    ['POST', '/v1/delete', `{"names":[${'{},'.repeat(1_000_000)}${broken}`, 'names', /1-5000/]
  ]
  for (const [method, url, body, field, rule] of rows) {
    const answer = await send(method, url, body)
    t.match(answer.json(), { status: 400, code: 'REG_INVALID', errors: [{ field, rule }] }, `${method} ${url} ${body.slice(0, 30)}`)
    t.ok(answer.body.length < 1_000, 'what was sent is not sent back')
  }
})

t.test('so does a frame', async (t) => {
  const { connect } = await build(t)
  const socket = await connect()
  for (let count = 0; count < 5; count++) socket.send(`{"type":"heartbeat","leases":[${'{},'.repeat(330_000)}${broken}`)
  for (const frame of await socket.take(5)) t.match(frame, { type: 'error', code: 'REG_INVALID', errors: [{ field: 'leases', rule: /10000 leases/ }] })
})

t.test('of thirty thousand faults the answer has twenty, and the number of others', async (t) => {
  const { send } = await build(t)
  const answer = await send('POST', '/v1/heartbeats', { leases: Array(10_000).fill({}) })
  t.match(answer.json(), { errors: { length: 20 }, moreErrors: 29_980, detail: /; and 29980 more$/ })
  t.ok(answer.body.length < 5_000)
})
