// An instance that a declared service selects changed, and within the same moment one that registered under the name of that service and is
// not selected: a watch of endpoints took both for the second, which is no news, and never told of the first.
import t from 'tap'
import { build } from '../support/world.ts'

t.test('a change that is no news does not hide the one before it', async (t) => {
  const world = await build(t)
  const spec = { selector: { app: 'x' }, ports: [{ port: 80 }] }
  await world.send('POST', '/v1/apply', { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name: 'web' }, spec })
  const since = String((await world.send('GET', '/v1/overview')).headers['rollcall-revision'])
  await world.register('shop/beta/host-1', { address: '10.0.0.1', labels: { app: 'x' } })
  await world.register('shop/web/host-2', { address: '10.0.0.2' })
  const client = await world.connect()
  client.send({ type: 'subscribe', id: 1, view: 'endpoints', namespace: 'shop', service: 'web', since })
  t.match(await client.next(), { type: 'change', endpoints: { service: 'web', endpoints: [{ service: 'beta', id: 'host-1' }] } })
})
