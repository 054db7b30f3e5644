// Registrations and heartbeats that are answered ahead of routing, against the route: the same status, headers and body, whatever is sent
// and whatever the state of the node and of its store is.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { RegistryError } from '../../server/errors.ts'
import { QuickWrites } from '../../server/http/api/quick-writes.ts'
import { maxQuickBodyBytes } from '../../server/http/server/limits.ts'
import type { Store } from '../../server/store/store.ts'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

type Headers = Readonly<Record<string, string | undefined>>

interface Seen {
  readonly status: number | undefined
  readonly headers: readonly string[]
  readonly body: unknown
}

/** Sends over a real connection; an injected request would not be seen ahead of routing. */
async function sender (t: Test, world: HttpWorld) {
  const { host, port } = await world.listen()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const send = async (method: string, path: string, body?: string | Buffer, headers: Headers = {}): Promise<Seen> => {
    const all = { ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }), ...headers }
    const given = Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
    const call = request({ host, port, agent, method, path, headers: given })
    call.end(body)
    const [answer] = await once(call, 'response') as [IncomingMessage]
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    const { rawHeaders } = answer
    const shown = rawHeaders.flatMap((name, at) => (at % 2 === 0 && name !== 'Date' ? [`${name}: ${rawHeaders[at + 1]}`] : []))
    return { status: answer.statusCode, headers: shown, body: text === '' ? '' : JSON.parse(text) }
  }
  await send('GET', '/livez') // the host is let in
  return send
}

/** Which requests were taken ahead of routing, and a switch that sends all of them to the route. */
function watched (t: Test): { taken: number, isOff: boolean } {
  const state = { taken: 0, isOff: false }
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the `this` of each call
  const { answer } = QuickWrites.prototype
  QuickWrites.prototype.answer = function (...given): boolean {
    const isTaken = !state.isOff && answer.apply(this, given)
    if (isTaken) state.taken++
    return isTaken
  }
  t.teardown(() => { QuickWrites.prototype.answer = answer })
  return state
}

/** What differs between two writes of the same, one after the other: revisions, and ids that nobody chose. */
function alike ({ status, headers, body }: Seen): Seen {
  const without = (text: string): string => text.replace(/\b([0-9a-f]{12})\.\d+/g, '$1').replace(/^content-length: \d+$/i, 'content-length')
  const told = JSON.parse(without(JSON.stringify(body))) as unknown
  const plain = typeof told === 'object' && told !== null ? { ...told, revision: 0, createdAt: '', updatedAt: '' } : told
  if (typeof plain === 'object' && plain !== null && 'generation' in plain && typeof plain.generation === 'string' && plain.generation.length === 8) plain.generation = 'chosen by the registry'
  return { status, headers: headers.map(without), body: plain }
}

/** Does the same on the route and ahead of it, each on what `reset` leaves. */
function comparer (t: Test, send: Awaited<ReturnType<typeof sender>>, state: ReturnType<typeof watched>) {
  const reset = async (path: string): Promise<void> => {
    state.isOff = true
    for (const each of [pathOf('shop/web/new'), path]) await send('DELETE', each)
    await send('PUT', pathOf('shop/web/known'), JSON.stringify({ address: '10.0.0.9', generation: 'g1' }))
  }
  return async (...call: Parameters<typeof send>): Promise<{ readonly seen: Seen, readonly isTaken: boolean }> => {
    await reset(call[1])
    const byRoute = await send(...call)
    await reset(call[1])
    state.isOff = false
    const { taken } = state
    const seen = await send(...call)
    const says = `${call[0]} ${call[1].slice(0, 120)} ${String(call[2] ?? '').slice(0, 120)} ${JSON.stringify(call[3] ?? {})}`
    t.strictSame(alike(seen), alike(byRoute), says)
    return { seen, isTaken: state.taken > taken }
  }
}

const fresh = pathOf('shop/web/new')
const known = pathOf('shop/web/known')
const body = JSON.stringify({ address: '10.0.0.1', ports: [{ name: 'http', port: 80 }], labels: { b: '2', a: '1' }, metadata: { text: 'ä "quoted" \\ text' }, generation: 'g2', zone: 'east' })
const same = JSON.stringify({ address: '10.0.0.9', generation: 'g1' })

t.test('every combination of headers is answered as the route does', async (t) => {
  const world = await build(t)
  const state = watched(t)
  const send = await sender(t, world)
  const compare = comparer(t, send, state)
  const { host, port } = await world.listen()
  const choices: Readonly<Record<string, readonly (string | undefined)[]>> = {
    host: [`${host}:${port}`, 'evil.example.com'],
    'content-type': ['application/json', 'application/json; charset=utf-8', 'Application/JSON', 'text/plain'],
    'accept-encoding': [undefined, 'gzip'],
    origin: [undefined, 'https://evil.example.com'],
    authorization: [undefined, 'Bearer token'],
    'if-match': [undefined, '*'],
    'x-forwarded-for': [undefined, '10.9.9.9']
  }
  const all = Object.entries(choices).reduce<Headers[]>(
    (made, [name, values]) => made.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))), [{}]
  )
  let taken = 0
  for (const headers of all) {
    for (const [path, text] of [[known, same], [`${known}/heartbeat`, '{}']] as const) {
      const { isTaken } = await compare('PUT', path, text, headers)
      const mayBe = headers.host !== 'evil.example.com' && headers['content-type'] === 'application/json' && headers.origin === undefined &&
        headers['if-match'] === undefined && headers['x-forwarded-for'] === undefined
      if (isTaken !== mayBe) t.fail(`taken: ${isTaken}, not ${mayBe}: ${path} ${JSON.stringify(headers)}`)
      if (isTaken) taken++
    }
  }
  t.equal(taken, 8)
})

t.test('every body, name and odd request is answered as the route does', async (t) => {
  const world = await build(t)
  const state = watched(t)
  const compare = comparer(t, await sender(t, world), state)
  const wrong = [
    '', '{', 'null', '[]', '"text"', '7', '{"address":"10.0.0.1","address":"10.0.0.2"}', '{"__proto__":{}}', '{"adress":"10.0.0.1"}', '{"address":"nowhere"}', '{"address":"127.0.0.1"}', '{"ports":[{"port":0}]}',
    '{"generation":9007199254740993}', '{"weight":-1}', '{"labels":{"rollcall.dev/x":"y"}}', '{"lease":{"ttlMs":1}}', `{"metadata":{"a":"${'x'.repeat(20_000)}"}}`, Buffer.from([0x7b, 0xff, 0x7d]), '{}'
  ]
  for (const text of [body, same, ...wrong]) for (const path of [fresh, known]) await compare('PUT', path, text)
  const beats = ['{}', '{"generation":"g1"}', '{"generation":"other"}', '{"status":"draining"}', '{"load":{"cpu":{"value":1}}}', '{"load":{"cpu":{"value":"x"}}}', '{"status":"odd"}', '{"id":"other"}', 'null', '']
  for (const text of beats) for (const path of [fresh, known]) await compare('PUT', `${path}/heartbeat`, text)
  await compare('PUT', `${known}/heartbeat`)
  await compare('PUT', `${fresh}/heartbeat`)
  await compare('PUT', known)
  const lease = { namespace: 'shop', service: 'web', id: 'known' }
  for (const leases of [[], [lease], [{ ...lease, generation: 'g1' }, { ...lease, generation: 'old' }, { ...lease, id: 'none' }], [{ ...lease, status: 'up' }], [{ id: 'known' }], 'none']) {
    await compare('POST', '/v1/heartbeats', JSON.stringify({ leases }))
  }
  const names = ['shop/WEB/a', 'shop/web/..', 'shop/-web/a', `${'n'.repeat(64)}/web/a`, `shop/web/${'i'.repeat(254)}`, 'shop/web/a b', 'shop/web/ä', 'shop/web/a?x=1', 'shop/web/a/', 'shop/web/a/heartbeat/', 'shop/web/a;b', 'shop/web/%61']
  for (const name of names) {
    const [namespace, service, ...id] = name.split('/')
    await compare('PUT', encodeURI(`/v1/namespaces/${namespace}/services/${service}/instances/`) + id.join('/').replace(' ', '%20').replace('ä', '%C3%A4'), body)
  }
  for (const headers of [{ connection: 'close' }, { expect: '100-continue' }, { 'content-encoding': 'identity' }, { 'content-encoding': 'gzip' }, { cookie: 'a=b' }, { 'if-none-match': '*' }, { 'transfer-encoding': 'chunked', 'content-length': undefined }]) {
    await compare('PUT', known, same, headers)
  }
  for (const method of ['POST', 'PATCH', 'GET']) await compare(method, method === 'POST' ? `${known}/heartbeat` : known, method === 'GET' ? undefined : '{}')
  await compare('PUT', '/v1/heartbeats', '{"leases":[]}')
  const long = JSON.stringify({ leases: Array.from({ length: 400 }, () => lease) })
  t.ok(long.length > maxQuickBodyBytes)
  t.notOk((await compare('POST', '/v1/heartbeats', long)).isTaken)
  t.ok((await compare('PUT', fresh, body)).isTaken)
})

t.test('what the store says is answered as the route does, and asked once', async (t) => {
  let failure: RegistryError | undefined
  let asked = 0
  const world = await build(t, { wrap: (store): Store => new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      return (...given: unknown[]): unknown => {
        if (name === 'grant') asked++
        if (failure !== undefined && (name === 'grant' || name === 'renew')) return Promise.reject(failure)
        return (value as (...all: unknown[]) => unknown).apply(target, given)
      }
    }
  }) })
  const state = watched(t)
  const send = await sender(t, world)
  for (const code of ['REG_STORE_UNAVAILABLE', 'REG_OUTCOME_UNKNOWN', 'REG_STORE_FULL', 'REG_OVERLOADED', 'REG_CONFLICT'] as const) {
    failure = new RegistryError(code, 'the test says so', undefined, { retryAfterSeconds: 7 })
    state.isOff = true
    const byRoute = await send('PUT', fresh, body)
    state.isOff = false
    asked = 0
    t.strictSame(await send('PUT', fresh, body), byRoute, code)
    t.equal(asked, 1, `${code}: a write that failed is not tried again by the route`)
    t.equal(byRoute.status, failure.status)
  }
  failure = undefined
  t.equal((await send('PUT', fresh, body)).status, 201)
  world.registry.feed.health({ available: false, reason: 'test', sinceMs: world.clock.now() - 5_000 })
  for (const [path, text] of [[`${fresh}/heartbeat`, '{}'], [`${known}/heartbeat`, '{}']] as const) {
    state.isOff = true
    const byRoute = await send('PUT', path, text)
    state.isOff = false
    t.strictSame(await send('PUT', path, text), byRoute)
    t.ok(byRoute.headers.includes('rollcall-stale: 5'))
  }
})

t.test('a body that comes in pieces goes to the route, and one that never comes whole is no body', async (t) => {
  const world = await build(t)
  const state = watched(t)
  await sender(t, world)
  const { host, port } = await world.listen()
  const socket = connect(port, host)
  const head = `PUT ${fresh} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  const answer = async (): Promise<string> => String((await once(socket, 'data') as [Buffer])[0])
  socket.write(head)
  while (state.taken < 1) await new Promise((resolve) => { setImmediate(resolve) })
  socket.write(body)
  t.match(await answer(), /^HTTP\/1.1 201 /)
  // Two at once on one connection: in the order in which they came.
  socket.write(`${head}${body}${head}${body}`)
  let both = ''
  while (both.split('HTTP/1.1 200 ').length < 3) both += await answer()
  t.equal(both.split('HTTP/1.1 ').length, 3)
  socket.write(head + body.slice(0, 10))
  socket.end()
  t.match(await answer(), /^HTTP\/1.1 400 /)
})

t.test('a client that goes away gets no answer, and the node goes on', async (t) => {
  const world = await build(t)
  watched(t)
  const send = await sender(t, world)
  const { host, port } = await world.listen()
  const socket = connect(port, host)
  await once(socket, 'connect')
  socket.write(`PUT ${fresh} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  socket.destroy()
  t.equal((await send('PUT', known, same)).status, 201)
})

t.test('a node that is going, and one that writes a line for each request, answer by their routes', async (t) => {
  let isLogged = false
  const world = await build(t, { logRequests: () => isLogged })
  const state = watched(t)
  const send = await sender(t, world)
  const takes = async (): Promise<boolean> => {
    const { taken } = state
    t.match((await send('PUT', known, same)).status, /20[01]/)
    return state.taken > taken
  }
  t.ok(await takes())
  isLogged = true
  t.notOk(await takes())
  t.ok(world.log.some(({ message, fields }) => message === 'request' && fields.method === 'PUT'))
  isLogged = false
  t.ok(await takes())
  world.app.leaving.begin()
  t.notOk(await takes())
})

t.test('what is answered ahead of the route is counted and timed as by the route', async (t) => {
  const world = await build(t)
  const state = watched(t)
  const send = await sender(t, world)
  for (let n = 0; n < 3; n++) await send('PUT', pathOf(`shop/web/i${n}`), body)
  for (let n = 0; n < 2; n++) await send('PUT', pathOf('shop/web/i0'), body)
  await send('PUT', `${pathOf('shop/web/i0')}/heartbeat`, '{}')
  await send('PUT', `${pathOf('shop/web/none')}/heartbeat`, '{}')
  await send('POST', '/v1/heartbeats', '{"leases":[]}')
  t.equal(state.taken, 8)
  const { body: metrics } = await world.send('GET', '/metrics')
  const counted = (name: string, method: string, route: string, code: number): string | undefined =>
    metrics.split('\n').find((line) => line.startsWith(`rollcall_http_${name}{method="${method}",route="${route}",code="${code}"}`))?.split(' ')[1]
  const route = '/v1/namespaces/:namespace/services/:service/instances/:id'
  for (const name of ['requests_total', 'request_duration_seconds_count']) {
    t.equal(counted(name, 'PUT', route, 201), '3')
    t.equal(counted(name, 'PUT', route, 200), '2')
    t.equal(counted(name, 'PUT', `${route}/heartbeat`, 200), '1')
    t.equal(counted(name, 'PUT', `${route}/heartbeat`, 404), '1')
    t.equal(counted(name, 'POST', '/v1/heartbeats', 200), '1')
  }
  t.match(metrics, /rollcall_registrations_total\{outcome="created"\} 3\n/)
  t.match(metrics, /rollcall_registrations_total\{outcome="unchanged"\} 2\n/)
})
