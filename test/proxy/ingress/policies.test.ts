// What the annotations of an ingress change: each is acted on.
import t from 'tap'
import { parseCidr } from '../../../server/model/address/ranges.ts'
import { backendOf, bodyOf, endpoint, get, ingress, raw, service, startIngress, statusOf } from '../../support/ingress.ts'

const range = (text: string): Extract<ReturnType<typeof parseCidr>, { family: number }> => {
  const read = parseCidr(text)
  if ('problem' in read) throw new Error(read.problem)
  return read
}

async function echoing (t: Parameters<typeof backendOf>[0], name: string): Promise<number> {
  return backendOf(t, (request, response) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => { bytes += chunk.length })
    request.once('end', () => response.end(JSON.stringify({ name, url: request.url, headers: request.headers, bytes })))
  })
}

t.test('a prefix is rewritten, and told', async (t) => {
  const { port } = await startIngress(t, {
    ingresses: [
      ingress('a', { rules: ['a.example /api Prefix web', 'a.example /exact Exact web'], annotations: { 'rewrite-prefix': '/' } }), ingress('b', { rules: ['b.example /api/ Prefix web'], annotations: { 'rewrite-prefix': '/v2/' } })
    ], services: [service('web', [endpoint('w', await echoing(t, 'w'))])]
  })
  for (const [host, path, expected] of [
    ['a.example', '/api', '/'], ['a.example', '/api/', '/'], ['a.example', '/api/x?y=/api', '/x?y=/api'], ['a.example', '/exact', '/'], ['b.example', '/api', '/v2'], ['b.example', '/api/x', '/v2/x']
  ] as const) {
    const { url, headers } = JSON.parse(bodyOf(await get(port, host, path))) as { url: string, headers: Record<string, string> }
    t.equal(url, expected, path)
    t.equal(headers['x-forwarded-prefix'], path.startsWith('/exact') ? '/exact' : '/api')
  }
})

t.test('plain requests are sent to https, those of a trusted proxy by what it says', async (t) => {
  const { port } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'redirect-https': 'true' } })], services: [service('web', [endpoint('w', await echoing(t, 'w'))])] },
    { trusted: [range('127.0.0.0/8')] })
  t.match(await get(port, 'a.example:8080', '/x?y=1'), /^HTTP\/1\.1 308[^]*location: https:\/\/a\.example\/x\?y=1\r\n/i)
  t.equal(statusOf(await get(port, 'a.example', '/', { 'X-Forwarded-Proto': 'https' })), 200)
})

t.test('only clients of some networks, behind trusted proxies, too', async (t) => {
  const { port } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'allow-sources': '192.0.2.0/24' } })], services: [service('web', [endpoint('w', await echoing(t, 'w'))])] },
    { trusted: [range('127.0.0.0/8'), range('10.0.0.0/8')] })
  t.equal(statusOf(await get(port, 'a.example')), 403)
  t.equal(statusOf(await get(port, 'a.example', '/', { 'X-Forwarded-For': '192.0.2.9' })), 200)
  t.equal(statusOf(await get(port, 'a.example', '/', { 'X-Forwarded-For': '192.0.2.9, 10.1.1.1' })), 200, 'the last one that is no proxy of ours')
  t.equal(statusOf(await get(port, 'a.example', '/', { 'X-Forwarded-For': '192.0.2.9, 198.51.100.1' })), 403, 'what a stranger says of another')
  t.equal(statusOf(await get(port, 'a.example', '/', { 'X-Forwarded-For': 'nonsense' })), 403)
})

t.test('what a trusted proxy says of the client is kept', async (t) => {
  const { port } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [service('web', [endpoint('w', await echoing(t, 'w'))])] }, { trusted: [range('127.0.0.0/8')] })
  const { headers } = JSON.parse(bodyOf(await get(port, 'a.example', '/', {
    'X-Forwarded-For': '192.0.2.9', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'shop.example', 'X-Forwarded-Port': '443', Forwarded: 'for=192.0.2.9', 'X-Request-Id': 'r-1'
  }))) as { headers: Record<string, string> }
  t.match(headers, {
    'x-forwarded-for': '192.0.2.9, 127.0.0.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example', 'x-forwarded-port': '443', forwarded: 'for=192.0.2.9', 'x-request-id': 'r-1'
  })
  const { headers: other } = JSON.parse(bodyOf(await get(port, 'a.example', '/', { 'X-Request-Id': 'a b;c' }))) as { headers: Record<string, string> }
  t.match(other['x-request-id'], /^[0-9a-f]{32}$/, 'an id that would break a log is not kept')
})

t.test('a body is at most so large, whether its length is told or not', async (t) => {
  const { port } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'body-limit': '10' } })], services: [service('web', [endpoint('w', await echoing(t, 'w'))])] })
  t.match(bodyOf(await get(port, 'a.example', '/', {}, 'POST', 'x'.repeat(10))), /"bytes":10/)
  t.equal(statusOf(await get(port, 'a.example', '/', {}, 'POST', 'x'.repeat(11))), 413)
  t.equal(statusOf(await raw(port, 'POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n', /413/)), 413)
})

t.test('an encoded slash is passed on where the ingress allows it', async (t) => {
  const { port } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'encoded-slash': 'allow' } })], services: [service('web', [endpoint('w', await echoing(t, 'w'))])] })
  t.match(bodyOf(await get(port, 'a.example', '/x%2Fy')), /"url":"\/x%2Fy"/)
  t.equal(statusOf(await get(port, 'a.example', '/x%2f..')), 400)
})

t.test('a canary gets its weight, and those with its header', async (t) => {
  const draws = [0.05, 0.5, 0.099, 0.1, 0.99]
  let drawn = -5
  const random = (): number => (drawn < 0 ? (drawn++, 0.5) : draws[drawn++ % draws.length] ?? 0)
  const { port } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'canary-service': 'next:80', 'canary-weight': '10', 'canary-header': 'X-Canary: yes' } })],
    services: [service('web', [endpoint('w', await echoing(t, 'web'))]), service('next', [endpoint('n', await echoing(t, 'next'))])]
  }, { random })
  const nameOf = async (headers: Record<string, string> = {}): Promise<string> => (JSON.parse(bodyOf(await get(port, 'a.example', '/', headers))) as { name: string }).name
  const names: string[] = []
  for (let index = 0; index < 5; index++) names.push(await nameOf())
  t.strictSame(names, ['next', 'web', 'next', 'web', 'web'])
  t.equal(await nameOf({ 'X-Canary': 'yes' }), 'next')
})

t.test('a cookie keeps a client at its endpoint, until that is gone or ejected', async (t) => {
  const [one, two] = [await echoing(t, 'one'), await echoing(t, 'two')]
  const endpoints = [endpoint('one', one), endpoint('two', two)]
  const { port, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'affinity-cookie': 'route' } })], services: [service('web', endpoints)] })
  const first = await get(port, 'a.example')
  const cookie = /set-cookie: (route=[\w-]{22}); Path=\/; HttpOnly; SameSite=Lax\r\n/i.exec(first)?.[1] ?? ''
  t.not(cookie, '')
  const { name } = JSON.parse(bodyOf(first)) as { name: string }
  for (let index = 0; index < 4; index++) {
    const answer = await get(port, 'a.example', '/', { Cookie: `other=1; ${cookie}` })
    t.equal((JSON.parse(bodyOf(answer)) as { name: string }).name, name)
    t.notMatch(answer, /set-cookie/i)
  }
  engine.putService(service('web', endpoints.filter(({ id }) => id !== name)))
  const moved = await get(port, 'a.example', '/', { Cookie: cookie })
  t.match(moved, /set-cookie: route=/i, 'it is pinned anew')
  t.not((JSON.parse(bodyOf(moved)) as { name: string }).name, name)
})

t.test('a cookie to an endpoint that is left out leads elsewhere', async (t) => {
  const failing = await backendOf(t, (_request, response) => { response.writeHead(503).end() })
  const endpoints = [endpoint('good', await echoing(t, 'good')), endpoint('failing', failing)]
  const { port, engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'], annotations: { 'affinity-cookie': 'route' } })], services: [service('web', endpoints)] })
  const first = [await get(port, 'a.example'), await get(port, 'a.example')].find((answer) => statusOf(answer) === 503) ?? ''
  const cookie = /set-cookie: (route=[\w-]+)/i.exec(first)?.[1] ?? ''
  for (let failures = 1; failures < 5; failures++) t.equal(statusOf(await get(port, 'a.example', '/', { Cookie: cookie })), 503)
  t.strictSame(engine.figures().ejected, { 'default/web': 1 })
  const moved = await get(port, 'a.example', '/', { Cookie: cookie })
  t.match(moved, /^HTTP\/1\.1 200[^]*set-cookie: route=/i)
})

t.test('weights, zones and draining are those of every other way to a service', async (t) => {
  const at = await echoing(t, 'w')
  const shares = (engine: Awaited<ReturnType<typeof startIngress>>['engine']): Record<string, number> => Object.fromEntries(engine.explain('http://a.example/', 'GET').endpoints.map(({ id, share }) => [id, share]))
  const { engine } = await startIngress(t, { ingresses: [ingress('a', { rules: ['a.example / Prefix web'] })], services: [
    service('web', [endpoint('a', at, { weight: 300 }), endpoint('b', at + 1, { weight: 100 }), endpoint('c', at + 2, { status: 'draining' }), endpoint('d', at + 3, { weight: 0 })])
  ] })
  t.strictSame(shares(engine), { a: 0.75, b: 0.25 })
  engine.putService(service('web', [endpoint('a', at, { zone: 'a' }), endpoint('b', at + 1, { zone: 'b' })], { spec: { trafficDistribution: 'PreferSameZone' } }))
  t.strictSame(shares(engine), { a: 1 })
  engine.putService(service('web', [endpoint('c', at, { status: 'draining' }), endpoint('e', at + 1, { status: 'down' })]))
  t.strictSame(shares(engine), { c: 1 })
})

t.test('ports by number and name, and those of a service that nobody has declared', async (t) => {
  const at = await echoing(t, 'w')
  const implicit = { namespace: 'default', service: 'implicit', endpoints: [endpoint('i', at)] }
  const { port } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web:http', 'b.example / Prefix web:80', `c.example / Prefix implicit:${at}`, 'd.example / Prefix implicit:http', 'e.example / Prefix implicit:81'] })],
    services: [service('web', [endpoint('w', at)]), implicit]
  })
  for (const [host, status] of [['a.example', 200], ['b.example', 200], ['c.example', 200], ['d.example', 200], ['e.example', 503]] as const) t.equal(statusOf(await get(port, host)), status, host)
})

t.test('a name outside is asked where the agent allows it', async (t) => {
  const at = await echoing(t, 'w')
  const { port } = await startIngress(t, {
    ingresses: [ingress('a', { rules: [`a.example / Prefix external:${at}`] })],
    services: [service('external', [], { spec: { type: 'ExternalName', externalName: 'localhost', ports: [] } })]
  }, { allowExternalNames: true })
  t.match(JSON.parse(bodyOf(await get(port, 'a.example'))), { name: 'w', headers: { host: 'a.example' } })
})

t.test('a connection that shows one certificate serves no host of another', async (t) => {
  const { port } = await startIngress(t, {
    ingresses: [ingress('a', { rules: ['a.example / Prefix web', 'b.example / Prefix web', 'c.example / Prefix web'], tls: [{ hosts: ['a.example', 'c.example'], secretName: 's1' }, { hosts: ['b.example'], secretName: 's2' }] })],
    services: [service('web', [endpoint('w', await echoing(t, 'w'))])]
  }, {}, { sni: 'a.example' })
  t.strictSame(await Promise.all(['a.example', 'b.example', 'c.example'].map(async (host) => statusOf(await get(port, host)))), [200, 421, 200])
})
