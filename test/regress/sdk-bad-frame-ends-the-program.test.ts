// A frame without a field threw a TypeError in the WebSocket's event handler, which ends a Node program.
import t from 'tap'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { runChild } from '../support/processes.ts'

t.test('a program outlives frames and answers that are none', async (t) => {
  const http = createServer(
    (_request, response) => {
      response.end('{"namespace":"default","service":"orders","revision":"e.1","failOpen":false,"endpoints":[]}')
    }
  )
  const sockets = new WebSocketServer({ server: http })
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
    http.close()
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const frames = [
    '{"type":"change","id":1}', '{"type":"snapshot","id":1,"revision":"e.2"}',
    '{"type":"snapshot","id":1,"revision":5,"instances":[null]}', '{"type":"error","id":1}', 'null', '{'
  ]
  let connections = 0
  const { promise: allSent, resolve } = Promise.withResolvers<void>()
  sockets.on('connection', (socket) => {
    socket.on('message', () => {
      const frame = frames[connections++]
      if (frame === undefined) resolve()
      else socket.send(frame)
    })
    socket.on('error', () => undefined)
  })
  const child = runChild(
    ['test/client-sdk/follower.ts'], { ROLLCALL_ADDRESS: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
  )
  await allSent
  child.process.kill('SIGTERM')
  t.match(await child.ended, { signal: 'SIGTERM' })
  t.equal(child.errors(), '')
})
