// Who registered an instance keeps it, through every door, on every node and in both stores; and who may register only some names or
// addresses gets into no others.
import t from 'tap'
import type { PolicyRule } from '../../client-sdk/src/manifests.ts'
import type { Instance } from '../../client-sdk/src/wire.ts'
import { type Actor, registryActor } from '../../server/registry/core.ts'
import { AccessControl } from '../../server/access/access-control.ts'
import { systemClock } from '../../server/clock.ts'
import { standaloneGuard } from '../../server/guard.ts'
import { actorOf } from '../../server/access/identity.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { noRedis } from '../support/redis-server.ts'
import { twoNodes } from '../support/two-nodes.ts'
import { type HttpWorld, bearer, build, pathOf, tokenOf } from '../support/world.ts'

const agent = (namespace: string, more: Partial<PolicyRule> = {}): PolicyRule => ({ role: 'agent', namespaces: [namespace], ...more })
const plenty = { perSecond: 1_000_000, burst: 1_000_000 }
const values = { mode: 'on', tokenFile: undefined, certificateIdentity: 'san', jwt: undefined, audit: undefined, limits: { writes: plenty, heartbeats: plenty, registrations: plenty, watches: plenty }, connections: 1_000_000 } as const
const name = { namespace: 'shop', service: 'orders', id: 'a' }

async function two (t: Parameters<typeof build>[0], mode: 'on' | 'report' = 'on'): Promise<HttpWorld & { readonly a: string, readonly b: string, readonly operator: string }> {
  const world = await build(t, { control: { mode } })
  return {
    ...world, a: await tokenOf(world, 'a', [agent('shop')]), b: await tokenOf(world, 'b', [agent('shop')]),
    operator: await tokenOf(world, 'operator', [{ role: 'operator', namespaces: ['shop'] }])
  }
}

for (const kind of ['sqlite', 'redis'] as const) {
  t.test(`two identities that register one id through two nodes at once: the store says whose it is (${kind})`, { skip: kind === 'redis' && noRedis }, async (t) => {
    const nodes = await twoNodes(t, kind)
    const { registries } = nodes
    const controls = registries.map((registry) => new AccessControl({
      values, core: registry, feed: registry.feed, clock: systemClock, guard: standaloneGuard, log: { info: () => undefined, warn: () => undefined }
    }))
    for (const control of controls) t.teardown(() => control.close())
    const [one, two] = controls as [AccessControl, AccessControl]
    const asked = async (who: string): Promise<Actor> => {
      const { id } = await one.desk.create(registryActor, { name: who, rules: [agent('shop')] })
      return actorOf({ kind: 'token', subject: `token:${who}`, tokenId: id }, '10.0.0.9')
    }
    const [a, b] = [await asked('a'), await asked('b')]
    await registries[1].store.sync()
    nodes.hold() // node two has not heard of what node one stores
    const { instance } = await one.core.as(a).register(name, {})
    t.equal(instance.owner, 'token:a')
    await t.rejects(two.core.as(b).register(name, {}), { code: 'REG_FORBIDDEN', message: /registered by token:a/ })
    await t.rejects(two.core.as(b).register(name, { generation: 'mine' }), { code: 'REG_FORBIDDEN' }, 'nor as another life')
    t.equal((await two.core.as(a).register(name, { weight: 7 })).instance.weight, 7, 'its owner may, through whichever node')
    await one.core.as(a).deregister(name)
    t.equal((await two.core.as(b).register(name, {})).instance.owner, 'token:b', 'and who comes first after its end has it')
  })

  t.test(`what was registered without access control becomes the first owner's (${kind})`, { skip: kind === 'redis' && noRedis }, async (t) => {
    const { one: open, registries } = await twoNodes(t, kind)
    await open.register(name, { address: '10.0.0.1' })
    const control = new AccessControl({
      values, core: registries[0], feed: registries[0].feed, clock: systemClock, guard: standaloneGuard, log: { info: () => undefined, warn: () => undefined }
    })
    t.teardown(() => control.close())
    const { id } = await control.desk.create(registryActor, { name: 'a', rules: [agent('shop')] })
    const access = control.core.as(actorOf({ kind: 'token', subject: 'token:a', tokenId: id }, '10.0.0.9'))
    t.match(await access.heartbeat([name]), { renewed: 1 }, 'its heartbeats go on meanwhile')
    t.match(await access.register(name, { address: '10.0.0.1' }), { instance: { owner: 'token:a' }, outcome: 'updated' })
    t.match((await open.register(name, { address: '10.0.0.1' })).instance, { owner: 'token:a' }, 'a node without access control leaves it so')
  })
}

t.test('B gets at nothing of A: batch, single heartbeat, watch socket, patch, override, deregistration', async (t) => {
  const { send, a, b, operator, listen, registry } = await two(t)
  t.match((await send('PUT', pathOf('a'), { address: '10.0.0.1' }, bearer(a))).json(), { owner: 'token:a' })
  await send('PUT', pathOf('b'), { address: '10.0.0.2' }, bearer(b))
  const leases = ['a', 'b', 'c'].map((id) => ({ namespace: 'shop', service: 'orders', id }))
  t.match((await send('POST', '/v1/heartbeats', { leases }, bearer(b))).json(), { renewed: 1, unknown: [{ id: 'c' }], forbidden: [{ id: 'a' }] })
  t.match((await send('PUT', `${pathOf('a')}/heartbeat`, undefined, bearer(b))).json(), { code: 'REG_FORBIDDEN' })
  for (const [method, url, body] of [['PATCH', pathOf('a'), { weight: 1 }], ['DELETE', pathOf('a')], ['PUT', `${pathOf('a')}/override`, { status: 'down' }]] as const) {
    t.match((await send(method, url, body, bearer(b))).json(), { code: 'REG_FORBIDDEN' }, method)
  }
  const { url } = await listen()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { headers: bearer(b) }) // Node takes options there
  const answers: any[] = []
  const answered = Promise.withResolvers<void>()
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data))
    answers.push(frame)
    if (frame.type === 'heartbeat') answered.resolve()
  }
  socket.onopen = () => socket.send(JSON.stringify({ type: 'heartbeat', session: true, leases: leases.map((lease) => ({ ...lease, generation: 'g' })) }))
  await answered.promise
  t.match(answers.find(({ type }) => type === 'heartbeat'), { forbidden: [{ id: 'a' }] })
  t.equal(registry.sessions.boundCount, 0, 'and its socket is no lease of A')
  socket.close()
  t.equal((await send('PUT', `${pathOf('a')}/override`, { status: 'draining' }, bearer(operator))).statusCode, 200, 'an operator may')
  t.equal((await send('DELETE', pathOf('a'), undefined, bearer(operator))).statusCode, 204)
})

t.test('an owner that is not permitted any more keeps nothing', async (t) => {
  const { send, a, operator } = await two(t)
  await send('PUT', pathOf('a'), { address: '10.0.0.1' }, bearer(a))
  const admin = await tokenOf({ control: (await build(t)).control }, 'x', [])
  t.ok(admin)
  t.match((await send('POST', '/v1/heartbeats', { leases: [name] }, bearer(a))).json(), { renewed: 1 })
  t.match((await send('PUT', `${pathOf('a')}/heartbeat`, undefined, bearer(operator))).json(), { renewed: 1 })
})

t.test('while it only reports, everything passes, is told, and has an owner', async (t) => {
  const { send, a, b, warnings } = await two(t, 'report')
  t.match((await send('PUT', pathOf('a'), { address: '10.0.0.1' })).json(), { address: '10.0.0.1' }, 'without a token')
  t.match(warnings.join('\n'), /access report: would be refused: .*register.* needs a token/)
  t.match((await send('PUT', pathOf('a'), { address: '10.0.0.1' }, bearer(a))).json(), { owner: 'token:a' })
  t.match((await send('POST', '/v1/heartbeats', { leases: [name] }, bearer(b))).json(), { renewed: 1 })
  t.match(warnings.join('\n'), /would be refused: token:b has no right to "operate"/)
  t.match((await send('PUT', pathOf('a'), { address: '10.0.0.1' })).json(), { owner: 'token:a' }, 'who shows nothing leaves the owner')
  t.equal((await send('GET', '/v1/whoami', undefined, bearer('rc_wrong'))).json().subject, 'anonymous')
})

t.test('only permitted addresses are registered or declared, the address of the connection too', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send } = world
  const lan = bearer(await tokenOf(world, 'lan', [agent('shop', { addresses: ['10.0.0.0/8', 'fd00::/8'] }), { verbs: ['declare'], namespaces: ['shop'], addresses: ['10.0.0.0/8'] }]))
  const status = async (body: object): Promise<number> => (await send('PUT', pathOf('x'), body, lan)).statusCode
  t.equal(await status({ address: '10.9.9.9' }), 201)
  for (const address of ['11.0.0.1', '9.255.255.255', '::ffff:11.0.0.1', 'fe00::1', '192.168.0.1']) t.not(Math.floor(await status({ address }) / 100), 2, address)
  t.equal(await status({}), 403, 'the connection comes from 127.0.0.1')
  const slice = (address: string): object => ({
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'made', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ port: 80 }]
  })
  t.equal((await send('POST', '/v1/apply', slice('10.0.0.1'), lan)).statusCode, 200)
  t.match((await send('POST', '/v1/apply', slice('11.0.0.1'), lan)).json(), { code: 'REG_FORBIDDEN', detail: /11\.0\.0\.1/ })
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: { ports: [{ port: 80 }], externalIPs: ['192.0.2.1'] } }
  t.match((await send('POST', '/v1/apply', service, lan)).json(), { code: 'REG_FORBIDDEN' })
})

t.test('nobody gets among the endpoints of a declared service by its labels alone', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const { send, access } = world
  const token = bearer(await tokenOf(world, 'one', [agent('shop', { services: ['mine'] })]))
  await access.apply(readManifests('apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { selector: { app: web }, ports: [{ port: 80 }] }\n'))
  t.match((await send('PUT', pathOf('shop/mine/a'), { address: '10.0.0.1', labels: { app: 'web' } }, token)).json(), { code: 'REG_FORBIDDEN', detail: /"web"/ })
  t.equal((await send('PUT', pathOf('shop/mine/a'), { address: '10.0.0.1', labels: { app: 'mine' } }, token)).statusCode, 201)
  t.match((await send('PATCH', pathOf('shop/mine/a'), { labels: { app: 'web' } }, token)).json(), { code: 'REG_FORBIDDEN', detail: /"web"/ }, 'nor by a patch')
})

t.test('a slice is taken from no service that its author may not declare', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const slice = (service: string): object => ({
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 's', namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }]
  })
  const web = bearer(await tokenOf(world, 'web', [{ verbs: ['declare'], namespaces: ['shop'], services: ['web'] }]))
  const api = bearer(await tokenOf(world, 'api', [{ verbs: ['declare'], namespaces: ['shop'], services: ['api'] }]))
  t.equal((await world.send('POST', '/v1/apply', slice('web'), web)).statusCode, 200)
  t.match((await world.send('POST', '/v1/apply', slice('api'), api)).json(), { code: 'REG_FORBIDDEN', detail: /"web"/ })
  t.match((await world.send('POST', '/v1/delete', { names: [{ kind: 'EndpointSlice', namespace: 'shop', name: 's' }] }, api)).json(), { code: 'REG_FORBIDDEN' })
})

t.test('reserved names are for those whom a rule names them to, and for admins', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const everywhere = bearer(await tokenOf(world, 'agent', [agent('*')]))
  const proxy = bearer(await tokenOf(world, 'proxy', [{ role: 'proxy', namespaces: ['*'] }]))
  const admin = bearer(await tokenOf(world, 'admin', [{ role: 'admin' }]))
  const put = async (path: string, headers: Record<string, string>): Promise<number> => (await world.send('PUT', pathOf(path), { address: '10.0.0.1' }, headers)).statusCode
  for (const path of ['rollcall-system/proxy/a', 'default/kubernetes/a']) {
    t.equal(await put(path, everywhere), 403, path)
    t.equal(await put(path.replace(/a$/, 'b'), admin), 201, path)
  }
  t.equal(await put('rollcall-system/proxy/c', proxy), 201)
  t.equal(await put('rollcall-system/other/c', proxy), 403)
  t.equal(await put('shop/orders/c', proxy), 403, 'an agent of traffic registers itself and nothing else')
  t.equal((await world.send('GET', '/v1/namespaces/rollcall-system/services/proxy/endpoints', undefined, everywhere)).statusCode, 200, 'they are read like all others')
})

t.test('paths find no way around a pattern', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const token = bearer(await tokenOf(world, 'one', [agent('shop-*', { services: ['a'] })]))
  for (const path of ['shop-1/a/x']) t.equal((await world.send('PUT', pathOf(path), { address: '10.0.0.1' }, token)).statusCode, 201, path)
  for (const url of ['shop-1/services/b', 'shop/services/a', 'shop-1%2F..%2Fpay/services/a', 'pay/services/a', 'shop-1/services/a%2F..%2Fb', 'SHOP-1/services/a', '*/services/a', 'shop-%2A/services/a', 'shop-1/services/..%2Fa']) {
    const { statusCode } = await world.send('PUT', `/v1/namespaces/${url}/instances/x`, { address: '10.0.0.1' }, token)
    t.ok([400, 403, 404].includes(statusCode), `${url}: ${statusCode}`)
  }
  const seen = (await world.send('GET', '/v1/instances', undefined, bearer(await tokenOf(world, 'admin', [{ role: 'admin' }])))).json().items as Instance[]
  t.same(seen.map(({ namespace, service, id }) => `${namespace}/${service}/${id}`), ['shop-1/a/x'])
})
