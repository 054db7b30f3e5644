// SIGTERM between "store opened" and "ready" ended the process without closing the store: its file counted as not closed
// cleanly, and a copy of it without the -wal was refused.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { run } from '../support/processes.ts'
import { temporaryDirectory } from '../support/closable.ts'

t.test('a node that is ended while it starts closes its store', async (t) => {
  const data = await temporaryDirectory(t)
  const node = run(t, 'bin/rollcall.js', ['serve', '--http', '127.0.0.1:0', '--dns', '127.0.0.1:0', '--dns-workers', '4', '--data', data])
  await node.line(/"store opened"/)
  t.equal(await node.end('SIGTERM'), 0)
  await node.line(/"stopped"/)
  t.notOk(readdirSync(data).includes('rollcall.db-wal'))
  const file = new DatabaseSync(join(data, 'rollcall.db'), { readOnly: true })
  t.match(file.prepare('SELECT value FROM meta WHERE name = ?').get('closed'), { value: '1' })
  file.close()
})
