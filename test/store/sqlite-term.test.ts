// Each start is a new term: what a file does not prove belongs to no history, and no revision is given twice.
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { Registry } from '../../server/registry/registry.ts'
import { tester } from '../support/world.ts'
import { createSqliteStore, type SqliteStoreOptions } from '../../server/store/sqlite/sqlite-store.ts'
import { termStart } from '../../server/store/sqlite/term.ts'
import type { Snapshot, Store } from '../../server/store/store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'
import { life } from '../support/redis-nodes.ts'

const jump = 1_000_000
const dayMs = 86_400_000

class Follower extends RecordingFollower {
  lost: Snapshot['lost'] = []

  override load (snapshot: Snapshot): void {
    super.load(snapshot)
    this.lost = snapshot.lost
  }
}

interface Opened {
  readonly store: Store
  readonly follower: Follower
}

function directoryOf (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-term-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function open (t: Test, directory: string, options: Partial<SqliteStoreOptions> = {}): Promise<Opened> {
  const store = createSqliteStore({ directory, now: Date.now, ...options })
  const follower = new Follower()
  t.teardown(() => store.close())
  await store.open(follower)
  return { store, follower }
}

const isLost = ({ lost }: Follower, revision: number): boolean => lost.some(({ after, until }) => revision > after && revision < until)

t.test('where a term begins, as a table', (t) => {
  const file = { last: 500, lost: [], instanceFloor: 0, writtenAtMs: 1_000 }
  const mark = (reserved: number, closed?: number) => ({ epoch: 'e', reserved, closed })
  for (const [title, start, first, instances] of [
    ['a new file', termStart({ ...file, last: 0 }, undefined, 1_000), 0, 0],
    ['no mark', termStart(file, undefined, 1_000), 500 + jump, 500 + jump],
    ['a clean stop', termStart(file, mark(500, 500), 1_000), 500 + jump, 0],
    ['a process that was killed', termStart(file, mark(3_000_000), 1_000), 3_000_001, 3_000_001],
    ['a backup over a file that went on', termStart(file, mark(5_000_000, 5_000_000), 1_000), 5_000_001, 5_000_001],
    ['a file that lay for a minute', termStart(file, undefined, 61_000), 500 + jump + 60_000, 500 + jump + 60_000],
    ['a clock that went back', termStart(file, undefined, 0), 500 + jump, 500 + jump],
    ['a file that lay for a year', termStart(file, undefined, 365 * dayMs), 500 + jump + 1_000_000_000, 500 + jump + 1_000_000_000]
  ] as const) {
    t.equal(start.first, first, title)
    t.equal(start.floors.instances, instances, `${title}: the floor of instances`)
  }
  t.end()
})

t.test('void ranges are kept to sixteen; what lay before them counts as lost', (t) => {
  let file = { last: 10, lost: [] as Snapshot['lost'], instanceFloor: 0, writtenAtMs: 0 }
  for (let start = 0; start < 40; start++) {
    const { first, lost } = termStart(file, undefined, 0)
    file = { ...file, last: first + 5, lost }
  }
  t.equal(file.lost.length, 16)
  t.equal(file.lost[0]?.after, 0)
  t.equal(file.lost[0]?.until, 10 + 25 * jump + 24 * 5)
  t.equal(file.lost.at(-1)?.until, file.last - 5)
  t.end()
})

t.test('a clean restart: cursors of before are good, what lies above is lost, instances keep their revisions', async (t) => {
  const directory = directoryOf(t)
  const one = await open(t, directory)
  await one.store.grant(life('shop/orders/a'))
  await one.store.grant(life('shop/orders/b'))
  await one.store.close()
  const two = await open(t, directory)
  t.equal(two.follower.epoch, one.follower.epoch)
  t.ok(two.follower.revision >= 2 + jump)
  t.notOk(isLost(two.follower, 2))
  t.ok(isLost(two.follower, 3))
  t.equal(two.follower.instances.get('shop/orders/a')?.shownRevision, 1)
  t.equal(two.follower.floors.instances, 0)
  t.equal(two.follower.floors.derived, two.follower.revision)
  const { revision } = await two.store.grant(life('shop/orders/c'))
  t.equal(revision, two.follower.floors.derived + 1)
})

t.test('a file that was copied while the server was stopped, put back later, gives no revision twice', async (t) => {
  const directory = directoryOf(t)
  const file = join(directory, 'rollcall.db')
  const one = await open(t, directory)
  for (let index = 0; index < 20; index++) await one.store.grant(life(`shop/orders/${index}`))
  await one.store.close()
  copyFileSync(file, `${file}.backup`)
  const given = new Set<number>()
  let told = 0
  for (let start = 0; start < 3; start++) {
    const { store, follower } = await open(t, directory)
    for (let index = 0; index < 50; index++) given.add((await store.grant(life(`shop/carts/${index}`))).revision)
    told = follower.revision
    await store.close()
  }
  copyFileSync(`${file}.backup`, file)
  const again = await open(t, directory)
  t.equal(again.follower.epoch, one.follower.epoch)
  t.equal(again.follower.instances.size, 20)
  t.ok(again.follower.revision > told, `${again.follower.revision} is above ${told}`)
  t.notOk([...given].some((revision) => !isLost(again.follower, revision)), 'every cursor of what is gone is lost')
  t.notOk(isLost(again.follower, 20))
  t.ok(again.follower.floors.instances > told, 'an instance may have been told at a later revision than its record has')
  for (let index = 0; index < 50; index++) t.notOk(given.has((await again.store.grant(life(`shop/carts/${index}`))).revision))
})

t.test('a copy of the whole directory that is started later begins above the one that went on', async (t) => {
  const directory = directoryOf(t)
  let nowMs = 1_000_000
  const now = (): number => nowMs
  const one = await open(t, directory, { now })
  await one.store.grant(life('shop/orders/a'))
  await one.store.close()
  const copy = directoryOf(t)
  cpSync(directory, copy, { recursive: true })
  nowMs += 5_000
  const two = await open(t, directory, { now })
  for (let index = 0; index < 200; index++) await two.store.grant(life(`shop/orders/${index}`))
  nowMs += 5_000
  const other = await open(t, copy, { now })
  t.ok(other.follower.revision > two.follower.revision)
  t.ok(isLost(other.follower, two.follower.revision))
})

t.test('a file whose log is missing though it was not closed cleanly is refused, and opened with the flag', async (t) => {
  const directory = directoryOf(t)
  const file = join(directory, 'rollcall.db')
  const one = await open(t, directory)
  await one.store.grant(life('shop/orders/a'))
  await one.store.close()
  const running = await open(t, directory)
  for (let index = 0; index < 5; index++) await running.store.grant(life(`shop/carts/${index}`))
  const { revision } = running.follower
  const alone = directoryOf(t) // as `cp rollcall.db` does while a server runs
  copyFileSync(file, join(alone, 'rollcall.db'))
  await t.rejects(createSqliteStore({ directory: alone, now: Date.now }).open(new Follower()), {
    code: 'REG_STORE_UNAVAILABLE', message: /was not closed cleanly and its log .*rollcall\.db-wal is missing.*--accept-missing-log/
  })
  t.notOk(existsSync(join(alone, 'rollcall.db-wal')), 'it is left as it is')
  const opened = await open(t, alone, { acceptMissingLog: true })
  t.equal(opened.follower.instances.size, 1)
  t.ok(opened.follower.revision > revision)
  t.ok(isLost(opened.follower, revision))
  await opened.store.close()
  const again = await open(t, alone)
  t.equal(again.follower.instances.size, 1, 'closed cleanly, it needs no flag')
})

t.test('a new registry whose file is copied while it runs is no empty one', async (t) => {
  const directory = directoryOf(t)
  const { store } = await open(t, directory)
  await store.grant(life('shop/orders/a'))
  const alone = directoryOf(t)
  copyFileSync(join(directory, 'rollcall.db'), join(alone, 'rollcall.db'))
  await t.rejects(createSqliteStore({ directory: alone, now: Date.now }).open(new Follower()), { code: 'REG_STORE_UNAVAILABLE', message: /is missing/ })
})

t.test('a damaged end of the log loses its revisions for good', async (t) => {
  const directory = directoryOf(t)
  const running = await open(t, directory)
  await running.store.grant(life('shop/orders/a'))
  const before = readFileSync(join(directory, 'rollcall.db-wal')).length
  const { revision } = await running.store.grant(life('shop/orders/b'))
  const killed = directoryOf(t)
  for (const name of ['rollcall.db', 'rollcall.db-wal', 'rollcall.revision']) copyFileSync(join(directory, name), join(killed, name))
  const log = readFileSync(join(killed, 'rollcall.db-wal'))
  log.fill(0xa5, before)
  writeFileSync(join(killed, 'rollcall.db-wal'), log)
  const { follower } = await open(t, killed)
  t.same([...follower.instances.keys()], ['shop/orders/a'])
  t.ok(follower.revision > revision)
  t.ok(isLost(follower, revision))
})

t.test('a flipped bit in a stored body is noticed: the record has a fault, the others are well', async (t) => {
  const directory = directoryOf(t)
  const one = await open(t, directory)
  await one.store.grant(life('shop/orders/a', { body: '{"address":"192.0.2.1"}' }))
  await one.store.grant(life('shop/orders/b'))
  await one.store.commit([{ type: 'put', key: 'override/shop/orders/b', body: '{"weight":7}', endsAtMs: 0, reason: 'override' }], 'tester')
  await one.store.close()
  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  db.exec(`UPDATE instances SET body = '{"address":"192.0.2.9"}' WHERE key = 'shop/orders/a'; UPDATE objects SET body = '{"weight":6}'`)
  db.close()
  const { store, follower } = await open(t, directory)
  t.match(follower.instances.get('shop/orders/a')?.fault, /checksum/)
  t.match(follower.objects.get('override/shop/orders/b')?.fault, /checksum/)
  t.notOk('fault' in (follower.instances.get('shop/orders/b') ?? {}))
  t.match(await store.grant(life('shop/orders/a')), { outcome: 'created' }, 'its owner registers again')
  const write = { type: 'put', key: 'override/shop/orders/b', body: '{}', endsAtMs: 0, reason: 'override', expected: 0 } as const
  t.match(await store.commit([write], 'tester'), { outcome: 'committed' })
  await store.close()
  const mended = await open(t, directory)
  t.same([...mended.follower.instances.values(), ...mended.follower.objects.values()].filter((record) => 'fault' in record), [])
})

t.test('a record with a fault is in no answer, and operators see it', async (t) => {
  const directory = directoryOf(t)
  const registry = async (): Promise<Registry> => {
    const made = new Registry({ store: createSqliteStore({ directory, now: Date.now }) })
    t.teardown(() => made.close())
    await made.open()
    return made
  }
  const first = await registry()
  for (const id of ['a', 'b']) await first.as(tester).register({ namespace: 'shop', service: 'orders', id }, { address: '10.0.0.1', ports: [{ port: 80 }] })
  await first.close()
  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  db.exec("UPDATE instances SET body = replace(body, '10.0.0.1', '10.0.0.9') WHERE key = 'shop/orders/a'")
  db.close()
  const second = await registry()
  t.same(second.catalog.endpoints('shop', 'orders')?.all.map(({ id }) => id), ['b'])
  t.match(second.unreadable.list(), [{ key: 'instance/shop/orders/a', reason: /checksum/ }])
  await second.as(tester).register({ namespace: 'shop', service: 'orders', id: 'a' }, { address: '10.0.0.1', ports: [{ port: 80 }] })
  t.same(second.catalog.endpoints('shop', 'orders')?.all.map(({ id }) => id), ['a', 'b'])
  t.same(second.unreadable.list(), [])
})

t.test('a file of the schema before is brought forward', async (t) => {
  const directory = directoryOf(t)
  const one = await open(t, directory)
  await one.store.grant(life('shop/orders/a'))
  await one.store.close()
  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  db.exec(`ALTER TABLE instances DROP COLUMN shown_revision; ALTER TABLE instances DROP COLUMN sum; ALTER TABLE objects DROP COLUMN sum;
    ALTER TABLE log DROP COLUMN sum; DELETE FROM meta WHERE name NOT IN ('schema', 'epoch'); UPDATE meta SET value = '1' WHERE name = 'schema'`)
  db.close()
  rmSync(join(directory, 'rollcall.revision'))
  const { store, follower } = await open(t, directory)
  t.equal(follower.instances.get('shop/orders/a')?.shownRevision, 1)
  t.equal(follower.epoch, one.follower.epoch)
  t.match(await store.grant(life('shop/orders/b')), { outcome: 'created' })
})

t.test('the log is kept to its size, too', async (t) => {
  const directory = directoryOf(t)
  const { store } = await open(t, directory, { maxLogBytes: 1_000_000 })
  const large = 'x'.repeat(16_000)
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 32 }, (_, index) => store.grant(life(`shop/orders/${index}`, { body: `{"round":${round},"text":"${large}"}` }))))
  }
  await store.close()
  const db = new DatabaseSync(join(directory, 'rollcall.db'))
  const { bytes, newest } = db.prepare('SELECT sum(length(body)) AS bytes, max(revision) AS newest FROM log').get() ?? {}
  db.close()
  t.ok(Number(bytes) > 400_000 && Number(bytes) <= 1_000_000, `${String(bytes)} octets`)
  t.equal(newest, 640)
})
