// The first `?zone=` after a change was kept as the answer to those who asked without a zone: they got no endpoints.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('an empty zone is refused, and gives no other zone\'s answer', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/orders-1')
  t.match((await send('GET', '/v1/namespaces/shop/services/orders/endpoints?zone=')).json(), { status: 400, errors: [{ field: 'zone' }] })
  t.match((await send('GET', '/v1/namespaces/shop/services/orders/endpoints')).json(), { endpoints: [{ id: 'orders-1' }] })
})
