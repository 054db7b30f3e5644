// A registry, or what stands in for one, that sends anything: every byte is looked at, bounded, and answered by an
// error with a code.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import fc from 'fast-check'
import { isRollcallError, Rollcall, type Fetch } from '../../client-sdk/src/index.ts'
import { setting, typesOf } from './helpers.ts'

const reference = { service: 'orders', id: 'o-1' }
const answering = (body: unknown, status = 200, headers: Record<string, string> = {}): Fetch =>
  async () => (
    {
      status, headers: new Headers(headers), text: async () => (typeof body === 'string' ? body : JSON.stringify(body))
    }
  )

/** Every call that reads an answer. */
const calls: Readonly<Record<string, (rollcall: Rollcall) => Promise<unknown>>> = {
  register: (rollcall) => rollcall.register({ service: 'orders', port: 1 }, { waitMs: 1 }),
  resolve: (rollcall) => rollcall.resolve('orders'),
  resolveAll: (rollcall) => rollcall.resolveAll('orders'),
  endpoints: (rollcall) => rollcall.endpoints('orders'),
  instance: (rollcall) => rollcall.instance(reference),
  service: (rollcall) => rollcall.service('orders'),
  explain: (rollcall) => rollcall.explain(reference),
  pools: (rollcall) => rollcall.pools(),
  heartbeat: (rollcall) => rollcall.heartbeat([reference]),
  instances: (rollcall) => rollcall.instances().next(),
  services: (rollcall) => rollcall.services().next(),
  namespaces: (rollcall) => rollcall.namespaces().next(),
  apply: (rollcall) => rollcall.services.apply('kind: Namespace'),
  get: (rollcall) => rollcall.services.get('web'),
  list: (rollcall) => rollcall.services.list().next(),
  delete: (rollcall) => rollcall.services.delete('web')
}

t.test('an answer that is none of this call is refused with a code, by every call', async (t) => {
  const { another } = setting(t)
  for (const body of [
    { status: 'ok' }, {}, [], [[]], null, 1, 'text', '"text"', '', '{', { items: [{}] }, { endpoints: [null] },
    JSON.stringify({ toString: 1 }), '['.repeat(100_000)
  ]) {
    for (const [name, call] of Object.entries(calls)) {
      if (name === 'apply' && body === undefined) continue
      // an empty list is one
      const isList = Array.isArray(body) && body.length === 0 && (name === 'explain' || name === 'pools')
      const outcome = await call(another({ fetch: answering(body), WebSocket: null, timeoutMs: 100 })).then(
        () => 'passed', (error: unknown) => (isRollcallError(error) ? error.code : String(error))
      )
      t.equal(outcome, isList ? 'passed' : 'REGISTRY_BAD_ANSWER', `${name}: ${JSON.stringify(body)?.slice(0, 40)}`)
    }
  }
})

t.test('an address that would make another URL is refused', async (t) => {
  const { registry, another } = setting(t)
  registry.register('shop', 'orders', 'o-1', { address: '10.0.0.1', ports: [{ port: 80 }] })
  const good = await (
    await registry.fetch(
      'http://r/v1/namespaces/shop/services/orders/endpoints',
      { method: 'GET', headers: {}, signal: new AbortController().signal }
    )
  ).text()
  const cases: [string, string][] = [
    ['"10.0.0.1"', '"evil.com/@"'], ['"10.0.0.1"', '"10.0.0.1:80"'], ['"10.0.0.1"', '"::1]@evil"'], ['"10.0.0.1"', '17'], ['"10.0.0.1"', '{"toString":1}'],
    ['"port":80', '"port":"22#"'], ['"port":80', '"port":0'], ['"port":80', '"port":70000'], ['"port":80', '"port":1.5'], ['"weight":100', '"weight":-1'],
    ['"weight":100', '"weight":1e400'], ['"labels":{}', '"labels":{"a":{}}'], ['"conditions"', '"condition"'], [
      '"revision":"e1.1"', '"revision":"no cursor"'
    ]
  ]
  for (const [from, to] of cases) {
    t.ok(good.includes(from), from)
    await t.rejects(
      another({ fetch: answering(good.replace(from, to)), WebSocket: null }).resolve('orders'),
      { code: 'REGISTRY_BAD_ANSWER' }, to
    )
  }
  t.equal(
    (await another({ fetch: answering(good.replace('{', '{"news":[1],')), WebSocket: null }).resolve('orders')).url(),
    'http://10.0.0.1:80', 'a newer registry may say more'
  )
})

t.test('names that are none, or that would lead elsewhere, are refused before anything is sent', async (t) => {
  const { another } = setting(t)
  let sent = 0
  const rollcall = another({ fetch: async (url, init) => { sent++; return answering({})(url, init) } })
  const invalid = { code: 'REGISTRY_INVALID_ARGUMENT' }
  for (const name of [
    '..', '.', '', 'a/b', 'a\\b', 'a\nb', '\ud800', 'x'.repeat(300), undefined, null, 1, {}, [], Symbol.iterator
  ] as string[]) {
    for (const [field, call] of [
      ['id', () => rollcall.instance({ service: 'orders', id: name })], [
        'id', () => rollcall.deregister({ service: 'orders', id: name })
      ],
      ['service', () => rollcall.deregister({ service: name, id: 'o-1' })], [
        'id', () => rollcall.explain({ service: 'orders', id: name })
      ],
      ['id', () => rollcall.heartbeat([{ service: 'orders', id: name }])], [
        'service', () => rollcall.endpoints({ service: name })
      ],
      ['service', () => rollcall.resolve({ service: name })], ['service', () => rollcall.service({ service: name })],
      ['service', () => rollcall.services.delete({ service: name })], [
        'service', () => rollcall.services.get({ service: name })
      ],
      ['service', () => rollcall.call({ service: name }, async () => 1)], [
        'service', () => rollcall.register({ service: name })
      ]
    ] as [string, () => Promise<unknown>][]) await t.rejects(call(), invalid, `${field} ${String(name)}`)
    if (name !== undefined) {
      await t.rejects(rollcall.register({ service: 'orders', id: name }), invalid)
      await t.rejects(rollcall.register({ service: 'orders', namespace: name }), invalid)
      await t.rejects(rollcall.instance({ service: 'orders', id: 'o-1', namespace: name }), invalid)
    }
  }
  for (const target of [
    undefined, null, 5, [], {}, 'a.b.c', '.a', 'a.', '..'
  ] as string[]) await t.rejects(rollcall.resolve(target), invalid, String(target))
  for (const path of ['', 'v1/x', '//evil.com/', '@evil.com/', '/v1/../x', '/v1/%2e%2E/x', '/v1/x#y', '/v1\\x', '/v1/x y', 'http://evil.com/', undefined, {}, `/${'x'.repeat(9_000)}`] as string[]) {
    await t.rejects(rollcall.request(path), invalid, String(path))
  }
  t.equal(sent, 0)
})

t.test('nothing is called done that the answer does not say is done', async (t) => {
  const { registry, another, events } = setting(t)
  let wrong: Fetch | undefined
  const rollcall = another(
    {
      WebSocket: null, onEvent: (event) => events.push(event),
      fetch: (url, init) => (wrong ?? registry.fetch)(url, init)
    }
  )
  const registration = await rollcall.register({ service: 'orders', id: 'o-1' })
  for (wrong of [answering({ status: 'ok' }), answering('<html>not here</html>', 404)]) {
    await t.rejects(rollcall.deregister(reference), { code: 'REGISTRY_BAD_ANSWER' })
    await t.rejects(registration.deregister(), { code: 'REGISTRY_BAD_ANSWER' })
    await t.rejects(registration.setStatus('down'), { code: /REGISTRY_(?:BAD_ANSWER|CLOSED)/ })
  }
  t.notOk(typesOf(events).includes('deregistered'))
  wrong = undefined
  await registration.deregister()
  t.strictSame(registry.instances, [])
})

t.test('a list that never ends is one that repeats itself', async (t) => {
  const { another } = setting(t)
  const page = { revision: 'e1.1', items: [], next: 'again' }
  await t.rejects(
    another({ fetch: answering(page) }).instances().next(), { code: 'REGISTRY_BAD_ANSWER', message: /for ever/ }
  )
})

t.test('a long poll that says nothing new at once is not asked again at once', async (t) => {
  const { clock, another } = setting(t)
  let polls = 0
  const rollcall = another({
    WebSocket: null,
    fetch: async (url, init) => {
      polls++
      return answering(
        { namespace: 'shop', service: 'orders', revision: 'e1.1', failOpen: false, endpoints: [] }
      )(url, init)
    }
  })
  await rollcall.resolveAll('orders')
  await clock.advance(60_000)
  t.ok(polls < 60, `${polls} polls in a minute`)
})

t.test('a problem document with anything in it is an error with a code', async (t) => {
  const { another } = setting(t)
  for (const body of [
    { code: 'REG_X', detail: 'x', errors: 'none' }, { code: 'REG_X', detail: 'x', errors: [null, 1, { field: 1 }] },
    { code: 'x'.repeat(10_000), detail: 'x'.repeat(1_000_000) }
  ]) {
    const error: unknown = await another(
      { fetch: answering(body, 400) }
    ).instance(reference).catch((thrown: unknown) => thrown)
    t.ok(isRollcallError(error) && error.errors.length === 0 && error.message.length < 5_000)
  }
  for (const body of [{ code: 1, detail: 'x' }, { code: 'x' }, null, []]) {
    await t.rejects(
      another({ fetch: answering(body, 400) }).instance(reference), { code: 'REGISTRY_BAD_ANSWER', status: 400 }
    )
  }
})

t.test('frames without fields, of unknown kinds, of wrong types: an event, and the watch goes on', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const watch = rollcall.watch()
  await watch.next()
  const whole = {
    type: 'change', id: 1, revision: 'e1.9', kind: 'instance', event: 'put', reason: 'registered', at: '',
    instance: registry.register('shop', 'a', 'a-0')
  }
  await watch.next()
  const bad: unknown[] = [
    { type: 'change', id: 1 }, { ...whole, instance: undefined }, {
      ...whole, instance: { id: 'x' }
    }, { ...whole, revision: 5 }, { ...whole, event: 'maybe' }, { type: 'snapshot', id: 1, revision: 'e1.1' },
    { type: 'snapshot', id: 1, revision: 'e1.1', instances: [null] }, { type: 'bookmark', id: 1 }, { type: 'reset', id: 1 }, { type: 'heartbeat', id: 2 }, { type: 'error' }, { type: 'goodbye' },
    { type: 'hello' }, { type: 'hello', pingMs: -1, stale: false }, { type: 7 }, {}, [], 'text'
  ]
  for (const frame of bad) {
    registry.broadcast(JSON.stringify(frame))
    await clock.advance(40_000)
  }
  t.equal(
    events.filter(
      (event) => event.type === 'error' && isRollcallError(event.error) && event.error.code === 'REGISTRY_BAD_ANSWER'
    ).length,
    bad.length
  )
  events.length = 0
  for (const frame of [
    { type: 'from-the-future', x: 1 }, { ...whole, kind: 'unheard-of' }, { type: 'toString' }, { type: '__proto__' },
    { type: 'change', id: 99 }
  ]) registry.broadcast(JSON.stringify(frame))
  registry.register('shop', 'a', 'a-1')
  await clock.settle()
  t.match((await watch.next()).value, { type: 'put', instance: { id: 'a-1' } })
  t.strictSame(typesOf(events), [])
})

t.test('a registry that sends nonsense again and again is tried slower and slower', async (t) => {
  const { registry, clock, another } = setting(t)
  let opened = 0
  const Base = registry.WebSocket
  const rollcall = another({
    WebSocket: class extends Base {
      constructor (url: string) {
        super(url)
        opened++
        this.addEventListener('open', () => registry.broadcast('nonsense'))
      }
    }
  })
  const watch = rollcall.watch()
  await clock.advance(60_000)
  t.ok(opened > 5 && opened < 40, `${opened} connections in a minute`)
  await watch.return()
})

t.test('any frame at all ends neither the process nor the watch', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch()
  await watch.next()
  const junk = fc.oneof(
    fc.string(), fc.json(),
    fc.record(
      {
        type: fc.constantFrom(
          'snapshot', 'change', 'bookmark', 'reset', 'heartbeat', 'error', 'hello', 'stale', 'goodbye'
        ),
        id: fc.constantFrom(1, 2, 'x')
      }
    ).map((frame) => JSON.stringify(frame))
  )
  for (const frame of fc.sample(junk, 200)) {
    registry.broadcast(frame)
    await clock.advance(31_000)
  }
  registry.register('shop', 'a', 'last')
  for await (const event of watch) if (event.type === 'put' && event.instance.id === 'last') break
})

/** A server of real sockets that answers as the test says. */
async function server (
  t: { teardown (action: () => unknown): void }, listener: Parameters<typeof createServer>[1]
): Promise<{ server: Server, address: string }> {
  const server = createServer(listener)
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('an answer beyond the limit is not read: announced, streamed without an end, or packed', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))
  const { address } = await server(t, (request, response) => {
    if (request.url === '/announced') {
      response.writeHead(200, { 'content-length': 2 ** 31 })
      response.write('[')
    } else if (request.url === '/endless') {
      const more = (): void => { while (response.write(' '.repeat(65_536))); }
      response.on('drain', more)
      more()
    } else {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(bomb)
    }
  })
  const rollcall = new Rollcall({ address, maxAnswerBytes: 1_000_000, warn: null })
  t.teardown(() => rollcall.close())
  const before = process.memoryUsage().rss
  for (const path of ['/announced', '/endless', '/packed']) {
    await t.rejects(
      rollcall.request(path), { code: 'REGISTRY_ANSWER_TOO_LARGE', message: /longer than 1000000 bytes/ }, path
    )
  }
  t.ok(process.memoryUsage().rss - before < 60_000_000)
})

t.test('a redirect leads to a known address only, and carries no body where the answer did not say so', async (t) => {
  const seen: string[] = []
  const other = await server(t, (request, response) => {
    seen.push(`other ${request.method} ${request.url} ${request.headers.authorization ?? ''}`)
    response.end('{"at":"other"}')
  })
  const first = await server(t, (request, response) => {
    seen.push(`first ${request.method} ${request.url}`)
    const [, status = '', kind = ''] = request.url?.split('/') ?? []
    const target = {
      known: other.address, stranger: 'http://localhost:9', user: other.address.replace('//', '//u:p@'),
      prefix: `${other.address}0`
    }[kind] ?? ''
    response.writeHead(
      Number(status), { location: kind === 'loop' ? request.url : kind === 'nowhere' ? 'http://' : `${target}/moved` }
    )
    response.end()
  })
  const rollcall = new Rollcall(
    { address: [first.address, other.address], prefer: 'first', token: 'secret', warn: null }
  )
  t.teardown(() => rollcall.close())
  t.match(await rollcall.request('/302/known'), { body: { at: 'other' } })
  t.match(await rollcall.request('/307/known', { method: 'PUT', body: { a: 1 } }), { body: { at: 'other' } })
  t.strictSame(
    seen.filter((each) => each.startsWith('other')),
    ['other GET /moved Bearer secret', 'other PUT /moved Bearer secret']
  )
  const bad = { code: 'REGISTRY_BAD_ANSWER' }
  for (const path of [
    '/302/stranger', '/307/stranger', '/307/user', '/307/prefix', '/302/loop', '/302/nowhere'
  ]) await t.rejects(rollcall.request(path), bad, path)
  for (const status of [301, 302, 303]) await t.rejects(rollcall.request(`/${status}/known`, {
    method: 'PUT', body: { secret: 1 }
  }), bad, String(status))
  await t.rejects(rollcall.request('/308/stranger', { method: 'PUT', body: { secret: 1 } }), bad)
  t.equal(seen.filter((each) => each.startsWith('other')).length, 2)
})

t.test('what may be secret is in no error', async (t) => {
  for (const options of [
    { token: 'geheim\nX: y' }, { token: 'geheim geheim' }, { address: 'http://user:geheim@host' },
    { address: 'http:/geheim@host' }, { address: ['http://a', 'http://b?geheim'] }, { address: 'redis://geheim@x' }
  ]) {
    const error: unknown = (() => { try { return new Rollcall(options) } catch (thrown) { return thrown } })()
    t.match(error, { code: 'REGISTRY_INVALID_ARGUMENT' })
    t.notMatch(String((error as Error).message) + JSON.stringify((error as { errors: unknown }).errors), 'geheim')
  }
})
