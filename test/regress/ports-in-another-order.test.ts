// A registration whose ports came in another order was a change: every watcher was woken at each heartbeat of a program
// that keeps them in a set.
import t from 'tap'
import { build, pathOf } from '../support/world.ts'

t.test('the same ports in another order are no change, and the first one stays the first', async (t) => {
  const { send, register } = await build(t)
  const http = { name: 'http', port: 8080 }
  const admin = { name: 'admin', port: 9090 }
  const first = await register('shop/web/a', { address: '10.0.0.1', ports: [http, admin], generation: 'g' })
  const again = await register('shop/web/a', { address: '10.0.0.1', ports: [admin, http], generation: 'g' })
  t.equal(again.revision, first.revision)
  t.match((await send('GET', pathOf('shop/web/a'))).json().ports, [http, admin])
  const other =
    await register('shop/web/a', { address: '10.0.0.1', ports: [admin, { ...http, port: 8081 }], generation: 'g' })
  t.not(other.revision, first.revision)
  t.match(other.instance.ports, [admin, { port: 8081 }])
})
