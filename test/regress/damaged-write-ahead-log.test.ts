// A bit of the -wal had flipped while the node was down: it started with half of the instances, and said nothing.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { logDamage } from '../../server/store/sqlite/log-damage.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'
import { life } from '../support/redis-nodes.ts'

const nowMs = 1_800_000_000_000

function directoryOf (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-wal-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function opened (t: Test, directory: string) {
  const told: string[] = []
  const logger = { info: () => undefined, error: (_details: object, message: string) => { told.push(message) } }
  const follower = new RecordingFollower()
  const store = createSqliteStore({ directory, now: () => nowMs, logger })
  t.teardown(() => store.close())
  await store.open(follower)
  return { store, follower, told }
}

/** What a kill leaves of a store with four instances: a copy of its directory while it runs. */
async function killed (t: Test): Promise<string> {
  const [running, left] = [directoryOf(t), directoryOf(t)]
  const { store } = await opened(t, running)
  for (const id of ['a', 'b', 'c', 'd']) await store.grant(life(`shop/orders/${id}`))
  cpSync(running, left, { recursive: true })
  return left
}

t.test('a bit that has flipped in the log is told with what is lost, and the log is kept', async (t) => {
  const directory = await killed(t)
  const path = join(directory, 'rollcall.db-wal')
  const log = readFileSync(path)
  const place = Math.floor(log.length * 2 / 3)
  log[place] = (log[place] ?? 0) ^ 1
  writeFileSync(path, log)
  const { follower, told } = await opened(t, directory)
  t.ok(follower.instances.size < 4)
  t.equal(told.length, 1)
  t.match(told[0], /rollcall\.db-wal is damaged: \d+ of its \d+ pages cannot be read.* kept as .*\.damaged-1800000000000/)
  t.same(readFileSync(join(directory, `rollcall.db-wal.damaged-${nowMs}`)), log)
})

t.test('what a kill leaves is no damage', async (t) => {
  const directory = await killed(t)
  const { follower, told } = await opened(t, directory)
  t.equal(follower.instances.size, 4)
  t.same(told, [])
  t.same(readdirSync(directory).filter((name) => name.includes('damaged')), [])
})

t.test('each octet that matters is found, and pages of a log of before are none of this one', async (t) => {
  const directory = await killed(t)
  const log = readFileSync(join(directory, 'rollcall.db-wal'))
  t.equal(logDamage(log), undefined)
  t.equal(logDamage(Buffer.alloc(0)), undefined)
  const page = log.readUInt32BE(8) + 24
  for (const place of [0, 9, 17, 25, 32, 33 + 8, 32 + 17, 32 + 24, 32 + page - 1, 32 + page * 3 + 100]) {
    const flipped = Buffer.from(log)
    flipped[place] = (flipped[place] ?? 0) ^ 0x40
    t.match(logDamage(flipped), { lost: Number }, `octet ${place}`)
  }
  t.same(logDamage(log.subarray(0, log.length - 10)), undefined, 'a page that was not written whole is what a kill leaves')
  const before = Buffer.concat([log, log.subarray(32, 32 + page)])
  before.writeUInt32BE(1, log.length + 8)
  t.equal(logDamage(before), undefined, 'other salts')
})
