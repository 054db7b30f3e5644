// Symptom: one apply of 2,400 services held the loop of the node for 55-145 ms in one turn: transaction, log and watchers in one go.
// Everybody's requests and DNS waited for it.
import t from 'tap'
import { Feed } from '../../server/registry/feed/feed.ts'
import type { Change } from '../../server/store/store.ts'

function changes (count: number): Change[] {
  return Array.from({ length: count }, (_none, index) => ({
    type: 'put-object', revision: index + 1, atMs: 1, by: 'a', reason: 'declared',
    object: { key: `claim/port/${index}`, createdRevision: index + 1, revision: index + 1, createdAtMs: 1, updatedAtMs: 1, endsAtMs: 0, body: '{"namespace":"shop","service":"a"}' }
  }))
}

t.test('thousands of changes are taken in slices, and the view stands at one of their revisions between', async (t) => {
  const feed = new Feed({ now: () => 1 })
  await feed.load({ epoch: 'e', revision: 0, instances: [], objects: [], recent: [], lost: [] })
  const applied: number[] = []
  let told = 0
  feed.listen({ changed: () => { told++ }, applied: () => { applied.push(feed.revision) } })
  let isOver = false
  const turns: { readonly revision: number, readonly told: number }[] = []
  const look = (): void => {
    turns.push({ revision: feed.revision, told })
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  await feed.apply(changes(50_000))
  isOver = true
  t.ok(turns.length > 2, `${turns.length} turns of the loop`)
  t.ok(turns.every((turn) => turn.told === turn.revision), 'listeners know what the view knows')
  t.equal(feed.revision, 50_000)
  t.same(applied, [...applied].sort((a, b) => a - b))
  t.equal(applied.at(-1), 50_000)
})
