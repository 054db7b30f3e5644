import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { maxJoinedBytes } from '../../server/http/server/limits.ts'
import { build, pathOf } from '../support/world.ts'

const url = '/v1/namespaces/shop/services/orders/endpoints'
const ids = (answer: { json: () => any }): string[] => answer.json().endpoints.map(({ id }: { id: string }) => id)

t.test('endpoints are those that callers may call, ordered by id', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/b', { address: '10.0.0.2' })
  await register('shop/orders/a', { address: '10.0.0.1' })
  await register('shop/orders/c', { address: '10.0.0.3', status: 'starting' })
  const answer = await send('GET', url)
  t.equal(answer.statusCode, 200)
  t.strictSame(ids(answer), ['a', 'b'])
  t.match(answer.json(), { namespace: 'shop', service: 'orders', failOpen: false, revision: /\.3$/ })
  t.equal(answer.headers.etag, `W/"${answer.json().revision}"`)
  t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
  t.strictSame(ids(await send('GET', `${url}?ready=false`)), ['c'])
  t.strictSame(ids(await send('GET', `${url}?ready=any`)), ['a', 'b', 'c'])
})

t.test('endpoints can be chosen by selector, zone, port name and port number', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', labels: { version: 'v1' }, zone: 'east', ports: [{ name: 'http', port: 80 }] })
  await register('shop/orders/b', { address: '10.0.0.2', labels: { version: 'v2' }, zone: 'west', ports: [{ name: 'grpc', port: 90 }] })
  for (const [query, expected] of [
    ['selector=version%3Dv2', ['b']], ['selector=!canary', ['a', 'b']], ['selector=rollcall.dev/service%3Dorders', ['a', 'b']], ['selector=', ['a', 'b']],
    ['zone=east', ['a']], ['port=grpc', ['b']], ['port=80', ['a']], ['zone=east&port=grpc', []]
  ] as const) t.strictSame(ids(await send('GET', `${url}?${query}`)), expected, query)
})

t.test('the same question is answered anew after a change, in every form', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', zone: 'east' })
  for (let round = 0; round < 20; round++) {
    await send('PATCH', pathOf('shop/orders/a'), { weight: round })
    for (const query of ['', ...Array.from({ length: 20 }, (_, index) => `?selector=a!%3D${index}`)]) {
      t.equal((await send('GET', url + query)).json().endpoints[0].weight, round)
    }
  }
})

t.test('304 answers a client that has the endpoints, whatever else changed', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  const etag = String((await send('GET', url)).headers.etag)
  await register('shop/payments/p')
  for (const header of [etag, `"x", ${etag}`, etag.slice(2), '*']) {
    const answer = await send('GET', url, undefined, { 'if-none-match': header })
    t.equal(answer.statusCode, 304, header)
    t.match(answer.headers, { etag, 'rollcall-revision': /\.2$/ })
  }
  await register('shop/orders/b')
  t.equal((await send('GET', url, undefined, { 'if-none-match': etag })).statusCode, 200)
})

t.test('when all are suspect they are answered all the same, and said to be', async (t) => {
  const { send, register, registry, clock } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', lease: { ttlMs: 1_000 } })
  await register('shop/orders/b', { address: '10.0.0.2', status: 'down' })
  clock.advance(1_001)
  await registry.sweep()
  const answer = await send('GET', url)
  t.equal(answer.json().failOpen, true)
  t.strictSame(ids(answer), ['a'])
})

t.test('a long poll is answered by the next change of the service, and by no other', async (t) => {
  const { send, register, registry } = await build(t)
  const first = await register('shop/orders/a')
  const poll = send('GET', `${url}?after=${first.revision}&wait=60s`)
  await untilWatched(registry)
  await register('shop/payments/p')
  t.equal(registry.watches.count, 1, 'it still waits')
  await register('shop/orders/b')
  const answer = await poll
  t.strictSame(ids(answer), ['a', 'b'])
  t.equal(registry.watches.count, 0)
})

t.test('a long poll is answered at once if the service changed since', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  await register('shop/orders/b')
  t.strictSame(ids(await send('GET', `${url}?after=1`)), ['a', 'b'])
})

t.test('a long poll answers with the present endpoints when its time is up', async (t) => {
  const { send, register, registry, clock } = await build(t)
  await register('shop/orders/a', { lease: { ttlMs: 86_400_000 } })
  for (const [query, ms] of [['after=1&wait=10s', 10_000], ['after=1', 30_000], ['wait=500ms', 500]] as const) {
    const poll = send('GET', `${url}?${query}`)
    await untilWatched(registry)
    clock.advance(ms - 1)
    t.equal(registry.watches.count, 1)
    clock.advance(1)
    t.strictSame(ids(await poll), ['a'])
  }
})

t.test('a long poll ends when the service goes', async (t) => {
  const { send, register, registry } = await build(t)
  await register('shop/orders/a')
  const poll = send('GET', `${url}?after=1&wait=60s`)
  await untilWatched(registry)
  await send('DELETE', pathOf('shop/orders/a'))
  const answer = await poll
  t.equal(answer.statusCode, 404)
  t.equal(answer.json().code, 'REG_NAMESPACE_NOT_FOUND')
})

t.test('a long poll for an unknown service is 404 at once', async (t) => {
  const { send } = await build(t)
  t.equal((await send('GET', `${url}?after=0&wait=60s`)).statusCode, 404)
})

t.test('a long poll after a revision of another epoch is answered at once', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  t.strictSame(ids(await send('GET', `${url}?after=other.99&wait=60s`)), ['a'])
})

t.test('a long poll after a revision that this node has not reached waits for a newer one', async (t) => {
  const { send, register, registry } = await build(t)
  await register('shop/orders/a')
  const poll = send('GET', `${url}?after=2&wait=60s`)
  await untilWatched(registry)
  await register('shop/orders/b')
  await register('shop/orders/c')
  t.strictSame(ids(await poll), ['a', 'b', 'c'])
})

t.test('a long poll ends when its client goes away', async (t) => {
  const { register, registry, listen } = await build(t)
  await register('shop/orders/a')
  const { url: base } = await listen()
  const controller = new AbortController()
  const poll = fetch(`${base}${url}?after=1&wait=60s`, { signal: controller.signal })
  await untilWatched(registry)
  controller.abort()
  await t.rejects(poll)
  await until(() => registry.watches.count === 0)
})

t.test('a large answer is gzipped for those who ask, and still has its ETag', async (t) => {
  const { send, register } = await build(t)
  for (let index = 0; index < 10; index++) await register(`shop/orders/o-${index}`)
  const plain = await send('GET', url)
  t.notOk(plain.headers['content-encoding'])
  for (const header of ['gzip', 'br, gzip;q=0.5', '*', 'deflate,gzip']) {
    const answer = await send('GET', url, undefined, { 'accept-encoding': header })
    t.equal(answer.headers['content-encoding'], 'gzip', header)
    t.match(answer.headers, { etag: plain.headers.etag, vary: 'accept-encoding' })
    t.equal(gunzipSync(answer.rawPayload).toString(), plain.body)
  }
  for (const header of ['gzip;q=0', 'br', 'identity', 'gzip;q=0.0, br']) {
    t.notOk((await send('GET', url, undefined, { 'accept-encoding': header })).headers['content-encoding'], header)
  }
  const list = await send('GET', '/v1/instances', undefined, { 'accept-encoding': 'gzip' })
  t.equal(list.headers['content-encoding'], 'gzip')
  t.equal(JSON.parse(gunzipSync(list.rawPayload).toString()).items.length, 10)
})

t.test('the endpoints of a very large service are sent in pieces: the same text in each form, of one revision', async (t) => {
  const { send, register, listen } = await build(t)
  const count = 900 // of 300 bytes and more, so that they are not joined
  const padding = 'x'.repeat(200)
  await Promise.all(Array.from({ length: count }, (_, n) => register(`shop/orders/i-${String(n).padStart(4, '0')}`, {
    address: `10.1.${n >> 8}.${n & 255}`, labels: { one: padding.slice(0, 60), two: padding.slice(0, 60) }, ...(n % 10 === 0 ? { status: 'starting' as const } : {})
  })))
  const wanted = (kept: (n: number) => boolean): string[] => Array.from({ length: count }, (_, n) => n).filter(kept).map((n) => `i-${String(n).padStart(4, '0')}`)
  for (const [query, kept] of [['', (n) => n % 10 !== 0], ['?ready=any', () => true], ['?ready=false', (n) => n % 10 === 0]] as [string, (n: number) => boolean][]) {
    for (let again = 0; again < 2; again++) {
      const answer = await send('GET', url + query)
      t.strictSame(ids(answer), wanted(kept), query)
      t.equal(Number(answer.headers['content-length']), answer.rawPayload.length)
      t.equal(answer.rawPayload.length > maxJoinedBytes, query !== '?ready=false')
      t.equal(gunzipSync((await send('GET', url + query, undefined, { 'accept-encoding': 'gzip' })).rawPayload).toString(), answer.body)
      const head = await send('HEAD', url + query)
      t.match(head, { statusCode: 200, body: '', headers: { 'content-length': answer.headers['content-length'], etag: answer.headers.etag } })
    }
  }
  const etag = String((await send('GET', url)).headers.etag)
  t.equal((await send('GET', url, undefined, { 'if-none-match': etag })).statusCode, 304)
  await send('PATCH', pathOf('shop/orders/i-0455'), { weight: 77 })
  t.equal((await send('GET', url)).json().endpoints.find(({ id }: { id: string }) => id === 'i-0455').weight, 77)

  // Over a socket, read slowly, beside a change: it is the whole answer of one revision.
  const { port } = await listen()
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(`GET ${url} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
  await once(socket, 'readable')
  const pieces: Buffer[] = [socket.read() as Buffer]
  await send('PATCH', pathOf('shop/orders/i-0455'), { weight: 78 })
  for await (const piece of socket) pieces.push(piece as Buffer)
  const [head = '', body = ''] = Buffer.concat(pieces).toString().split('\r\n\r\n')
  t.equal(JSON.parse(body).endpoints.find(({ id }: { id: string }) => id === 'i-0455').weight, 77)
  t.match(head, new RegExp(`content-length: ${Buffer.byteLength(body)}`))
})

t.test('a small answer is not gzipped', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  t.notOk((await send('GET', url, undefined, { 'accept-encoding': 'gzip' })).headers['content-encoding'])
})

t.test('minRevision waits for the revision, on any read', async (t) => {
  const { send, register, registry } = await build(t)
  await register('shop/orders/a')
  for (const read of [url, '/v1/instances', '/v1/overview', '/v1/events', '/v1/prometheus/targets', '/v1/revisions/1', pathOf('shop/orders/a'), '/v1/namespaces/shop/services/orders']) {
    const next = registry.feed.revision + 1
    const answer = send('GET', `${read}${read.includes('?') ? '&' : '?'}minRevision=${next}`)
    await new Promise((resolve) => setImmediate(resolve))
    await register(`shop/orders/n-${next}`)
    t.match((await answer).headers['rollcall-revision'], new RegExp(`\\.${next}$`), read)
    t.equal((await answer).statusCode, 200)
  }
})

t.test('minRevision gives up after five seconds: 504, come back later', async (t) => {
  const { send, register, clock } = await build(t)
  await register('shop/orders/a')
  const answer = send('GET', `${url}?minRevision=99`)
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(5_000)
  t.equal((await answer).statusCode, 504)
  t.equal((await answer).json().code, 'REG_REVISION_TIMEOUT')
  t.equal((await answer).headers['retry-after'], '1')
})

t.test('minRevision of another epoch is refused', async (t) => {
  const { send, register } = await build(t)
  await register('shop/orders/a')
  t.equal((await send('GET', `${url}?minRevision=other.1`)).json().code, 'REG_CURSOR_INVALID')
})

async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

function untilWatched (registry: { readonly watches: { readonly count: number } }): Promise<void> {
  return until(() => registry.watches.count === 1)
}
