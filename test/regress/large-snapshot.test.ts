// One watch whose snapshot passed 512 MiB of JSON (5,800 instances with 16 kB of metadata, whose control characters count six times) was
// an uncaught RangeError in the timer that flushes watchers, and ended the node.
import t from 'tap'
import { Rollcall } from '../../client-sdk/src/index.ts'
import { SnapshotParts } from '../../client-sdk/src/snapshot-parts.ts'
import type { Instance, ServerFrame } from '../../client-sdk/src/wire.ts'
import { Guard } from '../../server/guard.ts'
import { snapshotPartLength } from '../../server/http/server/limits.ts'
import { FrameEncoder } from '../../server/http/watch/frames.ts'
import { build, pathOf } from '../support/world.ts'

const metadata = (length: number): Record<string, string> => ({ note: '\u0001'.repeat(length) })

t.test('a snapshot of more than a text can hold comes in parts of a megabyte', async (t) => {
  const { registry, register } = await build(t)
  await register('shop/orders/a', { address: '10.0.0.1', metadata: metadata(16_000) })
  const entry = registry.catalog.entry('shop', 'orders', 'a')
  if (entry === undefined) throw new Error('it was not registered')
  const instances = Array.from({ length: 5_800 }, (_, index): Instance => ({ ...entry.instance, id: `i${index}` }))
  let total = 0
  let count = 0
  let longest = 0
  let last = false
  for (const { pieces, isLast } of new FrameEncoder(() => 'e').frames(1, { type: 'snapshot', revision: 7, instances })) {
    const text = pieces.join('')
    total += text.length
    longest = Math.max(longest, text.length)
    const frame = JSON.parse(text)
    count += frame.instances.length
    if ((frame.more === true) === isLast) t.fail('all but the last say more')
    last = isLast
  }
  t.ok(total > 512 * 1024 * 1024, `${total} characters`)
  t.ok(longest < snapshotPartLength + 200_000)
  t.equal(count, 5_800)
  t.equal(last, true)
})

t.test('parts are whole for the SDK, in order on the socket, and on the event stream without a cursor until the last', async (t) => {
  const { app, connect, register, send, listen } = await build(t)
  for (let index = 0; index < 40; index++) await register(`shop/orders/i${String(index).padStart(2, '0')}`, { address: '10.0.0.1', metadata: metadata(10_000) })
  await send('PUT', '/v1/namespaces/shop/services/web', { apiVersion: 'v1', kind: 'Service', spec: { clusterIP: 'None', selector: { app: 'web' } } })
  const client = await connect()
  client.send({ type: 'subscribe', id: 1, namespace: 'shop' })
  const parts = []
  do parts.push(await client.next()); while (parts.at(-1).more === true)
  t.equal(parts.length, 4, '2.4 MB of instances, then the service')
  t.same(parts.flatMap(({ instances }) => instances.map(({ id }: Instance) => id)), Array.from({ length: 40 }, (_, index) => `i${String(index).padStart(2, '0')}`))
  t.equal(new Set(parts.map(({ revision }) => revision)).size, 1)
  t.same(parts.flatMap(({ services = [] }) => services.map(({ metadata }: { metadata: { name: string } }) => metadata.name)), ['web'])
  await send('PATCH', pathOf('shop/orders/i00'), { weight: 7 })
  t.match(await client.next(), { type: 'change', instance: { id: 'i00', weight: 7 } }, 'changes follow the last part')

  const { url } = await listen()
  await using sdk = new Rollcall({ address: url, signals: false })
  for await (const event of sdk.watch({ namespace: 'shop' })) {
    t.match(event, { type: 'snapshot' })
    if (event.type === 'snapshot') t.same([event.instances.length, event.services?.length], [40, 1])
    break
  }

  const controller = new AbortController()
  const stream = await fetch(`${url}/v1/watch?namespace=shop`, { headers: { accept: 'text/event-stream' }, signal: controller.signal })
  let text = ''
  const ids: boolean[] = []
  const decoder = new TextDecoder()
  for await (const chunk of stream.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) if (event.includes('event: snapshot')) ids.push(/^id: /m.test(event))
    if (ids.at(-1) === true) break
  }
  controller.abort()
  t.same(ids, [false, false, false, true])
  t.ok(app)
})

t.test('a subscription that fails gets an error, and the other ones of its socket and node go on', async (t) => {
  const places: string[] = []
  const guard = new Guard({ count: (place) => places.push(place), log: () => undefined })
  const { registry, connect, register, listen } = await build(t, { guard, core: { guard } })
  await register('shop/bad/x', { address: '10.0.0.1' })
  await register('shop/orders/a')
  const instance = registry.catalog.entry('shop', 'bad', 'x')?.instance
  if (instance === undefined) throw new Error('it was not registered')
  Object.defineProperty(instance, 'toJSON', { value: () => { throw new RangeError('Invalid string length') } })
  const one = await connect()
  one.send({ type: 'subscribe', id: 1, namespace: 'shop', service: 'bad' })
  one.send({ type: 'subscribe', id: 2, namespace: 'shop', service: 'orders' })
  const frames = await one.take(2)
  t.match(frames.find(({ id }) => id === 1), { type: 'error', code: 'REG_INTERNAL' })
  t.match(frames.find(({ id }) => id === 2), { type: 'snapshot', instances: [{ id: 'a' }] })
  const { url } = await listen()
  const stream = await fetch(`${url}/v1/watch?namespace=shop&service=bad`, { headers: { accept: 'text/event-stream' } })
  t.match(await stream.text(), /event: goodbye\ndata: .*the registry failed on this watch/)
  await register('shop/orders/b')
  t.match(await one.next(), { type: 'change', id: 2, instance: { id: 'b' } })
  t.same(places, ['watch', 'watch'])
})

t.test('the SDK forgets parts that a reset voids', async (t) => {
  const parts = new SnapshotParts(1_000)
  t.equal(parts.take(part(1, true, 'a'), 10), undefined)
  t.equal(parts.take(part(2, true, 'x'), 10), undefined)
  parts.forget(1)
  t.same(idsOf(parts.take(part(1, false, 'b'), 10)), ['b'])
  t.same(idsOf(parts.take(part(2, false, 'y'), 10)), ['x', 'y'])
})

t.test('the SDK takes parts of snapshots up to a length, of all watches together', async (t) => {
  const parts = new SnapshotParts(30)
  parts.take(part(1, true, 'a'), 10)
  parts.take(part(2, true, 'x'), 20)
  t.throws(() => parts.take(part(2, false, 'y'), 1), { code: 'REGISTRY_ANSWER_TOO_LARGE', message: /30 characters \(maxSnapshotBytes\)/ })
  t.same(idsOf(parts.take(part(1, false, 'b'), 20)), ['a', 'b'], 'what the other one had is free again')
  t.same(idsOf(parts.take(part(3, false, 'z'), 50)), ['z'], 'a snapshot in one frame has the bound of frames')
  for (let count = 0; count < 3; count++) t.ok(parts.take({ type: 'snapshot', id: 4, revision: 'e.1', more: true, endpoints: [] }, 10), 'parts of endpoints are handed on')
  t.throws(() => parts.take({ type: 'snapshot', id: 4, revision: 'e.1', more: true, endpoints: [] }, 10), { code: 'REGISTRY_ANSWER_TOO_LARGE' }, 'and counted')
})

t.test('a watch whose snapshot is longer than that ends with an error, and the program does not', async (t) => {
  const { register, listen } = await build(t)
  const text = 'x'.repeat(16_000)
  for (let index = 0; index < 200; index++) await register(`shop/orders/${index}`, { metadata: { text } })
  await register('shop/small/a')
  const { url } = await listen()
  await using rollcall = new Rollcall({ address: url, namespace: 'shop', signals: false, warn: null, maxSnapshotBytes: 2_000_000 })
  await t.rejects(rollcall.watch().next(), { code: 'REGISTRY_ANSWER_TOO_LARGE' })
  t.match(await rollcall.watch({ service: 'small' }).next(), { value: { type: 'snapshot', instances: [{ id: 'a' }] } })
})

const part = (id: number, more: boolean, ...names: string[]): Extract<ServerFrame, { type: 'snapshot', instances: unknown }> =>
  ({ type: 'snapshot', id, revision: 'e.1', ...(more ? { more } : {}), instances: names.map((name) => ({ id: name }) as Instance) }) // only the id is looked at

function idsOf (frame: Extract<ServerFrame, { type: 'snapshot' }> | undefined): string[] | undefined {
  return frame === undefined || 'endpoints' in frame || 'objects' in frame ? undefined : frame.instances.map(({ id }) => id)
}
