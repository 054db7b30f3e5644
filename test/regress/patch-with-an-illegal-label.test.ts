// A patch that did not come through the native HTTP API could give an instance a label that is none: it was stored, could
// not be read again, and the instance was gone from every answer.
import t from 'tap'
import { tester, world } from '../support/world.ts'

t.test('a patch with an illegal label, status or weight is refused by the core, whichever adapter it came through', async (t) => {
  const { registry, register } = await world(t)
  await register('shop/orders/a', { labels: { app: 'orders' }, address: '10.0.0.1' })
  const name = { namespace: 'shop', service: 'orders', id: 'a' }
  const wrong: readonly object[] = [{ labels: { 'no label!': 'x' } }, { labels: { app: 'no value!' } }, { status: 'gone' }, { weight: -1 }, { metadata: { a: 3 } }, { color: 'red' }]
  for (const patch of wrong) await t.rejects(registry.as(tester).patch(name, patch), { code: 'REG_INVALID' }, JSON.stringify(patch))
  t.same(registry.as(tester).instance(name).labels, { app: 'orders' })
  t.same((await registry.as(tester).patch(name, { labels: { app: null, tier: 'x' } })).labels, { tier: 'x' })
})
