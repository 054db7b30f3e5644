// deregister({ service: 'orders', id: '..' }) deleted another path: a URL parser folds "..".
import t from 'tap'
import { setting } from '../client-sdk/helpers.ts'

t.test('a name that leads elsewhere is refused, and nothing is deleted', async (t) => {
  const { registry, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1')
  for (const id of ['..', '.', '../..']) await t.rejects(rollcall.deregister({ service: 'orders', id }), {
    code: 'REGISTRY_INVALID_ARGUMENT'
  })
  await t.rejects(
    rollcall.request('/v1/namespaces/shop/services/orders/instances/%2e%2e', { method: 'DELETE' }),
    { code: 'REGISTRY_INVALID_ARGUMENT' }
  )
  t.strictSame(registry.requests, [])
  t.equal(registry.instances.length, 1)
})
