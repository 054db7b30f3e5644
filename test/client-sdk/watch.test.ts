// Following changes: in order, once each, through broken connections.
import t from 'tap'
import type { Rollcall, Watch, WatchEvent } from '../../client-sdk/src/index.ts'
import { setting } from './helpers.ts'

const shown = (event: WatchEvent | undefined): string => {
  if (event === undefined) return 'end'
  if (event.type === 'snapshot') return `snapshot ${event.instances.map(({ id }) => id).join(',')}`
  return 'instance' in event ? `${event.type} ${event.instance.id} ${event.reason}` : event.type
}
/** What waits in the watch now: take asks for one more than there is, and leaves that question open. */
const take = async (watch: Watch, count: number): Promise<string[]> => {
  const events: string[] = []
  for (let n = 0; n < count; n++) {
    const { value, done } = await watch.next()
    events.push(shown(done === true ? undefined : value))
  }
  return events
}

t.test('a watch begins with a snapshot, and goes on with changes', async (t) => {
  const { registry, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1')
  registry.register('shop', 'payments', 'p-1')
  const watch = rollcall.watch({ service: 'orders' })
  t.strictSame(await take(watch, 1), ['snapshot o-1'])
  registry.register('shop', 'orders', 'o-2')
  registry.register('shop', 'payments', 'p-2')
  registry.register('other', 'orders', 'o-9')
  registry.suspect({ namespace: 'shop', service: 'orders', id: 'o-1' })
  registry.expire({ namespace: 'shop', service: 'orders', id: 'o-1' })
  t.strictSame(await take(watch, 3), ['put o-2 registered', 'put o-1 suspect', 'delete o-1 expired'])
})

t.test('everything, a namespace, a selection: all on one socket', async (t) => {
  const { registry, rollcall, clock } = setting(t)
  const [all, namespace, selection] = [rollcall.watch({ namespace: '*' }), rollcall.watch(), rollcall.watch({ selector: 'v in (1, 2)' })]
  await clock.settle()
  registry.register('other', 'a', 'a-1')
  registry.register('shop', 'b', 'b-1', { labels: { v: '2' } })
  registry.register('shop', 'b', 'b-1', { labels: { v: '3' } })
  t.strictSame(await take(all, 4), ['snapshot ', 'put a-1 registered', 'put b-1 registered', 'put b-1 updated'])
  t.strictSame(await take(namespace, 3), ['snapshot ', 'put b-1 registered', 'put b-1 updated'])
  t.strictSame(await take(selection, 3), ['snapshot ', 'put b-1 registered', 'delete b-1 updated'])
  t.equal(registry.sockets, 1)
})

t.test('a broken connection costs no event and doubles none', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch({ service: 'orders' })
  const seen: string[] = []
  const loop = (async () => { for await (const event of watch) seen.push(shown(event)) })()
  await clock.settle()
  for (let n = 0; n < 6; n++) {
    registry.register('shop', 'orders', `a-${n}`)
    if (n % 2 === 0) registry.dropSockets()
    registry.register('shop', 'orders', `b-${n}`)
    await clock.advance(500)
  }
  await watch.return()
  await loop
  t.strictSame(seen.filter((each) => each.startsWith('put')), [0, 1, 2, 3, 4, 5].flatMap((n) => [`put a-${n} registered`, `put b-${n} registered`]))
  t.equal(seen.filter((each) => each.startsWith('snapshot')).length, 1)
})

t.test('changes that are sent twice are heard once', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch({ service: 'orders' })
  t.strictSame(await take(watch, 1), ['snapshot '])
  const instance = registry.register('shop', 'orders', 'o-1')
  const again = { type: 'change', id: 1, revision: registry.revision, kind: 'instance', event: 'put', reason: 'registered', at: '', instance } as const
  registry.broadcast(again)
  registry.broadcast({ ...again, revision: 'e1.0' })
  await clock.settle()
  registry.register('shop', 'orders', 'o-2')
  t.strictSame(await take(watch, 2), ['put o-1 registered', 'put o-2 registered'])
})

t.test('a cursor resumes without a snapshot', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1')
  const since = registry.revision
  registry.register('shop', 'orders', 'o-2')
  const watch = rollcall.watch({ service: 'orders', since })
  t.strictSame(await take(watch, 1), ['put o-2 registered'])
  await clock.settle()
})

t.test('a cursor that is too old, or of another epoch, is reset, and a snapshot follows', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1')
  const since = registry.revision
  registry.register('shop', 'orders', 'o-2')
  registry.trim()
  const watch = rollcall.watch({ service: 'orders', since })
  t.strictSame(await take(watch, 2), ['reset', 'snapshot o-1,o-2'])
  registry.restart()
  registry.register('shop', 'orders', 'o-3')
  await clock.advance(1_000)
  t.strictSame(await take(watch, 2), ['reset', 'snapshot o-3'])
  registry.register('shop', 'orders', 'o-4')
  t.strictSame(await take(watch, 1), ['put o-4 registered'], 'revisions of the new epoch may be smaller')
})

t.test('a bookmark moves the cursor, and only the newest waits', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch({ service: 'orders' })
  await clock.settle()
  for (const id of ['p-1', 'p-2']) {
    registry.register('shop', 'payments', id)
    registry.bookmark()
  }
  await clock.settle()
  const [snapshot, bookmark] = [await watch.next(), await watch.next()]
  t.match([snapshot.value, bookmark.value], [{ type: 'snapshot' }, { type: 'bookmark', revision: 'e1.2' }])
  registry.trim()
  registry.dropSockets()
  registry.register('shop', 'orders', 'o-1')
  await clock.advance(1_000)
  t.strictSame(await take(watch, 1), ['put o-1 registered'], 'no reset: the bookmark was new enough')
})

t.test('a loop that is too slow gets a reset, and starts again from a snapshot', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch({ service: 'orders', bufferSize: 5 })
  t.strictSame(await take(watch, 1), ['snapshot '])
  for (let n = 0; n < 50; n++) registry.register('shop', 'orders', `o-${n}`)
  await clock.settle()
  const [reset, snapshot] = [await watch.next(), await watch.next()]
  t.match(reset.value, { type: 'reset', reason: /more than 5 events/ })
  t.match(snapshot.value, { type: 'snapshot', instances: { length: 50 } })
  registry.register('shop', 'orders', 'o-x')
  t.strictSame(await take(watch, 1), ['put o-x registered'])
})

t.test('a revision is acknowledged when it was processed, and not before', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const [fast, slow] = [rollcall.watch(), rollcall.watch()]
  await take(slow, 1)
  void fast.next()
  await clock.settle()
  registry.register('shop', 'orders', 'o-1')
  await clock.settle()
  void fast.next()
  void fast.next()
  await clock.settle()
  t.notOk(registry.acknowledged.includes('e1.1'), 'the slow loop has it waiting')
  await slow.next()
  void slow.next()
  await clock.settle()
  t.ok(registry.acknowledged.includes('e1.1'))
})

t.test('the lists of resolve acknowledge, too', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  registry.register('shop', 'orders', 'o-1', { ports: [{ port: 80 }] })
  await rollcall.resolve('orders')
  await clock.settle()
  registry.register('shop', 'orders', 'o-2')
  await clock.settle()
  t.equal(registry.acknowledged.at(-1), 'e1.2')
})

t.test('an aborted signal ends the loop, and the socket if nothing else needs it', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const controller = new AbortController()
  const seen: string[] = []
  const loop = (async () => { for await (const event of rollcall.watch({}, { signal: controller.signal })) seen.push(shown(event)) })()
  await clock.settle()
  controller.abort()
  await loop
  t.strictSame(seen, ['snapshot '])
  await clock.settle()
  t.equal(registry.sockets, 0)
  t.match(await rollcall.watch({}, { signal: AbortSignal.abort() }).next(), { done: true })
})

t.test('leaving the loop, disposing and closing the client end a watch', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  for await (const event of rollcall.watch()) {
    t.equal(event.type, 'snapshot')
    break
  }
  {
    await using watch = rollcall.watch()
    await watch.next()
  }
  await clock.settle()
  t.equal(registry.sockets, 0)
  const watch = rollcall.watch()
  await take(watch, 1)
  const pending = watch.next()
  await rollcall.close()
  t.match(await pending, { done: true })
  t.match(await watch.return(), { done: true })
})

t.test('a refused subscription rejects once, with the code of the registry, and the others go on', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const [good, bad] = [rollcall.watch(), rollcall.watch({ service: 'orders' })]
  await clock.settle()
  registry.broadcast({ type: 'error', id: 2, code: 'REG_SELECTOR_INVALID', detail: 'at character 3' })
  await take(bad, 1)
  await t.rejects(bad.next(), { code: 'REG_SELECTOR_INVALID', message: 'at character 3' })
  t.match(await bad.next(), { done: true })
  t.strictSame(await take(good, 1), ['snapshot '])
  registry.register('shop', 'a', 'a-1')
  t.strictSame(await take(good, 1), ['put a-1 registered'])
})

t.test('"not now" as an answer to a subscription is waited out', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch()
  await take(watch, 1)
  registry.broadcast({ type: 'error', id: 1, code: 'REG_NOT_LOADED', detail: 'later' })
  await clock.advance(1_000)
  registry.register('shop', 'a', 'a-1')
  t.strictSame(await take(watch, 1), ['put a-1 registered'])
})

t.test('goodbye sends a client to another node', async (t) => {
  const { registry, clock, another } = setting(t)
  const urls: string[] = []
  const Base = registry.WebSocket
  const rollcall = another({
    address: ['http://a:1', 'https://b:2'],
    prefer: 'first',
    token: 'secret',
    WebSocket: class extends Base {
      constructor (url: string, options?: { headers: Record<string, string> }) {
        urls.push(`${url} ${options?.headers['authorization']}`)
        super(url)
      }
    }
  })
  const watch = rollcall.watch()
  await take(watch, 1)
  registry.broadcast({ type: 'goodbye', reason: 'maintenance' })
  await clock.advance(200)
  registry.register('shop', 'a', 'a-1')
  t.strictSame(await take(watch, 1), ['put a-1 registered'])
  t.strictSame(urls, ['ws://a:1/v1/watch Bearer secret', 'wss://b:2/v1/watch Bearer secret'])
})

t.test('a client with one address goes to a node that the leaving one has named, as far as it may', async (t) => {
  const urls: string[] = []
  const { registry, clock, another } = setting(t)
  const Base = registry.WebSocket
  const watching = async (address: string): Promise<Rollcall> => {
    const rollcall = another({
      address,
      WebSocket: class extends Base {
        constructor (url: string) {
          urls.push(new URL(url).origin)
          super(url)
        }
      }
    })
    await take(rollcall.watch(), 1)
    return rollcall
  }
  const plain = await watching('http://a:1')
  const nodes = ['no address', 'http://user:pass@b:2', 'http://127.0.0.1:2', 'http://a:1', 'http://b:2', 'https://b:3']
  registry.broadcast({ type: 'goodbye', reason: 'maintenance', nodes })
  await clock.advance(200)
  t.equal(plain.address, 'http://b:2')
  t.strictSame(urls, ['ws://a:1', 'ws://b:2'])
  await clock.advance(90_000)
  t.equal(plain.address, 'http://a:1', 'its home is the given one')

  urls.length = 0
  const secret = await watching('https://c:1')
  registry.broadcast({ type: 'goodbye', reason: 'maintenance', nodes: ['http://b:2'] })
  await clock.advance(200)
  t.equal(secret.address, 'https://c:1', 'no token travels in the clear')
})

t.test('frames that are none end the connection, not the process', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch()
  await take(watch, 1)
  for (const junk of ['', '{', 'null', '1', '{"type":"from-the-future"}', '{"type":"change","id":99}']) {
    registry.broadcast(junk)
    await clock.advance(1_000)
  }
  registry.register('shop', 'a', 'a-1')
  t.strictSame(await take(watch, 1), ['put a-1 registered'])
})

t.test('a peer that vanished without a word is noticed, and left', async (t) => {
  const { registry, clock, another } = setting(t)
  const Base = registry.WebSocket
  let mute = false
  let opened = 0
  const rollcall = another({
    WebSocket: class extends Base {
      constructor (url: string) {
        super(url)
        opened++
      }

      override send (data: string): void {
        if (!mute) super.send(data)
      }
    }
  })
  const watch = rollcall.watch()
  await take(watch, 1)
  await clock.advance(120_000)
  t.equal(opened, 1, 'one that answers is kept')
  mute = true
  await clock.advance(25_000)
  mute = false
  await clock.advance(60_000)
  t.equal(opened, 2)
})

t.test('a reconnect that fails again and again waits longer and longer', async (t) => {
  const { registry, clock, another } = setting(t)
  let attempts = 0
  const Base = registry.WebSocket
  const rollcall = another({
    random: () => 0.999,
    WebSocket: class extends Base {
      constructor (url: string) {
        super(url)
        attempts++
      }
    }
  })
  registry.down()
  const watch = rollcall.watch()
  await clock.advance(60_000)
  t.ok(attempts > 10 && attempts < 25, `${attempts} attempts in a minute`)
  await watch.return()
  t.equal(clock.timers, 0)
})

t.test('throw ends a watch as return does, and rejects with its argument', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const watch = rollcall.watch()
  await watch.next()
  const waiting = watch.next()
  await t.rejects(watch.throw(new Error('enough')), { message: 'enough' })
  t.match(await waiting, { done: true })
  t.match(await watch.next(), { done: true })
  await clock.settle()
  t.equal(registry.sockets, 0)
  async function * through (): AsyncGenerator<unknown> { yield * rollcall.watch() } // what asks a watch for throw()
  const generator = through()
  await generator.next()
  await t.rejects(generator.throw(new Error('from outside')), { message: 'from outside' })
  await clock.settle()
  t.equal(registry.sockets, 0)
})

t.test('a snapshot in parts is one event', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  const instances = ['o-1', 'o-2', 'o-3'].map((id) => registry.register('shop', 'orders', id, { ports: [{ port: 1 }] }))
  const watch = rollcall.watch({ service: 'orders' })
  await watch.next()
  await rollcall.resolve('orders')
  await clock.settle()
  for (const id of [1, 2]) {
    registry.broadcast({ type: 'reset', id, revision: 'e1.3', reason: 'too old' })
    for (const [index, instance] of instances.entries()) {
      registry.broadcast(
        JSON.stringify(
          { type: 'snapshot', id, revision: 'e1.3', instances: [instance], ...(index < 2 ? { more: true } : {}) }
        )
      )
    }
  }
  await clock.settle()
  t.strictSame(await take(watch, 2), ['reset', 'snapshot o-1,o-2,o-3'])
  t.equal((await rollcall.resolveAll('orders')).length, 3)
})
