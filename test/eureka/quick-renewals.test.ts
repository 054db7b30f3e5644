// Renewals ahead of routing are answered as the route answers them: on a real connection, where both are.
import { Agent, request } from 'node:http'
import t, { type Test } from 'tap'
import { bearer, tokenOf } from '../support/world.ts'
import { type EurekaWorld, eurekaWorld } from './eureka-world.ts'

interface Told {
  readonly status: number
  readonly body: string
  readonly type: string | undefined
}

type Asker = (path: string, headers?: Record<string, string>, body?: string, method?: string) => Promise<Told>

/** Asks over one connection. */
async function asker (t: Test, { eurekaHttp }: EurekaWorld): Promise<Asker> {
  await eurekaHttp.listenAll([])
  const [url = ''] = eurekaHttp.ownUrls.get('eureka') ?? []
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return (path, headers = {}, body, method = 'PUT') => new Promise((resolve, reject) => {
    request(`${url}${path}`, { agent, method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => resolve({ status: response.statusCode ?? 0, body: text, type: response.headers['content-type'] }))
    }).on('error', reject).end(body)
  })
}

t.test('the same answer, whichever way it takes', async (t) => {
  const world = await eurekaWorld(t)
  await world.put({ instanceId: 'a', lastDirtyTimestamp: '2000' })
  await world.put({ instanceId: 'metadata' })
  const ask = await asker(t, world)
  for (const [path, headers, body, status] of [
    ['/eureka/apps/ORDERS/a', {}, undefined, 200], ['/eureka/v2/apps/orders/a?status=UP&lastDirtyTimestamp=2000', {}, undefined, 200], ['/eureka/apps/ORDERS/a?status=UP&lastDirtyTimestamp=2001', {}, undefined, 404],
    ['/eureka/apps/ORDERS/a?status=DOWN&lastDirtyTimestamp=2000', {}, undefined, 200], ['/eureka/apps/ORDERS/a?status=NONE', {}, undefined, 400], ['/eureka/apps/ORDERS/nobody', {}, undefined, 404], ['/eureka/apps/NOBODY/a', {}, undefined, 404],
    ['/eureka/apps/-/a', {}, undefined, 404], ['/eureka/apps/ORDERS/metadata', {}, undefined, 200], ['/eureka/apps/ORDERS/a', { 'content-type': 'application/json', 'content-length': '0' }, undefined, 200],
    ['/eureka/apps/ORDERS/a', { 'content-type': 'application/json' }, '{}', 200], ['/eureka/apps/ORDERS/a', { 'transfer-encoding': 'chunked' }, 'x', 200], ['/eureka/apps/ORDERS/a', { 'x-rollcall-namespace': 'other' }, undefined, 404],
    ['/eureka/apps/ORDERS/a', { host: 'evil.example' }, undefined, 421], ['/eureka/apps/ORDERS/a', { origin: 'http://evil.example' }, undefined, 403], ['//eureka/apps/ORDERS/a', {}, undefined, 200], ['/eureka/apps/ORDERS/%61', {}, undefined, 200]
  ] as const) t.strictSame(await ask(path, headers, body), { status, body: '', type: undefined }, `${path} ${JSON.stringify(headers)}`)
  t.equal(world.access.instance({ namespace: 'default', service: 'orders', id: 'a' }).status, 'up')
  t.strictSame(await ask('/eureka/apps/ORDERS/a?status=DOWN'), { status: 200, body: '', type: undefined })
  t.equal(world.access.instance({ namespace: 'default', service: 'orders', id: 'a' }).status, 'down')
})

t.test('a renewal ahead of routing renews the lease', async (t) => {
  const world = await eurekaWorld(t)
  for (let index = 0; index < 5; index++) await world.put({ instanceId: `other-${index}`, leaseInfo: { durationInSecs: 600 } })
  await world.put({ instanceId: 'a', leaseInfo: { durationInSecs: 10 } })
  const ask = await asker(t, world)
  for (let count = 0; count < 8; count++) {
    t.equal((await ask('/eureka/apps/ORDERS/a')).status, 200)
    await world.pass(5_000)
  }
  t.match((await world.get('/apps/ORDERS/a')).json.instance, { status: 'UP' })
  await world.pass(30_000)
  t.equal((await ask('/eureka/apps/ORDERS/a')).status, 404)
})

t.test('with access control only who may renews', async (t) => {
  const world = await eurekaWorld(t, { control: { mode: 'on' } })
  const mine = bearer(await tokenOf(world, 'web', [{ verbs: ['read', 'register'], namespaces: ['default'] }]))
  const other = bearer(await tokenOf(world, 'other', [{ verbs: ['read', 'register'], namespaces: ['default'] }]))
  await world.access.register({ namespace: 'default', service: 'orders', id: 'nobodys' }, { address: '10.0.0.1' })
  const ask = await asker(t, world)
  const body = JSON.stringify({ instance: { app: 'ORDERS', instanceId: 'a', hostName: 'h', ipAddr: '10.0.0.7', dataCenterInfo: { name: 'MyOwn' } } })
  t.equal((await ask('/eureka/apps/ORDERS', { ...mine, 'content-type': 'application/json' }, body, 'POST')).status, 204)
  for (const [headers, status] of [[mine, 200], [mine, 200], [other, 403], [other, 403], [{}, 401], [{}, 401], [{ authorization: 'Basic x' }, 401], [mine, 200]] as const) {
    t.strictSame(await ask('/eureka/apps/ORDERS/a', headers), { status, body: '', type: undefined })
  }
})
