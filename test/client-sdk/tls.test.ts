// The SDK with a CA and a certificate of one's own: calls and the watch, and a sentence for each way in which TLS fails.
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TlsOptions as ServerOptions, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { Rollcall, type RollcallEvent, type RollcallOptions, tlsNetwork } from '../../client-sdk/src/index.ts'
import { readFrames } from '../../client-sdk/src/frames.ts'
import { TlsMaterial } from '../../client-sdk/src/tls-material.ts'
import type { ListenerTls } from '../../server/http/server/dialect.ts'
import { authority, selfSigned } from '../support/certificate.ts'
import { type HttpWorld, build } from '../support/world.ts'

const ours = authority()
const server = ours.issue()
const mine = ours.issue({ name: 'orders' })
type Test = Parameters<typeof build>[0] & { testdir (): string }

async function secure (t: Test, tls: Partial<ListenerTls> = {}): Promise<HttpWorld & { readonly url: string }> {
  const world = await build(t)
  const [url = ''] = await world.http.listen({ host: '127.0.0.1', port: 0, tls: { ...server, ...tls } })
  return { ...world, url }
}

function client (t: Test, options: RollcallOptions): Rollcall {
  const rollcall = new Rollcall({ namespace: 'shop', signals: false, warn: null, ...options })
  t.teardown(() => rollcall.close())
  return rollcall
}

t.test('calls, watches and sessions go by TLS with a CA and a certificate, given as text or as files', async (t) => {
  const directory = t.testdir()
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const asFiles = { ca: file('ca', ours.cert), cert: file('cert', mine.cert), key: file('key', mine.key) }
  for (const given of [{ ca: ours.cert, ...mine }, asFiles]) {
    const { url, registry } = await secure(t, { ca: ours.cert, clientCert: 'require' })
    const opened: RollcallEvent[] = []
    const rollcall = client(t, { address: url, ...given, onEvent: (event) => opened.push(event) })
    const watch = rollcall.watch({ service: 'orders' })
    const registration = await rollcall.register({ service: 'orders', id: 'a', address: '10.0.0.1', port: 80, session: true, metadata: { text: 'é'.repeat(2_000) } })
    for await (const event of watch) if (event.type === 'snapshot' && event.instances.length === 1) break
    t.equal((await rollcall.resolve('orders')).address, '10.0.0.1')
    while (!opened.some(({ type }) => type === 'session')) await new Promise((resolve) => setImmediate(resolve))
    t.equal(registry.catalog.size, 1)
    await registration.deregister()
    t.equal(registry.catalog.size, 0)
    await rollcall.close()
  }
})

t.test('a large snapshot comes whole over the socket', async (t) => {
  const world = await secure(t)
  const metadata = { text: 'x'.repeat(15_000) }
  for (let n = 0; n < 200; n++) await world.register(`shop/orders/i-${n}`, { address: '10.0.0.1', metadata })
  const rollcall = client(t, { address: world.url, ca: ours.cert })
  for await (const event of rollcall.watch({ service: 'orders' })) {
    if (event.type !== 'snapshot') continue
    t.equal(event.instances.length, 200)
    t.same(event.instances[0]?.metadata, metadata)
    break
  }
})

/** A server of TLS that is no registry. */
async function bare (t: Test, options: ServerOptions): Promise<string> {
  const tls = createTlsServer({ ...server, ...options }, (socket) => { socket.on('error', () => undefined).resume() })
  tls.listen(0, '127.0.0.1')
  await once(tls, 'listening')
  t.teardown(() => { tls.close() })
  return `https://127.0.0.1:${(tls.address() as AddressInfo).port}`
}

t.test('each way in which TLS fails has a sentence, for calls and for the socket', async (t) => {
  const { url, listen } = await secure(t, { ca: ours.cert, clientCert: 'require' })
  const [plain, open] = [(await listen()).url, { ca: ours.cert, ...mine }]
  const now = Date.now()
  const served = async (options: Parameters<typeof ours.issue>[0]): Promise<string> => await bare(t, ours.issue(options))
  const strict = { requestCert: true, rejectUnauthorized: true, ca: ours.cert }
  const table: readonly (readonly [string, string, RollcallOptions, string, RegExp])[] = [
    ['an unknown CA', url, { ca: authority('Another').cert }, 'REGISTRY_TLS', /its certificate is of a CA that is not trusted here: name the file of that CA with ca/],
    ['an expired certificate', await served({ fromMs: now - 9_000_000, untilMs: now - 5_000_000 }), open, 'REGISTRY_TLS', /has expired/],
    ['one of tomorrow', await served({ fromMs: now + 5_000_000, untilMs: now + 9_000_000 }), open, 'REGISTRY_TLS', /is not valid yet/],
    ['another name', await served({ names: ['registry.example'] }), open, 'REGISTRY_TLS', /is for other names .*registry\.example/],
    ['TLS on a plain port', plain.replace('http:', 'https:'), open, 'REGISTRY_TLS', /it speaks no TLS there/],
    ['plain HTTP on a port of TLS', url.replace('https:', 'http:'), {}, 'REG_TLS_REQUIRED', /ask with https:/],
    ['no certificate', url, { ca: ours.cert }, 'REG_CERTIFICATE_REFUSED', /takes only clients that show a certificate/],
    ['a certificate of another CA', url, { ca: ours.cert, ...authority('Another').issue() }, 'REG_CERTIFICATE_REFUSED', /of no CA that this listener trusts/],
    ['no certificate, at a strict server', await bare(t, strict), { ca: ours.cert }, 'REGISTRY_TLS', /it wants a certificate of this client, and there is none to show/],
    ['a protocol that is too old', await bare(t, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }), open, 'REGISTRY_TLS', /no version of TLS in common/]
  ]
  for (const [what, address, options, code, says] of table) {
    await t.rejects(client(t, { address, timeoutMs: 3_000, ...options }).request('/v1/namespaces', { rounds: 1 }), { code, message: says }, what)
    if (code !== 'REGISTRY_TLS') continue
    const { WebSocket } = tlsNetwork({ ca: options.ca, cert: options.cert, key: options.key })
    const socket = new WebSocket(`${address.replace(/^http/, 'ws')}/v1/watch`)
    const message = await new Promise((resolve) => {
      socket.addEventListener('error', (event) => resolve(event.message))
      socket.addEventListener('close', (event) => resolve(event.reason))
    })
    t.match(message, says, `${what}, socket`)
  }
})

t.test('a watch tells why TLS fails, also without a CA of its own', async (t) => {
  const { url } = await secure(t)
  const { promise, resolve } = Promise.withResolvers<Error>()
  const rollcall = client(t, { address: [url, url.replace('127.0.0.1', 'localhost')], onEvent: (event) => { if (event.type === 'failover') resolve(event.error) } })
  const watch = rollcall.watch({ service: 'orders' })
  t.match(await promise, { message: /its certificate is of a CA that is not trusted here/ })
  await watch.return()
})

t.test('a node whose certificate is wrong is passed over for one whose certificate is right', async (t) => {
  const good = await secure(t)
  const bad = await bare(t, authority('Another').issue())
  const rollcall = client(t, { address: [bad, good.url], prefer: 'first', ca: ours.cert })
  t.equal((await rollcall.request('/v1/namespaces')).status, 200)
})

t.test('options that cannot have an effect, or are no use, are refused, and never shown', async (t) => {
  const address = 'https://127.0.0.1:1'
  const secret = selfSigned().key
  const table: readonly (readonly [RollcallOptions, RegExp])[] = [
    [{ address: 'http://127.0.0.1:1', ca: ours.cert }, /are for https addresses, and there is none/],
    [{ address, ca: ours.cert, fetch }, /no effect beside fetch or WebSocket/],
    [{ address, cert: mine.cert }, /cert needs key too/],
    [{ address, key: mine.key }, /key needs cert too/],
    [{ address, cert: mine.cert, key: secret }, /cert and key must be a certificate and its key in PEM form/],
    [{ address, ca: '/nowhere/ca.pem' }, /ca must be a PEM text, or name a file that can be read \(ENOENT\)/],
    [{ address, ca: secret }, /ca must hold one or several certificates/],
    [{ address, ca: 7 as unknown as string }, /ca must be a PEM text, or the name of a file; its value is not shown/]
  ]
  for (const [options, says] of table) {
    t.throws(() => new Rollcall(options), { code: 'REGISTRY_INVALID_ARGUMENT', message: says })
    try { new Rollcall(options) } catch (error) { t.notOk(String(error).includes(secret.slice(40, 80)) || String(error).includes('/nowhere')) }
  }
})

t.test('files that change are read again, and those that are no use at the moment are left', async (t) => {
  const directory = t.testdir()
  const [cert, key] = [join(directory, 'cert'), join(directory, 'key')]
  const put = (pair: { cert: string, key: string }): void => {
    writeFileSync(cert, pair.cert)
    writeFileSync(key, pair.key)
  }
  put(mine)
  let now = 0
  const material = new TlsMaterial({ cert, key }, () => now)
  const { agent } = material
  t.equal(material.texts.cert, mine.cert)
  const next = ours.issue({ name: 'renewed' })
  writeFileSync(cert, next.cert)
  now += 1_000
  t.equal(material.texts.cert, mine.cert, 'the key is not there yet')
  t.equal(material.agent, agent)
  put(next)
  t.equal(material.texts.cert, mine.cert, 'and it is looked at once a second')
  now += 1_000
  t.equal(material.texts.cert, next.cert)
  t.not(material.agent, agent)
  chmodSync(cert, 0o600)
})

t.test('a call that finds its kept connection closed is sent again', async (t) => {
  const { createServer: createSecure } = await import('node:https')
  let requests = 0
  const https: Server = createSecure(server, (request, response) => {
    requests++
    if (requests === 2) return void request.socket.destroy()
    response.end('{}')
  })
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  t.teardown(() => { https.close() })
  const rollcall = client(t, { address: `https://127.0.0.1:${(https.address() as AddressInfo).port}`, ca: ours.cert })
  t.equal((await rollcall.request('/a', { rounds: 1 })).status, 200)
  t.equal((await rollcall.request('/b', { rounds: 1 })).status, 200)
  t.equal(requests, 3)
})

t.test('a call over TLS is aborted, and an answer that is too large is not read', async (t) => {
  const http = createServer((_request, response) => { response.end('x') })
  t.teardown(() => { http.close() })
  const world = await secure(t)
  for (let n = 0; n < 20; n++) await world.register(`shop/orders/i-${n}`, { address: '10.0.0.1', metadata: { text: 'x'.repeat(10_000) } })
  const rollcall = client(t, { address: world.url, ca: ours.cert, maxAnswerBytes: 50_000 })
  await t.rejects(rollcall.request('/v1/instances', { query: { namespace: 'shop' } }), { code: 'REGISTRY_ANSWER_TOO_LARGE' })
  const controller = new AbortController()
  const poll = rollcall.request(`/v1/namespaces/shop/services/orders/endpoints?after=${world.registry.position.cursor}&wait=60s`, { signal: controller.signal, waitMs: 60_000 })
  const before = world.clock.waiting
  while (world.clock.waiting === before) await new Promise((resolve) => setImmediate(resolve))
  controller.abort(new Error('enough'))
  await t.rejects(poll, /enough/)
})

t.test('frames are read from pieces of any size, and what is none ends the reading', async (t) => {
  const told: string[] = []
  const calls = {
    text: (text: string) => { told.push(text) }, ping: (payload: Buffer) => { told.push(`ping ${payload.toString()}`) },
    close: (reason: string) => { told.push(`close ${reason}`) }, fault: (code: number, says: string) => { told.push(`fault ${code} ${says}`) }
  }
  const long = 'é'.repeat(40_000)
  const bytes = Buffer.concat([
    Buffer.from([0x81, 5]), Buffer.from('hello'), Buffer.from([0x01, 2]), Buffer.from('he'), Buffer.from([0x89, 1]), Buffer.from('p'), Buffer.from([0x80, 2]), Buffer.from('yo'),
    Buffer.from([0x81, 126, 1, 0]), Buffer.from('m'.repeat(256)), Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 1, 0x38, 0x80]), Buffer.from(long), Buffer.from([0x88, 5, 3, 0xe8]), Buffer.from('bye'),
    Buffer.from([0x81, 1, 65])
  ])
  for (const size of [1, 2, 7, 1_000, bytes.length]) {
    told.length = 0
    const take = readFrames(100_000, calls)
    for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size))
    t.strictSame(told, ['hello', 'ping p', 'heyo', 'm'.repeat(256), long, 'close bye'], `pieces of ${size}`)
  }
  const faults: readonly (readonly [number[], RegExp])[] = [
    [[0x82, 1, 65], /^fault 1002/], [[0xc1, 1, 65], /^fault 1002/], [[0x81, 0x81, 0, 0, 0, 0, 65], /^fault 1002/], [[0x80, 1, 65], /^fault 1002/], [[0x09, 0], /^fault 1002/],
    [[0x89, 126, 0, 200], /^fault 1002/], [[0x81, 126, 0x20, 0], /^fault 1009/], [[0x81, 1, 0xff], /^fault 1007/], [[0x01, 1, 65, 0x81, 1, 65], /^fault 1002/],
    [[0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], /^fault 1009/]
  ]
  for (const [frame, says] of faults) {
    told.length = 0
    const take = readFrames(1_000, calls)
    take(Buffer.from(frame))
    take(Buffer.from([0x81, 1, 65]))
    t.equal(told.length, 1)
    t.match(told[0], says)
  }
})
