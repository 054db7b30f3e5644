import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { selfSigned } from '../support/certificate.ts'
import { standaloneGuard } from '../../server/guard.ts'
import type { ListenAddress } from '../../server/listen-addresses.ts'
import { listen } from '../../server/http/server/listener.ts'
import { otherDialect } from './other-dialect.ts'
import { build } from '../support/world.ts'

const of = (...addresses: readonly string[]) => async (): Promise<ListenAddress[]> =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

t.test('a server listens on all addresses of a name, on one port, and names all of them', async (t) => {
  const { app } = await build(t)
  const both = await listen(app, standaloneGuard, { host: 'registry.example', port: 0 }, of('127.0.0.1', '127.0.0.2', '::1'))
  t.teardown(() => both.close())
  const ports = new Set(both.urls.map((url) => new URL(url).port))
  t.equal(ports.size, 1)
  const [port] = ports
  t.strictSame(both.urls, [`http://127.0.0.1:${port}`, `http://127.0.0.2:${port}`, `http://[::1]:${port}`])
  for (const url of both.urls) t.equal((await fetch(`${url}/livez`, { headers: { connection: 'close' } })).status, 200, url)
})

t.test('localhost is all of its addresses', async (t) => {
  const { http } = await build(t)
  const urls = await http.listen({ host: 'localhost', port: 0 })
  t.ok(urls.length >= 1)
  for (const url of urls) t.equal((await fetch(`${url}/livez`)).status, 200, url)
})

t.test('an address that this machine has not is left out, beside one that it has', async (t) => {
  const { app } = await build(t)
  const one = await listen(app, standaloneGuard, { host: 'registry.example', port: 0 }, of('192.0.2.1', '127.0.0.1'))
  t.teardown(() => one.close())
  t.match(one.urls, [/^http:\/\/127\.0\.0\.1:\d+$/])
  await t.rejects(listen(app, standaloneGuard, { host: '192.0.2.1', port: 0 }), { code: 'EADDRNOTAVAIL' })
})

t.test('if one of the addresses is in use, the server listens on none', async (t) => {
  const { app } = await build(t)
  const taken = await listen(app, standaloneGuard, { host: '127.0.0.2', port: 0 })
  t.teardown(() => taken.close())
  const port = Number(new URL(taken.urls[0] ?? '').port)
  await t.rejects(listen(app, standaloneGuard, { host: 'registry.example', port }, of('127.0.0.1', '127.0.0.2')), { code: 'EADDRINUSE', address: '127.0.0.2' })
  await t.rejects(once(connectSocket({ host: '127.0.0.1', port }), 'connect'), { code: 'ECONNREFUSED' })
})

t.test('a client may close its side as soon as it has asked', async (t) => {
  const { listen: open } = await build(t)
  const { host, port } = await open()
  const socket = connectSocket({ host, port, allowHalfOpen: true })
  socket.end('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  const [text] = await once(socket, 'data') as [Buffer]
  t.match(text.toString(), /^HTTP\/1\.1 200 OK/)
  socket.destroy()
})

t.test('a listener with a certificate speaks TLS, with the same limits', async (t) => {
  const { key, cert } = selfSigned()
  const world = await build(t, { dialects: [otherDialect('', { host: '127.0.0.1', port: 0, tls: { key, cert } })], timeouts: { headersMs: 150, requestMs: 300, checkMs: 20 } })
  await world.listen()
  const [url = ''] = world.http.ownUrls.get('other') ?? []
  t.match(url, /^https:\/\/127\.0\.0\.1:\d+$/)
  for (const [sent, expected] of [['GET /instances HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200 OK.*<instances\/>$/s], ['GET / HT', /^HTTP\/1\.1 408 Request Timeout.*<late>REG_REQUEST_TIMEOUT<\/late>$/s]] as const) {
    const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(url).port), ca: cert, servername: 'localhost', checkServerIdentity: () => undefined })
    let text = ''
    socket.on('data', (chunk: Buffer) => { text += chunk.toString() })
    await once(socket, 'secureConnect')
    socket.write(sent)
    await once(socket, 'close')
    t.match(text, expected)
  }
})
