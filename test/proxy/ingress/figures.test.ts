// What an engine counts, how several are added, and the access log.
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Figures, ingressMetricsText, sumFigures } from '../../../server/proxy/ingress/figures.ts'
import { readHost } from '../../../server/proxy/ingress/host-name.ts'
import { backendOf, endpoint, get, ingress, received, service, startIngress, statusOf } from '../../support/ingress.ts'

t.test('figures of two processes are added, and shown', async (t) => {
  const [one, two] = [new Figures(), new Figures()]
  one.answered('default/a', 'default/web', 200, 0.003)
  one.answered('default/a', 'default/web', 200, 0.2)
  two.answered('default/a', 'default/web', 200, 100)
  two.answered('-', '-', 404, 0.0001)
  two.reasons.add('no-route')
  two.upgraded = 3
  const sum = sumFigures([one.read({}), two.read({ 'default/web': 1 })])
  t.strictSame(sum.requests, { 'default/a default/web 200': 3, '- - 404': 1 })
  const lines = ingressMetricsText(sum).split('\n')
  for (const line of [
    'rollcall_ingress_requests_total{ingress="default/a",service="default/web",code="200"} 3', 'rollcall_ingress_requests_total{ingress="-",service="-",code="404"} 1',
    'rollcall_ingress_request_seconds_bucket{ingress="default/a",le="0.0025"} 0', 'rollcall_ingress_request_seconds_bucket{ingress="default/a",le="0.005"} 1',
    'rollcall_ingress_request_seconds_bucket{ingress="default/a",le="0.25"} 2', 'rollcall_ingress_request_seconds_bucket{ingress="default/a",le="60"} 2',
    'rollcall_ingress_request_seconds_bucket{ingress="default/a",le="+Inf"} 3', 'rollcall_ingress_request_seconds_sum{ingress="default/a"} 100.203',
    'rollcall_ingress_request_seconds_count{ingress="default/a"} 3', 'rollcall_ingress_own_answers_total{reason="no-route"} 1',
    'rollcall_ingress_ejected_endpoints{service="default/web"} 1', 'rollcall_ingress_upgraded_connections 3', '# TYPE rollcall_ingress_request_seconds histogram'
  ]) t.ok(lines.includes(line), line)
  t.ok(!lines.slice(0, -1).includes(''))
})

t.test('the access log tells a sample, and every fault of ours', async (t) => {
  const port = await backendOf(t, (_request, response) => { response.end('ok') })
  const told: string[] = []
  const draws = [0.05, 0.5]
  let count = -5
  const random = (): number => (count < 0 ? (count++, 0.5) : draws[count++ % 2] ?? 0)
  const { port: at } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web', 'b.example / Prefix none'] })], services: [service('web', [endpoint('w', port)])] }, {
    random, accessLog: { sample: 0.1, write: ({ path, status, reason = '' }) => told.push(`${path} ${status} ${reason}`) }
  })
  for (const path of ['/1', '/2', '/3', '/4']) await get(at, 'a.example', `${path}?secret=x`)
  await get(at, 'b.example', '/5')
  await get(at, 'b.example', '/6')
  t.strictSame(told, ['/1 200 ', '/3 200 ', '/5 503 no-service', '/6 503 no-service'])
})

t.test('beyond its limit an engine answers at once, and says so', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (_request, response) => { events.emit('asked', () => response.end('ok')) })
  const { port: at, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', port)])] }, { limits: { exchanges: 2 } })
  const held: Promise<string>[] = []
  const answers: (() => void)[] = []
  for (let index = 0; index < 2; index++) {
    const asked = once(events, 'asked')
    held.push(get(at, 'a.example'))
    answers.push((await asked as [() => void])[0])
  }
  t.match(await get(at, 'a.example'), /^HTTP\/1\.1 503[^]*as many requests as it can/)
  t.equal(engine.figures().active, 2)
  for (const answer of answers) answer()
  t.strictSame((await Promise.all(held)).map(statusOf), [200, 200])
  t.equal(engine.figures().active, 0)
})

t.test('an endpoint has at most so many connections; the others are asked, or 503', async (t) => {
  const events = new EventEmitter()
  const port = await backendOf(t, (_request, response) => { events.emit('asked', () => response.end('ok')) })
  const { port: at, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', port)])] }, { limits: { endpointConnections: 1 } })
  const asked = once(events, 'asked')
  const first = get(at, 'a.example')
  const [answer] = await asked as [() => void]
  t.match(await get(at, 'a.example'), /^HTTP\/1\.1 503[^]*as many connections as it may have/)
  answer()
  t.equal(statusOf(await first), 200)
  t.strictSame(engine.figures().ejections, {})
})

t.test('requests that come one behind the other on a connection are answered in their order', async (t) => {
  const port = await backendOf(t, (request, response) => { response.end(request.url) })
  const { port: at } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', port)])] })
  const client = connect({ port: at, host: '127.0.0.1' })
  const ask = 'GET /one HTTP/1.1\r\nHost: a.example\r\n\r\n'
  client.write(`${ask}GET /two HTTP/1.1\r\nHost: b.example\r\n\r\n${ask.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`)
  const answers = await received(client)
  t.match(answers, /200 OK[^]*\/one[^]*HTTP\/1\.1 404[^]*HTTP\/1\.1 200 OK[^]*\/one$/)
})

t.test('host names', async (t) => {
  for (const [text, name] of [
    ['Shop.Example:80', 'shop.example'], ['shop.example.', 'shop.example'], ['10.0.0.1:8080', '10.0.0.1'], ['[2001:DB8::1]:80', '[2001:db8::1]'], ['a_b.example', 'a_b.example'], ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['localhost:', 'localhost']
  ] as const) t.equal(readHost(text)?.name, name, text)
  for (const text of ['', '.', '..', 'a..b', 'a.b..', '-a.example', 'a-.example', 'a b', 'a/b', 'u@a', 'a:b', 'a:80:80', '[::1', '::1', '[1.2.3.4]', 'b\u00fccher.example', '*.example', `${'a'.repeat(64)}.example`, 'a.'.repeat(130)]) {
    t.equal(readHost(text), undefined, text)
  }
})
