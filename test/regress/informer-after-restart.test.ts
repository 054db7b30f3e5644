// After a restart of a node, or at another one, each watch of Kubernetes was told 410 and its client listed everything
// anew, although the log had what it missed; and a machine was shown with its addresses in the order in which they
// came, another one on each node.
import t from 'tap'
import { cluster, serve } from '../kubernetes/helper.ts'

t.test('a watch goes on at a node that has just begun, with what came, changed and went', async (t) => {
  const first = await cluster(t)
  for (const id of ['a', 'b']) await first.register(`shop/orders/${id}`)
  const { metadata: { resourceVersion } } = (await first.ask('GET', '/api/v1/pods')).json()
  await first.access.patch({ namespace: 'shop', service: 'orders', id: 'a' }, { labels: { tier: 'x' } })
  await first.access.deregister({ namespace: 'shop', service: 'orders', id: 'b' })
  await first.register('shop/orders/c')
  const events = await (await serve(t, first)).watch(`/api/v1/pods?watch=true&resourceVersion=${resourceVersion}`)
  t.same(await events.told(3), ['MODIFIED a', 'DELETED b', 'MODIFIED c'])
})

t.test('a machine is the same on each node, in whatever order its instances came', async (t) => {
  const first = await cluster(t)
  const addressesAt = async (node: typeof first): Promise<unknown> => (await node.ask('GET', '/api/v1/nodes/m')).json().status.addresses
  await first.register('shop/orders/z', { address: '10.0.0.9', node: 'm' })
  await addressesAt(first)
  await first.register('shop/orders/a', { address: '10.0.0.1', node: 'm' })
  t.same(await addressesAt(first), await addressesAt(await serve(t, first)))
})
