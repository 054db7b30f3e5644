// What one sees: lists and counts hold what may be read, page by page; watches show it, and follow a change of what is permitted.
import t from 'tap'
import type { PolicyRule } from '../../client-sdk/src/manifests.ts'
import { readManifests } from '../../server/model/manifest/manifest-stream.ts'
import { type HttpWorld, bearer, build, buildWithDns, tokenOf } from '../support/world.ts'

const policy = (name: string, subjects: string, rules: readonly PolicyRule[]): string => JSON.stringify({ apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name }, spec: { subjects: [subjects], rules } })

async function filled (t: Parameters<typeof build>[0]): Promise<HttpWorld & { read: (url: string, token?: string) => Promise<any> }> {
  const world = await build(t, { control: { mode: 'on' } })
  for (const namespace of ['pay', 'shop']) {
    for (const service of ['api', 'web']) for (const id of ['1', '2']) await world.register(`${namespace}/${service}/${id}`)
  }
  return { ...world, read: async (url, token) => (await world.send('GET', url, undefined, bearer(token))).json() }
}

t.test('lists, counts, events and the overview hold what may be read', async (t) => {
  const world = await filled(t)
  const token = await tokenOf(world, 'one', [{ role: 'reader', namespaces: ['shop'], services: ['web'] }])
  const names = (answer: any): string[] => answer.items.map(({ namespace = '', service = '', name = '', id = '' }) => [namespace, service, name, id].filter((part) => part !== '').join('/'))
  t.same(names(await world.read('/v1/instances', token)), ['shop/web/1', 'shop/web/2'])
  t.same(names(await world.read('/v1/services', token)), ['shop/web'])
  t.same((await world.read('/v1/namespaces', token)).items, [{ name: 'shop', services: 1, instances: 2 }])
  t.match(await world.read('/v1/namespaces/shop', token), { services: 1, instances: 2 })
  t.same(new Set(names(await world.read('/v1/events', token))), new Set(['shop/web/1', 'shop/web/2']))
  t.match(await world.read('/v1/overview', token), { namespaces: 1, services: 1, instances: { total: 2, up: 2 }, store: { location: '' } })
  t.same(names(await world.read('/v1/instances?address=10.0.0.1', token)), ['shop/web/1', 'shop/web/2'])
  const first = await world.read('/v1/instances?limit=1', token)
  t.same(names(await world.read(`/v1/instances?limit=1&cursor=${first.next}`, token)), ['shop/web/2'], 'the next page')
  t.same((await world.read('/v1/prometheus/targets', token)).map(({ labels }: any) => labels.__meta_rollcall_service ?? Object.values(labels)).flat().includes('api'), false)
  t.match(await world.read('/v1/namespaces/pay', token), { code: 'REG_FORBIDDEN' }, 'what may not be read is refused, whether or not it is there')
  t.match(await world.read('/v1/namespaces/nothing', token), { code: 'REG_FORBIDDEN' })
})

t.test('a kept answer of one is no answer of another', async (t) => {
  const world = await filled(t)
  const admin = await tokenOf(world, 'admin', [{ role: 'admin' }])
  const one = await tokenOf(world, 'one', [{ role: 'reader', namespaces: ['shop'] }])
  const other = await tokenOf(world, 'other', [{ role: 'reader', namespaces: ['pay'] }])
  for (let n = 0; n < 600; n++) await world.register(`shop/many/i${n}`)
  const all = await world.send('GET', '/v1/instances?limit=1000', undefined, bearer(admin))
  const shop = await world.send('GET', '/v1/instances?limit=1000', undefined, bearer(one))
  const pay = await world.send('GET', '/v1/instances?limit=1000', undefined, bearer(other))
  t.same([all, shop, pay].map((answer) => answer.json().items.length), [608, 604, 4])
  t.equal(new Set([all, shop, pay].map(({ headers }) => headers.etag)).size, 3, 'with tags of their own')
  const again = await world.send('GET', '/v1/instances?limit=1000', undefined, { ...bearer(other), 'if-none-match': String(all.headers.etag) })
  t.equal(again.statusCode, 200)
})

t.test('an endpoints answer that is ready for one is refused to another on the same connection', async (t) => {
  const world = await filled(t)
  const { url } = await world.listen()
  const [one, other] = [await tokenOf(world, 'one', [{ role: 'reader', namespaces: ['shop'] }]), await tokenOf(world, 'other', [{ role: 'reader', namespaces: ['pay'] }])]
  const ask = async (token: string | undefined): Promise<number> => {
    const answer = await fetch(`${url}/v1/namespaces/shop/services/web/endpoints`, { headers: bearer(token) })
    await answer.text()
    return answer.status
  }
  const statuses: number[] = []
  for (const token of [one, one, one, other, one, undefined, one, other]) statuses.push(await ask(token))
  t.same(statuses, [200, 200, 200, 403, 200, 401, 200, 403])
  await world.control.desk.revoke((await import('../../server/registry/core.ts')).registryActor, 'one')
  t.equal(await ask(one), 401, 'revoked, it opens nothing from the next request on')
})

for (const view of ['instances', 'endpoints'] as const) {
  t.test(`a watch of ${view} shows what may be read, begins anew when that changes, and ends when nothing is left`, async (t) => {
    const world = await filled(t)
    const { access } = world
    const token = await tokenOf(world, 'watcher', [])
    const apply = (rules: readonly PolicyRule[]): Promise<unknown> => access.apply(readManifests(policy('p', 'token:watch*', rules)))
    await apply([{ role: 'reader', namespaces: ['shop'], services: ['web'] }])
    const { url } = await world.listen()
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/watch`, { headers: bearer(token) })
    const frames: any[] = []
    let look = (): void => undefined
    socket.onmessage = ({ data }) => { frames.push(JSON.parse(String(data))); look() }
    const seen = async (isIt: (frame: any) => boolean): Promise<any> => {
      for (;;) {
        const at = frames.findIndex(isIt)
        if (at !== -1) return frames.splice(0, at + 1).at(-1)
        const { promise, resolve } = Promise.withResolvers<void>()
        look = resolve
        await promise
      }
    }
    const servicesOf = (frame: any): string[] => [...new Set<string>((frame.endpoints ?? frame.instances).map((each: any) => `${each.namespace}/${each.service}`))]
    socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', id: 1, view }))
    t.same(servicesOf(await seen(({ type }) => type === 'snapshot')), ['shop/web'])
    await world.register('shop/api/9')
    await world.register('shop/web/9')
    const change = await seen(({ type }) => type === 'change')
    t.match(JSON.stringify(change), /"web"/)
    t.notMatch(JSON.stringify(frames), /"api"/)
    await apply([{ role: 'reader', namespaces: ['pay'] }])
    t.match(await seen(({ type }) => type === 'reset'), { reason: /what you may see has changed/ })
    t.same(servicesOf(await seen(({ type }) => type === 'snapshot')), ['pay/api', 'pay/web'])
    await apply([{ verbs: ['metrics'] }])
    t.match(await seen(({ type }) => type === 'error'), { id: 1, code: 'REG_FORBIDDEN' })
    socket.close()
  })
}

t.test('a watch that comes back after its rights changed begins anew, and one that may see nothing is refused', async (t) => {
  const world = await filled(t)
  const token = await tokenOf(world, 'watcher', [])
  await world.access.apply(readManifests(policy('p', 'token:watcher', [{ role: 'reader', namespaces: ['shop'] }])))
  const actor = world.control.credentials?.of({ headers: bearer(token), rawHeaders: [], url: '/', socket: {} } as any, { address: '10.0.0.1' })
  if (actor === undefined) throw new Error('there is no access control')
  const core = world.control.core.as(actor)
  const since = { epoch: world.registry.feed.epoch, revision: world.registry.feed.revision }
  t.equal(core.watch({}, since, () => undefined).next(), undefined, 'nothing has changed')
  await world.access.apply(readManifests(policy('p', 'token:watcher', [{ role: 'reader', namespaces: ['pay'] }])))
  const watch = core.watch({}, since, () => undefined)
  t.equal(watch.next()?.type, 'reset')
  t.match(watch.next(), { type: 'snapshot' })
  t.throws(() => core.watch({ namespace: 'shop' }, undefined, () => undefined), { code: 'REG_FORBIDDEN' })
  t.throws(() => world.control.core.as({ name: '10.0.0.1', kind: 'anonymous', address: '10.0.0.1' }).watch({}, undefined, () => undefined), { code: 'REG_UNAUTHENTICATED' })
})

t.test('an event stream ends with the reason when nothing may be seen any more', async (t) => {
  const world = await filled(t)
  const token = await tokenOf(world, 'watcher', [{ role: 'reader', namespaces: ['shop'] }])
  const { url } = await world.listen()
  const answer = await fetch(`${url}/v1/watch?namespace=shop`, { headers: { ...bearer(token), accept: 'text/event-stream' } })
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('event: snapshot')) text += (await reader?.read())?.value ?? ''
  await world.control.desk.revoke((await import('../../server/registry/core.ts')).registryActor, 'watcher')
  for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read()) text += chunk.value
  t.match(text, /event: goodbye\ndata: .*revoked/)
})

t.test('DNS over HTTP answers the names of what may be read, and says nothing of others, in wire form and in words', async (t) => {
  const world = await buildWithDns(t, { reverse: ['10.0.0.0/8'] }, { control: { mode: 'on' } })
  for (const namespace of ['pay', 'shop']) for (const service of ['api', 'web']) await world.register(`${namespace}/${service}/1`, { address: '10.0.0.7' })
  await world.access.apply(readManifests(`apiVersion: v1
kind: Service
metadata: { name: alias, namespace: shop }
spec: { type: ExternalName, externalName: web.pay.svc.cluster.local }
`))
  const token = await tokenOf(world, 'one', [{ role: 'reader', namespaces: ['shop'] }, { role: 'reader', namespaces: ['pay'], services: ['api'] }])
  const admin = await tokenOf(world, 'admin', [{ role: 'admin' }])
  const words = async (name: string, who: string | undefined, more = ''): Promise<any> => (await world.send('GET', `/v1/dns/answer?name=${name}.${more}`, undefined, bearer(who))).json()
  const wire = async (name: string, type: number, who: string | undefined): Promise<number> => {
    const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
    const message = Buffer.concat([Buffer.from('000001000001000000000000', 'hex'), ...labels, Buffer.from([0, 0, type, 0, 1])])
    const { rawPayload } = await world.send('GET', `/dns-query?dns=${message.toString('base64url')}`, undefined, bearer(who))
    return (rawPayload[3] ?? 0xff) & 0x0f
  }
  const [noError, noName, refused] = [0, 3, 5]
  const a = 1
  const ptr = 12
  for (const [name, type, expected] of [
    ['web.shop.svc.cluster.local', a, noError], ['WEB.shop.svc.cluster.LOCAL', a, noError], ['nothing.shop.svc.cluster.local', a, noName], ['api.pay.svc.cluster.local', a, noError],
    ['web.pay.svc.cluster.local', a, refused], ['nothing.pay.svc.cluster.local', a, refused], ['a.web.pay.svc.cluster.local', a, refused], ['web.none.svc.cluster.local', a, refused],
    ['shop.svc.cluster.local', a, noError], ['pay.svc.cluster.local', a, noError], ['none.svc.cluster.local', a, refused], ['cluster.local', a, noError],
    ['_services._dns-sd._udp.pay.svc.cluster.local', ptr, refused], ['_services._dns-sd._udp.shop.svc.cluster.local', ptr, noError], ['7.0.0.10.in-addr.arpa', ptr, refused],
    ['10-0-0-7.pay.pod.cluster.local', a, refused], ['10-0-0-7.shop.pod.cluster.local', a, noError]
  ] as const) {
    t.equal(await wire(name, type, token), expected, `${name} as a reader of shop`)
    t.not(await wire(name, type, admin), refused, `${name} as an admin`)
    const said = await words(name, token, `&type=${type === ptr ? 'PTR' : 'A'}`)
    t.equal(said.rcode === 'REFUSED', expected === refused, `${name} in words: ${JSON.stringify(said).slice(0, 300)}`)
    if (expected === refused) t.notMatch(JSON.stringify(said.trace), /exists|there is no|registered|10\.0\.0/, 'nothing of it is told')
  }
  const alias = await words('alias.shop.svc.cluster.local', token)
  t.same(alias.answer.map(({ type }: any) => type), ['CNAME'], 'who may see an alias need not see what it stands for')
  t.notMatch(JSON.stringify(alias.trace), /implicit|registered/)
  t.match(await words('web.shop.svc.cluster.local', token, '&client=10.0.0.99'), { code: 'REG_FORBIDDEN' })
  t.match(await words('web.shop.svc.cluster.local', admin, '&client=10.0.0.99'), { rcode: 'NOERROR' })
  t.match(await words('web.shop.svc.cluster.local', undefined), { code: 'REG_UNAUTHENTICATED' })
})
