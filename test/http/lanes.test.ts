import { once } from 'node:events'
import { type Socket, connect as connectSocket } from 'node:net'
import t, { type Test } from 'tap'
import type { Dialect } from '../../server/http/server/dialect.ts'
import { type HttpWorld, build } from '../support/world.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A dialect whose answers the test gives, one by one. */
function held (): Dialect & { readonly begun: string[], readonly answer: (text?: string) => Promise<void> } {
  const begun: string[] = []
  const waiting: ((text: string) => void)[] = []
  return {
    name: 'held', prefix: '/held', inOpenApi: false, begun,
    answer: async (text = 'x') => {
      while (waiting.length === 0) await tick()
      waiting.shift()?.(text)
    },
    plugin: (scope, parts) => {
      parts.bodies.parse(scope, '*', (bytes) => bytes.length)
      scope.all<{ Params: { name: string }, Body: number | undefined }>('/:name', async ({ params, body }) => {
        begun.push(body === undefined ? params.name : `${params.name} ${String(body)}`)
        const { promise, resolve } = Promise.withResolvers<string>()
        waiting.push(resolve)
        return promise
      })
    }
  }
}

async function raw (t: Test, world: HttpWorld, localAddress = '127.0.0.1'): Promise<{ socket: Socket, text: () => string, until: (pattern: RegExp) => Promise<void>, closed: Promise<unknown> }> {
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port, localAddress })
  let text = ''
  socket.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
  socket.on('error', () => undefined) // the server may cut it
  const closed = once(socket, 'close')
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  return {
    socket, closed,
    text: () => text,
    until: async (pattern) => { while (!pattern.test(text) && !socket.destroyed) await tick() }
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
const post = (path: string, body: string): string => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: a/b\r\nContent-Length: ${body.length}\r\n\r\n${body}`

t.test('of requests sent at once one is in work, and the answers come in their order', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect] })
  const client = await raw(t, world)
  client.socket.write(get('/held/1') + post('/held/2', 'body') + get('/livez') + get('/held/3'))
  await dialect.answer('first')
  t.strictSame(dialect.begun, ['1'])
  await dialect.answer('second')
  t.strictSame(dialect.begun, ['1', '2 4'])
  await dialect.answer('third')
  await client.until(/third/)
  t.match(client.text(), /first.*second.*"status":"ok".*third$/s)
})

t.test('a body that arrives in parts behind other requests is read when its turn has come', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect] })
  const client = await raw(t, world)
  const body = 'x'.repeat(300_000)
  client.socket.write(get('/held/1') + post('/held/2', body).slice(0, 200_000))
  await dialect.answer()
  client.socket.write(post('/held/2', body).slice(200_000) + get('/held/3'))
  await dialect.answer()
  await dialect.answer('third')
  await client.until(/third/)
  t.strictSame(dialect.begun, ['1', '2 300000', '3'])
})

t.test('other connections do not wait for one with many requests', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect] })
  const many = await raw(t, world)
  many.socket.write(get('/held/1').repeat(1_000))
  while (dialect.begun.length === 0) await tick()
  t.equal((await fetch(`${(await world.listen()).url}/livez`)).status, 200)
  t.equal(dialect.begun.length, 1)
})

t.test('a thousand requests at once are all answered, and those behind one that closes are not', async (t) => {
  const world = await build(t)
  const client = await raw(t, world)
  client.socket.write(get('/livez').repeat(1_000) + get('/livez').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + get('/readyz'))
  await client.closed
  t.equal(client.text().match(/HTTP\/1\.1 200 OK/g)?.length, 1_001)
})

t.test('waiting requests of all connections are bounded: the client that has most loses its connection', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect], shares: { waitingRequests: 50 } })
  const greedy = await raw(t, world)
  greedy.socket.write(get('/held/greedy').repeat(48))
  while (dialect.begun.length === 0) await tick()
  const modest = await raw(t, world, '127.0.0.2')
  modest.socket.write(get('/held/modest').repeat(6))
  await greedy.closed
  await dialect.answer()
  for (let answers = 0; answers < 6; answers++) await dialect.answer('well')
  await modest.until(/(?:well.*){6}/s)
  t.notOk(modest.socket.destroyed)
})

t.test('at the limit of connections an idle one of the client that has most goes for a newcomer, from the same address too', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect], shares: { connections: 4 } })
  const busy = await raw(t, world)
  busy.socket.write(get('/held/busy'))
  while (dialect.begun.length === 0) await tick()
  const [idle, older] = [await raw(t, world), await raw(t, world)]
  idle.socket.write(get('/livez'))
  await idle.until(/"ok"/)
  older.socket.write(get('/livez'))
  await older.until(/"ok"/)
  idle.socket.write(get('/livez')) // it is the one that has been idle for less long now
  await idle.until(/"ok".*"ok"/s)
  const fourth = await raw(t, world)
  fourth.socket.write(get('/livez'))
  await fourth.until(/"ok"/)
  const newcomer = await raw(t, world, '127.0.0.9')
  newcomer.socket.write(get('/livez'))
  await newcomer.until(/"ok"/)
  t.match(newcomer.text(), /^HTTP\/1\.1 200/)
  await older.closed
  const same = await raw(t, world)
  same.socket.write(get('/livez'))
  await same.until(/"ok"/)
  t.match(same.text(), /^HTTP\/1\.1 200/)
  await idle.closed
  t.notOk(busy.socket.destroyed)
  await dialect.answer('at last')
  await busy.until(/at last/)
})

t.test('unread answers are bounded: the client that has most of them is cut', async (t) => {
  const big: Dialect = {
    name: 'big', prefix: '/big', inOpenApi: false,
    plugin: (scope) => { scope.get('/:megabytes', async (request) => 'x'.repeat(Number((request.params as { megabytes: string }).megabytes) * 1024 * 1024)) }
  }
  const world = await build(t, { dialects: [big], shares: { unreadBytes: 50 * 1024 * 1024 } })
  const deaf = await raw(t, world)
  deaf.socket.pause()
  deaf.socket.write(get('/big/40'))
  const other = await raw(t, world, '127.0.0.2')
  await other.until(/^$/)
  other.socket.write(get('/big/20'))
  while (other.text().length < 20 * 1024 * 1024 && !other.socket.destroyed) await tick()
  t.notOk(other.socket.destroyed)
  deaf.socket.resume()
  await deaf.closed
  t.ok(deaf.text().length < 40 * 1024 * 1024)
})

t.test('bodies that do not end are bounded: the largest of the client that has most is refused, the others go on', async (t) => {
  const dialect = held()
  const world = await build(t, { dialects: [dialect], shares: { bodyBytes: 500_000 }, maxBodyBytes: 1_000_000 })
  const begin = (size: number): string => post('/held/x', 'x'.repeat(800_000)).slice(0, size + 100)
  const first = await raw(t, world)
  first.socket.write(begin(300_000))
  const second = await raw(t, world)
  second.socket.write(begin(250_000))
  await Promise.race([first.until(/429/), second.until(/429/)])
  const newcomer = await raw(t, world, '127.0.0.2')
  newcomer.socket.write(post('/held/y', 'x'.repeat(200_000)))
  await dialect.answer('taken')
  await newcomer.until(/taken/)
  t.match(newcomer.text(), /^HTTP\/1\.1 200/)
})

t.test('a connection without a request in work is cut at once when the node closes, and none is kept', async (t) => {
  const world = await build(t)
  const [used, unused] = [await raw(t, world), await raw(t, world)]
  used.socket.write(get('/livez'))
  await used.until(/"ok"/)
  await world.http.close()
  await Promise.all([used.closed, unused.closed])
})
