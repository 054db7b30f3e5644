// A microservice: answers on a port, and registers itself as `orders` so that others find it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Rollcall } from '@rollcall/client'

const { env } = process
let id = ''
let answered = 0

const server = createServer((request, response) => {
  const found = request.method === 'GET' && request.url === '/'
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(found ? { service: 'orders', id, answered: ++answered } : { error: 'not found' }))
})
server.listen(Number(env['PORT'] ?? 0), env['HOST'] ?? '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo // it listens on a port, so it has one

const rollcall = new Rollcall({
  namespace: env['ROLLCALL_NAMESPACE'] ?? 'shop',
  signals: false, // it ends in its own order, below
  onEvent: (event) => console.log(`rollcall: ${event.type}${'error' in event ? ` (${event.error.message})` : ''}`)
})
const registration = await rollcall.register({ service: 'orders', ports: { http: port }, address: env['ADDRESS'], drainMs: Number(env['DRAIN_MS'] ?? 0) })
id = registration.id
console.log(`orders ${id} listens on port ${port}`)

async function end (): Promise<void> {
  await registration.drain() // callers go elsewhere,
  await rollcall.close() // then it is gone from every list,
  server.close() // and what is still being answered is answered
  server.closeIdleConnections()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void end())
