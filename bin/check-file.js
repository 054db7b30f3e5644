// The program of the thread in which SQLite looks at a whole file (server/store/sqlite/file-check.ts). It tells its verdict, or its error, when
// the file is closed: closing it drops all locks that the process has on it (POSIX fcntl), also those of who opens it next.
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

parentPort.postMessage(look(workerData))

function look (file) {
  let db
  try {
    db = new DatabaseSync(file, { readOnly: true })
    return { verdict: String(db.prepare('PRAGMA quick_check(1)').get()?.quick_check) }
  } catch (error) {
    return { message: error.message, errcode: error.errcode }
  } finally {
    db?.close()
  }
}
