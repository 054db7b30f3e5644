// Endpoints that are answered ahead of routing, against the route: the same status, headers and body, whatever is asked and whatever the
// state of the node is.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import t, { type Test } from 'tap'
import { ReadyEndpoints } from '../../server/http/api/ready-endpoints.ts'
import type { HttpContext } from '../../server/http/server/context.ts'
import { keptAnswerBytes, maxKeptAnswers, maxKeptUrlLength, smallAnswerBytes } from '../../server/http/server/limits.ts'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

interface Question {
  readonly method?: 'GET' | 'HEAD'
  readonly path: string
  readonly headers?: Readonly<Record<string, string | undefined>>
}

interface Seen {
  readonly status: number | undefined
  readonly headers: readonly string[]
  readonly body: string
}

/** Asks over a real connection; an injected request would not be seen ahead of routing. */
async function asker (t: Test, world: HttpWorld): Promise<(question: Question) => Promise<Seen>> {
  const { host, port } = await world.listen()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async ({ method = 'GET', path, headers = {} }) => {
    const given = Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
    const call = request({ host, port, agent, method, path, headers: given })
    call.end()
    const [answer] = await once(call, 'response') as [IncomingMessage]
    let body = ''
    for await (const chunk of answer) body += String(chunk)
    const { rawHeaders } = answer
    const shown = rawHeaders.flatMap((name, at) => (at % 2 === 0 && name !== 'Date' ? [`${name}: ${rawHeaders[at + 1]}`] : []))
    return { status: answer.statusCode, headers: shown, body }
  }
}

/** Which requests were answered ahead, and a switch that sends all of them to the route. */
function watched (t: Test): { ahead: number, isOff: boolean } {
  const state = { ahead: 0, isOff: false }
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the `this` of each call
  const { answer } = ReadyEndpoints.prototype
  ReadyEndpoints.prototype.answer = function (...given): boolean {
    const isAnswered = !state.isOff && answer.apply(this, given)
    if (isAnswered) state.ahead++
    return isAnswered
  }
  t.teardown(() => { ReadyEndpoints.prototype.answer = answer })
  return state
}

/** Asks the route, and then again with what it left ready. */
function comparer (t: Test, ask: (question: Question) => Promise<Seen>, state: ReturnType<typeof watched>) {
  return async (question: Question): Promise<{ readonly seen: Seen, readonly isAhead: boolean }> => {
    state.isOff = true
    const byRoute = await ask(question)
    state.isOff = false
    const { ahead } = state
    const seen = await ask(question)
    t.strictSame(seen, byRoute, JSON.stringify(question))
    return { seen, isAhead: state.ahead > ahead }
  }
}

/** Every choice of one value for each name. */
function combinations (choices: Readonly<Record<string, readonly (string | undefined)[]>>): Record<string, string | undefined>[] {
  return Object.entries(choices).reduce<Record<string, string | undefined>[]>(
    (made, [name, values]) => made.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))), [{}]
  )
}

const small = '/v1/namespaces/shop/services/small/endpoints'
const large = '/v1/namespaces/shop/services/large/endpoints'

async function filled (t: Test): Promise<HttpWorld> {
  const world = await build(t)
  await world.register('shop/small/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }] })
  for (let n = 0; n < 8; n++) await world.register(`shop/large/${n}`, { address: `10.0.1.${n}`, ports: [{ name: 'http', port: 80 }], labels: { version: `v${n}` }, zone: 'east' })
  return world
}

t.test('every combination of headers is answered as the route does', async (t) => {
  const world = await filled(t)
  const state = watched(t)
  const compare = comparer(t, await asker(t, world), state)
  const { host, port } = await world.listen()
  const own = `${host}:${port}`
  let ahead = 0
  for (const path of [small, large]) {
    const etag = String((await world.send('GET', path)).headers.etag)
    const asked = combinations({
      host: [own, 'localhost', 'evil.example.com'],
      'If-None-Match': [undefined, etag, etag.slice(2), '*', `"x", ${etag}`, 'no tag'],
      'Accept-Encoding': [undefined, 'gzip', 'gzip;q=0'],
      origin: [undefined, `http://${own}`, 'https://evil.example.com'],
      authorization: [undefined, 'Bearer token'],
      'x-forwarded-for': [undefined, '10.9.9.9']
    })
    for (const headers of asked) {
      const { isAhead } = await compare({ path, headers })
      const mayBe = headers.host !== 'evil.example.com' && headers.origin === undefined && headers['x-forwarded-for'] === undefined &&
        (headers['If-None-Match'] === etag || (headers['If-None-Match'] === undefined && (path === small || headers['Accept-Encoding'] === undefined)))
      if (isAhead !== mayBe) t.fail(`answered ahead: ${isAhead}, not ${mayBe}: ${JSON.stringify(headers)}`)
      if (isAhead) ahead++
    }
  }
  t.ok(ahead > 15)
})

t.test('every method, query and odd request is answered as the route does', async (t) => {
  const world = await filled(t)
  const state = watched(t)
  const compare = comparer(t, await asker(t, world), state)
  for (const query of ['', '?ready=any', '?ready=false', '?port=http', '?zone=east', '?selector=version%3Dv1', '?selector=', '?port=http&ready=any']) {
    t.ok((await compare({ path: large + query })).isAhead, query)
    t.notOk((await compare({ method: 'HEAD', path: large + query })).isAhead, `HEAD ${query}`)
  }
  for (const query of ['?', '?ready=maybe', '?nonsense=1', '?ready=any&ready=any', '?zone=', '?selector=a%20b', '?minRevision=x', `?minRevision=${world.registry.position.cursor}`, `?zone=${'x'.repeat(600)}`]) {
    await compare({ path: large + query })
  }
  t.notOk((await compare({ path: `${large}?minRevision=1` })).isAhead)
  t.notOk((await compare({ path: `${large}?wait=1ms` })).isAhead)
  for (const path of ['/v1/namespaces/shop/services/none/endpoints', '/v1/namespaces/none/services/large/endpoints', large.toUpperCase(), `${large}/`, large.replace('large', 'l%61rge')]) await compare({ path })
  for (const headers of [{ connection: 'close' }, { upgrade: 'websocket', connection: 'upgrade' }, { upgrade: 'h2c', connection: 'upgrade' }, { 'content-length': '0' }, { expect: 'nothing' }, { cookie: 'a=b' }, { range: 'bytes=0-1' }]) {
    await compare({ path: large, headers })
  }
})

t.test('nothing is answered ahead that is not so any more', async (t) => {
  const world = await filled(t)
  const { registry } = world
  const state = watched(t)
  const ask = await asker(t, world)
  const compare = comparer(t, ask, state)
  const steps: readonly [string, () => unknown, boolean?][] = [
    ['another change elsewhere', () => world.register('shop/other/a')],
    ['an instance more', () => world.register('shop/small/b', { address: '10.0.0.2' })],
    ['an instance changed', () => world.send('PATCH', pathOf('shop/small/b'), { weight: 7 })],
    ['an override', () => world.send('PUT', `${pathOf('shop/small/b')}/override`, { status: 'down', reason: 'test' })],
    ['its end', () => world.send('DELETE', `${pathOf('shop/small/b')}/override`)],
    ['the service is declared', () => world.send('PUT', '/v1/namespaces/shop/services/small', { apiVersion: 'v1', kind: 'Service', spec: { selector: { 'rollcall.dev/service': 'small' }, ports: [{ port: 80 }] } })],
    ['its selector takes nobody', () => world.send('PUT', '/v1/namespaces/shop/services/small', { apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'none' }, ports: [{ port: 80 }] } })],
    ['it is not declared any more', () => world.send('DELETE', '/v1/namespaces/shop/services/small')],
    ['the store is away', () => registry.feed.health({ available: false, reason: 'test', sinceMs: world.clock.now() }), false],
    ['it is back', () => registry.feed.health({ available: true, reason: '', sinceMs: world.clock.now() })],
    ['an instance less', () => world.send('DELETE', pathOf('shop/small/b'))],
    ['the service is gone', () => world.send('DELETE', pathOf('shop/small/a')), false],
    ['it comes again', () => world.register('shop/small/a', { address: '10.0.0.3' })],
    ['the node is going', () => world.app.leaving.begin(), false]
  ]
  let before: Seen = await ask({ path: small })
  for (const [says, act, isReady = true] of steps) {
    await act()
    const first = await ask({ path: small }) // with what was left ready before
    const { seen, isAhead } = await compare({ path: small })
    if (says !== 'the node is going') t.strictSame(first, seen, says)
    t.equal(isAhead, isReady, says)
    if (says !== 'another change elsewhere') t.notSame(seen, before, says)
    before = seen
  }
  t.ok(before.headers.includes('Connection: close') || before.headers.includes('connection: close'))
})

t.test('an answer ahead of the route is counted and timed as by the route', async (t) => {
  const world = await filled(t)
  const state = watched(t)
  const ask = await asker(t, world)
  const etag = String((await world.send('GET', small)).headers.etag)
  const counted = async (code: number): Promise<string | undefined> => {
    const { body } = await world.send('GET', '/metrics')
    return new RegExp(`requests_total\\{method="GET",route="/v1/namespaces/:namespace/services/:service/endpoints",code="${code}"\\} (\\d+)`).exec(body)?.[1]
  }
  for (let n = 0; n < 5; n++) await ask({ path: small })
  for (let n = 0; n < 3; n++) await ask({ path: small, headers: { 'if-none-match': etag } })
  t.equal(await counted(200), '6')
  t.equal(await counted(304), '3')
  t.match((await world.send('GET', '/metrics')).body, /duration_seconds_count\{method="GET",route="\/v1\/namespaces\/:namespace\/services\/:service\/endpoints",code="304"\} 3/)
  t.ok(state.ahead >= 7)
})

t.test('a host that was not let in yet goes to the route first', async (t) => {
  const world = await filled(t)
  const state = watched(t)
  const ask = await asker(t, world)
  const asked = async (host: string): Promise<number> => {
    const { ahead } = state
    t.equal((await ask({ path: small, headers: { host } })).status, 200)
    return state.ahead - ahead
  }
  t.equal(await asked('localhost'), 0)
  t.equal(await asked('localhost'), 1)
  t.equal(await asked('other.localhost'), 0)
  t.equal(await asked('other.localhost'), 1)
})

t.test('ready answers are bounded, by number, by bytes and by the length of the request', async (t) => {
  const world = await filled(t)
  const { endpoints: set } = world.access.service('shop', 'small')
  // Only what is kept is looked at: nothing is asked of the node.
  const ready = new ReadyEndpoints({} as HttpContext, () => undefined)
  const keep = (url: string, bytes: number): void => ready.keep(url, { namespace: 'shop', service: 'small', set, isDeclared: false, text: '', bytes, etag: '' })
  let most = 0
  for (let n = 0; n < 3 * maxKeptAnswers; n++) {
    keep(`/${n}`, 10)
    most = Math.max(most, ready.size)
  }
  t.equal(most, maxKeptAnswers)
  for (let n = 0; n < maxKeptAnswers; n++) {
    keep(`/long/${n}`, smallAnswerBytes - 1)
    if (ready.bytes > keptAnswerBytes) t.fail(`${ready.bytes} bytes are kept`)
  }
  const { size } = ready
  keep('/too-large', smallAnswerBytes)
  keep(`/${'x'.repeat(maxKeptUrlLength)}`, 10)
  t.equal(ready.size, size)
})
