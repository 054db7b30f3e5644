// The world that tests share (support/world.ts): one truth through the core, HTTP and DNS, at a time that the test says.
import t from 'tap'
import { UdpClient, text } from './support/dns-client.ts'
import { pathOf, world } from './support/world.ts'

t.test('what is registered at the core is there for HTTP, a watcher and DNS, and goes when the clock says so', async (t) => {
  const { register, send, connect, dns, clock, registry } = await world(t)
  await register('shop/orders/a', { address: '10.0.0.7', lease: { ttlMs: 1_000 } })
  t.match((await send('GET', pathOf('shop/orders/a'))).json(), { address: '10.0.0.7', suspect: false })
  t.match(await (await connect()).subscribe(1), { type: 'snapshot', instances: [{ id: 'a' }] })
  const client = new UdpClient(t, await dns())
  t.same(text((await client.query('orders.shop.svc.cluster.local', 'A')).answers), ['orders.shop.svc.cluster.local 1 A 10.0.0.7'])
  clock.advance(1_001)
  await registry.sweep()
  t.match((await send('GET', pathOf('shop/orders/a'))).json(), { suspect: true })
})

t.test('an id alone is one of shop/orders, and heartbeats need nobody to move the clock', async (t) => {
  const { register, beat, access } = await world(t)
  await register('a')
  t.match(access.instance({ namespace: 'shop', service: 'orders', id: 'a' }), { address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] })
  t.match(await beat([{ namespace: 'shop', service: 'orders', id: 'a' }]), { renewed: 1 })
})
