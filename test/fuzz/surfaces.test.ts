// Every surface says what the model says: some seeds in every run, and one that is another each day. For longer: npm run
// test:fuzz.
import t from 'tap'
import { noRedis } from '../support/redis-server.ts'
import { type StoreKind } from './surfaces/generate.ts'
import { known } from './surfaces/known.ts'
import { report, runSeed, showsKnown, shrunk } from './surfaces/session.ts'
import { startRedis } from './surfaces/world.ts'
import { shortest } from './surfaces/shrink.ts'
import type { Operation } from './surfaces/operations.ts'

const length = 24
const dayMs = 86_400_000
/** A seed of the day; `npm run test:fuzz -- --seed N --length 24` runs it again. */
const today = 1_000 + Math.floor(Date.now() / dayMs)

async function agrees (
  t: { readonly comment: (text: string) => void, readonly ok: (is: boolean, says: string) => boolean }, seed: number,
  store: StoreKind, redis?: Awaited<ReturnType<typeof startRedis>>
): Promise<void> {
  const options = { store, redis, length }
  const result = await runSeed(seed, options)
  const { operations, compared, disagreements } = result
  t.comment(`seed ${seed} on ${store}: ${operations} operations, ${compared} comparisons, ${disagreements.length} disagreements`)
  const [disagreement] = result.disagreements
  if (disagreement === undefined) {
    t.ok(result.compared > 100, `seed ${seed} on ${store} agrees`)
    return
  }
  const shorter = await shrunk(result, disagreement, options)
  t.ok(false, report(seed, store, shorter.list, shorter.disagreement))
}

t.test('all surfaces of a node on SQLite agree with the model, through restarts', async (t) => {
  for (const seed of [4, today]) await agrees(t, seed, 'sqlite')
})

t.test('all surfaces of two nodes on one Redis agree with the model, through a new term', { skip: noRedis }, async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.dispose())
  for (const seed of [today]) await agrees(t, seed, 'redis', redis)
})

t.test('each known disagreement is still one: an entry that is not must be deleted', async (t) => {
  for (const entry of known) t.ok(await showsKnown(entry, entry.shows), `${entry.title} (issue ${entry.issue})`)
})

t.test('a list is shrunk to the operations that show the disagreement', async (t) => {
  const list: Operation[] = Array.from({ length: 40 }, (_, index) => ({ type: 'pass', ms: index }))
  const has = (found: readonly Operation[], ms: number): boolean => found.some(
    (operation) => operation.type === 'pass' && operation.ms === ms
  )
  t.strictSame(
    await shortest(list, async (found) => has(found, 3) && has(found, 31)),
    [{ type: 'pass', ms: 3 }, { type: 'pass', ms: 31 }]
  )
})
