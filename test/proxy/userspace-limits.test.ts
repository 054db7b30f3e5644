// What bounds the connections of a front end in userspace: their number, and how long nothing may move on them.
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { standaloneGuard } from '../../server/guard.ts'
import type { FrontEnd } from '../../server/proxy/front-end.ts'
import { noTraffic } from '../../server/proxy/traffic-counts.ts'
import { Picker } from '../../server/proxy/userspace/picker.ts'
import { TcpFrontEnd } from '../../server/proxy/userspace/tcp-front-end.ts'
import { HandClock } from '../support/hand-clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Resolves when a connection is over, however it ended. */
const over = (socket: Socket): Promise<void> => new Promise((resolve) => { socket.once('close', () => resolve()) })

async function place (t: Test, maxConnections?: number) {
  const clock = new HandClock()
  const counts = noTraffic()
  const accepted: Socket[] = []
  const endpoint = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket)
    socket.on('error', () => socket.destroy()).on('data', (data) => socket.write(data)) // and it never ends its side
  }).listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  const { port } = endpoint.address() as AddressInfo
  const choice = { targets: [{ address: '127.0.0.1', port, weight: 1 }], whenNone: 'refuse', keepSource: false } as const
  const made: FrontEnd = { family: 4, address: '127.0.0.1', port: 0, transport: 'tcp', kind: 'cluster-ip', service: 'shop/web', outside: choice, inside: choice }
  const frontEnd = await TcpFrontEnd.open(made, new Picker(made, { now: () => 0, random: () => 0 }), {
    guard: standaloneGuard, clock, isInside: () => true, isAllowed: () => true, counts, ...(maxConnections === undefined ? {} : { maxConnections })
  })
  t.teardown(async () => {
    await frontEnd.close()
    frontEnd.cut()
    for (const socket of accepted) socket.destroy()
    endpoint.close()
  })
  /** A client that has been answered. */
  const client = async (): Promise<Socket> => {
    const socket = connect({ port: frontEnd.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    t.teardown(() => socket.destroy())
    socket.write('hello')
    await once(socket, 'data')
    return socket
  }
  return { clock, counts, frontEnd, client }
}

t.test('one connection more than a front end may have is closed and counted, and there is room again when one ends', async (t) => {
  const { counts, frontEnd, client } = await place(t, 2)
  const [one] = [await client(), await client()]
  t.ok(frontEnd.isFull)
  const third = connect({ port: frontEnd.port, host: '127.0.0.1' })
  third.on('error', () => undefined)
  await over(third.resume())
  t.same([counts.refused, counts.connections], [1, 2])
  one?.resetAndDestroy()
  while (frontEnd.isFull) await turn()
  await client()
  t.equal(counts.connections, 3)
})

t.test('a connection on which nothing moves is cut: one that is half closed after two minutes, an open one after days', async (t) => {
  const { clock, frontEnd, client } = await place(t)
  const [open, half, busy] = [await client(), await client(), await client()]
  half.end()
  busy.end('x')
  await once(busy, 'data')
  clock.advance(30_000)
  await turn()
  clock.advance(90_000)
  t.same([open, half, busy].map(({ destroyed }) => destroyed), [false, false, false])
  const cut = [half, busy].map(over)
  for (let n = 0; n < 3; n++) clock.advance(30_000)
  await Promise.all(cut)
  while (frontEnd.open > 1) await turn()
  t.equal(frontEnd.open, 1, 'the open one goes on')
  clock.advance(4 * 86_400_000)
  t.equal(frontEnd.open, 1)
  open.write('again')
  await once(open, 'data')
  clock.advance(30_000)
  clock.advance(4 * 86_400_000)
  t.equal(frontEnd.open, 1, 'and what moves begins anew')
  const gone = over(open)
  clock.advance(86_400_000)
  clock.advance(60_000)
  await gone
  while (frontEnd.open > 0) await turn()
  t.equal(frontEnd.open, 0)
})
