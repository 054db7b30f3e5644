// DNS through the HTTP port: in words, and as messages (RFC 8484).
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { codec, extendedError, question, text } from '../support/dns-client.ts'
import { buildWithDns, build, type HttpWorld } from '../support/world.ts'
import { lacking } from '../support/programs.ts'

const media = 'application/dns-message'
const orders = 'orders.shop.svc.cluster.local'

async function place (t: Test): Promise<HttpWorld> {
  const world = await buildWithDns(t, { reverse: ['10.0.0.0/8'] })
  await world.register('shop/orders/a', { address: '10.0.0.1', ports: [{ name: 'http', port: 80 }], lease: { ttlMs: 30_000 } })
  return world
}

const asked = (message: Buffer): string => `/dns-query?dns=${message.toString('base64url')}`
const post = (world: HttpWorld, payload: Buffer, headers: Record<string, string> = { 'content-type': media }): ReturnType<HttpWorld['send']> =>
  world.app.inject({ method: 'POST', url: '/dns-query', payload, headers: { host: '127.0.0.1:7500', ...headers } })

t.test('the JSON form shows what DNS answers, and why', async (t) => {
  const { send, registry } = await place(t)
  const answer = await send('GET', '/v1/dns/answer?name=orders&namespace=shop')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.strictSame(answer.json(), {
    question: { name: `${orders}.`, type: 'A' },
    rcode: 'NOERROR',
    flags: ['qr', 'aa', 'rd'],
    answer: [{ name: `${orders}.`, ttl: 5, type: 'A', data: '10.0.0.1' }],
    authority: [],
    additional: [],
    octets: answer.json().octets,
    trace: [
      { rule: 'zone', message: 'cluster.local is served here' },
      { rule: 'service', message: 'shop/orders is implicit: found by the instances that registered under it' },
      { rule: 'endpoints', message: '1 of 1 are answered' },
      { rule: 'ttl', message: '5 s, by --dns-ttl' },
      { rule: 'answer', message: '1 record' }
    ],
    revision: registry.position.cursor
  })
  t.match((await send('GET', `/v1/dns/answer?name=_http._tcp.${orders}.&type=srv&client=10.9.9.9&minRevision=${registry.position.cursor}`)).json(), { answer: [{ type: 'SRV' }], additional: [{ type: 'A' }] })
  t.match((await send('GET', '/v1/dns/answer?name=1.0.0.10.in-addr.arpa&type=PTR&namespace=shop')).json(), { answer: [{ data: `10-0-0-1.${orders}.` }] })
  t.match((await send('GET', '/v1/dns/answer?name=example.com.')).json(), { rcode: 'REFUSED', extendedError: { code: 20 } })
})

t.test('a name, a type, a client and a parameter that are none are refused by name', async (t) => {
  const { send } = await place(t)
  for (const [query, field, value] of [
    ['name=a..b', 'name', 'a..b'], ['name=a&type=B', 'type', 'B'], ['name=a&type=AXFR', 'type', 'AXFR'], ['name=a&client=here', 'client', 'here']
  ] as const) {
    const answer = await send('GET', `/v1/dns/answer?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { code: 'REG_INVALID', errors: [{ field, value, rule: /^must be/ }] }, query)
  }
  for (const query of ['', 'name=a&colour=red', `name=${'a'.repeat(1_025)}`]) t.match((await send('GET', `/v1/dns/answer?${query}`)).json(), { code: 'REG_INVALID' }, query)
  t.equal((await send('GET', '/v1/dns/answer?name=a&minRevision=x')).json().code, 'REG_CURSOR_INVALID')
})

t.test('a node without DNS has neither', async (t) => {
  const world = await build(t)
  for (const answer of [await world.send('GET', '/v1/dns/answer?name=a'), await world.send('GET', asked(question('a', 'A'))), await post(world, question('a', 'A'))]) {
    t.equal(answer.statusCode, 404)
    t.match(answer.json(), { code: 'REG_ROUTE_NOT_FOUND', detail: /--dns off/ })
  }
})

t.test('a message is answered by GET and by POST, alike', async (t) => {
  const world = await place(t)
  const message = question(`_http._tcp.${orders}`, 'SRV', { id: 0, edns: {} })
  const [got, posted] = [await world.send('GET', asked(message), undefined, { accept: media }), await post(world, message)]
  for (const answer of [got, posted]) {
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['content-type'], media)
    t.equal(answer.headers['cache-control'], 'private, max-age=5')
    const { id, flag_aa: aa, answers, additionals } = codec.decode(answer.rawPayload)
    t.strictSame([id, aa, text(answers), text(additionals)], [0, true, [`_http._tcp.${orders} 5 SRV 0 100 80 10-0-0-1.${orders}`], [`10-0-0-1.${orders} 5 A 10.0.0.1`]])
  }
  t.strictSame(got.rawPayload, posted.rawPayload)
  const head = await world.send('HEAD', asked(message))
  t.strictSame([head.statusCode, head.headers['content-length'], head.rawPayload.length], [200, String(got.rawPayload.length), 0])
  t.equal((await world.send('GET', `${asked(message)}&ct`)).statusCode, 200, 'other parameters are not ours')
  t.match((await world.send('GET', asked(message), undefined, { 'accept-encoding': 'gzip' })).headers['content-encoding'], undefined)
})

t.test('it is kept for as long as its records say, and errors are not kept', async (t) => {
  const world = await place(t)
  const life = async (name: string, type: string): Promise<string> => String((await post(world, question(name, type))).headers['cache-control'])
  await world.send('PUT', '/v1/namespaces/shop', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', annotations: { 'rollcall.dev/dns-ttl': '20' } } })
  t.equal(await life(orders, 'A'), 'private, max-age=20')
  t.equal(await life(orders, 'AAAA'), 'private, max-age=5', 'as long as "there is none" may be kept')
  t.equal(await life('nobody.cluster.local', 'A'), 'private, max-age=5')
  t.equal(await life('example.com', 'A'), 'private, max-age=0')
})

t.test('a large set comes whole', async (t) => {
  const world = await place(t)
  for (let index = 0; index < 95; index++) await world.register(`shop/many/i${index}`, { address: `10.1.0.${index}` })
  const { flag_tc: tc, answers } = codec.decode((await post(world, question('many.shop.svc.cluster.local', 'A'))).rawPayload)
  t.strictSame([tc, answers.length], [false, 95])
})

t.test('a broken message gets a DNS error, a body that is no message an HTTP error', async (t) => {
  const world = await place(t)
  const broken = question(orders, 'A').subarray(0, 20)
  t.match(codec.decode((await post(world, broken)).rawPayload), { rcode: 'FORMERR' })
  const transfer = codec.decode((await post(world, question('cluster.local', 'AXFR', { edns: {} }))).rawPayload)
  t.match([transfer.rcode, extendedError(transfer)?.code], ['REFUSED', 21])
  const response = question(orders, 'A')
  response[2] = 0x80
  for (const silent of [response, Buffer.alloc(5)]) {
    const answer = await post(world, silent)
    t.match([answer.statusCode, answer.json().code, answer.json().errors[0].field], [400, 'REG_INVALID', 'dns'])
  }
  for (const dns of ['', 'a', 'AAAA=', 'AA+A', 'AA/A', 'AAAAA', '%00']) {
    const answer = await world.send('GET', `/dns-query?dns=${dns}`)
    t.match([answer.statusCode, answer.json().errors?.[0]], [400, { field: 'dns', rule: /base64url without padding/ }], dns)
  }
  t.equal((await world.send('GET', '/dns-query')).statusCode, 400)
  t.equal((await world.send('GET', `${asked(question(orders, 'A'))}&dns=AAAA`)).statusCode, 400, 'two are none')
})

t.test('a body of another type, encoded, too large or missing is refused', async (t) => {
  const world = await place(t)
  const message = question(orders, 'A')
  t.match((await post(world, message, { 'content-type': 'application/json' })).json(), { status: 415, code: 'REG_MEDIA_TYPE', detail: /application\/dns-message/ })
  t.match((await post(world, message, {})).json(), { status: 415 })
  t.match((await post(world, message, { 'content-type': media, 'content-encoding': 'gzip' })).json(), { status: 415 })
  t.match((await post(world, Buffer.alloc(4_097), { 'content-type': media })).json(), { status: 413, code: 'REG_BODY_TOO_LARGE', detail: /4096 bytes/ })
  t.match((await post(world, Buffer.alloc(0), {})).json(), { status: 400, errors: [{ field: 'body' }] })
  const long = Buffer.concat([message, Buffer.alloc(4_096 - message.length)])
  t.equal((await world.send('GET', asked(long))).statusCode, 200, '4,096 octets are not too many')
  t.match((await world.send('GET', asked(Buffer.concat([long, Buffer.of(0)])))).json(), { status: 413, detail: /4096 octets/ })
})

t.test('curl asks, in words and in octets', { skip: lacking('curl') }, async (t) => {
  const world = await place(t)
  const { url } = await world.listen()
  const run = promisify(execFile)
  const { stdout } = await run('curl', ['-sf', `${url}/v1/dns/answer?name=orders&namespace=shop`])
  t.match(JSON.parse(stdout), { rcode: 'NOERROR', answer: [{ data: '10.0.0.1' }] })
  const answer = await run('curl', ['-sf', '-H', `accept: ${media}`, `${url}${asked(question(orders, 'A'))}`], { encoding: 'buffer' })
  t.strictSame(text(codec.decode(answer.stdout).answers), [`${orders} 5 A 10.0.0.1`])
})
