// Backups of a running store, and registries made of them: what was there is there, on either kind of store.
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { createRedisStore } from '../../server/store/redis/redis-store.ts'
import { inspectBackup, restoreToDirectory, restoreToRedis, salvageDirectory } from '../../server/store/restore.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import type { Store } from '../../server/store/store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'
import { life, policy } from '../support/redis-nodes.ts'
import { noRedis, RedisServer } from '../support/redis-server.ts'

const options = { force: false, nowMs: 1_000 }

function directoryOf (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-backup-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function opened (t: Test, store: Store): Promise<{ store: Store, follower: RecordingFollower }> {
  const follower = new RecordingFollower()
  t.teardown(() => store.close())
  await store.open(follower)
  return { store, follower }
}

const sqlite = (directory: string): Store => createSqliteStore({ directory, now: Date.now })

async function fill (store: Store): Promise<void> {
  await Promise.all(Array.from({ length: 300 }, (_, index) => store.grant(life(`shop/orders/${index}`, { generation: `g${index}` }))))
  await store.commit([
    { type: 'put', key: 'override/shop/orders/1', body: '{"weight":7}', endsAtMs: 0, reason: 'override' },
    { type: 'put', key: 'secret/dns/cookie', body: '{"keys":[]}', endsAtMs: 0, reason: 'declared' }
  ], 'tester')
}

async function save (store: Store, path: string): Promise<string> {
  const { content } = await store.backup()
  await pipeline(content, createWriteStream(path))
  return path
}

/** What must be the same: everything but the numbers of the history. */
function content (follower: RecordingFollower): string[] {
  const rows = [
    ...[...follower.instances.values()].map(({ key, lease, generation, ttlMs, createdAtMs, updatedAtMs, body }) =>
      [key, lease, generation, ttlMs, createdAtMs, updatedAtMs, body]),
    ...[...follower.objects.values()].map(({ key, createdAtMs, updatedAtMs, endsAtMs, body }) => [key, createdAtMs, updatedAtMs, endsAtMs, body])
  ]
  return rows.map((row) => JSON.stringify(row)).sort()
}

t.test('SQLite is backed up while it is written to, and restored', async (t) => {
  const directory = directoryOf(t)
  const { store, follower } = await opened(t, sqlite(directory))
  await fill(store)
  const before = content(follower)
  const writing = Promise.all(Array.from({ length: 200 }, (_, index) => store.grant(life(`shop/carts/${index}`))))
  const file = await save(store, join(directoryOf(t), 'copy.db'))
  await writing
  t.ok((await inspectBackup(file)).instances >= 300)
  t.same(readdirSync(directory).filter((name) => name.startsWith('rollcall-backup')), [], 'nothing of it is left beside the file')

  const target = directoryOf(t)
  await restoreToDirectory(file, target, options)
  const restored = await opened(t, sqlite(target))
  t.equal(restored.follower.epoch, follower.epoch)
  t.same(content(restored.follower).filter((row) => before.includes(row)), before)
  t.same(restored.follower.faults, [])
})

t.test('a registry that is there is replaced only by force, and moved aside then', async (t) => {
  const { store } = await opened(t, sqlite(directoryOf(t)))
  await fill(store)
  const file = await save(store, join(directoryOf(t), 'copy.db'))
  const target = directoryOf(t)
  const other = sqlite(target)
  const told = new RecordingFollower()
  await other.open(told)
  await other.grant(life('shop/other/a'))
  await other.close()
  const kept = readFileSync(join(target, 'rollcall.db'))
  await t.rejects(restoreToDirectory(file, target, options), { code: 'REG_CONFLICT', message: /--force/ })
  t.ok(readFileSync(join(target, 'rollcall.db')).equals(kept))
  const { replaced = '' } = await restoreToDirectory(file, target, { ...options, force: true })
  t.ok(readFileSync(replaced).equals(kept), 'what was there is whole under another name')
  const restored = await opened(t, sqlite(target))
  t.equal(restored.follower.instances.size, 300)
})

t.test('a backup that is cut off or damaged is refused before anything is touched', async (t) => {
  const { store } = await opened(t, sqlite(directoryOf(t)))
  await fill(store)
  const folder = directoryOf(t)
  const database = await save(store, join(folder, 'copy.db'))
  truncateSync(database, 40_000)
  await t.rejects(inspectBackup(database), { code: 'REG_STORE_UNAVAILABLE', message: /damaged/ })
  for (const [name, text, message] of [
    ['empty.ndjson', '', /is no backup/],
    ['letter.txt', 'a letter to somebody', /is no backup/],
    ['cut.ndjson', '{"rollcall":"export","version":1,"from":"redis","epoch":"e","revision":1}\n', /cut off/],
    ['newer.ndjson', '{"rollcall":"export","version":2,"from":"redis","epoch":"e","revision":1}\n', /line 1: must be of version 1, got 2/],
    ['torn.ndjson', '{"rollcall":"export","version":1,"from":"redis","epoch":"e","revision":1}\n{"object":{"key":"a/b/c"}}\n', /line 2: must be a whole object/],
    ['count.ndjson', '{"rollcall":"export","version":1,"from":"redis","epoch":"e","revision":1}\n{"end":{"objects":1,"instances":0}}\n', /line 2: must count what came/]
  ] as const) {
    writeFileSync(join(folder, name), text)
    await t.rejects(inspectBackup(join(folder, name)), { code: 'REG_INVALID', message }, name)
  }
  const target = directoryOf(t)
  await t.rejects(restoreToDirectory(database, target, options), { code: 'REG_STORE_UNAVAILABLE' })
  t.same(readdirSync(target), [])
})

t.test('Redis is exported, and restored into Redis and into SQLite; SQLite into Redis', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start()
  t.teardown(() => server.dispose())
  const { store, follower } = await opened(t, createRedisStore({ url: server.url }))
  await fill(store)
  const before = content(follower)
  const file = await save(store, join(directoryOf(t), 'copy.ndjson'))
  const other = { url: server.url, prefix: 'other', force: false }
  await restoreToRedis(file, other)
  await t.rejects(restoreToRedis(file, other), { code: 'REG_CONFLICT', message: /nodes run|holds a registry/ })

  const second = await opened(t, createRedisStore({ url: server.url, prefix: 'other' }))
  t.same(content(second.follower), before)
  t.not(second.follower.epoch, follower.epoch, 'it is another keyspace')
  t.ok(second.follower.revision > follower.revision)
  t.same((await second.store.renew(new Map([[60_000, [...follower.instances.values()].map(({ lease }) => lease)]]))).unknown, [])
  await store.expire(policy()) // a node that runs sweeps
  await t.rejects(restoreToRedis(file, { url: server.url, prefix: 'rollcall', force: true }), { code: 'REG_CONFLICT', message: /nodes run on/ })

  const target = directoryOf(t)
  await restoreToDirectory(file, target, options)
  const third = await opened(t, sqlite(target))
  t.same(content(third.follower), before)
  const database = await save(third.store, join(directoryOf(t), 'copy.db'))
  await restoreToRedis(database, { url: server.url, prefix: 'third', force: false })
  const fourth = await opened(t, createRedisStore({ url: server.url, prefix: 'third' }))
  t.same(content(fourth.follower), before)
})

t.test('the readable records of a damaged file are saved, and restored', async (t) => {
  const directory = directoryOf(t)
  const store = sqlite(directory)
  const follower = new RecordingFollower()
  await store.open(follower)
  await fill(store)
  await store.close()
  const path = join(directory, 'rollcall.db')
  const bytes = readFileSync(path)
  const at = bytes.indexOf('shop/orders/150') // a row, or its place in an index
  bytes.fill(0xa5, at - (at % 2_048), at - (at % 2_048) + 2_048)
  writeFileSync(path, bytes)
  await t.rejects(sqlite(directory).open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /damaged.*rollcall backup --salvage DIR FILE/ })

  const { lines, contents, lost } = salvageDirectory(directory)
  t.ok(contents.instances > 200 && contents.instances <= 300, `${contents.instances} instances`)
  t.equal(contents.instances === 300, lost === 0)
  const saved = join(directoryOf(t), 'saved.ndjson')
  writeFileSync(saved, [...lines].join(''))
  const target = directoryOf(t)
  await restoreToDirectory(saved, target, options)
  const restored = await opened(t, sqlite(target))
  t.equal(restored.follower.instances.size, contents.instances)
  t.equal(restored.follower.objects.size, contents.objects)
})
