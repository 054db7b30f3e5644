// Text that is not UTF-8 was stored as U+FFFD, charset=iso-8859-1 was taken as UTF-8, and an empty body that came chunked, as HTTP/2 clients
// send it through HAProxy, was 415 on heartbeat, DELETE and namespaces. Overrides ended on 30 February, or at the node's own time of day.
import { request } from 'node:http'
import t from 'tap'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

/** Sends a chunked body, whose chunks may be none. */
async function chunked (
  world: HttpWorld, method: string, path: string, headers: Record<string, string>, chunks: readonly (string | Buffer)[] = []
): Promise<{ status: number, body: any }> {
  const { host, port } = await world.listen()
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number, body: any }>()
  const outgoing = request({ host, port, method, path, headers: { ...headers, 'transfer-encoding': 'chunked', connection: 'close' } }, (answer) => {
    let text = ''
    answer.on('data', (chunk: Buffer) => { text += chunk.toString() })
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) }))
  })
  outgoing.on('error', reject)
  for (const chunk of chunks) outgoing.write(chunk)
  outgoing.end()
  return promise
}

t.test('an empty body is none, whether it came chunked or not, and whatever its type', async (t) => {
  const world = await build(t)
  for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-type': 'application/grpc' }, { 'content-type': 'application/yaml' }] as const) {
    await world.register('shop/orders/a')
    const instance = pathOf('shop/orders/a')
    t.equal((await chunked(world, 'PUT', `${instance}/heartbeat`, headers)).status, 200)
    t.equal((await chunked(world, 'PUT', '/v1/namespaces/edge', headers)).status < 300, true)
    t.equal((await chunked(world, 'DELETE', '/v1/namespaces/edge', headers)).status, 200)
    t.equal((await chunked(world, 'DELETE', instance, headers)).status, 204)
    t.equal((await chunked(world, 'GET', '/v1/instances', headers)).status, 200)
    t.equal((await chunked(world, 'PUT', instance, headers)).status, 400, 'where one is required it is missing')
  }
  for (const [method, path] of [['PUT', `${pathOf('shop/orders/a')}/heartbeat`], ['POST', '/v1/heartbeats'], ['PUT', '/v1/namespaces/edge']] as const) {
    t.equal((await chunked(world, method, path, { 'content-type': 'text/plain' }, ['x'])).status, 415, 'one octet is a body')
    t.equal((await chunked(world, method, path, {}, ['x'])).status, 415, 'and needs a type')
  }
})

t.test('a body that is not UTF-8 is refused, and one that says it is something else', async (t) => {
  const world = await build(t)
  const latin = Buffer.from('{"address":"10.0.0.1","metadata":{"a":"caf\xe9"}}', 'latin1')
  const utf = Buffer.from('{"address":"10.0.0.1","metadata":{"a":"caf\u00e9 \u{1f600}"}}')
  const send = (type: string, body: Buffer): Promise<{ status: number, body: any }> => chunked(world, 'PUT', pathOf('shop/orders/a'), { 'content-type': type }, [body.subarray(0, 40), body.subarray(40)])
  t.match(await send('application/json', latin), { status: 400, body: { code: 'REG_BODY_SYNTAX', errors: [{ field: 'body', rule: /UTF-8/ }] } })
  for (const type of ['application/json; charset=iso-8859-1', 'application/json;charset="UTF-16"', 'application/json; Charset = windows-1252']) {
    t.match(await send(type, utf), { status: 415, body: { code: 'REG_MEDIA_TYPE', detail: /UTF-8/ } }, type)
  }
  t.equal(world.registry.feed.revision, 0)
  for (const type of ['application/json', 'application/json; charset=UTF-8', 'application/json;charset="utf-8"']) {
    t.equal((await send(type, utf)).body.metadata.a, 'caf\u00e9 \u{1f600}', type)
  }
  for (const [path, type] of [['/v1/apply', 'application/yaml'], ['/v1/apply', 'application/json'], ['/v1/namespaces/edge', 'text/yaml'], ['/v1/heartbeats', 'application/json']] as const) {
    const method = path.includes('namespaces') ? 'PUT' : 'POST'
    t.equal((await chunked(world, method, path, { 'content-type': type }, [Buffer.from([0x61, 0xff])])).status, 400, path)
    t.equal((await chunked(world, method, path, { 'content-type': `${type}; charset=latin1` }, ['{}'])).status, 415, path)
  }
})

t.test('an override ends at a time that exists, with its offset', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a')
  const override = (until: string): ReturnType<HttpWorld['send']> => world.send('PUT', `${pathOf('shop/orders/a')}/override`, { status: 'draining', until })
  for (const until of [
    '2026-02-30T00:00:00Z', '2026-02-29T00:00:00Z', '2026-04-31T00:00:00Z', '2026-13-01T00:00:00Z', '2026-03-01T24:00:00Z', '2026-03-01T12:60:00Z', '2026-03-01T12:00:00', '2026-03-01', '2026-03-01 12:00:00Z',
    'March 1, 2026', '2026', '1772366400000', '2026-03-01T12:00:00+25:00', '2026-03-01T12:00:00 Europe/Berlin', ''
  ]) t.match((await override(until)).json(), { status: 400, errors: [{ field: 'until', value: until, rule: /RFC 3339/ }] }, until)
  for (const [until, stored] of [
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'], ['2026-03-01T12:00:00+01:00', '2026-03-01T11:00:00.000Z'], ['2026-03-01t12:00:00.25z', '2026-03-01T12:00:00.250Z'], ['2026-03-01T00:30-02:30', '2026-03-01T03:00:00.000Z']
  ] as const) t.equal((await override(until)).json().override?.until, stored, until)
})
