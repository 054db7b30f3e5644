// A thousand pipelined lists (58 kB) filled the heap until the process ended; two hundred event streams that did not read a snapshot of 4.6 MB held
// 3.4 GB; three hundred bodies of 5 MB that did not end held 1.5 GB.
import { once } from 'node:events'
import { type Socket, connect as connectSocket } from 'node:net'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { type HttpWorld, build } from '../support/world.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const mebibyte = 1024 * 1024

/** A registry whose list and snapshot have some four megabytes. */
async function filled (t: Test): Promise<HttpWorld> {
  const world = await build(t)
  for (let index = 0; index < 400; index++) await world.register(`shop/orders/o${index}`, { address: '10.0.0.1', metadata: { filler: 'x'.repeat(10_000) } })
  return world
}

async function raw (t: Test, world: HttpWorld, head: string): Promise<Socket> {
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  socket.on('error', () => undefined) // the server may cut it
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  socket.write(head)
  return socket
}

function held (): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function livez (world: HttpWorld): Promise<number> {
  return (await fetch(`${(await world.listen()).url}/livez`)).status
}

t.test('requests of a client that does not read make one answer at a time, and all are answered when it reads', async (t) => {
  const world = await filled(t)
  const before = held()
  const socket = await raw(t, world, '')
  socket.pause()
  socket.write('GET /v1/instances?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(40) + 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n')
  for (let asked = 0; asked < 50; asked++) t.equal(await livez(world), 200)
  t.ok(held() - before < 60 * mebibyte, `${Math.round((held() - before) / mebibyte)} MiB are held`)
  let answers = 0
  let rest = ''
  socket.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    answers += text.split('HTTP/1.1 200 OK').length - 1
    rest = text.slice(-14)
  }).resume()
  await once(socket, 'close')
  t.equal(answers, 41)
})

t.test('watchers that do not read a large snapshot share its text, and hold a piece of it', async (t) => {
  const world = await filled(t)
  const { url } = await world.listen()
  const before = held()
  const head = 'GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n'
  const streams = await Promise.all(Array.from({ length: 60 }, () => raw(t, world, head)))
  for (const stream of streams) stream.pause()
  const sockets = await Promise.all(Array.from({ length: 20 }, async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    socket.send('{"type":"subscribe","id":1}')
    socket.pause()
    return socket
  }))
  while (world.registry.watches.count < streams.length + sockets.length) await tick()
  for (let asked = 0; asked < 50; asked++) t.equal(await livez(world), 200)
  t.ok(held() - before < 60 * mebibyte, `${Math.round((held() - before) / mebibyte)} MiB are held`)
  const [socket] = sockets
  socket?.resume()
  let read = 0
  for (let isLast = false; !isLast;) {
    const [message] = await once(socket ?? streams[0] ?? process, 'message') as [Buffer]
    const { instances, more } = JSON.parse(message.toString())
    read += instances.length
    isLast = more !== true
  }
  t.equal(read, 400, 'who reads at last gets it whole')
})

t.test('bodies that do not end are kept up to a limit, and others are accepted', async (t) => {
  const world = await build(t)
  const length = 5 * mebibyte
  const before = held()
  const sockets = await Promise.all(Array.from({ length: 40 }, () => raw(t, world, `POST /v1/heartbeats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`)))
  const refused = sockets.map(async (socket) => {
    const [answer] = await once(socket, 'data') as [Buffer]
    return answer.toString()
  })
  const part = Buffer.alloc(length - 1, ' ')
  for (const socket of sockets) socket.write(part)
  t.match(await Promise.race(refused), /^HTTP\/1\.1 429 .*REG_OVERLOADED/s)
  await world.register('shop/orders/a')
  t.equal((await fetch(`${(await world.listen()).url}/v1/heartbeats`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"leases":[{"namespace":"shop","service":"orders","id":"a"}]}'
  })).status, 200)
  t.ok(held() - before < 250 * mebibyte)
  t.strictSame(world.log, [])
})
