// What stands around the engine: who the client is behind a balancer, TLS by name, the end of connections. Real sockets, the real engine.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { selfSigned } from '../../support/certificate.ts'
import { certificates, exchange, greet, heard, ingressOf, limits, serviceAt, startWorker, whole } from './helper.ts'

/** Answers with what it was told. */
async function backEnd (t: Test, asked: (url: string) => void = () => undefined): Promise<number> {
  const server = createServer((request, response) => {
    asked(request.url ?? '')
    request.resume().on('end', () => response.end(JSON.stringify({ url: request.url, from: request.headers['x-forwarded-for'], port: request.headers['x-forwarded-port'], proto: request.headers['x-forwarded-proto'], host: request.headers.host })))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close().closeAllConnections() })
  return (server.address() as AddressInfo).port
}

const get = (host = 'a.example', path = '/', more = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${more}\r\n`
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

t.test('behind a balancer the client is whom its header names, however it is cut, and nobody else may write one', async (t) => {
  const port = await backEnd(t)
  const state = whole({ ingresses: [ingressOf('web', ['a.example'])], services: [serviceAt(port)], certificates: certificates({}, selfSigned({ names: ['a.example'] })) })
  const { http, https, worker, warnings } = await startWorker(t, { over: { proxied: ['127.0.0.1/32'] }, state })
  const two = Buffer.concat([signature, Buffer.from('2111000cc0000201c6336407dc0401bb', 'hex')])
  for (const [name, pieces, from, toPort] of [
    ['version 1', ['PROXY TCP4 192.0.2.7 198.51.100.7 56324 80\r\n', get()], '192.0.2.7', '80'],
    ['version 1 in one piece with the request', [`PROXY TCP6 2001:db8::7 ::1 56324 8080\r\n${get()}`], '2001:db8::7', '8080'],
    ['version 1, octet by octet', [...`PROXY TCP4 192.0.2.7 198.51.100.7 56324 80\r\n${get()}`], '192.0.2.7', '80'],
    ['unknown', [`PROXY UNKNOWN\r\n${get()}`], '127.0.0.1', String(http)],
    ['version 2', [two, get()], '192.0.2.1', '443'],
    ['version 2, cut within', [two.subarray(0, 5), two.subarray(5, 20), Buffer.concat([two.subarray(20), Buffer.from(get())])], '192.0.2.1', '443'],
    ['LOCAL', [Buffer.concat([signature, Buffer.from('20000000', 'hex'), Buffer.from(get())])], '127.0.0.1', String(http)]
  ] as const) {
    const answer = await exchange(http, pieces)
    t.match(answer, /^HTTP\/1\.1 200 /, name)
    t.match(JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '{}'), { from, port: toPort, proto: 'http' }, name)
  }
  for (const bad of [get(), 'PROXY TCP4 192.0.2.7 198.51.100.7 56324\r\n', Buffer.concat([signature, Buffer.from('1111000c', 'hex')]), '\r\n\r\nGET', '\x16\x03\x01\x02']) {
    t.equal(await exchange(http, [bad]), '', JSON.stringify(String(bad)))
  }
  const early = connect(http, '127.0.0.1')
  const nothing = heard(early)
  early.end('PROXY TCP')
  t.equal(await nothing, '', 'the client ends within its header')
  const secure = await greet(https, 'a.example', { before: 'PROXY TCP4 192.0.2.9 198.51.100.7 1 443\r\n' })
  secure.write(get())
  t.match(await heard(secure), /"from":"192\.0\.2\.9".*"proto":"https"/)
  t.equal(worker.figures.listeners.headersRefused, 6)
  t.match(warnings, [/does not begin with a PROXY protocol header/])
})

t.test('without that setting a header is a bad request', async (t) => {
  const port = await backEnd(t)
  const { http } = await startWorker(t, { state: whole({ ingresses: [ingressOf('web', ['a.example'])], services: [serviceAt(port)] }) })
  t.match(await exchange(http, ['PROXY TCP4 192.0.2.7 198.51.100.7 56324 80\r\n']), /^HTTP\/1\.1 400 /)
  t.match(await exchange(http, [get()]), /^HTTP\/1\.1 200 /)
})

t.test('the name that a client asks for chooses the certificate; without one the handshake is refused in the words of TLS', async (t) => {
  const port = await backEnd(t)
  const [one, any, other] = [selfSigned({ name: 'one', names: ['a.example'] }), selfSigned({ name: 'any', names: ['*.b.example'] }), selfSigned({ name: 'other', names: ['other'] })]
  const ingresses = [ingressOf('one', ['a.example'], 'one'), ingressOf('any', ['*.b.example', 'c.example'], 'any'), ingressOf('plain', ['d.example'])]
  const state = whole({ ingresses, services: [serviceAt(port)], certificates: certificates({ 'shop/one': one, 'shop/any': any }) })
  const { https, change, worker } = await startWorker(t, { state })
  const shown = async (name: string | undefined): Promise<string | undefined> => {
    try {
      const socket = await greet(https, name)
      const subject = socket.getPeerCertificate().subject.CN
      socket.destroy()
      return subject as string
    } catch (error) {
      return (error as NodeJS.ErrnoException).code
    }
  }
  const unknown = 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'
  for (const [name, subject] of [
    ['a.example', 'one'], ['A.Example', 'one'], ['x.b.example', 'any'], ['b.example', unknown], ['y.x.b.example', unknown], ['d.example', unknown],
    ['c.example', unknown] // its secret is there, and not for it
  ] as const) t.equal(await shown(name), subject, name)
  t.match(await shown(undefined), /^ERR_SSL_.*HANDSHAKE_FAILURE$/)
  await t.rejects(greet(https, 'a.example', { maxVersion: 'TLSv1.1' }))
  await change({ certificates: certificates({ 'shop/one': one, 'shop/any': any }, other) })
  for (const [name, subject] of [['a.example', 'one'], ['d.example', 'other'], ['c.example', 'other'], [undefined, 'other']] as const) t.equal(await shown(name), subject, `with a default one: ${name}`)
  t.match(worker.figures.listeners.handshakes, { unrecognized_name: 4 })
})

t.test('a certificate is replaced under what is open: a connection goes on, the next one has the new one, sessions resume', async (t) => {
  const port = await backEnd(t)
  const [before, after] = [selfSigned({ name: 'before', names: ['a.example'] }), selfSigned({ name: 'after', names: ['a.example'] })]
  const state = whole({ ingresses: [ingressOf('one', ['a.example'], 'one')], services: [serviceAt(port)], certificates: certificates({ 'shop/one': before }) })
  const { https, change } = await startWorker(t, { state })
  const old = await greet(https, 'a.example')
  await change({ certificates: certificates({ 'shop/one': after }) })
  const next = await greet(https, 'a.example')
  t.equal(next.getPeerCertificate().subject.CN, 'after')
  const session = once(next, 'session')
  for (const socket of [old, next]) {
    const answer = heard(socket)
    socket.write(get())
    t.match(await answer, /^HTTP\/1\.1 200 /)
  }
  const resumed = await greet(https, 'a.example', { session: (await session)[0] as Buffer })
  t.ok(resumed.isSessionReused())
  resumed.destroy()
})

t.test('a host of another certificate than the connection has is misdirected, in HTTP/2 as well', async (t) => {
  const port = await backEnd(t)
  const state = whole({
    ingresses: [ingressOf('one', ['a.example'], 'one'), ingressOf('two', ['b.example'], 'two')], services: [serviceAt(port)],
    certificates: certificates({ 'shop/one': selfSigned({ names: ['a.example', 'b.example'] }), 'shop/two': selfSigned({ names: ['b.example'] }) })
  })
  const { https } = await startWorker(t, { state })
  const socket = await greet(https, 'a.example')
  const answer = heard(socket)
  socket.write(get('b.example'))
  t.match(await answer, /^HTTP\/1\.1 421 /)
  const tlsSocket = await greet(https, 'a.example', { alpn: ['h2'] })
  const client = connectHttp2('https://a.example', { createConnection: () => tlsSocket })
  t.teardown(() => client.destroy())
  const status = async (authority: string): Promise<unknown> => (await once(client.request({ ':path': '/', ':authority': authority }), 'response'))[0][':status']
  t.equal(await status('a.example'), 200)
  t.equal(await status('b.example'), 421)
})

t.test('at the limit of connections whoever has most gives one up, an unused one first', async (t) => {
  const port = await backEnd(t)
  const over = { proxied: ['127.0.0.1/32'], limits: { ...limits, connections: 2 } }
  const { http, worker } = await startWorker(t, { over, state: whole({ ingresses: [ingressOf('web', ['a.example'])], services: [serviceAt(port)] }) })
  const greedy = [1, 2].map(() => connect(http, '127.0.0.1'))
  for (const socket of greedy) socket.write(`PROXY TCP4 192.0.2.7 198.51.100.7 1 80\r\n${get().replace('Connection: close\r\n', '')}`)
  const [first, second] = greedy
  await Promise.all(greedy.map((socket) => once(socket, 'data')))
  const gone = Promise.race([once(first ?? t, 'close'), once(second ?? t, 'close')])
  t.match(await exchange(http, [`PROXY TCP4 192.0.2.8 198.51.100.7 1 80\r\n${get()}`]), /^HTTP\/1\.1 200 /)
  await gone
  t.ok(worker.figures.listeners.connections <= 2)
  for (const socket of greedy) socket.destroy()
})

t.test('at the end what is under way is answered, and unused connections go', async (t) => {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const port = await backEnd(t, (url) => { if (url === '/slow') resolve() })
  const { http, https, worker } = await startWorker(t, {
    state: whole({
      ingresses: [ingressOf('web', ['a.example'], 'web')], services: [serviceAt(port)], certificates: certificates({ 'shop/web': selfSigned({ names: ['a.example'] }) })
    })
  })
  const idle = connect(http, '127.0.0.1')
  idle.write(get().replace('Connection: close\r\n', ''))
  await once(idle, 'data')
  const tlsSocket = await greet(https, 'a.example', { alpn: ['h2'] })
  const client = connectHttp2('https://a.example', { createConnection: () => tlsSocket })
  const stream = client.request({ ':path': '/slow', ':method': 'POST' })
  stream.write('x')
  await asked
  const goaway = once(client, 'goaway')
  const idleEnd = heard(idle)
  const ended = worker.end(60_000)
  await goaway
  await t.rejects(once(connect(http, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  stream.end('y')
  t.equal((await once(stream, 'response'))[0][':status'], 200)
  stream.resume()
  await once(stream, 'close')
  await idleEnd
  await ended
})
