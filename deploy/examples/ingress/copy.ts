// One copy of a service: says its id, what was asked for and how much was sent along; echoes short messages of a WebSocket.
// npx node --conditions=rollcall-source deploy/examples/ingress/copy.ts SERVICE ID
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Rollcall } from '@rollcall/client'

const [service = 'web', id = `${service}-1`] = process.argv.slice(2)

const server = createServer((request, response) => {
  let octets = 0
  request.on('data', (chunk: Buffer) => { octets += chunk.length })
  request.on('end', () => response.end(`${id} ${String(request.headers['x-forwarded-proto'] ?? 'directly')} ${request.url}${octets > 0 ? ` ${octets} octets` : ''}\n`))
})
// RFC 6455 4.2.2, and of its frames (5.2) the short ones: what a client masked goes back unmasked. An example needs no more.
server.on('upgrade', (request, socket, head) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  let come = head
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    come = Buffer.concat([come, bytes])
    for (;;) {
      const length = (come[1] ?? 0) & 0x7f
      if (length > 125) return void socket.destroy()
      if (come.length < 6 + length) return
      const [mask, text] = [come.subarray(2, 6), come.subarray(6, 6 + length)]
      socket.write(Buffer.concat([Buffer.from([come[0] ?? 0, length]), text.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]))
      come = come.subarray(6 + length)
    }
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const rollcall = new Rollcall({ signals: false })
const registration = await rollcall.register({ service, id, ports: { http: (server.address() as AddressInfo).port }, labels: { app: service } })
console.log(`${id} is there`)

async function end (): Promise<void> {
  await registration.drain() // the ingress sends new requests elsewhere,
  await rollcall.close()
  server.close() // and what is still being answered is answered
  server.closeIdleConnections()
}
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void end())
