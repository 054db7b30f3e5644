import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { standaloneGuard } from '../server/guard.ts'
import { refusesConnections } from '../server/probe.ts'

t.test('a port where nobody listens refuses, one where somebody listens does not', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.equal(await refusesConnections('127.0.0.1', port, 10_000, standaloneGuard), false)
  server.close()
  await once(server, 'close')
  t.equal(await refusesConnections('127.0.0.1', port, 10_000, standaloneGuard), true)
})

t.test('an address that cannot be reached refuses nothing', async (t) => {
  t.equal(await refusesConnections('255.255.255.255', 80, 10_000, standaloneGuard), false)
})
