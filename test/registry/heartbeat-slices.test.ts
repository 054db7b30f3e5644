// Thousands of heartbeats in one call are taken in slices: others have their turn between them.
import t from 'tap'
import { world } from '../support/world.ts'

t.test('many heartbeats are taken in slices, and answered as one', async (t) => {
  const { access, register } = await world(t)
  for (const id of ['a', 'b', 'c']) await register(id, { address: '10.0.0.1', generation: `g-${id}` })
  const lease = (id: string, generation?: string) => ({ namespace: 'shop', service: 'orders', id, ...(generation === undefined ? {} : { generation }) })
  const leases = Array.from({ length: 1_800 }, (_, n) => {
    if (n === 7) return lease('none')
    if (n === 1_790) return lease('c', 'another')
    return lease(['a', 'b', 'c'][n % 3] ?? 'a')
  })
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const answer = await access.heartbeat(leases)
  isOver = true
  t.same(answer, { renewed: 1_798, unknown: [lease('none')], superseded: [lease('c', 'another')], stored: true })
  t.ok(turns >= 4, `${turns} turns of the loop`)
})

t.test('a load that breaks its rule is refused by its place before anything is renewed', async (t) => {
  const { access, register } = await world(t)
  await register('a')
  const leases = Array.from({ length: 1_200 }, (_, n) => ({ namespace: 'shop', service: 'orders', id: 'a', ...(n === 1_100 ? { load: { '': { value: 1 } } } : {}) }))
  await t.rejects(access.heartbeat(leases), { code: 'REG_INVALID', errors: [{ field: /^leases\[1100\]\.load/ }] })
})
