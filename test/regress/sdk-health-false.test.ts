// health: () => false left the status `up`: it failed open.
import t from 'tap'
import { setting } from '../client-sdk/helpers.ts'

t.test('an instance that says false is down', async (t) => {
  const { registry, clock, rollcall } = setting(t)
  await rollcall.register({ service: 'orders', id: 'o-1', health: () => false })
  await clock.advance(6_000)
  t.match(registry.instances, [{ status: 'down', conditions: { ready: false } }])
})
