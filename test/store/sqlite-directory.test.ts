// The data directory: its owner, and the error when it cannot be used.
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openToOthers } from '../../server/store/sqlite/directory.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

t.test('directory and files are the owner\'s alone, whatever the umask', async (t) => {
  for (const umask of [0o000, 0o022, 0o077, 0o777]) {
    const directory = join(t.testdir(), 'deep', String(umask))
    mkdirSync(join(directory, '..'), { recursive: true })
    const before = process.umask(umask)
    const store = createSqliteStore({ directory: join(directory, 'data'), now: Date.now })
    try {
      await store.open(new RecordingFollower())
      await store.grant({ key: 'a/b/c', lease: 'l', generation: 'g', newGeneration: 'g', ttlMs: 1_000, body: '{}', by: 'x' })
    } finally {
      process.umask(before)
    }
    const file = join(directory, 'data', 'rollcall.db')
    t.same([directory, join(directory, 'data'), file, `${file}-wal`].map(modeOf), ['700', '700', '600', '600'], umask.toString(8))
    t.same(openToOthers(join(directory, 'data'), file), [])
    await store.close()
  }
})

t.test('files that exist keep their mode, and a wide one gives a warning', async (t) => {
  const directory = t.testdir({ data: { 'rollcall.db': '' } })
  const [data, file] = [join(directory, 'data'), join(directory, 'data', 'rollcall.db')]
  chmodSync(data, 0o755)
  chmodSync(file, 0o640)
  const store = createSqliteStore({ directory: data, now: Date.now })
  await store.open(new RecordingFollower())
  await store.close()
  t.same([modeOf(data), modeOf(file)], ['755', '640'])
  t.same(openToOthers(data, file), [
    `${data} is open to other users of this machine (mode 0755): chmod 0700 ${data}`, `${file} is open to other users of this machine (mode 0640): chmod 0600 ${file}`
  ])
})

t.test('a directory that cannot be used is named, with the reason', async (t) => {
  const home = t.testdir()
  writeFileSync(join(home, 'file'), '')
  symlinkSync(join(home, 'loop'), join(home, 'loop'))
  symlinkSync(join(home, 'nowhere'), join(home, 'dangling'))
  const table: [path: string, says: RegExp][] = [
    ['/proc/nope', /\/proc\/nope cannot be made: \/proc takes no new names\..*\(ENOENT\)/],
    ['/proc/self/a/b', /\/proc\/self\/a cannot be made/],
    ['/dev/null/data', /\/dev\/null\/data cannot be made: a part of its path is a file/],
    [join(home, 'file'), /file is no directory/],
    [join(home, 'file', 'a', 'b'), /a part of its path is a file/],
    [join(home, 'loop'), /its links lead in a circle.*\(ELOOP\)/],
    [join(home, 'dangling'), /something that is no directory has its name/],
    [join(home, 'x'.repeat(300)), /its name is too long.*\(ENAMETOOLONG\)/]
  ]
  for (const [path, message] of table) {
    const store = createSqliteStore({ directory: path, now: Date.now })
    await t.rejects(store.open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message }, path)
  }
})
