// A client and its nodes: away from one that is cut off or frozen, and home again when it is well.
import t from 'tap'
import { cluster } from './cluster.ts'
import { Nodes } from '../../client-sdk/src/nodes.ts'
import { createTestClock } from '../../client-sdk/src/testing.ts'
import { beats, half, typesOf } from './helpers.ts'

const orders = { service: 'orders', id: 'o-1', port: 8080 }
const homeMs = 30_000 * 3 // the longest that it takes to go home

t.test('a node that loses its store is left by calls, heartbeats and the watch, within a second', async (t) => {
  const { registry, client, clock, befall, asked, watched, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  await rollcall.resolve('orders')
  await clock.settle()
  t.strictSame(watched, ['a'])
  befall('a', 'stale')
  await clock.advance(1_000)
  t.equal(rollcall.address, 'http://b:7500')
  t.strictSame(watched, ['b'])
  t.strictSame(typesOf(events), ['registered', 'stale', 'failover'])
  asked.length = 0
  registry.register('shop', 'orders', 'o-2', { ports: [{ port: 1 }] })
  await clock.advance(6_000)
  t.equal((await rollcall.resolveAll('orders')).length, 2)
  t.strictSame(asked, ['b /v1/heartbeats'])
})

t.test('a heartbeat that was not stored goes to another node at once, without any watch', async (t) => {
  const { client, clock, befall, asked, registry } = cluster(t, ['a', 'b'])
  await client().register(orders)
  befall('a', 'stale')
  await clock.advance(7_000)
  t.strictSame(
    asked.filter((each) => each.endsWith('/heartbeats')), ['a /v1/heartbeats', 'b /v1/heartbeats'],
    'not a third of the lease later'
  )
  await clock.advance(30_000)
  t.ok(asked.slice(5).every((each) => each.startsWith('b ')))
  t.equal(registry.requests.filter(({ method }) => method === 'PUT').length, 1)
})

t.test('a read with the mark of a stale node makes the client look for another one', async (t) => {
  const { client, clock, befall } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  befall('a', 'stale')
  await rollcall.instance(orders)
  await clock.advance(500)
  t.equal(rollcall.address, 'http://b:7500')
})

t.test('an answer that was on its way when the client left does not bring it back', async (t) => {
  const { client, clock, befall, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  befall('a', 900)
  const read = rollcall.instance(orders)
  await clock.settle()
  befall('a', 'stale')
  await rollcall.instance(orders)
  await clock.advance(600)
  t.equal(rollcall.address, 'http://b:7500')
  await clock.advance(600)
  await read
  t.equal(rollcall.address, 'http://b:7500')
  t.strictSame(typesOf(events), ['registered', 'stale', 'failover'])
})

t.test('if all nodes have lost the store the client stays, and goes to the first that has it again', async (t) => {
  const { client, clock, befall, watched, events } = cluster(t, ['a', 'b', 'c'])
  const rollcall = client()
  await rollcall.register(orders)
  await rollcall.resolve('orders')
  for (const node of ['a', 'b', 'c']) befall(node, 'stale')
  await clock.advance(60_000)
  t.equal(rollcall.address, 'http://a:7500')
  t.strictSame(watched, ['a'])
  t.strictSame(typesOf(events), ['registered', 'stale'], 'told once')
  befall('c', 'well')
  await clock.advance(6_000)
  t.equal(rollcall.address, 'http://c:7500')
  t.strictSame(watched, ['c'])
})

t.test('if the own node has its store again first, the client stays there', async (t) => {
  const { client, clock, befall, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  await rollcall.resolve('orders')
  befall('b', 'stale')
  befall('a', 'stale')
  await clock.advance(2_000)
  befall('a', 'well')
  await clock.advance(60_000)
  t.equal(rollcall.address, 'http://a:7500')
  t.strictSame(typesOf(events), ['registered', 'stale', 'current'])
})

t.test('a blip of the store moves no client', async (t) => {
  const { client, clock, befall, watched, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.resolveAll('orders')
  await clock.settle()
  befall('a', 'stale')
  await clock.advance(100)
  befall('a', 'well')
  await clock.advance(10_000)
  t.strictSame(watched, ['a'])
  t.strictSame(typesOf(events), ['stale', 'current'])
})

t.test('a frozen node is left within two seconds of its last ping', async (t) => {
  const { registry, client, clock, befall, watched } = cluster(t, ['a', 'b'])
  const rollcall = client()
  registry.register('shop', 'orders', 'o-1', { ports: [{ port: 1 }] })
  await rollcall.resolve('orders')
  await clock.advance(5_000)
  befall('a', 'frozen')
  registry.register('shop', 'orders', 'o-2', { ports: [{ port: 1 }] })
  await clock.advance(2_000)
  t.equal(watched.at(-1), 'b')
  t.equal((await rollcall.resolveAll('orders')).length, 2)
})

t.test('a node that only was slow to ping is not left', async (t) => {
  const { registry, client, clock, befall, watched } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.resolveAll('orders')
  await clock.advance(5_500)
  befall('a', 'frozen')
  await clock.advance(950) // a ping is lost, but the question that follows it is answered
  befall('a', 'well')
  await clock.advance(30_000)
  t.strictSame(watched, ['a'])
  t.equal(registry.sockets, 1)
})

t.test('a frozen node at the start: the first call goes to another after a second', async (t) => {
  const { client, clock, befall, asked } = cluster(t, ['a', 'b'])
  befall('a', 'frozen')
  const rollcall = client()
  const registered = rollcall.register(orders)
  await clock.advance(1_000)
  await registered
  t.strictSame(asked.map((each) => each.slice(0, 1)), ['a', 'b'])
  t.equal(rollcall.address, 'http://b:7500')
})

t.test('a call that must not go to two nodes at once waits for its share of the time', async (t) => {
  const { client, clock, befall, asked } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  befall('a', 'frozen')
  asked.length = 0
  const deleted = rollcall.deregister(orders)
  await clock.advance(2_000)
  t.equal(asked.filter((each) => each.includes('/instances/')).length, 1)
  await clock.advance(1_000)
  await deleted
})

t.test('a slow answer counts, and its node is kept', async (t) => {
  const { client, clock, befall, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  befall('a', 1_200)
  befall('b', 4_000)
  const registered = rollcall.register(orders)
  await clock.advance(1_300)
  await registered
  t.equal(rollcall.address, 'http://a:7500')
  t.strictSame(typesOf(events), ['registered'])
})

t.test('the client goes to the first node that answers, not to the next in the list', async (t) => {
  const { client, clock, befall, watched } = cluster(t, ['a', 'b', 'c'])
  const rollcall = client()
  await rollcall.resolveAll('orders')
  await clock.settle()
  befall('b', 'frozen')
  befall('a', 'down')
  await clock.advance(1_500)
  t.strictSame(watched, ['c'])
  t.equal(rollcall.address, 'http://c:7500')
})

t.test('home again, when home has been well for a while', async (t) => {
  const { client, clock, befall, watched, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.resolveAll('orders')
  await clock.settle()
  befall('a', 'stale')
  await clock.advance(1_000)
  await clock.advance(homeMs)
  t.strictSame(watched, ['b'], 'home is not well')
  befall('a', 'well')
  await clock.advance(homeMs)
  t.strictSame(watched, ['a'])
  t.equal(rollcall.address, 'http://a:7500')
  t.strictSame(typesOf(events), ['stale', 'failover', 'returned'])
})

t.test('a session goes along: it is bound to the new node at once', async (t) => {
  const { registry, client, clock, befall, watched, events } = cluster(t, ['a', 'b'])
  await client().register({ ...orders, session: true })
  await clock.advance(100)
  befall('a', 'stale')
  await clock.advance(1_000)
  t.strictSame(watched, ['b'])
  t.strictSame(typesOf(events), ['registered', 'session', 'stale', 'failover', 'session'])
  t.strictSame(beats(registry), [])
  await clock.advance(20_000)
  t.match(registry.instances, [{ suspect: false }])
})

t.test('many clients spread over the nodes, and do so again after a failure', async (t) => {
  const { client, clock, befall } = cluster(t, ['a', 'b', 'c', 'd'])
  let seed = 0
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  const clients = Array.from({ length: 200 }, () => client({ prefer: 'any', random }))
  for (const each of clients) await each.resolveAll('orders')
  const spread = (): number[] => ['a', 'b', 'c', 'd'].map(
    (node) => clients.filter(({ address }) => address === `http://${node}:7500`).length
  )
  const before = spread()
  t.ok(before.every((count) => count > 25), before.join(' '))
  befall('a', 'stale')
  await clock.advance(2_000)
  t.equal(spread()[0], 0)
  befall('a', 'well')
  await clock.advance(homeMs)
  t.strictSame(spread(), before)
})

t.test('a registry that is down everywhere keeps the client where it is', async (t) => {
  const { client, clock, befall, events } = cluster(t, ['a', 'b'])
  const rollcall = client()
  await rollcall.register(orders)
  for (const node of ['a', 'b']) befall(node, 'down')
  await clock.advance(60_000)
  t.equal(rollcall.address, 'http://a:7500')
  t.strictSame(typesOf(events), ['registered', 'unreachable'])
})

t.test('of the nodes that others have named sixteen are known, the latest; a client that was given two nodes needs none', async (t) => {
  const nodesOf = (addresses: readonly string[]): Nodes => {
    const nodes = new Nodes({ addresses, prefer: 'first', clock: createTestClock(), random: half, emit: () => undefined, probe: async () => false })
    for (let turn = 0; turn < 40; turn++) nodes.learn([`http://n${turn}:1`])
    return nodes
  }
  const one = nodesOf(['http://a:1'])
  t.equal(one.addresses.length, 17)
  t.equal(one.addresses[0], 'http://a:1')
  t.ok(one.addresses.includes('http://n39:1'))
  t.strictSame(nodesOf(['http://a:1', 'http://b:1']).addresses, ['http://a:1', 'http://b:1'])
})
