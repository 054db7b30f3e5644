// A large file is looked at by a thread, while the loop goes on; what it finds is refused like what is found here.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { smallBytes } from '../../server/store/sqlite/file-check.ts'
import { RecordingFollower } from '../support/recording-follower.ts'
import { Keyspace } from './keyspace.ts'
import { openSqliteHarness } from './sqlite-harness.ts'

/** A closed file that is larger than what is looked at here. */
async function largeFile (t: { teardown (act: () => Promise<void>): void }) {
  const harness = openSqliteHarness()
  const world = new Keyspace(harness)
  t.teardown(async () => {
    await world.closeNodes()
    await harness.dispose()
  })
  const { store } = await world.join()
  const body = `{"address":"192.0.2.1","metadata":{"text":"${'x'.repeat(60_000)}"}}`
  for (let n = 0; n < 80; n++) await store.grant(world.grantOf(`shop/orders/id${n}`, { body }))
  await world.closeNodes()
  const file = join(harness.directory, 'rollcall.db')
  return { harness, world, file }
}

t.test('the loop goes round while a large file is looked at, and what it holds is there after that', async (t) => {
  const { world, file } = await largeFile(t)
  t.ok(statSync(file).size > smallBytes)
  const opening = world.join()
  let isOpen = false
  void opening.then(() => { isOpen = true })
  let rounds = 0
  while (!isOpen) {
    rounds++
    await setImmediate()
  }
  t.ok(rounds > 10, `${rounds} rounds`)
  t.equal(world.follower.instances.size, 80)
  const second = world.harness.node()
  await t.rejects(second.open(new RecordingFollower()), { message: /in use by another server/ }, 'the lock was not lost to the thread that looked')
  t.match(await world.store.grant(world.grantOf('shop/orders/new')), { outcome: 'created' })
})

t.test('a large file that is damaged is refused and left as it is', async (t) => {
  const { world, file } = await largeFile(t)
  const bytes = readFileSync(file)
  bytes.fill(0xa5, 2_048 * 100, 2_048 * 900)
  writeFileSync(file, bytes)
  await t.rejects(world.harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /is damaged \(.+\); it was left as it is/ })
  t.ok(readFileSync(file).equals(bytes))
})

t.test('a large file that is no database is refused', async (t) => {
  const { world, file } = await largeFile(t)
  writeFileSync(file, Buffer.alloc(smallBytes + 1, 'no database '))
  await t.rejects(world.harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /damaged/ })
})

t.test('a store that is closed while its file is looked at lets go of it', async (t) => {
  const { world } = await largeFile(t)
  const store = world.harness.node()
  const opening = store.open(new RecordingFollower())
  await store.close()
  await t.rejects(opening, { code: 'REG_STORE_UNAVAILABLE', message: /is closed/ })
  await world.join()
  t.equal(world.follower.instances.size, 80)
})
