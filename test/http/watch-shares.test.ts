import { once } from 'node:events'
import { type Socket, connect as connectSocket } from 'node:net'
import t from 'tap'
import WebSocket from 'ws'
import { build } from '../support/world.ts'
import { TestSocket } from '../support/test-socket.ts'

t.test('at the limit of subscriptions the client that has most loses its oldest, with an error frame', async (t) => {
  const world = await build(t, { shares: { subscriptions: 3 } })
  await world.register('shop/orders/a')
  const { url } = await world.listen()
  const greedy = await world.connect()
  for (const id of [1, 2, 3]) await greedy.subscribe(id)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { localAddress: '127.0.0.2' })
  const newcomer = new TestSocket(socket)
  await once(socket, 'open')
  t.match(await newcomer.subscribe(7), { type: 'snapshot', id: 7 })
  t.match(await greedy.next(), { type: 'error', id: 1, code: 'REG_NODE_FULL' })
  t.equal(world.registry.watches.count, 3)
  await world.register('shop/orders/b', { address: '10.0.0.2' })
  t.strictSame((await greedy.take(2)).map(({ id }) => id).sort(), [2, 3], 'the others go on')
  t.match(await newcomer.next(), { type: 'change', id: 7 })
  greedy.send({ type: 'unsubscribe', id: 2 })
  await greedy.settled()
  t.match(await greedy.subscribe(4), { type: 'snapshot', id: 4 }, 'what is given back may be taken')
})

t.test('an event stream that gives way says goodbye and ends', async (t) => {
  const world = await build(t, { shares: { subscriptions: 1 } })
  const { url } = await world.listen()
  const events = async (): Promise<Response> => fetch(`${url}/v1/watch`, { headers: { accept: 'text/event-stream' } })
  const first = await events()
  const second = await events()
  t.match(await first.text(), /event: goodbye\ndata: \{"type":"goodbye","reason":"this node serves as many subscriptions as it can/)
  await second.body?.cancel()
})

t.test('a part that many watchers wait for is in memory once, and the node answers other requests meanwhile', async (t) => {
  const world = await build(t, { shares: { unreadBytes: 2 * 1024 * 1024 } })
  for (let index = 0; index < 60; index++) await world.register(`shop/orders/o${index}`, { address: '10.0.0.1', metadata: { filler: '\u20ac'.repeat(5_000) } })
  const client = await world.connect()
  client.send({ type: 'subscribe', id: 1 })
  client.send({ type: 'heartbeat', id: 5, leases: [] })
  const frames = await client.take(2)
  const snapshot = frames.find(({ type }) => type === 'snapshot')
  t.equal(snapshot.instances[59].metadata.filler, '\u20ac'.repeat(5_000))
  t.ok(frames.some(({ type, id }) => type === 'heartbeat' && id === 5))
  const deaf = await Promise.all(Array.from({ length: 12 }, async () => {
    const other = await world.connect()
    other.socket.pause()
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8, 9]) other.send({ type: 'subscribe', id, selector: '!canary' }) // a list of its own each time
    return other
  }))
  await client.settled()
  for (const { socket } of deaf) t.equal(socket.readyState, 1, 'none of them had to give way')
})

t.test('frames that do not end are bounded together: the largest of the client that has most ends with its socket', async (t) => {
  const world = await build(t, { shares: { bodyBytes: 1_000_000 } })
  await world.register('shop/orders/a')
  const { host, port } = await world.listen()
  const half = async (bytes: number): Promise<Socket> => {
    const socket = connectSocket({ host, port })
    socket.on('error', () => undefined) // it is cut
    t.teardown(() => { socket.destroy() })
    socket.write('GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n')
    await once(socket, 'data')
    const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0, 0]) // a masked text of 983,040 bytes
    socket.write(Buffer.concat([head, Buffer.alloc(bytes, ' ')]))
    return socket
  }
  const large = await half(700_000)
  const closed = once(large, 'close')
  await half(400_000)
  await closed
  const client = await world.connect()
  t.match(await client.subscribe(1), { type: 'snapshot' })
})
