import t from 'tap'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

const instance = pathOf('shop/orders/a')
const service = '/v1/namespaces/shop/services/web'
const namespace = '/v1/namespaces/edge'
const registration = { address: '10.0.0.1' }
const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }

const tagOf = async ({ send }: HttpWorld, path: string): Promise<string> => String((await send('GET', path)).headers['etag'])

t.test('If-None-Match: * writes only an instance that is not registered', async (t) => {
  const world = await build(t)
  for (const [path, body] of [[instance, registration], [service, manifest], [namespace, undefined]] as const) {
    const put = async (): Promise<number> => (await world.send('PUT', path, body, { 'if-none-match': '*' })).statusCode
    t.equal(await put(), 201, path)
    const { revision } = world.registry.feed
    const answer = await world.send('PUT', path, body, { 'if-none-match': '*' })
    t.equal(answer.statusCode, 412, path)
    t.match(answer.json(), { code: 'REG_PRECONDITION_FAILED', errors: [{ field: 'If-None-Match', value: '*' }] })
    t.equal(world.registry.feed.revision, revision, 'nothing was written')
    t.equal((await world.send('DELETE', path)).statusCode < 300, true)
    t.equal(await put(), 201, 'it is gone, and may be written again')
  }
})

t.test('If-Match writes only what is as it was read, in any form', async (t) => {
  const world = await build(t)
  await world.send('PUT', instance, registration)
  await world.send('PUT', service, manifest)
  await world.send('PUT', namespace)
  await world.send('PUT', `${instance}/heartbeat`, { load: { cpu: { value: 1 } } }) // its tag has a part for the load
  for (const [method, path, body, read = path] of [
    ['PATCH', instance, { weight: 7 }], ['PUT', instance, { address: '10.0.0.2' }], ['PUT', service, { ...manifest, spec: { ports: [{ port: 81 }] } }],
    ['PUT', service, { ...manifest, spec: { ports: [{ port: 82 }] } }, `${service}?view=manifest`], ['PUT', namespace, undefined],
    ['DELETE', instance, undefined], ['DELETE', service, undefined], ['DELETE', namespace, undefined]
  ] as const) {
    const { revision } = world.registry.feed
    const tag = await tagOf(world, read)
    for (const wrong of ['"x"', 'W/"other.1"', `W/"${world.registry.feed.epoch}.99999"`, tag.replace(/(\d)(-[^"]*)?"$/, '$10"')]) {
      t.equal((await world.send(method, path, body, { 'if-match': wrong })).statusCode, 412, `${method} ${path} ${wrong}`)
    }
    t.equal((await world.send(method, path, body, { 'if-none-match': `"x", ${tag}` })).statusCode, 412)
    t.equal(world.registry.feed.revision, revision, 'nothing was written')
    t.ok((await world.send(method, path, body, { 'if-match': `"x", ${tag}` })).statusCode < 300, `${method} ${path} ${tag}`)
  }
  for (const path of [instance, service, namespace]) {
    for (const match of ['*', '"x"']) t.equal((await world.send('DELETE', path, undefined, { 'if-match': match })).statusCode, 412, `there is nothing at ${path}`)
  }
})

t.test('a tag that was read before a change does not fit any more', async (t) => {
  const world = await build(t)
  await world.send('PUT', instance, registration)
  const tag = await tagOf(world, instance)
  await world.send('PATCH', instance, { weight: 8 })
  t.equal((await world.send('PATCH', instance, { weight: 9 }, { 'if-match': tag })).statusCode, 412)
  t.equal((await world.send('GET', instance)).json().weight, 8)
})

t.test('a condition that is not supported is refused, not passed over', async (t) => {
  const world = await build(t)
  await world.send('PUT', instance, registration)
  const leases = { leases: [] }
  for (const [method, path, body, headers, field] of [
    ['PUT', `${instance}/override`, { status: 'draining' }, { 'if-match': '*' }, 'if-match'], ['DELETE', `${instance}/override`, undefined, { 'if-match': '*' }, 'if-match'],
    ['PUT', `${instance}/heartbeat`, undefined, { 'if-none-match': '*' }, 'if-none-match'], ['POST', '/v1/heartbeats', leases, { 'if-match': '"x"' }, 'if-match'],
    ['POST', '/v1/apply', JSON.stringify(manifest), { 'if-none-match': '*' }, 'if-none-match'], ['POST', '/v1/delete', { names: [] }, { 'if-match': '*' }, 'if-match'],
    ['PUT', instance, registration, { 'if-unmodified-since': 'Sat, 01 Jan 2028 00:00:00 GMT' }, 'If-Unmodified-Since'], ['GET', instance, undefined, { 'if-match': '*' }, 'If-Match'],
    ['PUT', instance, registration, { 'if-match': 'x' }, 'If-Match, If-None-Match'], ['PUT', instance, registration, { 'if-match': '' }, 'If-Match, If-None-Match']
  ] as const) {
    const answer = await world.send(method, path, body, headers)
    t.equal(answer.statusCode, 400, `${method} ${path}`)
    t.match(answer.json(), { code: 'REG_INVALID', errors: [{ field }] })
  }
  t.equal((await world.send('GET', instance, undefined, { 'if-modified-since': 'Sat, 01 Jan 2028 00:00:00 GMT' })).statusCode, 200, 'of a read it means nothing (RFC 9110 13.1.3)')
})
