// The SDK against a registry with access control: tokens as texts and functions, errors with their names, tickets for browsers.
import t from 'tap'
import { isForbidden, isUnauthenticated, Rollcall, type RollcallOptions } from '../../client-sdk/src/index.ts'
import { registryActor } from '../../server/registry/core.ts'
import { type HttpWorld, build, tokenOf } from '../support/world.ts'

type Test = Parameters<typeof build>[0]

async function listed<Item> (pages: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of pages) items.push(item)
  return items
}

async function guarded (t: Test): Promise<{ readonly world: HttpWorld, readonly url: string, readonly client: (options: RollcallOptions) => Rollcall }> {
  const world = await build(t, { control: { mode: 'on' } })
  const { url } = await world.listen()
  const client = (options: RollcallOptions): Rollcall => {
    const made = new Rollcall({ address: url, signals: false, warn: null, ...options })
    t.teardown(() => made.close())
    return made
  }
  return { world, url, client }
}

t.test('what is refused is said once, by its name, and not tried again', async (t) => {
  const { world, client } = await guarded(t)
  const token = await tokenOf(world, 'reader', [{ role: 'reader', namespaces: ['shop'] }])
  let calls = 0
  const counting: RollcallOptions['fetch'] = (url, init) => {
    calls++
    return fetch(url, init)
  }
  const known = client({ token, fetch: counting })
  await t.rejects(known.register({ service: 'orders', namespace: 'shop', address: '10.0.0.1', port: 80 }), { code: 'REG_FORBIDDEN', status: 403 })
  t.equal(calls, 1)
  const error = await known.register({ service: 'orders', namespace: 'shop', address: '10.0.0.1', port: 80 }).catch((caught: unknown) => caught)
  t.ok(isForbidden(error) && !isUnauthenticated(error))
  const unknown = await listed(client({ token: 'rc_wrong' }).instances()).catch((caught: unknown) => caught)
  t.ok(isUnauthenticated(unknown) && !isForbidden(unknown))
})

t.test('a function gives the token of each call and each connection, so that it can be replaced', async (t) => {
  const { world, client } = await guarded(t)
  const rules = [{ role: 'agent', namespaces: ['shop'] }] as const
  let token = await tokenOf(world, 'orders', rules)
  const rollcall = client({ token: async () => token, namespace: 'shop' })
  const registration = await rollcall.register({ service: 'orders', address: '10.0.0.1', port: 80 })
  await using watch = rollcall.watch({ service: 'orders' })
  const events = watch[Symbol.asyncIterator]()
  t.match(await events.next(), { value: { type: 'snapshot' } }, 'the WebSocket shows it, too')
  const [old] = world.control.desk.tokens(registryActor)
  token = await tokenOf(world, 'orders', rules)
  await world.control.desk.revoke(registryActor, old?.id ?? '')
  await registration.setStatus('warning')
  t.equal((await listed(rollcall.instances({ service: 'orders' })))[0]?.status, 'warning', 'the instance is still its own: an identity is a name')
  const wrong = client({ token: () => 'a\nb' })
  await t.rejects(listed(wrong.instances()), { code: 'REGISTRY_INVALID_ARGUMENT' })
})

t.test('where no header can be sent the WebSocket is opened with a ticket, once', async (t) => {
  const { world, url, client } = await guarded(t)
  await world.register('shop/orders/a')
  const token = await tokenOf(world, 'page', [{ role: 'reader', namespaces: ['shop'] }])
  const opened: string[] = []
  class Browser extends WebSocket {
    constructor (target: string) {
      super(target) // a browser takes no headers
      opened.push(target)
    }
  }
  const rollcall = client({ token, namespace: 'shop', tickets: true, WebSocket: Browser })
  await using watch = rollcall.watch({ service: 'orders' })
  t.match(await watch[Symbol.asyncIterator]().next(), { value: { type: 'snapshot', instances: [{ id: 'a' }] } })
  const [target = ''] = opened
  t.match(target, /\/v1\/watch\?ticket=rt_[\w-]{43}$/)
  t.notMatch(target, token)
  const again = await fetch(target.replace('ws', 'http'), { headers: { accept: 'text/event-stream' } })
  t.equal(again.status, 401, 'it is no credential of anything else')
  await again.text()
  const second = new WebSocket(target)
  const { promise, resolve } = Promise.withResolvers<void>()
  second.onerror = () => resolve()
  await promise
  t.equal((await fetch(`${url}/v1/tickets`, { method: 'POST' })).status, 401)
})

t.test('an instance that may not be kept any more is told so, and comes back when it may', async (t) => {
  const { world, client } = await guarded(t)
  const events: string[] = []
  const token = await tokenOf(world, 'orders', [{ role: 'agent', namespaces: ['shop'] }])
  await world.register('shop/orders/theirs')
  const told = Promise.withResolvers<void>()
  const rollcall = client({
    token, namespace: 'shop',
    onEvent: (event) => {
      events.push(event.type === 'error' ? String((event.error as { code?: string }).code) : event.type)
      if (event.type === 'error') told.resolve()
    }
  })
  await rollcall.register({ service: 'orders', id: 'a', address: '10.0.0.1', port: 80, ttlMs: 1_000 })
  await world.control.desk.revoke(registryActor, 'orders')
  await told.promise
  t.ok(events.includes('REG_UNAUTHENTICATED'), events.join())
})

t.test('the token of the environment is taken out of it, and every client of the process has it', async (t) => {
  const { world, client } = await guarded(t)
  process.env['ROLLCALL_TOKEN'] = await tokenOf(world, 'reader', [{ role: 'reader', namespaces: ['*'] }])
  t.teardown(() => { delete process.env['ROLLCALL_TOKEN'] })
  t.ok(await listed(client({}).namespaces()))
  t.equal(process.env['ROLLCALL_TOKEN'], undefined)
  t.ok(await listed(client({}).namespaces()))
})
