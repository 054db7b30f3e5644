import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type World, world } from '../support/world.ts'
import { type Closable } from '../support/closable.ts'
import type { RegistryOptions } from '../../server/registry/registry.ts'
import type { LeaseSession } from '../../server/registry/core.ts'

const blipMs = 500
const lease = (id: string) => ({ namespace: 'shop', service: 'orders', id, generation: `g-${id}` })

/** Instances `a`, `b`... of a registry that has swept once. */
async function withInstances (t: Closable, ids: readonly string[], options: Partial<RegistryOptions> = {}): Promise<World> {
  const made = await world(t, options)
  for (const id of ids) await made.register(id, { generation: `g-${id}`, ports: [{ port: 8080 }], lease: { ttlMs: 600_000 } })
  return made
}

async function session (at: World, ids: readonly string[], peer = '10.0.0.1'): Promise<LeaseSession> {
  const begun = at.registry.sessions.begin(peer)
  await at.beat(ids.map(lease), begun)
  return begun
}

/** Time in which timers of this process run as they should. */
async function pass (at: World, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    at.clock.advance(Math.min(250, left))
    await setImmediate()
  }
  await at.registry.store.commit([], 'test') // behind all that waits to be written
}

const suspects = ({ registry }: World): string[] =>
  (registry.catalog.registered('shop', 'orders')?.instances ?? []).filter(({ suspect }) => suspect).map(({ id }) => id)

t.test('a session that breaks makes its leases suspect after the blip, unless they were renewed elsewhere since', async (t) => {
  const at = await withInstances(t, ['a', 'b', 'c'])
  const broken = await session(at, ['a', 'b'])
  at.clock.jump(5)
  await at.beat([lease('b')])
  broken.broken()
  await pass(at, blipMs - 1)
  t.same(suspects(at), [], 'it may be back')
  await pass(at, 1)
  t.same(suspects(at), ['a'])
  broken.broken()
  t.equal(at.registry.sessions.count, 0)
})

t.test('a client that is back within the blip is not seen by anybody', async (t) => {
  const at = await withInstances(t, ['a', 'b', 'c'])
  const changes: string[] = []
  const broken = await session(at, ['a', 'b'])
  at.registry.feed.listen({ changed: ({ reason, target }) => changes.push(`${target.id} ${reason}`) })
  broken.broken()
  await pass(at, 250)
  await session(at, ['a', 'b'])
  await pass(at, 2_000)
  t.same(changes, [])
})

t.test('with --session-blip 0s nothing is waited for', async (t) => {
  const at = await withInstances(t, ['a', 'b'], { sessionBlipMs: 0 })
  const broken = await session(at, ['a'])
  const suspected = new Promise<void>((resolve) => { at.registry.feed.listen({ changed: () => resolve() }) })
  broken.broken()
  await suspected
  t.same(suspects(at), ['a'])
})

t.test('a process that is gone is not waited for: its host refuses connections; nobody but the peer is asked', async (t) => {
  const asked: string[] = []
  const refuses = async (address: string, port: number): Promise<boolean> => {
    asked.push(`${address}:${port}`)
    return true
  }
  const at = await withInstances(t, ['a', 'b', 'c'], { refuses })
  const own = await session(at, ['a'])
  const foreign = await session(at, ['b'], '10.9.9.9')
  const suspected = new Promise<void>((resolve) => { at.registry.feed.listen({ changed: () => resolve() }) })
  own.broken()
  foreign.broken()
  await suspected
  t.same(suspects(at), ['a'])
  t.same(asked, ['10.0.0.1:8080'])
  await pass(at, blipMs)
  t.same(suspects(at), ['a', 'b'])
})

t.test('a heartbeat without the generation binds nothing: it may be a stranger\'s', async (t) => {
  const at = await withInstances(t, ['a', 'b'])
  const stranger = at.registry.sessions.begin('10.9.9.9')
  t.match(await at.beat([{ namespace: 'shop', service: 'orders', id: 'a' }], stranger), { renewed: 1 })
  stranger.broken()
  await pass(at, 2_000)
  t.same(suspects(at), [])
})

t.test('a lease belongs to the session that renewed it last, in the same millisecond too', async (t) => {
  const at = await withInstances(t, ['a', 'b', 'c'])
  const first = await session(at, ['a', 'b'])
  const second = await session(at, ['a'])
  first.broken()
  await pass(at, blipMs)
  t.same(suspects(at), ['b'])
  const third = await session(at, ['a'])
  second.end()
  third.broken()
  await pass(at, blipMs)
  t.same(suspects(at), ['a', 'b'], 'an end takes only what is still bound to it')
})

t.test('sessions of one peer that break together have one cause: a host that dies is not taken for an outage of ours', async (t) => {
  const ids = Array.from({ length: 9 }, (_, n) => `i${n}`)
  const at = await withInstances(t, [...ids, 'other'])
  const sessions = await Promise.all(ids.map((id) => session(at, [id])))
  await session(at, ['other'], '10.0.0.2')
  for (const each of sessions) each.broken()
  await pass(at, blipMs)
  t.same(suspects(at), ids)
  t.same(at.warnings, [])
})

for (const [name, peerOf] of [['of many peers', (n: number) => `10.0.1.${n}`], ['of one address with many clients', () => '10.0.1.1']] as const) {
  t.test(`sessions ${name} that break in bulk prove nothing`, async (t) => {
    const ids = Array.from({ length: 12 }, (_, n) => `i${n}`)
    const at = await withInstances(t, ids)
    const sessions = await Promise.all(ids.map((id, n) => session(at, [id], peerOf(n))))
    for (const each of sessions) each.broken()
    await pass(at, blipMs)
    t.same(suspects(at), [])
    t.match(at.warnings, [/12 sessions broke within a second/])
  })
}

t.test('sessions that break while this process stood still prove nothing', async (t) => {
  const at = await withInstances(t, ['a'])
  const broken = await session(at, ['a'])
  at.clock.jump(5_000)
  broken.broken()
  t.match(at.warnings, [/stood still/])
  await pass(at, 4_000)
  t.same(suspects(at), [])
})
