// Finding and calling: lists that stay fresh, an outage that nobody notices, another instance when one fails.
import t from 'tap'
import type { Rollcall } from '../../client-sdk/src/index.ts'
import type { TestRegistry } from '../../client-sdk/src/testing.ts'
import { setting, typesOf } from './helpers.ts'

function payments (registry: TestRegistry, id: string, more: object = {}): void {
  registry.register('shop', 'payments', id, { address: `10.0.0.${id.slice(2)}`, ports: [{ name: 'http', port: 80 }], ...more })
}

const reference = (id: string) => ({ namespace: 'shop', service: 'payments', id })
const pick = async (rollcall: Rollcall, count: number, options = {}): Promise<string> => {
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await rollcall.resolve('payments.shop', options)).id.slice(2))
  return ids.join('')
}
const reads = (registry: TestRegistry): number => registry.requests.filter(({ path }) => path.includes('/endpoints')).length

t.test('a name becomes one endpoint, each in its turn', async (t) => {
  const { registry, rollcall } = setting(t)
  for (const id of ['p-1', 'p-2', 'p-3']) payments(registry, id)
  t.match(await pick(rollcall, 6), /^(123|231|312|132|213|321){2}$/)
  const endpoint = await rollcall.resolve('payments')
  t.match(endpoint, { namespace: 'shop', service: 'payments', port: 80, instance: { weight: 100 } })
  t.equal(endpoint.url(), `http://${endpoint.address}:80`)
  t.equal(reads(registry), 1, 'read once')
})

t.test('an IPv6 address is bracketed where it must be', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1', { address: '2001:db8::7' })
  const endpoint = await rollcall.resolve({ service: 'payments' })
  t.equal(endpoint.address, '2001:db8::7')
  t.equal(endpoint.host, '[2001:db8::7]:80')
  t.equal(endpoint.url('https'), 'https://[2001:db8::7]:80')
})

t.test('what changes is in the next answer, without another request', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1')
  t.equal(await pick(rollcall, 2), '11')
  await clock.settle()
  payments(registry, 'p-2')
  registry.override(reference('p-1'), { status: 'draining' })
  await clock.settle()
  t.equal(await pick(rollcall, 2), '22')
  registry.override(reference('p-1'), undefined)
  registry.override(reference('p-2'), { weight: 0 })
  await clock.settle()
  t.equal(await pick(rollcall, 2), '11')
  registry.deregister(reference('p-1'))
  await clock.settle()
  t.equal(await pick(rollcall, 2), '22', 'weight 0, and nobody else is left')
  t.equal(reads(registry), 1)
  t.equal(registry.sockets, 1)
})

t.test('the registry\'s answer and the SDK\'s are the same', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  for (const id of ['p-1', 'p-2', 'p-3', 'p-4']) payments(registry, id)
  await rollcall.resolve('payments')
  await clock.settle()
  registry.suspect(reference('p-1'))
  registry.override(reference('p-2'), { status: 'down' })
  registry.override(reference('p-3'), { weight: 5 })
  await clock.settle()
  const ours = (await rollcall.resolveAll('payments')).map(({ instance }) => instance)
  t.strictSame(ours, (await rollcall.endpoints('payments')).endpoints)
})

t.test('if everybody is suspect, everybody is called', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1')
  payments(registry, 'p-2')
  await rollcall.resolve('payments')
  await clock.settle()
  registry.suspect(reference('p-1'))
  await clock.settle()
  t.equal(await pick(rollcall, 2), '22')
  registry.suspect(reference('p-2'))
  await clock.settle()
  t.match(await pick(rollcall, 2), /12|21/)
})

t.test('a service without endpoints is an error that says so, and ends by itself', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  await t.rejects(rollcall.resolve('payments'), { code: 'REGISTRY_NO_ENDPOINT', message: /payments\.shop has no endpoints: no instance is registered/ })
  await clock.settle()
  payments(registry, 'p-1')
  await clock.settle()
  t.equal(await pick(rollcall, 1), '1')
  await t.rejects(rollcall.resolve('payments', { port: 'grpc' }), { code: 'REGISTRY_NO_ENDPOINT', message: /port "grpc"/ })
  registry.override(reference('p-1'), { status: 'down' })
  await clock.settle()
  await t.rejects(rollcall.resolve('payments'), { code: 'REGISTRY_NO_ENDPOINT', message: /none of 1 registered can be called/ })
  t.strictSame(await rollcall.resolveAll('payments'), [])
})

t.test('after a first resolve an outage of the registry stops no caller', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  payments(registry, 'p-1')
  await pick(rollcall, 1)
  await clock.settle()
  registry.down()
  await clock.advance(600_000)
  t.equal(await pick(rollcall, 2), '11')
  t.ok(typesOf(events).every((type) => type === 'unreachable'), typesOf(events).join())
  registry.down(false)
  payments(registry, 'p-2')
  registry.deregister(reference('p-1'))
  await clock.advance(10_000)
  t.equal(await pick(rollcall, 2), '22', 'and the list is fresh again')
})

t.test('a registry that restarts takes no list away before it has another', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1')
  await pick(rollcall, 1)
  await clock.settle()
  registry.restart()
  payments(registry, 'p-2')
  t.equal(await pick(rollcall, 1), '1')
  await clock.advance(1_000)
  t.equal(await pick(rollcall, 1), '2')
})

t.test('a first resolve without a registry rejects, and the next one tries again', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1')
  registry.down()
  const rejected = t.rejects(rollcall.resolve('payments'), { code: 'REGISTRY_UNAVAILABLE' })
  await clock.advance(5_000)
  await rejected
  registry.down(false)
  t.equal(await pick(rollcall, 1), '1')
})

t.test('an abort ends the waiting of one caller, not of the others', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1')
  const controller = new AbortController()
  const [first, second] = [rollcall.resolve('payments', { signal: controller.signal }), rollcall.resolve('payments')]
  controller.abort(new Error('enough'))
  await t.rejects(first, { message: 'enough' })
  t.equal((await second).id, 'p-1')
})

t.test('the own zone comes first', async (t) => {
  const { registry, clock, rollcall } = setting(t, { zone: 'b' })
  payments(registry, 'p-1', { zone: 'a' })
  payments(registry, 'p-2', { zone: 'b' })
  t.equal(await pick(rollcall, 2), '22')
  t.equal(await pick(rollcall, 2, { zone: 'a' }), '11')
  await clock.settle()
  registry.deregister(reference('p-2'))
  await clock.settle()
  t.equal(await pick(rollcall, 2), '11')
})

t.test('a selector has a list of its own', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1', { labels: { version: 'v1' } })
  payments(registry, 'p-2', { labels: { version: 'v2' } })
  t.equal(await pick(rollcall, 2, { selector: 'version=v2' }), '22')
  await clock.settle()
  payments(registry, 'p-2', { labels: { version: 'v3' } })
  await clock.settle()
  await t.rejects(pick(rollcall, 1, { selector: 'version=v2' }), { code: 'REGISTRY_NO_ENDPOINT', message: /version=v2/ })
  t.equal(registry.sockets, 1, 'on the same socket')
})

t.test('least outstanding calls the endpoint with the fewest calls in flight', async (t) => {
  const { registry, rollcall } = setting(t, { balance: 'least-outstanding' })
  payments(registry, 'p-1')
  payments(registry, 'p-2')
  const [a, b] = [await rollcall.resolve('payments'), await rollcall.resolve('payments')]
  t.not(a.id, b.id)
  b.release()
  b.release()
  {
    using again = await rollcall.resolve('payments')
    t.equal(again.id, b.id)
  }
  t.equal((await rollcall.resolve('payments')).id, b.id)
  t.match((await rollcall.resolve('payments')).id, /p-/)
})

t.test('a call that fails is tried on other instances, each once', async (t) => {
  const { registry, rollcall } = setting(t)
  for (const id of ['p-1', 'p-2', 'p-3']) payments(registry, id)
  const tried: string[] = []
  const answer = await rollcall.call('payments', async (endpoint, { attempt }) => {
    tried.push(endpoint.id)
    if (attempt < 2) throw new Error(`${endpoint.id} is ill`)
    return 'fine'
  })
  t.equal(answer, 'fine')
  t.equal(new Set(tried).size, 3)
})

t.test('a call ends with the error of the last try: when no endpoint is left, when it must not be repeated, when retries are used up', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1')
  payments(registry, 'p-2')
  let calls = 0
  const fail = async (): Promise<never> => { throw new Error(`try ${++calls}`) }
  await t.rejects(rollcall.call('payments', fail, { retries: 9 }), { message: 'try 2' })
  await t.rejects(rollcall.call('payments', fail, { retries: 0 }), { message: 'try 3' })
  await t.rejects(rollcall.call('payments', fail, { retryIf: () => false }), { message: 'try 4' })
  await t.rejects(rollcall.call('nobody', fail), { code: 'REGISTRY_NO_ENDPOINT' })
})

t.test('a retry leaves the first choice when it must', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1')
  payments(registry, 'p-2', { priority: 5 })
  const tried: string[] = []
  await t.rejects(rollcall.call('payments', async ({ id }) => {
    tried.push(id)
    throw new Error('ill')
  }))
  t.strictSame(tried, ['p-1', 'p-2'])
})

t.test('an abort ends a call, and is no failure of the instance', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1')
  payments(registry, 'p-2')
  const controller = new AbortController()
  let calls = 0
  const called = rollcall.call('payments', (_endpoint, { signal }) => {
    calls++
    controller.abort(new Error('enough'))
    return new Promise((_resolve, reject) => { if (signal.aborted) reject(signal.reason as Error) })
  }, { signal: controller.signal })
  await t.rejects(called, { message: 'enough' })
  t.equal(calls, 1)
})

t.test('a list that nobody asks for is dropped, and the socket with the last of them', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  payments(registry, 'p-1')
  await pick(rollcall, 1)
  await clock.settle()
  t.equal(registry.sockets, 1)
  await clock.advance(11 * 60_000)
  t.equal(registry.sockets, 0)
  t.equal(await pick(rollcall, 1), '1')
  t.equal(reads(registry), 2)
})

t.test('lists are bounded: the one that was not used the longest goes', async (t) => {
  const { registry, rollcall } = setting(t)
  payments(registry, 'p-1')
  await pick(rollcall, 1)
  for (let n = 0; n < 64; n++) await rollcall.resolveAll(`s${n}`)
  await rollcall.resolveAll('s63')
  t.equal(registry.requests.length, 65)
  await pick(rollcall, 1)
  t.equal(registry.requests.length, 66)
})

t.test('without a WebSocket long polls keep the lists fresh', async (t) => {
  const { registry, clock, rollcall } = setting(t, { WebSocket: null })
  payments(registry, 'p-1')
  t.equal(await pick(rollcall, 1), '1')
  await clock.settle()
  payments(registry, 'p-2')
  registry.override(reference('p-1'), { status: 'down' })
  await clock.settle()
  t.equal(await pick(rollcall, 2), '22')
  const before = reads(registry)
  await clock.advance(90_000)
  t.ok(reads(registry) - before <= 4, 'one request in thirty seconds while nothing happens')
  t.match(registry.requests.at(-1)?.path, /ready=any&after=e1\.\d+&wait=30s/)
  await t.rejects(rollcall.watch({ service: 'payments' }).next(), { code: 'REGISTRY_NO_WEBSOCKET' })
})

t.test('where no WebSocket comes through, long polls step in until one does', async (t) => {
  const { registry, clock, another } = setting(t)
  let blocked = true
  const Base = registry.WebSocket
  const rollcall = another({
    WebSocket: class extends Base {
      constructor (url: string) {
        if (blocked) throw new Error('blocked by a proxy')
        super(url)
      }
    }
  })
  payments(registry, 'p-1')
  await pick(rollcall, 1)
  await clock.advance(5_000)
  payments(registry, 'p-2')
  registry.deregister(reference('p-1'))
  await clock.settle()
  t.equal(await pick(rollcall, 1), '2')
  blocked = false
  await clock.advance(60_000)
  t.equal(registry.sockets, 1)
  const before = reads(registry)
  await clock.advance(90_000)
  t.equal(reads(registry), before, 'the polls have ended')
})
