// What clients send that two programs may read differently, or that is meant to hurt: by raw socket, each with the answer that it gets.
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { Guard } from '../../../server/guard.ts'
import { httpServerOptions, serveWith } from '../../../server/proxy/ingress/server-handlers.ts'
import { backendOf, bodyOf, endpoint, get, ingress, listening, raw, received, service, startIngress, statusOf } from '../../support/ingress.ts'

/** The request, as octets; `{}` stands for a Host field and the end of the head. */
const end = 'Host: a.example\r\nConnection: close\r\n\r\n'
const requests: readonly (readonly [name: string, request: string, status: number, reason?: RegExp])[] = [
  ['a plain one', `GET / HTTP/1.1\r\n${end}`, 200],
  ['two Hosts', `GET / HTTP/1.1\r\nHost: a.example\r\n${end}`, 400, /two Host/],
  ['two Hosts that differ', `GET / HTTP/1.1\r\nHost: b.example\r\n${end}`, 400, /two Host/],
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n', 400],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', 404, /no rule/],
  ['an absolute target', `GET http://a.example/x HTTP/1.1\r\n${end}`, 200],
  ['an absolute target, in capitals with a port and a dot', `GET HTTP://A.example.:80/x HTTP/1.1\r\n${end}`, 200],
  ['an absolute target without a path', `GET http://a.example HTTP/1.1\r\n${end}`, 200],
  ['an absolute target with nothing but a query', `GET http://a.example?x HTTP/1.1\r\n${end}`, 200],
  ['an absolute target of another host', `GET http://b.example/ HTTP/1.1\r\n${end}`, 400, /another host/],
  ['an absolute target of another port', `GET http://a.example:8080/ HTTP/1.1\r\n${end}`, 400, /another host/],
  ['an absolute target of another scheme', `GET https://a.example/ HTTP/1.1\r\n${end}`, 400, /scheme/],
  ['an absolute target with a user', `GET http://root@a.example/ HTTP/1.1\r\n${end}`, 400],
  ['an expectation that is none', `GET / HTTP/1.1\r\nExpect: miracles\r\n${end}`, 417],
  ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${end}`, 200],
  ['GET *', `GET * HTTP/1.1\r\n${end}`, 400],
  ['CONNECT', `CONNECT a.example:443 HTTP/1.1\r\n${end}`, 405],
  ['TRACE', `TRACE / HTTP/1.1\r\n${end}`, 405],
  ['a dot segment', `GET /x/./y HTTP/1.1\r\n${end}`, 400, /segment/],
  ['two dots', `GET /x/../y HTTP/1.1\r\n${end}`, 400, /segment/],
  ['two dots at the end', `GET /x/.. HTTP/1.1\r\n${end}`, 400, /segment/],
  ['two dots at the beginning', `GET /../x HTTP/1.1\r\n${end}`, 400, /segment/],
  ['encoded dots', `GET /x/%2e%2E/y HTTP/1.1\r\n${end}`, 400, /segment/],
  ['a dot and an encoded one', `GET /x/.%2e HTTP/1.1\r\n${end}`, 400, /segment/],
  ['dots with parameters', `GET /x/..;a=1/y HTTP/1.1\r\n${end}`, 400, /segment/],
  ['dots behind an encoded slash', `GET /x%2f..%2fy HTTP/1.1\r\n${end}`, 400, /segment/],
  ['dots before a query', `GET /x/..?q HTTP/1.1\r\n${end}`, 400, /segment/],
  ['dots in a query', `GET /x?file=/../y HTTP/1.1\r\n${end}`, 200],
  ['a hidden file', `GET /.well-known/x HTTP/1.1\r\n${end}`, 200],
  ['three dots', `GET /.../x HTTP/1.1\r\n${end}`, 200],
  ['dots in a name', `GET /x..y/a.b HTTP/1.1\r\n${end}`, 200],
  ['an encoded dot in a name', `GET /a%2eb HTTP/1.1\r\n${end}`, 200],
  ['a backslash', `GET /x\\y HTTP/1.1\r\n${end}`, 400, /backslash/],
  ['an encoded backslash', `GET /x%5Cy HTTP/1.1\r\n${end}`, 400, /backslash/],
  ['an encoded NUL', `GET /x%00y HTTP/1.1\r\n${end}`, 400, /NUL/],
  ['an overlong dot', `GET /%c0%ae%c0%ae/ HTTP/1.1\r\n${end}`, 400, /overlong/],
  ['an encoded slash', `GET /x%2Fy HTTP/1.1\r\n${end}`, 400, /encoded slash/],
  ['a lonely percent', `GET /x% HTTP/1.1\r\n${end}`, 400, /%/],
  ['a percent without digits', `GET /x%zz HTTP/1.1\r\n${end}`, 400, /%/],
  ['a percent in a query', `GET /x?q=100% HTTP/1.1\r\n${end}`, 200],
  ['two slashes', `GET //x//y HTTP/1.1\r\n${end}`, 200],
  ['a fragment', `GET /x#y HTTP/1.1\r\n${end}`, 400],
  ['octets beyond ASCII', `GET /\xe4 HTTP/1.1\r\n${end}`, 400],
  ['octets beyond ASCII in a query', `GET /?\xe4 HTTP/1.1\r\n${end}`, 400],
  ['a tab in the target', `GET /x\ty HTTP/1.1\r\n${end}`, 400],
  ['an IDN as it is spoken', `GET / HTTP/1.1\r\nHost: b\xfccher.example\r\n\r\n`, 400],
  ['a Host with a path', `GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n`, 400, /names no host/],
  ['a Host with a user', `GET / HTTP/1.1\r\nHost: x@a.example\r\n\r\n`, 400, /names no host/],
  ['a Host with a port that is none', `GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n`, 400, /names no host/],
  ['a Host in capitals, with port and dot', 'GET / HTTP/1.1\r\nHost: A.EXAMPLE.:8080\r\nConnection: close\r\n\r\n', 200],
  ['an IDN in its ASCII form', 'GET / HTTP/1.1\r\nHost: xn--bcher-kva.example\r\nConnection: close\r\n\r\n', 200],
  ['length and chunks', `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['two lengths', `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc`, 400],
  ['a length with a sign', `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +3\r\n\r\nabc`, 400],
  ['an unknown coding', `POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: cow\r\n\r\n`, 400],
  ['chunked, and then something', `POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked, identity\r\n\r\n`, 400],
  ['chunk extensions', `POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n`, 200],
  ['a folded field', `GET / HTTP/1.1\r\nHost: a.example\r\nX: a\r\n b\r\n\r\n`, 400],
  ['a space before the colon', `GET / HTTP/1.1\r\nHost : a.example\r\n\r\n`, 400],
  ['bare line feeds', `GET / HTTP/1.1\nHost: a.example\n\n`, 400],
  ['a NUL in a field', `GET / HTTP/1.1\r\nHost: a.example\r\nX: a\x00b\r\n\r\n`, 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['a head of 17 KiB', `GET / HTTP/1.1\r\nHost: a.example\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  ['a target of 17 KiB', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: a.example\r\n\r\n`, 431],
  ['a hundred fields', `GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(98)}${end}`, 200],
  ['more than a hundred fields', `GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(99)}${end}`, 431],
  ['many more than a hundred fields', `GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(900)}${end}`, 431]
]

t.test('requests that are read in one way only', async (t) => {
  const seen: string[] = []
  const port = await backendOf(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end('ok')
  })
  const { port: at } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web', 'xn--bcher-kva.example / Prefix web'] })], services: [service('web', [endpoint('w1', port)])]
  })
  for (const [name, request, status, text] of requests) {
    const before = seen.length
    const answer = await raw(at, request)
    t.equal(statusOf(answer), status, name)
    if (text !== undefined) t.match(answer, text, name)
    t.equal(seen.length, before + Number(status === 200 && !request.startsWith('OPTIONS *')), `${name}: what the endpoint has seen`)
  }
  t.ok(seen.includes('//x//y') && seen.includes('/a%2eb') && seen.includes('/x'), 'the path is forwarded as it was sent')
})

t.test('a request that hides behind another is never one of its own at the endpoint', async (t) => {
  const seen: string[] = []
  const port = await backendOf(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    request.resume().once('end', () => response.end('ok'))
  })
  const { port: at } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w1', port)])] })
  const inner = 'GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n'
  for (const head of [
    `Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked`, 'Content-Length: 0\r\nTransfer-Encoding : chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'Content-Length: 6, 6', 'Content-Length: 0x6'
  ]) {
    const answer = await raw(at, `POST / HTTP/1.1\r\nHost: a.example\r\n${head}\r\n\r\n${inner}`, /^HTTP\/1\.1 400/)
    t.equal(statusOf(answer), 400, head)
  }
  // What is the body stays the body.
  await raw(at, `POST /body HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`)
  t.strictSame(seen, ['POST /body'])
})

t.test('fields that Connection names stay here, and none can take out what the message lives by', async (t) => {
  const port = await backendOf(t, (request, response) => {
    response.writeHead(200, { Connection: 'X-Inner', 'X-Inner': 'secret', 'X-Outer': 'told', 'Proxy-Authenticate': 'Basic' })
    response.end(JSON.stringify(request.headers))
  })
  const { port: at } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w1', port)])] })
  const answer = await raw(at, [
    'POST / HTTP/1.1', 'Host: a.example', 'Connection: close, X-Hop, X-Forwarded-For, Host, Content-Length', 'X-Hop: a', 'Keep-Alive: timeout=1', 'TE: trailers, deflate', 'Proxy-Connection: keep-alive',
    'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk', 'Content-Length: 2', '', 'hi'
  ].join('\r\n'))
  const headers = JSON.parse(bodyOf(answer)) as Record<string, string>
  t.match(headers, { host: 'a.example', te: 'trailers', 'content-length': '2', 'x-forwarded-for': '127.0.0.1' })
  for (const name of ['x-hop', 'keep-alive', 'proxy-connection', 'upgrade', 'http2-settings']) t.notOk(name in headers, name)
  t.notMatch(answer, /X-Inner|secret|Proxy-Authenticate/)
  t.match(answer, /X-Outer: told/)
})

t.test('answers of the ingress have the form that the client takes, and a request id', async (t) => {
  const { port, records } = await startIngress(t, { ingresses: [], services: [] })
  const json = await get(port, 'a.example', '/x', { Accept: 'application/json' })
  t.match(json, /content-type: application\/problem\+json/i)
  const problem = JSON.parse(bodyOf(json)) as Record<string, string>
  t.match(problem, { type: 'urn:rollcall:ingress:no-route', status: 404, title: 'Not Found', detail: 'no rule is for a.example/x' })
  t.equal(problem.requestId, records[0]?.id)
  const text = await get(port, 'a.example', '/x')
  t.match(bodyOf(text), /^404 Not Found: no rule is for a\.example\/x\nrequest [0-9a-f]{32}\n$/)
  t.equal(bodyOf(await get(port, 'a.example', '/x', {}, 'HEAD')), '')
})

t.test('a client that is slow with its body, and one that goes, cost one request', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (request) => {
    request.on('error', () => undefined)
    request.once('data', () => events.emit('data'))
    request.once('close', () => events.emit('close'))
  })
  const { port: at, clock, records } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w1', port)])] })
  for (const name of ['slow', 'gone']) {
    const [began, ended] = [once(events, 'data'), once(events, 'close')]
    const client = connect({ port: at, host: '127.0.0.1' })
    client.write(`POST /${name} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nabc`)
    await began
    if (name === 'slow') clock.advance(61_000)
    else client.destroy()
    const answer = await received(client)
    t.match(answer, name === 'slow' ? /^HTTP\/1\.1 408[^]*no more of the body/ : /^$/)
    await ended
  }
  t.strictSame(records.map(({ status, reason }) => `${status} ${reason}`), ['408 slow-request', '499 client-gone'])
})

t.test('a head that does not come in time', async (t) => {
  const { engine } = await startIngress(t, { ingresses: [], services: [] })
  const server = createServer({ ...httpServerOptions(engine), headersTimeout: 20, connectionsCheckingInterval: 10 })
  serveWith(server, engine, new Guard({ count: () => undefined, log: (error) => { throw error } }), () => ({ scheme: 'http', clientAddress: '192.0.2.1', clientPort: 1, localPort: 80 }))
  t.match(await raw(await listening(t, server), 'GET / HTTP/1.1\r\nHost: a.exam'), /^HTTP\/1\.1 408 [^]*head of the request has not come in time\n$/)
  t.strictSame(engine.figures().reasons, { 'slow-request': 1 })
})

t.test('a client that has said all it has to say still gets its answer', async (t) => {
  const port = await backendOf(t, (_request, response) => { response.end('ok') })
  const { port: at } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w1', port)])] })
  const client = connect({ port: at, host: '127.0.0.1', allowHalfOpen: true })
  client.end('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  t.match(await received(client), /^HTTP\/1\.1 200[^]*ok$/)
})
