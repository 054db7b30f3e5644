// Acknowledged is on disk: a process of its own writes and is killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { RecordingFollower } from '../support/recording-follower.ts'
import { openSqliteHarness } from './sqlite-harness.ts'

const rounds = 6

function startWriter (directory: string, round: number) {
  const script = join(import.meta.dirname, 'sqlite-writer.ts')
  return spawn(process.execPath, ['--conditions=rollcall-source', script, directory, String(round)], { stdio: ['ignore', 'pipe', 'pipe'] })
}

t.test('kill -9 in the middle of writes loses no acknowledged one', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const acknowledged = new Map<string, string>()
  const ended = new Set<string>()
  let revision = 0
  for (let round = 0; round < rounds; round += 1) {
    const enough = 20 + Math.floor(Math.random() * 1_500)
    const writer = startWriter(harness.directory, round)
    const exit = once(writer, 'exit')
    let seen = 0
    for await (const line of createInterface({ input: writer.stdout })) {
      const [sign = '', key = '', lease = ''] = line.split(' ')
      if (sign === '+') acknowledged.set(lease, key)
      if (sign === '-') ended.add(lease)
      seen += 1
      if (seen === enough) writer.kill('SIGKILL')
    }
    t.same((await exit)[1], 'SIGKILL', `round ${round}: killed after ${enough} answers`)

    const follower = new RecordingFollower()
    const store = harness.node()
    await store.open(follower)
    const found = new Map([...follower.instances.values()].map(({ lease, key }) => [lease, key]))
    const lost = [...acknowledged].filter(([lease, key]) => !ended.has(lease) && found.get(lease) !== key)
    // One per writer may have been on its way: written, and not answered, or answered as registered and deregistered since.
    const underWay = lost.filter(([lease]) => Number(lease.split('.')[2]) % 5 === 4)
    t.same(lost.filter((each) => !underWay.includes(each)), [], `round ${round}: no registration is missing`)
    t.ok(underWay.length <= 8 * (round + 1), `round ${round}: only deregistrations that were under way took any`)
    t.same([...ended].filter((lease) => found.has(lease)), [], `round ${round}: no deregistered one came back`)
    t.ok(follower.revision > revision && follower.faults.length === 0, `round ${round}: the log is dense and goes on`)
    revision = follower.revision
    await store.close()
  }
  t.ok(acknowledged.size > rounds * 10)
})

t.test('a damaged file is left as it is together with the log that a killed process left beside it', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const file = join(harness.directory, 'rollcall.db')
  for (let round = 0; round < 2; round += 1) {
    const writer = startWriter(harness.directory, round)
    const exit = once(writer, 'exit')
    let seen = 0
    for await (const chunk of writer.stdout) {
      seen += String(chunk).length
      if (seen > 50_000) writer.kill('SIGKILL')
    }
    await exit
    // Opening and closing folds the first round's log into the file: there is something to damage.
    if (round > 0) continue
    const store = harness.node()
    await store.open(new RecordingFollower())
    await store.close()
  }
  const bytes = readFileSync(file)
  const pageSize = 4_096
  bytes.fill(0xa5, pageSize * 3)
  writeFileSync(file, bytes)
  const log = readFileSync(`${file}-wal`)
  t.ok(log.length > 0)
  await t.rejects(harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /is damaged/ })
  t.ok(readFileSync(file).equals(bytes), 'the file is as it was')
  t.ok(readFileSync(`${file}-wal`).equals(log), 'its log is as it was')
})

t.test('a second server on the same file is refused with a sentence', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const store = harness.node()
  await store.open(new RecordingFollower())
  const second = startWriter(harness.directory, 0)
  const exit = once(second, 'exit')
  let complaint = ''
  for await (const chunk of second.stderr) complaint += String(chunk)
  t.same((await exit)[0], 1)
  t.match(complaint, /rollcall\.db is in use by another server/)
  await t.rejects(harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /in use by another server/ })
  t.match(await store.grant({ key: 'a/b/c', lease: 'l', generation: 'g', newGeneration: 'g', ttlMs: 1_000, body: '{}', by: 'x' }), { outcome: 'created' })
  await store.close()
})

t.test('a process that writes nothing holds its lock too, until it is killed', async (t) => {
  const harness = openSqliteHarness()
  t.teardown(() => harness.dispose())
  const writer = startWriter(harness.directory, 0)
  const exit = once(writer, 'exit')
  await once(createInterface({ input: writer.stdout }), 'line')
  await t.rejects(harness.node().open(new RecordingFollower()), { code: 'REG_STORE_UNAVAILABLE', message: /in use/ })
  writer.kill('SIGKILL')
  await exit
  const store = harness.node()
  await t.resolves(store.open(new RecordingFollower()))
  await store.close()
})
