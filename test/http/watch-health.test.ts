// What a watch says of its node: how often it is heard, and whether its view is fresh.
import t from 'tap'
import { TestSocket } from '../support/test-socket.ts'
import { build, type HttpWorld } from '../support/world.ts'

/** All frames, those of the node included. */
async function listen (world: HttpWorld): Promise<TestSocket> {
  const { url } = await world.listen()
  const client = await TestSocket.connect(url, [])
  return client
}

const away = { available: false, reason: 'Connection is closed.', sinceMs: 0 }
const back = { available: true, reason: '', sinceMs: 0 }

t.test('the first frame says hello, with the ping interval; then something comes at least so often', async (t) => {
  const world = await build(t)
  const client = await listen(world)
  t.strictSame(await client.next(), { type: 'hello', pingMs: 1_000, stale: false })
  for (let n = 0; n < 3; n++) {
    world.clock.advance(1_000)
    t.strictSame(await client.next(), { type: 'ping' })
  }
})

t.test('a node tells all watchers at once that it lost its store, and that it has it again, each time once', async (t) => {
  const world = await build(t)
  const [one, other] = [await listen(world), await listen(world)]
  for (const client of [one, other]) await client.next()
  world.registry.feed.health(away)
  world.registry.feed.health({ ...away, reason: 'still away' })
  world.registry.feed.health(back)
  for (const client of [one, other]) t.strictSame(await client.take(2), [
    { type: 'stale', reason: 'Connection is closed.' }, { type: 'current' }
  ])
  t.equal(one.waiting, 0)
})

t.test('a watcher that connects while the store is away hears of that first', async (t) => {
  const world = await build(t)
  world.registry.feed.health(away)
  t.match(await (await listen(world)).next(), { type: 'hello', stale: true })
})

t.test('more watchers than are ticked in one go all hear their ping', async (t) => {
  const world = await build(t)
  const clients = []
  for (let n = 0; n < 300; n++) clients.push(await listen(world))
  for (const client of clients) await client.next()
  world.clock.advance(1_000)
  for (const client of clients) t.strictSame(await client.next(), { type: 'ping' })
})
