// The load in a heartbeat was known to the node that heard it, and to no other: through another one an instance had none, `kubectl top` left
// it out, and nothing could be decided by it.
import t from 'tap'
import { twoNodes } from '../support/two-nodes.ts'

t.test('an instance has its load through every node', async (t) => {
  const { one, two } = await twoNodes(t, 'redis')
  const name = { namespace: 'shop', service: 'orders', id: 'a' }
  await one.register(name, { address: '192.0.2.1', ports: [{ port: 80 }] })
  await one.heartbeat([{ ...name, load: { cpu: { value: 0.5 } } }])
  await one.freshLoads() // what waits for company is handed over
  await two.caughtUp()
  await two.freshLoads()
  t.match(two.load(name), { load: { cpu: { value: 0.5 } } })
})
