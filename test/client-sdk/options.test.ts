// Options, and what callbacks return, mean what they say or are refused with a sentence.
import t from 'tap'
import { Rollcall, type RegisterOptions, type RollcallOptions } from '../../client-sdk/src/index.ts'
import { addressesOf } from '../../client-sdk/src/addresses.ts'
import { setting, typesOf } from './helpers.ts'

const orders = { service: 'orders', id: 'o-1', port: 8080 }
const invalid = { code: 'REGISTRY_INVALID_ARGUMENT' }

t.test('an unknown option of any call is refused, and the one that was meant is named', async (t) => {
  const { registry, rollcall } = setting(t)
  t.throws(
    () => new Rollcall({ adress: 'http://a' } as RollcallOptions),
    { ...invalid, message: /adress is not known, did you mean address\?/ }
  )
  await t.rejects(
    rollcall.register({ service: 'orders', prot: 80 } as RegisterOptions),
    { ...invalid, message: 'register: prot is not known, did you mean port?' }
  )
  await t.rejects(rollcall.register({ service: 'orders', toString: 1 } as unknown as RegisterOptions), invalid)
  const wrong = { nonsense: 1 } as object
  for (const call of [
    () => rollcall.register(orders, wrong), () => rollcall.resolve('a', wrong), () => rollcall.resolveAll('a', wrong), () => rollcall.call('a', async () => 1, wrong),
    () => rollcall.endpoints('a', wrong), () => rollcall.instance(orders, wrong), () => rollcall.service('a', wrong), () => rollcall.explain(orders, wrong),
    () => rollcall.pools(wrong), () => rollcall.deregister(orders, wrong), () => rollcall.heartbeat([orders], wrong), () => rollcall.services.apply('', wrong),
    () => rollcall.services.get('a', wrong), () => rollcall.services.delete('a', wrong)
  ] as (() => Promise<unknown>)[]) await t.rejects(call(), { ...invalid, message: /nonsense is not known/ })
  for (const call of [
    () => rollcall.watch(wrong), () => rollcall.instances(wrong), () => rollcall.services(wrong), () => rollcall.namespaces(wrong)
  ]) t.throws(call, invalid)
  t.strictSame(registry.requests, [])
})

t.test('a missing service and options of a wrong type are refused before anything is sent', async (t) => {
  const { registry, rollcall } = setting(t)
  await t.rejects(rollcall.register({} as RegisterOptions), { ...invalid, message: 'register: service must be given' })
  for (const options of [undefined, null, 'orders', []]) await t.rejects(rollcall.register(options as unknown as RegisterOptions), invalid)
  const cases: Record<string, unknown> = {
    port: '8080', ports: { http: '80' }, labels: { a: 1 }, metadata: 'x', weight: '5', ttlMs: '1s', session: 'yes', drainMs: -1, health: 'up', load: {}, status: 'UP',
    onSuperseded: 'fight', id: 5, generation: 5, zone: {}
  }
  for (const [name, value] of Object.entries(cases)) await t.rejects(rollcall.register({
    service: 'orders', [name]: value
  }), { ...invalid, message: new RegExp(`^register: ${name}`) }, name)
  await t.rejects(
    rollcall.register({ service: 'orders', ports: [{ prot: 1 }] as unknown as [] }),
    { ...invalid, message: /ports\[0\].port must be given/ }
  )
  await t.rejects(
    rollcall.register({ service: 'orders', ports: [{ port: 1, nane: 'x' }] as unknown as [] }),
    { ...invalid, message: /nane is not known, did you mean name/ }
  )
  t.strictSame(registry.requests, [])
  for (const options of [
    { timeoutMs: 0 }, { timeoutMs: NaN }, { timeoutMs: Infinity }, { timeoutMs: '5' }, { maxAnswerBytes: 0 },
    { balance: 'random' }, { signals: 1 }, { onEvent: 1 }, { prefer: 'last' }, null, 5
  ]) {
    t.throws(() => new Rollcall(options as RollcallOptions), invalid)
  }
  t.doesNotThrow(() => new Rollcall({ zone: undefined, address: undefined }))
})

t.test('addresses are http or https, without user, query and fragment', async (t) => {
  for (const bad of [
    'unix:/run/x.sock', 'unix:///run/x.sock', 'ftp://a', 'file:///a', 'http://u@a', 'http://u:p@a', 'http://a?b',
    'http://a/?b=c', 'http://a#b', 'http://a/../b', 'http://a/%2e%2e/b', 'http://a b', 'http:\\\\a', 'http:/a',
    'http:///a', 'http://', 'javascript:alert(1)', '://a', 'a?b', 'a#b', 'a@b'
  ]) {
    t.throws(() => addressesOf(bad), { ...invalid, errors: [{ field: 'address' }] }, bad)
  }
  t.throws(() => addressesOf(['http://a', 5 as unknown as string]), invalid)
  t.strictSame(
    addressesOf(['localhost:7500', 'unix:7500', 'HTTP://A:80/x/', 'http://a', '[::1]:7500', 'http://a']),
    ['http://localhost:7500', 'http://unix:7500', 'http://a/x', 'http://a', 'http://[::1]:7500']
  )
})

t.test('health: true is up, false is down', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  let answer: unknown = false
  await rollcall.register({ ...orders, health: () => answer as boolean })
  const statusAfterBeat = async (): Promise<string | undefined> => {
    await clock.advance(11_000)
    return registry.instances[0]?.status
  }
  t.equal(await statusAfterBeat(), 'down')
  answer = true
  t.equal(await statusAfterBeat(), 'up')
  answer = Promise.resolve(false)
  t.equal(await statusAfterBeat(), 'down')
  t.strictSame(typesOf(events), ['registered'])
})

t.test('health: any other answer counts as down, with a warning', async (t) => {
  for (const wrong of [undefined, null, 'healthy', 'UP', 1, 0, {}, [], { status: 'up' }]) {
    const words: string[] = []
    const { registry, clock, rollcall, events } = setting(t, { warn: (text) => words.push(text) })
    await rollcall.register({ ...orders, health: () => wrong as unknown as boolean })
    await clock.advance(30_000)
    t.equal(registry.instances[0]?.status, 'down', JSON.stringify(wrong))
    t.match(
      events[1],
      { type: 'error', error: { message: /health of shop\/orders\/o-1 must answer true, false or a status/ } }
    )
    t.equal(words.length, 1, 'a person is told once')
  }
})

t.test('one sentence on standard error says that no registry answers at first', async (t) => {
  const words: string[] = []
  const { registry, clock, rollcall } = setting(t, { warn: (text) => words.push(text) })
  registry.down()
  const pending = rollcall.register(orders)
  await clock.advance(60_000)
  t.equal(words.length, 1)
  t.match(words[0], /^rollcall: no registry answers at http:\/\/registry\.test \(.*ECONNREFUSED.*\); trying on/)
  registry.down(false)
  await clock.advance(10_000)
  await pending
  registry.down()
  await clock.advance(60_000)
  t.equal(words.length, 1, 'an outage later on is an event')
})

t.test('warnings of an answer become events, once each', async (t) => {
  const { registry, clock, rollcall, events } = setting(t)
  registry.warn('127.0.0.1 is of one machine only')
  const registration = await rollcall.register(orders)
  t.notOk('warnings' in registration.instance)
  t.match(
    events, [{ type: 'warning', message: '127.0.0.1 is of one machine only', registration }, { type: 'registered' }]
  )
  registry.restart()
  registry.warn('127.0.0.1 is of one machine only', 'another')
  await clock.advance(10_000)
  t.strictSame(typesOf(events), ['warning', 'registered', 'warning', 'registered'])
})
