// Several addresses, time limits, refusals: what one call does before it gives up.
import t from 'tap'
import fc from 'fast-check'
import { backoffCapMs, fullJitter } from '../../client-sdk/src/backoff.ts'
import type { Fetch } from '../../client-sdk/src/index.ts'
import { addressesOf } from '../../client-sdk/src/addresses.ts'
import { all, setting, typesOf, type Setting } from './helpers.ts'

const orders = { service: 'orders', id: 'o-1', port: 8080 }
const nodes = ['http://a:7500', 'http://b:7500', 'http://c:7500']

/** Nodes of one registry, some of them ill: `down` refuses, `mute` never answers, a number is an HTTP status. */
function cluster (t: Parameters<typeof setting>[0], ill: Record<string, 'down' | 'mute' | number>): Setting & { asked: string[] } {
  const asked: string[] = []
  const fetch: Fetch = (url, init) => {
    const node = new URL(url).hostname
    asked.push(node)
    const fault = ill[node]
    if (fault === 'down') return Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }))
    if (fault === 'mute') {
      return new Promise((_resolve, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason as Error)))
    }
    if (fault !== undefined) return Promise.resolve({ status: fault, headers: new Headers(), text: async () => '<html>proxy</html>' })
    return registry().fetch(url, init)
  }
  const parts = setting(t, { address: nodes, prefer: 'first', fetch })
  const registry = (): Setting['registry'] => parts.registry
  return { ...parts, asked }
}

t.test('a call goes to the next address when one refuses, fails or is silent, and stays with the one that works', async (t) => {
  for (const fault of ['down', 'mute', 502, 503] as const) {
    const { rollcall, clock, asked, events } = cluster(t, { a: fault })
    const registered = rollcall.register(orders)
    await clock.advance(2_000)
    await registered
    await rollcall.instance(orders)
    t.strictSame(asked, ['a', 'b', 'b'], String(fault))
    t.equal(rollcall.address, 'http://b:7500')
    t.match(events[0], { type: 'failover', from: 'http://a:7500', to: 'http://b:7500' })
  }
})

t.test('a refusal is an answer: no other address is asked', async (t) => {
  const { rollcall, asked } = cluster(t, {})
  await t.rejects(rollcall.instance(orders), { code: 'REG_NAMESPACE_NOT_FOUND', status: 404 })
  t.strictSame(asked, ['a'])
})

t.test('a full store is not asked again through another node', async (t) => {
  const { rollcall, asked } = cluster(t, { a: 507 })
  await t.rejects(rollcall.request('/v1/overview'), { code: 'REGISTRY_BAD_ANSWER', status: 507 })
  t.strictSame(asked, ['a'])
})

t.test('when all addresses fail a call tries them three times and then says why', async (t) => {
  const { rollcall, clock, asked, events } = cluster(t, { a: 'down', b: 'down', c: 503 })
  const rejected = t.rejects(rollcall.instance(orders), { code: 'REGISTRY_BAD_ANSWER', status: 503 })
  await clock.advance(5_000)
  await rejected
  t.equal(asked.join(''), 'abcabcabc')
  t.equal(events.filter(({ type }) => type === 'unreachable').length, 1)
})

t.test('nobody answers: the time limit of the call holds, whatever the number of addresses', async (t) => {
  const { rollcall, clock } = cluster(t, { a: 'mute', b: 'mute', c: 'mute' })
  let code = ''
  rollcall.instance(orders).catch((error: { code: string }) => { code = error.code })
  await clock.advance(4_900)
  t.equal(code, '')
  await clock.advance(200)
  t.equal(code, 'REGISTRY_TIMEOUT')
})

t.test('calls that fail at the same time move on by one address, not by as many as they are', async (t) => {
  const { rollcall, clock, asked } = cluster(t, { a: 'mute' })
  const both = Promise.allSettled([rollcall.instance(orders), rollcall.instance(orders)])
  await clock.advance(3_000)
  await both
  t.equal(asked.join(''), 'aabb')
})

t.test('an abort ends a call at once, with the reason of the signal', async (t) => {
  const { rollcall, clock, asked } = cluster(t, { a: 'mute' })
  const controller = new AbortController()
  const rejected = t.rejects(rollcall.instance(orders, { signal: controller.signal }), { message: 'enough' })
  await clock.advance(10)
  controller.abort(new Error('enough'))
  await rejected
  t.strictSame(asked, ['a'])
  await t.rejects(rollcall.instance(orders, { signal: AbortSignal.abort() }), { name: 'AbortError' })
})

t.test('the outage and its end are told once each', async (t) => {
  const { registry, rollcall, clock, events } = setting(t)
  registry.down()
  for (let n = 0; n < 3; n++) {
    const rejected = t.rejects(rollcall.instance(orders), { code: 'REGISTRY_UNAVAILABLE', message: /ECONNREFUSED/ })
    await clock.advance(1_000)
    await rejected
  }
  registry.down(false)
  await t.rejects(rollcall.instance(orders), { code: 'REG_NAMESPACE_NOT_FOUND' })
  await rollcall.register(orders)
  t.strictSame(typesOf(events), ['unreachable', 'reachable', 'registered'])
})

t.test('something that is no registry is called so', async (t) => {
  const { another } = setting(t)
  const page: Fetch = async () => ({ status: 200, headers: new Headers(), text: async () => '<html>' })
  await t.rejects(another({ fetch: page }).instance(orders), { code: 'REGISTRY_BAD_ANSWER', message: /is this a Rollcall registry/ })
})

t.test('the token travels as a bearer', async (t) => {
  const { registry, rollcall } = setting(t, { token: 'secret' })
  await rollcall.register(orders)
  t.equal(registry.requests[0]?.headers['authorization'], 'Bearer secret')
})

t.test('ids with any visible character arrive as they are', async (t) => {
  const { registry, rollcall } = setting(t)
  const id = 'a?b#c%2Fd&e=f+g"[x]'
  await rollcall.register({ ...orders, id })
  t.equal(registry.instances[0]?.id, id)
  t.equal((await rollcall.instance({ service: 'orders', id })).id, id)
})

t.test('addresses are read from texts as people write them', async (t) => {
  t.strictSame(addressesOf('http://a:7500/, b:7500 ,https://c/rollcall/'), ['http://a:7500', 'http://b:7500', 'https://c/rollcall'])
  t.throws(() => addressesOf(' , '), { code: 'REGISTRY_INVALID_ARGUMENT' })
  t.throws(() => addressesOf('http://'), { code: 'REGISTRY_INVALID_ARGUMENT' })
})

t.test('lists are read page by page, the namespace is the client\'s unless all are asked for', async (t) => {
  const { registry, rollcall } = setting(t)
  for (let n = 0; n < 5; n++) registry.register('shop', n < 3 ? 'orders' : 'payments', `i-${n}`, { labels: { n: String(n % 2) } })
  registry.register('other', 'orders', 'o-1')
  t.strictSame((await all(rollcall.instances({ pageSize: 2 }))).map(({ id }) => id), ['i-0', 'i-1', 'i-2', 'i-3', 'i-4'])
  t.equal(registry.requests.length, 3)
  t.strictSame((await all(rollcall.instances({ service: 'orders', selector: 'n=0' }))).map(({ id }) => id), ['i-0', 'i-2'])
  t.equal((await all(rollcall.instances({ namespace: '*' }))).length, 6)
  t.strictSame((await all(rollcall.services())).map(({ name }) => name), ['orders', 'payments'])
  t.strictSame((await all(rollcall.namespaces())).map(({ name }) => name), ['other', 'shop'])
  t.match(await rollcall.service('orders'), { name: 'orders', instances: { total: 3, ready: 3 } })
  t.match(await rollcall.endpoints('orders.other'), { failOpen: false, endpoints: [{ id: 'o-1' }] })
})

t.test('the thin calls on other people\'s instances', async (t) => {
  const { registry, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1', { generation: 'g1' })
  t.strictSame(await rollcall.heartbeat([{ service: 'orders', id: 'o-1' }, { service: 'orders', id: 'o-2' }, { service: 'orders', id: 'o-1', generation: 'g0' }]), {
    renewed: 1,
    unknown: [{ service: 'orders', id: 'o-2', namespace: 'shop' }],
    superseded: [{ service: 'orders', id: 'o-1', generation: 'g0', namespace: 'shop' }],
    stored: true
  })
  await t.rejects(rollcall.deregister({ service: 'orders', id: 'o-1', generation: 'g0' }), { code: 'REG_GENERATION_SUPERSEDED' })
  await rollcall.deregister({ service: 'orders', id: 'o-1' })
  await t.rejects(rollcall.deregister({ service: 'orders', id: 'o-1' }), { code: 'REG_NAMESPACE_NOT_FOUND' })
})

t.test('full jitter lies between nothing and the cap', async (t) => {
  fc.assert(fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
    const pause = fullJitter(attempt, () => random)
    return pause >= 0 && pause <= backoffCapMs
  }))
  t.strictSame([0, 1, 2, 5, 6, 99].map((attempt) => fullJitter(attempt, () => 1)), [100, 200, 400, 3_200, 5_000, 5_000])
})

t.test('a registry that never answers costs the limit given, once', async (t) => {
  const { another, clock } = setting(t)
  const mute: Fetch = (_url, init) => new Promise(
    (_resolve, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason as Error))
  )
  const took = async (work: () => Promise<unknown>): Promise<number> => {
    const begin = clock.now()
    let end: number | undefined
    work().catch(() => {}).finally(() => { end = clock.now() })
    await clock.advance(60_000)
    return (end ?? Infinity) - begin
  }
  for (const address of ['http://a', ['http://a', 'http://b', 'http://c']]) {
    const client = another({ address, timeoutMs: 2_000, fetch: mute, WebSocket: null })
    t.equal(await took(() => client.instance(orders)), 2_000)
    t.equal(await took(() => client.register(orders, { waitMs: 700 })), 700)
    t.equal(await took(() => client.resolve('orders')), 2_000)
    t.equal(await took(() => client.instances().next()), 2_000)
  }
})

t.test('a goodbye to a registry that never answers costs the limit once, also with draining and many registrations', async (t) => {
  const { registry, another, clock } = setting(t)
  let mute = false
  const client = another({
    timeoutMs: 2_000,
    WebSocket: null,
    fetch: (url, init) => (
      mute ? new Promise(
        (_resolve, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason as Error))
      ) : registry.fetch(url, init)
    )
  })
  for (let n = 0; n < 5; n++) await client.register({ ...orders, id: `o-${n}`, drainMs: 500 })
  mute = true
  let end = Infinity
  void client.close().then(() => { end = clock.now() })
  const begin = clock.now()
  await clock.advance(60_000)
  t.equal(end - begin, 2_000)
})
