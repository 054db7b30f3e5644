// Bodies in both directions, events, upgraded connections: what goes on for long, while everything around it changes.
import { EventEmitter, once } from 'node:events'
import { createServer, request as send, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import { backendOf, bodyOf, endpoint, get, ingress, listening, raw, service, startIngress, statusOf } from '../../support/ingress.ts'

const web = [ingress('a', { rules: ['a.example / Prefix web'] })]
const size = 8 * 1_048_576

function octets (length: number): Readable {
  const block = Buffer.alloc(65_536, 'rollcall')
  let left = length
  return new Readable({
    read () {
      const part = block.subarray(0, Math.min(left, block.length))
      left -= part.length
      this.push(part.length === 0 ? null : part)
    }
  })
}

async function hashOf (stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

t.test('large bodies stream both ways, with a known length and in chunks', async (t) => {
  const expected = await hashOf(octets(size))
  const port = await backendOf(t, (request, response) => {
    if (request.method === 'GET') octets(size).pipe(response)
    else void hashOf(request).then((hash) => response.end(hash))
  })
  const { port: at, engine } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  for (const headers of [{ 'Content-Length': String(size) }, {}]) {
    const request = send({ port: at, host: '127.0.0.1', method: 'PUT', headers: { Host: 'a.example', ...headers } })
    octets(size).pipe(request)
    const [response] = await once(request, 'response') as [IncomingMessage]
    t.equal((await response.toArray()).join(''), expected)
  }
  const [download] = await once(send({ port: at, host: '127.0.0.1', headers: { Host: 'a.example' } }).end(), 'response') as [IncomingMessage]
  t.equal(await hashOf(download), expected)
  t.equal(engine.figures().bytesIn, 2 * size)
  t.ok(engine.figures().bytesOut >= size)
})

t.test('a client that does not read holds the endpoint up, and no memory fills', async (t) => {
  const events = new EventEmitter()
  let sent = 0
  const port = await backendOf(t, (_request, response) => {
    const block = Buffer.alloc(65_536)
    const pour = (): void => {
      while (sent < 400 * 65_536) {
        sent += block.length
        if (response.write(block)) continue
        response.once('drain', pour)
        setImmediate(() => events.emit('full'))
        return
      }
      response.end()
    }
    response.on('error', () => undefined)
    pour()
  })
  const { port: at, clock, records } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const client = connect({ port: at, host: '127.0.0.1' })
  const full = once(events, 'full')
  client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await once(client, 'readable')
  await full
  for (let quiet = 0, before = -1; quiet < 20; quiet = sent === before ? quiet + 1 : 0) {
    before = sent
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  t.ok(sent < 300 * 65_536, `${sent} octets were taken from the endpoint`)
  const ended = once(client, 'close')
  clock.advance(61_000)
  client.resume()
  await ended
  t.match(records, [{ status: 200, reason: 'cut' }], 'it took nothing for a minute')
})

t.test('events come at once, and may be rare', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('data: one\n\n')
    events.on('send', (text: string) => response.write(`data: ${text}\n\n`))
  })
  const { port: at, clock } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const client = connect({ port: at, host: '127.0.0.1' })
  client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  let text = ''
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    client.emit('more')
  })
  const until = async (part: string): Promise<void> => { while (!text.includes(part)) await once(client, 'more') }
  await until('data: one')
  clock.advance(600_000)
  events.emit('send', 'two')
  await until('data: two')
  client.destroy()
  t.pass()
})

t.test('the head of an answer does not wait for its body', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders()
    events.once('go', () => response.end('{}'))
  })
  const { port: at } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const [response] = await once(send({ port: at, host: '127.0.0.1', headers: { Host: 'a.example' } }).end(), 'response') as [IncomingMessage]
  t.equal(response.statusCode, 200)
  events.emit('go')
  t.equal((await response.toArray()).join(''), '{}')
})

t.test('Expect: 100-continue is the endpoint\'s to answer', async (t) => {
  const server = createServer((request, response) => { void hashOf(request).then((hash) => response.end(hash)) })
  server.on('checkContinue', (request: IncomingMessage, response) => {
    if (request.url === '/no') {
      response.writeHead(417).end('no')
      return
    }
    response.writeContinue()
    void request.toArray().then((parts) => response.end(`got ${Buffer.concat(parts as Buffer[]).length}`))
  })
  const port = await listening(t, server)
  const { port: at, records } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const ask = async (path: string): Promise<string> => {
    const client = connect({ port: at, host: '127.0.0.1' })
    client.write(`POST ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
    let all = ''
    client.on('data', (chunk: Buffer) => {
      all += chunk.toString()
      if (all === 'HTTP/1.1 100 Continue\r\n\r\n') client.write('hello')
    })
    await once(client, 'close')
    return all
  }
  t.match(await ask('/yes'), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[^]*got 5/)
  t.match(await ask('/no'), /^HTTP\/1\.1 417 [^]*\r\nno\r\n/)
  t.strictSame(records.map(({ status }) => status), [200, 417])
})

t.test('trailers go both ways', async (t) => {
  const port = await backendOf(t, (request, response) => {
    request.resume().once('end', () => {
      response.writeHead(200, { Trailer: 'X-Sum' })
      response.write('body')
      response.addTrailers({ 'X-Sum': request.trailers['x-count'] ?? 'none' })
      response.end()
    })
  })
  const { port: at } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const answer = await raw(at, 'POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTE: trailers\r\nTrailer: X-Count\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Count: 3\r\n\r\n')
  t.match(answer, /0\r\nX-Sum: 3\r\n\r\n$/)
})

async function webSockets (t: Parameters<typeof listening>[0]): Promise<number> {
  const server = createServer((_request, response) => { response.end('plain') })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data, isBinary) => socket.send(isBinary ? data as Buffer : `${String(request.headers['x-forwarded-for'])} ${(data as Buffer).toString()}`))
  })
  t.teardown(() => { for (const each of sockets.clients) each.terminate() })
  return listening(t, server)
}

t.test('a WebSocket lives through a hundred changes of routes, endpoints and weights', async (t) => {
  const port = await webSockets(t)
  const { port: at, engine, clock } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const client = new WebSocket(`ws://127.0.0.1:${at}/chat`, { headers: { Host: 'a.example' } })
  await once(client, 'open')
  const say = async (text: string | Buffer): Promise<string> => {
    const answer = once(client, 'message')
    client.send(text)
    const [data] = await answer as [Buffer]
    return data.toString()
  }
  t.equal(await say('first'), '127.0.0.1 first')
  for (let index = 0; index < 100; index++) {
    engine.putIngress(ingress('a', { rules: [`a.example /${index} Prefix web`, `b${index}.example / Prefix other`] }))
    engine.putService(service('web', [endpoint('w', port, { weight: index + 1 }), endpoint(`x${index}`, 1)]))
    if (index % 10 === 0) engine.removeIngress('default', 'a')
    clock.advance(60_000)
    t.equal(await say(String(index)), `127.0.0.1 ${index}`)
  }
  const large = Buffer.alloc(4 * 1_048_576, 1)
  t.equal((await say(large)).length, large.length)
  t.equal(engine.figures().upgraded, 1)
  // Its endpoint leaves, and the time of the service for that is over.
  engine.putService(service('web', [endpoint('other', 1)], { annotations: { 'rollcall.dev/drain-limit': '30s' } }))
  clock.advance(29_000)
  t.equal(await say('still'), '127.0.0.1 still')
  const closed = once(client, 'close')
  clock.advance(1_000)
  await closed
  t.equal(engine.figures().upgraded, 0)
})

t.test('an upgrade that is refused, by the ingress or by the endpoint', async (t) => {
  const port = await backendOf(t, (request, response) => { response.end(`plain ${request.headers.upgrade ?? ''}`) })
  const refusing = createServer()
  refusing.on('upgrade', (_request, socket: Socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX-Why: token\r\n\r\nno'))
  const { port: at, records } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web', 'b.example / Prefix refusing', 'c.example / Prefix none'] })],
    services: [service('web', [endpoint('w', port)]), service('refusing', [endpoint('r', await listening(t, refusing))])]
  })
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'x', 'Sec-WebSocket-Version': '13' }
  const ask = (host: string, fields: Record<string, string> = headers): Promise<string> => {
    return raw(at, `GET / HTTP/1.1\r\nHost: ${host}\r\n${Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  }
  t.match(await ask('b.example'), /^HTTP\/1\.1 401 Unauthorized[^]*X-Why: token[^]*no$/)
  t.match(await ask('c.example'), /^HTTP\/1\.1 503[^]*no service default\/none/)
  t.match(await ask('nowhere.example'), /^HTTP\/1\.1 404/)
  t.match(await ask('a.example'), /^HTTP\/1\.1 200[^]*plain/, 'the endpoint goes on without')
  t.match(await get(at, 'a.example', '/', { Upgrade: 'h2c' }), /^HTTP\/1\.1 200[^]*plain $/, 'h2c is not passed on')
  t.strictSame(records.map(({ status }) => status), [401, 503, 404, 200, 200])
})

t.test('an ingress that shuts down lets what is there end, takes nothing new, and cuts the rest', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (_request, response) => { events.emit('asked', () => response.end('late')) })
  const { port: at, engine, clock } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', port)])] })
  const asked = once(events, 'asked')
  const first = get(at, 'a.example')
  const [answer] = await asked as [() => void]
  const closed = engine.close(5_000)
  t.match(await get(at, 'a.example'), /^HTTP\/1\.1 503[^]*connection: close[^]*shutting down/i)
  answer()
  t.equal(bodyOf(await first), 'late')
  clock.advance(1_000)
  await closed
  t.equal(statusOf(await get(at, 'a.example')), 503)
})
