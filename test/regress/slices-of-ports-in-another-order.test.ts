// Two instances with the same ports in another order were in two slices, and an Endpoints object had their address twice.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('instances with the same ports share a slice, and an address stands once in the Endpoints object', async (t) => {
  const world = await build(t)
  const ports = [{ name: 'http', port: 8080 }, { name: 'dns', port: 53, protocol: 'UDP' as const }]
  await world.register('shop/orders/a', { address: '10.0.0.1', ports })
  await world.register('shop/orders/b', { address: '10.0.0.1', ports: ports.toReversed() })
  const path = '/v1/namespaces/shop/services/orders'
  const { items } = (await world.send('GET', `${path}/endpointslices`)).json()
  t.strictSame(items.filter(({ addressType }: { addressType: string }) => addressType === 'IPv4').map(({ endpoints }: { endpoints: object[] }) => endpoints.length), [2])
  const { subsets } = (await world.send('GET', `${path}/endpointsobject`)).json()
  t.strictSame(subsets.map(({ addresses }: { addresses: object[] }) => addresses.length), [1])
})
