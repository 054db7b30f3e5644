// PUT .../shop/.../heartbeat with namespace, service and id in its body renewed, or put down, an instance of another
// namespace.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

t.test('a heartbeat is of the instance in its path, and a body that names another is refused', async (t) => {
  const { send, register, registry } = await build(t)
  await register('shop/orders/orders-1')
  await register('bank/ledger/ledger-1')
  const other = { namespace: 'bank', service: 'ledger', id: 'ledger-1', status: 'down' }
  const unknown = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`x${index}`, 1]))
  for (const body of [other, { ...other, ...unknown }]) {
    const answer = await send('PUT', `${pathOf('shop/orders/orders-1')}/heartbeat`, body)
    t.match(answer.json(), { status: 400, errors: [{ field: 'namespace', rule: 'is not a known field' }] })
  }
  t.equal(registry.catalog.entry('bank', 'ledger', 'ledger-1')?.instance.status, 'up')
  t.match((await send('PUT', `${pathOf('shop/orders/orders-1')}/heartbeat`, { status: 'down' })).json(), { renewed: 1 })
  t.equal(registry.catalog.entry('shop', 'orders', 'orders-1')?.instance.status, 'down')
})
