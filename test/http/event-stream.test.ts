import { connect as connectSocket } from 'node:net'
import t from 'tap'
import { type HttpWorld, build, pathOf } from '../support/world.ts'

interface StreamEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: any
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('an event stream begins with a snapshot, then its changes follow with ids to resume from', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a')
  await world.register('other/orders/x')
  const stream = await open(world, '?namespace=shop')
  t.match(stream.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'rollcall-revision': /\.2$/ })
  t.match(await stream.next(), { event: 'snapshot', id: /\.2$/, data: { type: 'snapshot', instances: [{ id: 'a' }] } })
  await world.register('shop/orders/b')
  await world.send('DELETE', pathOf('shop/orders/a'))
  t.match(await stream.next(), { event: 'change', id: /\.3$/, data: { event: 'put', reason: 'registered', instance: { id: 'b' } } })
  t.match(await stream.next(), { event: 'change', id: /\.4$/, data: { event: 'delete', instance: { id: 'a' } } })
  t.match(stream.text(), /^retry: 2000\n\n/)
})

t.test('an event stream resumes after Last-Event-ID, which wins over since', async (t) => {
  const world = await build(t)
  for (const id of ['a', 'b', 'c']) await world.register(`shop/orders/${id}`)
  const { epoch } = world.registry.feed
  const stream = await open(world, '?since=1', { 'last-event-id': `${epoch}.2` })
  t.match(await stream.next(), { event: 'change', id: `${epoch}.3`, data: { instance: { id: 'c' } } })
  const since = await open(world, `?since=${epoch}.1`)
  t.match(await since.next(), { event: 'change', data: { instance: { id: 'b' } } })
})

t.test('a reset has no id: who is cut off right after it must begin anew', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a')
  const stream = await open(world, '', { 'last-event-id': 'other.7' })
  t.match(await stream.next(), { event: 'reset', id: undefined, data: { reason: 'another epoch' } })
  t.match(await stream.next(), { event: 'snapshot', id: /\.1$/ })
})

t.test('a quiet stream gets a bookmark if time went on, else a comment', async (t) => {
  const world = await build(t)
  const stream = await open(world, '?namespace=shop')
  await stream.next()
  world.clock.advance(15_000)
  await stream.until(/: keep-alive\n\n/)
  await world.register('other/orders/x')
  world.clock.advance(15_000)
  t.match(await stream.next(), { event: 'bookmark', id: /\.1$/ })
})

t.test('a stream says goodbye and ends when the node closes', async (t) => {
  const world = await build(t)
  const stream = await open(world, '')
  await stream.next()
  const closed = world.app.close()
  t.match(await stream.next(), { event: 'goodbye', data: { type: 'goodbye', reason: /shutting down/ } })
  t.equal(await stream.next(), undefined)
  await closed
})

t.test('a subscription ends with its stream', async (t) => {
  const world = await build(t)
  const stream = await open(world, '')
  await stream.next()
  t.match((await world.send('GET', '/metrics')).body, /rollcall_watch_connections\{kind="event-stream"\} 1/)
  stream.cancel()
  while (world.registry.watches.count > 0) await tick()
  t.equal((await world.send('GET', '/v1/overview')).json().watchers.connections, 0)
})

t.test('a stream that is not read is bounded, and begins anew when it is', async (t) => {
  const world = await build(t)
  await world.register('shop/orders/a', { address: '10.0.0.1', metadata: { filler: 'x'.repeat(15_000) } })
  const { host, port } = await world.listen()
  const socket = connectSocket({ host, port })
  socket.write('GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n')
  await new Promise((resolve) => socket.once('readable', resolve))
  for (let weight = 0; weight < 2_000; weight++) await world.send('PATCH', pathOf('shop/orders/a'), { weight: weight + 1_000 })
  let text = ''
  for await (const chunk of socket) {
    text = text.slice(-40_000) + String(chunk)
    if (text.includes('event: reset') && /event: snapshot[^]*"weight":2999/.test(text)) break
  }
  t.match(text, /event: reset\ndata: \{"type":"reset","id":1,"revision":"[\w-]+\.2001","reason":"the reader is too slow"\}/)
})

t.test('a wrong question is answered as a problem, before the stream begins', async (t) => {
  const { send } = await build(t)
  for (const [query, headers, code] of [
    ['?selector=a%20in%20(', {}, 'REG_SELECTOR_INVALID'], ['?since=x', {}, 'REG_CURSOR_INVALID'], ['?namespace=Shop', {}, 'REG_INVALID'], ['?colour=red', {}, 'REG_INVALID'],
    ['', { 'last-event-id': 'x y' }, 'REG_CURSOR_INVALID']
  ] as const) {
    const answer = await send('GET', `/v1/watch${query}`, undefined, { accept: 'text/event-stream', ...headers })
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().code, code)
  }
})

interface Stream {
  readonly headers: Record<string, string>
  readonly next: () => Promise<StreamEvent | undefined>
  readonly until: (pattern: RegExp) => Promise<void>
  readonly text: () => string
  readonly cancel: () => void
}

async function open (world: HttpWorld, query: string, headers: Record<string, string> = {}): Promise<Stream> {
  const { url } = await world.listen()
  const controller = new AbortController()
  const response = await fetch(`${url}/v1/watch${query}`, { headers: { accept: 'text/event-stream', ...headers }, signal: controller.signal })
  if (response.body === null) throw new Error('the stream has no body')
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let all = ''
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read()
    rest += value ?? ''
    all += value ?? ''
    return !done
  }
  return {
    headers: Object.fromEntries(response.headers),
    text: () => all,
    cancel: () => { controller.abort() },
    until: async (pattern) => { while (!pattern.test(all)) await more() },
    next: async () => {
      for (;;) {
        const end = rest.indexOf('\n\n')
        if (rest.startsWith('event: hello\n') && end !== -1) { // every stream begins with it
          rest = rest.slice(end + 2)
          continue
        }
        if (end === -1) {
          if (!await more()) return undefined
          continue
        }
        const lines = rest.slice(0, end).split('\n')
        rest = rest.slice(end + 2)
        const field = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const event = field('event')
        if (event !== undefined) return { id: field('id'), event, data: JSON.parse(field('data') ?? '') }
      }
    }
  }
}
