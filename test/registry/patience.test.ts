// Rule: a command whose thing others write meanwhile is decided again for some time, and some times in any case.
import t from 'tap'
import { certain, leastDecisions, outdated, patienceMs } from '../../server/registry/commands/certain.ts'

t.test('a slow store does not use up the patience before others were met often enough', async (t) => {
  let nowMs = 0
  const parts = { store: { sync: async () => undefined }, clock: { now: () => nowMs } }
  const writes = (succeedsAt: number) => {
    let attempt = 0
    return certain(parts, () => ({
      write: async () => {
        attempt += 1
        nowMs += patienceMs // each takes as long as most callers wait
        return attempt === succeedsAt ? attempt : outdated
      }
    }))
  }
  t.equal(await writes(leastDecisions), leastDecisions)
  await t.rejects(writes(leastDecisions + 1), { code: 'REG_CONFLICT' })
})
