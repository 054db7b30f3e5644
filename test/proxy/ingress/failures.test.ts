// Endpoints that refuse, break, answer garbage or nothing: who is tried next, how often, and who is left out for a while.
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { Agent, request as send } from 'node:http'
import { freePort } from '../../support/free-port.ts'
import { backendOf, bodyOf, endpoint, get, ingress, listening, raw, service, startIngress, statusOf } from '../../support/ingress.ts'

const web = [ingress('a', { rules: ['a.example / Prefix web'] })]

/** A backend of plain TCP: says `text` to whatever comes, and ends the connection. */
async function tcpBackend (t: Parameters<typeof listening>[0], text: string): Promise<{ readonly port: number, readonly seen: () => number }> {
  let seen = 0
  const server = createServer((socket) => {
    socket.once('data', () => {
      seen++
      socket.end(Buffer.from(text, 'latin1'))
    })
  })
  return { port: await listening(t, server), seen: () => seen }
}

t.test('a refused connection is tried elsewhere, whatever the method', async (t) => {
  const [good, closed] = [await backendOf(t, (request, response) => { request.pipe(response) }), await freePort()]
  const { port, engine } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('bad', closed, { weight: 1_000 }), endpoint('good', good)])] })
  for (const [method, body] of [['GET', ''], ['POST', 'hello'], ['DELETE', '']] as const) {
    const answer = await get(port, 'a.example', '/', {}, method, body)
    t.equal(statusOf(answer), 200, method)
    t.equal(bodyOf(answer), body)
  }
  t.strictSame(engine.figures().retries, { 'default/web': 3 })
})

t.test('at most two others are tried, each once', async (t) => {
  const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()))
  const { port, engine, records } = await startIngress(t, { ingresses: web, services: [service('web', ports.map((each, index) => endpoint(`w${index}`, each)))] })
  const answer = await get(port, 'a.example', '/')
  t.match(answer, /^HTTP\/1\.1 502[^]*each of 3 endpoints could not be reached/)
  t.match(records, [{ status: 502, reason: 'unreachable-endpoint', retries: 2 }])
  t.strictSame(engine.figures().retries, { 'default/web': 2 })
})

t.test('an endpoint that ends without an answer: only what may be asked twice is', async (t) => {
  const broken = await tcpBackend(t, '')
  const good = await backendOf(t, (request, response) => { request.pipe(response) })
  const { port, records } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('broken', broken.port, { weight: 60_000 }), endpoint('good', good, { weight: 1 })])] })
  t.equal(statusOf(await get(port, 'a.example', '/', {}, 'GET')), 200)
  t.equal(statusOf(await get(port, 'a.example', '/', {}, 'POST', 'x')), 502, 'it may have been done')
  t.equal(statusOf(await get(port, 'a.example', '/', {}, 'POST')), 502)
  t.equal(statusOf(await get(port, 'a.example', '/', {}, 'PUT', 'x')), 502, 'its body is gone')
  t.equal(broken.seen(), 4)
  t.strictSame(records.map(({ retries }) => retries), [1, 0, 0, 0])
})

t.test('answers that are none', async (t) => {
  const cases: readonly (readonly [text: string, status: number])[] = [
    ['hello there\r\n\r\n', 502], ['HTTP/1.1 999999 X\r\n\r\n', 502], ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc', 502],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 502], [`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 502],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 502], ['HTTP/1.1 200 OK\r\n\r\nup to the end', 200], ['HTTP/1.0 200 OK\r\n\r\nold', 200],
    ['HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 103]
  ]
  for (const [text, status] of cases) {
    const { port: at } = await tcpBackend(t, text)
    const { port, records } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', at)])] })
    const answer = await get(port, 'a.example')
    t.equal(statusOf(answer), status, text.slice(0, 60))
    if (status === 502) t.match(records, [{ retries: 0 }], 'something has come: it is not asked again')
  }
})

t.test('an answer that breaks off is seen to be broken', async (t) => {
  const { port: at } = await tcpBackend(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc')
  const chunked = await tcpBackend(t, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  for (const each of [at, chunked.port]) {
    const { port, records } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', each)])] })
    const answer = await get(port, 'a.example')
    t.equal(statusOf(answer), 200)
    t.notMatch(answer, /\r\n0\r\n\r\n$/)
    t.match(records, [{ status: 200, reason: 'cut' }])
  }
})

t.test('an endpoint that never answers: 504 after the time of the ingress', async (t) => {
  const events = new EventEmitter()
  const at = await backendOf(t, () => events.emit('asked'))
  const { port, clock, records } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { timeout: '5s' } })], services: [service('web', [endpoint('w', at), endpoint('v', at + 0)])] })
  const asked = once(events, 'asked')
  const answer = get(port, 'a.example')
  await asked
  clock.advance(5_600)
  t.match(await answer, /^HTTP\/1\.1 504[^]*has not answered in 5 s/)
  t.match(records, [{ reason: 'no-answer', retries: 0 }])
})

t.test('an answer before the body is read goes to the client', async (t) => {
  const { port: at } = await tcpBackend(t, 'HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
  const { port } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('w', at)])] })
  t.match(await raw(port, 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\nabc'), /^HTTP\/1\.1 413[^]*connection: close[^]*no$/i)
})

t.test('five failures in a row put an endpoint out, for ten seconds, then for longer; half of them stay', async (t) => {
  let status = 503
  const seen: Record<string, number> = { bad: 0, good: 0, other: 0 }
  const answering = (name: string, code: () => number): Promise<number> => backendOf(t, (_request, response) => {
    seen[name] = (seen[name] ?? 0) + 1
    response.writeHead(code()).end()
  })
  const [bad, good, other] = [await answering('bad', () => status), await answering('good', () => 200), await answering('other', () => 200)]
  const { port, engine, clock } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('bad', bad), endpoint('good', good), endpoint('other', other)])] })
  const ask = async (times: number): Promise<void> => { for (let index = 0; index < times; index++) await get(port, 'a.example') }
  await ask(15)
  t.equal(seen.bad, 5)
  t.strictSame(engine.figures().ejected, { 'default/web': 1 })
  await ask(6)
  t.equal(seen.bad, 5, 'it is out')
  t.strictSame(seen, { bad: 5, good: 8, other: 8 }, 'the others share evenly')
  clock.advance(10_000)
  await ask(3)
  t.equal(seen.bad, 6, 'it is back, and out again by one more')
  clock.advance(10_000)
  await ask(3)
  t.equal(seen.bad, 6, 'for twice as long')
  clock.advance(10_000)
  status = 200
  await ask(6)
  t.ok(seen.bad !== undefined && seen.bad > 6)
  t.strictSame(engine.figures().ejected, {})
  t.strictSame(engine.figures().ejections, { 'default/web': 2 })
  t.equal(engine.explain('http://a.example/', 'GET').endpoints[0]?.share.toFixed(2), '0.33')
})

t.test('of two endpoints one stays, and the only one always', async (t) => {
  const failing = await backendOf(t, (_request, response) => { response.writeHead(502).end() })
  const { port, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web', 'b.example / Prefix single'] })], services: [
    service('web', [endpoint('one', failing), endpoint('two', failing, { address: '127.0.0.2' })]), service('single', [endpoint('one', failing)])
  ] }, {})
  for (let index = 0; index < 20; index++) t.equal(statusOf(await get(port, index % 2 === 0 ? 'a.example' : 'b.example')), 502)
  t.strictSame(Object.keys(engine.figures().ejected).filter((key) => key === 'default/single'), [])
  t.ok((engine.figures().ejected['default/web'] ?? 0) <= 1)
})

t.test('a connection that the endpoint has closed meanwhile costs nothing', async (t) => {
  const server = createServer((socket) => {
    let asked = 0
    socket.on('data', () => {
      // The first request is answered, and the second one meets a connection that ends at this moment.
      if (asked++ === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      else socket.destroy()
    })
  })
  const at = await listening(t, server)
  const { port, records, engine } = await startIngress(t, { ingresses: web, services: [service('web', [endpoint('only', at)])] })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (let index = 0; index < 4; index++) {
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      send({ port, host: '127.0.0.1', agent, headers: { Host: 'a.example' } }, (response) => { response.resume().once('end', () => resolve(response.statusCode)) }).once('error', reject).end()
    })
    t.equal(answer, 200)
  }
  t.strictSame(records.map(({ retries }) => retries), [0, 1, 1, 1])
  t.strictSame(engine.figures().ejections, {})
})

t.test('503 says why nobody was asked', async (t) => {
  const names = ['none', 'noport', 'empty', 'draining', 'external', 'tls', 'loop']
  const { port, engine } = await startIngress(t, {
    ingresses: [ingress('a', { rules: names.map((name) => `${name}.example / Prefix ${name}${name === 'noport' ? ':8080' : ''}`) })],
    services: [
      service('noport', [endpoint('a', 1)]), service('empty', []), service('draining', [endpoint('a', 1, { status: 'down' })]),
      service('external', [], { spec: { type: 'ExternalName', externalName: 'metadata.internal' } }), service('tls', [endpoint('a', 1)], { appProtocol: 'https' }),
      service('loop', [endpoint('a', 1, { address: '169.254.169.254' })])
    ]
  })
  const expected: Readonly<Record<string, RegExp>> = {
    none: /there is no service default\/none/, noport: /no port 8080 over TCP/, empty: /has no endpoints/, draining: /none of which may be called/, external: /ExternalName/,
    tls: /speaks https/, loop: /none at an address that is called/
  }
  for (const name of names) {
    const answer = await get(port, `${name}.example`)
    t.equal(statusOf(answer), 503, name)
    t.match(answer, expected[name], name)
  }
  t.strictSame(engine.notices().map(({ reason }) => reason).sort(), ['ExternalNameRefused', 'NoEndpoints', 'NoEndpoints', 'NoEndpoints', 'NoSuchPort', 'NoSuchService', 'ProtocolNotSpoken'])
})
