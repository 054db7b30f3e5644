// Symptom: SQLite folded its log into the file within a commit and synced the file there: on a busy disk, lists and heartbeats of all
// waited for up to 1.5 s.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { Fold, foldPages } from '../../server/store/sqlite/fold.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'

const pageBytes = 2_048

t.test('the log is folded long before SQLite would do it, and all that was written is there', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-fold-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const open = async (): Promise<{ store: ReturnType<typeof createSqliteStore>, bodies: () => Map<string, string> }> => {
    const store = createSqliteStore({ directory, now: Date.now })
    let bodies = new Map<string, string>()
    await store.open({
      load: ({ instances }) => { bodies = new Map(Array.from(instances, ({ key, body }) => [key, body])) },
      passTerm: () => undefined, apply: () => undefined, health: () => undefined, heldInstances: () => [], heldObjects: () => [], endsSince: () => []
    })
    return { store, bodies: () => bodies }
  }
  const { store } = await open()
  const largest = { log: 0 }
  for (let round = 0; round < 120; round++) {
    await Promise.all(Array.from({ length: 32 }, (_none, index) => store.grant({
      key: `shop/orders/${index}`, lease: `l${index}`, ttlMs: 30_000, generation: 'g', newGeneration: 'g', by: 'a', body: JSON.stringify({ round, text: 'x'.repeat(16_000) })
    })))
    largest.log = Math.max(largest.log, statSync(`${store.location}-wal`).size)
  }
  t.ok(largest.log < 2 * foldPages * pageBytes, `the log had ${largest.log} octets at most, of ${2 * 120 * 32 * 16_000} that were written`)
  await store.close()
  const again = await open()
  t.equal(again.bodies().size, 32)
  t.ok([...again.bodies().values()].every((body) => (JSON.parse(body) as { round: number }).round === 119))
  await again.store.close()
})

t.test('a fold needs nothing but that the file can be synced, and leaves SQLite\'s own care for the disk as it was', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-fold-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'x.db')
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE a (b)')
  const fold = new Fold(db, file)
  t.notOk(fold.isDue)
  fold.wrote(100, 64 * 1024 * 1024)
  t.ok(fold.isDue)
  await fold.run()
  t.notOk(fold.isDue)
  t.equal(db.prepare('PRAGMA synchronous').get()?.synchronous, 1)
  db.close()
  await fold.close()
  t.notOk(new Fold(db, ':memory:').isDue)
  await t.rejects(async () => new Fold(new DatabaseSync(':memory:'), join(directory, 'none', 'x')).run(), { code: 'ENOENT' })
})
