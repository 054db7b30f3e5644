// A request that waits for its turn is not read from: three hundred bodies at once were, each some of it, and held the loop for that long.
import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { type AddressInfo, type Socket, connect } from 'node:net'
import t from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import { Commons } from '../../server/http/server/commons.ts'
import { Lanes } from '../../server/http/server/lanes.ts'
import { Turns } from '../../server/http/server/turns.ts'

t.test('the body of a request that waits stays with its client until its turn', async (t) => {
  let now = 0
  const deferred: (() => void)[] = []
  const commons = Object.assign(new Commons(standaloneGuard), { turns: new Turns({ now: () => now, defer: (callback) => { deferred.push(callback) } }) })
  const begun: string[] = []
  const sockets: Socket[] = []
  const waiting = Promise.withResolvers<void>()
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    begun.push(request.url ?? '')
    now += 20 // each takes the time of a whole turn
    let bytes = 0
    request.on('data', (chunk: Buffer) => { bytes += chunk.length })
    request.on('end', () => response.end(String(bytes)))
  }
  const lanes = new Lanes({ commons, handler, isUrgent: () => false, isGoing: () => false, guard: standaloneGuard })
  const server = createServer((request, response) => {
    sockets.push(request.socket)
    if (lanes.admit(request, response)) handler(request, response)
    else waiting.resolve()
  })
  server.on('connection', (socket) => lanes.connected(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const ask = (text: string): { readonly answer: Promise<string>, readonly socket: Socket } => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.on('data', (chunk: Buffer) => { got += chunk.toString() })
    socket.write(text)
    return { socket, answer: once(socket, 'close').then(() => got) }
  }
  const first = ask('GET /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await first.answer
  const body = 'x'.repeat(3_000_000)
  const second = ask(`POST /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  await waiting.promise
  t.same(begun, ['/first'])
  t.equal(sockets.at(-1)?.isPaused(), true)
  while (begun.length < 2) deferred.shift()?.()
  t.match(await second.answer, /3000000$/)
  t.same(begun, ['/first', '/second'])
})
