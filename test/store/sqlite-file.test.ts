// The file: what is refused, what happens when it is full, how its log is kept short.
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { storeError } from '../../server/store/sqlite/database.ts'
import { createSqliteStore, type SqliteStoreOptions } from '../../server/store/sqlite/sqlite-store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'
import { openSqliteHarness } from './sqlite-harness.ts'
import { Keyspace } from './keyspace.ts'

async function worldIn (t: Test, options: Partial<SqliteStoreOptions> = {}): Promise<Keyspace & { file: string }> {
  const harness = openSqliteHarness(options)
  const world = Object.assign(new Keyspace(harness), { file: join(harness.directory, 'rollcall.db') })
  t.teardown(async () => {
    await world.closeNodes()
    await harness.dispose()
  })
  await world.join()
  return world
}

/** A file with two hundred instances, closed. */
async function filledFile (t: Test): Promise<{ world: Keyspace, file: string }> {
  const world = await worldIn(t)
  await world.grantMany('shop/orders', 200)
  await world.closeNodes()
  return { world, file: world.file }
}

async function refused (t: Test, world: Keyspace, file: string, message: RegExp): Promise<void> {
  const before = readFileSync(file)
  await t.rejects(world.harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message })
  t.ok(readFileSync(file).equals(before), 'the file is left as it is')
}

t.test('the directory is created if it is missing', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const store = createSqliteStore({ directory: join(harness.directory, 'deep', 'er'), now: Date.now })
  t.match(store.location, /deep.er.rollcall\.db$/)
  await t.resolves(store.open(new RecordingFollower()))
  await store.close()
})

t.test('a store in memory works like one on disk', async (t) => {
  const store = createSqliteStore({ directory: ':memory:', now: Date.now })
  const follower = new RecordingFollower()
  await store.open(follower)
  await store.grant({ key: 'a/b/c', lease: 'l', generation: 'g', newGeneration: 'g', ttlMs: 1_000, body: '{}', by: 'x' })
  t.equal(follower.instances.size, 1)
  await store.close()
})

t.test('a file with a damaged page is refused and left as it is', async (t) => {
  const { world, file } = await filledFile(t)
  const bytes = readFileSync(file)
  const pageSize = 4_096
  bytes.fill(0xa5, pageSize * 3, pageSize * 6)
  writeFileSync(file, bytes)
  await refused(t, world, file, /rollcall\.db is damaged .*left as it is.*backup/)
})

t.test('a truncated file is refused and left as it is', async (t) => {
  const { world, file } = await filledFile(t)
  truncateSync(file, Math.floor(readFileSync(file).length / 2))
  await refused(t, world, file, /rollcall\.db is damaged/)
})

t.test('a file that is no database is refused and left as it is', async (t) => {
  const { world, file } = await filledFile(t)
  writeFileSync(file, 'a letter to somebody\n'.repeat(500))
  await refused(t, world, file, /rollcall\.db is damaged/)
})

t.test('an unreadable log entry stops no start: the history begins after it', async (t) => {
  for (const header of ['["?",1]', '', '{', '["p",1,"x","registered"]', 'null']) {
    const { world, file } = await filledFile(t)
    for (const sum of ['sum', 'NULL']) change(file, `UPDATE log SET header = '${header}', sum = ${sum} WHERE revision = 7`)
    const node = await world.join()
    t.equal(node.follower.recent[0]?.revision, 8, header)
    t.match(node.follower.unreadable, [{ key: 'log/7' }])
    t.equal(node.follower.instances.size, 200)
  }
})

t.test('the database of another program is refused and left as it is', async (t) => {
  const { world, file } = await filledFile(t)
  rmSync(file)
  change(file, 'CREATE TABLE notes (text)')
  await refused(t, world, file, /another program.*left as it is/)
})

t.test('a file of a newer schema is refused and left as it is', async (t) => {
  const { world, file } = await filledFile(t)
  change(file, "UPDATE meta SET value = '99' WHERE name = 'schema'")
  await refused(t, world, file, /schema version 99, this server knows version 2.*newer/)
})

t.test('a directory that cannot be created is named', async (t) => {
  const { file } = await filledFile(t)
  const store = createSqliteStore({ directory: join(file, 'below'), now: Date.now })
  await t.rejects(store.open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /rollcall\.db/ })
})

t.test('a write that does not fit is refused, those beside it are kept, and the next ones try again', async (t) => {
  const world = await worldIn(t, { maxPages: 120 })
  const huge = JSON.stringify({ text: 'x'.repeat(1_000_000) })
  const [first, second, third] = await Promise.allSettled([
    world.grant('shop/orders/a'), world.grant('shop/orders/huge', { body: huge, lease: 'huge' }), world.grant('shop/orders/b')
  ])
  t.same([first?.status, third?.status], ['fulfilled', 'fulfilled'])
  t.match(second, { status: 'rejected', reason: { code: 'REG_STORE_FULL', message: /rollcall\.db cannot grow: the disk is full/ } })
  t.same([...world.follower.instances.keys()], ['shop/orders/a', 'shop/orders/b'])
  t.same((await world.renew(['huge'])).unknown, ['huge'], 'nothing of it is left in memory')
  t.match(world.follower.healths.at(-1), { available: true }, 'a single write too large is no outage')

  await t.rejects(world.grant('shop/orders/huge', { body: huge }), { code: 'REG_STORE_FULL' })
  t.match(world.follower.healths.at(-1), { available: false, reason: /the disk is full/ })
  t.match(await world.store.grant(world.grantOf('shop/orders/a')), { outcome: 'unchanged' })
  t.match(world.follower.healths.at(-1), { available: false }, 'what writes nothing proves nothing')
  await world.store.expire(world.policy())
  t.match(world.follower.healths.at(-1), { available: true, reason: '' }, 'a sweep finds out that it can be written again')
  t.match(await world.store.grant(world.grantOf('shop/orders/c')), { outcome: 'created' })
  t.same(world.follower.faults, [])
})

t.test('a write that is a mistake of ours takes no other one with it, and is no failure of the file', async (t) => {
  const world = await worldIn(t)
  const nonsense = undefined as unknown as string // what the types forbid is what is tested
  const outcomes = await Promise.allSettled([
    world.grant('shop/orders/a'), world.grant('shop/orders/bad', { body: nonsense }), world.grant('shop/orders/b')
  ])
  t.match(outcomes, [{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'REG_INTERNAL' } }, { status: 'fulfilled' }])
  await t.rejects(world.grant('shop/orders/bad', { body: nonsense }), { code: 'REG_INTERNAL' })
  t.same([...world.follower.instances.keys()], ['shop/orders/a', 'shop/orders/b'])
  t.equal(world.follower.healths.length, 1)
  t.same(world.follower.faults, [])
})

t.test('a lease name that is in use is refused', async (t) => {
  const world = await worldIn(t)
  const lease = await world.grant('shop/orders/a')
  await t.rejects(world.grant('shop/orders/b', { lease }), { code: 'REG_CONFLICT' })
  t.same([...world.follower.instances.keys()], ['shop/orders/a'])
})

t.test('the other writes of a batch happen once, in their order, where one does not fit', async (t) => {
  const world = await worldIn(t, { maxPages: 120 })
  const huge = JSON.stringify({ text: 'x'.repeat(1_000_000) })
  const outcomes = await Promise.allSettled([
    world.grant('shop/orders/a', { lease: 'brief' }), world.store.revoke(['brief'], 'tester'), world.grant('shop/orders/huge', { body: huge })
  ])
  t.match(outcomes, [{ value: 'brief' }, { value: [2] }, { reason: { code: 'REG_STORE_FULL' } }])
  t.same(world.follower.storyOf('shop/orders/a'), ['put registered', 'delete deregistered'])
  t.equal(world.follower.revision, 2)
})

t.test('a failed write undoes its changes in memory', async (t) => {
  const world = await worldIn(t, { maxPages: 120 })
  const huge = JSON.stringify({ text: 'x'.repeat(1_000_000) })
  const [lease = '', suspect = ''] = await world.grantMany('shop/orders', 2, { generation: 'g1', ttlMs: 4_000 })
  const { deadlines } = await world.renew([lease, suspect], 4_000)
  const deadlineMs = deadlines.get(4_000) ?? 0
  await world.store.lose([{ lease: suspect, deadlineMs }], 4_000)
  await t.rejects(world.grant('shop/orders/id0', { generation: 'g2', body: huge, lease: 'huge' }), { code: 'REG_STORE_FULL' })
  await t.rejects(world.grant('shop/orders/id1', { generation: 'g1', body: huge }), { code: 'REG_STORE_FULL' })
  t.equal(world.follower.instances.get('shop/orders/id1')?.suspect, true)
  t.match(await world.pass(3.5), { suspected: 0, expired: 0 })
  t.match(await world.pass(6), { suspected: 1, expired: 2 }, 'the old leases are there, with their old deadlines')
  t.equal(world.follower.instances.size, 0)
})

t.test('the log is kept to its length, and goes on through restarts', async (t) => {
  const world = await worldIn(t, { maxLogLength: 500 })
  await world.grantMany('shop/orders', 1_500)
  for (let round = 0; round < 400; round += 1) await world.grant('shop/orders/busy', { body: `{"weight":${round}}` })
  const { revision } = world.follower
  const { follower } = await world.reopen()
  t.equal(follower.revision, revision + 1_000_000, 'each start is a new term')
  t.equal(follower.recent.at(-1)?.revision, revision)
  t.ok(follower.recent.length >= 500 && follower.recent.length <= 600, `${follower.recent.length} entries`)
  t.same(follower.faults, [])
})

t.test('a log that was longer before gets shorter in steps', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const long = new Keyspace(harness)
  await long.join()
  await long.grantMany('shop/orders', 5_000)
  await long.closeNodes()
  const store = createSqliteStore({ directory: harness.directory, now: Date.now, maxLogLength: 200 })
  await store.open(new RecordingFollower())
  for (let round = 0; round < 8; round += 1) await store.grant(long.grantOf('shop/orders/a', { body: `{"weight":${round}}` }))
  await store.close()
  const follower = new RecordingFollower()
  const again = harness.node()
  await again.open(follower)
  t.ok(follower.recent.length >= 200 && follower.recent.length <= 300, `${follower.recent.length} entries`)
  t.same(follower.faults, [])
  await again.close()
})

t.test('a log length below one is refused', async (t) => {
  const store = createSqliteStore({ directory: ':memory:', now: Date.now, maxLogLength: 0 })
  await t.rejects(store.open(new RecordingFollower()), { name: 'RangeError', message: /maxLogLength/ })
})

t.test('a store that is not open says so', async (t) => {
  const store = createSqliteStore({ directory: ':memory:', now: Date.now })
  await t.rejects(store.sync(), { code: 'REG_STORE_UNAVAILABLE', message: /not open yet/ })
  await store.close()
})

t.test('each failure of the file has a code and a sentence that says what to do', async (t) => {
  for (const [errcode, code, message] of [
    [5, 'REG_STORE_UNAVAILABLE', /in use by another server/],
    [261, 'REG_STORE_UNAVAILABLE', /in use by another server/],
    [8, 'REG_STORE_UNAVAILABLE', /read-only/],
    [10, 'REG_STORE_UNAVAILABLE', /f\.db failed: disk I\/O error/],
    [1034, 'REG_STORE_UNAVAILABLE', /f\.db failed/],
    [11, 'REG_STORE_UNAVAILABLE', /damaged/],
    [13, 'REG_STORE_FULL', /disk is full/],
    [14, 'REG_STORE_UNAVAILABLE', /cannot be opened/],
    [26, 'REG_STORE_UNAVAILABLE', /damaged/]
  ] as const) {
    t.match(storeError(Object.assign(new Error('disk I/O error'), { errcode }), '/data/f.db'), { code, message }, `SQLite's ${errcode}`)
  }
  t.match(storeError('nonsense', '/data/f.db'), { code: 'REG_STORE_UNAVAILABLE', message: /nonsense/ })
})

function change (file: string, sql: string): void {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}
