// An override of an id that was not registered for a day ends, with an event; until then it is listed with since when it is left over.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { world } from '../support/world.ts'

const hourMs = 3_600_000
const name = (id: string) => ({ namespace: 'shop', service: 'orders', id })

t.test('an override whose instance is gone ends after a day, and not before', async (t) => {
  const { registry, access, clock, register } = await world(t)
  await register('gone', { lease: { ttlMs: 24 * hourMs } })
  await register('stays', { lease: { ttlMs: 24 * hourMs } })
  await access.override(name('gone'), { status: 'draining' })
  await access.override(name('stays'), { weight: 7 })
  t.match(registry.overrides.list(), [{ id: 'gone', registered: true, override: { author: 'test' } }, { id: 'stays', registered: true }])
  t.equal(registry.overrides.size, 0)
  const goneAtMs = clock.now()
  await access.deregister(name('gone'))
  t.match(registry.overrides.list(), [{ id: 'gone', registered: false, absentSince: new Date(goneAtMs).toISOString() }, { id: 'stays', registered: true }])
  t.equal(registry.overrides.size, 1)
  clock.jump(24 * hourMs - 1)
  t.equal(await registry.overrides.look(), 0)
  clock.jump(1)
  t.equal(await registry.overrides.look(), 1)
  t.match(registry.overrides.list(), [{ id: 'stays' }])
  t.match([...registry.feed.history()][0], { reason: 'override-ended', by: 'registry', target: { id: 'gone' } })
  t.equal(registry.overrides.size, 0)
})

t.test('an instance that comes back in time is as it was, and its override is no leftover', async (t) => {
  const { registry, access, clock, register } = await world(t)
  await register('a')
  await access.override(name('a'), { status: 'draining' })
  await access.deregister(name('a'))
  clock.jump(23 * hourMs)
  t.equal((await register('a')).instance.effectiveStatus, 'draining')
  clock.jump(2 * hourMs)
  t.equal(await registry.overrides.look(), 0)
  t.equal(registry.overrides.size, 0)
})

t.test('drained and deregistered again and again, the limit of overrides is met again after a day', async (t) => {
  const { registry, access, clock, register } = await world(t)
  for (let index = 0; index < 250; index++) {
    await register(`i${index}`)
    await access.override(name(`i${index}`), { status: 'down' })
    await access.deregister(name(`i${index}`))
  }
  t.equal(registry.catalog.overrideCount, 250)
  clock.jump(25 * hourMs)
  for (const ended of [100, 100, 50, 0]) t.equal(await registry.overrides.look(), ended)
  t.equal(registry.catalog.overrideCount, 0)
})

t.test('the time counts on through restarts, by the history', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-leftovers-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  let nowMs = 1_800_000_000_000
  const open = async (): ReturnType<typeof world> => {
    const opened = await world(t, { store: createSqliteStore({ directory, now: () => nowMs, holdMs: 0 }) })
    opened.clock.jump(nowMs - opened.clock.now())
    return opened
  }
  const first = await open()
  await first.register('a')
  await first.access.override(name('a'), { status: 'down' })
  await first.access.deregister(name('a'))
  await first.register('b')
  await first.registry.close()
  nowMs += 12 * hourMs
  const second = await open()
  t.match(second.registry.overrides.list(), [{ id: 'a', registered: false, absentSince: new Date(nowMs - 12 * hourMs).toISOString() }])
  await second.registry.close()
  nowMs += 12 * hourMs
  const third = await open()
  t.equal(await third.registry.overrides.look(), 1)
})
