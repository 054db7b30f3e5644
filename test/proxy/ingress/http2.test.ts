// HTTP/2 on both sides: browsers in front, gRPC behind, each with each.
import { once } from 'node:events'
import { connect, createServer, type ClientHttp2Session, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo } from 'node:net'
import t from 'tap'
import { serveWith } from '../../../server/proxy/ingress/server-handlers.ts'
import { Guard } from '../../../server/guard.ts'
import { backendOf, bodyOf, endpoint, get, ingress, type listening, raw, service, type ServiceText, startIngress, type Started } from '../../support/ingress.ts'

type Test = Parameters<typeof listening>[0]

async function serving (t: Test, server: Http2Server): Promise<number> {
  const sessions = new Set<{ destroy: () => void }>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const each of sessions) each.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Answers as a gRPC server does: a message for each that comes, the status in trailers. */
function grpcServer (): Http2Server {
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined)
    if (headers[':path'] === '/refused') return stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7' }, { endStream: true })
    if (headers[':path'] === '/reset') return stream.close(2)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-authority': headers[':authority'], 'x-te': headers.te }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }))
    stream.on('data', (chunk: Buffer) => stream.write(`<${chunk.toString()}>`))
    stream.on('end', () => stream.end())
  })
  return server
}

/** The same engine behind HTTP/2, without TLS. */
async function secondFront (t: Test, { engine }: Started): Promise<ClientHttp2Session> {
  const server = createServer()
  serveWith(server, engine, new Guard({ count: () => undefined, log: (error) => { throw error } }), () => ({ scheme: 'http', clientAddress: '192.0.2.7', clientPort: 1, localPort: 80 }))
  const session = connect(`http://127.0.0.1:${await serving(t, server)}`)
  session.on('error', () => undefined)
  t.teardown(() => session.destroy())
  return session
}

async function ask (session: ClientHttp2Session, headers: Record<string, string>, body?: readonly string[]): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }, body: string, trailers: IncomingHttpHeaders }> {
  const stream = session.request({ ':authority': 'a.example', ':path': '/', ...headers }, { endStream: body === undefined })
  let [text, trailers]: [string, IncomingHttpHeaders] = ['', {}]
  stream.on('trailers', (given: IncomingHttpHeaders) => { trailers = given })
  stream.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  const answered = once(stream, 'response')
  for (const part of body ?? []) stream.write(part)
  if (body !== undefined) stream.end()
  const [given] = await answered as [IncomingHttpHeaders]
  if (!stream.closed) await once(stream, 'close')
  return { headers: given, body: text, trailers }
}

const start = async (t: Test, port: number, text: ServiceText = {}): Promise<Started> => {
  return startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', port)], text)] })
}

t.test('HTTP/2 in front, HTTP/1.1 behind', async (t) => {
  const port = await backendOf(t, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk })
    request.once('end', () => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2'])
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }))
    })
  })
  const started = await start(t, port)
  const session = await secondFront(t, started)
  const got = await ask(session, { ':path': '/x?y=1', cookie: 'c=3' })
  t.equal(got.headers[':status'], 200)
  t.strictSame(got.headers['set-cookie'], ['a=1', 'b=2'])
  t.notOk('connection' in got.headers)
  t.match(JSON.parse(got.body), { method: 'GET', url: '/x?y=1', headers: { host: 'a.example', cookie: 'c=3', 'x-forwarded-for': '192.0.2.7' } })
  const posted = await ask(session, { ':method': 'POST' }, ['one', 'two'])
  t.match(JSON.parse(posted.body), { method: 'POST', body: 'onetwo' })
  t.equal((await ask(session, { ':authority': 'b.example' })).headers[':status'], 404)
  t.equal((await ask(session, { ':path': '/x/../y' })).headers[':status'], 400)
  t.equal((await ask(session, { host: 'b.example' })).headers[':status'], 400, 'two hosts')
  t.equal(started.records[0]?.protocol, 'HTTP/2.0')
})

t.test('gRPC through both sides, with its trailers', async (t) => {
  const started = await start(t, await serving(t, grpcServer()), { appProtocol: 'kubernetes.io/h2c' })
  const session = await secondFront(t, started)
  const call = await ask(session, { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' }, ['one'])
  t.match(call, { headers: { ':status': 200, 'x-authority': 'a.example', 'x-te': 'trailers' }, body: '<one>', trailers: { 'grpc-status': '0', 'grpc-message': 'fine' } })
  const refused = await ask(session, { ':method': 'POST', ':path': '/refused', 'content-type': 'application/grpc' }, ['x'])
  t.match(refused, { headers: { ':status': 200, 'grpc-status': '7' }, body: '' })
  t.equal((await ask(session, { ':method': 'POST', ':path': '/reset' }, ['x'])).headers[':status'], 502)
  const many = await Promise.all(Array.from({ length: 50 }, (_, index) => ask(session, { ':method': 'POST' }, [String(index)])))
  t.strictSame(many.map(({ body }) => body), many.map((_, index) => `<${index}>`))
  t.strictSame(started.engine.figures().upstreamConnects, { 'default/web': 1 }, 'one connection')
})

t.test('both directions of a gRPC stream are open at once', async (t) => {
  const session = await secondFront(t, await start(t, await serving(t, grpcServer()), { appProtocol: 'kubernetes.io/h2c' }))
  const stream = session.request({ ':authority': 'a.example', ':path': '/', ':method': 'POST', 'content-type': 'application/grpc' })
  stream.write('one')
  const [first] = await once(stream, 'data') as [Buffer]
  t.equal(first.toString(), '<one>')
  stream.write('two')
  const [second] = await once(stream, 'data') as [Buffer]
  t.equal(second.toString(), '<two>')
  stream.end()
  const [trailers] = await once(stream, 'trailers') as [IncomingHttpHeaders]
  t.equal(trailers['grpc-status'], '0')
})

t.test('HTTP/1.1 in front, h2c behind', async (t) => {
  const { port } = await start(t, await serving(t, grpcServer()), { appProtocol: 'kubernetes.io/h2c' })
  t.match(bodyOf(await get(port, 'a.example', '/', {}, 'POST', 'hello')), '<hello>')
  const chunked = await raw(port, 'POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  t.match(chunked, /<abc>\r\n0\r\ngrpc-status: 0\r\ngrpc-message: fine\r\n\r\n$/)
})

t.test('an h2c endpoint that refuses connections is tried elsewhere', async (t) => {
  const good = await serving(t, grpcServer())
  const { port, engine } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })],
    services: [service('web', [endpoint('bad', 1, { weight: 1_000 }), endpoint('good', good)], { appProtocol: 'kubernetes.io/h2c' })]
  })
  t.match(await get(port, 'a.example', '/', {}, 'GET'), /^HTTP\/1\.1 200/)
  t.strictSame(engine.figures().retries, { 'default/web': 1 })
})
