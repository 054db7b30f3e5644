// Symptom: the file was opened and closed to sync it when SQLite's log was folded. To close a file drops the locks that the process has
// on it (POSIX fcntl), so that a second server opened the file of the first one, and both wrote.
import { spawnSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import t from 'tap'
import { Fold } from '../../server/store/sqlite/fold.ts'
import { temporaryDirectory } from '../support/closable.ts'

/** What another process finds: SQLite's message, or "opened". */
function another (file: string): string {
  const program = `const { DatabaseSync } = require('node:sqlite')
    try { new DatabaseSync(${JSON.stringify(file)}).prepare('SELECT count(*) FROM a').get(); console.log('opened') } catch (error) { console.log(error.message) }`
  return spawnSync(process.execPath, ['-e', program], { encoding: 'utf8', env: {} }).stdout.trim()
}

t.test('the lock of the file outlives a fold, and ends with the database', async (t) => {
  const file = join(await temporaryDirectory(t), 'x.db')
  const db = new DatabaseSync(file)
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1)')
  t.match(another(file), /locked/)
  const fold = new Fold(db, file)
  await fold.run()
  await fold.run()
  t.match(another(file), /locked/, 'after a fold')
  db.close()
  await fold.close()
  await fold.close()
  t.equal(another(file), 'opened')
})
