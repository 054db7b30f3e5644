// A process of its own that writes to the store in a directory and prints what was acknowledged, until it is killed.
// Lines: `+ key lease` registered, `- key lease` deregistered.
import { writeSync } from 'node:fs'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'
import { RecordingFollower } from '../support/recording-follower.ts'

const directory = process.argv[2] ?? ''
const round = process.argv[3] ?? '0'
const writers = 8
const stdout = 1

const store = createSqliteStore({ directory, now: Date.now })
try {
  await store.open(new RecordingFollower())
  writeSync(stdout, 'open\n')
  await Promise.all(Array.from({ length: writers }, (_, index) => write(`writer${index}`)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function write (by: string): Promise<never> {
  for (let count = 0; ; count += 1) {
    const key = `shop/orders/${by}-${round}-${count}`
    const lease = `${by}.${round}.${count}`
    await store.grant({ key, lease, generation: undefined, newGeneration: 'g', ttlMs: 15_000, body: JSON.stringify({ by, count }), by })
    // Synchronously: what is not printed was not acknowledged, what is printed was.
    writeSync(stdout, `+ ${key} ${lease}\n`)
    if (count % 5 !== 4) continue
    await store.revoke([lease], by)
    writeSync(stdout, `- ${key} ${lease}\n`)
  }
}
