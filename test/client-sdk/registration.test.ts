// Registering, heartbeats, and what happens when the registry forgets, refuses or is away.
import t from 'tap'
import { isRollcallError, RollcallError } from '../../client-sdk/src/index.ts'
import { beats, setting, typesOf } from './helpers.ts'

const orders = { service: 'orders', id: 'o-1', port: 8080 }

t.test('registering tells the registry everything that was given, and nothing else', async (t) => {
  const { registry, rollcall } = setting(t, { zone: 'eu-1' })
  const registration = await rollcall.register({
    service: 'orders', id: 'o-1', ports: { http: 8080, grpc: 9090 }, labels: { app: 'orders' }, metadata: { team: 'a' }, weight: 50, version: '1.2', ttlMs: 9_000
  })
  t.match(registry.requests[0], {
    method: 'PUT',
    path: '/v1/namespaces/shop/services/orders/instances/o-1',
    body: {
      generation: registration.generation,
      ports: [{ name: 'http', port: 8080 }, { name: 'grpc', port: 9090 }],
      labels: { app: 'orders' },
      metadata: { team: 'a' },
      weight: 50,
      zone: 'eu-1',
      version: '1.2',
      lease: { ttlMs: 9_000 }
    }
  })
  t.strictSame(Object.keys(registry.requests[0]?.body as object).sort(), ['generation', 'labels', 'lease', 'metadata', 'node', 'ports', 'version', 'weight', 'zone'])
  t.equal(registration.instance.conditions.ready, true)
  t.equal(registration.state, 'registered')
  t.equal(registration.status, 'up')
})

t.test('a default id is a DNS label that no other has', async (t) => {
  const { rollcall } = setting(t, { random: Math.random })
  const [a, b] = [await rollcall.register({ service: 'orders' }), await rollcall.register({ service: 'orders' })]
  t.match(a.id, /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/)
  t.match(a.id, String(process.pid))
  t.not(a.id, b.id)
  t.not(a.generation, b.generation)
})

t.test('all registrations of a client beat in one request, three times within a lease', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  for (const id of ['o-1', 'o-2', 'o-3']) {
    await rollcall.register({ ...orders, id })
    await clock.advance(300)
  }
  await clock.advance(45_000)
  const requests = beats(registry)
  t.ok(requests.length >= 8 && requests.length <= 10, `${requests.length} requests in three leases`)
  for (const { leases } of requests) t.strictSame(leases.map(({ id }) => id), ['o-1', 'o-2', 'o-3'])
})

t.test('leases of different lengths beat at their own pace, together where they meet', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  await rollcall.register({ ...orders, id: 'quick', ttlMs: 3_000 })
  await rollcall.register({ ...orders, id: 'slow', ttlMs: 30_000 })
  await clock.advance(31_000)
  const count = (id: string): number => beats(registry).filter(({ leases }) => leases.some((lease) => lease.id === id)).length
  t.ok(count('quick') >= 27 && count('quick') <= 33, `quick: ${count('quick')}`)
  t.ok(count('slow') === 3, `slow: ${count('slow')}`)
  t.equal(beats(registry).length, count('quick'), 'the slow one never travels alone')
})

t.test('more leases than a batch holds go in further requests', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  await Promise.all(Array.from({ length: 1_001 }, (_, n) => rollcall.register({ ...orders, id: `o-${n}` })))
  await clock.advance(2_600)
  t.strictSame(beats(registry).map(({ leases }) => leases.length), [1_000, 1])
})

t.test('an unknown lease is registered again, under the same id and generation', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register(orders)
  registry.expire(registration.reference)
  await clock.advance(10_000)
  t.match(registry.instances, [{ id: 'o-1', generation: registration.generation }])
  t.strictSame(typesOf(events), ['registered', 'registered'])
  t.match(events[1], { again: true })
  const before = beats(registry).length
  await clock.advance(15_000)
  t.ok(beats(registry).length > before, 'and beats again')
})

t.test('a registry that restarted empty gets everybody back with what they had last said', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const registration = await rollcall.register({ ...orders, labels: { a: '1', b: '2' } })
  await registration.update({ labels: { a: null, c: '3' }, weight: 7, status: 'warning' })
  registry.restart()
  await clock.advance(10_000)
  t.match(registry.instances, [{ labels: { b: '2', c: '3' }, weight: 7, status: 'warning' }])
  t.notOk('a' in (registry.instances[0]?.labels ?? {}))
})

t.test('two processes with one id: the second stays, the first stops, and it is quiet', async (t) => {
  const { registry, clock, rollcall, events, another } = setting(t)
  const first = await rollcall.register(orders)
  const second = await another().register({ ...orders, port: 9090 })
  await clock.advance(60_000)
  t.equal(first.state, 'superseded')
  t.equal(second.state, 'registered')
  t.match(registry.instances, [{ generation: second.generation, ports: [{ port: 9090 }] }])
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 2, 'no ping-pong')
  t.strictSame(typesOf(events), ['registered', 'superseded'])
  await t.rejects(first.setStatus('down'), { code: 'REG_GENERATION_SUPERSEDED' })
  await first.deregister()
  await first.drain()
  t.equal(registry.instances.length, 1, 'the first cannot harm the second')
})

t.test('a superseded one that changes something before its next heartbeat learns it from the answer', async (t) => {
  const { rollcall, another, events } = setting(t)
  const first = await rollcall.register(orders)
  await another().register(orders)
  await t.rejects(first.setStatus('down'), { code: 'REG_GENERATION_SUPERSEDED', status: 409 })
  t.equal(first.state, 'superseded')
  t.strictSame(typesOf(events), ['registered', 'superseded'])
})

t.test('stored: false is a living lease', async (t) => {
  const { registry, clock, another } = setting(t)
  const client = another({
    fetch: async (url, init) => {
      const response = await registry.fetch(url, init)
      const text = await response.text()
      return { ...response, text: async () => (url.endsWith('/heartbeats') ? JSON.stringify({ ...JSON.parse(text), stored: false }) : text) }
    }
  })
  const registration = await client.register(orders)
  await clock.advance(30_000)
  t.equal(registration.state, 'registered')
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 1)
})

t.test('a refused registration rejects at once, with the field, the value and the rule', async (t) => {
  const { rollcall, registry } = setting(t)
  const error: unknown = await rollcall.register({ service: 'Orders', port: 0 }).catch((thrown: unknown) => thrown)
  t.ok(isRollcallError(error))
  t.match(error, { name: 'RollcallError', code: 'REG_INVALID', status: 400, errors: [{ field: 'service', value: 'Orders' }, { field: 'ports[0].port', value: 0 }] })
  t.equal(registry.requests.length, 1)
})

t.test('registering waits out an outage', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  registry.down()
  const pending = rollcall.register(orders)
  await clock.advance(120_000)
  t.strictSame(typesOf(events), ['unreachable'], 'told once, however long')
  registry.down(false)
  await clock.advance(10_000)
  t.equal((await pending).state, 'registered')
  t.strictSame(typesOf(events), ['unreachable', 'reachable', 'registered'])
})

t.test('registering gives up when waitMs is over', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.down()
  const rejected = t.rejects(rollcall.register(orders, { waitMs: 30_000 }), { code: 'REGISTRY_UNAVAILABLE' })
  await clock.advance(60_000)
  await rejected
})

t.test('registering gives up when its signal is aborted, with the reason of the signal', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.down()
  const controller = new AbortController()
  const rejected = t.rejects(rollcall.register(orders, { signal: controller.signal }), { message: 'enough' })
  await clock.advance(10_000)
  controller.abort(new Error('enough'))
  await rejected
})

t.test('a registration that was aborted on its way leaves nobody behind', async (t) => {
  const { registry, clock, another } = setting(t)
  const controller = new AbortController()
  const client = another({
    fetch: async (url, init) => {
      const response = await registry.fetch(url, init)
      if (init.method === 'PUT') controller.abort(new Error('too late'))
      if (init.signal.aborted) throw init.signal.reason
      return response
    }
  })
  await t.rejects(client.register(orders, { signal: controller.signal }), { message: 'too late' })
  await clock.settle()
  t.strictSame(registry.instances, [])
})

t.test('a registration that was aborted between two attempts leaves nobody behind', async (t) => {
  const { registry, clock, another } = setting(t)
  const controller = new AbortController()
  const client = another({
    fetch: async (url, init) => {
      const response = await registry.fetch(url, init)
      if (init.method === 'PUT') throw new Error('the answer is lost')
      return response
    }
  })
  const rejected = t.rejects(client.register(orders, { signal: controller.signal }), { message: 'enough' })
  await clock.advance(60_000)
  t.match(registry.instances, [{ id: 'o-1' }])
  controller.abort(new Error('enough'))
  await rejected
  await clock.settle()
  t.strictSame(registry.instances, [])
})

t.test('heartbeats go on through an outage, one at a time, and nothing is registered twice', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register(orders)
  registry.down()
  await clock.advance(60_000)
  registry.down(false)
  await clock.advance(6_000)
  t.equal(registration.state, 'registered')
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 1)
  t.ok(beats(registry).length <= 3, 'what was missed is not made up for')
  t.strictSame(typesOf(events), ['registered', 'unreachable', 'reachable'])
})

t.test('Retry-After is honoured', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.refuse(429, 'REG_OVERLOADED', { retryAfterSeconds: 3 })
  const pending = rollcall.register(orders)
  await clock.advance(2_900)
  t.equal(registry.requests.length, 1)
  await clock.advance(200)
  await pending
  t.equal(registry.requests.length, 2)
})

t.test('a change during an outage is told with the next heartbeat that arrives', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const registration = await rollcall.register(orders)
  registry.down()
  const rejected = t.rejects(registration.setStatus('warning'), { code: 'REGISTRY_UNAVAILABLE' })
  await clock.advance(10_000)
  await rejected
  t.equal(registration.status, 'warning', 'the wish is kept')
  registry.down(false)
  await clock.advance(10_000)
  t.match(registry.instances, [{ status: 'warning' }])
})

t.test('a change that breaks a rule is not kept', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const registration = await rollcall.register(orders)
  registry.refuse(400, 'REG_INVALID')
  await t.rejects(registration.setStatus('warning'), { code: 'REG_INVALID' })
  t.equal(registration.status, 'up')
  await clock.advance(10_000)
  t.match(registry.instances, [{ status: 'up' }])
})

t.test('a change to what the registry has forgotten registers again at once', async (t) => {
  const { registry, rollcall } = setting(t)
  const registration = await rollcall.register(orders)
  registry.expire(registration.reference)
  t.match(await registration.update({ weight: 3 }), { weight: 3 })
  t.match(registry.instances, [{ weight: 3, generation: registration.generation }])
})

t.test('the load goes along with each heartbeat; a bad one is told, and its heartbeat goes without', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  let load: () => Record<string, { value: number, capacity?: number }> = () => ({ cpu: { value: 1.5, capacity: 4 } })
  await rollcall.register({ ...orders, load: () => load() })
  const lastBeat = async (): Promise<unknown> => {
    await clock.advance(11_000)
    return (beats(registry).at(-1)?.leases[0] as { load?: unknown }).load
  }
  t.same(await lastBeat(), { cpu: { value: 1.5, capacity: 4 } })
  const bad: (typeof load)[] = [
    () => { throw new Error('ill') }, () => ({ cpu: { value: NaN } }), () => ({ cpu: { value: 1, capacity: 0 } }), () => ({ '-': { value: 1 } }),
    () => Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`n${index}`, { value: 1 }]))
  ]
  for (load of bad) t.equal(await lastBeat(), undefined)
  t.ok(typesOf(events).filter((type) => type === 'error').length >= bad.length)
})

t.test('the answer of a health callback becomes the status', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  let answer: () => 'up' | 'warning' | Promise<'up'> = () => 'warning'
  const registration = await rollcall.register({ ...orders, health: () => answer() })
  const statusAfterBeat = async (): Promise<string | undefined> => {
    await clock.advance(11_000)
    return registry.instances[0]?.status
  }
  t.equal(await statusAfterBeat(), 'warning')
  answer = () => { throw new Error('ill') }
  t.equal(await statusAfterBeat(), 'down')
  t.ok(events.some((event) => event.type === 'error' && event.error.message === 'ill'))
  answer = () => 'up'
  t.equal(await statusAfterBeat(), 'up')
  answer = () => new Promise(() => {})
  t.equal(await statusAfterBeat(), 'down', 'one that does not answer is ill')
  await registration.drain(0)
  answer = () => 'up'
  t.equal(await statusAfterBeat(), 'draining', 'a process that drains stays draining')
})

t.test('drain tells callers, gives them time, and the heartbeats go on', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const registration = await rollcall.register({ ...orders, drainMs: 8_000 })
  let over = false
  const drained = registration.drain().then(() => { over = true })
  await clock.advance(7_900)
  t.match(registry.instances, [{ effectiveStatus: 'draining', conditions: { terminating: true } }])
  t.equal(over, false)
  t.ok(beats(registry).length > 0)
  await clock.advance(200)
  await drained
  t.equal(over, true)
})

t.test('deregistering ends it, twice is fine, and so is one that is gone already', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register(orders)
  await registration.deregister()
  await registration.deregister()
  t.strictSame(registry.instances, [])
  t.equal(registration.state, 'deregistered')
  t.strictSame(typesOf(events), ['registered', 'deregistered'])
  await t.rejects(registration.setStatus('up'), { code: 'REGISTRY_CLOSED' })
  await clock.advance(60_000)
  t.strictSame(beats(registry), [])
  const other = await rollcall.register(orders)
  registry.expire(other.reference)
  await other.deregister()
  t.equal(registry.requests.filter(({ method }) => method === 'DELETE').length, 2)
})

t.test('deregistering while it comes back after a restart leaves nobody behind', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const registration = await rollcall.register(orders)
  registry.restart()
  await clock.advance(2_600)
  t.equal(registration.state, 'registering')
  await registration.deregister()
  await clock.advance(60_000)
  t.strictSame(registry.instances, [])
})

t.test('deregistering without a registry rejects and can be asked again; disposing only tells', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register(orders)
  registry.down()
  const rejected = t.rejects(registration.deregister(), { code: 'REGISTRY_UNAVAILABLE' })
  await clock.advance(6_000)
  await rejected
  const disposed = registration[Symbol.asyncDispose]()
  await clock.advance(6_000)
  await disposed
  t.equal(events.at(-1)?.type, 'error')
  registry.down(false)
  await registration.deregister()
  t.strictSame(registry.instances, [])
})

t.test('closing the client deregisters everything; after that it says that it is closed', async (t) => {
  const { registry, rollcall } = setting(t)
  await rollcall.register(orders)
  await rollcall.register({ ...orders, id: 'o-2' })
  await rollcall.close()
  await rollcall.close()
  await rollcall[Symbol.asyncDispose]()
  t.strictSame(registry.instances, [])
  await t.rejects(rollcall.register(orders), { code: 'REGISTRY_CLOSED' })
  await t.rejects(rollcall.resolve('orders'), { code: 'REGISTRY_CLOSED' })
  t.throws(() => rollcall.watch(), { code: 'REGISTRY_CLOSED' })
})

t.test('closing ends a registration that is still waiting for a registry', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.down()
  const rejected = t.rejects(rollcall.register(orders), { code: 'REGISTRY_CLOSED' })
  await clock.advance(10_000)
  const closed = rollcall.close()
  await rejected
  await clock.advance(10_000)
  await closed
})

t.test('a session beats over the WebSocket, and by request while it is broken', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  await rollcall.register({ ...orders, session: true })
  await clock.advance(20_000)
  t.equal(registry.sockets, 1)
  t.strictSame(beats(registry), [])
  registry.down()
  registry.down(false)
  await clock.advance(20_000)
  t.equal(registry.sockets, 1, 'it is back')
  t.match(registry.instances, [{ id: 'o-1' }])
  await rollcall.close()
  t.equal(registry.sockets, 0)
})

t.test('the socket is told of its sessions as soon as it is open again', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register({ ...orders, session: true })
  await clock.advance(1)
  t.strictSame(typesOf(events), ['registered', 'session'])
  await rollcall.register({ ...orders, id: 'o-2', session: true })
  await clock.advance(1)
  t.strictSame(typesOf(events).slice(2), ['registered', 'session'], 'on a socket that is open it is one at once')
  registry.dropSockets()
  registry.suspect(registration.reference)
  await clock.advance(100)
  t.match(registry.instances, [{ id: 'o-1', suspect: false }, { id: 'o-2' }])
  t.strictSame(beats(registry), [])
})

t.test('a re-registration that is refused is told, and tried seldom', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  const registration = await rollcall.register(orders)
  registry.expire(registration.reference)
  await clock.advance(2_600) // the heartbeat: unknown
  registry.refuse(403, 'REG_ORIGIN_REFUSED')
  await clock.advance(10_000)
  t.match(events.at(-1), { type: 'error', error: { code: 'REG_ORIGIN_REFUSED' } })
  t.strictSame(registry.instances, [])
  await clock.advance(30_000)
  t.equal(registration.state, 'registered')
})

t.test('a hook that throws or rejects hurts nobody', async (t) => {
  const { another } = setting(t)
  const throwing = await another({ onEvent: () => { throw new Error('hook') } }).register(orders)
  t.equal(throwing.state, 'registered')
  const rejecting = await another({ onEvent: () => Promise.reject(new Error('hook')) }).register({ ...orders, id: 'o-2' })
  t.equal(rejecting.state, 'registered')
})

t.test('wrong arguments are refused with a sentence', async (t) => {
  const { another, rollcall } = setting(t)
  const invalid = { code: 'REGISTRY_INVALID_ARGUMENT' }
  t.throws(() => another({ address: 'ftp://x' }), invalid)
  t.throws(() => another({ address: [] }), invalid)
  t.throws(() => another({ timeoutMs: 0 }), invalid)
  await t.rejects(rollcall.register({ service: 'a', port: 1, ports: 2 }), invalid)
  await t.rejects(rollcall.resolve('a.b.c'), invalid)
  await t.rejects(rollcall.resolve(''), invalid)
})

t.test('errors carry a brand, so that two copies of the package understand each other', async (t) => {
  t.ok(isRollcallError(new RollcallError('REGISTRY_CLOSED', 'x')))
  t.ok(isRollcallError({ [Symbol.for('rollcall.client.error')]: true }))
  t.notOk(isRollcallError(new Error('x')))
  t.notOk(isRollcallError(null))
})
