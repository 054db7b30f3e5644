import { connect as connectSocket } from 'node:net'
import t from 'tap'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('a client that does not read costs its bounded queue, and gets a reset and a snapshot when it reads again', async (t) => {
  const world = await build(t)
  const { register, registry, send } = world
  const metadata = { filler: 'x'.repeat(15_000) }
  await register('shop/orders/a', { address: '10.0.0.1', metadata })
  const slow = await world.connect()
  await slow.subscribe(1)
  const fast = await world.connect()
  await fast.subscribe(1)
  slow.socket.pause()
  // Two megabytes more than the sockets of both ends hold, and a thousand changes more than the queue.
  const changes = 2_000
  for (let weight = 0; weight < changes; weight++) {
    await send('PATCH', pathOf('shop/orders/a'), { weight: weight + 1_000 })
    if ((await fast.next()).instance.weight !== weight + 1_000) t.fail('the fast one must not suffer')
  }
  slow.socket.resume()
  let frame = await slow.next()
  let taken = 0
  while (frame.type === 'change') {
    taken++
    frame = await slow.next()
  }
  t.ok(taken < changes, `${taken} changes were on their way`)
  t.match(frame, { type: 'reset', id: 1, reason: 'the reader is too slow' })
  const snapshot = await slow.next()
  t.match(snapshot, { type: 'snapshot', instances: [{ weight: changes - 1 + 1_000 }] })
  await send('PATCH', pathOf('shop/orders/a'), { weight: 7 })
  t.match(await slow.next(), { type: 'change', instance: { weight: 7 } }, 'and goes on from there')
  t.equal(registry.watches.count, 2)
})

t.test('a client that does not answer a ping within ten seconds is cut, and its session broken', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a', { generation: 'g1', lease: { ttlMs: 86_400_000 } })
  await world.register('shop/orders/b', { address: '10.0.0.2', lease: { ttlMs: 86_400_000 } })
  const deaf = await rawWatch(world)
  deaf.send({ type: 'heartbeat', session: true, leases: [{ namespace: 'shop', service: 'orders', id: 'a', generation: 'g1' }] })
  await deaf.received((frame) => frame.text.includes('"heartbeat"'))
  world.clock.advance(20_000)
  await deaf.received((frame) => frame.opcode === 9)
  await tick()
  world.clock.advance(9_000)
  await tick()
  t.equal(world.registry.sessions.count, 1, 'it still has a second')
  world.clock.advance(1_000)
  await deaf.closed
  while (world.registry.sessions.count > 0) await tick()
  world.clock.advance(500)
  while (!(await world.send('GET', pathOf('shop/orders/a'))).json().suspect) await tick()
})

t.test('a client that answers pings stays', async (t) => {
  const world = await build(t)
  const client = await world.connect()
  await client.subscribe(1)
  for (let round = 0; round < 5; round++) {
    const pinged = new Promise((resolve) => client.socket.once('ping', resolve))
    world.clock.advance(20_000)
    await pinged
    await client.settled()
  }
  t.equal(world.registry.watches.count, 1)
})

t.test('a frame over the limit ends the socket with 1009', async (t) => {
  const world = await build(t)
  const client = await world.connect()
  client.send('x'.repeat(1024 * 1024 + 1))
  t.equal((await client.closed).code, 1009)
})

t.test('text that is no UTF-8 ends the socket with 1007, a reserved bit with 1002', async (t) => {
  for (const [bytes, code] of [[[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007], [[0xf1, 0x80, 0, 0, 0, 0], 1002]] as const) {
    const world = await build(t)
    const raw = await rawWatch(world)
    raw.write(Buffer.from(bytes))
    const close = await raw.received((frame) => frame.opcode === 8)
    t.equal(close.payload.readUInt16BE(0), code)
    await raw.closed
  }
})

t.test('a hundred thousand tiny fragments end the socket', async (t) => {
  const world = await build(t)
  const raw = await rawWatch(world)
  raw.write(Buffer.concat([Buffer.from([0x01, 0x80, 0, 0, 0, 0]), Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x00, 0x80, 0, 0, 0, 0])))]))
  await raw.closed
  while ((await world.send('GET', '/v1/overview')).json().watchers.connections > 0) await tick()
})

t.test('a flood of frames is handled without losing the node', async (t) => {
  const world = await build(t)
  const raw = await rawWatch(world)
  const frame = masked('{"type":"unsubscribe","id":1}')
  const flood = Buffer.concat(Array.from({ length: 5_000 }, () => frame))
  raw.write(flood)
  let errors = 0
  while (errors < 5_000) {
    await raw.received((found) => found.text.includes('"error"'))
    errors++
  }
  t.equal((await world.send('GET', '/livez')).statusCode, 200)
  raw.destroy()
})

t.test('a flood from a client that does not read its answers is not read on for ever', async (t) => {
  const world = await build(t)
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  socket.write(handshake)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  const frame = masked('{"type":"unsubscribe","id":1}')
  const flood = Buffer.concat(Array.from({ length: 10_000 }, () => frame))
  // Written until the registry takes no more: its answers wait, so it reads nothing either.
  let blocked = false
  for (let round = 0; round < 300 && !blocked; round++) {
    blocked = !socket.write(flood) && !await Promise.race([new Promise<boolean>((resolve) => socket.once('drain', () => resolve(true))), idle()])
  }
  t.ok(blocked, 'the client is held back')
  t.equal((await world.send('GET', '/livez')).statusCode, 200, 'others are served')
  socket.destroy()
  while ((await world.send('GET', '/v1/overview')).json().watchers.connections > 0) await tick()
})

t.test('an upgrade elsewhere is an ordinary request', async (t) => {
  const world = await build(t)
  const { host, port } = await world.listen()
  for (const [path, status] of [['/livez', '200'], ['/nothing', '404'], ['/v1/watchers', '404']] as const) {
    const socket = connectSocket({ host, port })
    socket.write(handshake.replace('/v1/watch', path).replace('Connection: Upgrade', 'Connection: Upgrade, close'))
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    t.match(text, new RegExp(`^HTTP/1.1 ${status}`), path)
  }
})

t.test('a refused upgrade is answered with a problem, and its socket ends', async (t) => {
  const world = await build(t, { open: false })
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  socket.write(handshake)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  t.match(text, /^HTTP\/1\.1 503/)
  t.match(text, /REG_NOT_LOADED/)
})

t.test('a plain GET of the watch says what to do', async (t) => {
  const { send } = await build(t)
  for (const accept of [undefined, '*/*', 'application/json']) {
    const answer = await send('GET', '/v1/watch', undefined, accept === undefined ? {} : { accept })
    t.equal(answer.statusCode, 426)
    t.equal(answer.json().code, 'REG_UPGRADE_REQUIRED')
    t.equal(answer.headers.upgrade, 'websocket')
  }
})

const handshake = 'GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** Resolves with false when nothing has happened for some turns of the event loop. */
async function idle (): Promise<boolean> {
  for (let turn = 0; turn < 2_000; turn++) await tick()
  return false
}

/** A text frame of a client, masked with zeros (RFC 6455 5.2). */
function masked (text: string): Buffer {
  const payload = Buffer.from(text)
  const head = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, Buffer.alloc(4), payload])
}

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  readonly text: string
}

interface RawWatch {
  readonly send: (frame: object) => void
  readonly write: (bytes: Buffer) => void
  readonly destroy: () => void
  /** The next frame that fits; others are dropped. */
  readonly received: (fits: (frame: Frame) => boolean) => Promise<Frame>
  readonly closed: Promise<void>
}

/** A WebSocket that answers nothing by itself, no ping either. */
async function rawWatch (world: HttpWorld): Promise<RawWatch> {
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  socket.write(handshake)
  let bytes = Buffer.alloc(0)
  const frames: Frame[] = []
  let news = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  let isOpen = false
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    if (!isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      bytes = bytes.subarray(end + 4)
      isOpen = true
      opened.resolve()
    }
    for (;;) {
      const length = (bytes[1] ?? 0) & 0x7f
      const head = length === 126 ? 4 : length === 127 ? 10 : 2
      if (bytes.length < head) break
      const size = length === 126 ? bytes.readUInt16BE(2) : length === 127 ? Number(bytes.readBigUInt64BE(2)) : length
      if (bytes.length < head + size) break
      const payload = Buffer.from(bytes.subarray(head, head + size))
      frames.push({ opcode: (bytes[0] ?? 0) & 0x0f, payload, text: payload.toString() })
      bytes = bytes.subarray(head + size)
    }
    news.resolve()
    news = Promise.withResolvers()
  })
  await opened.promise
  return {
    send: (frame) => { socket.write(masked(JSON.stringify(frame))) },
    write: (chunk) => { socket.write(chunk) },
    destroy: () => { socket.destroy() },
    received: async (fits) => {
      for (;;) {
        while (frames.length > 0) {
          const frame = frames.shift()
          if (frame !== undefined && fits(frame)) return frame
        }
        await news.promise
      }
    },
    closed
  }
}
