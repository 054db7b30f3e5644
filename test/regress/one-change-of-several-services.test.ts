// An instance that two declared services select changed: a watch of endpoints sends a frame for each service with one
// revision, and the SDK
// took the second for one that it had. A watch that was cut off between them went on after both.
import t from 'tap'
import { type EndpointsEvent, Rollcall } from '../../client-sdk/src/index.ts'
import { build } from '../support/world.ts'

const service = (name: string): string => JSON.stringify(
  {
    apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name },
    spec: { selector: { app: 'x' }, ports: [{ port: 80 }] }
  }
)

t.test('the SDK tells of every service that one change touches, and goes on only from the last of them', async (t) => {
  const world = await build(t)
  for (const name of ['one', 'two']) t.equal((await world.send('POST', '/v1/apply', service(name))).statusCode, 200)
  const client = new Rollcall({ address: (await world.listen()).url, signals: false })
  t.teardown(() => client.close())
  const watch = client.watch({ view: 'endpoints', namespace: 'shop' })
  const next = async (): Promise<EndpointsEvent> => (await watch.next()).value as EndpointsEvent // it goes on until the client is closed
  const start = await next()
  t.equal(start.type, 'endpoints-snapshot')
  await world.register('shop/alpha/host-1', { address: '10.0.0.1', labels: { app: 'x' } })
  const told = [await next(), await next(), await next()]
  t.strictSame(
    told.map(
      (event) => event.type === 'endpoints' && [event.endpoints.service, event.endpoints.endpoints.length]
    ).sort(),
    [['alpha', 1], ['one', 1], ['two', 1]]
  )
  t.strictSame(told.map(({ revision }) => revision === start.revision), [true, true, false])
})

t.test('a watch that was cut off within a change gets all of it again', async (t) => {
  const world = await build(t)
  for (const name of ['one', 'two']) t.equal((await world.send('POST', '/v1/apply', service(name))).statusCode, 200)
  const first = await world.connect()
  const { revision: start } = await first.subscribe(1, { view: 'endpoints', namespace: 'shop' })
  await world.register('shop/alpha/host-1', { address: '10.0.0.1', labels: { app: 'x' } })
  const frames = await first.take(3)
  t.strictSame(frames.map(({ more }) => more), [true, true, undefined])
  t.equal(new Set(frames.map(({ revision }) => revision)).size, 1)
  const second = await world.connect()
  second.send({ type: 'subscribe', id: 1, view: 'endpoints', namespace: 'shop', since: start })
  t.strictSame((await second.take(3)).map(({ endpoints: { service } }) => service).sort(), ['alpha', 'one', 'two'])
})
