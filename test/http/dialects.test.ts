import { once } from 'node:events'
import { type Socket, connect as connectSocket } from 'node:net'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { otherDialect, xml } from './other-dialect.ts'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

const host = '127.0.0.1:7500'
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('a dialect reads its own bodies, and an empty one is none whatever it is called', async (t) => {
  const { app } = await build(t, { dialects: [otherDialect()] })
  const post = async (type: string | undefined, payload?: string | Buffer): Promise<string> => (await app.inject({
    method: 'POST', url: '/other/echo', headers: { host, ...(type === undefined ? {} : { 'content-type': type }) }, ...(payload === undefined ? {} : { payload })
  })).body
  for (const [type, payload, expected] of [
    ['application/json', '{"a":{"a":1,"__x__":2}}', 'object {"a":{"a":1,"__x__":2}}'],
    ['application/json', '{"a":1,"a":2}', 'object {"a":2}'],
    ['application/json; charset=utf-8', '', 'nothing'],
    ['application/json', undefined, 'nothing'],
    ['application/x-www-form-urlencoded', 'a=1&b=%20', 'object {"a":"1","b":" "}'],
    ['text/plain; charset=iso-8859-1', Buffer.from([0x4f, 0xe9]), 'text O\u00e9'],
    ['application/octet-stream', Buffer.from([0, 255, 254]), 'bytes 00fffe'],
    ['application/octet-stream', '', 'nothing'],
    ['image/png', '', 'nothing'],
    [undefined, undefined, 'nothing'],
    ['image/png', 'x', '<fault>REG_MEDIA_TYPE</fault>'],
    ['text/plain', 'x'.repeat(100_001), '<fault>REG_BODY_TOO_LARGE</fault>']
  ] as const) t.equal(await post(type, payload), expected, `${type} ${JSON.stringify(payload)?.slice(0, 40)}`)
})

t.test('a dialect answers its own errors, unknown paths and refused hosts in its own form', async (t) => {
  const { app, log } = await build(t, { dialects: [otherDialect()] })
  const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'DELETE' = 'GET'): Promise<LightMyRequestResponse> => app.inject({ method, url, headers: { host, ...headers } })
  for (const [url, status, body, headers, method] of [
    ['/other/fault', 422, '<fault>REG_INVALID</fault>'],
    ['/other/nowhere', 404, '<nothing at="/other/nowhere"/>'],
    ['/other/', 404, '<nothing at="/other/"/>'],
    ['/other/instances', 404, '<nothing at="/other/instances"/>', {}, 'DELETE'],
    ['/other/instances', 421, '<fault>REG_HOST_REFUSED</fault>', { host: 'evil.example' }],
    ['/other/nowhere', 421, '<fault>REG_HOST_REFUSED</fault>', { host: 'evil.example' }],
    ['/other/instances', 403, '<fault>REG_ORIGIN_REFUSED</fault>', { origin: 'http://evil.example' }],
    ['/other/instances?unknown=1', 200, '<instances/>'],
    [`/other/${'x'.repeat(9_000)}`, 414, '<fault>REG_URI_TOO_LONG</fault>'],
    ['/other/%ff', 422, '<fault>REG_INVALID</fault>']
  ] as const) {
    const answer = await get(url, headers, method)
    t.equal(answer.statusCode, status, url)
    t.equal(answer.body, body)
    t.equal(answer.headers['content-type'], xml)
  }
  t.strictSame(log, [])
  t.equal((await get('/other/crash')).body, '<fault>REG_INTERNAL</fault>')
  t.match(log, [{ level: 'error', message: /an unexpected error, caught in http-request/ }])
})

t.test('nothing of a dialect leaks into the native API, and nothing of that into it', async (t) => {
  const { app, send } = await build(t, { dialects: [otherDialect()] })
  for (const [method, url, body, headers, status] of [
    ['GET', '/nowhere', undefined, {}, 404], ['GET', '/otherwise', undefined, {}, 404], ['GET', '/v1/other', undefined, {}, 404],
    ['PUT', pathOf('shop/orders/a'), 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['PUT', pathOf('shop/orders/a'), 'x', { 'content-type': 'text/plain' }, 415],
    ['PUT', pathOf('shop/orders/a'), 'x', { 'content-type': 'application/octet-stream' }, 415],
    ['PUT', pathOf('shop/orders/a'), '{"a":1,"a":2}', {}, 400],
    ['GET', '/v1/instances?unknown=1', undefined, {}, 400], ['GET', '/v1/nowhere', undefined, { host: 'evil.example' }, 421]
  ] as const) {
    const answer = await send(method, url, body, headers)
    t.equal(answer.statusCode, status, `${method} ${url}`)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json().code, /^REG_/)
  }
  const other = await app.inject({ url: '/other/instances', headers: { host, 'accept-encoding': 'gzip' } })
  t.notOk('rollcall-revision' in other.headers)
  const document = (await send('GET', '/openapi.json')).json()
  t.strictSame(Object.keys(document.paths).filter((path) => path.startsWith('/other')), [])
  t.ok('/v1/instances' in document.paths)
  t.notOk(JSON.stringify(document).includes('octet-stream'))
})

t.test('a long poll of a dialect ends when it has something to say, when its client goes, and when the node closes', async (t) => {
  const dialect = otherDialect()
  const world = await build(t, { dialects: [dialect] })
  const { url, port } = await world.listen()
  const first = fetch(`${url}/other/poll`)
  while (dialect.waiting() < 1) await tick()
  dialect.wake('news')
  t.equal(await (await first).text(), 'news')
  t.match(await metricsOf(world), /rollcall_http_requests_total\{method="GET",route="\/other\/poll",code="200"\} 1/)
  t.notMatch(await metricsOf(world), /rollcall_http_request_duration_seconds_count\{method="GET",route="\/other\/poll"/)
  const leaving = await raw(t, port)
  leaving.write('GET /other/poll HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  while (dialect.waiting() < 1) await tick()
  leaving.destroy()
  while (dialect.waiting() > 0) await tick()
  const last = fetch(`${url}/other/poll`)
  while (dialect.waiting() < 1) await tick()
  const closed = world.http.close()
  t.equal(await (await last).text(), 'closing')
  await closed
})

t.test('only the path that a dialect names speaks WebSocket', async (t) => {
  const world = await build(t, { dialects: [otherDialect()] })
  const { port } = await world.listen()
  const socket = new WebSocket(`ws://127.0.0.1:${port}/other/socket`)
  await once(socket, 'open')
  socket.send('hello')
  const [answer] = await once(socket, 'message') as [Buffer]
  t.equal(answer.toString(), 'other hello')
  const watch = await world.connect()
  t.match(await watch.subscribe(1), { type: 'snapshot' })
  for (const path of ['/other/instances', '/v1/instances', '/other/socket/below', '/socket']) {
    const plain = await raw(t, port)
    plain.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`)
    const [text] = await once(plain, 'data') as [Buffer]
    t.match(text.toString(), /^HTTP\/1\.1 (?:200|404) /, `${path} is an ordinary request`)
  }
  const closed = once(socket, 'close')
  await world.http.close()
  t.equal((await closed)[0], 1001)
})

t.test('a dialect with a listener of its own is alone there, and opens and closes with the others', async (t) => {
  const dialect = otherDialect('', { host: '127.0.0.1', port: 0 })
  const world = await build(t, { dialects: [dialect] })
  const { url } = await world.listen()
  const [own = ''] = world.http.ownUrls.get('other') ?? []
  t.not(own, url)
  t.equal(await (await fetch(`${own}/instances`)).text(), '<instances/>')
  for (const path of ['/v1/instances', '/livez', '/metrics', '/openapi.json']) t.match(await (await fetch(`${own}${path}`)).text(), '<nothing at=', path)
  t.equal((await fetch(`${url}/instances`)).status, 404)
  t.equal((await fetch(`${url}/v1/instances`)).status, 200)
  const broken = await raw(t, Number(new URL(own).port))
  broken.write('\0\0\r\n\r\n')
  const [text] = await once(broken, 'data') as [Buffer]
  t.match(text.toString(), /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/xml.*<late>REG_INVALID<\/late>$/s)
  t.match(await metricsOf(world), /route="other:\/instances",code="200"\} 1/)
  const poll = fetch(`${own}/poll`)
  while (dialect.waiting() < 1) await tick()
  await world.http.close()
  t.equal(await (await poll).text(), 'closing')
  await t.rejects(fetch(`${own}/instances`))
  await t.rejects(fetch(`${url}/v1/instances`))
})

t.test('when a listener cannot be opened, closing ends the ones that are', async (t) => {
  const taken = await build(t)
  const { port } = await taken.listen()
  const world = await build(t, { dialects: [otherDialect('', { host: '127.0.0.1', port })] })
  await t.rejects(world.http.listen({ host: '127.0.0.1', port: 0 }), { code: 'EADDRINUSE', port })
  await world.http.close()
})

async function metricsOf ({ app }: HttpWorld): Promise<string> {
  return (await app.inject({ url: '/metrics', headers: { host } })).body
}

async function raw (t: Test, port: number): Promise<Socket> {
  const socket = connectSocket({ host: '127.0.0.1', port })
  socket.on('error', () => undefined) // the server may cut it
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  return socket
}
