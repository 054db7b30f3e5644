import { type Socket, connect as connectSocket } from 'node:net'
import t from 'tap'
import { type HttpWorld, build } from '../support/world.ts'

const short = { headersMs: 150, requestMs: 300, checkMs: 20 }
const halfPut = ['PUT /v1/namespaces/a/services/b/instances/c HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json', 'Content-Length: 100', '', '{"addr'].join('\r\n')
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('a client that does not finish a request, header or body, gets an error and is cut, while others are served', async (t) => {
  const world = await build(t, { timeouts: short })
  for (const begun of ['GET / HT', 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', halfPut]) {
    const { socket, text } = await raw(world)
    socket.write(begun)
    t.equal((await fetch(`${(await world.listen()).url}/livez`)).status, 200)
    t.match(await text, /^HTTP\/1\.1 408 Request Timeout\r\ncontent-type: application\/problem\+json/)
    t.match(await text, /REG_REQUEST_TIMEOUT/)
  }
  t.equal(world.registry.feed.revision, 0)
})

t.test('one octet after the other does not prolong the time', async (t) => {
  const world = await build(t, { timeouts: short })
  const { socket, text } = await raw(world)
  socket.on('error', () => undefined)
  const drip = async (): Promise<void> => {
    for (const octet of `GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ${'x'.repeat(1_000_000)}`) {
      if (socket.destroyed || socket.readyState !== 'open') return
      socket.write(octet)
      await tick()
    }
  }
  void drip()
  t.match(await text, /^HTTP\/1\.1 (?:408|431)/)
})

t.test('a request that is not HTTP is answered with 400, a header that is too large with 431', async (t) => {
  const world = await build(t)
  for (const [bytes, status, code] of [
    ['\x00\x01\x02\x03\r\n\r\n', 400, 'REG_INVALID'],
    ['GET /livez HTTP/1.1\r\n\r\n', 400, ''], // no Host
    ['POST /v1/heartbeats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}', 400, 'REG_INVALID'],
    ['POST /v1/heartbeats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', 400, 'REG_INVALID'],
    [`GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'REG_HEADERS_TOO_LARGE']
  ] as const) {
    const { socket, text } = await raw(world)
    socket.write(bytes)
    t.match(await text, new RegExp(`^HTTP/1\\.1 ${status} `))
    t.ok((await text).includes(code))
  }
  t.strictSame(world.log, [])
})

t.test('a client that hangs up in the middle of its body changes nothing and breaks nothing', async (t) => {
  const world = await build(t)
  const { socket, text } = await raw(world)
  socket.write(halfPut)
  await tick()
  socket.destroy()
  await text
  t.equal((await world.send('GET', '/livez')).statusCode, 200)
  t.equal(world.registry.feed.revision, 0)
  t.strictSame(world.log.filter(({ level }) => level === 'error'), [])
})

t.test('two hundred half-open connections do not keep others out', async (t) => {
  const world = await build(t)
  const sockets = await Promise.all(Array.from({ length: 200 }, async () => (await raw(world)).socket))
  for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\n')
  t.equal((await fetch(`${(await world.listen()).url}/livez`)).status, 200)
  for (const socket of sockets) socket.destroy()
})

t.test('Node is given its limits', async (t) => {
  const { app: { server } } = await build(t)
  const { requestTimeout, headersTimeout, keepAliveTimeout, timeout, maxRequestsPerSocket } = server
  t.strictSame([requestTimeout, headersTimeout, keepAliveTimeout, timeout], [30_000, 10_000, 72_000, 90_000])
  t.equal(maxRequestsPerSocket, 10_000)
})

t.test('a closing node answers long polls with the present state, and reads that wait for a revision with 503', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a')
  const { url } = await world.listen()
  const before = world.clock.waiting
  const poll = fetch(`${url}/v1/namespaces/shop/services/orders/endpoints?after=1&wait=60s`)
  const waiting = fetch(`${url}/v1/overview?minRevision=99`)
  while (world.clock.waiting < before + 2) await tick()
  await world.app.close()
  t.equal((await poll).status, 200)
  t.equal(((await (await poll).json()) as { endpoints: unknown[] }).endpoints.length, 1)
  t.equal((await waiting).status, 503)
  t.equal(((await (await waiting).json()) as { code: string }).code, 'REG_SHUTTING_DOWN')
})

t.test('closing twice is fine', async (t) => {
  const { app } = await build(t)
  await Promise.all([app.close(), app.close()])
  await app.close()
})

async function raw (world: HttpWorld): Promise<{ socket: Socket, text: Promise<string> }> {
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  await new Promise((resolve) => socket.once('connect', resolve))
  let text = ''
  socket.on('data', (chunk) => { text += String(chunk) })
  socket.on('error', () => undefined)
  return { socket, text: new Promise((resolve) => socket.once('close', () => resolve(text))) }
}
