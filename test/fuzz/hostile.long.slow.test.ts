// Nodes with little memory live, and honest clients are served, while all doors are attacked. For longer: npm run test:hostile.
import t from 'tap'
import { noRedis } from '../support/redis-server.ts'
import { isWell, printed } from './hostile/report.ts'
import { runHostile } from './hostile/run.ts'

/** A twentieth of what is large at full size: a short run is about all kinds, not about much. */
const size = 0.05

t.test('attacks on all doors beside honest clients', { timeout: 110_000 }, async (t) => {
  const report = await runHostile({
    stores: noRedis === false ? ['sqlite', 'redis'] : ['sqlite'], seed: 1, clients: 8, lanes: 3, size, only: undefined, pauseMs: 20, count: 6, calmMs: 1,
    end: new AbortController().signal
  })
  for (const { store, honest, attacks } of report.sessions) {
    const attacked = Object.values(attacks.attacks).reduce((sum, count) => sum + count, 0)
    t.equal(attacked, 18, `${store}: all attacks ran`)
    t.ok((honest.lines.list?.made ?? 0) > 0 && (honest.lines.news?.made ?? 0) > 0, `${store}: honest clients were there`)
  }
  t.ok(isWell(report), isWell(report) ? 'no honest request failed, no node ended' : printed(report, { minutes: 0, seed: 1 }))
})
