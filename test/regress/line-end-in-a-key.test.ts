// A key with a line end let anything stand behind it: `.` of the pattern for "any key" stands for no line end.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

t.test('the value of a key with a line end is checked', async (t) => {
  const { send } = await build(t)
  t.match((await send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1', metadata: { 'a\nb': 5 } })).json(), { status: 400, errors: [{ field: 'metadata["a\\nb"]' }] })
  t.equal((await send('PUT', pathOf('shop/orders/a'), { address: '10.0.0.1', metadata: { 'a\nb': 'text' } })).statusCode, 201)
  t.match((await send('PATCH', pathOf('shop/orders/a'), { metadata: { 'a\nb': { toString: 1 } } })).json(), { status: 400 })
  for (const field of ['labels', 'annotations']) {
    const manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', [field]: { 'a\nb': 5 } } }
    t.match((await send('PUT', '/v1/namespaces/shop', manifest)).json(), { status: 400, errors: [{ field: `metadata.${field}["a\\nb"]`, rule: 'must be a text' }] })
  }
})
