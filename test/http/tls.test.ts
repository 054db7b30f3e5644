// HTTP over TLS, in both of its versions: everything that holds without TLS holds here.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, connect as connectHttp2, constants } from 'node:http2'
import { type Socket, connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, type TLSSocket, connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import WebSocket from 'ws'
import { clientCertificateOf } from '../../server/http/server/client-certificate.ts'
import type { ListenerTls } from '../../server/http/server/dialect.ts'
import { authority, selfSigned } from '../support/certificate.ts'
import { type Closable, temporaryDirectory } from '../support/closable.ts'
import { lacking } from '../support/programs.ts'
import { type HttpWorld, type WorldOptions, build, pathOf } from '../support/world.ts'

const ours = authority()
const server = ours.issue()
const run = promisify(execFile)
const body = JSON.stringify({ address: '10.0.0.1', ports: [{ name: 'http', port: 8080 }] })

interface Secure extends HttpWorld {
  readonly port: number
  readonly secureUrl: string
}

async function secure (t: Closable, tls: Partial<ListenerTls> = {}, options: WorldOptions = {}): Promise<Secure> {
  const world = await build(t, options)
  const [secureUrl = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: { ...server, ...tls } })
  return { ...world, secureUrl, port: Number(new URL(secureUrl).port) }
}

/** A connection with keys. */
async function open (t: Closable, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: ours.cert, ...options })
  socket.on('error', () => undefined)
  t.teardown(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Sends a text over HTTP/1.1 and gives what comes until the connection ends. */
async function ask (t: Closable, port: number, text: string, options: ConnectionOptions = {}): Promise<string> {
  const socket = await open(t, port, options)
  let got = ''
  socket.on('data', (chunk: Buffer) => { got += chunk.toString() })
  socket.write(text)
  await once(socket, 'close')
  return got
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Client {
  readonly session: ClientHttp2Session
  readonly begin: (headers: Record<string, string>, body?: string | null) => ClientHttp2Stream
  readonly request: (method: string, path: string, body?: string, headers?: Record<string, string>) => Promise<Answer>
}

async function http2 (t: Closable, url: string, options: ConnectionOptions = {}): Promise<Client> {
  const session = connectHttp2(url, { ca: ours.cert, ...options })
  session.on('error', () => undefined)
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  const begin: Client['begin'] = (headers, content) => {
    const stream = session.request({ ...content === undefined ? {} : { 'content-type': 'application/json' }, ...headers }, { endStream: content === undefined })
    stream.on('error', () => undefined)
    if (typeof content === 'string') stream.end(content)
    return stream
  }
  return {
    session,
    begin,
    request: async (method, path, content, headers = {}) => answerOf(begin({ ':method': method, ':path': path, ...headers }, content))
  }
}

async function answerOf (stream: ClientHttp2Stream): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {}
  let text = ''
  stream.on('response', (given) => { headers = given })
  stream.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const over = (): void => {
    if (headers[':status'] === undefined) reject(new Error(`no answer, code ${stream.rstCode}`))
    else resolve({ status: headers[':status'], headers, text })
  }
  stream.on('end', () => { if (headers[':status'] !== undefined) over() }) // before its body has left, if the server does not want it
  stream.on('close', over)
  return promise
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('reads and writes over TLS, in HTTP/1.1 and HTTP/2, are those of the plain listener', async (t) => {
  const world = await secure(t)
  const client = await http2(t, world.secureUrl)
  t.equal(client.session.alpnProtocol, 'h2')
  t.equal((await client.request('PUT', pathOf('shop/orders/a'), body)).status, 201)
  const path = '/v1/namespaces/shop/services/orders/endpoints'
  const plain = await world.send('GET', path)
  for (let again = 0; again < 3; again++) { // answers ahead of routing, too
    const { status, headers, text } = await client.request('GET', path)
    t.match({ status, text, etag: headers.etag, revision: headers['rollcall-revision'] }, {
      status: 200, text: plain.body, etag: String(plain.headers['etag']), revision: String(plain.headers['rollcall-revision'])
    })
    t.ok((await ask(t, world.port, get(path))).endsWith(plain.body))
  }
  t.equal((await client.request('GET', path, undefined, { 'if-none-match': String(plain.headers['etag']) })).status, 304)
  t.match(await client.request('GET', '/nowhere'), { status: 404, headers: { 'content-type': 'application/problem+json' }, text: /REG_ROUTE_NOT_FOUND/ })
  t.match(await client.request('PUT', pathOf('shop/orders/b'), '{'), { status: 400, text: /REG_BODY_SYNTAX/ })
})

t.test('curl asks in both versions, and trusts the CA', { skip: lacking('curl') }, async (t) => {
  const directory = await temporaryDirectory(t)
  const ca = join(directory, 'ca.pem')
  writeFileSync(ca, ours.cert)
  const { secureUrl } = await secure(t)
  for (const [flag, version] of [['--http1.1', '1.1'], ['--http2', '2']] as const) {
    const { stdout } = await run('curl', ['-sS', '--cacert', ca, flag, '-w', ' %{http_version}', `${secureUrl}/livez`])
    t.match(stdout, new RegExp(` ${version}$`))
  }
  await t.rejects(run('curl', ['-sS', `${secureUrl}/livez`]), /certificate/)
})

t.test('TLS 1.2 and 1.3 are spoken, and nothing older', { skip: lacking('openssl') }, async (t) => {
  const { port } = await secure(t)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) t.equal((await open(t, port, { minVersion: version, maxVersion: version })).getProtocol(), version)
  for (const flag of ['-tls1', '-tls1_1']) {
    const refused = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, flag, '-cipher', 'ALL:@SECLEVEL=0'], { timeout: 20_000 }).catch((error: unknown) => error)
    t.match(refused, { stderr: /alert protocol version|unsupported protocol/ })
  }
})

t.test('the watch socket works over TLS, and the event stream in both versions', async (t) => {
  const world = await secure(t)
  const socket = new WebSocket(`wss://127.0.0.1:${world.port}/v1/watch`, { ca: ours.cert })
  t.teardown(() => socket.terminate())
  const first = once(socket, 'message') // hello may come with the opening
  await once(socket, 'open')
  t.match(JSON.parse(String((await first)[0])), { type: 'hello' })

  const client = await http2(t, world.secureUrl)
  const stream = client.begin({ ':path': '/v1/watch?namespace=shop&service=orders', accept: 'text/event-stream' })
  let text = ''
  stream.on('data', (chunk: Buffer) => { text += chunk.toString() })
  const seen = async (pattern: RegExp): Promise<void> => { while (!pattern.test(text)) await once(stream, 'data') }
  await seen(/event: snapshot/)
  t.equal((await client.request('PUT', pathOf('shop/orders/a'), body)).status, 201, 'others are answered on the same connection')
  await seen(/event: change/)
  stream.close(constants.NGHTTP2_CANCEL)
  await once(stream, 'close')
  while (world.registry.feed === undefined || Number((JSON.parse((await world.send('GET', '/v1/overview')).body) as { watchers: { connections: number } }).watchers.connections) > 1) await turn()
  t.pass('a stream that its client has given up is no watcher')
})

t.test('a long poll waits on its stream, and others go past it', async (t) => {
  const world = await secure(t)
  await world.register('shop/orders/a')
  const client = await http2(t, world.secureUrl)
  const path = '/v1/namespaces/shop/services/orders/endpoints'
  const { headers } = await client.request('GET', path)
  const poll = client.request('GET', `${path}?after=${String(headers['rollcall-revision'])}&wait=60s`)
  t.equal((await client.request('GET', '/livez')).status, 200)
  await world.register('shop/orders/b')
  t.match((await poll).text, /"id":"b"/)
})

t.test('the host guard reads :authority, and a Host beside it must be the same', async (t) => {
  const world = await secure(t)
  const client = await http2(t, world.secureUrl)
  t.match(await client.request('GET', '/livez', undefined, { ':authority': 'evil.example' }), { status: 421, text: /REG_HOST_REFUSED/ })
  t.match(await client.request('GET', '/livez', undefined, { origin: 'https://evil.example' }), { status: 403, text: /REG_ORIGIN_REFUSED/ })
  t.equal((await client.request('GET', '/livez', undefined, { ':authority': 'localhost:1', host: 'LOCALHOST:1' })).status, 200)
  await t.rejects(client.request('GET', '/livez', undefined, { ':authority': 'localhost', host: 'evil.example' }), /no answer, code 1/)
})

t.test('bodies have their limits on streams too, and the connection goes on', async (t) => {
  const world = await secure(t, {}, { maxBodyBytes: 65_536 })
  const client = await http2(t, world.secureUrl)
  const large = JSON.stringify({ address: '10.0.0.1', metadata: { a: 'x'.repeat(100_000) } })
  t.match(await client.request('PUT', pathOf('shop/orders/a'), large), { status: 413, text: /REG_BODY_TOO_LARGE/ })
  t.match(await client.request('PUT', pathOf('shop/orders/a'), large, { 'content-length': String(large.length) }), { status: 413 })
  const manifest = 'apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {clusterIP: None}\n'
  const apply = { ':method': 'POST', ':path': '/v1/apply', 'content-type': 'application/yaml' }
  const short = client.begin({ ...apply, 'content-length': '1000' }, manifest)
  await new Promise<void>((resolve) => { short.once('close', () => resolve()) })
  t.equal((await client.request('GET', '/livez')).status, 200)
  client.begin(apply, null).write(manifest)
  await client.request('GET', '/livez') // what was written before has arrived
  client.session.destroy()
  while (world.http.leaving.isBusy) await turn()
  t.equal(world.registry.feed.revision, 0, 'a body that was given up in the middle is none')
  const other = await http2(t, world.secureUrl)
  t.equal((await other.request('POST', '/v1/apply', manifest, { 'content-type': 'application/yaml' })).status, 200)
})

t.test('a body that does not end is given up in time', async (t) => {
  const world = await secure(t, {}, { timeouts: { requestMs: 1_000, headersMs: 1_000 } })
  const client = await http2(t, world.secureUrl)
  const late = client.begin({ ':method': 'PUT', ':path': pathOf('shop/orders/a') }, null)
  late.write('{"address":')
  await client.request('GET', '/livez')
  world.clock.advance(1_001)
  await once(late, 'close')
  t.equal(late.rstCode, constants.NGHTTP2_CANCEL)
  t.equal((await client.request('GET', '/livez')).status, 200)
})

t.test('a thousand streams at once are answered, some at a time', async (t) => {
  const world = await secure(t)
  await world.register('shop/orders/a')
  const client = await http2(t, world.secureUrl)
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => client.request('GET', '/v1/namespaces/shop/services/orders/endpoints')))
  t.ok(answers.every(({ status }) => status === 200))
  t.equal(client.session.remoteSettings.maxConcurrentStreams, 128)
})

t.test('streams beyond what all clients share give way to others', async (t) => {
  const world = await secure(t, {}, { shares: { waitingRequests: 2 } })
  await world.register('shop/orders/a')
  const client = await http2(t, world.secureUrl)
  const path = `/v1/namespaces/shop/services/orders/endpoints?after=${world.registry.position.cursor}&wait=60s`
  const polls = Array.from({ length: 4 }, () => client.request('GET', path))
  await Promise.any(polls.map((poll) => poll.then(() => { throw new Error('answered') }, () => undefined)))
  const refused = client.request('GET', '/livez')
  await Promise.allSettled([refused])
  await world.register('shop/orders/b')
  const settled = await Promise.allSettled(polls)
  t.equal(settled.filter(({ status }) => status === 'fulfilled').length, 3 - (await refused.then(() => 1, () => 0)))
  for (const each of settled) if (each.status === 'rejected') t.match(each.reason, /code 7/, 'REFUSED_STREAM: it may be sent again')
})

t.test('what is under way is answered at the end, and idle connections are closed', async (t) => {
  const world = await secure(t)
  await world.register('shop/orders/a')
  const idle = await http2(t, world.secureUrl)
  const busy = await http2(t, world.secureUrl)
  const arriving = connectSocket({ host: '127.0.0.1', port: world.port })
  await once(arriving, 'connect')
  const before = world.clock.waiting
  const poll = busy.request('GET', `/v1/namespaces/shop/services/orders/endpoints?after=${world.registry.position.cursor}&wait=60s`)
  while (world.clock.waiting === before) await turn()
  const ends = [once(idle.session, 'close'), once(busy.session, 'close'), once(arriving.resume(), 'close')]
  const goaway = once(busy.session, 'goaway')
  await world.http.close()
  t.equal((await poll).status, 200)
  t.match(await goaway, [0])
  await Promise.all(ends)
})

t.test('a node that is going answers on streams, and says that they are the last of their connection', async (t) => {
  const world = await secure(t)
  const client = await http2(t, world.secureUrl)
  world.http.leaving.begin()
  const asked = world.http.leaving.asked
  const ended = once(client.session, 'close')
  t.equal((await client.request('GET', '/livez')).status, 200)
  t.equal(world.http.leaving.asked, asked + 1)
  await ended
})

t.test('what is no TLS, and what does not finish its handshake, is hung up on and counted', async (t) => {
  const world = await secure(t, {}, { timeouts: { headersMs: 200 } })
  const count = async (outcome: string): Promise<number> => {
    const { body: text } = await world.send('GET', '/metrics')
    return Number(new RegExp(`rollcall_http_tls_handshakes_total{outcome="${outcome}"} (\\d+)`).exec(text)?.[1])
  }
  for (const [sent, answered] of [[get('/livez'), /^HTTP\/1\.1 400 .*REG_TLS_REQUIRED.*https:/s], ['DELETE /x HTTP/1.1\r\n\r\n', /REG_TLS_REQUIRED/], ['\0'.repeat(64), /^[^H]*$/]] as const) {
    const plain = connectSocket({ host: '127.0.0.1', port: world.port })
    plain.on('error', () => undefined) // it may be reset before it has read
    let text = ''
    plain.on('data', (chunk: Buffer) => { text += chunk.toString('latin1') })
    plain.end(sent)
    await new Promise<void>((resolve) => { plain.once('close', () => resolve()) })
    t.match(text, answered)
  }
  t.equal(await count('failed'), 3)
  // One that says nothing, and one that stops in the middle of its first message.
  for (const [sent, late] of [['', 1], ['\x16\x03\x01\x02\x00\x01', 2]] as const) {
    const slow = connectSocket({ host: '127.0.0.1', port: world.port })
    slow.on('error', () => undefined)
    const closed = once(slow.resume(), 'close').then(() => true)
    slow.write(sent, 'latin1')
    while (await Promise.race([closed, turn()]) !== true) if (sent === '') world.clock.advance(200)
    t.equal(await count('late'), late)
  }
  await ask(t, world.port, get('/livez'))
  t.equal(await count('done'), 1)
})

t.test('connections have their place before the handshake: those that say nothing give way', async (t) => {
  const world = await secure(t, {}, { shares: { connections: 5 } })
  const silent = await Promise.all(Array.from({ length: 20 }, async (): Promise<Socket> => {
    const socket = connectSocket({ host: '127.0.0.1', port: world.port })
    socket.on('error', () => undefined)
    t.teardown(() => void socket.destroy())
    await once(socket, 'connect')
    return socket.resume()
  }))
  const client = await http2(t, world.secureUrl)
  t.equal((await client.request('GET', '/livez')).status, 200)
  while (silent.filter((socket) => !socket.destroyed).length > 4) await turn()
  t.pass('of twenty at most four are left')
})

t.test('clients are known by their certificates, in both versions', async (t) => {
  const seen: unknown[] = []
  const world = await secure(t, { ca: ours.cert }, {
    dialects: [{ name: 'who', prefix: '/who', inOpenApi: false, plugin: (scope) => { scope.get('/', (request) => {
      seen.push(clientCertificateOf(request.raw))
      return 'seen'
    }) } }]
  })
  const client = ours.issue({ name: 'orders', names: ['orders.shop', '10.1.2.3', 'spiffe://example/ns/shop'] })
  const expected = {
    names: [{ type: 'DNS', value: 'orders.shop' }, { type: 'IP', value: '10.1.2.3' }, { type: 'URI', value: 'spiffe://example/ns/shop' }],
    commonName: 'orders', fingerprint: /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/
  }
  t.match(await ask(t, world.port, get('/who/'), client), /200 OK/)
  t.equal((await (await http2(t, world.secureUrl, client)).request('GET', '/who/')).status, 200)
  t.match(await ask(t, world.port, get('/who/')), /200 OK/, 'who shows none is asked, and let in')
  t.match(seen, [expected, expected, undefined])

  const first = await open(t, world.port, client)
  const [session] = await once(first, 'session') as [Buffer]
  const resumed = await open(t, world.port, { ...client, session })
  t.ok(resumed.isSessionReused())
  seen.length = 0
  resumed.write(get('/who/'))
  await once(resumed.resume(), 'close')
  t.match(seen, [expected], 'also on a connection that goes on with a session')
})

t.test('a certificate that is missing where it is required, of another CA, or expired, is refused by an answer that says so', async (t) => {
  const wrong = [
    [{}, /takes only clients that show a certificate/],
    [authority('Another').issue(), /of no CA that this listener trusts/],
    [selfSigned(), /of no CA that this listener trusts/],
    [ours.issue({ fromMs: Date.now() - 5_000_000, untilMs: Date.now() - 1_000_000 }), /it has expired/]
  ] as const
  for (const clientCert of ['require', 'request'] as const) {
    const world = await secure(t, { ca: ours.cert, clientCert })
    await world.register('shop/orders/a')
    const path = '/v1/namespaces/shop/services/orders/endpoints'
    const good = ours.issue()
    t.match(await ask(t, world.port, get(path), good), /200 OK/)
    t.match(await ask(t, world.port, get(path), good), /200 OK/)
    for (const [shown, says] of clientCert === 'require' ? wrong : wrong.slice(1)) {
      const text = await ask(t, world.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, shown)
      t.match(text, /^HTTP\/1\.1 403 .*connection: close.*REG_CERTIFICATE_REFUSED/s)
      t.match(text, says)
      const client = await http2(t, world.secureUrl, shown)
      const ended = once(client.session, 'close')
      t.match(await client.request('GET', path), { status: 403, text: says })
      await ended
      const socket = new WebSocket(`wss://127.0.0.1:${world.port}/v1/watch`, { ca: ours.cert, ...shown })
      t.match(await once(socket, 'unexpected-response'), [{}, { statusCode: 403 }])
      socket.on('error', () => undefined)
      socket.terminate()
    }
  }
})

t.test('another certificate is shown from the next connection on, and open ones stay', async (t) => {
  const world = await secure(t)
  const before = await http2(t, world.secureUrl)
  const socket = await open(t, world.port)
  const other = authority('Later')
  world.http.renew(other.issue())
  await t.rejects(open(t, world.port, { timeout: 5_000 }), /certificate|unable to verify/)
  await open(t, world.port, { ca: other.cert })
  t.equal((await before.request('GET', '/livez')).status, 200)
  socket.write(get('/livez'))
  const [answer] = await once(socket, 'data') as [Buffer]
  t.match(answer.toString(), /200 OK/)
  t.throws(() => world.http.renew({ cert: server.cert, key: selfSigned().key }), /mismatch/)
  await open(t, world.port, { ca: other.cert })
})
