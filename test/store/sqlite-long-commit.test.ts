// A commit of thousands of objects is one transaction, which leaves the loop to others; it is written as a whole or not at all.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Change, type ObjectWrite, type Snapshot, maxCommitWrites } from '../../server/store/store.ts'
import { createSqliteStore } from '../../server/store/sqlite/sqlite-store.ts'

async function opened (t: Test, { maxLogLength = 100_000 } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-long-commit-'))
  const told: Change[] = []
  let keys: string[] = []
  const open = async () => {
    const store = createSqliteStore({ directory, now: Date.now, maxLogLength })
    await store.open({
      load: (snapshot: Snapshot) => { keys = Array.from(snapshot.objects, ({ key }) => key) },
      passTerm: () => undefined, apply: (changes) => void told.push(...changes),
      health: () => undefined, heldInstances: () => [], heldObjects: () => [], endsSince: () => []
    })
    return store
  }
  const store = await open()
  t.teardown(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const stored = async (): Promise<readonly string[]> => {
    await store.close()
    await (await open()).close()
    return keys
  }
  return { store, told, stored }
}

function writes (count: number, name = 'thing'): ObjectWrite[] {
  return Array.from({ length: count }, (_none, index) => ({
    type: 'put', key: `service/shop/${name}-${index}`, body: JSON.stringify({ text: 'x'.repeat(300) }), endsAtMs: 0, reason: 'declared', expected: 0
  }))
}

/** How often the loop comes round until something is settled. */
async function roundsOf (work: Promise<unknown>): Promise<number> {
  let rounds = 0
  let isOver = false
  const count = (): void => {
    rounds++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await work.catch(() => undefined).finally(() => { isOver = true })
  return rounds
}

t.test('the loop comes round while the largest commit is written, and others wait for its end', async (t) => {
  const { store, told } = await opened(t)
  const order: string[] = []
  const long = store.commit(writes(maxCommitWrites), 'a').then(({ outcome }) => order.push(`long ${outcome}`))
  const short = store.commit(writes(1, 'short'), 'a').then(({ outcome }) => order.push(`short ${outcome}`))
  const copy = store.backup().then(({ content }) => content.resume())
  t.ok(await roundsOf(long) > 4)
  await Promise.all([short, copy])
  t.same(order, ['long committed', 'short committed'])
  t.same(told.map(({ revision }) => revision), Array.from({ length: maxCommitWrites + 1 }, (_none, index) => (told[0]?.revision ?? 0) + index))
})

t.test('what breaks an expectation is found before anything is written', async (t) => {
  const { store, told, stored } = await opened(t)
  await store.commit(writes(1, 'thing'), 'a')
  t.same(await store.commit(writes(2_000), 'a'), { outcome: 'conflict', failed: [0] })
  t.equal(told.length, 1)
  t.same(await stored(), ['service/shop/thing-0'])
})

t.test('a fault in the middle leaves nothing, and what waited is written', async (t) => {
  const { store, told, stored } = await opened(t)
  const [first, ...others] = writes(2_000)
  const broken = { ...first, key: 'service/shop/broken', body: 5n } as unknown as ObjectWrite // the column takes texts only
  const long = store.commit([...others, broken], 'a')
  const short = store.commit(writes(1, 'short'), 'a')
  await t.rejects(long, { code: 'REG_INTERNAL' })
  t.match(await short, { outcome: 'committed' })
  t.same(told.map((change) => 'object' in change && change.object.key), ['service/shop/short-0'])
  t.same(await stored(), ['service/shop/short-0'])
})

t.test('closing waits for a commit that has begun', async (t) => {
  const { store, stored } = await opened(t)
  const long = store.commit(writes(2_000), 'a')
  await new Promise((resolve) => { setImmediate(resolve) })
  const keys = await stored()
  t.match(await long, { outcome: 'committed' })
  t.equal(keys.length, 2_000)
})

t.test('the log of the file is no longer after it than it may be', async (t) => {
  const { store, told } = await opened(t, { maxLogLength: 1_000 })
  for (const name of ['a', 'b', 'c']) await store.commit(writes(1_500, name), 'a')
  t.equal(told.length, 4_500)
  let recent: readonly unknown[] = []
  await store.close()
  const again = createSqliteStore({ directory: store.location.replace(/\/[^/]*$/, ''), now: Date.now, maxLogLength: 1_000 })
  await again.open({
    load: (snapshot: Snapshot) => { recent = snapshot.recent },
    passTerm: () => undefined, apply: () => undefined, health: () => undefined, heldInstances: () => [], heldObjects: () => [], endsSince: () => []
  })
  await again.close()
  t.ok(recent.length >= 1_000 && recent.length < 1_200, `${recent.length} entries`)
})
